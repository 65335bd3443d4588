//! The engine's face: every command enters here and every output leaves here.

use crate::call::Call;
use crate::invitation::State;
use crate::notices::Notice;
use crate::recent::Recent;
use crate::room::{Room, Seat};
use crate::service::Asker;
use crate::timers::{Clock, Moment, Owner, Timers};
use crate::words::Sending;
use crate::{Command, Directory, IgnoreReason, Output, Reason, SeatId, SessionId, Stats};
use carillon_config::call::{Call as CallConfig, Rooms};
use carillon_proto::gateway::{CallPhase, CallState};
use carillon_proto::id::{AppId, CallId, GroupId, InviteId, RoomId, UserId};
use carillon_proto::time::Now;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// What an operator may set of this engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    pub call: CallConfig,
    pub rooms: Rooms,
}

pub(crate) type CallKey = (AppId, CallId);
pub(crate) type RoomKey = (AppId, RoomId);
pub(crate) type UserKey = (AppId, UserId);

/// All calls, invitations, rooms and seats of this process.
#[derive(Debug)]
pub struct Switchboard {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    /// Those that are not over.
    pub(crate) calls: BTreeMap<CallKey, Call>,
    /// Open invitations and switch requests, and the call each is of.
    pub(crate) invites: BTreeMap<(AppId, InviteId), CallId>,
    pub(crate) rooms: BTreeMap<RoomKey, Room>,
    pub(crate) seats: BTreeMap<SeatId, Seat>,
    pub(crate) calls_in_room: BTreeMap<RoomKey, BTreeSet<CallId>>,
    pub(crate) calls_of_user: BTreeMap<UserKey, BTreeSet<CallId>>,
    pub(crate) calls_of_group: BTreeMap<(AppId, GroupId), BTreeSet<CallId>>,
    pub(crate) rooms_of_user: BTreeMap<UserKey, BTreeSet<RoomId>>,
    pub(crate) seats_of_session: BTreeMap<SessionId, BTreeSet<SeatId>>,
    /// What `Output::GroupAttribute` said last.
    pub(crate) attributes: BTreeMap<(AppId, GroupId), String>,
    /// Invitations of calls that are over: they must not start another.
    pub(crate) recent: Recent<(AppId, InviteId)>,
    /// Messages that were asked for and are not back yet.
    pub(crate) sending: BTreeMap<(AppId, UserId, String), Sending>,
    pub(crate) next_message: u64,
    /// Words about what ended without a client's. A few seconds of ended calls.
    pub(crate) notices: BTreeMap<(AppId, InviteId), Notice>,
    pub(crate) next_seat: u64,
    /// Seat numbers below were promised to the store.
    pub(crate) reserved_seats: u64,
    pub(crate) timers: Timers,
    /// Of each text in the store its hash: an unchanged one is not saved again.
    pub(crate) saved: BTreeMap<String, u64>,
    /// Changed by the command in hand; `flush` tells, saves and times them.
    pub(crate) touched_calls: BTreeSet<CallKey>,
    pub(crate) touched_rooms: BTreeSet<RoomKey>,
    pub(crate) touched_seats: BTreeSet<SeatId>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) stats: Stats,
}

