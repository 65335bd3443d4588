//! The engine, told the time and every frame; first facts one by one, then random histories of lost sockets.

#![expect(clippy::disallowed_methods, reason = "a test needs some instant to start from")]

mod histories;
mod resume;

use super::hello::{parse_secret, secret_text};
use super::*;
use carillon_proto::gateway::{Credentials, Device, Platform, Profile, Resume, Sync, VERSION, Welcome};
use carillon_proto::id::{AppId, DeviceId};
use carillon_proto::time::UnixMillis;
use serde_json::json;
use std::time::Duration;

const A: SocketId = SocketId(1);
const B: SocketId = SocketId(2);
const C: SocketId = SocketId(3);
const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));

/// Sessions, their clock, and what they said last.
struct Bench {
    sessions: Sessions,
    now: Now,
}

impl Bench {
    fn new() -> Self {
        Self::with(Gateway::default())
    }

    fn with(config: Gateway) -> Self {
        let mut byte = 0;
        let random = move |buffer: &mut [u8]| {
            byte += 1;
            buffer.fill(byte);
        };
        let now = Now { instant: Instant::now(), wall: UnixMillis(1_700_000_000_000) };
        Self { sessions: Sessions::new(config, Box::new(random)), now }
    }

    fn open(&mut self, socket: SocketId) {
        self.sessions.handle_socket_opened(self.now, socket, FROM);
    }

    /// The client sends a frame; everything that comes of it.
    fn say(&mut self, socket: SocketId, frame: ClientFrame) -> Vec<SessionOutput> {
        self.sessions.handle_socket_frame(self.now, socket, Ok(frame));
        self.outputs()
    }

    fn outputs(&mut self) -> Vec<SessionOutput> {
        std::iter::from_fn(|| self.sessions.poll_output()).collect()
    }

    fn pass(&mut self, time: Duration) -> Vec<SessionOutput> {
        self.now = self.now.plus(time);
        self.sessions.handle_timeout(self.now);
        self.outputs()
    }

    /// A new socket says hello; the session that the chat engine is asked about.
    fn greet(&mut self, socket: SocketId) -> SessionId {
        self.open(socket);
        let outputs = self.say(socket, hello());
        let [SessionOutput::SignIn { session, .. }] = outputs[..] else { panic!("no sign-in: {outputs:?}") };
        session
    }

    /// A session and its welcome.
    fn sign_in(&mut self, socket: SocketId) -> (SessionId, Box<Welcome>) {
        let session = self.greet(socket);
        self.sessions.signed_in(self.now, session, amy(), snapshot());
        let outputs = self.outputs();
        let [ServerFrame::Welcome(welcome)] = &frames(&outputs, socket)[..] else { panic!("no welcome: {outputs:?}") };
        (session, welcome.clone())
    }

    fn resume(&mut self, socket: SocketId, session: &str, ack: u64) -> Vec<SessionOutput> {
        self.resume_by_try(socket, session, ack, 0)
    }

    fn resume_by_try(&mut self, socket: SocketId, session: &str, ack: u64, attempt: u64) -> Vec<SessionOutput> {
        self.open(socket);
        self.say(socket, resume_frame(session, ack, attempt))
    }

    fn lose(&mut self, socket: SocketId) -> Vec<SessionOutput> {
        self.sessions.handle_socket_closed(self.now, socket);
        self.outputs()
    }

    fn push(&mut self, session: SessionId, n: u64) -> Vec<SessionOutput> {
        self.sessions.push(self.now, session, event(n));
        self.outputs()
    }
}

fn amy() -> UserId {
    UserId::new("amy").expect("a valid name")
}

fn snapshot() -> Box<Snapshot> {
    let profile = Profile { user: amy(), nick: String::new(), avatar: String::new() };
    Box::new(Snapshot { profile, conversations: vec![], open_invitations: vec![], rooms: vec![], calls: vec![] })
}

fn hello() -> ClientFrame {
    let id = DeviceId::new("d1").expect("a valid id");
    let device = Device { id, platform: Platform::Web, sync: Sync::Answers };
    let sign_in = SignIn { app: AppId(1), user: "amy".to_owned(), user_sig: "sig".to_owned(), device };
    ClientFrame::Hello { version: VERSION, credentials: Credentials::SignIn(sign_in) }
}

