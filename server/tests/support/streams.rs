//! ffmpeg as a publisher and as a player, and the addresses it is given.

use super::client::signature;
use super::{APP, KEY, PATIENCE, Server, now};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// `who` comes to the stream of `publisher`.
pub fn rtmp_address(server: &Server, room: u32, publisher: &str, who: &str) -> String {
    format!("rtmp://{}/live/{APP}/{room}/{publisher}?{}", server.rtmp, query(who))
}

pub fn flv_address(server: &Server, room: u32, publisher: &str, who: &str) -> String {
    format!("http://{}/live/{APP}/{room}/{publisher}.flv?{}", server.http, query(who))
}

pub fn query(who: &str) -> String {
    format!("user={who}&token={}", signature(APP, KEY, who))
}

/// A running ffmpeg; killed with its value.
pub struct Ffmpeg {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

/// One picture or piece of sound as it was decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decoded {
    /// 0: the first track of the file.
    pub track: u32,
    /// On the track's clock.
    pub time: i64,
}

impl Ffmpeg {
    /// Pictures of 640x360 at 30 a second, a keyframe each second, and a tone, in real time.
    pub fn publish(address: &str) -> Self {
        Self::publish_with(address, &[])
    }

    /// With further options of the output.
    pub fn publish_with(address: &str, options: &[&str]) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args("-v error -re -f lavfi -i testsrc2=s=640x360:r=30 -re -f lavfi -i sine=r=48000".split(' '));
        let codecs = "-c:v libx264 -preset ultrafast -tune zerolatency -g 30 -pix_fmt yuv420p -c:a aac -b:a 64k";
        command.args(codecs.split(' ')).args(options).args(["-f", "flv", address]);
        Self::spawn(command)
    }

    /// Decodes everything, and ends with an error at the first that cannot be decoded.
    pub fn play(address: &str) -> Self {
        Self::play_with(address, &[])
    }

    /// With further options of the input.
    pub fn play_with(address: &str, options: &[&str]) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args("-v error -xerror -fflags nobuffer".split(' ')).args(options).args(["-i", address]);
        command.args("-map 0:v? -map 0:a? -flush_packets 1 -f framecrc -".split(' '));
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("ffmpeg is installed");
        let lines = follow(child.stdout.take().expect("it is piped"));
        let errors = follow(child.stderr.take().expect("it is piped"));
        Self { child, lines, errors }
    }

    /// The next so many pictures and pieces of sound.
    pub fn decoded(&self, count: usize) -> Vec<Decoded> {
        let mut all = Vec::new();
        while all.len() < count {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("{} of {count} came: {:?}", all.len(), self.errors.try_iter().collect::<Vec<_>>())
            };
            all.extend(parse(&line));
        }
        all
    }

    /// Those that are there already.
    pub fn decoded_so_far(&self) -> Vec<Decoded> {
        self.lines.try_iter().filter_map(|line| parse(&line)).collect()
    }

    /// Its own end, and what it complained of.
    pub fn ending(&mut self) -> (ExitStatus, String) {
        let deadline = now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be asked") {
                return (status, self.errors.iter().collect::<Vec<_>>().join("\n"));
            }
            assert!(now() < deadline, "ffmpeg did not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL: it says no goodbye.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }

    /// As a user stops it: it says goodbye.
    pub fn stop(mut self) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().expect("`kill` runs");
        assert!(sent.success());
        self.ending();
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of framecrc: track, decoding time, presentation time, duration, bytes, checksum.
fn parse(line: &str) -> Option<Decoded> {
    let mut fields = line.split(',').map(str::trim);
    let track = fields.next()?.parse().ok()?;
    Some(Decoded { track, time: fields.next()?.parse().ok()? })
}

fn follow(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

/// # Panics
/// Where a track's time steps back.
pub fn assert_steady(decoded: &[Decoded]) {
    for track in [0, 1] {
        let times: Vec<i64> = decoded.iter().filter(|d| d.track == track).map(|d| d.time).collect();
        assert!(times.is_sorted(), "track {track} steps back: {times:?}");
    }
}
