//! When a frame is to be seen or heard: a publisher's media clock on this server's.

use carillon_proto::rtp::RtpTime;
use std::time::{Duration, Instant};

/// A line that lies wrong by more than this is left at once; by less it is approached.
const JUMP: i64 = 1_000_000_000;
/// A frame that came this long after its time tells that the line is another source's.
const STALE: Duration = Duration::from_secs(5);
/// How fast, in shares of the time that passes: a player does not notice a twentieth, and frames that it gets early do no
/// harm.
const APPROACH: f64 = 0.05;
const APPROACH_EARLIER: f64 = 0.25;
/// Frames that lie ahead of their line are slowed down by no more: `at` keeps rising.
const STEP_MIN: Duration = Duration::from_millis(1);

/// One point of the line that all tracks of a publisher share: the media clock read `time` at the moment `at`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) time: RtpTime,
    pub(crate) at: Instant,
}

#[derive(Debug)]
pub(crate) struct TrackClock {
    clock_hz: u32,
    anchor: Option<Anchor>,
    /// The last frame's moment.
    newest: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    /// Where nanoseconds are counted from.
    origin: Instant,
    /// The last frame's reading, and the same in ticks since the first.
    time: RtpTime,
    ticks: i64,
    /// What is added to the media clock, nanoseconds.
    offset: i64,
}

impl TrackClock {
    pub(crate) fn new(clock_hz: u32) -> Self {
        Self { clock_hz: clock_hz.max(1), anchor: None, newest: None }
    }

    /// Another source follows under other times. What was told stays told: moments go on rising.
    pub(crate) fn reset(&mut self) {
        self.anchor = None;
    }

    /// The moment of the next frame, whose first packet came at `arrival`. Without a `line` yet its fastest packets tell.
    pub(crate) fn at(&mut self, time: RtpTime, arrival: Instant, line: Option<Line>) -> Instant {
        let hz = i64::from(self.clock_hz);
        // Nothing is due later than it came: then the line lies late. Nothing comes so long after it was due as no history
        // keeps: then the media clock jumped, and its next report will say where it is.
        let told = line.map(|line| along(line, time, self.clock_hz).min(arrival));
        let line = told.filter(|told| arrival.saturating_duration_since(*told) < STALE);
        let wanted_at = line.unwrap_or(arrival);
        let mut anchor = self.anchor.unwrap_or(Anchor { origin: wanted_at, time, ticks: 0, offset: 0 });
        let passed = i64::from(time.since(anchor.time));
        (anchor.time, anchor.ticks) = (time, anchor.ticks + passed);
        let media = anchor.ticks.saturating_mul(1_000_000_000) / hz;
        let wrong = since(wanted_at, anchor.origin) - media - anchor.offset;
        let share = if wrong < 0 { APPROACH_EARLIER } else { APPROACH };
        let span = (passed.max(0) as f64 * 1e9 / hz as f64 * share) as i64;
        anchor.offset += match line {
            // Late packets tell of the path, not of the clock; early ones of the clock.
            None if !(0..=5 * JUMP).contains(&wrong) => wrong,
            None => 0,
            Some(_) if wrong.abs() > JUMP => wrong,
            Some(_) => wrong.clamp(-span, span),
        };
        self.anchor = Some(anchor);
        let at = shift(anchor.origin, media + anchor.offset);
        let at = self.newest.map_or(at, |newest| at.max(newest + STEP_MIN));
        self.newest = Some(at);
        at
    }
}

fn along(line: Line, time: RtpTime, clock_hz: u32) -> Instant {
    let ticks = i64::from(time.since(line.time));
    shift(line.at, ticks.saturating_mul(1_000_000_000) / i64::from(clock_hz))
}

/// Nanoseconds from `b` to `a`.
fn since(a: Instant, b: Instant) -> i64 {
    let nanos = |d: Duration| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
    if a >= b { nanos(a.saturating_duration_since(b)) } else { -nanos(b.saturating_duration_since(a)) }
}

fn shift(at: Instant, nanos: i64) -> Instant {
    let by = Duration::from_nanos(nanos.unsigned_abs());
    let shifted = if nanos >= 0 { at.checked_add(by) } else { at.checked_sub(by) };
    shifted.unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    const START: u32 = u32::MAX - 90_000;

    /// Milliseconds after `t` of frames each 40 ms, arriving as late as `late` says.
    fn run(
        clock: &mut TrackClock,
        t: Instant,
        frames: std::ops::Range<u64>,
        late: impl Fn(u64) -> u64,
        line: Option<Line>,
    ) -> Vec<i64> {
        frames
            .map(|n| {
                let time = RtpTime(START.wrapping_add((n * 3_600) as u32));
                let arrival = t + Duration::from_millis(n * 40 + late(n));
                since(clock.at(time, arrival, line), t) / 1_000_000
            })
            .collect()
    }

    #[test]
    fn before_reports_the_fastest_packet_tells() {
        let (mut clock, t) = (TrackClock::new(90_000), start());
        let got = run(&mut clock, t, 0..100, |n| [30, 80, 20, 50][n as usize % 4], None);
        assert_eq!(got[..4], [30, 70, 100, 140], "the third came faster than those before");
        assert_eq!(got[99], 99 * 40 + 20);
    }

    #[test]
    fn a_line_is_approached_without_a_step() {
        let (mut clock, t) = (TrackClock::new(90_000), start());
        run(&mut clock, t, 0..10, |_| 100, None);
        let line = Line { time: RtpTime(START), at: t };
        let got = run(&mut clock, t, 10..100, |_| 100, Some(line));
        assert!(got.windows(2).all(|w| (30..=40).contains(&(w[1] - w[0]))), "{got:?}");
        assert_eq!(got[20], 30 * 40);
        let first = run(&mut TrackClock::new(90_000), t, 0..1, |_| 500, Some(line));
        assert_eq!(first, [0], "known from the first frame on");
    }

    #[test]
    fn a_line_that_jumps_is_followed_and_time_never_runs_back() {
        let (mut clock, t) = (TrackClock::new(90_000), start());
        let line = |ms: u64| Some(Line { time: RtpTime(START), at: t + Duration::from_millis(ms) });
        run(&mut clock, t, 0..10, |_| 2_000, line(2_000));
        assert_eq!(run(&mut clock, t, 10..11, |_| 9_000, line(9_000)), [9_400]);
        let back = run(&mut clock, t, 11..300, |_| 0, line(0));
        assert!(back.windows(2).all(|w| w[1] > w[0]), "{back:?}");
        assert_eq!(back.last(), Some(&(299 * 40)), "as soon as time has caught up");
        let hours = Some(Line { time: RtpTime(START.wrapping_add(3_600 * 90_000)), at: t });
        let jumped = run(&mut clock, t, 300..310, |_| 0, hours);
        assert_eq!(jumped.last(), Some(&(309 * 40)), "the media clock began anew, its old reports say nothing");
        clock.reset();
        let anew = run(&mut clock, t, 0..2, |_| 0, line(0));
        assert!(anew[0] > 309 * 40 && anew[1] > anew[0]);
    }
}
