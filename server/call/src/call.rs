//! One call: who was asked, who is in it, and when it is over. Knows no room and no session, only who is inside.

use crate::MemberChange;
use crate::Reason;
use crate::invitation::{Claim, Event as ShareEvent, Invitation, Share, State};
use crate::timers::Moment;
use carillon_proto::gateway::{CallPhase, CallRecord, CallResult, CallState, MediaType};
use carillon_proto::id::{AppId, CallId, GroupId, InviteId, RoomId, UserId};
use carillon_proto::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Requests for another media type that wait in one call. Clients have one; older ones make way.
const SWITCHES_MAX: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// It rings, or will.
    Waiting,
    /// Somebody accepted; two have not yet met in the room.
    Answered,
    Connected,
    Ended(CallResult),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The first accept, or the first who joined unasked.
    Answered,
    /// Two are in the room.
    Met,
    /// Nobody is asked any more, and nobody accepted.
    Unanswered(CallResult),
    /// At most one is left and nobody is asked any more, or nobody is left. `hung_up`: the last one left on purpose.
    Alone { hung_up: bool },
    /// The server ends it.
    Stopped,
}

impl Phase {
    /// The phase after `event`; `None`: the event means nothing here.
    pub(crate) fn next(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Waiting, Event::Answered) => Some(Self::Answered),
            (Self::Waiting, Event::Unanswered(result)) => Some(Self::Ended(result)),
            (Self::Answered, Event::Met) => Some(Self::Connected),
            (Self::Answered | Self::Connected, Event::Alone { hung_up: true }) => {
                Some(Self::Ended(CallResult::NormalEnd))
            }
            (Self::Answered | Self::Connected, Event::Alone { hung_up: false })
            | (Self::Waiting | Self::Answered | Self::Connected, Event::Stopped) => {
                Some(Self::Ended(CallResult::Interrupt))
            }
            (Self::Waiting, Event::Met | Event::Alone { .. })
            | (Self::Answered, Event::Answered | Event::Unanswered(_))
            | (Self::Connected, Event::Answered | Event::Met | Event::Unanswered(_))
            | (
                Self::Ended(_),
                Event::Answered | Event::Met | Event::Unanswered(_) | Event::Alone { .. } | Event::Stopped,
            ) => None,
        }
    }
}

/// How somebody left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum How {
    HungUp,
    Lost,
}

/// Where somebody is who is in the call: the caller, those who accepted, those who joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// Not in the room yet. `until`: when that counts as lost; a caller whose call rings has all the time.
    Expected {
        until: Option<UnixMillis>,
    },
    Inside,
    Gone,
}

/// A request for another media type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Switch {
    pub invite: InviteId,
    pub from: UserId,
    pub to: UserId,
    pub media: MediaType,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    pub app: AppId,
    pub id: CallId,
    pub room: RoomId,
    pub group: Option<GroupId>,
    pub media: MediaType,
    pub caller: UserId,
    pub phase: Phase,
    /// The room is this call's: an invitation of it was vouched for.
    pub confirmed: bool,
    pub invitations: BTreeMap<InviteId, Invitation>,
    pub parties: BTreeMap<UserId, Place>,
    pub switches: VecDeque<Switch>,
    pub started: UnixMillis,
    pub accepted: Option<UnixMillis>,
    /// The absolute end.
    pub end_by: UnixMillis,
    pub last_left: How,
    /// Rings, and its caller's client is not there: when it counts as given up.
    #[serde(default)]
    pub away: Option<UnixMillis>,
    /// Who is told what each member does.
    #[serde(default)]
    pub watchers: BTreeSet<UserId>,
    /// For webhooks, since the last look.
    #[serde(skip)]
    pub changes: Vec<(UserId, MemberChange)>,
    /// Shares taken back by nobody's message, since the last look.
    #[serde(skip)]
    pub withdrawn: Vec<(InviteId, UserId)>,
    /// What the users were told last.
    #[serde(skip)]
    pub announced: Option<CallState>,
}

/// What makes a new call.
pub(crate) struct NewCall {
    pub app: AppId,
    pub id: CallId,
    pub room: RoomId,
    pub group: Option<GroupId>,
    pub media: MediaType,
    pub caller: UserId,
}

