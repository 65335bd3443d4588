//! Sessions over sockets that come and go: hello, resume, heartbeats, every frame exactly once in order.
//!
//! A state machine without I/O, owned by the control thread. A socket greets, its hello opens a session or resumes one;
//! the session numbers what it sends, keeps it until it is acknowledged, and survives its socket for a while. What is
//! asked is given out at most once: a request id that was seen is not executed again.

mod hello;
mod limit;
mod outbox;
#[cfg(test)]
mod tests;

use crate::control::SocketId;
use carillon_chat::SessionId;
use carillon_config::gateway::Gateway;
use carillon_proto::gateway::{
    ByeReason, ClientFrame, ErrorBody, Event, Outcome, Request, ServerFrame, SignIn, Snapshot, close, code,
};
use carillon_proto::id::UserId;
use carillon_proto::time::Now;
use limit::{Bucket, Refusals};
use outbox::Outbox;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

/// Fills a buffer with bytes that nobody can guess.
pub type RandomSource = Box<dyn FnMut(&mut [u8]) + Send>;

/// What the control thread is to do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionOutput {
    /// A socket whose queue is full is to be dropped: then say so by `handle_socket_closed`; the client resumes.
    Send { socket: SocketId, text: String },
    /// Close after everything sent before has gone out. The socket is forgotten here already.
    Close { socket: SocketId, code: u16, reason: String },
    /// Ask the chat engine; answer by `signed_in` or `refuse`.
    SignIn { session: SessionId, sign_in: Box<SignIn> },
    /// Answer by `reply`, once.
    Request { session: SessionId, re: u64, request: Box<Request> },
    /// The socket is lost; the session waits to be resumed.
    Lost { session: SessionId },
    /// The session that was lost is resumed.
    Back { session: SessionId },
    /// The session is gone for good, signed in or still signing in.
    Over { session: SessionId },
}

/// Why a timer is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Hello in time, later: not silent for too long.
    Socket(SocketId),
    /// Resumed in time.
    Session(SessionId),
}

/// Counters since the start; the first four are gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub sockets: u64,
    pub sessions_online: u64,
    pub sessions_lost: u64,
    pub sessions_signing_in: u64,
    pub sign_ins: u64,
    pub sign_ins_refused: u64,
    pub resumes: u64,
    pub resumes_refused: u64,
    pub requests: u64,
    /// Came again and were not executed again.
    pub requests_repeated: u64,
    /// Refused for rate or number in flight.
    pub requests_overloaded: u64,
    /// Unknown verbs and bad bodies.
    pub requests_bad: u64,
    pub frames_sent: u64,
    pub frames_replayed: u64,
    /// Sessions ended since their client did not read.
    pub too_slow: u64,
    /// Sockets given up since nothing was heard.
    pub silent: u64,
    pub protocol_errors: u64,
}

pub struct Sessions {
    config: Gateway,
    random: RandomSource,
    last_session: u64,
    stopping: bool,
    sockets: BTreeMap<SocketId, Socket>,
    sessions: BTreeMap<SessionId, Session>,
    /// One entry per socket, one per lost session.
    timers: BTreeSet<(Instant, Timer)>,
    refusals: Refusals,
    output: VecDeque<SessionOutput>,
    stats: Stats,
}

#[derive(Debug)]
struct Socket {
    from: IpAddr,
    phase: Phase,
    /// When the last frame came.
    heard: Instant,
    /// When its timer fires; its real deadline may be later by then.
    armed: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No hello yet.
    Greeting,
    /// The chat engine is asked.
    SigningIn(SessionId),
    Open(SessionId),
}

#[derive(Debug)]
struct Session {
    state: State,
    secret: [u8; 16],
    /// The secret before the last resume: good until the client shows that the `welcome` with the new one has reached it.
    previous: Option<[u8; 16]>,
    /// The highest number of a try to resume.
    attempt: u64,
    /// Known once signed in.
    user: Option<UserId>,
    /// The highest request id that was taken.
    last_request: u64,
    in_flight: BTreeSet<u64>,
    outbox: Outbox,
    bucket: Bucket,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    SigningIn(SocketId),
    Online(SocketId),
    Lost { until: Instant },
}

