//! Entering and leaving rooms.

use crate::admission::Visitor;
use crate::call::How;
use crate::calls::remove_from;
use crate::invitation::Claim;
use crate::room::{Holder, Media, Room, Seat};
use crate::switchboard::{RoomKey, Switchboard};
use crate::timers::Moment;
use crate::{Directory, Happening, Keeper, Output, Privileges, RefuseReason, SeatId, SessionId};
use carillon_proto::gateway::{EnteredRoom, ErrorBody, Event, LeaveReason, TrackName, TrackState, code};
use carillon_proto::id::{InviteId, UserId};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The answer to a request: JSON or an error.
type Answer = Result<Value, ErrorBody>;

impl Switchboard {
    pub(crate) fn reply(&mut self, session: SessionId, re: u64, result: Answer) {
        self.outputs.push_back(Output::Reply { session, re, result });
    }

    pub(crate) fn enter_by_session(
        &mut self,
        t: Moment,
        directory: &dyn Directory,
        room: RoomKey,
        user: UserId,
        key: Option<&str>,
        (session, re): (SessionId, u64),
    ) {
        let holder = Holder::Session { id: session, up: true };
        match self.enter(t, directory, &room, &user, key, holder) {
            Ok(seat) => {
                let (may, entered) = self.entered_room(directory, &room, seat);
                let app = room.0;
                self.outputs.push_back(Output::Entered { session, re, app, user, seat, room: entered, may });
            }
            Err(reason) => self.reply(session, re, Err(refusal(reason))),
        }
    }

    pub(crate) fn enter_by_media(
        &mut self,
        t: Moment,
        directory: &dyn Directory,
        room: RoomKey,
        user: UserId,
        key: Option<&str>,
        request: u64,
    ) {
        match self.enter(t, directory, &room, &user, key, Holder::Media) {
            Ok(seat) => {
                let may = self.privileges(seat);
                self.outputs.push_back(Output::EnteredWithoutSession { request, seat, room: room.1, may });
            }
            Err(reason) => self.outputs.push_back(refused_without_session(request, reason)),
        }
    }

    /// For a stream's connection. A seat that a session or other media holds stays theirs; one that nobody holds, and
    /// that no session can come back to, is taken over.
    pub(crate) fn attach(
        &mut self,
        t: Moment,
        directory: &dyn Directory,
        room: RoomKey,
        user: UserId,
        key: Option<&str>,
        request: u64,
    ) {
        let held = self.seat_of(&room, &user).and_then(|id| self.seats.get(&id));
        let shared = held.and_then(|seat| match (seat.holder, seat.sessionless) {
            (Holder::Session { .. }, _) | (Holder::Nobody, false) => Some((seat.id, Keeper::Session)),
            (Holder::Media, _) if seat.media == Media::Connected => Some((seat.id, Keeper::Media)),
            (Holder::Media, _) => Some((seat.id, Keeper::Own)),
            (Holder::Nobody, true) | (Holder::SignedOut, _) => None,
        });
        let attached = match shared {
            Some(shared) => self.may_enter(directory, &room, &user, key).map(|_| shared),
            None => self.enter(t, directory, &room, &user, key, Holder::Media).map(|seat| (seat, Keeper::Own)),
        };
        self.outputs.push_back(match attached {
            Ok((seat, keeper)) => {
                let may = self.privileges(seat);
                Output::Attached { request, seat, room: room.1, may, keeper }
            }
            Err(reason) => refused_without_session(request, reason),
        });
    }

    /// A seat for the user, new or taken over. Says nothing to the user: the caller answers.
    fn enter(
        &mut self,
        t: Moment,
        directory: &dyn Directory,
        room: &RoomKey,
        user: &UserId,
        key: Option<&str>,
        holder: Holder,
    ) -> Result<SeatId, RefuseReason> {
        let admitted = self.may_enter(directory, room, user, key);
        let may = admitted.inspect_err(|reason| *self.stats.refused.entry(*reason).or_default() += 1)?;
        let seat = match self.seat_of(room, user) {
            Some(seat) => self.take_over(t, seat, holder, may),
            None => self.take_seat(t, directory, room, user, holder, may),
        };
        for (id, invite) in self.waiting_claims(t, room, user) {
            self.vouch(t, directory, &(room.0, id), &invite);
        }
        self.tell_calls_entered(t, directory, room, user);
        Ok(seat)
    }

