//! From a relayed message to what it does to calls. Whoever may not do a thing, or comes too late, changes nothing
//! here; the message was relayed all the same, and the reason is counted.

use crate::call::{Call, Decision, How, NewCall, Switch};
use crate::invitation::{Claim, Event, Invitation, Share, State};
use crate::service::{SERVED_EXTRA, Served};
use crate::switchboard::{CallKey, RoomKey, Switchboard};
use crate::timers::Moment;
use crate::words::Sending;
use crate::{Directory, Happening, IgnoreReason, Output};
use carillon_proto::call::{Action, Error, Meaning, Signal};
use carillon_proto::gateway::{MediaType, Message, Peer};
use carillon_proto::id::{AppId, CallId, InviteId, RoomId, UserId};

pub(crate) type Followed = Result<(), IgnoreReason>;

/// A signal with what the server knows for certain about its message.
pub(crate) struct Incoming<'a> {
    pub app: AppId,
    pub from: &'a UserId,
    pub to: &'a Peer,
    pub signal: &'a Signal,
    /// What the server knows of an invitation that it wrote itself.
    pub served: Option<&'a Served>,
}

impl Incoming<'_> {
    fn invite(&self) -> &InviteId {
        &self.signal.envelope.invite
    }

    /// The envelope's group is the one that the message went to, or there is none.
    fn group_fits(&self) -> bool {
        match self.to {
            Peer::User(_) => self.signal.envelope.group.is_none(),
            Peer::Group(group) => self.signal.envelope.group.as_ref() == Some(group),
        }
    }
}

impl Switchboard {
    pub(crate) fn follow(&mut self, t: Moment, directory: &dyn Directory, app: AppId, message: &Message) {
        if message.kind != "custom" {
            return;
        }
        let Some(text) = message.payload.get("data").and_then(|data| data.as_str()) else { return };
        let served = match self.sending.remove(&(app, message.from.clone(), message.client_id.clone())) {
            // Done before it was said.
            Some(Sending::Word) => return,
            Some(Sending::Invitation(served)) => Some(served),
            None => None,
        };
        let signal = match Signal::parse(text) {
            Ok(signal) => signal,
            Err(Error::NotSignalling | Error::NotCall) => return,
            Err(Error::TooLarge | Error::Malformed(_)) => {
                if let Some(served) = served {
                    self.refuse_written(&served);
                }
                return self.ignore(IgnoreReason::Malformed);
            }
        };
        let incoming =
            Incoming { app, from: &message.from, to: &message.to, signal: &signal, served: served.as_deref() };
        let followed = match (signal.envelope.action, signal.data.meaning()) {
            (Action::Invite, Meaning::Call) => self.invited(t, directory, &incoming),
            (Action::Invite, Meaning::HangUp) => self.hung_up(&incoming),
            (Action::Invite, Meaning::Switch(media)) => self.switch_asked(&incoming, media),
            (
                Action::Cancel | Action::Accept | Action::Reject | Action::TimeOut,
                Meaning::Call | Meaning::HangUp | Meaning::Switch(_),
            ) => self.answered(t, directory, &incoming),
        };
        if let Some(served) = &served {
            self.answer_invitation(app, &signal.envelope.invite, served, followed);
        }
        match followed {
            Ok(()) => self.stats.followed += 1,
            Err(reason) => self.ignore(reason),
        }
    }

    /// A new call, or more users for a running one.
    pub(crate) fn invited(&mut self, t: Moment, directory: &dyn Directory, incoming: &Incoming<'_>) -> Followed {
        let (app, envelope, data) = (incoming.app, &incoming.signal.envelope, &incoming.signal.data);
        let room = data.room.clone().ok_or(IgnoreReason::NoRoom)?;
        if envelope.inviter != *incoming.from || !incoming.group_fits() {
            return Err(IgnoreReason::Forged);
        }
        let known = (app, envelope.invite.clone());
        if data.consumed || self.invites.contains_key(&known) || self.recent.contains(&known) {
            return Err(IgnoreReason::Repeated);
        }
        let invitees = invitees(directory, incoming)?;
        let key = match self.running_call(incoming, &room) {
            Some(key) => key,
            None => self.new_call(t, incoming, room)?,
        };
        self.add_invitation(t, directory, &key, incoming, invitees)
    }

