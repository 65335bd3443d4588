//! One worker and its scripted clients on one virtual clock. All that is random comes from the seed.

use crate::client::Client;
use crate::network::{Dice, Leg};
use crate::stage::{Stage, Turn, path, server};
use carillon_sfu::{Command, FrameOutput, ParticipantId, Path, Privileges, RoomKey};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub enum Arrival {
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
    pub stage: Stage<Arrival>,
    /// All there ever were; a client that left keeps its place.
    pub clients: Vec<Client>,
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
}

impl World {
    pub fn new(seed: u64, up: Leg, down: Leg) -> Self {
        Self {
            stage: Stage::new(seed),
            clients: Vec::new(),
            frames: Vec::new(),
            up,
            down,
            legs: BTreeMap::new(),
            filter: Box::new(|_, _, _| false),
            dice: Dice(seed),
            stray: Vec::new(),
            owners: BTreeMap::new(),
        }
    }

    /// A client that joined the room; its first offer makes the connection.
    pub fn join(&mut self, room: RoomKey, publishes: bool) -> usize {
        let n = self.clients.len();
        let participant = ParticipantId(n as u64 + 1);
        let address = SocketAddr::from(([198, 51, (100 + n / 250) as u8, (n % 250) as u8], 5_000));
        let mut client = Client::new(self.stage.now.instant, participant, address, server());
        if publishes {
            client.add_tracks(self.stage.now.instant, n as u32);
        }
        self.clients.push(client);
        self.owners.insert(address, n);
        self.command(Command::Join { room, participant, privileges: Privileges::ALL });
        n
    }

    pub fn offer(&mut self, n: usize) {
        let (participant, offer) = (self.clients[n].participant, self.clients[n].offer());
        let answer = self.stage.offer(participant, offer);
        self.drain();
        self.clients[n].handle_answer(self.stage.now.instant, &answer);
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
        self.stage.worker.handle_command(self.stage.now, command);
        self.drain();
    }

    /// Bytes that reach the server from `remote` at once.
    pub fn inject(&mut self, remote: SocketAddr, mut bytes: Vec<u8>) {
        self.stage.worker.handle_datagram(self.stage.now, path(remote), &mut bytes);
        self.drain();
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.stage.now.instant + span;
        while let Some(turn) = self.stage.turn(end) {
            match turn {
                Turn::Worker => self.drain(),
                Turn::Arrival(arrival) => self.arrive(arrival),
            }
        }
    }

    /// Clients that are there.
    pub fn present(&self) -> Vec<usize> {
        (0..self.clients.len()).filter(|n| !self.clients[*n].gone).collect()
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::AtServer(path, mut bytes) => {
                self.stage.receive(path, &mut bytes);
                self.drain();
            }
            Arrival::AtClient(n, bytes) if !self.clients[n].gone => {
                self.clients[n].handle_datagram(self.stage.now.instant, bytes);
                self.drain_client(n);
            }
            Arrival::Timer(n) if !self.clients[n].gone => {
                self.clients[n].scheduled = None;
                self.clients[n].handle_timeout(self.stage.now);
                self.drain_client(n);
            }
            Arrival::AtClient(..) | Arrival::Timer(_) => {}
        }
    }

    fn drain(&mut self) {
        let datagrams = self.stage.drain();
        let now = self.stage.now.instant;
        let frames = std::iter::from_fn(|| self.stage.worker.poll_frame());
        self.frames.extend(frames.map(|output| (now, output)));
        for (path, bytes) in datagrams {
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
                self.stage.schedule(self.stage.now.instant + after, Arrival::AtServer(from, bytes));
            }
        }
        let due = self.clients[n].due().max(self.stage.now.instant);
        if self.clients[n].scheduled.is_none_or(|at| due < at) {
            self.clients[n].scheduled = Some(due);
            self.stage.schedule(due, Arrival::Timer(n));
        }
    }

    fn send_down(&mut self, n: usize, bytes: Vec<u8>) {
        let leg = self.legs.get(&n).map_or(self.down, |legs| legs.1);
        if (self.filter)(Way::Down, n, &bytes) {
            return;
        }
        if let Some(after) = leg.roll(&mut self.dice) {
            self.stage.schedule(self.stage.now.instant + after, Arrival::AtClient(n, bytes));
        }
    }
}
