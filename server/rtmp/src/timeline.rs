//! A publisher's milliseconds on our clock.
//!
//! Sound and picture of a connection share one clock, so they share one map: `at = time + offset`. The offset is that of
//! the fastest message of the last ten seconds, which is the one that waited least on its way; everything else came late
//! by as much as it lies behind that. The map never jumps for the path's sake: it leans, slowly enough that nobody hears
//! it, and fast enough for any clock that a phone or a computer has.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long the fastest message is remembered: longer than the stalls of a TCP connection that goes on.
const WINDOW_SLOTS: usize = 10;
const SLOT: Duration = Duration::from_secs(1);

/// How fast the map leans, as a share of the time that passes: quartz clocks are off by 100 parts in a million at most,
/// so 250 follows one with room to spare.
const LEAN: f64 = 250e-6;

/// At a start each faster message moves the map at once, until none was faster for so long: an encoder that starts with
/// what it has piled up, or a stream that starts with its last keyframe, shall not stay behind by as much for good.
const SETTLE: Duration = Duration::from_millis(500);
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// What is faster by less than that prolongs nothing: it is the path's unsteadiness.
const FASTER_MIN: f64 = 0.005;

/// A message further ahead of the fastest than this, or that much behind it, belongs to another line: the map begins anew.
const AHEAD_MAX: f64 = 1.0;
const BEHIND_MAX: f64 = 30.0;

/// One connection's map.
#[derive(Debug, Default)]
pub struct Timeline {
    map: Option<Map>,
    /// Times that the map began anew in the middle.
    pub jumps: u64,
}

#[derive(Debug)]
struct Map {
    /// Where the line's zero lies: the arrival of the first message less its time, in seconds from `origin`.
    origin: Instant,
    /// The last time, unwrapped.
    last_ms: i64,
    /// What is added to a time in seconds to get seconds after `origin`.
    offset: f64,
    /// The smallest wish for an offset in each of the last slots, the newest last.
    fastest: VecDeque<f64>,
    slot_since: Instant,
    settled: Instant,
    leaned: Instant,
}

impl Timeline {
    /// The instant that the time `ms` of a message that came at `now` stands for; `ms` wraps at 2^32. A composition time
    /// is added to what this returns.
    pub fn place(&mut self, now: Instant, ms: u32) -> Instant {
        if let Some(map) = &mut self.map {
            if let Some(at) = map.place(now, ms) {
                return at;
            }
            self.jumps += 1;
        }
        self.map = Some(Map::new(now, ms));
        now
    }

    /// Forgets the clock: another publisher has the stream now.
    pub fn restart(&mut self) {
        self.jumps += u64::from(self.map.take().is_some());
    }
}

impl Map {
    fn new(now: Instant, ms: u32) -> Self {
        let offset = -f64::from(ms) / 1000.0;
        let fastest = VecDeque::from([offset]);
        Self {
            origin: now,
            last_ms: i64::from(ms),
            offset,
            fastest,
            slot_since: now,
            settled: now + SETTLE,
            leaned: now,
        }
    }

    /// `None`: the time does not belong to this line.
    fn place(&mut self, now: Instant, ms: u32) -> Option<Instant> {
        let step = ms.wrapping_sub(self.last_ms as u32).cast_signed();
        let time_ms = self.last_ms + i64::from(step);
        let time = time_ms as f64 / 1000.0;
        let since_origin = now.saturating_duration_since(self.origin);
        let wish = since_origin.as_secs_f64() - time;
        let behind = wish - self.offset;
        if !(-AHEAD_MAX..=BEHIND_MAX).contains(&behind) {
            return None;
        }
        self.last_ms = time_ms;
        self.remember(now, wish);
        if now < self.settled && wish < self.offset {
            if wish < self.offset - FASTER_MIN {
                self.settled = (now + SETTLE).min(self.origin + SETTLE_MAX);
            }
            self.offset = wish;
        }
        self.lean(now);
        let seconds = time + self.offset;
        let span = Duration::from_secs_f64(seconds.abs());
        if seconds >= 0.0 { Some(self.origin + span) } else { self.origin.checked_sub(span) }
    }

    fn remember(&mut self, now: Instant, wish: f64) {
        while now.saturating_duration_since(self.slot_since) >= SLOT {
            self.slot_since += SLOT;
            self.fastest.push_back(f64::INFINITY);
            if self.fastest.len() > WINDOW_SLOTS {
                self.fastest.pop_front();
            }
            if now.saturating_duration_since(self.slot_since) >= SLOT * WINDOW_SLOTS as u32 {
                self.slot_since = now;
            }
        }
        if let Some(slot) = self.fastest.back_mut() {
            *slot = slot.min(wish);
        }
    }

