//! The call engine a second time, naively: flat lists, whole numbers, everything looked at on every step.

#![allow(unreachable_pub)]

mod call;
mod verbs;

use carillon_proto::gateway::CallResult;
use std::collections::{BTreeMap, BTreeSet};

pub type User = usize;

const GRACE: u64 = 30_000;
const RING_AND_GUARD: u64 = 40_000;
/// Of an invitation that the server wrote.
const SERVED_RING: u64 = 32_000;
const CLAIM: u64 = 10_000;
const CONNECT: u64 = 30_000;
const AWAY: u64 = 10_000;
const LONGEST: u64 = 86_400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Accept,
    Reject,
    Busy,
    TimeOut,
    Cancel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    Open,
    Accepted,
    Closed(CallResult),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Expected(Option<u64>),
    Inside,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Vouched,
    Until(u64),
    Void,
}

#[derive(Debug)]
struct Invite {
    number: usize,
    inviter: User,
    guard: u64,
    claim: Claim,
    shares: BTreeMap<User, (Share, bool)>,
}

#[derive(Debug)]
struct Call {
    number: usize,
    room: u32,
    group: bool,
    caller: User,
    answered: bool,
    connected: bool,
    result: Option<CallResult>,
    own_room: bool,
    invites: Vec<Invite>,
    places: BTreeMap<User, Place>,
    hung_up: bool,
    away: Option<u64>,
    end: u64,
    /// Whose share closed without an accept, since the last settling.
    closed: Vec<User>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Device(u64, bool),
    Nobody,
    SignedOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    No,
    Yes,
    Before,
    Lost,
}

#[derive(Debug)]
struct Seat {
    user: User,
    room: u32,
    holder: Holder,
    media: Media,
    ends: Option<u64>,
}

#[derive(Debug, Default)]
struct Room {
    owner: User,
    guests: Option<BTreeSet<User>>,
    group: bool,
}

/// One call as somebody sees it: number, answered, connected, who is asked, who is in it.
pub type Seen = (usize, bool, bool, Vec<User>, Vec<User>);

#[derive(Debug, Default)]
pub struct Reference {
    pub now: u64,
    pub offline: BTreeSet<User>,
    pub members: BTreeSet<User>,
    pub records: Vec<(usize, CallResult)>,
    /// In the order of their numbers.
    calls: Vec<Call>,
    used: BTreeSet<usize>,
    rooms: BTreeMap<u32, Room>,
    /// In the order in which they were taken.
    seats: Vec<Seat>,
}

impl Reference {
    // ---- what is seen ----

    pub fn calls_of(&self, user: User) -> Vec<Seen> {
        let of = |call: &&Call| call.is_in(user) || call.asked().contains(&user);
        let seen = |call: &Call| {
            let inside = call.places.keys().copied().filter(|user| call.is_in(*user)).collect();
            (call.number, call.answered, call.connected, call.asked().into_iter().collect(), inside)
        };
        self.calls.iter().filter(of).map(seen).collect()
    }

    pub fn rooms_of(&self, user: User) -> Vec<u32> {
        let rooms: BTreeSet<u32> = self.seats.iter().filter(|seat| seat.user == user).map(|seat| seat.room).collect();
        rooms.into_iter().collect()
    }

    pub fn counts(&self) -> (usize, usize, usize) {
        (self.calls.len(), self.rooms.len(), self.seats.len())
    }

    // ---- time ----

    pub fn wait(&mut self, time: u64) {
        let end = self.now + time;
        while let Some((at, what, which)) = self.next_due().filter(|(at, _, _)| *at <= end) {
            self.now = self.now.max(at);
            if what == 0 {
                self.call_due(which)
            } else {
                self.seat_due(which)
            }
            self.settle();
        }
        self.now = end;
    }

    /// When, whose (0 a call, 1 a seat), and which.
    fn next_due(&self) -> Option<(u64, u8, usize)> {
        let calls = self.calls.iter().enumerate().map(|(i, call)| (call.due(), 0, i));
        let seats = self.seats.iter().enumerate().filter_map(|(i, seat)| Some((seat.ends?, 1, i)));
        calls.chain(seats).min()
    }

