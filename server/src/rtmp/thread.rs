//! The loop.

use super::flv::{Place, Way};
use super::push::{PushId, Pushes};
use super::socket::Socket;
use super::{FlvRequest, Handle, Input};
use crate::bridge;
use crate::clock::Clock;
use crate::control;
use carillon_config::rtmp::Rtmp;
use carillon_rtmp::{Command, ConnectionId, Hub, Output, Refusal, Target};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use rustls::ServerConfig;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const WAKE: Token = Token(0);
const PLAIN: Token = Token(1);
const TLS: Token = Token(2);
/// Numbers of connections start here, so that they are tokens as well.
const FIRST: u64 = 16;

/// Bytes read from one socket before the next has its turn.
const TURN_BYTES: usize = 256 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;
/// Connections accepted before sockets have their turn.
const ACCEPTS: usize = 64;
/// Slices of one write. The kernel takes 1,024; more than fit the socket's buffer are for nothing.
const SLICES: usize = 64;
/// Writes to one socket before the next has its turn.
const WRITES: usize = 8;
/// The longest sleep.
const IDLE: Duration = Duration::from_secs(1);
/// What a failed `accept` waits for: file descriptors and memory come back when somebody leaves.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How soon the control thread's full channel is tried again.
const RETRY: Duration = Duration::from_millis(5);
/// What a player by HTTP may send behind its request: another request or two, for which it asked the wrong connection.
const SPARE_BYTES: usize = 64 * 1024;
/// What waits for the control thread. Above, nobody new is asked about.
const BACKLOG: usize = 4_096;

/// The bound sockets.
pub struct Listeners {
    pub plain: std::net::TcpListener,
    pub tls: Option<(std::net::TcpListener, TlsConfig)>,
}

/// The certificate in use, asked for at each handshake.
pub type TlsConfig = Box<dyn Fn() -> Arc<ServerConfig> + Send>;

/// The other threads' end, made before the thread is: control is told of it first.
pub struct Prepared {
    poll: Poll,
    inputs: Receiver<Input>,
    pub handle: Handle,
}

/// Errors: the kernel gives no epoll.
pub fn prepare() -> io::Result<Prepared> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let (sender, inputs) = channel();
    let handle = Handle { inputs: sender, waker, connections: Arc::new(AtomicU64::new(FIRST)) };
    Ok(Prepared { poll, inputs, handle })
}

/// Starts the thread; it ends after `Input::Stop`. To be called within a tokio runtime, which looks hosts up.
pub fn start(
    prepared: Prepared,
    listeners: Listeners,
    config: &Rtmp,
    control: control::Handle,
    bridge: bridge::Handle,
    clock: Clock,
    seed: u64,
) -> io::Result<std::thread::JoinHandle<()>> {
    let Prepared { poll, inputs, handle } = prepared;
    let listen = |listener: std::net::TcpListener, token| {
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, token, Interest::READABLE)?;
        io::Result::Ok(listener)
    };
    let plain = listen(listeners.plain, PLAIN)?;
    let tls = listeners.tls.map(|(listener, config)| io::Result::Ok((listen(listener, TLS)?, config))).transpose()?;
    let thread = Thread {
        poll,
        inputs,
        handle,
        plain,
        tls,
        runtime: tokio::runtime::Handle::current(),
        pushes: Pushes::default(),
        hub: Hub::new(config.clone(), seed),
        control,
        feeder: bridge::Feeder::new(bridge),
        clock,
        sockets: BTreeMap::new(),
        players: BTreeMap::new(),
        ready: BTreeMap::new(),
        unwritten: BTreeSet::new(),
        backlog: VecDeque::new(),
        accepting: false,
        accept_at: None,
    };
    std::thread::Builder::new().name("rtmp".into()).spawn(move || thread.run())
}

/// A socket, and whether the kernel has taken all it can.
struct Client {
    socket: Socket,
    blocked: bool,
    flv: Option<FlvClient>,
}

/// A socket that spoke HTTP before it came here.
struct FlvClient {
    /// Bytes that it may still send. They mean nothing.
    spare: usize,
    _place: Place,
}

/// A player by HTTP-FLV whose socket is elsewhere.
struct Player {
    way: Way,
    started: Option<oneshot::Sender<Result<(), Refusal>>>,
}