impl Call {
    pub(crate) fn new(t: Moment, new: NewCall, caller_inside: bool, max_length: Duration) -> Self {
        let place = if caller_inside { Place::Inside } else { Place::Expected { until: None } };
        Self {
            app: new.app,
            id: new.id,
            room: new.room,
            group: new.group,
            media: new.media,
            parties: BTreeMap::from([(new.caller.clone(), place)]),
            caller: new.caller,
            phase: Phase::Waiting,
            confirmed: false,
            invitations: BTreeMap::new(),
            switches: VecDeque::new(),
            started: t.wall,
            accepted: None,
            end_by: t.at.plus(max_length),
            last_left: How::Lost,
            away: None,
            watchers: BTreeSet::new(),
            changes: Vec::new(),
            withdrawn: Vec::new(),
            announced: None,
        }
    }

    // ---- facts ----

    /// In the call, or about to be.
    pub(crate) fn is_in(&self, user: &UserId) -> bool {
        self.parties.get(user).is_some_and(|place| *place != Place::Gone)
    }

    pub(crate) fn is_asked(&self, user: &UserId) -> bool {
        self.shares_of(user).any(|share| share.state == State::Pending)
    }

    fn anybody_asked(&self) -> bool {
        self.invitations.values().any(Invitation::is_open)
    }

    fn shares_of(&self, user: &UserId) -> impl Iterator<Item = &Share> {
        self.invitations.values().filter_map(move |invitation| invitation.shares.get(user))
    }

    /// Everybody who was ever asked or in it.
    pub(crate) fn users(&self) -> BTreeSet<UserId> {
        let asked = self.invitations.values().flat_map(|invitation| invitation.shares.keys());
        asked.chain(self.parties.keys()).cloned().collect()
    }

    fn waiting(&self) -> BTreeSet<UserId> {
        self.invitations.values().flat_map(Invitation::open).cloned().collect()
    }

    pub(crate) fn inside(&self) -> impl Iterator<Item = &UserId> {
        self.parties.iter().filter(|(_, place)| **place == Place::Inside).map(|(user, _)| user)
    }

    /// What the users see. An answered call says `waiting` with `acceptedMs` set until two have met.
    pub(crate) fn state(&self) -> CallState {
        let (state, result) = match self.phase {
            Phase::Waiting | Phase::Answered => (CallPhase::Waiting, None),
            Phase::Connected => (CallPhase::Connected, None),
            Phase::Ended(result) => (CallPhase::Ended, Some(result)),
        };
        let over = result.is_some();
        let connected = self.parties.keys().filter(|user| !over && self.is_in(user));
        CallState {
            call: self.id.clone(),
            room: self.room.clone(),
            group: self.group.clone(),
            media: self.media,
            caller: self.caller.clone(),
            state,
            waiting: if over { Vec::new() } else { self.waiting().into_iter().collect() },
            connected: connected.cloned().collect(),
            started_ms: self.started.0,
            accepted_ms: self.accepted.map(|at| at.0),
            result,
        }
    }

    /// The earliest thing that time alone does to this call.
    pub(crate) fn next_deadline(&self) -> (UnixMillis, Reason) {
        let open = self.invitations.values().filter(|invitation| invitation.is_open());
        let guards = open.map(|invitation| (invitation.guard, Reason::Guard));
        let claims = self.invitations.values().filter_map(|invitation| match invitation.claim {
            Claim::Within(until) => Some((until, Reason::Claim)),
            Claim::Vouched | Claim::Void => None,
        });
        let expected = self.parties.values().filter_map(|place| match place {
            Place::Expected { until } => until.map(|until| (until, Reason::Connect)),
            Place::Inside | Place::Gone => None,
        });
        let away = self.away.map(|until| (until, Reason::Away));
        guards.chain(claims).chain(expected).chain(away).fold((self.end_by, Reason::Length), Ord::min)
    }

    // ---- events ----

    pub(crate) fn invite(&mut self, id: InviteId, invitation: Invitation) {
        self.changes.extend(invitation.shares.keys().map(|user| (user.clone(), MemberChange::Invite)));
        let busy = invitation.shares.iter().filter(|(_, share)| share.state == State::Busy);
        self.changes.extend(busy.map(|(user, _)| (user.clone(), MemberChange::Busy)));
        self.invitations.insert(id, invitation);
    }