fn resume_frame(session: &str, ack: u64, attempt: u64) -> ClientFrame {
    let resume = Resume { session: session.to_owned(), ack, attempt };
    ClientFrame::Hello { version: VERSION, credentials: Credentials::Resume { resume } }
}

/// Request `id`, which carries its own number.
fn request(id: u64) -> ClientFrame {
    ClientFrame::Request { id, verb: "status.set".to_owned(), body: json!({"custom": id.to_string()}), ack: None }
}

fn event(seq: u64) -> Event {
    Event::MessageRead { with: carillon_proto::gateway::Peer::User(amy()), by: amy(), seq }
}

fn parse(text: &str) -> ServerFrame {
    serde_json::from_str(text).expect("a frame of the protocol")
}

/// What `socket` was sent.
fn frames(outputs: &[SessionOutput], socket: SocketId) -> Vec<ServerFrame> {
    let sent = |output: &SessionOutput| {
        let SessionOutput::Send { socket: to, text } = output else { return None };
        (*to == socket).then(|| parse(text))
    };
    outputs.iter().filter_map(sent).collect()
}

fn closed(outputs: &[SessionOutput], socket: SocketId) -> Option<u16> {
    outputs.iter().find_map(|output| {
        let SessionOutput::Close { socket: of, code, .. } = output else { return None };
        (*of == socket).then_some(*code)
    })
}

fn asked(outputs: &[SessionOutput]) -> Vec<u64> {
    let re = |output: &SessionOutput| if let SessionOutput::Request { re, .. } = output { Some(*re) } else { None };
    outputs.iter().filter_map(re).collect()
}

fn seqs(outputs: &[SessionOutput], socket: SocketId) -> Vec<u64> {
    let seq = |frame| {
        let (ServerFrame::Reply { seq, .. } | ServerFrame::Event { seq, .. }) = frame else { return None };
        Some(seq)
    };
    frames(outputs, socket).into_iter().filter_map(seq).collect()
}

fn is_over(outputs: &[SessionOutput], session: SessionId) -> bool {
    outputs.contains(&SessionOutput::Over { session })
}

fn is_lost(outputs: &[SessionOutput], session: SessionId) -> bool {
    outputs.contains(&SessionOutput::Lost { session })
}

/// The socket was refused with this code, and closed.
#[track_caller]
fn assert_refused(outputs: &[SessionOutput], socket: SocketId, expected: i32) {
    let [ServerFrame::Refused { code, .. }] = frames(outputs, socket)[..] else { panic!("not refused: {outputs:?}") };
    assert_eq!(code, expected);
    assert_eq!(closed(outputs, socket), Some(close::REFUSED));
}

/// The session was told why it ends, its socket closed, and the chat engine told.
#[track_caller]
fn assert_bye(outputs: &[SessionOutput], socket: SocketId, session: SessionId, expected: (ByeReason, Option<i32>)) {
    let last = frames(outputs, socket).pop();
    let Some(ServerFrame::Bye { reason, code, .. }) = last else { panic!("no bye: {outputs:?}") };
    assert_eq!((reason, code), expected);
    assert_eq!(closed(outputs, socket), Some(close::SESSION_OVER));
    assert!(is_over(outputs, session), "{outputs:?}");
}

/// The error code of a reply.
#[track_caller]
fn error_of(frame: &ServerFrame) -> i32 {
    let ServerFrame::Reply { outcome: Outcome::Error { error }, .. } = frame else { panic!("no error: {frame:?}") };
    error.code
}

// ---- hello ----

#[test]
fn hello_comes_first() {
    for frame in [request(1), ClientFrame::Ping { nonce: 1 }, ClientFrame::Ack { seq: 0 }, ClientFrame::SignOut] {
        let mut bench = Bench::new();
        bench.open(A);
        let outputs = bench.say(A, frame);
        assert_refused(&outputs, A, code::BAD_FRAME);
        assert_eq!(bench.say(A, hello()), [], "a refused socket is not heard any more");
    }
}

#[test]
fn hello_of_another_version_is_refused() {
    let mut bench = Bench::new();
    bench.open(A);
    let ClientFrame::Hello { credentials, .. } = hello() else { unreachable!() };
    let outputs = bench.say(A, ClientFrame::Hello { version: VERSION + 1, credentials });
    assert_refused(&outputs, A, code::UNSUPPORTED_VERSION);
}