struct Thread {
    poll: Poll,
    inputs: Receiver<Input>,
    handle: Handle,
    plain: TcpListener,
    tls: Option<(TcpListener, TlsConfig)>,
    runtime: tokio::runtime::Handle,
    pushes: Pushes,
    hub: Hub,
    control: control::Handle,
    feeder: bridge::Feeder,
    clock: Clock,
    /// Bounded by the engine, which has those above its limits closed.
    sockets: BTreeMap<ConnectionId, Client>,
    players: BTreeMap<ConnectionId, Player>,
    /// Sockets that have something to read, and whether it is the last that comes: then it is read up to the end.
    ready: BTreeMap<ConnectionId, bool>,
    /// Sockets that may take more than one turn wrote.
    unwritten: BTreeSet<ConnectionId>,
    /// What the control thread had no room for, in order.
    backlog: VecDeque<control::Input>,
    /// A listener may have more.
    accepting: bool,
    /// A listener could not be asked, and is to be asked again then.
    accept_at: Option<Instant>,
}

impl Thread {
    fn run(mut self) {
        let mut events = Events::with_capacity(1_024);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let wait = self.wait();
            match self.poll.poll(&mut events, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "waiting for RTMP failed");
                    std::thread::sleep(RETRY);
                }
            }
            if !self.take_inputs() {
                return;
            }
            for event in &events {
                self.note(event);
            }
            let now = self.clock.now().instant;
            if std::mem::take(&mut self.accepting) || self.accept_at.is_some_and(|at| at <= now) {
                self.accept_at = None;
                self.accept();
            }
            for (id, last) in std::mem::take(&mut self.ready) {
                self.read(id, last, &mut buffer);
                self.write_all();
            }
            let now = self.clock.now().instant;
            if self.hub.poll_timeout().is_some_and(|(at, _)| at <= now) {
                self.hub.handle_timeout(now);
            }
            for (push, target) in self.pushes.due(now) {
                self.resolve(push, target);
            }
            self.settle();
        }
    }

    fn wait(&self) -> Duration {
        if self.accepting || !self.ready.is_empty() || !self.unwritten.is_empty() {
            return Duration::ZERO;
        }
        let now = self.clock.now().instant;
        let hub = self.hub.poll_timeout().map(|(at, _)| at);
        let due = hub.into_iter().chain(self.accept_at).chain(self.pushes.poll_timeout()).min();
        let next = due.map_or(IDLE, |at| at.saturating_duration_since(now));
        if self.backlog.is_empty() { next.min(IDLE) } else { next.min(RETRY) }
    }

    /// `false`: stop.
    fn take_inputs(&mut self) -> bool {
        while let Ok(input) = self.inputs.try_recv() {
            match input {
                Input::Hub(command) => {
                    if let Command::Tap { stream, on: false } = &command {
                        self.feeder.forget(stream);
                    }
                    self.tell(command);
                }
                Input::Flv { connection, request } => self.open_flv(connection, *request),
                Input::Push { push, stream, target } => {
                    let target = self.pushes.start(push, stream, target);
                    self.resolve(push, target);
                }
                Input::StopPush { push } => {
                    if let Some(connection) = self.pushes.stop(push) {
                        self.close(connection);
                    }
                }
                Input::Resolved { push, address } => self.connect(push, address),
                Input::FlvRoom { connection } => self.fill(connection),
                Input::FlvSocket { connection, stream, place } => self.seat_flv(connection, stream, place),
                Input::FlvGone { connection } => {
                    self.players.remove(&connection);
                    self.tell(Command::Closed { connection });
                }
                Input::Produced { stream, flow, at, payload } => {
                    let now = self.clock.now().instant;
                    self.hub.handle_produced(now, &stream, flow, at, payload);
                    self.drain();
                }
                Input::Stats(reply) => drop(reply.send(self.hub.stats())),
                Input::Stop => return false,
            }
        }
        true
    }

    fn note(&mut self, event: &mio::event::Event) {
        match event.token() {
            WAKE => {}
            PLAIN | TLS => self.accepting = true,
            Token(number) => {
                let id = ConnectionId(number as u64);
                // An event of what can be read tells that as well: only who waited for it has something to write.
                if event.is_writable()
                    && let Some(client) = self.sockets.get_mut(&id)
                    && std::mem::take(&mut client.blocked)
                {
                    self.write(id);
                }
                let last = event.is_read_closed() || event.is_error();
                if last || event.is_readable() {
                    *self.ready.entry(id).or_default() |= last;
                }
            }
        }
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS {
            let (plain, tls) = (self.plain.accept(), self.tls.as_ref().map(|(listener, _)| listener.accept()));
            let mut any = false;
            for (accepted, secure) in [(Some(plain), false), (tls, true)] {
                match accepted {
                    Some(Ok((stream, remote))) => {
                        any = true;
                        self.open(stream, remote.ip(), secure);
                    }
                    Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => {}
                    Some(Err(error)) => {
                        tracing::warn!(%error, "RTMP: accepting failed");
                        self.accept_at = Some(self.clock.now().instant + ACCEPT_AGAIN);
                    }
                    None => {}
                }
            }
            if !any {
                return;
            }
        }
        self.accepting = true;
    }

    fn open(&mut self, stream: mio::net::TcpStream, remote: IpAddr, secure: bool) {
        let id = self.handle.next_connection();
        let config = self.tls.as_ref().filter(|_| secure).map(|(_, config)| config());
        let socket = match config {
            Some(config) => Socket::tls(stream, config),
            None => Ok(Socket::plain(stream)),
        };
        let registered = socket.and_then(|mut socket| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(socket.stream(), Token(id.0 as usize), interest).map(|()| socket)
        });
        match registered {
            Ok(socket) => {
                self.sockets.insert(id, Client { socket, blocked: false, flv: None });
                self.tell(Command::Open { connection: id, remote });
                self.ready.insert(id, false);
            }
            Err(error) => tracing::warn!(%error, "RTMP: a connection could not be taken"),
        }
    }

    fn resolve(&self, push: PushId, target: Target) {
        let handle = self.handle.clone();
        self.runtime.spawn(async move {
            let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
            let address = found.ok().and_then(|mut all| all.next());
            handle.send(Input::Resolved { push, address });
        });
    }

    /// A connection that fails later is closed as any other.
    fn connect(&mut self, push: PushId, address: Option<SocketAddr>) {
        let now = self.clock.now().instant;
        let Self { pushes, poll, handle, sockets, .. } = self;
        let begun = pushes.resolved(now, push, address, |address| {
            let mut socket = Socket::plain(mio::net::TcpStream::connect(address).ok()?);
            let id = handle.next_connection();
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(socket.stream(), Token(id.0 as usize), interest).ok()?;
            // Until the event that it is connected.
            sockets.insert(id, Client { socket, blocked: true, flv: None });
            Some(id)
        });
        if let Some((connection, stream, target)) = begun {
            self.tell(Command::Push { connection, stream, target });
        }
    }

    fn open_flv(&mut self, id: ConnectionId, request: FlvRequest) {
        let FlvRequest { remote, address, way, started } = request;
        let chunked = matches!(way, Way::Socket { chunked: true });
        self.players.insert(id, Player { way, started });
        self.tell(Command::OpenFlv { connection: id, remote, address, chunked });
    }

    /// A player's socket takes the player's place; one that was given up in the meantime is closed.
    fn seat_flv(&mut self, id: ConnectionId, stream: std::net::TcpStream, place: Place) {
        if self.players.remove(&id).is_none() {
            return;
        }
        let mut socket = Socket::plain(mio::net::TcpStream::from_std(stream));
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self.poll.registry().register(socket.stream(), Token(id.0 as usize), interest) {
            Ok(()) => {
                let flv = FlvClient { spare: SPARE_BYTES, _place: place };
                self.sockets.insert(id, Client { socket, blocked: false, flv: Some(flv) });
                self.ready.insert(id, false);
                self.write(id);
            }
            Err(error) => {
                tracing::warn!(%error, "HTTP-FLV: a connection could not be taken");
                self.close(id);
            }
        }
    }

    /// `last`: the client has closed its end.
    fn read(&mut self, id: ConnectionId, last: bool, buffer: &mut [u8]) {
        let mut left = TURN_BYTES;
        while let Some(client) = self.sockets.get_mut(&id) {
            if left == 0 {
                self.ready.insert(id, last);
                return;
            }
            let tells_end = client.socket.tells_end_by_short_read() && !last;
            match client.socket.read(buffer) {
                Ok(0) => return self.close(id),
                Ok(count) => {
                    if let Some(flv) = &mut client.flv {
                        let Some(spare) = flv.spare.checked_sub(count) else { return self.close(id) };
                        flv.spare = spare;
                    }
                    left = left.saturating_sub(count);
                    let now = self.clock.now().instant;
                    self.hub.handle_bytes(now, id, &buffer[..count]);
                    self.drain();
                    if tells_end && count < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    tracing::debug!(%error, "an RTMP connection ended");
                    return self.close(id);
                }
            }
        }
    }

    fn tell(&mut self, command: Command) {
        self.hub.handle_command(self.clock.now().instant, command);
        self.drain();
    }

    /// Everything that follows from what happened in this pass.
    fn settle(&mut self) {
        self.drain();
        std::mem::take(&mut self.unwritten).into_iter().for_each(|id| self.write(id));
        self.write_all();
        while let Some(input) = self.backlog.pop_front() {
            if let Err(input) = self.control.send(input) {
                self.backlog.push_front(*input);
                break;
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.hub.poll_output() {
            match output {
                Output::Admit { connection, admission, .. } if self.backlog.len() >= BACKLOG => {
                    let refused = Command::Refused { connection, admission, refusal: Refusal::Overloaded };
                    self.hub.handle_command(self.clock.now().instant, refused);
                }
                Output::Admit { connection, admission, role, address } => {
                    let question = control::StreamQuestion { connection, admission, role, address };
                    self.tell_control(control::Input::StreamAdmit(question));
                }
                Output::Left { admission, on_purpose } => {
                    self.tell_control(control::Input::StreamLeft { admission, on_purpose });
                }
                Output::Flows { stream, flows } => self.tell_control(control::Input::StreamFlows { stream, flows }),
                Output::FlvStarted { connection } => {
                    if let Some(started) = self.players.get_mut(&connection).and_then(|player| player.started.take()) {
                        let _ = started.send(Ok(()));
                    }
                }
                Output::FlvRefused { connection, refusal } => {
                    let player = self.players.remove(&connection);
                    if let Some(started) = player.and_then(|player| player.started) {
                        let _ = started.send(Err(refusal));
                    }
                    self.hub.handle_command(self.clock.now().instant, Command::Closed { connection });
                }
                Output::Close { connection } => self.close(connection),
                Output::Published { stream, on } => self.tell_control(control::Input::StreamPublished { stream, on }),
                Output::Wanted { stream, on } => self.tell_control(control::Input::StreamWanted { stream, on }),
                Output::KeyframeWanted { stream } => self.feeder.keyframe(stream),
                Output::Tapped { stream, media } => self.feeder.feed(stream, media),
            }
        }
    }

    fn tell_control(&mut self, input: control::Input) {
        if !self.backlog.is_empty() {
            return self.backlog.push_back(input);
        }
        if let Err(input) = self.control.send(input) {
            self.backlog.push_back(*input);
        }
    }

    fn write_all(&mut self) {
        while let Some(id) = self.hub.poll_writable() {
            if self.players.contains_key(&id) {
                self.fill(id);
            } else {
                self.write(id);
            }
        }
    }

    fn write(&mut self, id: ConnectionId) {
        match self.write_turn(id) {
            Ok(true) => {}
            Ok(false) => drop(self.unwritten.insert(id)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if let Some(client) = self.sockets.get_mut(&id) {
                    client.blocked = true;
                }
            }
            Err(error) => {
                tracing::debug!(%error, "an RTMP connection ended");
                self.close(id);
            }
        }
    }

    /// `false`: there is more. `WouldBlock`: an event tells when the socket takes more.
    fn write_turn(&mut self, id: ConnectionId) -> io::Result<bool> {
        let Self { sockets, hub, clock, .. } = self;
        let Some(client) = sockets.get_mut(&id).filter(|client| !client.blocked) else { return Ok(true) };
        client.socket.flush()?;
        for _ in 0..WRITES {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let gathered = hub.gather(id, &mut slices);
            if gathered == 0 {
                return Ok(true);
            }
            let count = client.socket.write(&slices[..gathered])?;
            if !hub.handle_written(clock.now().instant, id, count) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives a player by HTTP what it has room for.
    fn fill(&mut self, id: ConnectionId) {
        let Self { players, hub, clock, .. } = self;
        let Some(player) = players.get(&id) else { return };
        let Way::Pipe(pipe) = &player.way else { return };
        if !pipe.fill(|| hub.take_flv(clock.now().instant, id)) {
            self.close(id);
        }
        self.drain();
    }

    /// The socket, or the HTTP body's end, goes with its entry here.
    fn close(&mut self, id: ConnectionId) {
        if let Some(mut client) = self.sockets.remove(&id) {
            let _ = self.poll.registry().deregister(client.socket.stream());
        }
        self.players.remove(&id);
        let now = self.clock.now().instant;
        self.pushes.closed(now, id);
        self.hub.handle_command(now, Command::Closed { connection: id });
    }
}
