//! One worker and its scripted clients on one virtual clock. All that is random comes from the seed.

use crate::client::Client;
use crate::network::{Dice, Leg};
use carillon_config::media::Media;
use carillon_proto::time::{Now, UnixMillis};
use carillon_sfu::{
    Command, Event, FrameOutput, LocalCandidate, Output, ParticipantId, Path, Privileges, Protocol, RequestId, RoomKey,
    Worker,
};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

enum Arrival {
    AtServer(Path, Vec<u8>),
    AtClient(usize, Vec<u8>),
    Timer(usize),
}

/// Where a datagram is on its way to, for those who drop some by choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

/// Whether a datagram of that client is lost besides what the leg loses.
pub type Filter = Box<dyn FnMut(Way, usize, &[u8]) -> bool>;

pub struct World {
    pub now: Now,
    start: Now,
    pub worker: Worker,
    /// All there ever were; a client that left keeps its place.
    pub clients: Vec<Client>,
    pub events: Vec<Event>,
    /// What taps yielded, and when.
    pub frames: Vec<(Instant, FrameOutput)>,
    /// Paths of clients to the server, and from it; single clients may have others.
    pub up: Leg,
    pub down: Leg,
    pub legs: BTreeMap<usize, (Leg, Leg)>,
    pub filter: Filter,
    pub dice: Dice,
    /// Datagrams that were sent to nobody's address.
    pub stray: Vec<(Path, Vec<u8>)>,
    owners: BTreeMap<SocketAddr, usize>,
    agenda: BTreeMap<(Instant, u64), Arrival>,
    serial: u64,
    requests: u64,
    answers: BTreeMap<u64, String>,
    /// A digest of each sealed packet by address, SSRC and number (RFC 7714 section 10).
    ledger: HashMap<(SocketAddr, u32, u32), u64, BuildHasherDefault<DefaultHasher>>,
}

