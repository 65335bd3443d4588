//! One worker and the browsers around it, on one virtual clock, each half of each link with its own weather.

use crate::media::{Ms, VP8_RTX};
use crate::peer::{Moment, Peer, STEP};
use carillon_config::media::Media;
use carillon_loadtest::impair::{self, Fate, Profile, Traffic};
use carillon_proto::rtp::{Seq, SeqExt, is_rtcp};
use carillon_proto::time::{Now, UnixMillis};
use carillon_sfu::{
    Command, Event, LocalCandidate, Output, ParticipantId, Path, Privileges, Protocol, RequestId, RoomKey, Worker,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const ROOM: RoomKey = RoomKey(1);
const WALL: UnixMillis = UnixMillis(1_790_000_000_000);

type Fixed = BuildHasherDefault<DefaultHasher>;

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
    pub now: Now,
    start: Instant,
    pub worker: Worker,
    pub peers: Vec<Peer>,
    pub halves: Vec<Half>,
    events: Vec<Event>,
    owners: BTreeMap<SocketAddr, usize>,
    agenda: BTreeMap<(Instant, u64), Arrival>,
    serial: u64,
    requests: u64,
    answers: BTreeMap<u64, String>,
    ledger: Ledger,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let now = Now { instant: Instant::now(), wall: WALL };
        let locals = vec![LocalCandidate { address: server(), protocol: Protocol::Udp }];
        let certificate = carillon_sfu::transport::generate_certificate().expect("makes certificates");
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            now,
            start: now.instant,
            worker: Worker::new(Media::default(), locals, certificate, secret, now),
            peers: Vec::new(),
            halves: Vec::new(),
            events: Vec::new(),
            owners: BTreeMap::new(),
            agenda: BTreeMap::new(),
            serial: 0,
            requests: 0,
            answers: BTreeMap::new(),
            ledger: Ledger::default(),
        }
    }

    pub fn moment(&self) -> Moment {
        let since = self.now.instant - self.start;
        let unix = Duration::from_millis(WALL.0) + since;
        Moment { instant: self.now.instant, ms: since.as_secs_f64() * 1e3, unix }
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
        let mut peer = Peer::new(self.now.instant, participant, address, server(), fps);
        (peer.up, peer.down) = (up, down);
        prepare(self.moment(), &mut peer);
        self.owners.insert(address, n);
        self.peers.push(peer);
        self.command(Command::Join { room: ROOM, participant, privileges: Privileges::ALL });
        self.offer(n);
        self.schedule(self.now.instant, Arrival::Step(n));
        n
    }

    pub fn run(&mut self, ms: Ms) {
        let end = self.now.instant + Duration::from_secs_f64(ms / 1e3);
        loop {
            let agenda = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let worker = self.worker.poll_timeout().map(|(at, _)| at);
            let Some(next) = agenda.into_iter().chain(worker).min().filter(|at| *at <= end) else { break };
            self.advance(next);
            if worker.is_some_and(|at| at <= next) {
                self.worker.handle_timeout(self.now);
                self.drain();
            } else if let Some((_, arrival)) = self.agenda.pop_first() {
                self.arrive(arrival);
            }
        }
        self.advance(end);
    }

    /// Connections that were taken for lost or over so far.
    pub fn drops(&self) -> usize {
        let over = |event: &Event| matches!(event, Event::TransportLost { .. } | Event::TransportClosed { .. });
        self.events.iter().filter(|event| over(event)).count()
    }

    fn offer(&mut self, n: usize) {
        let (sdp, publish, subscribe) = self.peers[n].offer();
        self.requests += 1;
        let (request, participant) = (RequestId(self.requests), self.peers[n].participant);
        self.command(Command::Offer { request, participant, sdp, publish, subscribe });
        let answer = self.answers.remove(&request.0).expect("answered at once");
        let now = self.moment();
        self.peers[n].handle_answer(now, &answer);
        self.drain_peer(n);
    }

    fn command(&mut self, command: Command) {
        self.worker.handle_command(self.now, command);
        self.drain();
    }

    fn arrive(&mut self, arrival: Arrival) {
        let now = self.moment();
        match arrival {
            Arrival::AtServer(path, mut bytes) => {
                self.worker.handle_datagram(self.now, path, &mut bytes);
                self.drain();
            }
            Arrival::AtPeer(n, bytes) => {
                self.peers[n].handle_datagram(now, bytes);
                self.drain_peer(n);
            }
            Arrival::Step(n) => {
                self.peers[n].step(now);
                self.drain_peer(n);
                self.schedule(now.instant + STEP, Arrival::Step(n));
            }
        }
    }

    fn advance(&mut self, to: Instant) {
        self.now = self.now.plus(to.saturating_duration_since(self.now.instant));
    }

    fn drain(&mut self) {
        while let Some(output) = self.worker.poll_output() {
            match output {
                Output::Answer { request, sdp, .. } => _ = self.answers.insert(request.0, sdp),
                Output::Refused { request, error, .. } => panic!("{request:?}: {error:?}"),
                Output::Event(event) => self.events.push(event),
            }
        }
        let egress = self.worker.egress();
        if egress.is_empty() {
            return;
        }
        let datagrams: Vec<_> = egress.datagrams().map(|(path, bytes)| (path.remote, bytes.to_vec())).collect();
        egress.clear();
        for (remote, bytes) in datagrams {
            self.ledger.enter(remote, &bytes);
            if let Some(n) = self.owners.get(&remote).copied() {
                let half = self.peers[n].down;
                self.fly(half, bytes, |bytes| Arrival::AtPeer(n, bytes));
            }
        }
    }

    fn drain_peer(&mut self, n: usize) {
        let (half, remote) = (self.peers[n].up, self.peers[n].address);
        let path = Path { local: server(), remote, protocol: Protocol::Udp };
        for bytes in std::mem::take(&mut self.peers[n].link.out) {
            self.fly(half, bytes, |bytes| Arrival::AtServer(path, bytes));
        }
    }

    fn fly(&mut self, half: usize, bytes: Vec<u8>, arrival: impl Fn(Vec<u8>) -> Arrival) {
        let now = self.now.instant - self.start;
        let fate = self.halves[half].offer(now, &bytes);
        let Fate::Arrives { at, again_at } = fate else { return };
        if let Some(again) = again_at {
            self.schedule(self.start + again, arrival(bytes.clone()));
        }
        self.schedule(self.start + at, arrival(bytes));
    }

    fn schedule(&mut self, at: Instant, arrival: Arrival) {
        self.serial += 1;
        self.agenda.insert((at, self.serial), arrival);
    }
}

