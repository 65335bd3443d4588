//! Who holds a seat, whether somebody is there, and when a lost seat ends.

use crate::room::{Holder, Media};
use crate::saved::{room_save_key, seat_save_key};
use crate::switchboard::{RoomKey, Switchboard};
use crate::timers::{Moment, Owner};
use crate::{Happening, MediaEvent, Privileges, Reason, SeatId, SessionId, SessionState};
use carillon_proto::gateway::LeaveReason;
use carillon_proto::id::UserId;

impl Switchboard {
    /// The same user again: a reload, another device, or the same session. The others see nothing.
    pub(crate) fn take_over(&mut self, t: Moment, id: SeatId, holder: Holder, may: Privileges) -> SeatId {
        let Some(seat) = self.seats.get_mut(&id) else { return id };
        let before = std::mem::replace(&mut seat.holder, holder);
        let (key, user) = ((seat.app, seat.room.clone()), seat.user.clone());
        seat.may = may;
        seat.sessionless = holder == Holder::Media;
        let (old, new) = (session_of(before), session_of(holder));
        let same_client = old.is_some() && old == new;
        if !same_client {
            seat.media = match (seat.media, holder) {
                (Media::Connected | Media::Inherited, Holder::Session { .. }) => Media::Inherited,
                (
                    Media::None | Media::Connected | Media::Inherited | Media::Lost,
                    Holder::Session { .. } | Holder::Nobody | Holder::SignedOut | Holder::Media,
                ) => Media::None,
            };
        }
        seat.ends = None;
        if let Some(old) = old.filter(|_| !same_client) {
            self.release(id, old);
            self.tell_removed(&key, &user, old, LeaveReason::TakenOver);
        }
        self.hold(id, holder);
        self.time_seat(t, id);
        id
    }

    pub(crate) fn hold(&mut self, id: SeatId, holder: Holder) {
        if let Some(session) = session_of(holder) {
            self.seats_of_session.entry(session).or_default().insert(id);
        }
    }

    fn release(&mut self, id: SeatId, session: SessionId) {
        crate::calls::remove_from(&mut self.seats_of_session, &session, &id);
    }

    pub(crate) fn session(&mut self, t: Moment, session: SessionId, state: SessionState) {
        for id in self.seats_of_session.get(&session).cloned().unwrap_or_default() {
            let Some(seat) = self.seats.get_mut(&id) else { continue };
            let was_up = matches!(seat.holder, Holder::Session { up: true, .. });
            let leaves = match state {
                SessionState::Lost => {
                    seat.holder = Holder::Session { id: session, up: false };
                    false
                }
                SessionState::Back => {
                    seat.holder = Holder::Session { id: session, up: true };
                    false
                }
                // Not resumed in time: media that still flows keeps the seat. Ended with its socket up: a sign-out,
                // or a sign-in that ran out; media gets the grace time, for the client may sign in anew.
                SessionState::Over => {
                    seat.holder = if was_up { Holder::SignedOut } else { Holder::Nobody };
                    was_up && seat.media == Media::None
                }
            };
            let (key, user) = ((seat.app, seat.room.clone()), seat.user.clone());
            if leaves {
                self.unseat(&key, &user, LeaveReason::Left);
            } else {
                self.time_seat(t, id);
            }
        }
        if state == SessionState::Over {
            self.seats_of_session.remove(&session);
        }
    }