impl Sessions {
    pub fn new(config: Gateway, random: RandomSource) -> Self {
        Self {
            config,
            random,
            last_session: 0,
            stopping: false,
            sockets: BTreeMap::new(),
            sessions: BTreeMap::new(),
            timers: BTreeSet::new(),
            refusals: Refusals::default(),
            output: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    pub fn handle_socket_opened(&mut self, now: Now, socket: SocketId, from: IpAddr) {
        if self.stopping {
            return self.output.push_back(going_away(socket));
        }
        let armed = now.instant + self.config.hello_within();
        let phase = Phase::Greeting;
        self.sockets.insert(socket, Socket { from, phase, heard: now.instant, armed });
        self.timers.insert((armed, Timer::Socket(socket)));
    }

    /// `Err`: the text was no frame.
    pub fn handle_socket_frame(&mut self, now: Now, socket: SocketId, frame: Result<ClientFrame, ErrorBody>) {
        let Some(known) = self.sockets.get_mut(&socket) else { return };
        known.heard = now.instant;
        match (known.phase, frame) {
            (Phase::Greeting, Ok(ClientFrame::Hello { version, credentials })) => {
                self.handle_hello(now, socket, version, credentials);
            }
            (Phase::Greeting, Ok(_)) => {
                self.refuse_socket(socket, ErrorBody::new(code::BAD_FRAME, "the first frame must be hello"));
            }
            (Phase::Greeting, Err(error)) => self.refuse_socket(socket, error),
            (Phase::SigningIn(_), Ok(ClientFrame::Ping { nonce })) => self.send(socket, &ServerFrame::Pong { nonce }),
            (Phase::SigningIn(session), Ok(_)) => {
                self.break_off(session, ErrorBody::new(code::BAD_FRAME, "wait for welcome after hello"));
            }
            (Phase::SigningIn(session) | Phase::Open(session), Err(error)) => self.break_off(session, error),
            (Phase::Open(session), Ok(frame)) => {
                self.forget_previous_secret(session, &frame);
                self.handle_frame(now, session, socket, frame);
            }
        }
    }

    pub fn handle_socket_closed(&mut self, now: Now, socket: SocketId) {
        match self.forget_socket(socket) {
            None | Some(Phase::Greeting) => {}
            Some(Phase::SigningIn(session)) => self.forget_session(session),
            Some(Phase::Open(session)) => self.lose(now, session),
        }
    }

    /// The chat engine took the sign-in.
    pub fn signed_in(&mut self, now: Now, session: SessionId, user: UserId, snapshot: Box<Snapshot>) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        let State::SigningIn(socket) = known.state else { return };
        known.state = State::Online(socket);
        known.user = Some(user);
        if let Some(socket) = self.sockets.get_mut(&socket) {
            socket.phase = Phase::Open(session);
        }
        self.stats.sign_ins += 1;
        self.welcome(now, session, socket, Some(snapshot));
        self.replay(session, socket, 0);
    }

    /// The chat engine refused the sign-in. No `Over` follows.
    pub fn refuse(&mut self, now: Now, session: SessionId, error: ErrorBody) {
        let Some(known) = self.sessions.get(&session) else { return };
        let State::SigningIn(socket) = known.state else { return };
        self.sessions.remove(&session);
        self.stats.sign_ins_refused += 1;
        if let Some(socket) = self.sockets.get(&socket) {
            self.refusals.count(now.instant, socket.from);
        }
        self.refuse_socket(socket, error);
    }

    /// The answer to request `re`. One for a request that is not in flight is dropped.
    pub fn reply(&mut self, now: Now, session: SessionId, re: u64, result: Result<Value, ErrorBody>) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        if !known.in_flight.remove(&re) {
            return tracing::error!(?session, re, "a request was answered twice, or never asked");
        }
        self.answer(now, session, re, result);
    }

