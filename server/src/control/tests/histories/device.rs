//! One scripted device: the session, what the chat module makes of messages, the room, and above them the engine.

use super::engine::{Call, Flow};
use super::link::{Cx, LOST, Link, TIMED_OUT, Told};
use super::signal::{Heard, INVITE, Invites, Signal};
use super::{Generation, Timer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Invitations in the history of a first sign-in ring when they are not older.
const REPLAY_WITHIN_S: u64 = 30;
const ENTRY_REFUSED: i64 = -100_018;
const REENTER_AFTER: Duration = Duration::from_millis(500);

/// What waits for an answer of the server.
pub(super) enum Then {
    Nothing,
    Sent {
        signal: Signal,
        flow: Flow,
    },
    Changed {
        flow: Flow,
    },
    Entered {
        stay: u64,
        flow: Option<Flow>,
        again: bool,
    },
    Reentered {
        stay: u64,
    },
    /// The messages of a conversation, wanted since this `seq`; or those that a first sign-in looks at.
    Listed {
        since: Option<u64>,
    },
}

pub(super) struct Seat {
    pub(super) room: u64,
    pub(super) inside: bool,
    others: BTreeSet<String>,
}

pub(super) struct Device {
    pub(super) name: String,
    pub(super) user: String,
    pub(super) generation: Generation,
    pub(super) link: Link,
    pub(super) invites: Invites,
    pub(super) call: Call,
    pub(super) seat: Option<Seat>,
    stay: u64,
    /// What the engine told its user interface: event, and whom it is about.
    pub(super) events: Vec<(&'static str, String)>,
    /// Invitations that rang since the application started.
    pub(super) rung: Vec<String>,
    told: BTreeSet<String>,
    seen: BTreeMap<String, u64>,
    /// Lists under way, and what was found.
    catching: (usize, Vec<Value>),
    messages: u64,
    began: bool,
    /// What a button began is not over.
    pub(super) acting: bool,
}

impl Device {
    pub(super) fn new(name: &str, user: &str, generation: Generation, user_sig: &str) -> Self {
        Self {
            name: name.to_owned(),
            user: user.to_owned(),
            generation,
            link: Link::new(user, &name.replace(' ', "-"), user_sig),
            invites: Invites::new(generation, user),
            call: Call::default(),
            seat: None,
            stay: 0,
            events: Vec::new(),
            rung: Vec::new(),
            told: BTreeSet::new(),
            seen: BTreeMap::new(),
            catching: (0, Vec::new()),
            messages: 0,
            began: false,
            acting: false,
        }
    }

    pub(super) fn say(&mut self, cx: &mut Cx<'_>, event: &'static str, about: &str) {
        cx.note(format!("{}: {event} {about}", self.name));
        self.events.push((event, about.to_owned()));
    }

    pub(super) fn is_web(&self) -> bool {
        self.generation == Generation::Web317
    }

    /// The application starts anew after `sign_out`: nothing of before is left.
    pub(super) fn sign_in(&mut self, cx: &mut Cx<'_>) {
        self.began = false;
        self.acting = false;
        self.call = Call::default();
        self.seat = None;
        self.invites = Invites::new(self.generation, &self.user);
        self.told.clear();
        self.rung.clear();
        self.seen.clear();
        self.link.sign_in(cx);
    }

    pub(super) fn sign_out(&mut self, cx: &mut Cx<'_>) {
        let told = self.link.sign_out(cx);
        self.hear(cx, told);
        self.seat = None;
        self.call = Call::default();
    }

    pub(super) fn vanish(&mut self) {
        self.link.vanish();
        self.seat = None;
        self.call = Call::default();
    }

    pub(super) fn timer(&mut self, cx: &mut Cx<'_>, timer: Timer) {
        match timer {
            Timer::Retry => self.link.retry_now(cx),
            Timer::Request(key) => {
                let told = self.link.request_late(key);
                self.hear(cx, told);
            }
            Timer::Ack => self.link.acknowledge(cx),
            Timer::Ping => self.link.ping(cx),
            Timer::Invitation(invite) => self.invitation_late(cx, &invite),
            Timer::Reenter(stay) => self.reenter(cx, stay),
        }
    }

    pub(super) fn frame(&mut self, cx: &mut Cx<'_>, frame: Value) {
        let told = self.link.frame(cx, frame);
        self.hear(cx, told);
    }

    pub(super) fn ask(&mut self, cx: &mut Cx<'_>, verb: &'static str, body: Value, then: Then) {
        let told = self.link.request(cx, verb, body, then);
        self.hear(cx, told);
    }

    fn hear(&mut self, cx: &mut Cx<'_>, told: Vec<Told>) {
        for one in told {
            match one {
                Told::Began(snapshot) => self.session_began(cx, &snapshot),
                Told::Event(event, body) => self.event(cx, &event, body),
                Told::Settled(then, result) => self.settled(cx, then, result),
                Told::Ended(reason) => {
                    self.seat = None;
                    if reason.starts_with("kicked") {
                        self.kicked_out(cx);
                    }
                }
            }
        }
    }

    fn event(&mut self, cx: &mut Cx<'_>, event: &str, mut body: Value) {
        match event {
            "message.new" => self.message(cx, &body),
            "message.modified" => {
                if let Some(signal) = body["payload"]["data"].as_str().and_then(Signal::read) {
                    self.invites.modified(&signal);
                }
            }
            "room.entered" | "room.left" | "room.removed" => {
                let Some(seat) = self.seat.as_mut().filter(|seat| body["room"] == seat.room) else { return };
                let user =
                    if event == "room.entered" { body["participant"]["user"].take() } else { body["user"].take() };
                let user = user.as_str().unwrap_or_default().to_owned();
                match event {
                    "room.entered" if seat.others.insert(user.clone()) => self.user_entered(cx, &user),
                    "room.left" if seat.others.remove(&user) => self.user_left(cx, &user),
                    "room.removed" => {
                        self.seat = None;
                        self.removed(cx);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn settled(&mut self, cx: &mut Cx<'_>, then: Then, result: Result<Value, i64>) {
        match then {
            Then::Nothing => {}
            Then::Sent { signal, flow } => self.sent(cx, signal, flow, result),
            Then::Changed { flow } => self.run(cx, flow),
            Then::Entered { stay, flow, again } => self.entered(cx, stay, flow, again, result),
            Then::Reentered { stay } if self.stay == stay => self.reentered(cx, result),
            Then::Reentered { .. } => {}
            Then::Listed { since } => self.listed(cx, since, result),
        }
    }

    // ---- messages ----

    pub(super) fn send(&mut self, cx: &mut Cx<'_>, signal: Signal, flow: Flow) {
        let to = match (&*signal.group, signal.inviter == self.user) {
            ("", true) => json!({ "user": signal.invitees[0] }),
            ("", false) => json!({ "user": signal.inviter }),
            (group, _) => json!({ "group": group }),
        };
        self.messages += 1;
        let hidden = self.is_web() && signal.data["data"]["excludeFromHistoryMessage"] == true;
        let body = json!({
            "to": to, "kind": "custom", "priority": "High", "options": { "excludeFromHistory": hidden },
            "payload": { "data": signal.text(), "description": "", "extension": "" },
            "clientId": format!("{}-{}-{}", self.name, self.messages, cx.now.wall.0),
        });
        self.ask(cx, "message.send", body, Then::Sent { signal, flow });
    }

    fn sent(&mut self, cx: &mut Cx<'_>, signal: Signal, flow: Flow, result: Result<Value, i64>) {
        self.invites.done(&signal, result.is_ok());
        match result {
            Ok(body) => {
                let id = body["message"]["id"].as_str().unwrap_or_default().to_owned();
                self.told.insert(id.clone());
                self.saw(&body["message"]);
                let invite = signal.invite.clone();
                if signal.action == INVITE
                    && let Some(seconds) = self.invites.sent(signal, id)
                {
                    cx.after(Duration::from_secs(seconds), Timer::Invitation(invite));
                }
                self.run(cx, flow);
            }
            Err(code) => {
                cx.note(format!("{}: not sent ({code})", self.name));
                self.failed(cx, flow);
            }
        }
    }

    fn saw(&mut self, message: &Value) {
        let conversation = match message["to"]["group"].as_str() {
            Some(group) => format!("group {group}"),
            None if message["from"] == *self.user => message["to"]["user"].as_str().unwrap_or_default().to_owned(),
            None => message["from"].as_str().unwrap_or_default().to_owned(),
        };
        let seen = self.seen.entry(conversation).or_default();
        *seen = (*seen).max(message["seq"].as_u64().unwrap_or(0));
    }

    fn message(&mut self, cx: &mut Cx<'_>, message: &Value) {
        let id = message["id"].as_str().unwrap_or_default();
        if !self.told.insert(id.to_owned()) {
            return;
        }
        self.saw(message);
        let Some(signal) = message["payload"]["data"].as_str().and_then(Signal::read) else { return };
        let age = cx.now.wall.0.saturating_sub(message["timeMs"].as_u64().unwrap_or(0)) / 1000;
        let invite = signal.invite.clone();
        let (heard, timer) = self.invites.came(signal, id, age);
        if let Some(seconds) = timer {
            cx.after(Duration::from_secs(seconds), Timer::Invitation(invite));
        }
        if let Some(heard) = heard {
            self.heard(cx, heard);
        }
    }

    fn invitation_late(&mut self, cx: &mut Cx<'_>, invite: &str) {
        if let Some(signal) = self.invites.time_out(invite) {
            let flow = Flow::timed_out(signal.clone(), self.is_web());
            self.send(cx, signal, flow);
        }
    }

    // ---- a new session ----

    fn session_began(&mut self, cx: &mut Cx<'_>, snapshot: &Value) {
        let first = !std::mem::replace(&mut self.began, true);
        let none = Vec::new();
        let open = snapshot["openInvitations"].as_array().unwrap_or(&none);
        let conversations = snapshot["conversations"].as_array().unwrap_or(&none);
        if first && self.is_web() {
            for message in open {
                self.message(cx, message);
            }
            return;
        }
        let mut wanted: BTreeMap<String, Value> = BTreeMap::new();
        for one in conversations {
            let (with, last) = (&one["with"], &one["lastMessage"]);
            let key = with["user"].as_str().map_or_else(|| format!("group {}", text(&with["group"])), str::to_owned);
            let age_ms = cx.now.wall.0.saturating_sub(last["timeMs"].as_u64().unwrap_or(0));
            let fresh = one["unread"].as_u64() > Some(0) && age_ms < REPLAY_WITHIN_S * 1000;
            let missed = last["seq"].as_u64() > Some(self.seen.get(&key).copied().unwrap_or(0));
            if if first { fresh } else { missed } {
                wanted.insert(key, with.clone());
            }
        }
        // `web/tim/v2.js` lists what rings as unread, although the web engine's invitations are not counted.
        for message in open.iter().filter(|message| first && is_young(message, cx.now.wall.0)) {
            let (key, with) = match message["to"]["group"].as_str() {
                Some(group) => (format!("group {group}"), message["to"].clone()),
                None => (text(&message["from"]).to_owned(), json!({ "user": message["from"] })),
            };
            wanted.insert(key, with);
        }
        if !first {
            for key in self.seen.keys() {
                let with = key.strip_prefix("group ").map_or_else(|| json!({ "user": key }), |g| json!({ "group": g }));
                wanted.entry(key.clone()).or_insert(with);
            }
        }
        self.catching = (wanted.len(), if first { Vec::new() } else { open.clone() });
        for (key, with) in wanted {
            let since = (!first).then(|| self.seen.get(&key).copied().unwrap_or(0));
            let limit = if first { 15 } else { 100 };
            self.ask(cx, "message.list", json!({ "with": with, "limit": limit }), Then::Listed { since });
        }
        self.caught_up(cx);
        // A first entry that is under way is asked again by itself.
        if self.seat.as_ref().is_some_and(|seat| seat.inside) {
            self.stay += 1;
            self.reenter(cx, self.stay);
        }
    }

    fn listed(&mut self, cx: &mut Cx<'_>, since: Option<u64>, result: Result<Value, i64>) {
        self.catching.0 = self.catching.0.saturating_sub(1);
        let messages = result.map(|mut body| body["messages"].take()).unwrap_or_default();
        let all = messages.as_array().cloned().unwrap_or_default();
        let found: Vec<Value> = match since {
            Some(seq) => all.into_iter().filter(|message| message["seq"].as_u64() > Some(seq)).collect(),
            None => still_ringing(all, cx.now.wall.0),
        };
        self.catching.1.extend(found);
        self.caught_up(cx);
    }

    fn caught_up(&mut self, cx: &mut Cx<'_>) {
        if self.catching.0 > 0 {
            return;
        }
        let mut found = std::mem::take(&mut self.catching.1);
        found.sort_by_key(|message| (message["timeMs"].as_u64(), message["seq"].as_u64()));
        for message in found {
            self.message(cx, &message);
        }
    }

    // ---- rooms ----

    pub(super) fn enter(&mut self, cx: &mut Cx<'_>, room: u64, flow: Option<Flow>) {
        self.leave(cx);
        self.stay += 1;
        self.seat = Some(Seat { room, inside: false, others: BTreeSet::new() });
        let then = Then::Entered { stay: self.stay, flow, again: true };
        self.ask(cx, "room.enter", json!({ "room": room }), then);
    }

    pub(super) fn leave(&mut self, cx: &mut Cx<'_>) {
        let Some(seat) = self.seat.take() else { return };
        self.stay += 1;
        self.ask(cx, "room.leave", json!({ "room": seat.room }), Then::Nothing);
    }

    fn entered(&mut self, cx: &mut Cx<'_>, stay: u64, flow: Option<Flow>, again: bool, result: Result<Value, i64>) {
        let current = self.stay == stay;
        match result {
            Ok(body) if current => {
                self.take_roster(cx, &body);
                if let Some(flow) = flow {
                    self.run(cx, flow);
                }
            }
            Err(LOST) if current && again && self.link.wanted => {
                let room = self.seat.as_ref().map_or(0, |seat| seat.room);
                self.ask(cx, "room.enter", json!({ "room": room }), Then::Entered { stay, flow, again: false });
            }
            Ok(_) | Err(_) => {
                // It may have been done although no answer came.
                if current && matches!(result, Err(TIMED_OUT)) {
                    self.leave(cx);
                } else if current {
                    self.seat = None;
                }
                if let Some(flow) = flow {
                    self.failed(cx, flow);
                }
            }
        }
    }

    fn reenter(&mut self, cx: &mut Cx<'_>, stay: u64) {
        if let Some(seat) = self.seat.as_ref().filter(|_| self.stay == stay) {
            let body = json!({ "room": seat.room });
            self.ask(cx, "room.enter", body, Then::Reentered { stay });
        }
    }

    fn reentered(&mut self, cx: &mut Cx<'_>, result: Result<Value, i64>) {
        match result {
            Ok(body) => {
                let now: BTreeSet<&str> = users(&body).collect();
                let Some(seat) = &mut self.seat else { return };
                let gone: Vec<String> = seat.others.iter().filter(|u| !now.contains(u.as_str())).cloned().collect();
                for user in gone {
                    if self.seat.as_mut().is_some_and(|seat| seat.others.remove(&user)) {
                        self.user_left(cx, &user);
                    }
                }
                self.take_roster(cx, &body);
            }
            Err(ENTRY_REFUSED) => {
                self.seat = None;
                self.removed(cx);
            }
            Err(_) => cx.after(REENTER_AFTER, Timer::Reenter(self.stay)),
        }
    }

    fn take_roster(&mut self, cx: &mut Cx<'_>, body: &Value) {
        let Some(seat) = &mut self.seat else { return };
        seat.inside = true;
        for user in users(body).map(str::to_owned).collect::<Vec<_>>() {
            if self.seat.as_mut().is_some_and(|seat| seat.others.insert(user.clone())) {
                self.user_entered(cx, &user);
            }
        }
    }

    fn heard(&mut self, cx: &mut Cx<'_>, heard: Heard) {
        match heard {
            Heard::Invited(signal) => self.invited(cx, signal),
            Heard::Accepted(signal) => self.accepted(cx, &signal),
            Heard::Rejected(signal) => self.rejected(cx, &signal),
            Heard::Cancelled(signal) => self.cancelled(cx, &signal),
            Heard::TimedOut(signal) => self.timed_out(cx, &signal),
        }
    }
}

fn users(entered: &Value) -> impl Iterator<Item = &str> {
    entered["participants"].as_array().into_iter().flatten().filter_map(|one| one["user"].as_str())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_young(message: &Value, now_ms: u64) -> bool {
    now_ms.saturating_sub(message["timeMs"].as_u64().unwrap_or(0)) < REPLAY_WITHIN_S * 1000
}

/// What `tsignaling-wx` replays at a first sign-in: young messages, without invitations that have an answer.
fn still_ringing(all: Vec<Value>, now_ms: u64) -> Vec<Value> {
    let signals: Vec<(Signal, Value)> = all
        .into_iter()
        .filter(|message| is_young(message, now_ms))
        .filter_map(|message| Some((message["payload"]["data"].as_str().and_then(Signal::read)?, message)))
        .collect();
    let answered: BTreeSet<String> =
        signals.iter().filter(|(s, _)| s.action != INVITE).map(|(s, _)| s.invite.clone()).collect();
    signals.into_iter().filter(|(s, _)| s.action != INVITE || !answered.contains(&s.invite)).map(|(_, m)| m).collect()
}