    fn call_due(&mut self, index: usize) {
        let (now, room) = (self.now, self.calls[index].room);
        let seated: BTreeSet<User> = self.seats.iter().filter(|s| s.room == room).map(|s| s.user).collect();
        let offline = self.offline.clone();
        let call = &mut self.calls[index];
        if call.end <= now {
            call.close_all(CallResult::Cancel);
            call.result = Some(CallResult::Interrupt);
            if call.own_room {
                for user in seated {
                    self.unseat(user, room, true);
                }
            }
            return;
        }
        for i in 0..call.invites.len() {
            if call.invites[i].guard <= now {
                for user in call.invites[i].open() {
                    call.answer(i, user, Answer::TimeOut, now, seated.contains(&user), !offline.contains(&user));
                }
            }
            if matches!(call.invites[i].claim, Claim::Until(until) if until <= now) {
                call.invites[i].claim = Claim::Void;
            }
        }
        if call.away.is_some_and(|until| until <= now) {
            call.away = None;
            call.close_all(CallResult::Cancel);
        }
        for (user, place) in call.places.clone() {
            if matches!(place, Place::Expected(Some(until)) if until <= now) {
                call.left(user, false);
            }
        }
    }

    fn seat_due(&mut self, index: usize) {
        let (user, room, holder) = (self.seats[index].user, self.seats[index].room, self.seats[index].holder);
        self.unseat(user, room, holder == Holder::SignedOut);
    }

    pub fn restart(&mut self) {
        for seat in &mut self.seats {
            seat.holder = Holder::Nobody;
            seat.media = Media::No;
            seat.ends = Some(self.now + GRACE);
        }
    }

    // ---- messages ----

    pub fn invite(&mut self, number: usize, from: User, to: &[User], group: bool, room: u32) {
        if !self.used.insert(number) {
            return;
        }
        let reached = |user: &User| *user != from && (!group || self.members.contains(user));
        let to: BTreeSet<User> = to.iter().copied().filter(reached).collect();
        if to.is_empty() || group && !self.members.contains(&from) {
            self.used.remove(&number);
            return;
        }
        let running = self.calls.iter().position(|c| c.room == room && c.group == group && c.is_in(from));
        let index = running.unwrap_or_else(|| self.begin(number, from, group, room));
        let call = &mut self.calls[index];
        let shares: BTreeMap<User, (Share, bool)> = to
            .into_iter()
            .filter(|user| !call.is_in(*user))
            .map(|user| (user, (Share::Open, !self.offline.contains(&user))))
            .collect();
        if shares.is_empty() {
            self.used.remove(&number);
            return;
        }
        self.add(index, number, from, RING_AND_GUARD, shares);
    }

    fn begin(&mut self, number: usize, from: User, group: bool, room: u32) -> usize {
        let seated = self.seat(from, room).is_some();
        let place = if seated { Place::Inside } else { Place::Expected(None) };
        let at = self.calls.partition_point(|call| call.number < number);
        let call = Call {
            number,
            room,
            group,
            caller: from,
            answered: false,
            connected: false,
            result: None,
            own_room: false,
            invites: Vec::new(),
            places: BTreeMap::from([(from, place)]),
            hung_up: false,
            away: None,
            end: self.now + LONGEST,
            closed: Vec::new(),
        };
        self.calls.insert(at, call);
        at
    }

    fn add(&mut self, index: usize, number: usize, from: User, rings: u64, shares: BTreeMap<User, (Share, bool)>) {
        let seated = self.seat(from, self.calls[index].room).is_some();
        let (guard, claim) = (self.now + rings, Claim::Until(self.now + CLAIM));
        let call = &mut self.calls[index];
        call.invites.push(Invite { number, inviter: from, guard, claim, shares });
        if seated {
            let last = call.invites.len() - 1;
            self.vouch(index, last);
        }
        self.settle();
    }

