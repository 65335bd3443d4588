//! A switchboard with users around it, in virtual time.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::wildcard_enum_match_arm)]

use carillon_call::{
    Ask, Command, Config, Directory, Happening, MediaEvent, Output, SeatId, SessionId, SessionState, Switchboard,
};
use carillon_proto::call::{Engine, Signal, Writer};
use carillon_proto::gateway::{
    CallPhase, CallRecord, CallResult, CallState, ChangedMember, ErrorBody, Event, LeaveReason, MediaType, Message,
    Peer, SendMessage, code,
};
use carillon_proto::id::{AppId, GroupId, InviteId, MessageId, RoomId, UserId};
use carillon_proto::time::{Now, UnixMillis};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub const APP: AppId = AppId(1);
pub const OTHER_APP: AppId = AppId(2);
pub const ROOM: RoomId = RoomId::Number(52_011);
pub const START: UnixMillis = UnixMillis(1_700_000_000_000);

pub fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub fn team() -> GroupId {
    GroupId::new("team").unwrap()
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn invite_id(name: &str) -> InviteId {
    InviteId::new(name).unwrap()
}

/// A call with pictures to one user, as 1v1 clients send it.
pub fn call(id: &str, from: &str, to: &str) -> Signal {
    Signal::invite(invite_id(id), user(from), vec![user(to)], None, MediaType::Video, ROOM)
}

/// The same to some of the team.
pub fn group_call(id: &str, from: &str, to: &[&str]) -> Signal {
    let to = to.iter().map(|name| user(name)).collect();
    Signal::invite(invite_id(id), user(from), to, Some(team()), MediaType::Video, ROOM)
}

#[derive(Default)]
pub struct People {
    pub members: BTreeSet<(AppId, GroupId, UserId)>,
    pub offline: BTreeSet<UserId>,
    /// key text: whose, for which room, privileges; or why not
    pub keys: BTreeMap<String, (UserId, RoomId, u32)>,
}

impl Directory for People {
    fn is_member(&self, app: AppId, group: &GroupId, user: &UserId) -> bool {
        self.members.contains(&(app, group.clone(), user.clone()))
    }

    fn is_online(&self, _app: AppId, user: &UserId) -> bool {
        !self.offline.contains(user)
    }

    fn profile(&self, _app: AppId, user: &UserId) -> (String, String) {
        (user.as_str().to_uppercase(), String::new())
    }

    fn private_map_key(&self, _app: AppId, user: &UserId, room: &RoomId, key: &str) -> Result<u32, ErrorBody> {
        match self.keys.get(key) {
            Some((whose, which, bits)) if whose == user && which == room => Ok(*bits),
            Some(_) | None => Err(ErrorBody::new(code::ENTER_REFUSED, "not for you")),
        }
    }
}

pub struct World {
    pub board: Switchboard,
    pub config: Config,
    pub now: Now,
    pub people: People,
    /// What the store holds.
    pub saved: BTreeMap<String, String>,
    pub records: Vec<CallRecord>,
    /// What each user was told, shortly, since the last look.
    pub told: BTreeMap<UserId, Vec<String>>,
    pub happened: Vec<Happening>,
    /// The last value of each group's attribute.
    pub attributes: BTreeMap<GroupId, Option<String>>,
    pub closed: Vec<SeatId>,
    seats: BTreeMap<(UserId, RoomId), SeatId>,
    /// What the server wrote in users' names, since the last look.
    pub written: Vec<(UserId, SendMessage)>,
    /// Chat refuses what the server writes.
    pub refuse_messages: Option<ErrorBody>,
    requests: u64,
    messages: u64,
}

impl World {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        let mut people = People::default();
        for name in ["amy", "ben", "cat", "dan", "eve"] {
            people.members.insert((APP, team(), user(name)));
        }
        Self {
            board: Switchboard::new(config.clone(), 1),
            config,
            now: Now { instant: start(), wall: START },
            people,
            saved: BTreeMap::new(),
            records: Vec::new(),
            told: BTreeMap::new(),
            happened: Vec::new(),
            attributes: BTreeMap::new(),
            closed: Vec::new(),
            seats: BTreeMap::new(),
            written: Vec::new(),
            refuse_messages: None,
            requests: 0,
            messages: 0,
        }
    }

    // ---- what happens ----

    pub fn command(&mut self, command: Command) -> Vec<Output> {
        self.board.handle_command(self.now, &self.people, command);
        self.drain()
    }

    /// `from` sends `signal` to the group in its envelope, or to `to`.
    pub fn send(&mut self, from: &str, to: &str, signal: &Signal) {
        self.send_in(APP, from, to, signal);
    }

    pub fn send_in(&mut self, app: AppId, from: &str, to: &str, signal: &Signal) {
        let to = match &signal.envelope.group {
            Some(group) => Peer::Group(group.clone()),
            None => Peer::User(user(to)),
        };
        self.send_text(app, from, to, &Writer::new(Engine::Web).write(signal));
    }

    pub fn send_text(&mut self, app: AppId, from: &str, to: Peer, text: &str) {
        let payload = json!({"data": text, "description": "", "extension": ""});
        let message = self.message(user(from), to, payload.as_object().unwrap().clone(), String::new());
        self.command(Command::Follow { app, message: Box::new(message) });
    }

    fn message(&mut self, from: UserId, to: Peer, payload: Map<String, Value>, client_id: String) -> Message {
        self.messages += 1;
        Message {
            id: MessageId::new(format!("m{}", self.messages)).unwrap(),
            from,
            to,
            kind: "custom".into(),
            payload,
            seq: self.messages,
            time_ms: self.now.wall.0,
            client_id,
            priority: None,
            cloud_custom_data: String::new(),
            nick: String::new(),
            avatar: String::new(),
            online_only: false,
            exclude_from_history: false,
            modified: 0,
            revoked: false,
        }
    }

    /// One of the verbs of calls, by the user's first device: what it is answered.
    pub fn verb(&mut self, name: &str, ask: Ask) -> Result<Value, i32> {
        self.requests += 1;
        let (session, re, user) = (session(name, 1), self.requests, user(name));
        let outputs = self.command(Command::Ask { app: APP, session, re, user, ask });
        let answer = |output| match output {
            Output::Reply { result, re: answered, .. } if answered == re => Some(result.map_err(|error| error.code)),
            _ => None,
        };
        let mut answers: Vec<_> = outputs.into_iter().filter_map(answer).collect();
        assert_eq!(answers.len(), 1, "each is answered once");
        answers.remove(0)
    }

    /// What the server wrote since the last look: in whose name, to whom, and what.
    pub fn written(&mut self) -> Vec<(String, Peer, Signal)> {
        let read = |message: &SendMessage| Signal::parse(message.payload["data"].as_str().unwrap()).unwrap();
        let written = std::mem::take(&mut self.written);
        written.into_iter().map(|(user, m)| (user.as_str().to_owned(), m.to.clone(), read(&m))).collect()
    }

    pub fn enter(&mut self, name: &str) -> Result<SeatId, i32> {
        self.enter_as(APP, name, 1, ROOM, None)
    }

    /// Enters with the user's `device`-th session.
    pub fn enter_as(
        &mut self,
        app: AppId,
        name: &str,
        device: u64,
        room: RoomId,
        key: Option<&str>,
    ) -> Result<SeatId, i32> {
        self.requests += 1;
        let command = Command::Enter {
            app,
            session: session(name, device),
            re: self.requests,
            user: user(name),
            room,
            private_map_key: key.map(str::to_owned),
        };
        let outputs = self.command(command);
        outputs.into_iter().find_map(entered).unwrap()
    }

    pub fn leave(&mut self, name: &str) -> Result<(), i32> {
        self.leave_as(name, 1)
    }

    pub fn leave_as(&mut self, name: &str, device: u64) -> Result<(), i32> {
        let session = session(name, device);
        self.ask(Command::Leave { app: APP, session: Some(session), re: 0, user: user(name), room: ROOM })
    }

    /// A command that is answered by `Reply`.
    pub fn ask(&mut self, command: Command) -> Result<(), i32> {
        let reply = |output| match output {
            Output::Reply { result, .. } => Some(result.map(drop).map_err(|error| error.code)),
            _ => None,
        };
        self.command(command).into_iter().find_map(reply).unwrap()
    }

    pub fn session(&mut self, name: &str, device: u64, state: SessionState) {
        self.command(Command::Session { session: session(name, device), state });
    }

    pub fn media(&mut self, seat: SeatId, event: MediaEvent) {
        self.command(Command::Media { seat, event });
    }

    /// Lets time pass, timer by timer.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now.plus(time);
        while let Some((at, _)) = self.board.poll_timeout().filter(|(at, _)| *at <= end.instant) {
            let step = at.saturating_duration_since(self.now.instant);
            self.now = self.now.plus(step);
            self.board.handle_timeout(self.now, &self.people);
            self.drain();
            let next = self.board.poll_timeout();
            assert!(next.is_none_or(|(next, _)| next > at), "a timer at {at:?} does not move on");
        }
        self.now = end;
    }

    /// The process dies and starts again `down` later.
    pub fn restart(&mut self, down: Duration) {
        self.now = self.now.plus(down);
        self.start_again();
        assert_eq!(self.board.snapshot(), self.saved_or_fresh(), "what was saved is what is there");
    }

    pub fn start_again(&mut self) {
        self.board = Switchboard::new(self.config.clone(), 2);
        let saved = self.saved.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        assert_eq!(self.board.restore(self.now, saved), 0);
        assert!(self.board.poll_output().is_none(), "a start tells nobody anything");
    }

    fn saved_or_fresh(&self) -> BTreeMap<String, String> {
        let mut saved = self.saved.clone();
        saved.entry("seats".to_owned()).or_insert_with(|| "1".to_owned());
        saved
    }

    fn drain(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.board.poll_output() {
            self.note(&output);
            if let Output::Send { app, user, message, .. } = &output {
                self.relay(*app, user, message);
            }
            outputs.push(output);
        }
        outputs
    }

    /// Chat takes what the server writes, or refuses it.
    fn relay(&mut self, app: AppId, user: &UserId, message: &SendMessage) {
        let (client_id, from) = (message.client_id.clone(), user.clone());
        self.written.push((user.clone(), message.clone()));
        let command = match &self.refuse_messages {
            Some(error) => Command::NotSent { app, user: from, client_id, error: error.clone() },
            None => {
                let to = message.to.clone();
                Command::Follow { app, message: Box::new(self.message(from, to, message.payload.clone(), client_id)) }
            }
        };
        self.board.handle_command(self.now, &self.people, command);
    }

    fn note(&mut self, output: &Output) {
        match output {
            Output::Save { key, value: Some(value) } => drop(self.saved.insert(key.clone(), value.clone())),
            Output::Save { key, value: None } => {
                assert!(self.saved.remove(key).is_some(), "{key} was forgotten, but never kept");
            }
            Output::Record { record, .. } => self.records.push(record.clone()),
            Output::Notify { user, event, .. } => self.told.entry(user.clone()).or_default().push(short(event)),
            Output::Happened { what, .. } => self.happened.push(what.clone()),
            Output::GroupAttribute { group, value, .. } => {
                self.attributes.insert(group.clone(), value.clone());
            }
            Output::SeatClosed { seat } => {
                self.closed.push(*seat);
                self.seats.retain(|_, taken| taken != seat);
            }
            Output::Entered { user, room, seat, .. } => {
                self.seats.insert((user.clone(), room.room.clone()), *seat);
            }
            Output::Reply { .. }
            | Output::Send { .. }
            | Output::EnteredWithoutSession { .. }
            | Output::Attached { .. }
            | Output::RefusedWithoutSession { .. } => {}
        }
    }

    // ---- what is seen ----

    /// What the user was told since the last look.
    pub fn told(&mut self, name: &str) -> Vec<String> {
        self.told.remove(&user(name)).unwrap_or_default()
    }

    /// The user's seat, by what was entered and closed.
    pub fn seat(&self, name: &str, room: RoomId) -> Option<SeatId> {
        self.seats.get(&(user(name), room)).copied()
    }

    pub fn state(&self, name: &str) -> Option<CallState> {
        self.board.calls_of(APP, &user(name)).into_iter().next()
    }

    pub fn phase(&self, name: &str) -> Option<CallPhase> {
        self.state(name).map(|state| state.state)
    }

    pub fn results(&self) -> Vec<CallResult> {
        self.records.iter().map(|record| record.result).collect()
    }

    /// Nothing is left of any call or room, nor in the store.
    pub fn assert_quiet(&self) {
        let stats = self.board.stats();
        assert_eq!((stats.calls_waiting, stats.calls_connected, stats.rooms, stats.seats), (0, 0, 0, 0));
        assert!(self.saved.keys().all(|key| key == "seats"), "kept: {:?}", self.saved.keys());
        assert_eq!(self.board.poll_timeout(), None);
    }

    /// `from` is in the room and rings the group's `to`.
    pub fn ring_group(&mut self, id: &str, from: &str, to: &[&str]) -> Signal {
        let invite = group_call(id, from, to);
        self.enter(from).unwrap();
        self.send(from, "", &invite);
        invite
    }

    /// Enters the room and accepts.
    pub fn pick_up(&mut self, name: &str, invite: &Signal) {
        self.enter(name).unwrap();
        self.send(name, "", &invite.accept(user(name)));
    }

    /// amy calls ben, ben accepts, both are inside.
    pub fn connect(&mut self) -> Signal {
        let invite = call("i1", "amy", "ben");
        self.enter("amy").unwrap();
        self.send("amy", "ben", &invite);
        self.enter("ben").unwrap();
        self.send("ben", "amy", &invite.accept(user("ben")));
        assert_eq!(self.phase("amy"), Some(CallPhase::Connected));
        invite
    }
}

