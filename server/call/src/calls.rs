//! What follows from a change in a call: who is told, what is kept, what the group shows, which room it names.

use crate::call::Phase;
use crate::invitation::{Claim, Event};
use crate::room::Guests;
use crate::saved::call_save_key;
use crate::switchboard::{CallKey, RoomKey, Switchboard};
use crate::timers::{Moment, Owner};
use crate::{Directory, Happening, MemberChange, Output};
use carillon_proto::gateway::{CallState, Event as GatewayEvent, LeaveReason, MediaType};
use carillon_proto::id::{AppId, GroupId, InviteId, RoomId, UserId};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The attribute by which the vendor's clients find a group's running call.
pub(crate) const GROUP_ATTRIBUTE: &str = "inner_attr_kit_info";

/// Groups whose members may enter one room. A call has one; each further one is another call in the same room.
const GROUPS_MAX: usize = 16;

/// Users with a right to one room. A room that is never empty collects those of its former calls; they go first.
const GUESTS_MAX: usize = 10_000;

impl Switchboard {
    /// The sender of `invite` is inside: the room becomes its call's, if it may.
    pub(crate) fn vouch(&mut self, t: Moment, directory: &dyn Directory, key: &CallKey, invite: &InviteId) {
        self.touched_calls.insert(key.clone());
        let Some(call) = self.calls.get_mut(key) else { return };
        let room_key = (key.0, call.room.clone());
        let (Some(invitation), Some(room)) = (call.invitations.get_mut(invite), self.rooms.get_mut(&room_key)) else {
            return;
        };
        let mut guests = Guests::default();
        guests.users.extend(invitation.welcome().cloned());
        guests.users.extend([invitation.inviter.clone(), call.caller.clone()]);
        guests.groups.extend(call.group.clone());
        let mut strangers = Vec::new();
        if room.claim.is_none() {
            strangers.extend(room.seats.keys().filter(|user| !guests.admits(directory, key.0, user)).cloned());
            if !strangers.is_empty() && room.owner != invitation.inviter {
                invitation.claim = Claim::Void;
                return;
            }
        }
        let moderates = room.owner == invitation.inviter || call.caller == invitation.inviter;
        for user in invitation.welcome().filter(|_| moderates) {
            room.pardon(user);
        }
        invitation.claim = Claim::Vouched;
        call.confirmed = true;
        let seats = &room.seats;
        room.claim.get_or_insert_default().merge(guests, |user| seats.contains_key(user));
        self.touched_rooms.insert(room_key.clone());
        for user in strangers {
            self.stats.strangers_removed += 1;
            self.unseat(&room_key, &user, LeaveReason::Kicked);
        }
        self.note_all_entered(t, directory, key, &room_key);
    }

    /// Who sat in the room before it was the call's is in the call now, as far as not asked and yet to answer.
    fn note_all_entered(&mut self, t: Moment, directory: &dyn Directory, key: &CallKey, room: &RoomKey) {
        let seated: Vec<UserId> = self.rooms.get(room).into_iter().flat_map(|r| r.seats.keys()).cloned().collect();
        for user in seated {
            let how = self.decision(t, directory, room, &user);
            if let Some(call) = self.calls.get_mut(key) {
                call.entered(&user, how, self.config.call.users_per_call);
            }
        }
    }