/// A digest of each sealed packet by address, SSRC and number (RFC 7714 section 10).
#[derive(Default)]
struct Ledger {
    digests: HashMap<(SocketAddr, u32, u64), u64, Fixed>,
    newest: HashMap<(SocketAddr, u32), SeqExt, Fixed>,
}

impl Ledger {
    /// One number under one key is sealed once, or again with the same bytes.
    fn enter(&mut self, remote: SocketAddr, bytes: &[u8]) {
        if !matches!(bytes, [128..=191, ..]) {
            return;
        }
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"));
        let (ssrc, index) = if is_rtcp(bytes) {
            (!word(4), u64::from(word(bytes.len() - 4)))
        } else {
            let seq = Seq((word(0) & 0xffff) as u16);
            let newest = self.newest.entry((remote, word(8))).or_insert_with(|| SeqExt(u64::from(seq.0)));
            let index = newest.nearest(seq).unwrap_or_else(|| SeqExt(u64::from(seq.0)));
            *newest = (*newest).max(index);
            (word(8), index.0)
        };
        let digest = Fixed::default().hash_one(bytes);
        let known = self.digests.insert((remote, ssrc, index), digest);
        assert!(known.is_none_or(|known| known == digest), "{ssrc} {index} was sealed twice with other bytes");
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

pub fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 7_882))
}