    /// The open call in this room that the inviter is in: the invitation adds to it.
    fn running_call(&self, incoming: &Incoming<'_>, room: &RoomId) -> Option<CallKey> {
        let app = incoming.app;
        let ids = self.calls_in_room.get(&(app, room.clone()))?;
        let fits = |id: &&CallId| {
            let call = self.calls.get(&(app, (*id).clone()));
            call.is_some_and(|call| call.group == incoming.signal.envelope.group && call.is_in(incoming.from))
        };
        // The client's word chooses between calls of its own, nothing more.
        let named = incoming.signal.data.initial_call.as_ref().and_then(|id| ids.get(id)).filter(fits);
        named.or_else(|| ids.iter().find(fits)).map(|id| (app, id.clone()))
    }

    fn new_call(&mut self, t: Moment, incoming: &Incoming<'_>, room: RoomId) -> Result<CallKey, IgnoreReason> {
        let (app, caller) = (incoming.app, incoming.from.clone());
        let id = CallId::new(incoming.invite().as_str()).ok_or(IgnoreReason::Malformed)?;
        if !self.may_start(app, &caller) {
            return Err(IgnoreReason::Limit);
        }
        let room_key = (app, room.clone());
        let inside = self.seat_of(&room_key, &caller).is_some();
        let group = incoming.signal.envelope.group.clone();
        // A client that does not say starts a call with pictures only if it says so.
        let media = incoming.signal.data.media.unwrap_or(MediaType::Audio);
        let new = NewCall { app, id: id.clone(), room, group: group.clone(), media, caller };
        let key = (app, id.clone());
        self.calls.insert(key.clone(), Call::new(t, new, inside, self.config.call.max_length()));
        self.calls_in_room.entry(room_key).or_default().insert(id.clone());
        if let Some(group) = group {
            self.calls_of_group.entry((app, group)).or_default().insert(id);
        }
        Ok(key)
    }

    pub(crate) fn may_start(&self, app: AppId, caller: &UserId) -> bool {
        let of_caller = self.calls_of_user.get(&(app, caller.clone())).into_iter().flatten();
        let of_caller = of_caller.filter_map(|id| self.calls.get(&(app, id.clone())));
        let started = of_caller.filter(|call| call.caller == *caller).count();
        self.calls.len() < self.config.call.calls && started < self.config.call.calls_per_user
    }

