//! The policy of repair: how often, how long and how much is asked and answered on one leg. No other file decides that.

use crate::transport::Kind;
use std::time::Duration;

/// What is known of a leg when its plan is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leg {
    /// Share of packets that do not come by themselves, 0…1.
    pub(crate) loss_ratio: f64,
    /// `None` until measured.
    pub(crate) round_trip: Option<Duration>,
    /// How late packets come that are only out of order.
    pub(crate) reorder: Duration,
    pub(crate) kind: Kind,
}

/// How what is missing from a publisher is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NackPlan {
    /// From noticing a hole to asking for it.
    pub(crate) first_after: Duration,
    /// From asking to asking again.
    pub(crate) interval: Duration,
    /// Each request goes out this many times, in messages of its own.
    pub(crate) copies: u8,
    /// From noticing a hole to giving it up.
    pub(crate) deadline: Duration,
}

/// Browsers answer a repeated request not before a round trip after their last answer; asking more often than this
/// only costs.
const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// Longer: a second loss of the same packet is felt.
const INTERVAL_MAX: Duration = Duration::from_millis(200);
/// Until a round trip is measured, as libwebrtc assumes (nack_requester.cc, kDefaultRtt).
const ROUND_TRIP_UNKNOWN: Duration = Duration::from_millis(100);
/// Waiting longer for what may only be out of order would spend the time that repair needs.
const REORDER_MAX: Duration = Duration::from_millis(60);
/// A publisher's history holds 1 s or 3 round trips; subscribers play on after a keyframe.
const VIDEO_DEADLINE: Duration = Duration::from_millis(1_500);
/// NetEq stretches to 2 s, but audio that late is heard as a gap already.
const AUDIO_DEADLINE: Duration = Duration::from_millis(1_000);

/// The plan for asking a publisher.
pub(crate) fn nack_plan(leg: Leg) -> NackPlan {
    let round_trip = leg.round_trip.unwrap_or(ROUND_TRIP_UNKNOWN);
    // Answers are lost as often as media: at high loss the next question leaves before the answer could be known lost.
    let patience = (1.1 - leg.loss_ratio).clamp(0.25, 1.1);
    let interval = round_trip.mul_f64(patience) + Duration::from_millis(5);
    NackPlan {
        first_after: leg.reorder.min(REORDER_MAX),
        interval: interval.clamp(INTERVAL_MIN, INTERVAL_MAX),
        copies: match leg.loss_ratio {
            loss if loss > 0.5 => 3,
            loss if loss > 0.2 => 2,
            _ => 1,
        },
        deadline: match leg.kind {
            Kind::Audio => AUDIO_DEADLINE,
            Kind::Video => VIDEO_DEADLINE.max(4 * round_trip),
        },
    }
}

/// A subscriber's request for the same packet within this time of our answer is the same request again.
///
/// Half a round trip: Chromium repeats once per round trip, a lost answer must not wait for the second repeat.
pub(crate) fn answer_again_after(round_trip: Option<Duration>) -> Duration {
    round_trip.map_or(Duration::from_millis(10), |rtt| (rtt / 2).clamp(Duration::from_millis(5), INTERVAL_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn plans_by_loss_round_trip_and_reordering() {
        // loss, round trip, reorder, kind -> first, interval, copies, deadline
        let table = [
            (0.0, None, 0, Kind::Video, (0, 115, 1, 1_500)),
            (0.0, Some(40), 0, Kind::Video, (0, 49, 1, 1_500)),
            (0.3, Some(40), 10, Kind::Video, (10, 37, 2, 1_500)),
            (0.7, Some(40), 0, Kind::Audio, (0, 21, 3, 1_000)),
            (1.0, Some(1), 500, Kind::Audio, (60, 10, 3, 1_000)),
            (0.0, Some(600), 0, Kind::Video, (0, 200, 1, 2_400)),
        ];
        for (loss_ratio, rtt, reorder, kind, want) in table {
            let leg = Leg { loss_ratio, round_trip: rtt.map(ms), reorder: ms(reorder), kind };
            let p = nack_plan(leg);
            let got = (
                p.first_after.as_millis() as u64,
                p.interval.as_millis() as u64,
                p.copies,
                p.deadline.as_millis() as u64,
            );
            assert_eq!(got, want, "{leg:?}");
        }
    }

    #[test]
    fn repeated_requests_are_answered_again_after_half_a_round_trip() {
        for (rtt, want) in [(None, 10), (Some(4), 5), (Some(60), 30), (Some(900), 200)] {
            assert_eq!(answer_again_after(rtt.map(ms)), ms(want));
        }
    }
}
