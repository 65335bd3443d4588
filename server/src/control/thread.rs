//! The loop: inputs in batches, one transaction a batch, and nothing leaves before that transaction is durable.

use super::bridging::Bridging;
use super::streams::Streams;
use super::whip::Whips;
use super::{Input, SocketId, SocketOut, Stats};
use crate::clock::Clock;
use crate::exchange::Exchange;
use crate::gateway::session::Sessions;
use crate::store::SqliteStore;
use crate::worker;
use carillon_call::Switchboard;
use carillon_chat::{Chat, SessionId, StoreError};
use carillon_proto::gateway::ErrorBody;
use carillon_proto::id::{AppId, RoomId, UserId};
use carillon_proto::time::Now;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Inputs of one transaction. More lets one fsync serve more, and lets the first wait longer.
const BATCH: usize = 256;
/// The longest wait for an input: old data is deleted in between.
const IDLE: Duration = Duration::from_secs(5);
/// How soon a transaction that the disk refused is tried again. Nobody is told anything meanwhile; media goes on.
const COMMIT_AGAIN: Duration = Duration::from_millis(200);
/// Every so many attempts are told: the log may go to the disk that is full.
const COMPLAIN_EACH: u64 = 50;
/// How soon a full worker mailbox is tried again.
const RETRY: Duration = Duration::from_millis(5);

/// Commands that wait behind a worker's full mailbox. Above, its rooms take in nobody and no offers; what may still come
/// is the leaving of those who are in.
pub(super) const BACKLOG: usize = 4096;

/// What the control thread is made of.
pub struct Parts {
    pub clock: Clock,
    pub inputs: Receiver<Input>,
    pub sessions: Sessions,
    pub chat: Chat,
    pub calls: Switchboard,
    pub store: SqliteStore,
    pub apps: carillon_config::Apps,
    pub postman: mpsc::UnboundedSender<crate::postman::Post>,
    pub callbacks_waiting_max: usize,
    /// How long a store that refuses a transaction is tried again.
    pub give_up_within: Duration,
    pub workers: Vec<worker::Handle>,
    pub rtmp: crate::rtmp::Handle,
    pub bridge: crate::bridge::Handle,
    /// How far ahead a signed stream address may be good.
    pub signed_life_max: Duration,
    pub pushes_per_room: usize,
    /// Makes the names of WHIP resources, which are secrets.
    pub random: Box<dyn FnMut() -> u128 + Send>,
}

/// Starts the thread; it ends after `Input::Stop`, or with what makes it impossible to go on.
pub fn start(parts: Parts) -> io::Result<std::thread::JoinHandle<Result<(), StoreError>>> {
    let control = Control::new(parts);
    std::thread::Builder::new().name("control".into()).spawn(move || control.run())
}

/// What waits for the transaction.
pub(super) enum Release {
    Socket(SocketId, SocketOut),
    Worker(usize, carillon_sfu::Command),
    Whip(oneshot::Sender<Result<super::WhipAnswer, ErrorBody>>, Result<super::WhipAnswer, ErrorBody>),
    WhipDeleted(oneshot::Sender<bool>, bool),
    Rest(super::rest::RestReply, super::rest::Answer),
    Post(crate::store::Letter),
    Stream(crate::rtmp::Input),
    Bridge(crate::bridge::Order),
}

pub(super) struct Control {
    pub(super) clock: Clock,
    inputs: Receiver<Input>,
    pub(super) sessions: Sessions,
    pub(super) chat: Chat,
    pub(super) calls: Switchboard,
    pub(super) exchange: Exchange,
    pub(super) store: SqliteStore,
    give_up_within: Duration,
    workers: Vec<worker::Handle>,
    sockets: BTreeMap<SocketId, mpsc::Sender<SocketOut>>,
    /// Whose session it is, from sign-in to its end.
    pub(super) who: BTreeMap<SessionId, (AppId, UserId)>,
    pub(super) whips: Whips,
    pub(super) streams: Streams,
    rtmp: crate::rtmp::Handle,
    pub(super) bridging: Bridging,
    bridge: crate::bridge::Handle,
    pub(super) admins: super::rest::Admins,
    pub(super) callbacks: super::callbacks::Callbacks,
    pub(super) release: Vec<Release>,
    /// Sockets that did not take what was sent: they are closed in the next pass.
    full: Vec<SocketId>,
    /// Commands that found a worker's mailbox full, in order.
    backlog: Vec<VecDeque<carillon_sfu::Command>>,
    stats: Stats,
    /// What the call engine was told, and the records that it made.
    #[cfg(test)]
    pub(super) tape: Vec<Taped>,
}

#[cfg(test)]
pub(super) enum Taped {
    Told(carillon_call::Command),
    Record(carillon_proto::gateway::CallRecord),
}