#[test]
fn socket_without_hello_is_closed_in_time() {
    let mut bench = Bench::new();
    bench.open(A);
    assert_eq!(bench.pass(Duration::from_millis(9_999)), []);
    assert_eq!(closed(&bench.pass(Duration::from_millis(1)), A), Some(close::NO_HELLO));
    assert_eq!((bench.sessions.stats().sockets, bench.sessions.poll_timeout()), (0, None));
}

#[test]
fn refused_sign_in_leaves_nothing() {
    let mut bench = Bench::new();
    let session = bench.greet(A);
    bench.sessions.refuse(bench.now, session, ErrorBody::new(code::USER_SIG_EXPIRED, "old"));
    let outputs = bench.outputs();
    assert_refused(&outputs, A, code::USER_SIG_EXPIRED);
    assert!(!is_over(&outputs, session), "who refuses needs not be told");
    assert_eq!((bench.sessions.stats().sessions_signing_in, bench.sessions.poll_timeout()), (0, None));
}

#[test]
fn address_with_too_many_refused_sign_ins_waits() {
    let mut bench = Bench::with(Gateway { refused_sign_ins_per_min: 2, ..Gateway::default() });
    for socket in [A, B] {
        let session = bench.greet(socket);
        bench.sessions.refuse(bench.now, session, ErrorBody::new(code::USER_SIG_EXPIRED, "old"));
        bench.outputs();
    }
    bench.open(SocketId(3));
    let outputs = bench.say(SocketId(3), hello());
    assert_refused(&outputs, SocketId(3), code::TOO_MANY_TRIES);
    bench.pass(Duration::from_secs(60));
    bench.greet(SocketId(4));
}

#[test]
fn full_server_refuses_sign_ins() {
    let mut bench = Bench::with(Gateway { sessions: 1, ..Gateway::default() });
    bench.sign_in(A);
    bench.open(B);
    let outputs = bench.say(B, hello());
    assert_refused(&outputs, B, code::OVERLOADED);
}

#[test]
fn welcome_says_who_and_how_to_resume() {
    let mut bench = Bench::new();
    let (session, welcome) = bench.sign_in(A);
    assert_eq!((welcome.version, &welcome.user, welcome.ack), (VERSION, &amy(), 0));
    assert!(!welcome.resumed && welcome.snapshot.is_some());
    assert_eq!(welcome.server_time_ms, bench.now.wall.0);
    assert_eq!((welcome.ping_interval_ms, welcome.resume_within_ms), (15_000, 60_000));
    assert_eq!(parse_secret(&welcome.session), Some((session, [1; 16])));
    assert_eq!(bench.sessions.stats().sessions_online, 1);
}

#[test]
fn client_that_does_not_wait_for_welcome_is_let_go() {
    let mut bench = Bench::new();
    let session = bench.greet(A);
    let pong = bench.say(A, ClientFrame::Ping { nonce: 7 });
    assert_eq!(frames(&pong, A), [ServerFrame::Pong { nonce: 7 }], "a ping is fine meanwhile");
    let outputs = bench.say(A, request(1));
    assert_bye(&outputs, A, session, (ByeReason::ProtocolError, Some(code::BAD_FRAME)));
    bench.sessions.signed_in(bench.now, session, amy(), snapshot());
    assert_eq!(bench.outputs(), [], "the answer comes too late");
}

#[test]
fn socket_lost_while_signing_in_ends_the_session() {
    let mut bench = Bench::new();
    let session = bench.greet(A);
    assert!(is_over(&bench.lose(A), session));
}

#[test]
fn event_before_welcome_comes_right_after_it() {
    let mut bench = Bench::new();
    let session = bench.greet(A);
    assert_eq!(bench.push(session, 1), []);
    bench.sessions.signed_in(bench.now, session, amy(), snapshot());
    let outputs = bench.outputs();
    assert!(matches!(frames(&outputs, A)[..], [ServerFrame::Welcome(_), ServerFrame::Event { seq: 1, .. }]));
}

// ---- requests ----

#[test]
fn request_is_given_out_and_answered_once() {
    let mut bench = Bench::new();
    let (session, _) = bench.sign_in(A);
    assert_eq!(asked(&bench.say(A, request(1))), [1]);
    bench.sessions.reply(bench.now, session, 1, Ok(json!({})));
    let outcome = Outcome::Ok { body: json!({}) };
    assert_eq!(frames(&bench.outputs(), A), [ServerFrame::Reply { seq: 1, re: 1, ack: 1, outcome }]);
    bench.sessions.reply(bench.now, session, 1, Ok(json!({})));
    assert_eq!(bench.outputs(), []);
}

