//! One worker and the browsers around it, on one virtual clock, each half of each link with its own weather.

use crate::media::{Ms, VP8_RTX};
use crate::peer::{Moment, Peer, STEP};
use crate::stage::{Fixed, Meter, Stage, Turn, WALL, path, server};
use carillon_loadtest::impair::{self, Fate, Profile, Traffic};
use carillon_proto::gateway::TrackName;
use carillon_proto::rtp::is_rtcp;
use carillon_sfu::{Command, Event, ParticipantId, Path, Privileges, RoomKey, Stats, TapId};
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

const ROOM: RoomKey = RoomKey(1);

/// What passed one half of a link since it was last cleared.
#[derive(Debug, Clone, Default)]
pub struct Passed {
    pub bytes: f64,
    /// Of media packets, each counted when it entered first.
    pub once: f64,
    pub datagrams: u64,
    pub lost: u64,
    /// What each datagram waited behind a rate limit, ms.
    pub queued: Vec<f32>,
}

pub struct Half {
    link: impair::Link,
    delay_ms: f64,
    capped: bool,
    pub passed: Passed,
    seen: HashSet<(u32, u16), Fixed>,
}

enum Arrival {
    AtServer(Path, Vec<u8>),
    AtPeer(usize, Vec<u8>),
    Step(usize),
}

pub struct World {
    stage: Stage<Arrival>,
    pub peers: Vec<Peer>,
    pub halves: Vec<Half>,
    owners: BTreeMap<SocketAddr, usize>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self { stage: Stage::new(seed), peers: Vec::new(), halves: Vec::new(), owners: BTreeMap::new() }
    }

    pub fn moment(&self) -> Moment {
        let since = self.stage.since();
        let unix = Duration::from_millis(WALL.0) + since;
        Moment { instant: self.stage.now.instant, ms: since.as_secs_f64() * 1e3, unix }
    }

    /// A half of a link that several browsers may share.
    pub fn add_half(&mut self, profile: Profile, seed: u64) -> usize {
        let half = Half {
            link: impair::Link::new(profile, seed),
            delay_ms: profile.delay_ms,
            capped: profile.kbps > 0.0,
            passed: Passed::default(),
            seen: HashSet::default(),
        };
        self.halves.push(half);
        self.halves.len() - 1
    }

    /// Another weather from now on, with dice of its own, so that what came before does not matter.
    pub fn set_half(&mut self, half: usize, profile: Profile, seed: u64) {
        let half = &mut self.halves[half];
        half.link = impair::Link::new(profile, seed);
        (half.delay_ms, half.capped) = (profile.delay_ms, profile.kbps > 0.0);
    }

    /// A browser in the room; `prepare` says what it sends and wants. Its offer makes the connection.
    pub fn join(&mut self, up: usize, down: usize, fps: f64, prepare: impl FnOnce(Moment, &mut Peer)) -> usize {
        let n = self.peers.len();
        let participant = ParticipantId(n as u64 + 1);
        let address = SocketAddr::from(([198, 51, 100, n as u8], 5_000));
        let mut peer = Peer::new(self.stage.now.instant, participant, address, server(), fps);
        (peer.up, peer.down) = (up, down);
        prepare(self.moment(), &mut peer);
        self.owners.insert(address, n);
        self.peers.push(peer);
        let join = Command::Join { room: ROOM, participant, privileges: Privileges::ALL };
        self.stage.worker.handle_command(self.stage.now, join);
        self.drain();
        self.offer(n);
        self.stage.schedule(self.stage.now.instant, Arrival::Step(n));
        n
    }

    /// Whole frames of a picture leave by another wire from now on.
    pub fn tap(&mut self, publisher: ParticipantId) {
        let command = Command::OpenTap { tap: TapId(1), publisher, track: TrackName::Camera };
        self.stage.worker.handle_command(self.stage.now, command);
        self.drain();
    }

    pub fn run(&mut self, ms: Ms) {
        let end = self.stage.now.instant + Duration::from_secs_f64(ms / 1e3);
        while let Some(turn) = self.stage.turn(end) {
            match turn {
                Turn::Worker => self.drain(),
                Turn::Arrival(arrival) => self.arrive(arrival),
            }
        }
    }

    /// `meter` is told of what the server does from now on.
    #[allow(dead_code, reason = "of benches")]
    pub fn set_meter(&mut self, meter: Meter) {
        self.stage.meter = Some(meter);
    }

    pub fn stats(&self) -> Stats {
        self.stage.worker.stats()
    }

    /// Connections that were taken for lost or over so far.
    pub fn drops(&self) -> usize {
        let over = |event: &Event| matches!(event, Event::TransportLost { .. } | Event::TransportClosed { .. });
        self.stage.events.iter().filter(|event| over(event)).count()
    }

    fn offer(&mut self, n: usize) {
        let (participant, offer) = (self.peers[n].participant, self.peers[n].offer());
        let answer = self.stage.offer(participant, offer);
        self.drain();
        let now = self.moment();
        self.peers[n].handle_answer(now, &answer);
        self.drain_peer(n);
    }

    fn arrive(&mut self, arrival: Arrival) {
        let now = self.moment();
        match arrival {
            Arrival::AtServer(path, mut bytes) => {
                self.stage.receive(path, &mut bytes);
                self.drain();
            }
            Arrival::AtPeer(n, bytes) => {
                self.peers[n].handle_datagram(now, bytes);
                self.drain_peer(n);
            }
            Arrival::Step(n) => {
                self.peers[n].step(now);
                self.drain_peer(n);
                self.stage.schedule(now.instant + STEP, Arrival::Step(n));
            }
        }
    }

    fn drain(&mut self) {
        while self.stage.worker.poll_frame().is_some() {}
        for (path, bytes) in self.stage.drain() {
            if let Some(n) = self.owners.get(&path.remote).copied() {
                let half = self.peers[n].down;
                self.fly(half, bytes, |bytes| Arrival::AtPeer(n, bytes));
            }
        }
    }

    fn drain_peer(&mut self, n: usize) {
        let (half, remote) = (self.peers[n].up, self.peers[n].address);
        for bytes in std::mem::take(&mut self.peers[n].link.out) {
            self.fly(half, bytes, |bytes| Arrival::AtServer(path(remote), bytes));
        }
    }

    fn fly(&mut self, half: usize, bytes: Vec<u8>, arrival: impl Fn(Vec<u8>) -> Arrival) {
        let fate = self.halves[half].offer(self.stage.since(), &bytes);
        let Fate::Arrives { at, again_at } = fate else { return };
        if let Some(again) = again_at {
            self.stage.schedule(self.stage.at(again), arrival(bytes.clone()));
        }
        self.stage.schedule(self.stage.at(at), arrival(bytes));
    }
}

impl Half {
    fn offer(&mut self, now: Duration, bytes: &[u8]) -> Fate {
        let fate = self.link.offer(now, bytes.len(), Traffic::of(bytes));
        self.passed.datagrams += 1;
        self.passed.bytes += bytes.len() as f64;
        if let [128..=191, second, high, low, ..] = bytes
            && !is_rtcp(bytes)
            && second & 0x7f != VP8_RTX.0
        {
            let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            if self.seen.insert((ssrc, u16::from_be_bytes([*high, *low]))) {
                self.passed.once += bytes.len() as f64;
            }
        }
        match fate {
            Fate::Arrives { at, .. } if self.capped => {
                self.passed.queued.push((at - now).as_secs_f32() * 1e3 - self.delay_ms as f32);
            }
            Fate::Arrives { .. } => {}
            Fate::Lost | Fate::Overflowed => self.passed.lost += 1,
        }
        fate
    }
}
