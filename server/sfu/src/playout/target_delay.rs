//! POLICY: how long a tap waits for what is missing before it goes on without. Who takes frames over TCP sees every wait
//! as delay and every hole as a freeze until the next keyframe.

use crate::transport::Kind;
use std::time::{Duration, Instant};

/// What is waited for at least. For a picture, before anything is known of the path, about as long as the keyframe would take that is
/// the other way on: to go on without a packet sooner makes the freeze no shorter. For sound what reordering takes.
const VIDEO_MIN: Duration = Duration::from_millis(500);
const AUDIO_MIN: Duration = Duration::from_millis(120);
/// A call stands still meanwhile: what is later than this is lost.
const MAX: Duration = Duration::from_millis(1_000);
/// What came late once is expected again for this long, then less and less for as long again, and half.
const KEPT: Duration = Duration::from_secs(6);
const FADES: Duration = Duration::from_secs(9);

/// What is known of a publisher's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    pub(crate) round_trip: Option<Duration>,
    /// RFC 3550 section 6.4.1: the mean difference of transit times.
    pub(crate) jitter: Duration,
    /// How long after later packets the latest one came, lately.
    pub(crate) late: Duration,
}

/// A repair takes two round trips where the first is lost as well, and the path's spread; what came later than that is
/// waited for with a quarter to spare.
pub(crate) fn hold(kind: Kind, seen: Seen) -> Duration {
    let repair = seen.round_trip.unwrap_or_default() * 2 + seen.jitter * 2;
    let min = match kind {
        Kind::Audio => AUDIO_MIN,
        Kind::Video => VIDEO_MIN,
    };
    repair.max(with_spare(seen.late)).clamp(min, MAX)
}

/// The latest of a few is not the latest of many.
pub(crate) fn with_spare(late: Duration) -> Duration {
    late * 5 / 4
}

/// The latest of what came late, fading.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lateness {
    peak: Option<(Instant, Duration)>,
}

impl Lateness {
    pub(crate) fn note(&mut self, now: Instant, late: Duration) {
        if late >= self.now(now) {
            self.peak = Some((now, late.min(MAX * 2)));
        }
    }

    pub(crate) fn now(&self, now: Instant) -> Duration {
        let Some((at, late)) = self.peak else { return Duration::ZERO };
        let faded = now.saturating_duration_since(at).saturating_sub(KEPT);
        late.mul_f64(FADES.saturating_sub(faded).as_secs_f64() / FADES.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn patience_grows_with_the_path_and_ends_at_a_second() {
        let ms = Duration::from_millis;
        let table = [
            // kind, round trip, jitter, late: hold
            (Kind::Video, None, 0, 0, 500),
            (Kind::Audio, None, 0, 0, 120),
            (Kind::Video, Some(50), 10, 0, 500),
            (Kind::Audio, Some(50), 30, 0, 160),
            (Kind::Video, Some(250), 40, 0, 580),
            (Kind::Video, Some(50), 10, 480, 600),
            (Kind::Video, Some(400), 150, 0, 1_000),
            (Kind::Audio, Some(20), 160, 500, 625),
            (Kind::Video, None, 0, 5_000, 1_000),
        ];
        for (kind, round_trip, jitter, late, want) in table {
            let seen = Seen { round_trip: round_trip.map(ms), jitter: ms(jitter), late: ms(late) };
            assert_eq!(hold(kind, seen), ms(want), "{kind:?} {seen:?}");
        }
    }

    #[test]
    fn lateness_fades() {
        let (mut late, t) = (Lateness::default(), start());
        late.note(t, Duration::from_millis(300));
        let then = t + KEPT + FADES / 3;
        late.note(then, Duration::from_millis(100));
        assert_eq!((late.now(t + KEPT), late.now(then)), (Duration::from_millis(300), Duration::from_millis(200)));
        late.note(then, Duration::from_millis(220));
        assert_eq!(late.now(then + KEPT), Duration::from_millis(220));
        assert_eq!(late.now(then + KEPT + FADES), Duration::ZERO);
    }
}