    pub(crate) fn media(&mut self, t: Moment, id: SeatId, event: MediaEvent) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let seen = match event {
            MediaEvent::Connected => {
                seat.media = Media::Connected;
                false
            }
            MediaEvent::Lost => {
                seat.media = match seat.media {
                    Media::Connected | Media::Lost => Media::Lost,
                    Media::None | Media::Inherited => Media::None,
                };
                false
            }
            MediaEvent::Closed => return self.media_closed(t, id),
            MediaEvent::Dropped if seat.holder != Holder::Media => return self.media_closed(t, id),
            MediaEvent::Dropped => {
                seat.media = Media::Lost;
                seat.end_media()
            }
            MediaEvent::TrackStarted(name) => seat.set_live(name, true),
            MediaEvent::TrackEnded(name) => seat.tracks.contains_key(&name) && seat.set_live(name, false),
        };
        if seen {
            self.tell_tracks(id);
        }
        self.time_seat(t, id);
    }

    /// The client closed its media connection, or a lost one was given up.
    fn media_closed(&mut self, t: Moment, id: SeatId) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let gone = seat.holder == Holder::Media && seat.media == Media::Connected;
        // A lost connection stays lost when it is given up: only a new one, or a new client, ends the grace time.
        if seat.media != Media::Lost {
            seat.media = Media::None;
        }
        let (key, user) = ((seat.app, seat.room.clone()), seat.user.clone());
        if gone {
            return self.unseat(&key, &user, LeaveReason::Left);
        }
        if seat.end_media() {
            self.tell_tracks(id);
        }
        self.time_seat(t, id);
    }

    /// Starts the seat's last timer when nobody is there any more, and stops it when somebody is.
    pub(crate) fn time_seat(&mut self, t: Moment, id: SeatId) {
        let grace = self.config.call.grace();
        let media_within = self.config.rooms.media_within();
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let wait = match (seat.holder, seat.media) {
            (Holder::Media, Media::None) => media_within,
            (
                Holder::Session { .. } | Holder::Nobody | Holder::SignedOut | Holder::Media,
                Media::None | Media::Connected | Media::Inherited | Media::Lost,
            ) => grace,
        };
        let present = seat.is_present();
        seat.ends = if present { None } else { seat.ends.or_else(|| Some(t.at.plus(wait))) };
        let (key, user) = ((seat.app, seat.room.clone()), seat.user.clone());
        self.touched_seats.insert(id);
        self.see_caller(t, &key, &user, present);
    }

    /// A user in a room is there, or not: calls that ring for this user give up after a while.
    fn see_caller(&mut self, t: Moment, key: &RoomKey, user: &UserId, present: bool) {
        let give_up = t.at.plus(self.config.call.caller_away());
        for id in self.calls_in_room.get(key).cloned().unwrap_or_default() {
            let call = self.calls.get_mut(&(key.0, id.clone())).filter(|call| call.caller == *user);
            if let Some(call) = call {
                call.see_caller(present, give_up);
                self.touched_calls.insert((key.0, id));
            }
        }
    }

    pub(crate) fn expire_seat(&mut self, t: Moment, id: SeatId) {
        let Some(seat) = self.seats.get(&id) else { return };
        let (key, user) = ((seat.app, seat.room.clone()), seat.user.clone());
        if seat.ends.is_none_or(|ends| ends > t.at) {
            self.touched_seats.insert(id);
            return;
        }
        // A signed-out user did not get lost: the others see a leave.
        let reason = if seat.holder == Holder::SignedOut { LeaveReason::Left } else { LeaveReason::Lost };
        self.stats.seats_expired += 1;
        self.unseat(&key, &user, reason);
    }

    /// Keeps and times a seat, or forgets it.
    pub(crate) fn flush_seat(&mut self, id: SeatId) {
        let seat = self.seats.get(&id);
        let ends = seat.and_then(|seat| seat.ends).map(|ends| (ends, Reason::Grace));
        self.timers.set(Owner::Seat(id), ends);
        let value = seat.and_then(|seat| serde_json::to_string(&seat.to_save()).ok());
        self.save(seat_save_key(id), value);
    }

    /// Keeps a room, or lets it go: nobody is inside, and no call that is not over names it as its own.
    pub(crate) fn flush_room(&mut self, key: &RoomKey) {
        let Some(room) = self.rooms.get(key) else { return };
        let calls = self.calls_in_room.get(key).into_iter().flatten();
        let mut calls = calls.filter_map(|id| self.calls.get(&(key.0, id.clone())));
        let kept = !room.seats.is_empty() || calls.any(|call| call.confirmed);
        let value = if kept { serde_json::to_string(room).ok() } else { None };
        self.save(room_save_key(key), value);
        if !kept {
            self.rooms.remove(key);
            self.happened(key, Happening::RoomClosed { room: key.1.clone() });
        }
    }
}

fn session_of(holder: Holder) -> Option<SessionId> {
    match holder {
        Holder::Session { id, .. } => Some(id),
        Holder::Nobody | Holder::SignedOut | Holder::Media => None,
    }
}