    /// One event on one share. `false`: it came too late. `inside`: the user is in the room already.
    pub(crate) fn decide(&mut self, invite: &InviteId, user: &UserId, event: ShareEvent, how: Decision) -> bool {
        let share = self.invitations.get_mut(invite).and_then(|invitation| invitation.shares.get_mut(user));
        let Some(share) = share else { return false };
        // A group's member may join without a word: whose time is over, but who came all the same, has joined.
        let joined = event == ShareEvent::TimeOut && how.inside && self.group.is_some();
        let event = if joined { ShareEvent::Accept } else { event };
        let Some(next) = share.state.next(event) else { return false };
        share.state = next;
        share.reached |= how.online || event != ShareEvent::TimeOut;
        let change = match (event, share.reached) {
            (ShareEvent::Accept, _) => MemberChange::Answer,
            (ShareEvent::Reject, _) => MemberChange::Reject,
            (ShareEvent::Busy, _) => MemberChange::Busy,
            (ShareEvent::TimeOut, true) => MemberChange::NotAnswer,
            (ShareEvent::TimeOut, false) => MemberChange::Offline,
            (ShareEvent::Cancel, _) => MemberChange::CancelInvite,
        };
        self.changes.push((user.clone(), change));
        if event == ShareEvent::Accept {
            self.close_other_shares(user);
            self.answered(user, how);
        }
        true
    }

    /// One answer is enough: other invitations to the same user ring no more.
    fn close_other_shares(&mut self, user: &UserId) {
        let shares = self.invitations.values_mut().filter_map(|invitation| invitation.shares.get_mut(user));
        for share in shares.filter(|share| share.state == State::Pending) {
            share.state = State::Accepted;
        }
    }

    fn answered(&mut self, user: &UserId, how: Decision) {
        self.away = None;
        if self.phase == Phase::Waiting {
            self.accepted = Some(how.t.wall);
            self.step(Event::Answered);
            if let Some(place @ Place::Expected { .. }) = self.parties.get_mut(&self.caller) {
                *place = Place::Expected { until: Some(how.connect_by) };
            }
        }
        let place = if how.inside { Place::Inside } else { Place::Expected { until: Some(how.connect_by) } };
        self.parties.insert(user.clone(), place);
    }

    /// The inviter takes back all that is open.
    pub(crate) fn cancel_all(&mut self) {
        for (invite, invitation) in &mut self.invitations {
            for (user, share) in &mut invitation.shares {
                if let Some(next) = share.state.next(ShareEvent::Cancel) {
                    share.state = next;
                    self.withdrawn.push((invite.clone(), user.clone()));
                    self.changes.push((user.clone(), MemberChange::CancelInvite));
                }
            }
        }
    }

    /// Somebody took a seat in the room. Who was neither asked nor in it joins, if the room is this call's.
    pub(crate) fn entered(&mut self, user: &UserId, how: Decision, users_max: usize) {
        match self.parties.get_mut(user) {
            Some(place @ Place::Expected { .. }) => *place = Place::Inside,
            Some(Place::Inside) => {}
            Some(place @ Place::Gone) => {
                *place = Place::Inside;
                self.changes.push((user.clone(), MemberChange::Join));
            }
            None => {
                let free = self.users().len() < users_max && !matches!(self.phase, Phase::Ended(_));
                if self.confirmed && !self.is_asked(user) && free {
                    self.changes.push((user.clone(), MemberChange::Join));
                    self.answered(user, how);
                }
            }
        }
    }

    /// Somebody's seat is gone, or somebody said to have hung up.
    pub(crate) fn left(&mut self, user: &UserId, how: How) {
        let Some(place) = self.parties.get_mut(user) else { return };
        if *place == Place::Gone {
            return;
        }
        match (self.phase, how) {
            // A caller who goes on purpose gives up; one who is lost may be back before somebody answers.
            (Phase::Waiting, How::HungUp) => self.cancel_all(),
            (Phase::Waiting, How::Lost) => *place = Place::Expected { until: None },
            (Phase::Answered | Phase::Connected, How::HungUp | How::Lost) => {
                *place = Place::Gone;
                self.last_left = how;
                let change = if how == How::HungUp { MemberChange::HangUp } else { MemberChange::Offline };
                self.changes.push((user.clone(), change));
            }
            (Phase::Ended(_), How::HungUp | How::Lost) => {}
        }
    }

