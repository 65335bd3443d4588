//! A worker on a virtual clock, and what is under way to it and from it. Its seed fixes all but what handshakes draw.

use carillon_config::media::Media;
use carillon_proto::rtp::{Seq, SeqExt, is_rtcp};
use carillon_proto::time::{Now, UnixMillis};
use carillon_sfu::{
    Command, Event, LocalCandidate, Output, ParticipantId, Path, Protocol, Publish, RequestId, Stats, Subscribe, Worker,
};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The wall clock at the start.
pub const WALL: UnixMillis = UnixMillis(1_790_000_000_000);

pub type Fixed = BuildHasherDefault<DefaultHasher>;

/// What the worker was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Datagram,
    Timeout,
    /// Fanning out what came in, up to sealed packets.
    Egress,
}

/// Told how long each piece of work took, and what was counted before it and after it.
pub type Meter = Box<dyn FnMut(Work, Duration, &Stats, &Stats)>;

pub struct Stage<Arrival> {
    pub now: Now,
    start: Now,
    pub worker: Worker,
    /// Of benches.
    pub meter: Option<Meter>,
    pub events: Vec<Event>,
    /// What is due at one moment comes in the order it was put here.
    agenda: BTreeMap<(Instant, u64), Arrival>,
    serial: u64,
    requests: u64,
    answers: BTreeMap<u64, String>,
    ledger: Ledger,
}

/// What happens next.
pub enum Turn<Arrival> {
    /// The worker's timers have run: what it says is to be taken.
    Worker,
    Arrival(Arrival),
}

impl<Arrival> Stage<Arrival> {
    pub fn new(seed: u64) -> Self {
        let now = Now { instant: Instant::now(), wall: WALL };
        let locals = vec![LocalCandidate { address: server(), protocol: Protocol::Udp }];
        let certificate = carillon_sfu::transport::generate_certificate().expect("makes certificates");
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            now,
            start: now,
            worker: Worker::new(Media::default(), locals, certificate, secret, now),
            meter: None,
            events: Vec::new(),
            agenda: BTreeMap::new(),
            serial: 0,
            requests: 0,
            answers: BTreeMap::new(),
            ledger: Ledger::default(),
        }
    }

    /// Since the start.
    pub fn since(&self) -> Duration {
        self.now.instant - self.start.instant
    }

    /// `since` the start.
    pub fn at(&self, since: Duration) -> Instant {
        self.start.instant + since
    }

    pub fn schedule(&mut self, at: Instant, arrival: Arrival) {
        self.serial += 1;
        self.agenda.insert((at, self.serial), arrival);
    }

    /// The clock goes on to what is next; where that is past `end`, to `end`, and there is nothing.
    pub fn turn(&mut self, end: Instant) -> Option<Turn<Arrival>> {
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let worker = self.worker.poll_timeout().map(|(at, _)| at);
        let Some(next) = agenda.into_iter().chain(worker).min().filter(|at| *at <= end) else {
            self.advance(end);
            return None;
        };
        self.advance(next);
        if worker.is_some_and(|at| at <= next) {
            self.work(Work::Timeout, Worker::handle_timeout);
            return Some(Turn::Worker);
        }
        self.agenda.pop_first().map(|(_, arrival)| Turn::Arrival(arrival))
    }

    pub fn receive(&mut self, path: Path, bytes: &mut [u8]) {
        self.work(Work::Datagram, |worker, now| worker.handle_datagram(now, path, bytes));
    }

    /// The answer to an offer.
    pub fn offer(&mut self, participant: ParticipantId, offer: (String, Publish, Subscribe)) -> String {
        let (sdp, publish, subscribe) = offer;
        self.requests += 1;
        let request = RequestId(self.requests);
        self.worker.handle_command(self.now, Command::Offer { request, participant, sdp, publish, subscribe });
        self.listen();
        self.answers.remove(&request.0).expect("answered at once")
    }

    /// Takes what the worker says. Yields what it sends.
    pub fn drain(&mut self) -> Vec<(Path, Vec<u8>)> {
        self.listen();
        self.work(Work::Egress, |worker, _| _ = worker.egress());
        let egress = self.worker.egress();
        let datagrams: Vec<_> = egress.datagrams().map(|(path, bytes)| (path, bytes.to_vec())).collect();
        egress.clear();
        datagrams.iter().for_each(|(path, bytes)| self.ledger.enter(path.remote, bytes));
        datagrams
    }

    fn work(&mut self, work: Work, f: impl FnOnce(&mut Worker, Now)) {
        let Some(meter) = &mut self.meter else { return f(&mut self.worker, self.now) };
        let before = self.worker.stats();
        let begin = Instant::now();
        f(&mut self.worker, self.now);
        let took = begin.elapsed();
        meter(work, took, &before, &self.worker.stats());
    }

    fn listen(&mut self) {
        while let Some(output) = self.worker.poll_output() {
            match output {
                Output::Answer { request, sdp, .. } => _ = self.answers.insert(request.0, sdp),
                Output::Refused { request, error, .. } => panic!("{request:?}: {error:?}"),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn advance(&mut self, to: Instant) {
        // Counted from the start: what each step rounds off would make the wall clock slow.
        self.now = self.start.plus(to.saturating_duration_since(self.start.instant));
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

pub fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 7_882))
}

pub fn path(remote: SocketAddr) -> Path {
    Path { local: server(), remote, protocol: Protocol::Udp }
}