impl Control {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            exchange: Exchange::new(parts.workers.len()),
            backlog: parts.workers.iter().map(|_| VecDeque::new()).collect(),
            clock: parts.clock,
            inputs: parts.inputs,
            sessions: parts.sessions,
            chat: parts.chat,
            calls: parts.calls,
            store: parts.store,
            give_up_within: parts.give_up_within,
            workers: parts.workers,
            sockets: BTreeMap::new(),
            who: BTreeMap::new(),
            whips: Whips::new(parts.random),
            streams: Streams::new(&parts.apps, parts.signed_life_max, parts.pushes_per_room),
            rtmp: parts.rtmp,
            bridging: Bridging::default(),
            bridge: parts.bridge,
            admins: super::rest::Admins::new(&parts.apps),
            callbacks: super::callbacks::Callbacks::new(&parts.apps, parts.callbacks_waiting_max, parts.postman),
            release: Vec::new(),
            full: Vec::new(),
            stats: Stats::default(),
            #[cfg(test)]
            tape: Vec::new(),
        }
    }

    fn run(mut self) -> Result<(), StoreError> {
        self.restore(self.clock.now())?;
        loop {
            let first = match self.inputs.recv_timeout(self.wait()) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            self.clock.resync();
            if !self.turn(self.clock.now(), first)? {
                return Ok(());
            }
        }
    }

    /// Takes back the calls and seats that the store has. Without them people in calls would be strangers to their own
    /// rooms, and the rows would stay for ever.
    pub(super) fn restore(&mut self, now: Now) -> Result<(), StoreError> {
        let saved = self.store.saved()?;
        match self.calls.restore(now, saved) {
            0 => {}
            bad => tracing::error!(bad, "saved states of calls or rooms could not be read"),
        }
        self.restore_callbacks()
    }

    /// One transaction: a batch of inputs, what time asks for, and then what is to be said. `false`: it was the last.
    /// `Err`: the store is lost, and nothing was said.
    pub(super) fn turn(&mut self, now: Now, first: Option<Input>) -> Result<bool, StoreError> {
        self.insist(SqliteStore::begin)?;
        let going_on = self.take_batch(now, first);
        self.handle_timeouts(now);
        self.pump(now);
        self.commit()?;
        self.release_all();
        Ok(going_on)
    }

    /// When something is due next, inputs or not.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = [
            self.sessions.poll_timeout().map(|(at, _)| at),
            self.chat.poll_timeout().map(|(at, _)| at),
            self.calls.poll_timeout().map(|(at, _)| at),
            self.whips.poll_timeout(),
        ];
        due.into_iter().flatten().min()
    }

    fn wait(&self) -> Duration {
        if !self.full.is_empty() || self.backlog.iter().any(|b| !b.is_empty()) {
            return RETRY;
        }
        self.due().map_or(IDLE, |at| at.saturating_duration_since(self.clock.now().instant).min(IDLE))
    }

    /// `false`: this was the last batch.
    fn take_batch(&mut self, now: Now, first: Option<Input>) -> bool {
        for socket in std::mem::take(&mut self.full) {
            self.sockets.remove(&socket);
            self.sessions.handle_socket_closed(now, socket);
        }
        let mut next = first;
        for _ in 0..BATCH {
            let Some(input) = next.take().or_else(|| self.inputs.try_recv().ok()) else { return true };
            if matches!(input, Input::Stop) {
                self.sessions.stop(now);
                return false;
            }
            self.handle_input(now, input);
            // Engines see the effects of one input before the next comes, as a single client would.
            self.pump(now);
        }
        true
    }

    fn handle_input(&mut self, now: Now, input: Input) {
        match input {
            Input::SocketOpened { socket, from, out } => {
                self.sockets.insert(socket, out);
                self.sessions.handle_socket_opened(now, socket, from);
            }
            Input::SocketFrame { socket, frame } => self.sessions.handle_socket_frame(now, socket, frame),
            Input::SocketClosed { socket } => {
                self.sockets.remove(&socket);
                self.sessions.handle_socket_closed(now, socket);
            }
            Input::Whip(request, reply) => self.handle_whip(now, request, reply),
            Input::WhipDelete { resource, done } => {
                let deleted = self.handle_whip_delete(now, &resource);
                self.release.push(Release::WhipDeleted(done, deleted));
            }
            Input::StreamAdmit(question) => self.handle_stream(now, question),
            Input::StreamLeft { admission, on_purpose } => self.stream_left(now, admission, on_purpose),
            Input::StreamFlows { stream, flows } => self.stream_flows(now, &stream, flows),
            Input::StreamPublished { stream, on } => self.stream_published(stream, on),
            Input::StreamWanted { stream, on } => self.stream_wanted(stream, on),
            Input::Rest(request, reply) => self.handle_rest(now, request, reply),
            Input::Posted(posted) => self.handle_posted(posted),
            Input::Media(output) => {
                for step in self.exchange.media(output) {
                    self.step(now, step);
                }
            }
            Input::Stats(reply) => {
                let _ = reply.send(self.snapshot());
            }
            Input::Stop => {}
        }
    }

    fn handle_timeouts(&mut self, now: Now) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now.instant);
        if due(self.sessions.poll_timeout().map(|(at, _)| at)) {
            self.sessions.handle_timeout(now);
        }
        if due(self.chat.poll_timeout().map(|(at, _)| at)) {
            self.chat.handle_timeout(now, &mut self.store);
        }
        if due(self.calls.poll_timeout().map(|(at, _)| at)) {
            let directory = super::pump::Facts { chat: &self.chat, store: &self.store, now };
            self.calls.handle_timeout(now, &directory);
        }
        if due(self.whips.poll_timeout()) {
            self.expire_whips(now);
        }
        self.store.delete_old(now.wall);
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let started = self.clock.now().instant;
        if self.insist(SqliteStore::commit)? {
            let took = self.clock.now().instant - started;
            self.stats.commits += 1;
            self.stats.commit_micros += u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    /// Tries again while the store refuses. `Err`: it is lost for good; the process must not promise anything more.
    fn insist<T>(&mut self, task: fn(&mut SqliteStore) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let started = self.clock.now().instant;
        let mut attempt = 0_u64;
        loop {
            let error = match task(&mut self.store) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            self.stats.commit_failures += 1;
            if attempt.is_multiple_of(COMPLAIN_EACH) {
                tracing::error!(%error, attempt, "the store did not take a transaction; trying again");
            }
            if self.clock.now().instant - started >= self.give_up_within {
                return Err(error);
            }
            attempt += 1;
            std::thread::sleep(COMMIT_AGAIN);
        }
    }

    fn release_all(&mut self) {
        for worker in 0..self.backlog.len() {
            while let Some(command) = self.backlog[worker].pop_front() {
                if let Err(command) = self.offer_to_worker(worker, command) {
                    self.backlog[worker].push_front(command);
                    break;
                }
            }
        }
        for release in std::mem::take(&mut self.release) {
            match release {
                Release::Socket(socket, out) => self.send_to_socket(socket, out),
                Release::Worker(worker, command) => self.send_to_worker(worker, command),
                Release::Whip(reply, result) => drop(reply.send(result)),
                Release::WhipDeleted(done, deleted) => drop(done.send(deleted)),
                Release::Stream(input) => self.rtmp.send(input),
                Release::Bridge(order) => self.bridge.order(order),
                Release::Rest(reply, result) => drop(reply.send(result)),
                Release::Post(letter) => self.callbacks.send(crate::postman::Post::Letter(letter)),
            }
        }
    }

    /// The worker of this room has too much waiting: what would make more is refused.
    pub(super) fn is_behind(&self, app: AppId, room: &RoomId) -> bool {
        let worker = self.exchange.worker_of(app, room);
        self.backlog.get(worker).is_some_and(|waiting| waiting.len() >= BACKLOG)
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.backlog.iter().map(VecDeque::len).sum()
    }

    fn send_to_socket(&mut self, socket: SocketId, out: SocketOut) {
        let closing = matches!(out, SocketOut::Close { .. });
        let Some(sender) = self.sockets.get(&socket) else { return };
        // Without its sender the writer drains its queue and closes, so a full queue cannot hold a socket open.
        if sender.try_send(out).is_err() || closing {
            self.sockets.remove(&socket);
            if !closing {
                self.full.push(socket);
            }
        }
    }

    fn send_to_worker(&mut self, worker: usize, command: carillon_sfu::Command) {
        let waiting = self.backlog.get(worker).is_some_and(|b| !b.is_empty());
        let refused = if waiting { Err(command) } else { self.offer_to_worker(worker, command) };
        if let Err(command) = refused
            && let Some(backlog) = self.backlog.get_mut(worker)
        {
            self.stats.worker_refusals += 1;
            backlog.push_back(command);
        }
    }

    /// Gives back what found the mailbox full. A worker that has stopped takes everything: the process is ending.
    fn offer_to_worker(&self, worker: usize, command: carillon_sfu::Command) -> Result<(), carillon_sfu::Command> {
        let Some(handle) = self.workers.get(worker) else { return Ok(()) };
        match handle.send(worker::Input::Command(command)) {
            Ok(()) | Err(worker::Refused::Stopped) => Ok(()),
            Err(worker::Refused::Full(input)) => {
                let worker::Input::Command(command) = *input else {
                    unreachable!("the input that was sent comes back")
                };
                Err(command)
            }
        }
    }

    fn snapshot(&self) -> Stats {
        Stats {
            sessions: self.sessions.stats(),
            chat: self.chat.stats(),
            calls: self.calls.stats(),
            callbacks: self.callbacks.stats,
            media_rooms: self.exchange.rooms() as u64,
            media_seats: self.exchange.seats() as u64,
            ..self.stats.clone()
        }
    }
}