    pub fn answer(&mut self, number: usize, by: User, answer: Answer) {
        let offline = self.offline.clone();
        let at = self
            .calls
            .iter()
            .enumerate()
            .find_map(|(c, call)| call.invites.iter().position(|invite| invite.number == number).map(|i| (c, i)));
        let Some((c, i)) = at else { return };
        let room = self.calls[c].room;
        let invite = &self.calls[c].invites[i];
        let is_inviter = invite.inviter == by;
        let users = match answer {
            Answer::Accept | Answer::Reject | Answer::Busy => vec![by],
            Answer::TimeOut if is_inviter => invite.open(),
            Answer::TimeOut => vec![by],
            Answer::Cancel if is_inviter => invite.open(),
            Answer::Cancel => vec![],
        };
        for user in users {
            let inside = self.seat(user, room).is_some();
            self.calls[c].answer(i, user, answer, self.now, inside, !offline.contains(&user));
        }
        self.settle();
    }

    /// `peer`: to one user; none: to the group.
    pub fn hang_up(&mut self, by: User, peer: Option<User>) {
        for call in &mut self.calls {
            let fits = match peer {
                Some(peer) => !call.group && (call.places.contains_key(&peer) || call.asked().contains(&peer)),
                None => call.group,
            };
            if fits && call.is_in(by) {
                call.left(by, true);
            }
        }
        self.settle();
    }

    // ---- rooms ----

    pub fn enter(&mut self, user: User, device: u64, room: u32) -> bool {
        let known = self.rooms.get(&room);
        let guest = known.is_none_or(|known| match &known.guests {
            Some(guests) => guests.contains(&user) || known.group && self.members.contains(&user),
            None => true,
        });
        if !guest && self.seat(user, room).is_none() {
            return false;
        }
        match self.seats.iter_mut().find(|seat| seat.user == user && seat.room == room) {
            Some(seat) => {
                let same = matches!(seat.holder, Holder::Device(held, _) if held == device);
                if !same {
                    let had = matches!(seat.media, Media::Yes | Media::Before);
                    seat.media = if had { Media::Before } else { Media::No };
                }
                seat.holder = Holder::Device(device, true);
                seat.ends = None;
                seat.time(self.now);
            }
            None => {
                let empty = !self.seats.iter().any(|seat| seat.room == room);
                let known = self.rooms.entry(room).or_default();
                if empty {
                    known.owner = user;
                }
                let holder = Holder::Device(device, true);
                self.seats.push(Seat { user, room, holder, media: Media::No, ends: None });
            }
        }
        self.see_caller(user, room);
        for c in 0..self.calls.len() {
            for i in 0..self.calls[c].invites.len() {
                let invite = &self.calls[c].invites[i];
                let in_time = matches!(invite.claim, Claim::Until(until) if until >= self.now);
                if self.calls[c].room == room && invite.inviter == user && in_time {
                    self.vouch(c, i);
                }
            }
        }
        for call in self.calls.iter_mut().filter(|call| call.room == room) {
            call.entered(user, self.now);
        }
        self.settle();
        true
    }

    pub fn leave(&mut self, user: User, device: u64, room: u32) -> bool {
        let Some(seat) = self.seat(user, room) else { return false };
        let holds = match seat.holder {
            Holder::Device(held, _) => held == device,
            Holder::Nobody | Holder::SignedOut => true,
        };
        if holds {
            self.unseat(user, room, true);
            self.settle();
        }
        holds
    }

    pub fn socket(&mut self, user: User, device: u64, up: bool) {
        let now = self.now;
        let mut rooms = Vec::new();
        for seat in &mut self.seats {
            if matches!(seat.holder, Holder::Device(held, _) if held == device) && seat.user == user {
                seat.holder = Holder::Device(device, up);
                seat.time(now);
                rooms.push(seat.room);
            }
        }
        rooms.into_iter().for_each(|room| self.see_caller(user, room));
    }

    /// Calls that ring for who is gone are given up.
    fn see_caller(&mut self, user: User, room: u32) {
        let there = self.seat(user, room).is_some_and(Seat::is_there);
        for call in self.calls.iter_mut().filter(|call| call.room == room && call.caller == user) {
            call.away = if there || call.answered { None } else { call.away.or(Some(self.now + AWAY)) };
        }
    }

