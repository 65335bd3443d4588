//! Devices, the network between, and a control thread without its thread, all in virtual time.

use super::device::Device;
use super::link::{Cx, Effect};
use super::model::Model;
use super::{Dice, Generation, Timer};
use crate::control::tests::node;
use crate::control::thread::Control;
use crate::control::{Input, SocketId, SocketOut};
use crate::store::SqliteStore;
use carillon_config::Config;
use carillon_proto::gateway::ClientFrame;
use carillon_proto::time::Now;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Less than the interval that the server asks for.
const PING: Duration = Duration::from_secs(60);
const PING_INTERVAL_MS: u64 = 100_000;
pub(super) const MS: Duration = Duration::from_millis(1);

enum Happens {
    ToServer {
        socket: u64,
        text: String,
    },
    ToClient {
        device: usize,
        socket: u64,
        text: String,
    },
    /// The server notices that a socket is gone; or the client does.
    ServerCloses {
        socket: u64,
    },
    ClientCloses {
        device: usize,
        socket: u64,
    },
    Timer {
        device: usize,
        life: u64,
        timer: Timer,
    },
}

/// One direction of a socket keeps its order.
struct Pipe {
    device: usize,
    socket: u64,
    out: mpsc::Receiver<SocketOut>,
    last_up: Instant,
    last_down: Instant,
}

/// How a device's network is.
#[derive(Clone, Copy)]
pub(super) struct Path {
    pub(super) delay_ms: u64,
    /// One frame in so many comes twice; 0: none.
    pub(super) doubles: u64,
}

pub(super) struct World {
    pub(super) control: Option<Control>,
    config: Config,
    pub(super) now: Now,
    pub(super) dice: Dice,
    pub(super) devices: Vec<Device>,
    pub(super) paths: Vec<Path>,
    sockets: Vec<Option<u64>>,
    lives: Vec<u64>,
    pipes: Vec<Pipe>,
    queue: BTreeMap<(Instant, u64), Happens>,
    order: u64,
    last_socket: u64,
    ids: usize,
    pub(super) model: Model,
    /// What was done and told, for a failure's report.
    pub(super) log: Vec<String>,
    pub(super) quiet: bool,
}

impl World {
    pub(super) fn new(seed: u64, newest_wins: bool) -> Self {
        let mut config = Config::default();
        config.gateway.ping_interval_ms = PING_INTERVAL_MS;
        config.chat.invitations_per_minute = 1_000;
        let now = node::a_day();
        let store = SqliteStore::in_memory(vec![node::APP]).expect("a store");
        let mut config = node::with_app(config);
        if newest_wins {
            config.apps[0].devices = carillon_config::DevicePolicy::NewestWins;
        }
        let control = node::control(&config, store, now, Vec::new());
        Self {
            control: Some(control),
            config,
            now,
            dice: Dice(seed),
            devices: Vec::new(),
            paths: Vec::new(),
            sockets: Vec::new(),
            lives: Vec::new(),
            pipes: Vec::new(),
            queue: BTreeMap::new(),
            order: 0,
            last_socket: 0,
            ids: 0,
            model: Model::new(now),
            log: Vec::new(),
            quiet: false,
        }
    }

    pub(super) fn control(&self) -> &Control {
        self.control.as_ref().expect("it runs")
    }

    pub(super) fn device(&mut self, name: &str, user: &str, generation: Generation, path: Path) -> usize {
        let sig = node::user_sig(user, self.now);
        self.devices.push(Device::new(name, user, generation, &sig));
        self.paths.push(path);
        self.sockets.push(None);
        self.lives.push(0);
        let index = self.devices.len() - 1;
        self.with(index, Device::sign_in);
        self.at(self.now.instant + PING, Happens::Timer { device: index, life: 0, timer: Timer::Ping });
        index
    }

