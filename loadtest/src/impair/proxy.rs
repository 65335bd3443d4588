//! The proxy: one thread, all routes. Commands come over a channel and are answered in order.

use super::flight::Flight;
use super::profile::Unusable;
use super::route::{Counters, Direction, Directions, Exit, Route};
use mio::{Events, Interest, Poll, Token, Waker};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const WAKE: Token = Token(0);
const MOST_ROUTES: usize = 256;
const DATAGRAM: usize = 65_536;
/// Datagrams read from one socket before the due ones leave.
const BATCH: usize = 64;

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// A new route to `target`; the answer names the address that clients are to send to.
    Open {
        name: String,
        target: SocketAddr,
        #[serde(default)]
        weather: Directions,
        #[serde(default)]
        seed: u64,
    },
    /// Another weather from now on.
    Set {
        name: String,
        weather: Directions,
    },
    Counters {
        name: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Opened { name: String, address: SocketAddr },
    Set { name: String },
    Counters { name: String, up: Box<Counters>, down: Box<Counters> },
    Error(String),
}

/// How other threads speak to a running proxy; the proxy ends when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Remote {
    /// `None` only while it is dropped: the proxy must find nobody there when it wakes.
    commands: Option<Sender<(Command, Sender<Answer>)>>,
    waker: Arc<Waker>,
}

impl Remote {
    /// Waits for the answer.
    pub fn ask(&self, command: Command) -> Answer {
        let (answer, answered) = channel();
        let sent = self.commands.as_ref().is_some_and(|commands| commands.send((command, answer)).is_ok());
        let sent = sent && self.waker.wake().is_ok();
        let gone = || Answer::Error("the proxy has ended".into());
        if sent { answered.recv().unwrap_or_else(|_| gone()) } else { gone() }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        drop(self.commands.take());
        drop(self.waker.wake());
    }
}

/// Which socket an event speaks of.
#[derive(Debug, Clone, Copy)]
enum Source {
    Front(usize),
    Back(usize, SocketAddr),
}

#[derive(Debug)]
pub struct Proxy {
    poll: Poll,
    commands: Receiver<(Command, Sender<Answer>)>,
    routes: Vec<Route>,
    sources: BTreeMap<Token, Source>,
    flight: Flight<Exit>,
    started: Instant,
    buffer: Vec<u8>,
}

