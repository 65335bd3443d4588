//! How late a track's pictures are whole, repairs among it: what a player must wait for so that few of them miss their
//! time. In place of a model of the publisher's path: loss, rounds of repair, jitter and a slow sender all show here.

use crate::bandwidth::Least;
use carillon_proto::rtp::{RtpTime, ticks_to_duration};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Pictures that count: five seconds of 30.
const PICTURES: usize = 150;
/// Fewer say nothing.
const PICTURES_MIN: usize = 20;
/// Later packets of a picture may come in among those of so many newer ones.
const OPEN: usize = 64;
/// The moment that lateness is counted from is the fastest packet's of this time: clocks drift, routes change.
const BASE_WINDOW: Duration = Duration::from_secs(10);
/// This share of pictures may come later than players are asked to wait.
const MISSED: f64 = 0.04;
/// This share may come later than the path's jitter is evened out for.
const UNEVEN: f64 = 0.02;
/// Packets that overtake each other by this much come over a path with jitter. Players take the picture that nothing
/// overtook for the usual one (libwebrtc: frames that were asked for do not move its clock), so lateness counts from the
/// fastest; else from the mean.
pub(super) const JITTER: Duration = Duration::from_millis(60);
/// On a path without jitter a picture this late is one of an outage: it is not waited for.
const OUTAGE_US: i64 = 400_000;
/// A jump of the media clock starts anew.
const JUMP_US: i64 = 10_000_000;

#[derive(Debug)]
pub(super) struct Lateness {
    started: Instant,
    first: Option<RtpTime>,
    base: Least,
    /// Media time, and how long after it the last packet came so far; microseconds.
    pictures: VecDeque<(RtpTime, i64)>,
}

impl Lateness {
    pub(super) fn new(now: Instant) -> Self {
        let base = Least::new(now, BASE_WINDOW);
        Self { started: now, first: None, base, pictures: VecDeque::new() }
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
        if let Some((_, latest)) = self.pictures.iter_mut().rev().take(OPEN).find(|(known, _)| *known == time) {
            *latest = transit_us.max(*latest);
            return;
        }
        self.pictures.push_back((time, transit_us));
        if self.pictures.len() > PICTURES {
            self.pictures.pop_front();
        }
    }

    /// When a packet of that media time comes that nothing holds up.
    pub(super) fn fastest(&self, time: RtpTime, clock_hz: u32) -> Option<Instant> {
        let (first, least) = (self.first?, self.base.least()?);
        let us = media_us(time.since(first), clock_hz) + least;
        let since = Duration::from_micros(us.unsigned_abs());
        if us < 0 { self.started.checked_sub(since) } else { Some(self.started + since) }
    }

    /// How much later than the fastest nearly all come, where packets overtake each other by `reorder`: what evens out the
    /// path's jitter. Nothing on a path without.
    pub(super) fn jitter(&self, reorder: Duration) -> Duration {
        let late = self.late(true);
        if reorder < JITTER || late.len() < PICTURES_MIN {
            return Duration::ZERO;
        }
        Duration::from_micros(late[((late.len() - 1) as f64 * (1.0 - UNEVEN)) as usize].unsigned_abs())
    }

    /// What players are to wait for; `reorder`: how late packets come that others overtook. Nothing until enough came.
    pub(super) fn waited_for(&self, reorder: Duration) -> Duration {
        let jitter = reorder >= JITTER;
        let late = self.late(jitter);
        if late.len() < PICTURES_MIN {
            return Duration::ZERO;
        }
        let most = late[((late.len() - 1) as f64 * (1.0 - MISSED)) as usize];
        let usual = if jitter { 0 } else { late.iter().sum::<i64>() / late.len() as i64 };
        Duration::from_micros(u64::try_from(most - usual).unwrap_or(0))
    }

    /// Of each picture, against the fastest, sorted.
    fn late(&self, jitter: bool) -> Vec<i64> {
        let base = self.base.least().unwrap_or_default();
        let late = self.pictures.iter().map(|(_, transit)| (transit - base).max(0));
        let mut late: Vec<i64> = late.filter(|us| jitter || *us < OUTAGE_US).collect();
        late.sort_unstable();
        late
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

    /// 30 pictures of two packets a second for ten seconds, the second packet of the n-th late by `late_ms(n)`.
    fn run(late_ms: impl Fn(u64) -> u64) -> Lateness {
        let t = start();
        let mut lateness = Lateness::new(t);
        for n in 0..300 {
            let time = RtpTime((n * 3_000) as u32).wrapping_add(0xffff_0000);
            lateness.note(t + Duration::from_millis(n * 100 / 3 + 40), time, 90_000);
            lateness.note(t + Duration::from_millis(n * 100 / 3 + 40 + late_ms(n)), time, 90_000);
        }
        lateness
    }

    fn ms(lateness: &Lateness, reorder_ms: u64) -> u128 {
        lateness.waited_for(Duration::from_millis(reorder_ms)).as_millis()
    }

    #[test]
    fn a_steady_track_needs_no_time() {
        assert_eq!(ms(&run(|_| 0), 0), 0);
    }

    #[test]
    fn rare_late_pictures_are_let_go_and_frequent_ones_waited_for() {
        assert!(ms(&run(|n| if n % 50 == 7 { 300 } else { 0 }), 0) < 10);
        let waited = ms(&run(|n| if n % 5 == 0 { 100 } else { 0 }), 0);
        assert!((75..=85).contains(&waited), "{waited}");
    }

    #[test]
    fn jitter_needs_most_of_its_span() {
        let waited = ms(&run(|n| n * 7_919 % 500), 200);
        assert!((450..=500).contains(&waited), "{waited}");
    }

    #[test]
    fn an_outage_is_not_waited_for() {
        assert_eq!(ms(&run(|n| if (250..280).contains(&n) { 900 } else { 0 }), 0), 0);
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
        assert_eq!(ms(&lateness, 0), 0);
    }
}
