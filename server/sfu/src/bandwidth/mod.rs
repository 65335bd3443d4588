//! What a publisher's uplink bears, from when its packets left (abs-send-time) and when they came. Loss alone lowers
//! nothing: random loss is repaired, and congestion shows in the delay first.
//!
//! After the delay-based part of Google congestion control (draft-ietf-rmcat-gcc-02 section 5).

mod downlink;
mod groups;
mod least;
mod policer;
mod rate;
mod share;
mod throughput;
mod trend;

pub(crate) use downlink::{Carried, DownlinkPath};
pub(crate) use least::Least;
pub(crate) use share::picture_share;
pub(crate) use throughput::Throughput;

use carillon_proto::rtp_ext::AbsSendTime;
use groups::Groups;
use rate::RateControl;
use std::time::{Duration, Instant};
use trend::Trend;

/// Beyond 90 % of loss what came says little about what was sent.
const SENT_MIN: f64 = 0.1;

/// The path's own delay is the least of this time: routes and clocks change.
const BASE_WINDOW: Duration = Duration::from_secs(10);
/// What is there now is the least of this time: of enough packets that one was fast.
const RECENT_WINDOW: Duration = Duration::from_millis(500);
/// The same on a path that is known to drop: its queue is seen before it is full.
const QUICK_WINDOW: Duration = Duration::from_millis(120);
/// A path on which a queue dropped is known to for this time: who forgets it lets it fill once more.
const DROPS_FOR: Duration = Duration::from_secs(60);
/// Where all packets wait though so much less is sent than when it dropped, it is not what is sent that they wait for.
const DROPS_UNTIL: f64 = 0.4;
/// So few packets a second, as sound alone has: with jitter, some moments have no fast one.
const FEW: u64 = 65;
const JITTER_SHARE_FEW: i64 = 2;
/// After a queue has drained, losses are still counted as its own for this time.
const CONGESTED_FOR: Duration = Duration::from_secs(2);
/// More than chance takes by this share: a full queue drops.
const OVERFLOW: f64 = 0.03;
/// A queue that holds up every packet by this much stands.
const STANDING_US: i64 = 40_000;

/// Of one update in the loss by chance: it follows the path within some seconds.
const CHANCE_WEIGHT: f64 = 0.05;
/// Of 30 packets with even jitter one in a thousand times none is within this part of the fastest.
const JITTER_SHARE: i64 = 4;
/// A rise is told after this time.
const RISE_AFTER: Duration = Duration::from_millis(250);

/// Bounds of an estimate, bit/s.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) start: u64,
    pub(crate) min: u64,
    pub(crate) max: u64,
}

/// The estimate of one transport's uplink.
#[derive(Debug)]
pub(crate) struct UplinkEstimate {
    groups: Groups,
    trend: Trend,
    rate: RateControl,
    throughput: Throughput,
    /// Microseconds on the publisher's clock, its wraps counted.
    sent: Option<(AbsSendTime, i64)>,
    started: Instant,
    base: Least,
    recent: Least,
    quick: Least,
    /// The negated delays: the latest of them.
    latest: Least,
    /// When a queue was seen to stand last.
    stood: Option<Instant>,
    /// When a queue dropped last, and what came then, bit/s.
    dropped: Option<(Instant, u64)>,
    loss_by_chance: f64,
}

/// What a publisher was told that its video may take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    /// Bit/s.
    pub(crate) bps: u64,
    at: Option<Instant>,
}

impl Told {
    pub(crate) fn new(now: Instant, bps: u64) -> Self {
        Self { bps, at: Some(now) }
    }

    /// Whether it is to be told without waiting for its usual time that it may take `bps`. As libwebrtc: a fall by 3 % at
    /// once. A rise in steps that are no leap: a leap past what the path bears fills its queue before anybody sees it.
    pub(crate) fn differs(&self, now: Instant, bps: u64) -> bool {
        let Some(at) = self.at else { return true };
        let percent = self.bps / 100;
        bps < 97 * percent || bps > 102 * percent && now.saturating_duration_since(at) >= RISE_AFTER
    }
}