    /// Whether one more invitation, of these users, stays within what a call may hold.
    pub(crate) fn takes_more<'a>(&self, call: &Call, users: impl Iterator<Item = &'a UserId>) -> bool {
        let mut all = call.users();
        all.extend(users.cloned());
        let limits = &self.config.call;
        all.len() <= limits.users_per_call && call.invitations.len() < limits.invitations_per_call
    }

    fn add_invitation(
        &mut self,
        t: Moment,
        directory: &dyn Directory,
        key: &CallKey,
        incoming: &Incoming<'_>,
        invitees: Vec<UserId>,
    ) -> Followed {
        let app = incoming.app;
        let Some(call) = self.calls.get(key) else { return Err(IgnoreReason::Unknown) };
        let invitees: Vec<UserId> = invitees.into_iter().filter(|user| !call.is_in(user)).collect();
        let busy = incoming.served.map(|served| served.busy.as_slice()).unwrap_or_default();
        let too_many = !self.takes_more(call, invitees.iter().chain(busy));
        let first = call.invitations.is_empty();
        if (invitees.is_empty() && busy.is_empty()) || too_many {
            if first {
                self.forget_call(key);
            }
            return Err(if too_many { IgnoreReason::Limit } else { IgnoreReason::Repeated });
        }
        let share = |user: &UserId, state| (user.clone(), Share { state, reached: directory.is_online(app, user) });
        let asked = invitees.iter().map(|user| share(user, State::Pending));
        let extra = if incoming.served.is_some() { SERVED_EXTRA } else { self.config.call.guard_extra() };
        let invitation = Invitation {
            inviter: incoming.from.clone(),
            guard: t.at.plus(incoming.signal.envelope.timeout.ring()).plus(extra),
            claim: Claim::Within(t.at.plus(self.config.call.claim_within())),
            shares: asked.chain(busy.iter().map(|user| share(user, State::Busy))).collect(),
            served: incoming.served.is_some(),
        };
        let Some(call) = self.calls.get_mut(key) else { return Err(IgnoreReason::Unknown) };
        if invitation.served {
            call.watchers.insert(incoming.from.clone());
        }
        call.invite(incoming.invite().clone(), invitation);
        let room = (app, call.room.clone());
        if first {
            let started = Happening::CallStarted(call.state());
            self.outputs.push_back(Output::Happened { app, what: started });
        }
        self.invites.insert((app, incoming.invite().clone()), key.1.clone());
        self.touched_calls.insert(key.clone());
        if self.seat_of(&room, incoming.from).is_some() {
            self.vouch(t, directory, key, incoming.invite());
        }
        Ok(())
    }

    fn answered(&mut self, t: Moment, directory: &dyn Directory, incoming: &Incoming<'_>) -> Followed {
        let (app, envelope) = (incoming.app, &incoming.signal.envelope);
        self.heard(&(app, envelope.invite.clone()), incoming.from, envelope.action, &envelope.invitees);
        let Some(id) = self.invites.get(&(app, envelope.invite.clone())) else {
            let late = self.recent.contains(&(app, envelope.invite.clone()));
            return Err(if late { IgnoreReason::Repeated } else { IgnoreReason::Unknown });
        };
        let key = (app, id.clone());
        let Some(call) = self.calls.get(&key) else { return Err(IgnoreReason::Unknown) };
        let Some(invitation) = call.invitations.get(&envelope.invite) else {
            return self.switch_answered(&key, incoming);
        };
        if envelope.inviter != invitation.inviter || call.group != envelope.group || !incoming.group_fits() {
            return Err(IgnoreReason::Forged);
        }
        let decided = decided(incoming, invitation)?;
        let room = (app, call.room.clone());
        let mut changed = false;
        for (user, event) in decided {
            let how = self.decision(t, directory, &room, &user);
            if let Some(call) = self.calls.get_mut(&key) {
                changed |= call.decide(&envelope.invite, &user, event, how);
            }
        }
        self.touched_calls.insert(key);
        if changed { Ok(()) } else { Err(IgnoreReason::Repeated) }
    }

    pub(crate) fn decision(&self, t: Moment, directory: &dyn Directory, room: &RoomKey, user: &UserId) -> Decision {
        Decision {
            t,
            inside: self.seat_of(room, user).is_some(),
            online: directory.is_online(room.0, user),
            connect_by: t.at.plus(self.config.call.connect_within()),
        }
    }

    /// The notice of a client that leaves, with or without a seat. Names no call: it is the one both sides are in.
    fn hung_up(&mut self, incoming: &Incoming<'_>) -> Followed {
        if incoming.signal.envelope.inviter != *incoming.from || !incoming.group_fits() {
            return Err(IgnoreReason::Forged);
        }
        let both_in = |call: &Call| match incoming.to {
            Peer::User(peer) => call.group.is_none() && (call.parties.contains_key(peer) || call.is_asked(peer)),
            Peer::Group(group) => call.group.as_ref() == Some(group),
        };
        let ids = self.calls_of_user.get(&(incoming.app, incoming.from.clone())).cloned().unwrap_or_default();
        let mut found = false;
        for id in ids {
            let key = (incoming.app, id);
            let Some(call) = self.calls.get_mut(&key) else { continue };
            if call.is_in(incoming.from) && both_in(call) {
                call.left(incoming.from, How::HungUp);
                self.touched_calls.insert(key);
                found = true;
            }
        }
        // The usual end of a 1v1 call: the other side left the room first, and this is only the history's record.
        found.then_some(()).ok_or(IgnoreReason::Unknown)
    }

    fn switch_asked(&mut self, incoming: &Incoming<'_>, media: MediaType) -> Followed {
        let (app, envelope) = (incoming.app, &incoming.signal.envelope);
        let Peer::User(to) = incoming.to else { return Err(IgnoreReason::Forged) };
        if envelope.inviter != *incoming.from || !incoming.group_fits() {
            return Err(IgnoreReason::Forged);
        }
        let known = (app, envelope.invite.clone());
        if self.invites.contains_key(&known) || self.recent.contains(&known) {
            return Err(IgnoreReason::Repeated);
        }
        let room = incoming.signal.data.room.as_ref().ok_or(IgnoreReason::NoRoom)?;
        let ids = self.calls_in_room.get(&(app, room.clone())).into_iter().flatten();
        let mut keys = ids.map(|id| (app, id.clone()));
        let both_in = |call: &Call| call.is_in(incoming.from) && (call.is_in(to) || call.is_asked(to));
        let key = keys.find(|key| self.calls.get(key).is_some_and(|call| call.group.is_none() && both_in(call)));
        let key = key.ok_or(IgnoreReason::Forged)?;
        let switch = Switch { invite: envelope.invite.clone(), from: incoming.from.clone(), to: to.clone(), media };
        if let Some(oldest) = self.calls.get_mut(&key).and_then(|call| call.ask_switch(switch)) {
            self.invites.remove(&(app, oldest.invite));
        }
        self.invites.insert(known, key.1.clone());
        self.touched_calls.insert(key);
        Ok(())
    }

    fn switch_answered(&mut self, key: &CallKey, incoming: &Incoming<'_>) -> Followed {
        let Some(call) = self.calls.get_mut(key) else { return Err(IgnoreReason::Unknown) };
        let index = call.switches.iter().position(|switch| switch.invite == *incoming.invite());
        let switch = index.and_then(|index| call.switches.get(index)).ok_or(IgnoreReason::Unknown)?;
        let (asks, asked) = (*incoming.from == switch.from, *incoming.from == switch.to);
        match incoming.signal.envelope.action {
            Action::Accept if asked => call.media = switch.media,
            Action::Reject if asked => {}
            Action::Cancel if asks => {}
            Action::TimeOut if asks || asked => {}
            Action::Accept | Action::Reject | Action::Cancel | Action::TimeOut | Action::Invite => {
                return Err(IgnoreReason::Forged);
            }
        }
        call.switches.retain(|switch| switch.invite != *incoming.invite());
        self.recent.insert((key.0, incoming.invite().clone()));
        self.invites.remove(&(key.0, incoming.invite().clone()));
        self.touched_calls.insert(key.clone());
        Ok(())
    }
}