    pub fn push(&mut self, now: Now, session: SessionId, event: Event) {
        let Some(known) = self.sessions.get(&session) else { return };
        let frame = ServerFrame::Event { seq: known.outbox.next_seq(), event };
        self.send_numbered(now, session, &frame);
    }

    /// Ends a session for good: `bye`, then `Over`.
    pub fn end(&mut self, _now: Now, session: SessionId, reason: ByeReason) {
        self.end_with(session, reason, said(reason), None);
    }

    /// The server stops: says `bye` to everybody and takes nobody new. No session is `Over` by it: who is in a call
    /// comes back to the next start.
    pub fn stop(&mut self, _now: Now) {
        self.stopping = true;
        let reason = ByeReason::ServerStopping;
        let bye = ServerFrame::Bye { reason, message: said(reason).to_owned(), code: None };
        for socket in self.sockets.keys().copied().collect::<Vec<_>>() {
            self.send(socket, &bye);
            self.output.push_back(going_away(socket));
        }
        self.sockets.clear();
        self.sessions.clear();
        self.timers.clear();
    }

    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        self.output.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        self.timers.first().copied()
    }

    pub fn handle_timeout(&mut self, now: Now) {
        while let Some(&(at, timer)) = self.timers.first()
            && at <= now.instant
        {
            self.timers.pop_first();
            match timer {
                Timer::Socket(socket) => self.check_socket(now, socket),
                Timer::Session(session) => self.forget_session(session),
            }
        }
    }

    pub fn stats(&self) -> Stats {
        let count = |f: fn(&State) -> bool| self.sessions.values().filter(|s| f(&s.state)).count() as u64;
        Stats {
            sockets: self.sockets.len() as u64,
            sessions_online: count(|s| matches!(s, State::Online(_))),
            sessions_lost: count(|s| matches!(s, State::Lost { .. })),
            sessions_signing_in: count(|s| matches!(s, State::SigningIn(_))),
            ..self.stats
        }
    }
}

// ---- frames of an open session ----
impl Sessions {
    fn handle_frame(&mut self, now: Now, session: SessionId, socket: SocketId, frame: ClientFrame) {
        match frame {
            ClientFrame::Hello { .. } => {
                self.break_off(session, ErrorBody::new(code::BAD_FRAME, "this socket has said hello already"));
            }
            ClientFrame::Request { id, verb, body, ack } => {
                if ack.is_none_or(|seq| self.acknowledge(session, seq)) {
                    self.handle_request(now, session, socket, (id, verb, body));
                }
            }
            ClientFrame::Ack { seq } => {
                self.acknowledge(session, seq);
            }
            ClientFrame::Ping { nonce } => self.send(socket, &ServerFrame::Pong { nonce }),
            ClientFrame::SignOut => {
                self.end_with(session, ByeReason::SignedOut, said(ByeReason::SignedOut), None);
            }
        }
    }

    /// A client that asks or acknowledges has read its `welcome`. Pings are sent by timers and prove nothing.
    fn forget_previous_secret(&mut self, session: SessionId, frame: &ClientFrame) {
        match frame {
            ClientFrame::Request { .. } | ClientFrame::Ack { .. } => {
                if let Some(known) = self.sessions.get_mut(&session) {
                    known.previous = None;
                }
            }
            ClientFrame::Hello { .. } | ClientFrame::Ping { .. } | ClientFrame::SignOut => {}
        }
    }

    /// `false`: the session ended, since the client claims to have handled what was never sent.
    fn acknowledge(&mut self, session: SessionId, seq: u64) -> bool {
        let Some(known) = self.sessions.get_mut(&session) else { return false };
        let sent = known.outbox.next_seq() - 1;
        let honest = seq <= sent && known.outbox.acknowledge(seq);
        if !honest {
            let message = format!("ack {seq} is beyond {sent}, the last frame sent");
            self.break_off(session, ErrorBody::new(code::BAD_FRAME, message));
        }
        honest
    }

