//! `[call]` and `[rooms]`: how long calls may wait and last, who may enter a room, and how many of everything.

use crate::BadValue;
use std::time::Duration;

crate::section! {
    /// Calls: how long they wait, how long they last, how many there may be.
    pub struct Call {
        /// Milliseconds that a lost participant keeps the seat before the others are told. Shorter: a tunnel ends the
        /// call, because clients do not come back to a 1v1 call once told; longer: the others talk to nobody.
        pub grace_ms: u64 = 30_000, in 1_000..=600_000;
        /// Milliseconds after an invitation's own time-out until the server closes it as not answered. The inviter's
        /// client does so after 5 s: shorter than that takes the word out of its mouth.
        pub guard_extra_ms: u64 = 10_000, in 5_000..=120_000;
        /// Milliseconds from the answer until both sides must be in the room. Longer than `grace_ms` of a bad network.
        pub connect_within_ms: u64 = 30_000, in 1_000..=600_000;
        /// Milliseconds between an invitation and its sender's entry of the room, for clients that invite first.
        pub claim_within_ms: u64 = 10_000, in 1_000..=60_000;
        /// Milliseconds that a call rings on while its caller's client is gone without a word: a closed page, a dead
        /// battery. Shorter than a reload or a network's gap takes the call from somebody who is still there; longer:
        /// people pick up and hear nobody.
        pub caller_away_ms: u64 = 10_000, in 1_000..=600_000;
        /// Milliseconds until a call is ended by the server whatever happens in it.
        pub max_length_ms: u64 = 86_400_000, in 60_000..=2_592_000_000;
        /// Calls of this process that are not over. More are relayed, but not followed.
        pub calls: usize = 50_000, in 1..=10_000_000;
        /// Calls one user may have started that are not over. A client has one; a reload may leave another behind.
        pub calls_per_user: usize = 16, in 1..=10_000;
        /// Users of one call, asked or joined. The vendor's clients show nine.
        pub users_per_call: usize = 100, in 2..=1_000;
        /// Invitations of one call, open or not. More are relayed, but give no right to the room.
        pub invitations_per_call: usize = 256, in 1..=10_000;
    }
}

impl Call {
    pub fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }

    pub fn guard_extra(&self) -> Duration {
        Duration::from_millis(self.guard_extra_ms)
    }

    pub fn connect_within(&self) -> Duration {
        Duration::from_millis(self.connect_within_ms)
    }

    pub fn claim_within(&self) -> Duration {
        Duration::from_millis(self.claim_within_ms)
    }

    pub fn caller_away(&self) -> Duration {
        Duration::from_millis(self.caller_away_ms)
    }

    pub fn max_length(&self) -> Duration {
        Duration::from_millis(self.max_length_ms)
    }

    /// What the bounds of single knobs cannot say: a call must last longer than any of its waits.
    pub fn validate(&self) -> Result<(), BadValue> {
        let waits = [self.grace_ms, self.connect_within_ms, self.claim_within_ms];
        let longest = waits.into_iter().max().unwrap_or_default();
        if self.max_length_ms > longest {
            return Ok(());
        }
        Err(BadValue {
            key: "call.max_length_ms".to_owned(),
            value: self.max_length_ms.to_string(),
            allowed: format!("more than grace_ms, connect_within_ms and claim_within_ms ({longest})"),
        })
    }
}

crate::section! {
    /// Rooms: who may enter, how many there may be.
    pub struct Rooms {
        /// Whether a room that belongs to no call takes any user of its app (conferences, WHIP and WHEP). `false`: only
        /// its first entrant, and who shares a call with somebody inside or has a valid PrivateMapKey.
        pub open: bool = true;
        /// Whether every entry needs a valid PrivateMapKey made by the operator's own server. Its privileges then hold.
        pub require_private_map_key: bool = false;
        /// Rooms of this process. More are refused.
        pub rooms: usize = 50_000, in 1..=10_000_000;
        /// Users in one room. More are refused.
        pub seats_per_room: usize = 5_000, in 1..=100_000;
        /// Rooms one user may be in at the same time. More are refused.
        pub rooms_per_user: usize = 16, in 1..=1_000;
        /// Milliseconds until the media of a seat without a gateway session (WHIP, WHEP) must have connected.
        pub media_within_ms: u64 = 15_000, in 1_000..=120_000;
    }
}

impl Rooms {
    pub fn media_within(&self) -> Duration {
        Duration::from_millis(self.media_within_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Section;

    #[test]
    fn defaults_stand_within_their_own_bounds() {
        assert_eq!(Call::default().check_bounds("call"), Ok(()));
        assert_eq!(Call::default().validate(), Ok(()));
        assert_eq!(Rooms::default().check_bounds("rooms"), Ok(()));
    }

    #[test]
    fn call_shorter_than_its_waits_is_refused() {
        let call = Call { max_length_ms: 60_000, grace_ms: 60_000, ..Call::default() };
        assert_eq!(call.validate().map_err(|bad| bad.key), Err("call.max_length_ms".to_owned()));
    }
}