    fn may_enter(
        &self,
        directory: &dyn Directory,
        key: &RoomKey,
        user: &UserId,
        map_key: Option<&str>,
    ) -> Result<Privileges, RefuseReason> {
        let room = self.rooms.get(key);
        let rights = map_key.map(|text| directory.private_map_key(key.0, user, &key.1, text));
        let may = match (self.config.rooms.require_private_map_key, &rights) {
            (true, Some(Ok(bits))) => Privileges(*bits),
            (true, Some(Err(_)) | None) => return Err(RefuseReason::Key),
            (false, _) => Privileges::ALL,
        };
        let empty = room.is_none_or(|room| room.seats.is_empty());
        let needed = if empty { Privileges::CREATE_ROOM } else { Privileges::JOIN_ROOM };
        if !may.allows(needed) {
            return Err(RefuseReason::Privilege);
        }
        let guests = room.and_then(|room| room.claim.as_ref());
        let visitor = Visitor {
            seated: room.is_some_and(|room| room.seats.contains_key(user)),
            banned: room.is_some_and(|room| room.is_banned(user)),
            claimed: guests.is_some(),
            invited: guests.is_some_and(|guests| guests.admits(directory, key.0, user)),
            empty,
            open: self.config.rooms.open,
            keyed: matches!(rights, Some(Ok(_))),
            acquainted: self.shares_call(key, user),
        };
        visitor.admit()?;
        if visitor.seated { Ok(may) } else { self.has_place(key, user).map(|()| may) }
    }

    fn has_place(&self, key: &RoomKey, user: &UserId) -> Result<(), RefuseReason> {
        let limits = &self.config.rooms;
        let full = match self.rooms.get(key) {
            Some(room) => room.seats.len() >= limits.seats_per_room,
            None => self.rooms.len() >= limits.rooms,
        };
        let own = self.rooms_of_user.get(&(key.0, user.clone())).map_or(0, |rooms| rooms.len());
        if full || own >= limits.rooms_per_user { Err(RefuseReason::Limit) } else { Ok(()) }
    }

    /// Whether the user is of a call that names this room and has somebody inside.
    fn shares_call(&self, key: &RoomKey, user: &UserId) -> bool {
        let Some(room) = self.rooms.get(key) else { return false };
        let ids = self.calls_in_room.get(key).into_iter().flatten();
        let mut calls = ids.filter_map(|id| self.calls.get(&(key.0, id.clone())));
        calls.any(|call| {
            let of_call = |user: &UserId| call.is_in(user) || call.is_asked(user);
            of_call(user) && room.seats.keys().any(of_call)
        })
    }

    fn take_seat(
        &mut self,
        t: Moment,
        directory: &dyn Directory,
        key: &RoomKey,
        user: &UserId,
        holder: Holder,
        may: Privileges,
    ) -> SeatId {
        let id = self.draw_seat();
        let seat = Seat {
            id,
            app: key.0,
            room: key.1.clone(),
            user: user.clone(),
            may,
            tracks: BTreeMap::new(),
            sessionless: holder == Holder::Media,
            holder,
            media: Media::None,
            ends: None,
        };
        if !self.rooms.contains_key(key) {
            self.rooms.insert(key.clone(), Room::new(key.0, key.1.clone(), user.clone()));
            self.happened(key, Happening::RoomOpened { room: key.1.clone() });
        }
        self.hold(id, holder);
        let entered =
            Event::RoomEntered { room: key.1.clone(), participant: seat.participant(directory.profile(key.0, user)) };
        self.tell_others(key, user, &entered);
        self.seats.insert(id, seat);
        if let Some(room) = self.rooms.get_mut(key) {
            room.seats.insert(user.clone(), id);
            if room.seats.len() == 1 {
                room.owner = user.clone();
            }
        }
        self.rooms_of_user.entry((key.0, user.clone())).or_default().insert(key.1.clone());
        self.happened(key, Happening::Entered { room: key.1.clone(), user: user.clone() });
        self.touched_rooms.insert(key.clone());
        self.time_seat(t, id);
        id
    }