/// Who is asked by this message: only who receives it, and not its sender.
fn invitees(directory: &dyn Directory, incoming: &Incoming<'_>) -> Result<Vec<UserId>, IgnoreReason> {
    let listed = incoming.signal.envelope.invitees.iter().filter(|user| *user != incoming.from);
    let reached = |user: &&UserId| match incoming.to {
        Peer::User(to) => *user == to,
        Peer::Group(group) => directory.is_member(incoming.app, group, user),
    };
    let sender_fits = match incoming.to {
        Peer::User(_) => true,
        Peer::Group(group) => directory.is_member(incoming.app, group, incoming.from),
    };
    let mut users: Vec<UserId> = listed.filter(reached).cloned().collect();
    users.sort();
    users.dedup();
    // Where all are busy nobody is written to.
    let nobody = users.is_empty() && incoming.served.is_none();
    if nobody || !sender_fits { Err(IgnoreReason::Forged) } else { Ok(users) }
}

/// Which shares this answer decides, and how. Its sender must be who can.
fn decided(incoming: &Incoming<'_>, invitation: &Invitation) -> Result<Vec<(UserId, Event)>, IgnoreReason> {
    let envelope = &incoming.signal.envelope;
    let is_inviter = *incoming.from == invitation.inviter;
    let is_invitee = invitation.shares.contains_key(incoming.from);
    let own = |event| if is_invitee { Ok(vec![(incoming.from.clone(), event)]) } else { Err(IgnoreReason::Forged) };
    // The inviter's list names who is still open in its view; an empty one means all.
    let all = |event| {
        let named = |user: &&UserId| envelope.invitees.is_empty() || envelope.invitees.contains(user);
        invitation.open().filter(named).map(|user| (user.clone(), event)).collect()
    };
    match envelope.action {
        Action::Accept => own(Event::Accept),
        Action::Reject if incoming.signal.data.line_busy => own(Event::Busy),
        Action::Reject => own(Event::Reject),
        Action::TimeOut if is_inviter => Ok(all(Event::TimeOut)),
        Action::TimeOut => own(Event::TimeOut),
        Action::Cancel if is_inviter => Ok(all(Event::Cancel)),
        Action::Cancel | Action::Invite => Err(IgnoreReason::Forged),
    }
}
