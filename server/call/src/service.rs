//! Calls made by verbs instead of messages: who is busy is known at once, and the server writes the invitations and
//! answers that the older engines ring by. A call made so is followed like any other; only its invitations are the
//! server's to end.

use crate::call::{Call, How};
use crate::follow::{Followed, Incoming};
use crate::invitation::{Event as ShareEvent, Invitation, State};
use crate::switchboard::{CallKey, Switchboard};
use crate::timers::Moment;
use crate::words::{Sending, signal_of, written};
use crate::{Ask, Directory, IgnoreReason, Output, SessionId};
use carillon_proto::call::{Signal, Timeout};
use carillon_proto::gateway::{
    AskResult, Asked, CallAnswer, CallMembers, ChangedMember, ErrorBody, Event, InviteToCall, MemberChange, Peer, Ring,
    StartCall, code,
};
use carillon_proto::id::{AppId, CallId, GroupId, InviteId, RoomId, UserId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long after its own time-out the server ends an invitation that it wrote. The invitee's notice comes first: two
/// would be two lines in the history.
pub(crate) const SERVED_EXTRA: Duration = Duration::from_secs(2);

type Answer = Result<Value, ErrorBody>;

/// Whose request is answered.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub app: AppId,
    pub session: SessionId,
    pub re: u64,
    pub user: UserId,
}

/// An invitation that the server writes.
#[derive(Debug)]
pub(crate) struct Served {
    pub asker: Asker,
    /// Asked for, but nobody disturbs them.
    pub busy: Vec<UserId>,
    asked: Vec<Asked>,
}

impl Switchboard {
    pub(crate) fn ask(&mut self, t: Moment, directory: &dyn Directory, asker: Asker, ask: Ask) {
        let (app, user) = (asker.app, asker.user.clone());
        let key = |call: CallId| (app, call);
        let result = match ask {
            Ask::Start(start) => return self.start(t, directory, asker, *start),
            Ask::Invite(invite) => return self.invite_more(t, directory, asker, *invite),
            Ask::Cancel { call, users } => self.cancel(t, directory, &key(call), &user, &users),
            Ask::Answer { call, answer } => self.answer(t, directory, &key(call), &user, answer),
            Ask::HangUp { call } => self.hang_up(t, directory, &key(call), &user),
            Ask::Join { call } => self.join(t, directory, &key(call), &user),
            Ask::Beat { call } => self.beat(&key(call), &user),
        };
        self.reply(asker.session, asker.re, result);
    }

    /// The message could not be sent: nothing began.
    pub(crate) fn not_sent(&mut self, key: (AppId, UserId, String), error: ErrorBody) {
        match self.sending.remove(&key) {
            Some(Sending::Invitation(served)) => self.reply(served.asker.session, served.asker.re, Err(error)),
            // Devices have their own timers.
            Some(Sending::Word) | None => {}
        }
    }

    // ---- invitations ----

    fn start(&mut self, t: Moment, directory: &dyn Directory, asker: Asker, start: StartCall) {
        let StartCall { call, users, group, room, media, ring } = start;
        let users: BTreeSet<UserId> = users.into_iter().filter(|user| *user != asker.user).collect();
        let invite = InviteId::new(call.as_str());
        let error = match &invite {
            None => Some(ErrorBody::new(code::BAD_REQUEST, "call: printable ASCII")),
            Some(invite) if self.is_known(asker.app, invite) => Some(refusal(IgnoreReason::Repeated)),
            Some(_) if self.has_call(&asker, &room, group.as_ref()) => {
                Some(ErrorBody::new(code::ALREADY_EXISTS, "a call of yours is in this room: invite to it"))
            }
            Some(_) if !self.may_start(asker.app, &asker.user) => Some(refusal(IgnoreReason::Limit)),
            Some(_) => self.refuse_users(directory, &asker, group.as_ref(), &users).err(),
        };
        let (Some(invite), None) = (invite, &error) else { return self.refuse(&asker, error) };
        let asked = self.look_at(asker.app, None, users);
        let ringing = of(&asked, AskResult::Rings);
        let signal = Signal::invite(invite, asker.user.clone(), ringing, group, media, room);
        self.send_invitation(t, directory, asker, asked, signal, ring);
    }