impl World {
    pub fn new(seed: u64, up: Leg, down: Leg) -> Self {
        let now = Now { instant: Instant::now(), wall: UnixMillis(1_790_000_000_000) };
        let locals = vec![LocalCandidate { address: server(), protocol: Protocol::Udp }];
        let certificate = carillon_sfu::transport::generate_certificate().expect("makes certificates");
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            now,
            start: now,
            worker: Worker::new(Media::default(), locals, certificate, secret, now),
            clients: Vec::new(),
            events: Vec::new(),
            frames: Vec::new(),
            up,
            down,
            legs: BTreeMap::new(),
            filter: Box::new(|_, _, _| false),
            dice: Dice(seed),
            stray: Vec::new(),
            owners: BTreeMap::new(),
            agenda: BTreeMap::new(),
            serial: 0,
            requests: 0,
            answers: BTreeMap::new(),
            ledger: HashMap::default(),
        }
    }

    /// A client that joined the room; its first offer makes the connection.
    pub fn join(&mut self, room: RoomKey, publishes: bool) -> usize {
        let n = self.clients.len();
        let participant = ParticipantId(n as u64 + 1);
        let address = SocketAddr::from(([198, 51, (100 + n / 250) as u8, (n % 250) as u8], 5_000));
        let mut client = Client::new(self.now.instant, participant, address, server());
        if publishes {
            client.add_tracks(self.now.instant, n as u32);
        }
        self.clients.push(client);
        self.owners.insert(address, n);
        self.command(Command::Join { room, participant, privileges: Privileges::ALL });
        n
    }

    pub fn offer(&mut self, n: usize) {
        let (sdp, publish, subscribe) = self.clients[n].offer();
        self.requests += 1;
        let request = RequestId(self.requests);
        let participant = self.clients[n].participant;
        self.command(Command::Offer { request, participant, sdp, publish, subscribe });
        let answer = self.answers.remove(&request.0).expect("answered at once");
        self.clients[n].handle_answer(self.now.instant, &answer);
        self.drain_client(n);
    }

    /// Client `n` asks for keyframes of all it sees.
    pub fn beg(&mut self, n: usize) {
        self.clients[n].beg();
        self.drain_client(n);
    }

    pub fn leave(&mut self, n: usize) {
        let participant = self.clients[n].participant;
        self.clients[n].gone = true;
        self.owners.remove(&self.clients[n].address);
        self.command(Command::Leave { participant });
    }

    /// The client's network changed: the same sockets have another address from now on.
    pub fn readdress(&mut self, n: usize, address: SocketAddr) {
        self.owners.remove(&self.clients[n].address);
        self.clients[n].address = address;
        self.owners.insert(address, n);
    }

    pub fn command(&mut self, command: Command) {
        self.worker.handle_command(self.now, command);
        self.drain();
    }

    /// Bytes that reach the server from `remote` at once.
    pub fn inject(&mut self, remote: SocketAddr, mut bytes: Vec<u8>) {
        self.worker.handle_datagram(self.now, path(remote), &mut bytes);
        self.drain();
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.now.instant + span;
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

    /// Clients that are there.
    pub fn present(&self) -> Vec<usize> {
        (0..self.clients.len()).filter(|n| !self.clients[*n].gone).collect()
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::AtServer(path, mut bytes) => {
                self.worker.handle_datagram(self.now, path, &mut bytes);
                self.drain();
            }
            Arrival::AtClient(n, bytes) if !self.clients[n].gone => {
                self.clients[n].handle_datagram(self.now.instant, bytes);
                self.drain_client(n);
            }
            Arrival::Timer(n) if !self.clients[n].gone => {
                self.clients[n].scheduled = None;
                self.clients[n].handle_timeout(self.now);
                self.drain_client(n);
            }
            Arrival::AtClient(..) | Arrival::Timer(_) => {}
        }
    }

    fn advance(&mut self, to: Instant) {
        // Counted from the start: what each step rounds off would make the wall clock slow.
        self.now = self.start.plus(to.saturating_duration_since(self.start.instant));
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
        let datagrams: Vec<_> = egress.datagrams().map(|(path, bytes)| (path, bytes.to_vec())).collect();
        egress.clear();
        let now = self.now.instant;
        self.frames.extend(std::iter::from_fn(|| self.worker.poll_frame()).map(|output| (now, output)));
        for (path, bytes) in datagrams {
            self.enter(path, &bytes);
            match self.owners.get(&path.remote).copied() {
                Some(n) => self.send_down(n, bytes),
                None => self.stray.push((path, bytes)),
            }
        }
    }

    fn drain_client(&mut self, n: usize) {
        for bytes in std::mem::take(&mut self.clients[n].link.out) {
            let leg = self.legs.get(&n).map_or(self.up, |legs| legs.0);
            if (self.filter)(Way::Up, n, &bytes) {
                continue;
            }
            if let Some(after) = leg.roll(&mut self.dice) {
                let from = path(self.clients[n].address);
                self.schedule(self.now.instant + after, Arrival::AtServer(from, bytes));
            }
        }
        let due = self.clients[n].due().max(self.now.instant);
        if self.clients[n].scheduled.is_none_or(|at| due < at) {
            self.clients[n].scheduled = Some(due);
            self.schedule(due, Arrival::Timer(n));
        }
    }

    fn send_down(&mut self, n: usize, bytes: Vec<u8>) {
        let leg = self.legs.get(&n).map_or(self.down, |legs| legs.1);
        if (self.filter)(Way::Down, n, &bytes) {
            return;
        }
        if let Some(after) = leg.roll(&mut self.dice) {
            self.schedule(self.now.instant + after, Arrival::AtClient(n, bytes));
        }
    }

    fn schedule(&mut self, at: Instant, arrival: Arrival) {
        self.serial += 1;
        self.agenda.insert((at, self.serial), arrival);
    }

    /// One number under one key is sealed once, or again with the same bytes.
    fn enter(&mut self, path: Path, bytes: &[u8]) {
        if !matches!(bytes, [128..=191, ..]) {
            return;
        }
        let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"));
        let (ssrc, index) = match bytes[1] {
            192..=223 => (!word(4), word(bytes.len() - 4)),
            _ => (word(8), word(0) & 0xffff),
        };
        let digest = BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes);
        let known = self.ledger.insert((path.remote, ssrc, index), digest);
        assert!(known.is_none_or(|known| known == digest), "{ssrc} {index} was sealed twice with other bytes");
    }
}

pub fn server() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 7_882))
}

pub fn path(remote: SocketAddr) -> Path {
    Path { local: server(), remote, protocol: Protocol::Udp }
}
