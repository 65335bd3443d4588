//! How late a track's packets come, repaired ones among them: what a player must wait for so that few of them miss their
//! time. In place of a model of the publisher's path: loss, rounds of repair, jitter and a slow sender all show here.

use crate::bandwidth::Least;
use carillon_proto::rtp::{RtpTime, ticks_to_duration};
use std::time::{Duration, Instant};

/// Width and number of the steps of the histogram: two seconds of lateness, more counts as that.
const STEP: Duration = Duration::from_millis(10);
const STEPS: usize = 200;
/// The moment that lateness is counted from is the fastest packet's of this time: clocks drift, routes change.
const BASE_WINDOW: Duration = Duration::from_secs(10);
/// Each packet weighs this much more than the one before: about the last 300 count.
const GROWTH: f32 = 1.003;
/// Weights are scaled back from here on.
const WEIGHT_MAX: f32 = 1e9;
/// Fewer packets say nothing.
const PACKETS_MIN: u32 = 60;
/// A jump of the media clock starts anew.
const JUMP_US: i64 = 10_000_000;

#[derive(Debug)]
pub(super) struct Lateness {
    started: Instant,
    first: Option<RtpTime>,
    base: Least,
    weights: Box<[f32; STEPS]>,
    weight: f32,
    packets: u32,
}

impl Lateness {
    pub(super) fn new(now: Instant) -> Self {
        let (base, weights) = (Least::new(now, BASE_WINDOW), Box::new([0.0; STEPS]));
        Self { started: now, first: None, base, weights, weight: 1.0, packets: 0 }
    }

    /// A packet came for the first time, by itself or as a repair.
    pub(super) fn note(&mut self, now: Instant, time: RtpTime, clock_hz: u32) {
        let first = *self.first.get_or_insert(time);
        let transit_us = micros(now.saturating_duration_since(self.started)) - media_us(time.since(first), clock_hz);
        if self.base.least().is_some_and(|least| (transit_us - least).abs() > JUMP_US) {
            *self = Self::new(now);
            return self.note(now, time, clock_hz);
        }
        self.base.note(now, transit_us);
        let late_us = transit_us - self.base.least().unwrap_or(transit_us);
        let step = usize::try_from(late_us / micros(STEP)).unwrap_or(0).min(STEPS - 1);
        self.weight *= GROWTH;
        self.weights[step] += self.weight;
        self.packets = self.packets.saturating_add(1);
        if self.weight > WEIGHT_MAX {
            self.weights.iter_mut().for_each(|w| *w /= WEIGHT_MAX);
            self.weight /= WEIGHT_MAX;
        }
    }

    /// The lateness that all but a share of `missed` packets keep to, beyond the mean: players count from the mean. Nothing
    /// until enough came.
    pub(super) fn beyond_mean(&self, missed: f32) -> Duration {
        let all: f32 = self.weights.iter().sum();
        if self.packets < PACKETS_MIN || all <= 0.0 {
            return Duration::ZERO;
        }
        let (mut above, mut last) = (0.0, STEPS - 1);
        while last > 0 && above + self.weights[last] <= missed * all {
            above += self.weights[last];
            last -= 1;
        }
        let sum: f32 = (0_u16..).zip(self.weights.iter()).map(|(step, weight)| f32::from(step) * weight).sum();
        STEP.mul_f32(((last as f32) - sum / all).max(0.0))
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

fn media_us(ticks: i32, clock_hz: u32) -> i64 {
    let us = micros(ticks_to_duration(ticks.unsigned_abs(), clock_hz));
    if ticks < 0 { -us } else { us }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    /// 30 frames a second for ten seconds, the n-th late by `late_ms(n)`.
    fn run(late_ms: impl Fn(u64) -> u64) -> Lateness {
        let t = start();
        let mut lateness = Lateness::new(t);
        for n in 0..300 {
            let at = t + Duration::from_millis(n * 100 / 3 + 40 + late_ms(n));
            lateness.note(at, RtpTime((n * 3_000) as u32).wrapping_add(0xffff_0000), 90_000);
        }
        lateness
    }

    #[test]
    fn a_steady_track_needs_no_time() {
        assert_eq!(run(|_| 0).beyond_mean(0.05), Duration::ZERO);
    }

    #[test]
    fn rare_late_packets_are_let_go_and_frequent_ones_waited_for() {
        assert!(run(|n| if n % 50 == 7 { 400 } else { 0 }).beyond_mean(0.05) < Duration::from_millis(10));
        let waited = run(|n| if n % 5 == 0 { 100 } else { 0 }).beyond_mean(0.05);
        assert!((75..=85).contains(&waited.as_millis()), "{waited:?}");
    }

    #[test]
    fn even_jitter_needs_half_of_its_span() {
        let waited = run(|n| n * 7_919 % 500).beyond_mean(0.02);
        assert!((210..=270).contains(&waited.as_millis()), "{waited:?}");
    }

    #[test]
    fn a_jump_of_the_clock_starts_anew() {
        let (t, mut lateness) = (start(), run(|n| n % 2 * 100));
        for n in 0..300_u64 {
            lateness.note(
                t + Duration::from_millis(11_000 + 20 * n),
                RtpTime((n * 1_800) as u32 + 0x7000_0000),
                90_000,
            );
        }
        assert_eq!(lateness.beyond_mean(0.05), Duration::ZERO);
    }
}