/// One session per user and device.
pub fn session(name: &str, device: u64) -> SessionId {
    SessionId(
        name.bytes()
            .fold(device.wrapping_mul(1_000_003), |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte))),
    )
}

fn entered(output: Output) -> Option<Result<SeatId, i32>> {
    match output {
        Output::Entered { seat, .. } => Some(Ok(seat)),
        Output::Reply { result: Err(error), .. } => Some(Err(error.code)),
        _ => None,
    }
}

/// One moment for all worlds: instants cannot be made from nothing.
#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *START.get_or_init(Instant::now)
}

/// An event in a word or two.
fn short(event: &Event) -> String {
    let why = |reason: &LeaveReason| format!("{reason:?}").to_lowercase();
    match event {
        Event::RoomEntered { participant, .. } => format!("+{}", participant.user),
        Event::RoomLeft { user, reason, .. } => format!("-{user} {}", why(reason)),
        Event::RoomRemoved { reason, .. } => format!("out {}", why(reason)),
        Event::RoomTracks { user, .. } => format!("tracks {user}"),
        Event::CallChanged(state) => match (state.state, state.result) {
            (_, Some(result)) => format!("call {result:?}"),
            (CallPhase::Waiting, None) if state.accepted_ms.is_some() => "call answered".into(),
            (phase, None) => format!("call {phase:?}").to_lowercase(),
        },
        Event::CallMembers(told) => {
            let change = |c: &ChangedMember| format!("{} {:?}", c.user, c.change);
            told.changes.iter().map(change).collect::<Vec<_>>().join(", ")
        }
        other => format!("{other:?}"),
    }
}