    /// Seat numbers are promised to the store in blocks, so that none is used again after a restart.
    fn draw_seat(&mut self) -> SeatId {
        const BLOCK: u64 = 1_024;
        if self.next_seat >= self.reserved_seats {
            self.reserved_seats = self.next_seat + BLOCK;
            let value = Some(self.reserved_seats.to_string());
            self.save("seats".to_owned(), value);
        }
        self.next_seat += 1;
        SeatId(self.next_seat - 1)
    }

    fn privileges(&self, seat: SeatId) -> Privileges {
        self.seats.get(&seat).map_or(Privileges(0), |seat| seat.may)
    }

    fn entered_room(&self, directory: &dyn Directory, key: &RoomKey, own: SeatId) -> (Privileges, EnteredRoom) {
        let may = self.privileges(own);
        let seats = self.rooms.get(key).into_iter().flat_map(|room| room.seats.values());
        let others = seats.filter(|id| **id != own).filter_map(|id| self.seats.get(id));
        let participants = others.map(|seat| seat.participant(directory.profile(key.0, &seat.user))).collect();
        (may, EnteredRoom { room: key.1.clone(), participants, may: may.names() })
    }

    /// Invitations of this user into this room that wait for the user's entry.
    fn waiting_claims(&self, t: Moment, key: &RoomKey, user: &UserId) -> Vec<(carillon_proto::id::CallId, InviteId)> {
        let ids = self.calls_in_room.get(key).into_iter().flatten();
        let calls = ids.filter_map(|id| self.calls.get(&(key.0, id.clone())));
        let mut waiting = Vec::new();
        for call in calls {
            for (invite, invitation) in &call.invitations {
                let in_time = matches!(invitation.claim, Claim::Within(until) if until >= t.at);
                if in_time && invitation.inviter == *user {
                    waiting.push((call.id.clone(), invite.clone()));
                }
            }
        }
        waiting
    }

    fn tell_calls_entered(&mut self, t: Moment, directory: &dyn Directory, key: &RoomKey, user: &UserId) {
        for id in self.calls_in_room.get(key).cloned().unwrap_or_default() {
            let how = self.decision(t, directory, key, user);
            if let Some(call) = self.calls.get_mut(&(key.0, id.clone())) {
                call.entered(user, how, self.config.call.users_per_call);
                self.touched_calls.insert((key.0, id));
            }
        }
    }

    /// On purpose and at once. By a session only for the seat it holds, or one that nobody holds any more.
    pub(crate) fn leave(&mut self, key: &RoomKey, user: &UserId, session: Option<(SessionId, u64)>) {
        let holder = self.seat_of(key, user).and_then(|id| self.seats.get(&id)).map(|seat| seat.holder);
        let holds = match (holder, session) {
            (Some(Holder::Session { id, .. }), Some((session, _))) => id == session,
            (Some(Holder::Nobody | Holder::SignedOut), Some(_)) => true,
            (Some(Holder::Media), None) => true,
            (Some(Holder::Media), Some(_)) => false,
            (Some(Holder::Session { .. } | Holder::Nobody | Holder::SignedOut), None) => false,
            (None, _) => false,
        };
        if holds {
            self.unseat(key, user, LeaveReason::Left);
        }
        if let Some((session, re)) = session {
            self.reply(session, re, if holds { Ok(json!({})) } else { Err(not_in_room()) });
        }
    }