    fn handle_request(&mut self, now: Now, session: SessionId, socket: SocketId, asked: (u64, String, Value)) {
        let (id, verb, body) = asked;
        let Some(known) = self.sessions.get_mut(&session) else { return };
        if id <= known.last_request {
            self.stats.requests_repeated += 1;
            let id = known.last_request;
            return self.send(socket, &ServerFrame::Ack { id });
        }
        if id != known.last_request + 1 {
            let reason = format!("request {id} came, {} was expected: resume", known.last_request + 1);
            self.forget_socket(socket);
            self.close(socket, close::REQUEST_MISSING, &reason);
            return self.lose(now, session);
        }
        known.last_request = id;
        self.stats.requests += 1;
        match self.admit(now, session).and_then(|()| self.parse(&verb, body)) {
            Ok(request) => {
                if let Some(known) = self.sessions.get_mut(&session) {
                    known.in_flight.insert(id);
                }
                self.output.push_back(SessionOutput::Request { session, re: id, request: Box::new(request) });
            }
            Err(error) => self.answer(now, session, id, Err(error)),
        }
    }

    fn admit(&mut self, now: Now, session: SessionId) -> Result<(), ErrorBody> {
        let Some(known) = self.sessions.get_mut(&session) else { return Ok(()) };
        let Gateway { requests_per_s, requests_burst, requests_in_flight, .. } = self.config;
        if !known.bucket.take(now.instant, requests_per_s, requests_burst) {
            self.stats.requests_overloaded += 1;
            let message = format!("more than {requests_per_s} requests per second");
            return Err(ErrorBody::new(code::OVERLOADED, message));
        }
        if known.in_flight.len() >= requests_in_flight {
            self.stats.requests_overloaded += 1;
            let message = format!("{requests_in_flight} requests wait for their answer already");
            return Err(ErrorBody::new(code::OVERLOADED, message));
        }
        Ok(())
    }

    fn parse(&mut self, verb: &str, body: Value) -> Result<Request, ErrorBody> {
        Request::parse(verb, body).inspect_err(|_| self.stats.requests_bad += 1)
    }

    fn answer(&mut self, now: Now, session: SessionId, re: u64, result: Result<Value, ErrorBody>) {
        let Some(known) = self.sessions.get(&session) else { return };
        let outcome = match result {
            Ok(body) => Outcome::Ok { body },
            Err(error) => Outcome::Error { error },
        };
        let frame = ServerFrame::Reply { seq: known.outbox.next_seq(), re, ack: known.last_request, outcome };
        self.send_numbered(now, session, &frame);
    }

    fn send_numbered(&mut self, _now: Now, session: SessionId, frame: &ServerFrame) {
        let Some(text) = to_text(frame) else { return };
        let Some(known) = self.sessions.get_mut(&session) else { return };
        known.outbox.push(text.clone());
        self.stats.frames_sent += 1;
        match known.state {
            _ if known.outbox.is_over(self.config.outbox_frames, self.config.outbox_bytes) => {
                self.stats.too_slow += 1;
                self.end_with(session, ByeReason::TooSlow, said(ByeReason::TooSlow), None);
            }
            State::Online(socket) => self.output.push_back(SessionOutput::Send { socket, text }),
            State::SigningIn(_) | State::Lost { .. } => {}
        }
    }
}

