//! Subscribers of a feed: nobody can be asked for a keyframe, so they start from the last one and catch up. What lies
//! between passes in a moment of their clock (`munge`), and leaves no faster than a path takes it.

use super::munge::Place;
use super::{Lacks, Outlet, Subscription};
use crate::ingress::{Packet, Publication};
use carillon_proto::rtp::SeqExt;
use std::time::{Duration, Instant};

/// A keyframe that was asked for again is sent again no sooner than this.
const REJOIN_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes per second of what is caught up with: two seconds of an ordinary stream pass in a fifth, and a player's queue
/// does not overflow.
const CATCH_UP_RATE: f64 = 2.5e6;
/// What leaves at once: a keyframe.
const CATCH_UP_BURST: f64 = 64e3;

/// The way from a keyframe long ago to what is seen now.
#[derive(Debug, Clone, Copy)]
pub(super) struct CatchUp {
    next: SeqExt,
    /// Bytes that may leave, and since when they were counted.
    allowed: f64,
    counted: Instant,
}

impl Subscription {
    /// The subscriber asked for a keyframe of a source that cannot be asked: it gets the last one again, and what followed.
    pub(crate) fn rejoin(&mut self, now: Instant) {
        let soon = self.rejoined.is_some_and(|at| now.saturating_duration_since(at) < REJOIN_INTERVAL);
        self.rejoins |= !soon && self.catching_up.is_none();
    }

    /// As `start`, from a keyframe that may be old.
    pub(super) fn start_late(&mut self, first: &Packet, publication: &Publication, now: Instant) {
        self.start(first, publication.epoch(), now);
        let edge = publication.history().head().and_then(|head| publication.history().get(head)).unwrap_or(first);
        self.munger.switch_late(now, place(first), place(edge), self.clock_hz());
        self.catching_up = Some(CatchUp::new(first.seq, now));
        self.rejoined = Some(now);
    }

    pub(super) fn start_again(&mut self, publication: &Publication, now: Instant) {
        let Some((first, _)) = publication.history().newest_keyframe() else { return };
        let edge = publication.history().head().and_then(|head| publication.history().get(head)).unwrap_or(first);
        self.munger.rejoin(place(first), place(edge), self.clock_hz());
        if let Some(numbers) = first.marks.vp8 {
            self.vp8.switch(numbers);
        }
        self.catching_up = Some(CatchUp::new(first.seq, now));
        self.rejoined = Some(now);
    }

    /// Sends what the rate allows of what lies between.
    pub(super) fn catch_up(&mut self, publication: &Publication, outlet: &mut Outlet<'_>) -> Lacks {
        let Some(mut state) = self.catching_up else { return Lacks::Nothing };
        state.earn(outlet.now);
        for packet in publication.history().since(state.next) {
            if state.allowed <= 0.0 {
                self.catching_up = Some(state);
                return Lacks::Time;
            }
            self.send(publication.history(), packet, outlet);
            state.allowed -= packet.payload.len() as f64;
            state.next = packet.seq.plus(1);
        }
        self.catching_up = None;
        Lacks::Nothing
    }
}

impl CatchUp {
    fn new(next: SeqExt, now: Instant) -> Self {
        Self { next, allowed: CATCH_UP_BURST, counted: now }
    }

    fn earn(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.allowed = (self.allowed + passed * CATCH_UP_RATE).min(CATCH_UP_BURST);
        self.counted = now;
    }
}

fn place(packet: &Packet) -> Place {
    Place { seq: packet.seq, time: packet.time }
}
