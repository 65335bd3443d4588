//! `carillon-loadtest`: the commands.

use carillon_loadtest::impair::{Answer, Command, Proxy, Remote};
use clap::{Parser, Subcommand};
use std::io::{self, BufRead, Write};

/// Bad networks for real programs.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Stand between UDP clients and a server and impair what passes
    ///
    /// Reads one JSON command a line and answers each with one line; ends with its input. Example:
    ///
    /// {"open": {"name": "alice", "target": "127.0.0.1:7882", "weather": {"up": {"loss": 30, "delay_ms": 20}}}}
    ///
    /// Others: {"set": {"name": …, "weather": {"up": {…}, "down": {…}}}}, {"counters": {"name": …}}. A direction has
    /// loss, burst, delay_ms, jitter_ms, reorder, dup, kbps, queue_ms, outage_every_ms, outage_ms, rtp_only.
    #[command(verbatim_doc_comment)]
    Proxy,
}

fn main() -> io::Result<()> {
    match Arguments::parse().command {
        Task::Proxy => proxy(),
    }
}

fn proxy() -> io::Result<()> {
    let (proxy, remote) = Proxy::new()?;
    let running = std::thread::spawn(move || proxy.run());
    for line in io::stdin().lock().lines() {
        let mut answer = serde_json::to_vec(&obey(&remote, &line?))?;
        answer.push(b'\n');
        let mut out = io::stdout().lock();
        out.write_all(&answer)?;
        out.flush()?;
    }
    drop(remote);
    running.join().map_err(|_| io::Error::other("the proxy's thread has failed"))?
}

fn obey(remote: &Remote, line: &str) -> Answer {
    match serde_json::from_str::<Command>(line) {
        Ok(command) => remote.ask(command),
        Err(error) => Answer::Error(format!("not a command: {error}")),
    }
}
