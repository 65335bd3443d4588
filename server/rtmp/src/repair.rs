//! A publisher's timestamps, put onto a line that starts at 0 and never steps back.
//!
//! What encoders send is not to be trusted: they start at the device's uptime, start anew when a file loops, jump when
//! their clock is set, and wrap after 49 days (some after 24). The differences are mostly right, and sound and picture
//! share one clock: where one flow jumps, the other follows it onto the same new line.

use crate::media::Flow;
use std::time::{Duration, Instant};

/// A step ahead further than this beyond the time that passed is a jump, not a pause.
const AHEAD_MAX: i64 = 1_000;
/// A step back further than this is a jump. What is less is a publisher's disorder: the time stands still.
const BACK_MAX: i64 = 500;

#[derive(Debug, Clone, Copy)]
struct Last {
    /// As sent.
    time: u32,
    arrival: Instant,
    /// What is added to get onto the line.
    offset: i64,
}

/// One stream's line. It goes on when another publisher takes the stream over.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    audio: Option<Last>,
    video: Option<Last>,
    /// What each flow has reached, audio first. Another publisher begins no earlier.
    floors: [i64; 2],
    /// The furthest point of the line, and when it was reached.
    head: Option<(i64, Instant)>,
    pub(crate) jumps: u64,
}

impl Repair {
    /// Milliseconds on the line of what came at `now` with the time `time`.
    pub(crate) fn place(&mut self, now: Instant, flow: Flow, time: u32) -> u32 {
        let own = self.last(flow);
        let offset = match self.offset(now, flow, time) {
            Some(offset) => offset,
            None => {
                self.jumps += u64::from(own.is_some());
                self.line_now(now) - i64::from(time)
            }
        };
        let out = (i64::from(time) + offset).max(self.floor(flow));
        self.keep(flow, Last { time, arrival: now, offset }, out);
        if self.head.is_none_or(|(head, _)| out >= head) {
            self.head = Some((out, now));
        }
        // Wraps as the field on the wire does.
        (out & 0xffff_ffff) as u32
    }

    /// A new publisher: its clock has nothing to do with the one before. The line goes on with the time that passes.
    pub(crate) fn restart(&mut self) {
        (self.audio, self.video) = (None, None);
    }

    /// Where the line is now, were it to go on with real time. 0 at its start.
    fn line_now(&self, now: Instant) -> i64 {
        self.head.map_or(0, |(head, at)| head + millis(now.saturating_duration_since(at)).max(1))
    }

    fn last(&self, flow: Flow) -> Option<Last> {
        match flow {
            Flow::Audio => self.audio,
            Flow::Video => self.video,
            // Data has no pace of its own: it belongs to whatever was sent last.
            Flow::Data => match (self.audio, self.video) {
                (Some(a), Some(v)) => Some(if a.arrival >= v.arrival { a } else { v }),
                (a, v) => a.or(v),
            },
        }
    }

    fn floor(&self, flow: Flow) -> i64 {
        match flow {
            Flow::Audio => self.floors[0],
            Flow::Video => self.floors[1],
            Flow::Data => 0,
        }
    }

    fn keep(&mut self, flow: Flow, last: Last, out: i64) {
        match flow {
            Flow::Audio => (self.audio, self.floors[0]) = (Some(last), out),
            Flow::Video => (self.video, self.floors[1]) = (Some(last), out),
            Flow::Data => {}
        }
    }

    /// The offset by which `time` fits what came before: the flow's own, or the other flow's. `None`: it fits neither.
    fn offset(&self, now: Instant, flow: Flow, time: u32) -> Option<i64> {
        let own = self.last(flow);
        let other = match flow {
            Flow::Audio => self.video,
            Flow::Video => self.audio,
            Flow::Data => None,
        };
        own.into_iter().chain(other).find_map(|last| fits(last, now, time))
    }
}