    /// Lets a device do something now.
    pub(super) fn with(&mut self, index: usize, what: impl FnOnce(&mut Device, &mut Cx<'_>)) {
        let mut cx = Cx { now: self.now, dice: &mut self.dice, ids: &mut self.ids, effects: Vec::new() };
        what(&mut self.devices[index], &mut cx);
        let effects = cx.effects;
        for effect in effects {
            self.effect(index, effect);
        }
    }

    fn effect(&mut self, device: usize, effect: Effect) {
        match effect {
            Effect::Open => self.open(device),
            Effect::Close => {
                if let Some(socket) = self.sockets[device].take() {
                    let at = self.up_time(device, socket);
                    self.at(at, Happens::ServerCloses { socket });
                }
            }
            Effect::Send(frame) => {
                let Some(socket) = self.sockets[device] else { return };
                let numbered = frame["t"] == "request";
                for _ in 0..self.times(device, numbered) {
                    let at = self.up_time(device, socket);
                    self.at(at, Happens::ToServer { socket, text: frame.to_string() });
                }
            }
            Effect::At(at, timer) => {
                let life = self.lives[device];
                self.at(at, Happens::Timer { device, life, timer });
            }
            Effect::Note(text) => self.note(|| text),
        }
    }

    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if !self.quiet {
            let time = self.now.wall.0 - node::a_day().wall.0;
            self.log.push(format!("{:>4}.{:03} {}", time / 1000, time % 1000, text()));
        }
    }

    // ---- the network ----

    fn open(&mut self, device: usize) {
        if self.sockets[device].is_some() {
            return;
        }
        if self.control.is_none() {
            let life = self.lives[device];
            let again = self.now.instant + MS * 500;
            return self.at(again, Happens::Timer { device, life, timer: Timer::Retry });
        }
        self.last_socket += 1;
        let (socket, (sender, out)) = (self.last_socket, mpsc::channel(1_000));
        let at = self.now.instant;
        self.pipes.push(Pipe { device, socket, out, last_up: at, last_down: at });
        self.sockets[device] = Some(socket);
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.turn(Some(Input::SocketOpened { socket: SocketId(socket), from, out: sender }));
        self.with(device, |device, cx| device.link.opened(cx));
    }

    /// The network of a device breaks: what is under way to it is lost, what is under way from it arrives or not.
    pub(super) fn drop_socket(&mut self, device: usize) {
        let Some(socket) = self.sockets[device].take() else { return };
        let arrives = self.dice.below(2) == 0;
        if !arrives {
            self.queue.retain(|_, what| !matches!(what, Happens::ToServer { socket: s, .. } if *s == socket));
        }
        // Either end may notice first.
        let late = if self.dice.below(3) == 0 { self.dice.below(20_000) } else { 0 };
        let at = self.up_time(device, socket).max(self.now.instant + MS * late as u32);
        self.at(at, Happens::ServerCloses { socket });
        self.with(device, |device, cx| device.link.closed(cx));
    }

    /// The server goes and comes again with what it has on disk.
    pub(super) fn restart(&mut self, gracefully: bool, down_ms: u64) {
        if gracefully {
            self.turn(Some(Input::Stop));
        }
        let store = self.control.take().expect("it runs").store;
        self.pipes.clear();
        let lost = |what: &Happens| !matches!(what, Happens::ToServer { .. } | Happens::ServerCloses { .. });
        self.queue.retain(|_, what| lost(what));
        for device in 0..self.devices.len() {
            if let Some(socket) = self.sockets[device] {
                self.at(self.now.instant, Happens::ClientCloses { device, socket });
            }
        }
        let up = self.now.plus(MS * down_ms as u32);
        self.run_until(up.instant);
        self.control = Some(node::control(&self.config, store, self.now, Vec::new()));
        self.model.restarted(self.now);
        self.turn(None);
    }

    /// A device signed out and its application ended; what it would still do is gone.
    pub(super) fn forget(&mut self, device: usize) {
        self.lives[device] += 1;
        let life = self.lives[device];
        self.at(self.now.instant + PING, Happens::Timer { device, life, timer: Timer::Ping });
    }

    fn times(&mut self, device: usize, numbered: bool) -> u64 {
        let doubles = self.paths[device].doubles;
        if numbered && doubles > 0 && self.dice.below(doubles) == 0 { 2 } else { 1 }
    }

    fn delay(&mut self, device: usize) -> Duration {
        let delay = self.paths[device].delay_ms;
        MS * (delay / 2 + self.dice.below(delay + 1)) as u32
    }