    pub fn sign_out(&mut self, user: User, device: u64) {
        let (mut leaves, mut rooms) = (Vec::new(), Vec::new());
        for seat in self.seats.iter_mut().filter(|seat| seat.user == user) {
            let Holder::Device(held, up) = seat.holder else { continue };
            if held == device {
                seat.holder = if up { Holder::SignedOut } else { Holder::Nobody };
                if up && seat.media == Media::No {
                    leaves.push(seat.room);
                } else {
                    seat.time(self.now);
                    rooms.push(seat.room);
                }
            }
        }
        rooms.into_iter().for_each(|room| self.see_caller(user, room));
        for room in leaves {
            self.unseat(user, room, true);
        }
        self.settle();
    }

    pub fn media(&mut self, user: User, room: u32, connected: bool) {
        let now = self.now;
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.user == user && seat.room == room) {
            seat.media = match (connected, seat.media) {
                (true, _) => Media::Yes,
                (false, Media::Yes | Media::Lost) => Media::Lost,
                (false, Media::No | Media::Before) => Media::No,
            };
            seat.time(now);
            self.see_caller(user, room);
        }
    }

    fn seat(&self, user: User, room: u32) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.user == user && seat.room == room)
    }

    fn unseat(&mut self, user: User, room: u32, on_purpose: bool) {
        self.seats.retain(|seat| seat.user != user || seat.room != room);
        if let Some(known) = self.rooms.get_mut(&room).filter(|known| known.owner == user)
            && let Some(next) = self.seats.iter().find(|seat| seat.room == room)
        {
            known.owner = next.user;
        }
        for call in self.calls.iter_mut().filter(|call| call.room == room) {
            call.left(user, on_purpose);
        }
    }

    fn vouch(&mut self, c: usize, i: usize) {
        let call = &mut self.calls[c];
        let invite = &mut call.invites[i];
        let mut guests: BTreeSet<User> = invite.shares.keys().copied().collect();
        guests.retain(|user| !matches!(invite.shares[user].0, Share::Closed(_)));
        guests.extend([invite.inviter, call.caller]);
        let room = self.rooms.get_mut(&call.room).expect("the inviter is inside");
        let may = |user: User| guests.contains(&user) || call.group && self.members.contains(&user);
        let inside = self.seats.iter().filter(|seat| seat.room == call.room);
        let strangers: Vec<User> = inside.map(|seat| seat.user).filter(|user| !may(*user)).collect();
        let claimed = room.guests.is_some();
        if !claimed && !strangers.is_empty() && room.owner != invite.inviter {
            invite.claim = Claim::Void;
            return;
        }
        invite.claim = Claim::Vouched;
        call.own_room = true;
        room.group |= call.group;
        room.guests.get_or_insert_default().extend(guests);
        let number = call.room;
        for user in strangers.into_iter().filter(|_| !claimed) {
            self.unseat(user, number, true);
        }
        let inside: Vec<User> = self.seats.iter().filter(|s| s.room == number).map(|s| s.user).collect();
        for user in inside.into_iter().collect::<BTreeSet<_>>() {
            self.calls[c].entered(user, self.now);
        }
    }

    fn settle(&mut self) {
        let mut index = 0;
        while index < self.calls.len() {
            self.calls[index].settle();
            let room = self.calls[index].room;
            for user in std::mem::take(&mut self.calls[index].closed) {
                let mut here = self.calls.iter().filter(|call| call.room == room);
                let still = here.any(|call| call.asked().contains(&user) || call.places.contains_key(&user));
                let seated = self.seat(user, room).is_some();
                if let Some(guests) = self.rooms.get_mut(&room).and_then(|room| room.guests.as_mut())
                    && !still
                    && !seated
                {
                    guests.remove(&user);
                }
            }
            match self.calls[index].result {
                Some(result) => self.records.push((self.calls.remove(index).number, result)),
                None => index += 1,
            }
        }
        let (seats, calls) = (&self.seats, &self.calls);
        self.rooms.retain(|number, _| {
            seats.iter().any(|seat| seat.room == *number)
                || calls.iter().any(|call| call.room == *number && call.own_room)
        });
    }
}
