//! `carillon-loadtest`: the commands.

use carillon_loadtest::impair::{Answer, Command, Proxy, Remote};
use carillon_loadtest::rtmp::{Bare, Clip, Comparison, Load, Report};
use clap::{Args, Parser, Subcommand};
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Bad networks for real programs, and audiences for an RTMP server.
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
    /// Publish a clip over RTMP and play it over RTMP or HTTP-FLV, and say what came out
    ///
    /// In addresses {n} stands for the number of the publisher or player; @file names a file with an address for each in
    /// a line. Players of raw://host:port take bytes and look at none, for the floor.
    Rtmp(RtmpLoad),
    /// Write one stream's bytes to everybody who connects, and do nothing else: the floor
    Bare {
        /// FLV with AVC and AAC
        #[arg(long)]
        clip: PathBuf,
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Put reports of `rtmp --json` side by side, as `nginx-rtmp=a.json bare=b.json carillon=c.json`
    RtmpTable { files: Vec<String> },
}

#[derive(Debug, Args)]
struct RtmpLoad {
    /// FLV with AVC and AAC, published over and over in real time
    #[arg(long)]
    clip: PathBuf,
    #[arg(long)]
    publish: Option<String>,
    #[arg(long, default_value_t = 1)]
    publishers: usize,
    #[arg(long)]
    play: Option<String>,
    #[arg(long, default_value_t = 1)]
    players: usize,
    /// New connections per second
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Seconds between the last connection and what is counted
    #[arg(long, default_value_t = 2.0)]
    settle: f64,
    /// Seconds that are counted
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Process id of the server, whose processor time and memory are read
    #[arg(long)]
    server: Option<u32>,
    #[arg(long)]
    json: bool,
}

impl RtmpLoad {
    fn run(&self) -> io::Result<()> {
        let report = Load {
            clip: Clip::read(&self.clip)?,
            publish: addresses(self.publish.as_deref(), self.publishers)?,
            play: addresses(self.play.as_deref(), self.players)?,
            rate: self.rate,
            settle: Duration::from_secs_f64(self.settle),
            window: Duration::from_secs_f64(self.seconds),
            server: self.server,
        }
        .run()?;
        if let Some(failure) = &report.failure {
            eprintln!("{} connections failed, the first: {failure}", report.failed);
        }
        let text = if self.json { serde_json::to_string(&report)? } else { format!("{}\n{report}", Report::HEADINGS) };
        writeln!(io::stdout(), "{text}")
    }
}

/// One address each: of a pattern with {n} in it, or the lines of a file.
fn addresses(given: Option<&str>, count: usize) -> io::Result<Vec<String>> {
    let Some(given) = given else { return Ok(Vec::new()) };
    match given.strip_prefix('@') {
        Some(file) => Ok(std::fs::read_to_string(file)?.lines().map(str::to_owned).collect()),
        None => Ok((0..count).map(|n| given.replace("{n}", &n.to_string())).collect()),
    }
}

fn main() -> io::Result<()> {
    match Arguments::parse().command {
        Task::Proxy => proxy(),
        Task::Rtmp(load) => load.run(),
        Task::Bare { clip, listen } => Bare::new(Clip::read(&clip)?, listen)?.run(),
        Task::RtmpTable { files } => write!(io::stdout(), "{}", Comparison::read(&files)?),
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
