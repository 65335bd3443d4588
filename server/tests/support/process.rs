//! The built server as a process of its own, on free loopback ports, with a store that goes with the test.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Two apps that must know nothing of each other.
pub const APP: u32 = 1_400_000_001;
pub const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub const OTHER_APP: u32 = 1_400_000_002;
pub const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
/// Anything that is awaited comes within this time, or the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A folder that goes with its value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("carillon-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Server {
    pub http: SocketAddr,
    pub admin: SocketAddr,
    pub rtmp: SocketAddr,
    child: Child,
    log: Receiver<String>,
}

impl Server {
    /// Starts on `folder`; `settings` are environment variables without their `CARILLON_`.
    pub fn start(folder: &Folder, settings: &[(&str, &str)]) -> Self {
        Self::run(Command::new(binary()), folder, settings)
    }

    /// The same, with a disk that can be filled and emptied.
    pub fn start_on_a_disk(folder: &Folder, settings: &[(&str, &str)]) -> Self {
        // A write beyond the limit is an error then, and not the process's end.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(binary());
        Self::run(command, folder, settings)
    }

    /// From now on nothing can be written to any file, or everything again.
    pub fn fill_disk(&self, full: bool) {
        let limit = if full { "--fsize=0:unlimited" } else { "--fsize=unlimited:unlimited" };
        let set = Command::new("prlimit").args(["--pid", &self.child.id().to_string(), limit]).status();
        assert!(set.expect("`prlimit` runs").success());
    }

    fn run(mut command: Command, folder: &Folder, settings: &[(&str, &str)]) -> Self {
        let config = folder.path().join("carillon.toml");
        std::fs::write(&config, configuration(folder)).expect("the configuration can be written");
        command.arg("serve").arg("--config").arg(&config).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARILLON_")) {
            command.env_remove(name);
        }
        command.envs(settings.iter().map(|(name, value)| (format!("CARILLON_{name}"), value)));
        let mut child = command.spawn().expect("the server starts");
        let log = follow(&mut child);
        let [http, admin, rtmp] = addresses(&log);
        Self { http, admin, rtmp, child, log }
    }

    /// As a crash: nothing is flushed, nobody is told.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }

    /// SIGTERM; how the process ended and how long that took.
    pub fn stop(mut self) -> (ExitStatus, Duration) {
        let started = now();
        let sent = Command::new("kill").arg(self.child.id().to_string()).status().expect("`kill` runs");
        assert!(sent.success());
        (self.wait(), now() - started)
    }

    /// The process's own end.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = now() + 3 * PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return status;
            }
            assert!(now() < deadline, "the server did not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The next line of the log that contains `text`.
    pub fn log_line(&self, text: &str) -> String {
        next_line(&self.log, text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "these tests run against real time")]
pub fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "signatures carry the real time")]
pub fn unix_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Cargo names it to the tests of its package; others are told where it is.
fn binary() -> PathBuf {
    let built = option_env!("CARGO_BIN_EXE_carillon").map(PathBuf::from);
    built.or_else(|| std::env::var_os("CARILLON_BIN").map(PathBuf::from)).expect("CARILLON_BIN names the server")
}

fn configuration(folder: &Folder) -> String {
    format!(
        r#"
[listen]
http = "127.0.0.1:0"
admin = "127.0.0.1:0"
udp_port = 0
tcp_port = 0
advertise = ["127.0.0.1"]
media_workers = 1
[rtmp]
listen = "127.0.0.1:0"
[store]
path = "{}/data"
[[apps]]
id = {APP}
keys = ["{KEY}"]
[[apps]]
id = {OTHER_APP}
keys = ["{OTHER_KEY}"]
"#,
        folder.path().display()
    )
}

/// The lines of the log, without end: a full pipe would hold the server up.
fn follow(child: &mut Child) -> Receiver<String> {
    let log = BufReader::new(child.stderr.take().expect("it is piped"));
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            if std::env::var_os("SHOW_LOG").is_some() {
                eprintln!("server: {line}");
            }
            let _ = sender.send(line);
        }
    });
    lines
}

fn addresses(log: &Receiver<String>) -> [SocketAddr; 3] {
    let line = next_line(log, "listening");
    let field = |name: &str| {
        let value = line.split_once(name).unwrap_or_else(|| panic!("{name} in {line}")).1;
        value.split(' ').next().expect("a value").parse().expect("an address")
    };
    [field("http="), field("admin="), field("rtmp=")]
}

fn next_line(log: &Receiver<String>, text: &str) -> String {
    let mut seen = Vec::new();
    loop {
        match log.recv_timeout(PATIENCE) {
            Ok(line) if line.contains(text) => return line,
            Ok(line) => seen.push(line),
            Err(_) => panic!("no {text:?} in the log:\n{}", seen.join("\n")),
        }
    }
}