    fn invite_more(&mut self, t: Moment, directory: &dyn Directory, asker: Asker, more: InviteToCall) {
        let InviteToCall { call: id, invite, users, ring } = more;
        let users: BTreeSet<UserId> = users.into_iter().filter(|user| *user != asker.user).collect();
        let key = (asker.app, id);
        let Some(call) = self.calls.get(&key).filter(|call| call.is_in(&asker.user)) else {
            return self.refuse(&asker, Some(no_call()));
        };
        let Some(group) = call.group.clone() else {
            return self.refuse(&asker, Some(ErrorBody::new(code::FORBIDDEN, "a call of two takes nobody else")));
        };
        if let Err(error) = self.refuse_users(directory, &asker, Some(&group), &users) {
            return self.refuse(&asker, Some(error));
        }
        let (room, media, inside) = (call.room.clone(), call.media, call.inside().cloned().collect::<Vec<_>>());
        let inside = inside.into_iter().filter(|user| *user != asker.user).collect();
        let asked = self.look_at(asker.app, Some(&key), users);
        if let Some(reason) = self.refuse_more(&key, &invite, &asked) {
            return self.refuse(&asker, Some(refusal(reason)));
        }
        let ringing = of(&asked, AskResult::Rings);
        let signal = Signal::invite(invite, asker.user.clone(), ringing, Some(group), media, room);
        self.send_invitation(t, directory, asker, asked, signal.adding_to(key.1, inside), ring);
    }

    /// Before anybody is rung: what is refused afterwards has rung already.
    fn refuse_more(&self, key: &CallKey, invite: &InviteId, asked: &[Asked]) -> Option<IgnoreReason> {
        let new = asked.iter().filter(|one| one.result != AskResult::InCall).map(|one| &one.user);
        let fits = self.calls.get(key).is_some_and(|call| self.takes_more(call, new));
        match (self.is_known(key.0, invite), fits) {
            (true, _) => Some(IgnoreReason::Repeated),
            (false, false) => Some(IgnoreReason::Limit),
            (false, true) => None,
        }
    }

    fn is_known(&self, app: AppId, invite: &InviteId) -> bool {
        let key = (app, invite.clone());
        self.invites.contains_key(&key) || self.recent.contains(&key)
    }

    fn has_call(&self, asker: &Asker, room: &RoomId, group: Option<&GroupId>) -> bool {
        let ids = self.calls_in_room.get(&(asker.app, room.clone())).into_iter().flatten();
        let mut calls = ids.filter_map(|id| self.calls.get(&(asker.app, id.clone())));
        calls.any(|call| call.group.as_ref() == group && call.is_in(&asker.user))
    }

    fn refuse(&mut self, asker: &Asker, error: Option<ErrorBody>) {
        let error = error.unwrap_or_else(no_call);
        self.reply(asker.session, asker.re, Err(error));
    }