    pub(crate) fn ask_switch(&mut self, switch: Switch) -> Option<Switch> {
        self.switches.push_back(switch);
        if self.switches.len() > SWITCHES_MAX { self.switches.pop_front() } else { None }
    }

    /// The caller's client is there, or not. A call that rings does so for a while without it, as that is a reload or a
    /// short gap of its network.
    pub(crate) fn see_caller(&mut self, present: bool, give_up: UnixMillis) {
        self.away = match (self.phase, present) {
            (Phase::Waiting, false) => self.away.or(Some(give_up)),
            (Phase::Waiting, true) | (Phase::Answered | Phase::Connected | Phase::Ended(_), _) => None,
        };
    }

    pub(crate) fn stop(&mut self) {
        self.cancel_all();
        self.step(Event::Stopped);
    }

    /// What time alone does at `t`. The caller asks `is_over_long` before.
    pub(crate) fn expire(&mut self, t: Moment) {
        for invitation in self.invitations.values_mut() {
            if matches!(invitation.claim, Claim::Within(until) if until <= t.at) {
                invitation.claim = Claim::Void;
            }
        }
        if self.away.is_some_and(|until| until <= t.at) {
            self.away = None;
            self.cancel_all();
        }
        let late = |place: &Place| matches!(place, Place::Expected { until: Some(until) } if *until <= t.at);
        let late: Vec<UserId> = self.parties.iter().filter(|(_, p)| late(p)).map(|(user, _)| user.clone()).collect();
        for user in late {
            self.left(&user, How::Lost);
        }
    }

    /// The shares whose guard time is over.
    pub(crate) fn overdue(&self, t: Moment) -> Vec<(InviteId, UserId)> {
        let due = self.invitations.iter().filter(|(_, invitation)| invitation.guard <= t.at);
        due.flat_map(|(id, invitation)| invitation.open().map(|user| (id.clone(), user.clone()))).collect()
    }

    /// Goes on as far as the facts carry. Ask after every event.
    pub(crate) fn settle(&mut self) {
        while let Some(event) = self.due_event() {
            self.step(event);
        }
        if matches!(self.phase, Phase::Ended(_)) {
            self.cancel_all();
        }
    }

    fn due_event(&self) -> Option<Event> {
        let asked = self.anybody_asked();
        let present = self.parties.values().filter(|place| **place != Place::Gone).count();
        match self.phase {
            Phase::Waiting => (!asked).then(|| Event::Unanswered(self.unanswered())),
            Phase::Answered if self.inside().count() >= 2 => Some(Event::Met),
            Phase::Answered | Phase::Connected => {
                let alone = present == 0 || present == 1 && !asked;
                alone.then_some(Event::Alone { hung_up: self.last_left == How::HungUp })
            }
            Phase::Ended(_) => None,
        }
    }

    fn step(&mut self, event: Event) {
        if let Some(next) = self.phase.next(event) {
            self.phase = next;
        }
    }

    /// How a call ends that nobody accepted: what the caller did counts before what the callees did, a word before
    /// silence.
    fn unanswered(&self) -> CallResult {
        let results: BTreeSet<CallResult> =
            self.invitations.values().flat_map(|i| i.shares.values()).filter_map(|share| share.result()).collect();
        let order = [CallResult::Cancel, CallResult::Reject, CallResult::CallBusy, CallResult::NotAnswer];
        order.into_iter().find(|result| results.contains(result)).unwrap_or(CallResult::Offline)
    }

    /// The record of an ended call.
    pub(crate) fn into_record(self, t: Moment) -> Option<CallRecord> {
        let Phase::Ended(result) = self.phase else { return None };
        let mut callees = self.users();
        callees.remove(&self.caller);
        Some(CallRecord {
            call: self.id,
            room: self.room,
            group: self.group,
            media: self.media,
            caller: self.caller,
            callees: callees.into_iter().collect(),
            result,
            started_ms: self.started.0,
            accepted_ms: self.accepted.map(|at| at.0),
            ended_ms: t.wall.0,
        })
    }
}

/// The circumstances of a decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision {
    pub t: Moment,
    /// The user has a seat in the call's room.
    pub inside: bool,
    /// A device of the user is signed in.
    pub online: bool,
    /// When an accepted user must be inside.
    pub connect_by: UnixMillis,
}
