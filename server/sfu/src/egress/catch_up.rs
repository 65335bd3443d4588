//! Subscribers of a feed: nobody can be asked for a keyframe, so they start from the last one and catch up. What lies
//! between passes in a moment of their clock (`munge`), and leaves no faster than a path takes it. Nor can anybody be
//! asked to send less: where a path bears less than the feed, sound goes first, and of the pictures what fits.

use super::munge::Place;
use super::{Lacks, Outlet, Subscription};
use crate::DropReason;
use crate::ingress::{Packet, Publication};
use crate::recovery::history::History;
use carillon_proto::rtp::{RtpTime, SeqExt};
use std::time::{Duration, Instant};

/// A keyframe that was asked for again is sent again no sooner than this.
const REJOIN_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes per second of what is caught up with: two seconds of an ordinary stream pass in a fifth, and a player's queue
/// does not overflow.
const CATCH_UP_RATE: f64 = 2.5e6;
/// What leaves at once: a keyframe.
const CATCH_UP_BURST: f64 = 64e3;

/// A picture that would leave so long after it came is left out, with all up to the next keyframe, where the path bears
/// less than the feed.
const BEHIND_MAX: Duration = Duration::from_millis(400);
/// What leaves at once on such a path: the rest of its queue is for the sound.
const SHORT_BURST: f64 = 2.5e3;

/// Where a subscriber reads that does not follow the feed packet by packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct CatchUp {
    next: SeqExt,
    /// Bytes that may leave, and since when they were counted.
    allowed: f64,
    counted: Instant,
    /// The picture that is being sent, and whether it is a keyframe.
    picture: Option<(RtpTime, bool)>,
    /// Nothing leaves before the next keyframe.
    waits: bool,
}

impl Subscription {
    /// The subscriber asked for a keyframe of a source that cannot be asked: it gets the last one again, and what followed.
    pub(crate) fn rejoin(&mut self, now: Instant) {
        let soon = self.rejoined.is_some_and(|at| now.saturating_duration_since(at) < REJOIN_INTERVAL);
        self.rejoins |= !soon && !self.catching_up.is_some_and(CatchUp::sends_keyframe);
    }

    /// As `start`, from a keyframe that may be old.
    pub(super) fn start_late(&mut self, first: &Packet, publication: &Publication, now: Instant) {
        self.start(first, publication.epoch(), now);
        let edge = publication.history().head().and_then(|head| publication.history().get(head)).unwrap_or(first);
        self.munger.switch_late(now, place(first), place(edge), self.clock_hz());
        self.catching_up = Some(CatchUp::new(first.seq, CATCH_UP_BURST, now));
        self.rejoined = Some(now);
    }

    pub(super) fn start_again(&mut self, publication: &Publication, now: Instant) {
        let Some((first, _)) = publication.history().newest_keyframe() else { return };
        let edge = publication.history().head().and_then(|head| publication.history().get(head)).unwrap_or(first);
        self.munger.rejoin(place(first), place(edge), self.clock_hz());
        if let Some(numbers) = first.marks.vp8 {
            self.vp8.switch(numbers);
        }
        self.catching_up = Some(CatchUp::new(first.seq, CATCH_UP_BURST, now));
        self.rejoined = Some(now);
    }

    /// A path bears less than the feed: what comes leaves as fast as it takes it, from here on.
    pub(super) fn slow_down(&mut self, publication: &Publication, now: Instant) {
        if let Some(next) = publication.pending.iter().min() {
            self.catching_up = Some(CatchUp::new(*next, 0.0, now));
        }
    }

    /// Sends what the rate allows of what lies between.
    pub(super) fn catch_up(&mut self, publication: &Publication, outlet: &mut Outlet<'_>) -> Lacks {
        let Some(mut state) = self.catching_up else { return Lacks::Nothing };
        state.earn(outlet.now, outlet.pace);
        let lacks = self.read_on(&mut state, publication.history(), outlet);
        let done = lacks == Lacks::Nothing && outlet.pace.is_none() && !state.waits;
        self.catching_up = (!done).then_some(state);
        lacks
    }

    fn read_on(&mut self, state: &mut CatchUp, history: &History, outlet: &mut Outlet<'_>) -> Lacks {
        loop {
            if state.waits && !self.jump_to_keyframe(state, history) {
                return Lacks::Nothing;
            }
            let Some(packet) = history.since(state.next).next() else { return Lacks::Nothing };
            if state.leaves_out(packet, history, outlet) {
                outlet.stats.count_drop(DropReason::PathShort);
                *outlet.short = Some(outlet.now);
                state.waits = true;
                continue;
            }
            if state.allowed <= 0.0 {
                return Lacks::Time;
            }
            self.send(history, packet, outlet);
            state.allowed -= packet.payload.len() as f64;
            state.next = packet.seq.plus(1);
        }
    }

    /// False where there is none yet.
    fn jump_to_keyframe(&mut self, state: &mut CatchUp, history: &History) -> bool {
        match history.newest_keyframe().filter(|(first, _)| first.seq >= state.next) {
            Some((first, _)) => {
                self.munger.leave_out_to(first.seq);
                (state.next, state.picture, state.waits) = (first.seq, Some((first.time, true)), false);
                true
            }
            None => {
                state.next = history.head().map_or(state.next, |head| state.next.max(head.plus(1)));
                false
            }
        }
    }
}

impl CatchUp {
    fn new(next: SeqExt, allowed: f64, now: Instant) -> Self {
        Self { next, allowed, counted: now, picture: None, waits: false }
    }

    /// `pace`: bytes per second that the path bears, where that is less than the feed.
    fn earn(&mut self, now: Instant, pace: Option<f64>) {
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        let (rate, burst) = pace.map_or((CATCH_UP_RATE, CATCH_UP_BURST), |pace| (pace.min(CATCH_UP_RATE), SHORT_BURST));
        self.allowed = (self.allowed + passed * rate).min(burst);
        self.counted = now;
    }

    fn sends_keyframe(self) -> bool {
        self.picture.is_some_and(|(_, key)| key) && !self.waits
    }

    /// Whether `packet`, the next one, and all behind it up to a keyframe are to be left out.
    fn leaves_out(&mut self, packet: &Packet, history: &History, outlet: &Outlet<'_>) -> bool {
        // Less is kept than would have to be sent.
        if packet.seq > self.next {
            return true;
        }
        if self.picture.is_some_and(|(time, _)| time == packet.time) {
            return false;
        }
        let key = history.newest_keyframe().is_some_and(|(first, _)| first.time == packet.time);
        let behind = outlet.now.saturating_duration_since(packet.arrival) > BEHIND_MAX;
        if outlet.pace.is_some() && behind && !key {
            return true;
        }
        self.picture = Some((packet.time, key));
        false
    }
}

fn place(packet: &Packet) -> Place {
    Place { seq: packet.seq, time: packet.time }
}
