//! One call, its invitations and its seats.

use super::*;

impl Seat {
    pub(super) fn is_there(&self) -> bool {
        match (self.holder, self.media) {
            (Holder::SignedOut, _) | (_, Media::Lost) => false,
            (_, Media::Yes) | (Holder::Device(_, _), Media::Before) => true,
            (Holder::Device(_, up), Media::No) => up,
            (Holder::Nobody, Media::No | Media::Before) => false,
        }
    }

    pub(super) fn time(&mut self, now: u64) {
        self.ends = if self.is_there() { None } else { self.ends.or(Some(now + GRACE)) };
    }
}

impl Invite {
    pub(super) fn open(&self) -> Vec<User> {
        self.shares.iter().filter(|(_, (share, _))| *share == Share::Open).map(|(user, _)| *user).collect()
    }
}

impl Call {
    pub(super) fn is_in(&self, user: User) -> bool {
        self.places.get(&user).is_some_and(|place| *place != Place::Gone)
    }

    pub(super) fn asked(&self) -> BTreeSet<User> {
        self.invites.iter().flat_map(Invite::open).collect()
    }

    pub(super) fn due(&self) -> u64 {
        let mut due = self.end;
        for invite in &self.invites {
            if !invite.open().is_empty() {
                due = due.min(invite.guard);
            }
            if let Claim::Until(until) = invite.claim {
                due = due.min(until);
            }
        }
        for place in self.places.values() {
            if let Place::Expected(Some(until)) = place {
                due = due.min(*until);
            }
        }
        due.min(self.away.unwrap_or(due))
    }

    pub(super) fn answer(&mut self, i: usize, user: User, answer: Answer, now: u64, inside: bool, online: bool) {
        let Some((share, reached)) = self.invites[i].shares.get_mut(&user) else { return };
        if *share != Share::Open {
            return;
        }
        *reached |= online;
        let closed = match answer {
            Answer::Accept => None,
            Answer::Reject => Some(CallResult::Reject),
            Answer::Busy => Some(CallResult::CallBusy),
            Answer::TimeOut if inside && self.group => None,
            Answer::TimeOut if *reached => Some(CallResult::NotAnswer),
            Answer::TimeOut => Some(CallResult::Offline),
            Answer::Cancel => Some(CallResult::Cancel),
        };
        match closed {
            Some(result) => {
                *share = Share::Closed(result);
                self.closed.push(user);
            }
            None => {
                for invite in &mut self.invites {
                    if let Some((share @ Share::Open, _)) = invite.shares.get_mut(&user) {
                        *share = Share::Accepted;
                    }
                }
                self.comes(user, now, inside);
            }
        }
    }

    pub(super) fn comes(&mut self, user: User, now: u64, inside: bool) {
        self.away = None;
        if !self.answered {
            self.answered = true;
            if let Some(place @ Place::Expected(_)) = self.places.get_mut(&self.caller) {
                *place = Place::Expected(Some(now + CONNECT));
            }
        }
        let place = if inside { Place::Inside } else { Place::Expected(Some(now + CONNECT)) };
        self.places.insert(user, place);
    }

    pub(super) fn entered(&mut self, user: User, now: u64) {
        if let Some(place) = self.places.get_mut(&user) {
            *place = Place::Inside;
        } else if self.own_room && !self.asked().contains(&user) {
            self.comes(user, now, true);
        }
    }

    pub(super) fn left(&mut self, user: User, on_purpose: bool) {
        if !self.is_in(user) || self.result.is_some() {
            return;
        }
        match (self.answered, on_purpose) {
            (false, true) => self.close_all(CallResult::Cancel),
            (false, false) => drop(self.places.insert(user, Place::Expected(None))),
            (true, _) => {
                self.places.insert(user, Place::Gone);
                self.hung_up = on_purpose;
            }
        }
    }

    pub(super) fn close_all(&mut self, result: CallResult) {
        for invite in &mut self.invites {
            for (user, (share, _)) in &mut invite.shares {
                if *share == Share::Open {
                    *share = Share::Closed(result);
                    self.closed.push(*user);
                }
            }
        }
    }

    pub(super) fn settle(&mut self) {
        if self.result.is_some() {
            return;
        }
        let asked = !self.asked().is_empty();
        if !self.answered && !asked {
            self.result = Some(self.unanswered());
        }
        if self.answered {
            let here = self.places.values().filter(|place| **place == Place::Inside).count();
            self.connected |= here >= 2;
            let coming = self.places.values().filter(|place| **place != Place::Gone).count();
            if coming == 0 || coming == 1 && !asked {
                self.result = Some(if self.hung_up { CallResult::NormalEnd } else { CallResult::Interrupt });
                self.close_all(CallResult::Cancel);
            }
        }
    }

    pub(super) fn unanswered(&self) -> CallResult {
        let rank = |result: &CallResult| match result {
            CallResult::Cancel => 0,
            CallResult::Reject => 1,
            CallResult::CallBusy => 2,
            CallResult::NotAnswer => 3,
            CallResult::Offline | CallResult::NormalEnd | CallResult::Interrupt => 4,
        };
        let results =
            self.invites.iter().flat_map(|invite| invite.shares.values()).filter_map(|(share, _)| match share {
                Share::Closed(result) => Some(*result),
                Share::Open | Share::Accepted => None,
            });
        results.min_by_key(rank).unwrap_or(CallResult::Offline)
    }
}