    pub(crate) fn set_tracks(
        &mut self,
        key: &RoomKey,
        user: &UserId,
        session: SessionId,
        tracks: BTreeMap<TrackName, TrackState>,
    ) -> Answer {
        let seat = self.seat_of(key, user).and_then(|id| self.seats.get_mut(&id));
        let seat = seat.filter(|seat| seat.session() == Some(session)).ok_or_else(not_in_room)?;
        let forbidden = |(name, state): (&TrackName, &TrackState)| {
            *state != TrackState::Off && !seat.may.allows(Privileges::to_send(*name))
        };
        if tracks.iter().any(forbidden) {
            return Err(ErrorBody::new(code::FORBIDDEN, "the PrivateMapKey gives no right to publish this track"));
        }
        let mut changed = false;
        for (name, state) in tracks {
            changed |= seat.set_track(name, state);
        }
        let id = seat.id;
        if changed {
            self.tell_tracks(id);
        }
        Ok(json!({}))
    }

    /// Others see the seat's tracks as they are now.
    pub(crate) fn tell_tracks(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get(&id) else { return };
        let (key, user, tracks) = ((seat.app, seat.room.clone()), seat.user.clone(), seat.tracks.clone());
        let event = Event::RoomTracks { room: key.1.clone(), user: user.clone(), tracks: tracks.clone() };
        self.tell_others(&key, &user, &event);
        let what = Happening::TracksChanged { room: key.1.clone(), user, tracks };
        self.happened(&key, what);
        self.touched_seats.insert(id);
    }

    pub(crate) fn kick(&mut self, key: &RoomKey, by: &UserId, user: &UserId) -> Answer {
        self.check_moderator(key, by)?;
        if by == user || self.seat_of(key, user).is_none() {
            return Err(ErrorBody::new(code::NOT_IN_ROOM, "the user to remove is not in this room"));
        }
        self.unseat(key, user, LeaveReason::Kicked);
        if let Some(room) = self.rooms.get_mut(key) {
            room.ban(user.clone());
        }
        Ok(json!({}))
    }

    pub(crate) fn dissolve(&mut self, key: &RoomKey, by: &UserId) -> Answer {
        self.check_moderator(key, by)?;
        self.empty(key, LeaveReason::Dissolved);
        Ok(json!({}))
    }

    /// The room's owner, and the caller of a call that is in it. Only from inside.
    fn check_moderator(&self, key: &RoomKey, by: &UserId) -> Result<(), ErrorBody> {
        let room = self.rooms.get(key).filter(|room| room.seats.contains_key(by)).ok_or_else(not_in_room)?;
        let ids = self.calls_in_room.get(key).into_iter().flatten();
        let mut calls = ids.filter_map(|id| self.calls.get(&(key.0, id.clone())));
        if room.owner == *by || calls.any(|call| call.confirmed && call.caller == *by) {
            return Ok(());
        }
        Err(ErrorBody::new(code::FORBIDDEN, "only the room's owner may do this"))
    }

    pub(crate) fn remove(&mut self, key: &RoomKey, user: &UserId, reason: LeaveReason) {
        self.unseat(key, user, reason);
    }

    /// Ends the calls of a room, then empties it.
    pub(crate) fn close(&mut self, key: &RoomKey, reason: LeaveReason) {
        for id in self.calls_in_room.get(key).cloned().unwrap_or_default() {
            if let Some(call) = self.calls.get_mut(&(key.0, id.clone())).filter(|call| call.confirmed) {
                call.stop();
                self.touched_calls.insert((key.0, id));
            }
        }
        self.empty(key, reason);
    }

    /// Everybody out. Each is told of the own removal; the others' leaves say nothing more.
    pub(crate) fn empty(&mut self, key: &RoomKey, reason: LeaveReason) {
        let users: Vec<UserId> = self.rooms.get(key).into_iter().flat_map(|r| r.seats.keys()).cloned().collect();
        for user in users {
            self.take_away(key, &user, reason);
        }
    }