#[test]
fn repeated_request_is_not_executed_again() {
    let mut bench = Bench::new();
    bench.sign_in(A);
    bench.say(A, request(1));
    bench.say(A, request(2));
    for id in [1, 2] {
        let outputs = bench.say(A, request(id));
        assert_eq!(outputs.len(), 1, "{outputs:?}");
        assert_eq!(frames(&outputs, A), [ServerFrame::Ack { id: 2 }]);
    }
    assert_eq!(bench.sessions.stats().requests_repeated, 2);
}

#[test]
fn missing_request_closes_the_socket_and_resume_works() {
    let mut bench = Bench::new();
    let (session, welcome) = bench.sign_in(A);
    bench.say(A, request(1));
    let outputs = bench.say(A, request(3));
    assert_eq!((asked(&outputs), closed(&outputs, A)), (vec![], Some(close::REQUEST_MISSING)));
    assert!(is_lost(&outputs, session));
    let outputs = bench.resume(B, &welcome.session, 0);
    let [ServerFrame::Welcome(again)] = &frames(&outputs, B)[..] else { panic!("{outputs:?}") };
    assert_eq!((again.resumed, again.ack), (true, 1));
    assert_eq!(asked(&bench.say(B, request(2))), [2]);
}

#[test]
fn unknown_verb_is_answered_with_its_error() {
    let mut bench = Bench::new();
    bench.sign_in(A);
    let outputs = bench.say(A, ClientFrame::Request { id: 1, verb: "jump".to_owned(), body: json!({}), ack: None });
    assert!(asked(&outputs).is_empty());
    assert_eq!(error_of(&frames(&outputs, A)[0]), code::UNKNOWN_VERB);
}

#[test]
fn requests_above_the_rate_are_refused_until_time_passes() {
    let mut bench = Bench::with(Gateway { requests_burst: 3, requests_per_s: 1, ..Gateway::default() });
    bench.sign_in(A);
    for id in 1..=3 {
        assert_eq!(asked(&bench.say(A, request(id))), [id]);
    }
    let outputs = bench.say(A, request(4));
    assert!(asked(&outputs).is_empty());
    assert_eq!(error_of(&frames(&outputs, A)[0]), code::OVERLOADED);
    bench.pass(Duration::from_secs(1));
    assert_eq!(asked(&bench.say(A, request(5))), [5]);
}

#[test]
fn requests_in_flight_are_bounded() {
    let mut bench = Bench::with(Gateway { requests_in_flight: 1, ..Gateway::default() });
    let (session, _) = bench.sign_in(A);
    bench.say(A, request(1));
    assert_eq!(error_of(&frames(&bench.say(A, request(2)), A)[0]), code::OVERLOADED);
    bench.sessions.reply(bench.now, session, 1, Ok(json!({})));
    bench.outputs();
    assert_eq!(asked(&bench.say(A, request(3))), [3]);
}

// ---- acknowledgements and heartbeats ----

#[test]
fn ack_beyond_what_was_sent_ends_the_session() {
    let mut bench = Bench::new();
    let (session, _) = bench.sign_in(A);
    bench.push(session, 1);
    assert_eq!(bench.say(A, ClientFrame::Ack { seq: 1 }), []);
    let outputs = bench.say(A, ClientFrame::Ack { seq: 2 });
    assert_bye(&outputs, A, session, (ByeReason::ProtocolError, Some(code::BAD_FRAME)));
}

#[test]
fn request_with_an_ack_beyond_what_was_sent_is_not_executed() {
    let mut bench = Bench::new();
    let (session, _) = bench.sign_in(A);
    let ClientFrame::Request { id, verb, body, .. } = request(1) else { unreachable!() };
    let outputs = bench.say(A, ClientFrame::Request { id, verb, body, ack: Some(1) });
    assert!(asked(&outputs).is_empty());
    assert_bye(&outputs, A, session, (ByeReason::ProtocolError, Some(code::BAD_FRAME)));
}

#[test]
fn ping_is_answered_with_its_nonce() {
    let mut bench = Bench::new();
    bench.sign_in(A);
    let outputs = bench.say(A, ClientFrame::Ping { nonce: 42 });
    assert_eq!(frames(&outputs, A), [ServerFrame::Pong { nonce: 42 }]);
}