    /// Moves the offset towards the fastest message by what has passed since it was last moved.
    fn lean(&mut self, now: Instant) {
        let wanted = self.fastest.iter().copied().fold(f64::INFINITY, f64::min);
        let most = now.saturating_duration_since(self.leaned).as_secs_f64() * LEAN;
        self.leaned = now;
        if wanted.is_finite() {
            self.offset += (wanted - self.offset).clamp(-most, most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    fn ms(value: f64) -> Duration {
        Duration::from_secs_f64(value.max(0.0) / 1000.0)
    }

    fn apart(a: Instant, b: Instant) -> f64 {
        a.saturating_duration_since(b).as_secs_f64() * 1000.0 - b.saturating_duration_since(a).as_secs_f64() * 1000.0
    }

    /// A delay between 0 and `most` ms, mostly small, seldom long.
    struct Path {
        seed: u32,
        most: f64,
    }

    impl Path {
        fn delay(&mut self) -> f64 {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(self.seed >> 8) / f64::from(1 << 24)).powi(4) * self.most
        }
    }

    #[test]
    fn clocks_off_by_200_parts_in_a_million_are_followed_for_half_an_hour() {
        for ppm in [-200.0, 0.0, 200.0] {
            let (start, mut timeline, mut path) = (start(), Timeline::default(), Path { seed: 9, most: 300.0 });
            let (mut arrival, mut worst) = (start, 0.0_f64);
            for n in 0..90_000_u32 {
                let captured = f64::from(n) * 20.0;
                let stamp = (captured * (1.0 + ppm / 1e6)).round() as u32;
                // TCP: nothing overtakes.
                arrival = arrival.max(start + ms(captured + path.delay()));
                let at = timeline.place(arrival, stamp.wrapping_add(u32::MAX - 5_000));
                if n > 500 {
                    worst = worst.max(apart(at, start + ms(captured)).abs());
                }
            }
            assert!(worst < 25.0, "{ppm} ppm: {worst} ms from the truth");
            assert_eq!(timeline.jumps, 0, "nor does the wrap at 2^32 matter");
        }
    }

    #[test]
    fn sound_and_picture_of_one_instant_stay_together() {
        let (start, mut timeline, mut path) = (start(), Timeline::default(), Path { seed: 3, most: 2_000.0 });
        let mut arrival = start;
        for n in 0..20_000_u32 {
            let captured = f64::from(n) * 40.0;
            let stamp = (captured * 1.0002).round() as u32;
            arrival = arrival.max(start + ms(captured + path.delay()));
            let picture = timeline.place(arrival, stamp);
            arrival += ms(path.delay() / 10.0);
            let sound = timeline.place(arrival, stamp);
            assert!(apart(picture, sound).abs() < 1.0, "{n}: {}", apart(picture, sound));
        }
    }

    #[test]
    fn a_slow_start_is_forgotten_at_once() {
        let (start, mut timeline) = (start(), Timeline::default());
        for n in 0..20_u32 {
            timeline.place(start + ms(f64::from(n) * 5.0 + 300.0), n * 20);
        }
        let at = timeline.place(start + ms(400.0), 400);
        assert!(apart(at, start + ms(400.0)).abs() < 2.0);
    }

    #[test]
    fn what_had_piled_up_before_the_start_leaves_no_delay() {
        let (start, mut timeline) = (start(), Timeline::default());
        // Four seconds of frames in two, then one every 20 ms.
        for n in 0..200_u32 {
            timeline.place(start + ms(4_000.0 + f64::from(n) * 10.0), n * 20);
        }
        let mut at = start;
        for n in 200..320_u32 {
            at = timeline.place(start + ms(f64::from(n.max(300)) * 20.0), n * 20);
        }
        assert!(apart(at, start + ms(319.0 * 20.0)).abs() < 5.0, "{}", apart(at, start + ms(319.0 * 20.0)));
        assert_eq!(timeline.jumps, 0);
    }

    #[test]
    fn a_stall_leaves_the_map_where_it_was() {
        let (start, mut timeline) = (start(), Timeline::default());
        for n in 0..500_u32 {
            timeline.place(start + ms(f64::from(n) * 20.0), n * 20);
        }
        let mut steps = Vec::new();
        for n in 500..650_u32 {
            let at = timeline.place(start + ms(13_000.0 + f64::from(n - 500)), n * 20);
            steps.push(apart(at, start + ms(f64::from(n) * 20.0)));
        }
        assert!(steps.iter().all(|off| off.abs() < 2.0), "three seconds late: {steps:?}");
    }

    #[test]
    fn a_jump_of_the_clock_begins_a_new_map() {
        let (start, mut timeline) = (start(), Timeline::default());
        timeline.place(start, 5_000);
        timeline.place(start + ms(20.0), 5_020);
        let back = timeline.place(start + ms(40.0), 4_000_000);
        assert_eq!((back, timeline.jumps), (start + ms(40.0), 1));
        let on = timeline.place(start + ms(60.0), 4_000_020);
        assert!(apart(on, start + ms(60.0)).abs() < 0.1);
        let reset = timeline.place(start + ms(80.0), 0);
        assert_eq!((reset, timeline.jumps), (start + ms(80.0), 2));
    }
}
