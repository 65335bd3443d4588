//! One address that clients send to instead of the server's, with the two directions of its link.

use super::link::{Fate, Link, Traffic};
use super::profile::Profile;
use mio::net::UdpSocket;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Client addresses a route: a browser uses one or two for each peer connection.
const MOST_CLIENTS: usize = 64;

/// The weather from the client to the server, and back.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Directions {
    pub up: Profile,
    pub down: Profile,
}

/// What a direction has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    pub packets: u64,
    pub bytes: u64,
    pub lost: u64,
    pub overflowed: u64,
    pub duplicated: u64,
    /// By the time they stood in the queue before the rate limit, 10 ms a step; in the last, all that stood longer.
    pub waits: [u64; WAITS],
}

const WAITS: usize = 32;
const WAIT_STEP: Duration = Duration::from_millis(10);

/// Where a datagram leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// To the server, from the socket that stands for this client.
    Server {
        route: usize,
        client: SocketAddr,
    },
    Client {
        route: usize,
        client: SocketAddr,
    },
}

#[derive(Debug)]
pub(super) struct Direction {
    link: Link,
    pub(super) counters: Counters,
}

#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: String,
    /// Clients send here.
    pub(super) front: UdpSocket,
    target: SocketAddr,
    /// One for each client address, so that the server sees as many addresses as there are.
    pub(super) backs: BTreeMap<SocketAddr, UdpSocket>,
    pub(super) up: Direction,
    pub(super) down: Direction,
}

impl Route {
    pub(super) fn new(name: String, target: SocketAddr, weather: Directions, seed: u64) -> io::Result<Self> {
        let mut here = target;
        here.set_port(0);
        let up = Direction { link: Link::new(weather.up, seed), counters: Counters::default() };
        let down = Direction { link: Link::new(weather.down, !seed), counters: Counters::default() };
        Ok(Self { name, front: UdpSocket::bind(here)?, target, backs: BTreeMap::new(), up, down })
    }

    pub(super) fn set(&mut self, weather: Directions) {
        self.up.link.set(weather.up);
        self.down.link.set(weather.down);
    }

    /// A new socket for `client`, if it has none and there is room: the caller registers it.
    pub(super) fn welcome(&mut self, client: SocketAddr) -> io::Result<Option<&mut UdpSocket>> {
        if self.backs.contains_key(&client) || self.backs.len() >= MOST_CLIENTS {
            return Ok(None);
        }
        let mut here = self.target;
        here.set_port(0);
        let back = UdpSocket::bind(here)?;
        back.connect(self.target)?;
        Ok(Some(self.backs.entry(client).or_insert(back)))
    }

    /// What the kernel refuses is lost, as on any link.
    pub(super) fn send(&self, exit: Exit, bytes: &[u8]) {
        let sent = match exit {
            Exit::Server { client, .. } => self.backs.get(&client).map(|back| back.send(bytes)),
            Exit::Client { client, .. } => Some(self.front.send_to(bytes, client)),
        };
        drop(sent);
    }
}

impl Direction {
    /// When it arrives, and when again.
    pub(super) fn offer(&mut self, now: Duration, datagram: &[u8]) -> [Option<Duration>; 2] {
        self.counters.packets += 1;
        self.counters.bytes += datagram.len() as u64;
        let wait = self.link.wait(now);
        match self.link.offer(now, datagram.len(), Traffic::of(datagram)) {
            Fate::Arrives { at, again_at } => {
                self.counters.duplicated += u64::from(again_at.is_some());
                let step = (wait.as_millis() / WAIT_STEP.as_millis()) as usize;
                self.counters.waits[step.min(WAITS - 1)] += 1;
                [Some(at), again_at]
            }
            Fate::Lost => {
                self.counters.lost += 1;
                [None; 2]
            }
            Fate::Overflowed => {
                self.counters.overflowed += 1;
                [None; 2]
            }
        }
    }
}