impl Switchboard {
    /// Nothing here is left to chance: the seed is taken because every engine takes one.
    pub fn new(config: Config, _seed: u64) -> Self {
        Self {
            config,
            clock: Clock::default(),
            calls: BTreeMap::new(),
            invites: BTreeMap::new(),
            rooms: BTreeMap::new(),
            seats: BTreeMap::new(),
            calls_in_room: BTreeMap::new(),
            calls_of_user: BTreeMap::new(),
            calls_of_group: BTreeMap::new(),
            rooms_of_user: BTreeMap::new(),
            seats_of_session: BTreeMap::new(),
            attributes: BTreeMap::new(),
            recent: Recent::default(),
            sending: BTreeMap::new(),
            next_message: 1,
            notices: BTreeMap::new(),
            next_seat: 1,
            reserved_seats: 1,
            timers: Timers::default(),
            saved: BTreeMap::new(),
            touched_calls: BTreeSet::new(),
            touched_rooms: BTreeSet::new(),
            touched_seats: BTreeSet::new(),
            outputs: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    pub fn handle_command(&mut self, now: Now, directory: &dyn Directory, command: Command) {
        let t = self.clock.read(now);
        match command {
            Command::Follow { app, message } => self.follow(t, directory, app, &message),
            Command::Enter { app, session, re, user, room, private_map_key } => {
                let key = private_map_key.as_deref();
                self.enter_by_session(t, directory, (app, room), user, key, (session, re));
            }
            Command::EnterWithoutSession { app, request, user, room, private_map_key } => {
                self.enter_by_media(t, directory, (app, room), user, private_map_key.as_deref(), request);
            }
            Command::Attach { app, request, user, room, private_map_key } => {
                self.attach(t, directory, (app, room), user, private_map_key.as_deref(), request);
            }
            Command::Leave { app, session, re, user, room } => {
                self.leave(&(app, room), &user, session.map(|session| (session, re)));
            }
            Command::SetTracks { app, session, re, user, room, tracks } => {
                let result = self.set_tracks(&(app, room), &user, session, tracks);
                self.reply(session, re, result);
            }
            Command::Kick { app, session, re, by, user, room } => {
                let result = self.kick(&(app, room), &by, &user);
                self.reply(session, re, result);
            }
            Command::Dissolve { app, session, re, by, room } => {
                let result = self.dissolve(&(app, room), &by);
                self.reply(session, re, result);
            }
            Command::Current { app, session, re, user } => {
                let calls = self.calls_of(app, &user);
                self.reply(session, re, Ok(serde_json::json!({ "calls": calls })));
            }
            Command::Ask { app, session, re, user, ask } => {
                self.ask(t, directory, Asker { app, session, re, user }, ask);
            }
            Command::NotSent { app, user, client_id, error } => self.not_sent((app, user, client_id), error),
            Command::Session { session, state } => self.session(t, session, state),
            Command::Media { seat, event } => self.media(t, seat, event),
            Command::Remove { app, user, room, reason } => self.remove(&(app, room), &user, reason),
            Command::Close { app, room, reason } => self.close(&(app, room), reason),
        }
        self.flush(t);
    }

    /// Does what the deadlines that have come ask for. Early or late calls do no harm.
    pub fn handle_timeout(&mut self, now: Now, directory: &dyn Directory) {
        let t = self.clock.read(now);
        while let Some(owner) = self.timers.pop_due(t.at) {
            match owner {
                Owner::Call(app, call) => self.expire_call(t, directory, (app, call)),
                Owner::Seat(seat) => self.expire_seat(t, seat),
                Owner::Notice(app, invite) => self.expire_notice(t, &(app, invite)),
            }
            self.flush(t);
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        self.timers.next(&self.clock)
    }

    pub fn stats(&self) -> Stats {
        let connected = |call: &&Call| call.state().state == CallPhase::Connected;
        let calls_connected = self.calls.values().filter(connected).count();
        Stats {
            calls_waiting: self.calls.len() - calls_connected,
            calls_connected,
            rooms: self.rooms.len(),
            seats: self.seats.len(),
            seats_lost: self.seats.values().filter(|seat| seat.ends.is_some()).count(),
            ..self.stats.clone()
        }
    }

    /// Calls that the user is in or asked to, for the snapshot at sign-in.
    pub fn calls_of(&self, app: AppId, user: &UserId) -> Vec<CallState> {
        self.calls_with(app, user).map(Call::state).collect()
    }

    /// A call that is not over.
    pub fn call(&self, app: AppId, call: &CallId) -> Option<CallState> {
        self.calls.get(&(app, call.clone())).map(Call::state)
    }

    pub fn is_room(&self, app: AppId, room: &RoomId) -> bool {
        self.rooms.contains_key(&(app, room.clone()))
    }

    /// Rooms in which the user has a seat, for the snapshot at sign-in.
    pub fn rooms_of(&self, app: AppId, user: &UserId) -> Vec<RoomId> {
        let rooms = self.rooms_of_user.get(&(app, user.clone()));
        rooms.into_iter().flatten().cloned().collect()
    }

    /// Whether the user is in a call, or is asked to one.
    pub fn is_busy(&self, app: AppId, user: &UserId) -> bool {
        self.calls_with(app, user).next().is_some()
    }

    /// What became of one share of an open call's invitation; for whoever needs to know before relaying.
    pub fn is_open(&self, app: AppId, invite: &InviteId, invitee: &UserId) -> bool {
        let call = self.invites.get(&(app, invite.clone())).and_then(|id| self.calls.get(&(app, id.clone())));
        let share = call.and_then(|call| call.invitations.get(invite)).and_then(|i| i.shares.get(invitee));
        share.is_some_and(|share| share.state == State::Pending)
    }

    fn calls_with<'a>(&'a self, app: AppId, user: &'a UserId) -> impl Iterator<Item = &'a Call> {
        let calls = self.calls_of_user.get(&(app, user.clone())).into_iter().flatten();
        let calls = calls.filter_map(move |id| self.calls.get(&(app, id.clone())));
        calls.filter(move |call| call.is_in(user) || call.is_asked(user))
    }

    pub(crate) fn seat_of(&self, room: &RoomKey, user: &UserId) -> Option<SeatId> {
        self.rooms.get(room)?.seats.get(user).copied()
    }

    pub(crate) fn ignore(&mut self, reason: IgnoreReason) {
        *self.stats.ignored.entry(reason).or_default() += 1;
    }

    /// Tells, saves and times what the command in hand touched. Calls first: their end may let a room go.
    pub(crate) fn flush(&mut self, t: Moment) {
        while let Some(key) = self.touched_calls.pop_first() {
            self.flush_call(t, &key);
        }
        while let Some(key) = self.touched_rooms.pop_first() {
            self.flush_room(&key);
        }
        while let Some(seat) = self.touched_seats.pop_first() {
            self.flush_seat(seat);
        }
    }
}