    fn up_time(&mut self, device: usize, socket: u64) -> Instant {
        let at = self.now.instant + self.delay(device);
        let Some(pipe) = self.pipes.iter_mut().find(|pipe| pipe.socket == socket) else { return at };
        pipe.last_up = pipe.last_up.max(at);
        pipe.last_up
    }

    fn at(&mut self, at: Instant, what: Happens) {
        self.order += 1;
        self.queue.insert((at.max(self.now.instant), self.order), what);
    }

    // ---- time ----

    pub(super) fn run_for(&mut self, ms: u64) {
        self.run_until(self.now.instant + MS * ms as u32);
    }

    fn run_until(&mut self, end: Instant) {
        loop {
            let due = self.control.as_ref().and_then(Control::due).map(whole_ms(self.now));
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let Some(at) = due.into_iter().chain(next).min().filter(|at| *at <= end) else { break };
            self.now = self.now.plus(at.saturating_duration_since(self.now.instant));
            // What is due comes before what happens in the same moment, in the model as here.
            if due.is_some_and(|due| due <= self.now.instant) {
                self.turn(None);
            } else if let Some((_, what)) = self.queue.pop_first() {
                self.happen(what);
            }
        }
        self.now = self.now.plus(end.saturating_duration_since(self.now.instant));
    }

    fn happen(&mut self, what: Happens) {
        match what {
            Happens::ToServer { socket, text } => {
                if self.control.is_some() && self.pipes.iter().any(|pipe| pipe.socket == socket) {
                    let frame = ClientFrame::parse(&text, 65_536);
                    self.turn(Some(Input::SocketFrame { socket: SocketId(socket), frame }));
                }
            }
            Happens::ToClient { device, socket, text } => {
                if self.sockets[device] == Some(socket) {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    self.with(device, |device, cx| device.frame(cx, frame));
                }
            }
            Happens::ServerCloses { socket } => {
                self.pipes.retain(|pipe| pipe.socket != socket);
                if self.control.is_some() {
                    self.turn(Some(Input::SocketClosed { socket: SocketId(socket) }));
                }
            }
            Happens::ClientCloses { device, socket } => {
                if self.sockets[device] == Some(socket) {
                    self.sockets[device] = None;
                    self.with(device, |device, cx| device.link.closed(cx));
                }
            }
            Happens::Timer { device, life, timer } => {
                if self.lives[device] == life {
                    if matches!(timer, Timer::Ping) {
                        let at = self.now.instant + PING;
                        self.at(at, Happens::Timer { device, life, timer: Timer::Ping });
                    }
                    self.with(device, |device, cx| device.timer(cx, timer));
                }
            }
        }
    }

    /// One turn of the control thread, and what it sends goes on its way.
    fn turn(&mut self, input: Option<Input>) {
        let Some(control) = &mut self.control else { return };
        self.model.before(control, self.now);
        control.turn(self.now, input).expect("the store works");
        if let Err(differs) = self.model.after(control, self.now) {
            self.log.push(differs.clone());
            panic!("{differs}");
        }
        let mut sent = Vec::new();
        for pipe in &mut self.pipes {
            while let Ok(out) = pipe.out.try_recv() {
                sent.push((pipe.device, pipe.socket, out));
            }
        }
        for (device, socket, out) in sent {
            let delay = self.delay(device);
            let at = self.now.instant + delay;
            let Some(pipe) = self.pipes.iter_mut().find(|pipe| pipe.socket == socket) else { continue };
            pipe.last_down = pipe.last_down.max(at);
            let at = pipe.last_down;
            match out {
                SocketOut::Text(text) => {
                    let numbered = text.contains("\"seq\":") && !text.starts_with("{\"t\":\"welcome\"");
                    for _ in 1..self.times(device, numbered) {
                        self.at(at, Happens::ToClient { device, socket, text: text.clone() });
                    }
                    self.at(at, Happens::ToClient { device, socket, text });
                }
                SocketOut::Close { .. } => self.at(at, Happens::ClientCloses { device, socket }),
            }
        }
    }
}

/// The model counts whole milliseconds: nothing is done between two of them.
fn whole_ms(now: Now) -> impl Fn(Instant) -> Instant {
    move |at| {
        let left = at.saturating_duration_since(now.instant);
        now.instant + Duration::from_millis(u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}
