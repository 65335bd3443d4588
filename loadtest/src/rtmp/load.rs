//! One load: publishers, then players at a steady rate, then a window in which all is counted. One thread.

use super::address::Address;
use super::clip::Clip;
use super::peer::Peer;
use super::player::{Micros, Watch};
use super::process::{Usage, usage};
use super::report::{Report, Usages};
use super::script::Role;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::time::{Duration, Instant};

/// What is to be done.
#[derive(Debug)]
pub struct Load {
    pub clip: Clip,
    /// One address for each publisher, and for each player.
    pub publish: Vec<String>,
    pub play: Vec<String>,
    /// New connections per second.
    pub rate: f64,
    /// Between the last connection and what is counted.
    pub settle: Duration,
    pub window: Duration,
    /// The server, whose processor time and memory are read.
    pub server: Option<u32>,
}

impl Load {
    /// Runs it, which takes as long as it says.
    pub fn run(&self) -> io::Result<Report> {
        Run::new(self)?.run()
    }
}

/// When what happens, since the start.
#[derive(Debug, Clone, Copy)]
struct Plan {
    players: Duration,
    window: Duration,
    end: Duration,
}

struct Run<'a> {
    load: &'a Load,
    plan: Plan,
    started: Instant,
    poll: Poll,
    /// Publishers first, then players, in the order of their addresses.
    peers: Vec<Peer>,
    watches: Vec<Watch>,
    usages: Usages,
    /// Bytes of media that publishers put out in the window.
    published: u64,
    failed: usize,
    failure: Option<io::Error>,
}

impl<'a> Run<'a> {
    fn new(load: &'a Load) -> io::Result<Self> {
        let ramp = |count: usize| Duration::from_secs_f64(count as f64 / load.rate);
        let players = ramp(load.publish.len()) + load.settle;
        let window = players + ramp(load.play.len()) + load.settle;
        Ok(Self {
            load,
            plan: Plan { players, window, end: window + load.window },
            started: clock(),
            poll: Poll::new()?,
            peers: Vec::new(),
            watches: Vec::new(),
            usages: Usages { alone: load.server.map_or_else(Usage::default, usage), ..Usages::default() },
            published: 0,
            failed: 0,
            failure: None,
        })
    }

    fn run(mut self) -> io::Result<Report> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 256 * 1024];
        let mut marks = 0;
        loop {
            let since = self.started.elapsed();
            marks = self.mark(marks, since);
            if since >= self.plan.end {
                break;
            }
            let due = self.connect_due(since)?.min(self.publish_due());
            let due = due.min(self.next_mark(marks).saturating_sub(since));
            if let Err(error) = self.poll.poll(&mut events, Some(due.max(Duration::from_micros(100))))
                && error.kind() != io::ErrorKind::Interrupted
            {
                return Err(error);
            }
            let counts = (self.plan.window..self.plan.end).contains(&self.started.elapsed());
            for event in &events {
                self.serve(event.token().0, counts, &mut buffer);
            }
        }
        let publishers = self.load.publish.len();
        let report = Report::of(&self.watches, publishers, self.usages, self.load.window);
        let mbps_published = self.published as f64 * 8e-6 / self.load.window.as_secs_f64();
        Ok(Report {
            mbps_published,
            failed: self.failed,
            failure: self.failure.map(|error| error.to_string()),
            ..report
        })
    }

    /// Reads the server's usage at each of the three points in time once; says how many have passed.
    fn mark(&mut self, marks: usize, since: Duration) -> usize {
        let mut marks = marks;
        while marks < 3 && since >= self.next_mark(marks) {
            let usage = self.load.server.map_or_else(Usage::default, usage);
            match marks {
                0 => self.usages.published = usage,
                1 => self.usages.start = usage,
                _ => self.usages.end = usage,
            }
            marks += 1;
        }
        marks
    }

    fn next_mark(&self, marks: usize) -> Duration {
        [self.plan.players, self.plan.window, self.plan.end, self.plan.end][marks]
    }

    /// Opens the connections that are due and says how long it is until the next.
    fn connect_due(&mut self, since: Duration) -> io::Result<Duration> {
        let publishers = self.load.publish.len();
        while self.peers.len() < publishers + self.load.play.len() {
            let index = self.peers.len();
            let player = index.checked_sub(publishers);
            let start = if player.is_some() { self.plan.players } else { Duration::ZERO };
            let due = start + Duration::from_secs_f64(player.unwrap_or(index) as f64 / self.load.rate);
            if due > since {
                return Ok(due - since);
            }
            self.connect(index, player)?;
        }
        Ok(Duration::MAX)
    }

    fn connect(&mut self, index: usize, player: Option<usize>) -> io::Result<()> {
        let (url, role) = match player {
            Some(player) => (&self.load.play[player], Role::Play),
            None => (&self.load.publish[index], Role::Publish),
        };
        let mut peer = Peer::connect(&Address::parse(url)?, role)?;
        self.poll.registry().register(&mut peer.socket, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        self.peers.push(peer);
        if player.is_some() {
            self.watches.push(Watch::new(self.now()));
        }
        Ok(())
    }

    /// Has every publisher send what is due and says how long it is until the next.
    fn publish_due(&mut self) -> Duration {
        let mut next = Duration::MAX;
        for index in 0..self.load.publish.len().min(self.peers.len()) {
            let now = self.now();
            let peer = &mut self.peers[index];
            if peer.is_over {
                continue;
            }
            match peer.publish(&self.load.clip, now) {
                Ok((wait, bytes)) => {
                    next = wait.map_or(next, |wait| wait.min(next));
                    let counts = (self.plan.window..self.plan.end).contains(&Duration::from_micros(now));
                    self.published += if counts { bytes as u64 } else { 0 };
                }
                Err(error) => self.fail(index, error),
            }
        }
        next
    }

    fn serve(&mut self, index: usize, counts: bool, buffer: &mut [u8]) {
        let now = self.now();
        let Some(peer) = self.peers.get_mut(index).filter(|peer| !peer.is_over) else { return };
        let watch = index.checked_sub(self.load.publish.len()).and_then(|player| self.watches.get_mut(player));
        let done = peer.flush().and_then(|()| peer.receive(now, buffer, watch, counts));
        if let Err(error) = done {
            self.fail(index, error);
        }
    }

    fn fail(&mut self, index: usize, error: io::Error) {
        self.peers[index].is_over = true;
        self.failed += 1;
        self.failure.get_or_insert(error);
    }

    fn now(&self) -> Micros {
        self.started.elapsed().as_micros() as Micros
    }
}

#[allow(clippy::disallowed_methods, reason = "a load runs in real time")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}