// ---- ends ----
impl Sessions {
    fn lose(&mut self, now: Now, session: SessionId) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        let until = now.instant + self.config.resume_within();
        known.state = State::Lost { until };
        self.timers.insert((until, Timer::Session(session)));
        self.output.push_back(SessionOutput::Lost { session });
    }

    /// The client broke the protocol.
    fn break_off(&mut self, session: SessionId, error: ErrorBody) {
        self.stats.protocol_errors += 1;
        self.end_with(session, ByeReason::ProtocolError, &error.message, Some(error.code));
    }

    fn end_with(&mut self, session: SessionId, reason: ByeReason, message: &str, code: Option<i32>) {
        let Some(known) = self.sessions.get(&session) else { return };
        match known.state {
            State::SigningIn(socket) | State::Online(socket) => {
                self.send(socket, &ServerFrame::Bye { reason, message: message.to_owned(), code });
                self.forget_socket(socket);
                self.close(socket, close::SESSION_OVER, message);
            }
            State::Lost { until } => {
                self.timers.remove(&(until, Timer::Session(session)));
            }
        }
        self.forget_session(session);
    }

    fn forget_session(&mut self, session: SessionId) {
        if self.sessions.remove(&session).is_some() {
            self.output.push_back(SessionOutput::Over { session });
        }
    }

    fn refuse_socket(&mut self, socket: SocketId, error: ErrorBody) {
        let reason = error.message.clone();
        self.send(socket, &ServerFrame::Refused { code: error.code, message: error.message });
        self.forget_socket(socket);
        self.close(socket, close::REFUSED, &reason);
    }

    /// A socket's timer fired: it is late, or its deadline has moved.
    fn check_socket(&mut self, now: Now, socket: SocketId) {
        let Some(known) = self.sockets.get_mut(&socket) else { return };
        let deadline = match known.phase {
            Phase::Greeting => known.armed,
            Phase::SigningIn(_) | Phase::Open(_) => known.heard + 2 * self.config.ping_interval(),
        };
        if deadline > now.instant {
            known.armed = deadline;
            self.timers.insert((deadline, Timer::Socket(socket)));
            return;
        }
        match known.phase {
            Phase::Greeting => self.close(socket, close::NO_HELLO, "no hello in time"),
            Phase::SigningIn(_) | Phase::Open(_) => {
                self.stats.silent += 1;
                self.close(socket, close::SILENT, "nothing was heard for two ping intervals");
            }
        }
        self.handle_socket_closed(now, socket);
    }

    fn forget_socket(&mut self, socket: SocketId) -> Option<Phase> {
        let known = self.sockets.remove(&socket)?;
        self.timers.remove(&(known.armed, Timer::Socket(socket)));
        Some(known.phase)
    }

    /// The hello was taken: from now on silence counts, which may be due before the hello was.
    fn set_phase(&mut self, socket: SocketId, phase: Phase) {
        let Some(known) = self.sockets.get_mut(&socket) else { return };
        known.phase = phase;
        self.timers.remove(&(known.armed, Timer::Socket(socket)));
        known.armed = known.heard + 2 * self.config.ping_interval();
        self.timers.insert((known.armed, Timer::Socket(socket)));
    }

    fn send(&mut self, socket: SocketId, frame: &ServerFrame) {
        if let Some(text) = to_text(frame) {
            self.output.push_back(SessionOutput::Send { socket, text });
        }
    }

    fn close(&mut self, socket: SocketId, code: u16, reason: &str) {
        self.output.push_back(SessionOutput::Close { socket, code, reason: cut(reason) });
    }
}

fn going_away(socket: SocketId) -> SessionOutput {
    SessionOutput::Close { socket, code: close::GOING_AWAY, reason: said(ByeReason::ServerStopping).to_owned() }
}

fn to_text(frame: &ServerFrame) -> Option<String> {
    serde_json::to_string(frame).inspect_err(|error| tracing::error!(%error, "a frame could not be written")).ok()
}

/// A close reason has 123 bytes at most (RFC 6455 section 5.5).
fn cut(reason: &str) -> String {
    reason[..reason.floor_char_boundary(120)].to_owned()
}

fn said(reason: ByeReason) -> &'static str {
    match reason {
        ByeReason::KickedByDevice => "a newer device of this user signed in",
        ByeReason::KickedBySameDevice => "this device signed in on another socket",
        ByeReason::UserSigExpired => "the UserSig has expired, sign in with a new one",
        ByeReason::KickedByAdmin => "an administrator ended the session",
        ByeReason::SignedOut => "signed out",
        ByeReason::ProtocolError => "the client broke the protocol",
        ByeReason::TooSlow => "too much was sent and not acknowledged",
        ByeReason::ServerStopping => "the server stops, sign in anew in a moment",
    }
}