    pub(crate) fn expire_call(&mut self, t: Moment, directory: &dyn Directory, key: CallKey) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        self.touched_calls.insert(key.clone());
        if call.end_by <= t.at {
            let room = (key.0, call.room.clone());
            let confirmed = call.confirmed;
            call.stop();
            if confirmed {
                self.empty(&room, LeaveReason::EndedByServer);
            }
            return;
        }
        let room = (key.0, call.room.clone());
        let mut over: BTreeMap<InviteId, Vec<UserId>> = BTreeMap::new();
        for (invite, user) in call.overdue(t) {
            let how = self.decision(t, directory, &room, &user);
            if let Some(call) = self.calls.get_mut(&key) {
                call.decide(&invite, &user, Event::TimeOut, how);
            }
            over.entry(invite).or_default().push(user);
        }
        for (invite, users) in over {
            self.tell_timed_out(t, &key, &invite, users);
        }
        if let Some(call) = self.calls.get_mut(&key) {
            call.expire(t);
        }
    }

    pub(crate) fn flush_call(&mut self, t: Moment, key: &CallKey) {
        let Some(call) = self.calls.get_mut(key) else { return };
        call.settle();
        self.note_withdrawn(t, key);
        let Some(call) = self.calls.get_mut(key) else { return };
        let changes = std::mem::take(&mut call.changes);
        let (id, ended) = (call.id.clone(), matches!(call.phase, Phase::Ended(_)));
        for user in call.users() {
            self.calls_of_user.entry((key.0, user)).or_default().insert(id.clone());
        }
        self.tell_watchers(key, &changes);
        for (user, change) in changes {
            self.forget_guest(key, &user, change);
            let what = Happening::MemberChanged { call: id.clone(), user, change };
            self.outputs.push_back(Output::Happened { app: key.0, what });
        }
        self.announce(key);
        let group = self.calls.get(key).and_then(|call| call.group.clone());
        if ended {
            self.finish_call(t, key);
        } else if let Some(call) = self.calls.get(key) {
            self.timers.set(Owner::Call(key.0, key.1.clone()), Some(call.next_deadline()));
            let value = serde_json::to_string(call).ok();
            self.save(call_save_key(key), value);
        }
        if let Some(group) = group {
            self.show_in_group(key.0, group);
        }
    }

    /// Tells everybody who is or was in it, if there is anything new to see.
    fn announce(&mut self, key: &CallKey) {
        let Some(call) = self.calls.get_mut(key) else { return };
        let state = call.state();
        let before = call.announced.replace(state.clone());
        if before.as_ref() == Some(&state) {
            return;
        }
        let concerned = |state: &CallState| state.waiting.iter().chain(&state.connected).cloned().collect::<Vec<_>>();
        let mut users: BTreeSet<UserId> = concerned(&state).into_iter().collect();
        users.extend(before.as_ref().map(concerned).unwrap_or_default());
        for user in users {
            let event = GatewayEvent::CallChanged(state.clone());
            self.outputs.push_back(Output::Notify { app: key.0, user, session: None, event });
        }
    }

    /// An invitation that ended otherwise than by an accept gives no right any more.
    fn forget_guest(&mut self, key: &CallKey, user: &UserId, change: MemberChange) {
        match change {
            MemberChange::Answer | MemberChange::HangUp | MemberChange::Join | MemberChange::Invite => return,
            MemberChange::Reject
            | MemberChange::Busy
            | MemberChange::NotAnswer
            | MemberChange::Offline
            | MemberChange::CancelInvite => {}
        }
        let Some(room_key) = self.calls.get(key).map(|call| (key.0, call.room.clone())) else { return };
        let calls = self.calls_in_room.get(&room_key).into_iter().flatten();
        let mut calls = calls.filter_map(|id| self.calls.get(&(key.0, id.clone())));
        let still = calls.any(|call| call.is_asked(user) || call.parties.contains_key(user));
        let Some(room) = self.rooms.get_mut(&room_key) else { return };
        if let Some(guests) = room.claim.as_mut().filter(|_| !still && !room.seats.contains_key(user)) {
            guests.users.remove(user);
            self.touched_rooms.insert(room_key);
        }
    }

    fn finish_call(&mut self, t: Moment, key: &CallKey) {
        let Some(call) = self.forget_call(key) else { return };
        self.save(call_save_key(key), None);
        self.tell_length(t, &call);
        let Some(record) = call.into_record(t) else { return };
        *self.stats.calls_ended.entry(record.result).or_default() += 1;
        let what = Happening::CallEnded(record.clone());
        self.outputs.push_back(Output::Record { app: key.0, record });
        self.outputs.push_back(Output::Happened { app: key.0, what });
    }

    /// Takes a call out of every index.
    pub(crate) fn forget_call(&mut self, key: &CallKey) -> Option<crate::call::Call> {
        let call = self.calls.remove(key)?;
        let app = key.0;
        for user in call.users() {
            remove_from(&mut self.calls_of_user, &(app, user), &key.1);
        }
        if let Some(group) = &call.group {
            remove_from(&mut self.calls_of_group, &(app, group.clone()), &key.1);
        }
        let room = (app, call.room.clone());
        remove_from(&mut self.calls_in_room, &room, &key.1);
        self.touched_rooms.insert(room);
        let switches = call.switches.iter().map(|switch| &switch.invite);
        for invite in call.invitations.keys().chain(switches) {
            self.invites.remove(&(app, invite.clone()));
            self.recent.insert((app, invite.clone()));
        }
        self.timers.set(Owner::Call(app, key.1.clone()), None);
        Some(call)
    }

    /// Sets, changes or removes the attribute by which a group's members see its running call.
    fn show_in_group(&mut self, app: AppId, group: GroupId) {
        let value = self.group_attribute(app, &group);
        let key = (app, group.clone());
        let before = match &value {
            Some(text) => self.attributes.insert(key, text.clone()),
            None => self.attributes.remove(&key),
        };
        if before != value {
            self.outputs.push_back(Output::GroupAttribute { app, group, key: GROUP_ATTRIBUTE, value });
        }
    }

    /// The group's oldest running call that has its room, as the vendor's back end describes it: the room always as
    /// text, `room_id_type` 1 for numbers and 2 for texts.
    pub(crate) fn group_attribute(&self, app: AppId, group: &GroupId) -> Option<String> {
        let ids = self.calls_of_group.get(&(app, group.clone()))?;
        let calls = ids.iter().filter_map(|id| self.calls.get(&(app, id.clone()))).filter(|call| call.confirmed);
        let call = calls.min_by_key(|call| (call.started, &call.id))?;
        let (room, kind) = match &call.room {
            RoomId::Number(n) => (n.to_string(), 1),
            RoomId::Text(text) => (text.clone(), 2),
        };
        let media = match call.media {
            MediaType::Audio => "audio",
            MediaType::Video => "video",
        };
        let users: Vec<_> = call.inside().map(|user| json!({ "userid": user })).collect();
        let text = json!({
            "business_type": "callkit", "call_id": call.id, "group_id": group, "room_id": room, "room_id_type": kind,
            "call_media_type": media, "user_list": users,
        });
        Some(text.to_string())
    }
}

impl Guests {
    pub(crate) fn admits(&self, directory: &dyn Directory, app: AppId, user: &UserId) -> bool {
        self.users.contains(user) || self.groups.iter().any(|group| directory.is_member(app, group, user))
    }

    fn merge(&mut self, other: Self, seated: impl Fn(&UserId) -> bool) {
        if self.users.len() + other.users.len() > GUESTS_MAX {
            self.users.retain(seated);
        }
        self.users.extend(other.users);
        self.groups.extend(other.groups);
        while self.groups.len() > GROUPS_MAX {
            self.groups.pop_last();
        }
    }
}

/// Takes `value` out of an index, and the entry when nothing is left in it.
pub(crate) fn remove_from<K: Ord, V: Ord>(index: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(values) = index.get_mut(key) {
        values.remove(value);
        if values.is_empty() {
            index.remove(key);
        }
    }
}