/// The offset that carries on from `last`, over a wrap too.
fn fits(last: Last, now: Instant, time: u32) -> Option<i64> {
    let step = step(last.time, time);
    let passed = millis(now.saturating_duration_since(last.arrival));
    let on = (-BACK_MAX..=AHEAD_MAX.max(passed + AHEAD_MAX)).contains(&step);
    on.then(|| last.offset + i64::from(last.time) + step - i64::from(time))
}

/// Signed, so that a wrap at 2^32 is a small step; one at 2^31 too, which some peers have.
fn step(from: u32, to: u32) -> i64 {
    let whole = i64::from(to.wrapping_sub(from).cast_signed());
    let half = whole + (1 << 31);
    if half.abs() < whole.abs() { half } else { whole }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    /// `(passed ms, flow, time)` to the line.
    fn run(steps: &[(u64, Flow, u32)]) -> Vec<u32> {
        let (mut repair, mut now) = (Repair::default(), start());
        let mut line = |&(passed, flow, time): &(u64, Flow, u32)| {
            now += Duration::from_millis(passed);
            repair.place(now, flow, time)
        };
        steps.iter().map(&mut line).collect()
    }

    use Flow::{Audio, Data, Video};

    #[test]
    fn line_starts_at_zero_and_keeps_the_distance_of_sound_and_picture() {
        let steps = [(0, Video, 20_000_000), (0, Audio, 20_000_040), (33, Video, 20_000_033), (0, Data, 20_000_033)];
        assert_eq!(run(&steps), [0, 40, 33, 33]);
        assert_eq!(run(&[(0, Video, 500), (0, Audio, 460)]), [0, 0], "nothing lies before the start");
    }

    #[test]
    fn wraps_of_both_kinds_are_small_steps() {
        assert_eq!(run(&[(0, Audio, u32::MAX - 9), (20, Audio, 10)]), [0, 20]);
        assert_eq!(run(&[(0, Audio, 0x7fff_fff6), (20, Audio, 10)]), [0, 20]);
    }

    #[test]
    fn start_over_goes_on_where_the_line_is() {
        let steps = [
            (0, Video, 20_000),
            (0, Audio, 20_010),
            (30, Audio, 0),
            // The last picture of the old line is not carried onto the new one.
            (0, Video, 20_033),
            (33, Video, 5),
            (10, Audio, 23),
        ];
        assert_eq!(run(&steps), [0, 10, 40, 33, 45, 63]);
    }

    #[test]
    fn jump_ahead_is_not_a_pause() {
        assert_eq!(run(&[(0, Audio, 0), (20, Audio, 3_600_000), (20, Audio, 3_600_020)]), [0, 20, 40]);
        // The camera was off for ten seconds: the time did pass.
        assert_eq!(run(&[(0, Video, 0), (0, Audio, 0), (10_000, Video, 10_000)]), [0, 0, 10_000]);
        // The same of a file sent faster than real time: sound vouches for it.
        let mut steps = vec![(0, Video, 0)];
        steps.extend((0..500).map(|n| (0, Audio, n * 20)));
        steps.push((0, Video, 9_980));
        assert_eq!(run(&steps).last(), Some(&9_980));
    }

    #[test]
    fn small_steps_back_stand_still() {
        assert_eq!(run(&[(0, Video, 100), (33, Video, 133), (33, Video, 120), (33, Video, 170)]), [0, 33, 33, 70]);
    }

    #[test]
    fn next_publisher_goes_on_with_real_time() {
        let (mut repair, now) = (Repair::default(), start());
        repair.place(now, Video, 70_000);
        repair.place(now + Duration::from_secs(1), Video, 71_000);
        repair.restart();
        assert_eq!(repair.place(now + Duration::from_secs(3), Audio, 5), 3_000);
        assert_eq!(repair.place(now + Duration::from_secs(3), Video, 0), 2_995);
        assert_eq!(repair.jumps, 0, "another publisher is no fault");
    }
}