    fn refuse_users(
        &self,
        directory: &dyn Directory,
        asker: &Asker,
        group: Option<&GroupId>,
        users: &BTreeSet<UserId>,
    ) -> Result<(), ErrorBody> {
        let outside = |user: &UserId, group| !directory.is_member(asker.app, group, user);
        match group {
            _ if users.is_empty() => Err(ErrorBody::new(code::BAD_REQUEST, "users: somebody else to call")),
            _ if users.len() >= self.config.call.users_per_call => {
                Err(ErrorBody::new(code::LIMIT_REACHED, "too many users in one call"))
            }
            None if users.len() > 1 => Err(ErrorBody::new(code::BAD_REQUEST, "several users are called in a group")),
            Some(group) if users.iter().chain([&asker.user]).any(|user| outside(user, group)) => {
                Err(ErrorBody::new(code::NOT_MEMBER, format!("not all of them are in group {group}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whom an invitation would ring.
    fn look_at(&self, app: AppId, call: Option<&CallKey>, users: BTreeSet<UserId>) -> Vec<Asked> {
        let call = call.and_then(|key| self.calls.get(key));
        let result = |user: &UserId| match call {
            Some(call) if call.is_in(user) || call.is_asked(user) => AskResult::InCall,
            Some(_) | None if self.is_busy(app, user) => AskResult::Busy,
            Some(_) | None => AskResult::Rings,
        };
        users.into_iter().map(|user| Asked { result: result(&user), user }).collect()
    }

    fn send_invitation(
        &mut self,
        t: Moment,
        directory: &dyn Directory,
        asker: Asker,
        asked: Vec<Asked>,
        mut signal: Signal,
        ring: Ring,
    ) {
        let seconds =
            ring.timeout_ms.map_or(Signal::RING_SECONDS, |ms| i64::try_from(ms.div_ceil(1000)).unwrap_or(i64::MAX));
        signal.envelope.timeout = Timeout(seconds.max(1));
        signal.data.user_data = ring.user_data;
        // One line of history per call of two: that of its end.
        signal.data.exclude_from_history = ring.exclude_from_history || signal.envelope.group.is_none();
        let served = Served { busy: of(&asked, AskResult::Busy), asker, asked };
        if Signal::parse(&written(&signal)).is_err() {
            return self.refuse_written(&served);
        }
        if !signal.envelope.invitees.is_empty() {
            let (app, user) = (served.asker.app, served.asker.user.clone());
            let sending = Sending::Invitation(Box::new(served));
            return self.say(t, (app, &user), &signal, ring.offline_push, sending);
        }
        let (app, user, invite) = (served.asker.app, served.asker.user.clone(), signal.envelope.invite.clone());
        let to = match (&signal.envelope.group, served.busy.first()) {
            (Some(group), _) => Peer::Group(group.clone()),
            (None, Some(busy)) => Peer::User(busy.clone()),
            (None, None) => Peer::User(user.clone()),
        };
        let incoming = Incoming { app, from: &user, to: &to, signal: &signal, served: Some(&served) };
        // Nobody to ring: all are in this call, or busy, and that is its record.
        let followed = if served.busy.is_empty() { Ok(()) } else { self.invited(t, directory, &incoming) };
        self.answer_invitation(app, &invite, &served, followed);
    }

    /// The message is back: its call has begun, or is refused.
    pub(crate) fn answer_invitation(&mut self, app: AppId, invite: &InviteId, served: &Served, followed: Followed) {
        let Asker { session, re, .. } = served.asker;
        let id = self.invites.get(&(app, invite.clone())).cloned();
        let call = id.and_then(|id| self.calls.get_mut(&(app, id)));
        let result = match (followed, call) {
            (Ok(()), Some(call)) => {
                call.settle();
                Ok(json!({ "call": call.state(), "users": served.asked }))
            }
            (Ok(()), None) => Ok(json!({ "call": null, "users": served.asked })),
            (Err(reason), _) => Err(refusal(reason)),
        };
        self.reply(session, re, result);
    }

    /// What was written passes a bound of what is read: too many users, or too much of the caller's own text.
    pub(crate) fn refuse_written(&mut self, served: &Served) {
        self.refuse(&served.asker, Some(refusal(IgnoreReason::Malformed)));
    }

    // ---- the other verbs ----

    fn cancel(&mut self, t: Moment, directory: &dyn Directory, key: &CallKey, by: &UserId, users: &[UserId]) -> Answer {
        self.mine(key, |call| call.is_in(by))?;
        let whom = if users.is_empty() { None } else { Some(users) };
        self.withdraw(t, directory, key, by, whom);
        self.state_of(key)
    }

    fn answer(
        &mut self,
        t: Moment,
        directory: &dyn Directory,
        key: &CallKey,
        user: &UserId,
        answer: CallAnswer,
    ) -> Answer {
        self.mine(key, |call| call.is_asked(user))?;
        let Some(call) = self.calls.get(key) else { return Err(no_call()) };
        let room = (key.0, call.room.clone());
        let asked =
            |invitation: &Invitation| invitation.shares.get(user).is_some_and(|share| share.state == State::Pending);
        let signals = call.invitations.iter().filter(|(_, invitation)| asked(invitation));
        let signals: Vec<Signal> = signals.map(|(invite, invitation)| signal_of(call, invite, invitation)).collect();
        if answer == CallAnswer::Accept {
            self.watch(key, user)?;
        }
        for signal in signals {
            let how = self.decision(t, directory, &room, user);
            let (event, word) = match answer {
                CallAnswer::Accept => (ShareEvent::Accept, signal.accept(user.clone())),
                CallAnswer::Reject => (ShareEvent::Reject, signal.reject(user.clone())),
                CallAnswer::Busy => (ShareEvent::Busy, signal.busy(user.clone())),
            };
            let Some(call) = self.calls.get_mut(key) else { return Err(no_call()) };
            // An accept of one invitation closes the others.
            if call.decide(&signal.envelope.invite, user, event, how) {
                self.say(t, (key.0, user), &word, None, Sending::Word);
            }
        }
        self.touched_calls.insert(key.clone());
        self.state_of(key)
    }

    fn hang_up(&mut self, t: Moment, directory: &dyn Directory, key: &CallKey, user: &UserId) -> Answer {
        self.mine(key, |call| call.is_in(user))?;
        self.withdraw(t, directory, key, user, None);
        if let Some(call) = self.calls.get_mut(key) {
            call.left(user, How::HungUp);
        }
        self.state_of(key)
    }

    /// Who is asked accepts by it; another member of its group just comes.
    fn join(&mut self, t: Moment, directory: &dyn Directory, key: &CallKey, user: &UserId) -> Answer {
        let member = |call: &Call| call.group.as_ref().is_some_and(|group| directory.is_member(key.0, group, user));
        self.mine(key, |call| call.is_in(user) || call.is_asked(user) || member(call))?;
        if self.calls.get(key).is_some_and(|call| call.is_asked(user)) {
            return self.answer(t, directory, key, user, CallAnswer::Accept);
        }
        self.watch(key, user)?;
        self.touched_calls.insert(key.clone());
        self.state_of(key)
    }

    fn beat(&mut self, key: &CallKey, user: &UserId) -> Answer {
        self.mine(key, |call| call.is_in(user) || call.is_asked(user) || call.watchers.contains(user))?;
        self.state_of(key)
    }

    /// `Err`: there is no such call for who asks.
    fn mine(&self, key: &CallKey, is_mine: impl Fn(&Call) -> bool) -> Result<(), ErrorBody> {
        self.calls.get(key).is_some_and(is_mine).then_some(()).ok_or_else(no_call)
    }

    fn state_of(&mut self, key: &CallKey) -> Answer {
        let call = self.calls.get_mut(key).ok_or_else(no_call)?;
        call.settle();
        Ok(json!({ "call": call.state() }))
    }

    fn watch(&mut self, key: &CallKey, user: &UserId) -> Result<(), ErrorBody> {
        let call = self.calls.get_mut(key).ok_or_else(no_call)?;
        if call.watchers.len() >= self.config.call.users_per_call && !call.watchers.contains(user) {
            return Err(ErrorBody::new(code::LIMIT_REACHED, "too many users in one call"));
        }
        call.watchers.insert(user.clone());
        Ok(())
    }

    /// Takes back open shares of `by`'s invitations: of these users, or all. Their devices are told.
    fn withdraw(&mut self, t: Moment, directory: &dyn Directory, key: &CallKey, by: &UserId, users: Option<&[UserId]>) {
        let Some(call) = self.calls.get(key) else { return };
        let room = (key.0, call.room.clone());
        let named = |user: &&UserId| users.is_none_or(|users| users.contains(user));
        let mut words = Vec::new();
        for (invite, invitation) in call.invitations.iter().filter(|(_, invitation)| invitation.inviter == *by) {
            let gone: Vec<UserId> = invitation.open().filter(named).cloned().collect();
            let signal = signal_of(call, invite, invitation);
            match (gone.len(), gone.len() == invitation.open().count()) {
                (0, _) => {}
                (_, true) => words.push(signal.cancel(gone)),
                // A cancel ends it for all of a group, whomever it names; a time-out for those it names.
                (_, false) => words.push(signal.time_out(gone)),
            }
        }
        for word in words {
            for user in &word.envelope.invitees {
                let how = self.decision(t, directory, &room, user);
                if let Some(call) = self.calls.get_mut(key) {
                    call.decide(&word.envelope.invite, user, ShareEvent::Cancel, how);
                }
            }
            self.say(t, (key.0, by), &word, None, Sending::Word);
        }
        self.touched_calls.insert(key.clone());
    }

    /// Tells those who watch the call what its members did.
    pub(crate) fn tell_watchers(&mut self, key: &CallKey, changes: &[(UserId, MemberChange)]) {
        let Some(call) = self.calls.get(key).filter(|_| !changes.is_empty()) else { return };
        let changes: Vec<_> =
            changes.iter().map(|(user, change)| ChangedMember { user: user.clone(), change: *change }).collect();
        for user in &call.watchers {
            let event = Event::CallMembers(CallMembers { call: call.state(), changes: changes.clone() });
            self.outputs.push_back(Output::Notify { app: key.0, user: user.clone(), session: None, event });
        }
    }
}

fn of(asked: &[Asked], result: AskResult) -> Vec<UserId> {
    asked.iter().filter(|one| one.result == result).map(|one| one.user.clone()).collect()
}

fn no_call() -> ErrorBody {
    ErrorBody::new(code::NOT_FOUND, "there is no such call of yours, or it is over")
}

fn refusal(reason: IgnoreReason) -> ErrorBody {
    match reason {
        IgnoreReason::Limit => ErrorBody::new(code::LIMIT_REACHED, "too many calls, or users in this one"),
        IgnoreReason::Repeated => ErrorBody::new(code::ALREADY_EXISTS, "this id was used before"),
        IgnoreReason::Forged => ErrorBody::new(code::FORBIDDEN, "none of them can be asked there"),
        IgnoreReason::Unknown => no_call(),
        IgnoreReason::Malformed | IgnoreReason::NoRoom => {
            ErrorBody::new(code::BAD_REQUEST, "the invitation cannot be written")
        }
    }
}
