//! A client's end of the gateway, scripted as `web/core/gateway.js` and `web/core/requests.js` are: one session over one
//! socket after the other, requests that always settle, every frame handled once and in order.

use super::device::Then;
use super::{Dice, Timer};
use carillon_proto::time::Now;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const RETRY_BASE_MS: u64 = 300;
const RETRY_MAX_RESUMABLE_MS: u64 = 4_000;
const RETRY_MAX_MS: u64 = 15_000;
const RESUME_WITHIN: Duration = Duration::from_secs(60);
const REQUEST_WITHIN: Duration = Duration::from_secs(15);
const ACK_AFTER: Duration = Duration::from_secs(1);
const ACK_AFTER_FRAMES: u64 = 32;
/// Of our own: the session is gone, or no answer came.
pub(super) const LOST: i64 = -1;
pub(super) const TIMED_OUT: i64 = -2;
const RESUME_FAILED: i64 = 6017;

/// What a client wants of the world.
pub(super) enum Effect {
    Open,
    Close,
    Send(Value),
    At(Instant, Timer),
    Note(String),
}

/// What a client works with while it handles one thing.
pub(super) struct Cx<'a> {
    pub(super) now: Now,
    pub(super) dice: &'a mut Dice,
    /// The next invitation's number: ids in the order in which they are made.
    pub(super) ids: &'a mut usize,
    pub(super) effects: Vec<Effect>,
}

impl Cx<'_> {
    pub(super) fn after(&mut self, time: Duration, timer: Timer) {
        self.effects.push(Effect::At(self.now.instant + time, timer));
    }

    pub(super) fn note(&mut self, what: impl Into<String>) {
        self.effects.push(Effect::Note(what.into()));
    }
}

/// What a frame means above the session.
pub(super) enum Told {
    /// A new session, with its snapshot.
    Began(Value),
    Event(String, Value),
    Settled(Then, Result<Value, i64>),
    Ended(String),
}

struct Session {
    secret: String,
    handled: u64,
    acked: u64,
    tries: u64,
    until: Option<Instant>,
}

struct Waiting {
    key: u64,
    id: Option<u64>,
    verb: &'static str,
    body: Value,
    then: Then,
}

pub(super) struct Link {
    hello: Value,
    session: Option<Session>,
    online: bool,
    /// Signed in, or trying to be.
    pub(super) wanted: bool,
    waiting: Vec<Waiting>,
    next_id: u64,
    next_key: u64,
    attempt: u32,
    ack_armed: bool,
}

impl Link {
    pub(super) fn new(user: &str, device: &str, user_sig: &str) -> Self {
        let device = json!({ "id": device, "platform": "web", "sync": "answers" });
        let hello =
            json!({ "t": "hello", "version": 1, "app": 1, "user": user, "userSig": user_sig, "device": device });
        Self {
            hello,
            session: None,
            online: false,
            wanted: false,
            waiting: Vec::new(),
            next_id: 1,
            next_key: 1,
            attempt: 0,
            ack_armed: false,
        }
    }

    pub(super) fn sign_in(&mut self, cx: &mut Cx<'_>) {
        self.wanted = true;
        self.attempt = 0;
        cx.effects.push(Effect::Open);
    }

    pub(super) fn sign_out(&mut self, cx: &mut Cx<'_>) -> Vec<Told> {
        if self.online {
            cx.effects.push(Effect::Send(json!({ "t": "signOut" })));
        }
        self.end()
    }

    /// Nothing is said to anybody.
    pub(super) fn vanish(&mut self) {
        self.end();
    }

    /// The socket stands.
    pub(super) fn opened(&mut self, cx: &mut Cx<'_>) {
        let hello = match &mut self.session {
            Some(session) => {
                session.tries += 1;
                let resume = json!({ "session": session.secret, "ack": session.handled, "attempt": session.tries });
                json!({ "t": "hello", "version": 1, "resume": resume })
            }
            None => self.hello.clone(),
        };
        cx.effects.push(Effect::Send(hello));
    }

    pub(super) fn closed(&mut self, cx: &mut Cx<'_>) {
        if !self.wanted {
            return;
        }
        if self.online
            && let Some(session) = &mut self.session
        {
            session.until = Some(cx.now.instant + RESUME_WITHIN);
        }
        self.online = false;
        self.retry(cx);
    }

    pub(super) fn retry_now(&mut self, cx: &mut Cx<'_>) {
        if self.session.as_ref().is_some_and(|s| s.until.is_some_and(|until| cx.now.instant > until)) {
            self.session = None;
        }
        if self.wanted && !self.online {
            cx.effects.push(Effect::Open);
        }
    }

    pub(super) fn request(&mut self, cx: &mut Cx<'_>, verb: &'static str, body: Value, then: Then) -> Vec<Told> {
        if !self.wanted {
            return vec![Told::Settled(then, Err(LOST))];
        }
        let key = self.next_key;
        self.next_key += 1;
        self.waiting.push(Waiting { key, id: None, verb, body, then });
        cx.after(REQUEST_WITHIN, Timer::Request(key));
        if self.online {
            self.send_requests(cx, u64::MAX);
        }
        Vec::new()
    }

    pub(super) fn request_late(&mut self, key: u64) -> Vec<Told> {
        let Some(at) = self.waiting.iter().position(|waiting| waiting.key == key) else { return Vec::new() };
        vec![Told::Settled(self.waiting.remove(at).then, Err(TIMED_OUT))]
    }

    pub(super) fn ping(&mut self, cx: &mut Cx<'_>) {
        if self.online {
            cx.effects.push(Effect::Send(json!({ "t": "ping" })));
        }
    }

