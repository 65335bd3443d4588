//! What outlives the process: calls, rooms, seats, as texts in somebody else's store.

use crate::call::{Call, Place};
use crate::invitation::Claim;
use crate::notices::{CLIENT_FIRST, Notice};
use crate::room::{Holder, Media, Room, Seat};
use crate::switchboard::{CallKey, RoomKey, Switchboard};
use crate::timers::{Moment, Owner};
use crate::{Output, Reason, SeatId};
use carillon_proto::call::Timeout;
use carillon_proto::id::{AppId, InviteId};
use carillon_proto::time::{Now, UnixMillis};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

impl Switchboard {
    /// Takes back what `Output::Save` kept before the last stop, once, before any command. Nobody is told anything:
    /// seats count as lost and keep the whole grace time, deadlines stay as stored. A text that cannot be read is
    /// passed over; how many is returned, for the log.
    pub fn restore(&mut self, now: Now, saved: Vec<(String, String)>) -> usize {
        let t = self.clock.read(now);
        let mut unreadable = 0;
        let mut seats = Vec::new();
        for (key, value) in saved {
            self.saved.insert(key.clone(), fingerprint(&value));
            let taken = match key.split('/').next() {
                Some("seats") => value.parse().map(|next| self.restore_seat_numbers(next)).is_ok(),
                Some("call") => serde_json::from_str(&value).map(|call| self.restore_call(t, call)).is_ok(),
                Some("room") => serde_json::from_str(&value).map(|room| self.restore_room(room)).is_ok(),
                Some("notice") => serde_json::from_str(&value).map(|notice| self.restore_notice(t, notice)).is_ok(),
                Some("seat") => serde_json::from_str(&value).map(|seat| seats.push(seat)).is_ok(),
                Some(_) | None => false,
            };
            unreadable += usize::from(!taken);
        }
        for seat in seats {
            self.restore_seat(t, seat);
        }
        self.restore_attributes();
        // A stop between two saves may have left a room without seats, or a seat without its room.
        self.touched_rooms.extend(self.rooms.keys().cloned());
        unreadable
    }

    fn restore_seat_numbers(&mut self, next: u64) {
        self.next_seat = self.next_seat.max(next);
        self.reserved_seats = self.next_seat;
    }

    fn restore_call(&mut self, t: Moment, mut call: Call) {
        self.clamp(t, &mut call);
        let (app, id) = (call.app, call.id.clone());
        call.announced = Some(call.state());
        for user in call.users() {
            self.calls_of_user.entry((app, user)).or_default().insert(id.clone());
        }
        if let Some(group) = call.group.clone() {
            self.calls_of_group.entry((app, group)).or_default().insert(id.clone());
        }
        self.calls_in_room.entry((app, call.room.clone())).or_default().insert(id.clone());
        for invite in call.invitations.keys().chain(call.switches.iter().map(|switch| &switch.invite)) {
            self.invites.insert((app, invite.clone()), id.clone());
        }
        self.timers.set(Owner::Call(app, id.clone()), Some(call.next_deadline()));
        self.calls.insert((app, id), call);
    }

    /// A wall clock set back over the restart must not keep a call waiting for as long.
    fn clamp(&self, t: Moment, call: &mut Call) {
        let limits = &self.config.call;
        let cap = |deadline: &mut UnixMillis, most| *deadline = (*deadline).min(t.at.plus(most));
        cap(&mut call.end_by, limits.max_length());
        for invitation in call.invitations.values_mut() {
            cap(&mut invitation.guard, Timeout::MAX + limits.guard_extra());
            if let Claim::Within(until) = &mut invitation.claim {
                cap(until, limits.claim_within());
            }
        }
        if let Some(until) = &mut call.away {
            cap(until, limits.caller_away());
        }
        for place in call.parties.values_mut() {
            if let Place::Expected { until: Some(until) } = place {
                cap(until, limits.connect_within());
            }
        }
    }

    fn restore_notice(&mut self, t: Moment, mut notice: Notice) {
        notice.due = notice.due.min(t.at.plus(CLIENT_FIRST));
        self.keep_notice((notice.app, notice.invite.clone()), Some(notice));
    }

    fn restore_room(&mut self, room: Room) {
        self.rooms.insert((room.app, room.id.clone()), room);
    }

    fn restore_seat(&mut self, t: Moment, mut seat: Seat) {
        let key = (seat.app, seat.room.clone());
        self.touched_seats.insert(seat.id);
        let Some(room) = self.rooms.get_mut(&key) else { return };
        room.seats.insert(seat.user.clone(), seat.id);
        seat.holder = if seat.sessionless { Holder::Media } else { Holder::Nobody };
        seat.media = Media::None;
        let ends = t.at.plus(self.config.call.grace());
        seat.ends = Some(ends);
        self.rooms_of_user.entry((key.0, seat.user.clone())).or_default().insert(key.1);
        self.next_seat = self.next_seat.max(seat.id.0 + 1);
        self.timers.set(Owner::Seat(seat.id), Some((ends, Reason::Grace)));
        self.seats.insert(seat.id, seat);
    }

    /// What the groups show already.
    fn restore_attributes(&mut self) {
        let groups: Vec<_> = self.calls_of_group.keys().cloned().collect();
        for (app, group) in groups {
            if let Some(text) = self.group_attribute(app, &group) {
                self.attributes.insert((app, group), text);
            }
        }
    }

    /// Asks for a text to be kept or forgotten, unless the store has it so already.
    pub(crate) fn save(&mut self, key: String, value: Option<String>) {
        let before = match &value {
            Some(text) => self.saved.insert(key.clone(), fingerprint(text)),
            None => self.saved.remove(&key),
        };
        if before != value.as_deref().map(fingerprint) {
            self.outputs.push_back(Output::Save { key, value });
        }
    }

    /// Everything as it would be saved now: what `restore` needs to go on from here.
    pub fn snapshot(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::from([("seats".to_owned(), self.reserved_seats.to_string())]);
        let mut put = |key: String, text: serde_json::Result<String>| {
            if let Ok(text) = text {
                all.insert(key, text);
            }
        };
        for (key, call) in &self.calls {
            put(call_save_key(key), serde_json::to_string(call));
        }
        for (key, room) in &self.rooms {
            put(room_save_key(key), serde_json::to_string(room));
        }
        for (key, notice) in &self.notices {
            put(notice_save_key(key), serde_json::to_string(notice));
        }
        for (id, seat) in &self.seats {
            put(seat_save_key(*id), serde_json::to_string(&seat.to_save()));
        }
        all
    }
}

pub(crate) fn call_save_key(key: &CallKey) -> String {
    format!("call/{}/{}", key.0.0, key.1)
}

pub(crate) fn notice_save_key(key: &(AppId, InviteId)) -> String {
    format!("notice/{}/{}", key.0.0, key.1)
}

pub(crate) fn room_save_key(key: &RoomKey) -> String {
    format!("room/{}/{}", key.0.0, key.1)
}

pub(crate) fn seat_save_key(seat: SeatId) -> String {
    format!("seat/{}", seat.0)
}

fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