    /// Ends a seat and tells the others.
    pub(crate) fn unseat(&mut self, key: &RoomKey, user: &UserId, reason: LeaveReason) {
        if self.take_away(key, user, reason) {
            let left = Event::RoomLeft { room: key.1.clone(), user: user.clone(), reason };
            self.tell_others(key, user, &left);
        }
    }

    /// Ends a seat. Its holder is told unless the holder asked for it.
    fn take_away(&mut self, key: &RoomKey, user: &UserId, reason: LeaveReason) -> bool {
        let Some(seat) = self.seat_of(key, user).and_then(|id| self.seats.remove(&id)) else { return false };
        if let Some(room) = self.rooms.get_mut(key) {
            room.vacate(user);
        }
        remove_from(&mut self.rooms_of_user, &(key.0, user.clone()), &key.1);
        if let Some(session) = seat.session() {
            remove_from(&mut self.seats_of_session, &session, &seat.id);
            if reason != LeaveReason::Left {
                self.tell_removed(key, user, session, reason);
            }
        }
        self.outputs.push_back(Output::SeatClosed { seat: seat.id });
        self.happened(key, Happening::Left { room: key.1.clone(), user: user.clone(), reason });
        let how = if reason == LeaveReason::Lost { How::Lost } else { How::HungUp };
        for id in self.calls_in_room.get(key).cloned().unwrap_or_default() {
            if let Some(call) = self.calls.get_mut(&(key.0, id.clone())) {
                call.left(user, how);
                self.touched_calls.insert((key.0, id));
            }
        }
        self.touched_seats.insert(seat.id);
        self.touched_rooms.insert(key.clone());
        true
    }

    pub(crate) fn tell_removed(&mut self, key: &RoomKey, user: &UserId, session: SessionId, reason: LeaveReason) {
        let event = Event::RoomRemoved { room: key.1.clone(), reason };
        let (app, user, session) = (key.0, user.clone(), Some(session));
        self.outputs.push_back(Output::Notify { app, user, session, event });
    }

    /// Tells every session in the room but `user`'s.
    pub(crate) fn tell_others(&mut self, key: &RoomKey, user: &UserId, event: &Event) {
        let seats = self.rooms.get(key).into_iter().flat_map(|room| &room.seats);
        for (other, id) in seats.filter(|(other, _)| *other != user) {
            if let session @ Some(_) = self.seats.get(id).and_then(Seat::session) {
                let (user, event) = (other.clone(), event.clone());
                self.outputs.push_back(Output::Notify { app: key.0, user, session, event });
            }
        }
    }

    pub(crate) fn happened(&mut self, key: &RoomKey, what: Happening) {
        self.outputs.push_back(Output::Happened { app: key.0, what });
    }
}

fn not_in_room() -> ErrorBody {
    ErrorBody::new(code::NOT_IN_ROOM, "this session has no seat in the room: enter it first")
}

fn refused_without_session(request: u64, reason: RefuseReason) -> Output {
    Output::RefusedWithoutSession { request, error: refusal(reason) }
}

fn refusal(reason: RefuseReason) -> ErrorBody {
    match reason {
        RefuseReason::NotInvited => {
            ErrorBody::new(code::ENTER_REFUSED, "the room is a call's: only who was invited may enter")
        }
        RefuseReason::Banned => ErrorBody::new(code::ENTER_REFUSED, "removed from this room: only an invitation helps"),
        RefuseReason::NotOpen => ErrorBody::new(code::ENTER_REFUSED, "the room belongs to its first entrant"),
        RefuseReason::Key => ErrorBody::new(code::ENTER_REFUSED, "no valid PrivateMapKey for this user and room"),
        RefuseReason::Privilege => ErrorBody::new(code::ENTER_REFUSED, "the PrivateMapKey gives no right to enter"),
        RefuseReason::Limit => ErrorBody::new(code::LIMIT_REACHED, "too many users in the room, or rooms"),
    }
}