/// What the delay says of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Usage {
    Normal,
    Over,
    Under,
}

impl UplinkEstimate {
    pub(crate) fn new(now: Instant, bounds: Bounds) -> Self {
        Self {
            groups: Groups::default(),
            trend: Trend::default(),
            rate: RateControl::new(bounds),
            throughput: Throughput::default(),
            sent: None,
            started: now,
            base: Least::new(now, BASE_WINDOW),
            recent: Least::new(now, RECENT_WINDOW),
            quick: Least::new(now, QUICK_WINDOW),
            latest: Least::new(now, RECENT_WINDOW),
            stood: None,
            dropped: None,
            loss_by_chance: 0.0,
        }
    }

    /// One packet: when it left, when it came, its size on the wire.
    pub(crate) fn handle_packet(&mut self, now: Instant, sent: Option<AbsSendTime>, bytes: usize) {
        self.throughput.add(now, bytes);
        let Some(sent) = sent else { return };
        self.note_delay(now, sent);
        let Some(delta) = self.groups.handle_packet(now, sent) else { return };
        self.trend.handle_delta(now, delta);
    }

    /// Moves the estimate on; several times a second. `loss_ratio`: of what was sent, so that what came tells what was
    /// sent.
    pub(crate) fn update(&mut self, now: Instant, round_trip: Option<Duration>, loss_ratio: f64) {
        let came = self.throughput.bits_per_second(now);
        let stands = self.queue_stands(now);
        if stands {
            self.stood = Some(now);
        }
        let drops = stands && loss_ratio > self.loss_by_chance + OVERFLOW;
        if drops {
            self.dropped = Some((now, came.unwrap_or(0)));
        } else if stands
            && self.dropped.is_some_and(|(_, bps)| (self.rate.estimate() as f64) < DROPS_UNTIL * bps as f64)
        {
            self.dropped = None;
        }
        // What a full queue drops was sent, and more than the path bears.
        let by_chance = if self.is_congested(now) { loss_ratio.min(self.loss_by_chance) } else { loss_ratio };
        let sent = came.map(|bps| (bps as f64 / (1.0 - by_chance).max(SENT_MIN)) as u64);
        if !self.is_congested(now) {
            self.loss_by_chance += CHANCE_WEIGHT * (loss_ratio - self.loss_by_chance);
        }
        let usage = match self.trend.usage() {
            // Delay that rises while some packets are as fast as ever is jitter.
            Usage::Over if !stands => Usage::Normal,
            // A queue that is full grows no more; it drops, and does so again.
            Usage::Normal if stands && self.drops(now) => Usage::Over,
            usage @ (Usage::Over | Usage::Normal | Usage::Under) => usage,
        };
        self.rate.update(now, usage, sent, round_trip);
    }

    /// A queue dropped on the path, not long ago.
    fn drops(&self, now: Instant) -> bool {
        self.dropped.is_some_and(|(at, _)| now.saturating_duration_since(at) < DROPS_FOR)
    }

    /// A queue stood on the path within the last moments: what is lost may be lost in it.
    pub(crate) fn is_congested(&self, now: Instant) -> bool {
        self.stood.is_some_and(|at| now.saturating_duration_since(at) < CONGESTED_FOR)
    }

    /// Share of packets lost while no queue stood, smoothed.
    pub(crate) fn loss_by_chance(&self) -> f64 {
        self.loss_by_chance
    }

    fn note_delay(&mut self, now: Instant, sent: AbsSendTime) {
        let sent_us = self.sent.map_or(0, |(last, us)| us + sent.since_us(last));
        self.sent = Some((sent, sent_us));
        let came_us = i64::try_from(now.saturating_duration_since(self.started).as_micros()).unwrap_or(i64::MAX);
        self.base.note(now, came_us - sent_us);
        self.recent.note(now, came_us - sent_us);
        self.quick.note(now, came_us - sent_us);
        self.latest.note(now, sent_us - came_us);
    }

