//! The call model beside the real engine: it is told what the engine is told, and must see the same calls and records.

#[path = "../../../../call/tests/model/reference/mod.rs"]
#[allow(dead_code, reason = "no media here")]
mod reference;

use super::NAMES;
use crate::control::tests::node::APP;
use crate::control::thread::{Control, Taped};
use carillon_call::{Command, SessionState};
use carillon_proto::call::{Action, Meaning, Signal};
use carillon_proto::gateway::{CallPhase, CallResult, CallState, Message, Peer};
use carillon_proto::id::{RoomId, UserId};
use carillon_proto::time::Now;
use reference::{Answer, Reference, Seen, User};
use std::collections::BTreeMap;
use std::fmt::Debug;

pub(super) struct Model {
    reference: Reference,
    /// Who holds seats by a session.
    sessions: BTreeMap<u64, User>,
    now: Now,
    /// The engine has a deadline in this turn.
    due: bool,
    /// Every message that the engine was shown, in order.
    pub(super) messages: Vec<Message>,
    /// What the engine recorded, in order.
    pub(super) records: Vec<(usize, CallResult)>,
}

impl Model {
    pub(super) fn new(now: Now) -> Self {
        let mut reference = Reference::default();
        reference.members.extend(0..NAMES.len());
        Self { reference, sessions: BTreeMap::new(), now, due: false, messages: Vec::new(), records: Vec::new() }
    }

    /// Who is there when the engine looks.
    pub(super) fn before(&mut self, control: &Control, now: Now) {
        self.due = control.calls.poll_timeout().is_some_and(|(at, _)| at <= now.instant);
        let offline = |user: &User| !control.chat.is_online(APP, &name(*user));
        self.reference.offline = (0..NAMES.len()).filter(offline).collect();
    }

    pub(super) fn after(&mut self, control: &mut Control, now: Now) -> Result<(), String> {
        let tape = std::mem::take(&mut control.tape);
        if tape.is_empty() && !self.due {
            return Ok(());
        }
        self.advance(now);
        for taped in tape {
            match taped {
                Taped::Told(command) => self.tell(command),
                Taped::Record(record) => self.records.push((number(record.call.as_str()), record.result)),
            }
        }
        self.compare(control)
    }

    pub(super) fn restarted(&mut self, now: Now) {
        self.reference.now += u64::try_from((now.instant - self.now.instant).as_millis()).unwrap_or(u64::MAX);
        self.now = now;
        self.reference.restart();
        self.sessions.clear();
    }

    fn advance(&mut self, now: Now) {
        let ms = u64::try_from((now.instant - self.now.instant).as_millis()).unwrap_or(u64::MAX);
        self.now = now;
        self.reference.wait(ms);
    }

    fn tell(&mut self, command: Command) {
        match command {
            Command::Follow { message, .. } => {
                self.follow(&message);
                self.messages.push(*message);
            }
            Command::Enter { session, user, room, .. } => {
                self.sessions.insert(session.0, index(&user));
                self.reference.enter(index(&user), session.0, number_of(&room));
            }
            Command::Leave { session: Some(session), user, room, .. } => {
                self.reference.leave(index(&user), session.0, number_of(&room));
            }
            Command::Session { session, state } => {
                let Some(user) = self.sessions.get(&session.0).copied() else { return };
                match state {
                    SessionState::Lost => self.reference.socket(user, session.0, false),
                    SessionState::Back => self.reference.socket(user, session.0, true),
                    SessionState::Over => self.reference.sign_out(user, session.0),
                }
            }
            Command::Leave { session: None, .. }
            | Command::Ask { .. }
            | Command::NotSent { .. }
            | Command::EnterWithoutSession { .. }
            | Command::Attach { .. }
            | Command::SetTracks { .. }
            | Command::Kick { .. }
            | Command::Dissolve { .. }
            | Command::Current { .. }
            | Command::Media { .. }
            | Command::Remove { .. }
            | Command::Close { .. } => unreachable!("no script does that"),
        }
    }

    fn follow(&mut self, message: &Message) {
        let Some(Ok(signal)) = message.payload["data"].as_str().map(Signal::parse) else { return };
        let (envelope, from) = (&signal.envelope, index(&message.from));
        let to = match &message.to {
            Peer::User(user) => Some(index(user)),
            Peer::Group(_) => None,
        };
        let number = number(envelope.invite.as_str());
        let answer = match envelope.action {
            Action::Invite => {
                let users: Vec<User> = envelope.invitees.iter().map(index).collect();
                return match (signal.data.meaning(), &signal.data.room) {
                    (Meaning::HangUp, _) => self.reference.hang_up(from, to),
                    (Meaning::Call, Some(room)) => {
                        self.reference.invite(number, from, &users, to.is_none(), number_of(room));
                    }
                    (Meaning::Switch(_), _) | (Meaning::Call, None) => {}
                };
            }
            Action::Cancel => Answer::Cancel,
            Action::Accept => Answer::Accept,
            Action::Reject if signal.data.line_busy => Answer::Busy,
            Action::Reject => Answer::Reject,
            Action::TimeOut => Answer::TimeOut,
        };
        self.reference.answer(number, from, answer);
    }

    fn compare(&self, control: &Control) -> Result<(), String> {
        for (user, text) in NAMES.iter().enumerate() {
            let calls: Vec<Seen> = control.calls.calls_of(APP, &name(user)).iter().map(seen).collect();
            same(&format!("calls of {text}"), &calls, &self.reference.calls_of(user))?;
            let rooms: Vec<u32> = control.calls.rooms_of(APP, &name(user)).iter().map(number_of).collect();
            same(&format!("rooms of {text}"), &rooms, &self.reference.rooms_of(user))?;
        }
        let stats = control.calls.stats();
        let counts = (stats.calls_waiting + stats.calls_connected, stats.rooms, stats.seats);
        same("numbers of calls, rooms, seats", &counts, &self.reference.counts())?;
        same("records", &self.records, &self.reference.records)
    }
}

fn same<T: PartialEq + Debug>(what: &str, engine: &T, reference: &T) -> Result<(), String> {
    if engine == reference {
        return Ok(());
    }
    Err(format!("{what}: the engine has {engine:?}, the model {reference:?}"))
}

fn seen(state: &CallState) -> Seen {
    let users = |users: &[UserId]| users.iter().map(index).collect();
    let connected = state.state == CallPhase::Connected;
    let asked = users(&state.waiting);
    (number(state.call.as_str()), state.accepted_ms.is_some(), connected, asked, users(&state.connected))
}

fn index(user: &UserId) -> User {
    NAMES.iter().position(|known| *known == user.as_str()).expect("a user of the histories")
}

fn name(user: User) -> UserId {
    UserId::new(NAMES[user]).expect("a name")
}

fn number_of(room: &RoomId) -> u32 {
    match room {
        RoomId::Number(number) => *number,
        RoomId::Text(_) => 0,
    }
}

fn number(invite: &str) -> usize {
    invite[1..].parse().expect("a number")
}