    pub(super) fn acknowledge(&mut self, cx: &mut Cx<'_>) {
        self.ack_armed = false;
        let Some(session) = self.session.as_mut().filter(|s| s.acked < s.handled && self.online) else { return };
        session.acked = session.handled;
        cx.effects.push(Effect::Send(json!({ "t": "ack", "seq": session.handled })));
    }

    // ---- frames ----

    pub(super) fn frame(&mut self, cx: &mut Cx<'_>, mut frame: Value) -> Vec<Told> {
        match frame["t"].as_str() {
            Some("welcome") => self.welcome(cx, frame),
            Some("refused") => self.refused(cx, &frame),
            Some("bye") => self.bye(cx, &frame),
            Some("reply") if self.is_next(cx, &frame) => {
                let Some(at) = self.waiting.iter().position(|w| w.id == frame["re"].as_u64()) else {
                    return Vec::new();
                };
                let result = match frame["error"]["code"].as_i64() {
                    Some(code) => Err(code),
                    None => Ok(frame["body"].take()),
                };
                vec![Told::Settled(self.waiting.remove(at).then, result)]
            }
            Some("event") if self.is_next(cx, &frame) => {
                let event = frame["event"].as_str().unwrap_or_default().to_owned();
                vec![Told::Event(event, frame["body"].take())]
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// Whether this frame is to be handled: not one that came before.
    fn is_next(&mut self, cx: &mut Cx<'_>, frame: &Value) -> bool {
        let (Some(session), Some(seq)) = (&mut self.session, frame["seq"].as_u64()) else { return false };
        if !self.online || seq <= session.handled {
            return false;
        }
        if seq > session.handled + 1 {
            cx.effects.push(Effect::Close);
            self.closed(cx);
            return false;
        }
        session.handled = seq;
        if session.handled - session.acked >= ACK_AFTER_FRAMES {
            self.acknowledge(cx);
        } else if !std::mem::replace(&mut self.ack_armed, true) {
            cx.after(ACK_AFTER, Timer::Ack);
        }
        true
    }

    fn welcome(&mut self, cx: &mut Cx<'_>, mut frame: Value) -> Vec<Told> {
        self.attempt = 0;
        self.online = true;
        let secret = frame["session"].as_str().unwrap_or_default().to_owned();
        let resumed = frame["resumed"].as_bool() == Some(true) && self.session.is_some();
        let (handled, tries) = self.session.as_ref().filter(|_| resumed).map_or((0, 0), |s| (s.handled, s.tries));
        self.session = Some(Session { secret, handled, acked: handled, tries, until: None });
        if resumed {
            self.send_requests(cx, frame["ack"].as_u64().unwrap_or(0));
            return Vec::new();
        }
        self.next_id = 1;
        let lost: Vec<Waiting> =
            self.waiting.extract_if(.., |waiting| waiting.id.is_some() && !is_repeatable(waiting.verb)).collect();
        for waiting in &mut self.waiting {
            waiting.id = None;
        }
        self.send_requests(cx, u64::MAX);
        let mut told = vec![Told::Began(frame["snapshot"].take())];
        told.extend(lost.into_iter().map(|waiting| Told::Settled(waiting.then, Err(LOST))));
        told
    }

    fn refused(&mut self, cx: &mut Cx<'_>, frame: &Value) -> Vec<Told> {
        assert_eq!(frame["code"], RESUME_FAILED, "a script is never refused otherwise: {frame}");
        self.session = None;
        cx.effects.push(Effect::Close);
        cx.after(Duration::ZERO, Timer::Retry);
        Vec::new()
    }

    fn bye(&mut self, cx: &mut Cx<'_>, frame: &Value) -> Vec<Told> {
        cx.effects.push(Effect::Close);
        self.session = None;
        self.online = false;
        let reason = frame["reason"].as_str().unwrap_or_default().to_owned();
        match reason.as_str() {
            "serverStopping" => {
                self.retry(cx);
                Vec::new()
            }
            "protocolError" | "tooSlow" => panic!("a script keeps to the protocol: {frame}"),
            _ => {
                let mut told = self.end();
                told.push(Told::Ended(reason));
                told
            }
        }
    }

    /// Sends what was never sent, and what was sent beyond request `handled`, again.
    fn send_requests(&mut self, cx: &mut Cx<'_>, handled: u64) {
        let Some(session) = &mut self.session else { return };
        let again = self.waiting.iter().filter(|w| w.id.is_some_and(|id| id > handled)).map(|w| w.key);
        let new = self.waiting.iter().filter(|w| w.id.is_none()).map(|w| w.key);
        for key in again.chain(new).collect::<Vec<_>>() {
            let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.key == key) else { continue };
            let id = *waiting.id.get_or_insert_with(|| {
                self.next_id += 1;
                self.next_id - 1
            });
            let frame =
                json!({ "t": "request", "id": id, "verb": waiting.verb, "body": waiting.body, "ack": session.handled });
            session.acked = session.handled;
            cx.effects.push(Effect::Send(frame));
        }
    }

    fn retry(&mut self, cx: &mut Cx<'_>) {
        let max = if self.session.is_some() { RETRY_MAX_RESUMABLE_MS } else { RETRY_MAX_MS };
        let wait = (RETRY_BASE_MS << self.attempt.min(8)).min(max);
        self.attempt += 1;
        let wait = wait / 2 + cx.dice.below(wait / 2 + 1);
        cx.after(Duration::from_millis(wait), Timer::Retry);
    }

    fn end(&mut self) -> Vec<Told> {
        (self.wanted, self.online, self.session) = (false, false, None);
        self.waiting.drain(..).map(|waiting| Told::Settled(waiting.then, Err(LOST))).collect()
    }
}

fn is_repeatable(verb: &str) -> bool {
    matches!(verb, "message.send" | "message.list" | "room.leave")
}