    fn queue_stands(&mut self, now: Instant) -> bool {
        if !self.drops(now) {
            return stands(&self.recent, &self.latest, &self.base, STANDING_US, JITTER_SHARE);
        }
        let few = self.throughput.packets(now) < FEW;
        let share = if few { JITTER_SHARE_FEW } else { JITTER_SHARE };
        stands(&self.quick, &self.latest, &self.base, STANDING_US, share)
    }

    /// Bits per second.
    pub(crate) fn estimate(&self) -> u64 {
        self.rate.estimate()
    }
}

/// Every packet of late is held up by `standing_us` and a share of how far their delays lie apart: among few packets of a
/// path with jitter none may be fast, by chance.
fn stands(recent: &Least, latest: &Least, base: &Least, standing_us: i64, share: i64) -> bool {
    let (Some(least), Some(latest), Some(base)) = (recent.least(), latest.least(), base.least()) else { return false };
    least - base > standing_us + (-latest - least) / share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    const BOUNDS: Bounds = Bounds { start: 2_000_000, min: 100_000, max: 6_000_000 };

    /// A sender that follows the estimate (up to `wish`) through a bottleneck with a queue; yields the estimate of
    /// each second.
    fn run(capacity: u64, wish: u64, seconds: u64, jitter_ms: u64) -> Vec<u64> {
        let t = start();
        let mut estimate = UplinkEstimate::new(t, BOUNDS);
        let (mut sent_us, mut free_us) = (0u64, 0u64);
        let mut out = Vec::new();
        let mut told = Told::new(t, estimate.estimate());
        let mut noise = 0u64;
        for ms in (0..seconds * 1_000).step_by(5) {
            while sent_us < (ms + 5) * 1_000 {
                let bits = 1_200 * 8;
                free_us = free_us.max(sent_us) + bits * 1_000_000 / capacity;
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let jitter = (noise >> 33).checked_rem(jitter_ms * 1_000).unwrap_or(0);
                let sent = AbsSendTime::from_clock(Duration::from_micros(sent_us));
                let arrival = t + Duration::from_micros(free_us + 20_000 + jitter);
                estimate.handle_packet(arrival, Some(sent), 1_200);
                sent_us += bits * 1_000_000 / told.bps.min(wish);
            }
            let now = t + Duration::from_millis(ms + 20);
            if ms % 50 == 0 {
                estimate.update(now, None, 0.0);
            }
            if told.differs(now, estimate.estimate()) {
                told = Told::new(now, estimate.estimate());
            }
            if ms % 1_000 == 995 {
                out.push(estimate.rate.estimate());
            }
        }
        out
    }

    #[test]
    fn a_wide_path_gives_what_is_wished_at_once_and_the_most_soon() {
        let seen = run(100_000_000, 5_000_000, 15, 0);
        assert!(seen.iter().all(|bps| *bps >= 1_900_000) && seen[14] >= 5_000_000, "{seen:?}");
    }

    #[test]
    fn a_sender_that_needs_little_keeps_its_room() {
        let seen = run(100_000_000, 300_000, 20, 0);
        assert!(seen.iter().all(|bps| *bps >= 1_900_000), "{seen:?}");
    }

    #[test]
    fn a_narrow_path_is_found_and_not_left() {
        let seen = run(800_000, 5_000_000, 30, 0);
        let late = &seen[10..];
        assert!(late.iter().all(|bps| (350_000..1_300_000).contains(bps)), "{seen:?}");
        let mean = late.iter().sum::<u64>() / late.len() as u64;
        assert!((500_000..900_000).contains(&mean), "{mean}");
    }

    #[test]
    fn jitter_is_no_congestion() {
        for jitter_ms in [8, 100, 500] {
            let seen = run(100_000_000, 3_000_000, 15, jitter_ms);
            assert!(seen.iter().all(|bps| *bps >= 1_500_000), "{jitter_ms} ms: {seen:?}");
        }
        for jitter_ms in [200, 500, 1_000] {
            let seen = run(100_000_000, 400_000, 60, jitter_ms);
            assert!(seen.iter().all(|bps| *bps >= 1_500_000), "few packets, {jitter_ms} ms: {seen:?}");
        }
    }
}
