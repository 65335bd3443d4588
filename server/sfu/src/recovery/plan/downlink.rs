//! The plan for a subscriber: what leaves again unasked, and how requests are answered.

use crate::transport::Kind;
use std::time::Duration;

/// How often each packet to a subscriber leaves again unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CopyPlan {
    pub(crate) count: u8,
    /// From one to the next: a burst of loss should not take two.
    pub(crate) spacing: Duration,
}

impl CopyPlan {
    pub(crate) const NONE: Self = Self { count: 0, spacing: Duration::ZERO };
}

/// From this loss on: copies of video, of audio. 8 sendings of each packet showed 28 fps at 70 %, 14 showed 25 fps at 80 %
/// (Chromium behind a repeating proxy); audio is small and has less time, so it gets more.
const COPIES: [(f64, u8, u8); 7] =
    [(0.75, 13, 13), (0.65, 7, 9), (0.5, 4, 6), (0.35, 2, 4), (0.2, 1, 3), (0.1, 0, 2), (0.03, 0, 1)];
/// Loss is believed up to here where it may be congestion's.
pub(crate) const LOSS_UNSURE: f64 = 0.2;
const VIDEO_SPACING: Duration = Duration::from_millis(8);
const AUDIO_SPACING: Duration = Duration::from_millis(10);
/// Longer: a second loss of the same packet is felt.
const ANSWER_AGAIN_MAX: Duration = Duration::from_millis(200);

/// The plan for repeating to a subscriber. Copies answer loss by chance alone: where a queue stands on the path, the loss
/// is that queue's, and copies would feed it.
pub(crate) fn copy_plan(kind: Kind, loss_ratio: f64, congested: bool) -> CopyPlan {
    let found = COPIES.iter().find(|(loss, ..)| loss_ratio >= *loss && !congested);
    match (found, kind) {
        (None, _) => CopyPlan::NONE,
        (Some((_, count, _)), Kind::Video) => CopyPlan { count: *count, spacing: VIDEO_SPACING },
        (Some((.., count)), Kind::Audio) => CopyPlan { count: *count, spacing: AUDIO_SPACING },
    }
}

/// The same for an answer to a request. It is late already, so its copies leave sooner; a part of them, as the next
/// request comes a round trip later.
pub(crate) fn answer_copies(plan: CopyPlan) -> CopyPlan {
    CopyPlan { count: plan.count.div_ceil(2), spacing: plan.spacing / 2 }
}

/// A subscriber's request for the same packet within this time of our answer is the same request again.
///
/// Half a round trip: Chromium repeats once per round trip, a lost answer must not wait for the second repeat.
pub(crate) fn answer_again_after(round_trip: Option<Duration>) -> Duration {
    round_trip.map_or(Duration::from_millis(10), |rtt| (rtt / 2).clamp(Duration::from_millis(5), ANSWER_AGAIN_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn copies_rise_with_loss_by_chance_only() {
        for (loss, video, audio) in [(0.0, 0, 0), (0.05, 0, 1), (0.3, 1, 3), (0.5, 4, 6), (0.7, 7, 9), (0.9, 13, 13)] {
            let counts = [Kind::Video, Kind::Audio].map(|kind| copy_plan(kind, loss, false).count);
            assert_eq!(counts, [video, audio], "{loss}");
            assert_eq!(copy_plan(Kind::Audio, loss, true), CopyPlan::NONE);
        }
    }

    #[test]
    fn repeated_requests_are_answered_again_after_half_a_round_trip() {
        for (rtt, want) in [(None, 10), (Some(4), 5), (Some(60), 30), (Some(900), 200)] {
            assert_eq!(answer_again_after(rtt.map(ms)), ms(want));
        }
    }
}