impl Proxy {
    pub fn new() -> io::Result<(Self, Remote)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (send, commands) = channel();
        let proxy = Self {
            poll,
            commands,
            routes: Vec::new(),
            sources: BTreeMap::new(),
            flight: Flight::new(),
            started: start(),
            buffer: vec![0; DATAGRAM],
        };
        Ok((proxy, Remote { commands: Some(send), waker }))
    }

    /// Until every [`Remote`] is gone.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            let wait = self.flight.next_at().map(|at| at.saturating_sub(self.started.elapsed()));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            if !self.obey() {
                return Ok(());
            }
            for event in &events {
                if let Some(source) = self.sources.get(&event.token()).copied() {
                    self.read(source)?;
                }
            }
            self.release();
        }
    }

    /// `false`: nobody is left to command.
    fn obey(&mut self) -> bool {
        use std::sync::mpsc::TryRecvError;
        loop {
            match self.commands.try_recv() {
                Ok((command, answer)) => drop(answer.send(self.execute(command))),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn execute(&mut self, command: Command) -> Answer {
        let done = match command {
            Command::Open { name, target, weather, seed } => self.open(name, target, weather, seed),
            Command::Set { name, weather } => self.set(name, weather),
            Command::Counters { name } => self.counters(name),
        };
        done.unwrap_or_else(Answer::Error)
    }

    fn open(&mut self, name: String, target: SocketAddr, weather: Directions, seed: u64) -> Result<Answer, String> {
        check(weather).map_err(|e| e.to_string())?;
        if self.routes.len() >= MOST_ROUTES {
            return Err(format!("{MOST_ROUTES} routes are open already"));
        }
        if self.routes.iter().any(|route| route.name == name) {
            return Err(format!("there is a route {name} already"));
        }
        let mut route = Route::new(name.clone(), target, weather, seed).map_err(|e| e.to_string())?;
        let token = self.token();
        self.poll.registry().register(&mut route.front, token, Interest::READABLE).map_err(|e| e.to_string())?;
        let address = route.front.local_addr().map_err(|e| e.to_string())?;
        self.sources.insert(token, Source::Front(self.routes.len()));
        self.routes.push(route);
        Ok(Answer::Opened { name, address })
    }

    fn set(&mut self, name: String, weather: Directions) -> Result<Answer, String> {
        check(weather).map_err(|e| e.to_string())?;
        self.find(&name)?.set(weather);
        Ok(Answer::Set { name })
    }

    fn counters(&mut self, name: String) -> Result<Answer, String> {
        let route = self.find(&name)?;
        let (up, down) = (route.up.counters, route.down.counters);
        Ok(Answer::Counters { name, up: Box::new(up), down: Box::new(down) })
    }

    fn find(&mut self, name: &str) -> Result<&mut Route, String> {
        self.routes.iter_mut().find(|route| route.name == name).ok_or_else(|| format!("there is no route {name}"))
    }

    fn token(&self) -> Token {
        Token(self.sources.len() + 1)
    }

    fn read(&mut self, source: Source) -> io::Result<()> {
        loop {
            for _ in 0..BATCH {
                let read = match source {
                    Source::Front(route) => self.read_front(route)?,
                    Source::Back(route, client) => self.read_back(route, client),
                };
                if !read {
                    return Ok(());
                }
            }
            self.release();
        }
    }

    fn read_front(&mut self, index: usize) -> io::Result<bool> {
        let token = self.token();
        let Some(route) = self.routes.get_mut(index) else { return Ok(false) };
        let Ok((len, client)) = route.front.recv_from(&mut self.buffer) else { return Ok(false) };
        if let Some(back) = route.welcome(client)? {
            self.poll.registry().register(back, token, Interest::READABLE)?;
            self.sources.insert(token, Source::Back(index, client));
        }
        let exit = Exit::Server { route: index, client };
        let datagram = self.buffer.get(..len).unwrap_or_default();
        launch(&mut route.up, &mut self.flight, self.started.elapsed(), exit, datagram);
        Ok(true)
    }

    /// An unreachable server shows as an error here; its socket goes on.
    fn read_back(&mut self, index: usize, client: SocketAddr) -> bool {
        let Some(route) = self.routes.get_mut(index) else { return false };
        let Some(Ok(len)) = route.backs.get(&client).map(|back| back.recv(&mut self.buffer)) else { return false };
        let exit = Exit::Client { route: index, client };
        let datagram = self.buffer.get(..len).unwrap_or_default();
        launch(&mut route.down, &mut self.flight, self.started.elapsed(), exit, datagram);
        true
    }

    fn release(&mut self) {
        while let Some(flying) = self.flight.due(self.started.elapsed()) {
            let (Exit::Server { route, .. } | Exit::Client { route, .. }) = flying.exit;
            if let Some(route) = self.routes.get(route) {
                route.send(flying.exit, &flying.bytes);
            }
        }
    }
}

/// The proxy is a shell: it reads the clock.
#[expect(clippy::disallowed_methods, reason = "the proxy counts its time from here")]
fn start() -> Instant {
    Instant::now()
}

fn check(weather: Directions) -> Result<(), Unusable> {
    weather.up.check()?;
    weather.down.check()
}

fn launch(direction: &mut Direction, flight: &mut Flight<Exit>, now: Duration, exit: Exit, datagram: &[u8]) {
    for at in direction.offer(now, datagram).into_iter().flatten() {
        if !flight.add(at, exit, datagram.to_vec()) {
            direction.counters.overflowed += 1;
        }
    }
}