#[test]
fn silent_socket_is_lost_after_two_intervals() {
    let mut bench = Bench::new();
    let (session, _) = bench.sign_in(A);
    bench.pass(Duration::from_secs(20));
    bench.say(A, ClientFrame::Ping { nonce: 1 });
    assert_eq!(bench.pass(Duration::from_millis(29_999)), [], "a ping counts as a sign of life");
    let outputs = bench.pass(Duration::from_millis(1));
    assert_eq!(closed(&outputs, A), Some(close::SILENT));
    assert!(is_lost(&outputs, session));
    assert_eq!((bench.sessions.stats().silent, bench.sessions.stats().sessions_lost), (1, 1));
}

#[test]
fn silence_is_noticed_in_time_where_hello_may_take_longer() {
    let config = Gateway { ping_interval_ms: 1_000, hello_within_ms: 60_000, ..Gateway::default() };
    let mut bench = Bench::with(config);
    bench.sign_in(A);
    assert_eq!(closed(&bench.pass(Duration::from_secs(2)), A), Some(close::SILENT));
}

// ---- ends ----

#[test]
fn client_that_acknowledges_nothing_is_too_slow() {
    let mut bench = Bench::with(Gateway { outbox_frames: 16, ..Gateway::default() });
    let (session, welcome) = bench.sign_in(A);
    for n in 1..=16 {
        assert_eq!(seqs(&bench.push(session, n), A), [n]);
    }
    let outputs = bench.push(session, 17);
    assert_bye(&outputs, A, session, (ByeReason::TooSlow, None));
    assert_eq!(bench.sessions.stats().too_slow, 1);
    assert_refused(&bench.resume(B, &welcome.session, 0), B, code::RESUME_FAILED);
}

#[test]
fn lost_session_with_a_full_outbox_is_over() {
    let mut bench = Bench::with(Gateway { outbox_frames: 16, ..Gateway::default() });
    let (session, _) = bench.sign_in(A);
    bench.lose(A);
    let outputs: Vec<_> = (1..=17).flat_map(|n| bench.push(session, n)).collect();
    assert_eq!(outputs, [SessionOutput::Over { session }]);
    assert_eq!(bench.sessions.poll_timeout(), None);
}

#[test]
fn bad_frame_ends_the_session() {
    let mut bench = Bench::new();
    let (session, _) = bench.sign_in(A);
    bench.sessions.handle_socket_frame(bench.now, A, Err(ErrorBody::new(code::TOO_LARGE, "x".repeat(1_000))));
    let outputs = bench.outputs();
    assert_bye(&outputs, A, session, (ByeReason::ProtocolError, Some(code::TOO_LARGE)));
    let short = |o: &SessionOutput| !matches!(o, SessionOutput::Close { reason, .. } if reason.len() > 123);
    assert!(outputs.iter().all(short), "RFC 6455 section 5.5 has 123 bytes for a reason");
}

#[test]
fn second_hello_ends_the_session() {
    let mut bench = Bench::new();
    let (session, _) = bench.sign_in(A);
    assert_bye(&bench.say(A, hello()), A, session, (ByeReason::ProtocolError, Some(code::BAD_FRAME)));
}

#[test]
fn sign_out_ends_the_session() {
    let mut bench = Bench::new();
    let (session, _) = bench.sign_in(A);
    assert_bye(&bench.say(A, ClientFrame::SignOut), A, session, (ByeReason::SignedOut, None));
    assert_eq!(bench.sessions.poll_timeout(), None);
}

#[test]
fn stop_says_bye_to_all_and_ends_no_session() {
    let mut bench = Bench::new();
    bench.sign_in(A);
    bench.open(B);
    bench.sessions.stop(bench.now);
    let outputs = bench.outputs();
    for socket in [A, B] {
        let said = frames(&outputs, socket);
        assert!(matches!(said[..], [ServerFrame::Bye { reason: ByeReason::ServerStopping, .. }]), "{said:?}");
        assert_eq!(closed(&outputs, socket), Some(close::GOING_AWAY));
    }
    assert!(!outputs.iter().any(|o| matches!(o, SessionOutput::Over { .. } | SessionOutput::Lost { .. })));
    bench.open(SocketId(3));
    assert_eq!(closed(&bench.outputs(), SocketId(3)), Some(close::GOING_AWAY), "nobody new is taken");
    assert_eq!(bench.pass(Duration::from_secs(3_600)), []);
}
