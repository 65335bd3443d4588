//! The plan for a publisher: how it is asked again, and what it is told of its loss and round trip.

use crate::transport::Kind;
use std::time::Duration;

/// What is known of a leg when its plan is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leg {
    /// Of packets that do not come by themselves.
    pub(crate) loss: Loss,
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
    /// So many numbers after the newest are asked for before they are missed. A browser passes over those that it has
    /// not sent yet and repeats those that it has, a round trip before their loss could be noticed.
    pub(crate) ahead: u16,
    /// Repeats come under their own number, as audio's do: of a packet that was asked for nobody can tell whether it was
    /// late or repeated.
    pub(crate) repeats_alike: bool,
}

/// What a publisher is told of its own streams. Browsers lower their rate by the loss that reports claim, however well it
/// is repaired, and repeat a packet not sooner than the round trip that reports let them compute: so both are claimed as
/// repair needs them. Where the path is congested, by what the delay shows, a part of the loss is told that came with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ReportPlan {
    /// The fraction lost, in 1/256ths.
    pub(crate) fraction_lost: u8,
    /// This share of the packets lost since the last report is told in the count of them all.
    pub(crate) told_ratio: f64,
    /// Added to the time since the last sender report: the sender finds a round trip of nothing.
    pub(crate) delay_more: Duration,
    /// To the next report.
    pub(crate) interval: Duration,
}

/// Loss of a publisher's path, 0…1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Loss {
    pub(crate) now: f64,
    /// What it was before a queue stood: that much is chance.
    pub(crate) by_chance: f64,
    /// A queue stands.
    pub(crate) congested: bool,
}

/// The longest pause between two requests, and how far ahead of the newest packet they reach, by loss. At 70 % and 20 ms
/// each way this costs about 7 times the media (bad-network measurements with Chromium 156).
const ROUNDS: [Round; 5] = [
    Round { loss: 0.75, interval_ms: 6, ahead: 10 },
    Round { loss: 0.55, interval_ms: 8, ahead: 6 },
    Round { loss: 0.40, interval_ms: 10, ahead: 4 },
    Round { loss: 0.20, interval_ms: 12, ahead: 2 },
    Round { loss: 0.05, interval_ms: 20, ahead: 0 },
];

struct Round {
    /// From this loss on.
    loss: f64,
    interval_ms: u64,
    ahead: u16,
}

/// Sound has less time than pictures and is small: it is asked for as at this much more loss.
const AUDIO_URGENCY: f64 = 0.2;
/// From this loss on a repeat is wanted sooner than a round trip.
pub(super) const LOSS_HURRY: f64 = 0.02;
/// Below this loss a missing packet is more likely late than lost.
const LOSS_PATIENT: f64 = 0.05;
/// Claimed for audio: libwebrtc protects Opus for up to this loss (kMaxPacketLossFraction).
const AUDIO_CLAIM: f64 = 0.2;
/// More than any round trip: what is left of it computes to less than nothing, which libwebrtc takes as 1 ms.
pub(super) const DELAY_MORE: Duration = Duration::from_secs(10);
/// In bad weather: a lost report is made good soon.
pub(crate) const REPORT_INTERVAL: Duration = Duration::from_millis(200);
/// Browsers answer a repeated request not before a round trip after their last answer; asking more often than this
/// only costs.
const INTERVAL_MIN: Duration = Duration::from_millis(10);
/// Longer: a second loss of the same packet is felt.
const INTERVAL_MAX: Duration = Duration::from_millis(200);
/// Until a round trip is measured, as libwebrtc assumes (nack_requester.cc, kDefaultRtt).
const ROUND_TRIP_UNKNOWN: Duration = Duration::from_millis(100);
/// Where packets are lost, waiting longer for what may only be out of order would spend the time that repair needs.
const REORDER_MAX: Duration = Duration::from_millis(60);
/// Where they are only late: browsers keep what they sent for a second at least, and for three while it is not more than
/// 600 packets (libwebrtc, rtp_packet_history.cc: kMinPacketDuration, kPacketCullingDelayFactor).
const REORDER_PATIENT_MAX: Duration = Duration::from_millis(950);
/// Of what a queue drops this share is told. REMB lowers the rate at once, and browsers grow by 8 % a second only: who is
/// told all falls far below what the path bears and needs half a minute to come back.
const TOLD_OF_QUEUE: f64 = 0.25;
/// Requests on a congested path are those of a good one.
const LOSS_CONGESTED: f64 = 0.04;
/// After this long without a packet the pictures that were lost are too old to be shown: a keyframe is asked for at once.
/// Fewer packets are missing where a still screen sent few.
pub(crate) const OUTAGE: Duration = Duration::from_millis(300);
pub(crate) const OUTAGE_PACKETS: u64 = 6;
/// A publisher's history holds 1 s or 3 round trips; subscribers play on after a keyframe.
const VIDEO_DEADLINE: Duration = Duration::from_millis(1_500);
/// NetEq stretches to 2 s, but audio that late is heard as a gap already.
const AUDIO_DEADLINE: Duration = Duration::from_millis(1_000);

/// The plan for asking a publisher.
pub(crate) fn nack_plan(leg: Leg) -> NackPlan {
    let round_trip = leg.round_trip.unwrap_or(ROUND_TRIP_UNKNOWN);
    let interval = (round_trip.mul_f64(1.1) + Duration::from_millis(5)).clamp(INTERVAL_MIN, INTERVAL_MAX);
    // What a full queue loses it loses again: asking for more fills it.
    let congested = leg.loss.congested;
    let loss = if congested { leg.loss.now.min(leg.loss.by_chance.max(LOSS_CONGESTED)) } else { leg.loss.now };
    // Answers are lost as often as media: at high loss the next question leaves before the answer could be known lost.
    let urgency = match leg.kind {
        Kind::Audio if loss >= LOSS_PATIENT => loss + AUDIO_URGENCY,
        Kind::Audio | Kind::Video => loss,
    };
    let round = ROUNDS.iter().find(|round| urgency >= round.loss);
    let patience = if loss < LOSS_PATIENT { REORDER_PATIENT_MAX } else { REORDER_MAX };
    let patient = if congested { round_trip } else { round_trip / 16 };
    let hurry = |round: &Round| Duration::from_millis(round.interval_ms).max(patient);
    NackPlan {
        first_after: leg.reorder.min(patience),
        interval: round.map_or(interval, |round| interval.min(hurry(round))),
        copies: if !congested && loss > 0.05 && loss < 0.4 { 2 } else { 1 },
        deadline: match leg.kind {
            Kind::Audio => AUDIO_DEADLINE,
            Kind::Video => VIDEO_DEADLINE.max(4 * round_trip),
        },
        ahead: round.filter(|_| !congested).map_or(0, |round| round.ahead),
        repeats_alike: leg.kind == Kind::Audio,
    }
}

/// The plan for reporting to a publisher; `calm` is the interval while the path is good.
pub(crate) fn report_plan(kind: Kind, loss: Loss, calm: Duration) -> ReportPlan {
    if loss.congested {
        let by_queue = TOLD_OF_QUEUE * (loss.now - loss.by_chance).max(0.0);
        return ReportPlan {
            fraction_lost: fraction(by_queue),
            told_ratio: if loss.now > 0.0 { by_queue / loss.now } else { 0.0 },
            delay_more: Duration::ZERO,
            interval: calm.min(REPORT_INTERVAL),
        };
    }
    let hurry = loss.now >= LOSS_HURRY;
    let claim = match kind {
        Kind::Audio => loss.now.min(AUDIO_CLAIM),
        Kind::Video => 0.0,
    };
    ReportPlan {
        fraction_lost: fraction(claim),
        told_ratio: 0.0,
        delay_more: if hurry { DELAY_MORE } else { Duration::ZERO },
        interval: if hurry { calm.min(REPORT_INTERVAL) } else { calm },
    }
}

/// RFC 3550 section 6.4.1.
fn fraction(loss_ratio: f64) -> u8 {
    (loss_ratio * 256.0).clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn plans_by_loss_round_trip_and_reordering() {
        // loss, round trip, reorder, kind -> first, interval, copies, deadline, ahead
        let table = [
            (0.0, None, 0, Kind::Video, (0, 115, 1, 1_500, 0)),
            (0.0, Some(40), 0, Kind::Video, (0, 49, 1, 1_500, 0)),
            (0.1, Some(40), 0, Kind::Video, (0, 20, 2, 1_500, 0)),
            (0.3, Some(40), 10, Kind::Video, (10, 12, 2, 1_500, 2)),
            (0.3, Some(40), 10, Kind::Audio, (10, 10, 2, 1_000, 4)),
            (0.3, Some(400), 0, Kind::Video, (0, 25, 2, 1_600, 2)),
            (0.5, Some(40), 0, Kind::Video, (0, 10, 1, 1_500, 4)),
            (0.7, Some(40), 0, Kind::Audio, (0, 6, 1, 1_000, 10)),
            (1.0, Some(1), 500, Kind::Audio, (60, 6, 1, 1_000, 10)),
            (0.0, Some(600), 0, Kind::Video, (0, 200, 1, 2_400, 0)),
            (0.0, Some(40), 500, Kind::Video, (500, 49, 1, 1_500, 0)),
        ];
        for (loss_ratio, rtt, reorder, kind, want) in table {
            let loss = Loss { now: loss_ratio, ..Loss::default() };
            let leg = Leg { loss, round_trip: rtt.map(ms), reorder: ms(reorder), kind };
            let p = nack_plan(leg);
            let got = (
                p.first_after.as_millis() as u64,
                p.interval.as_millis() as u64,
                p.copies,
                p.deadline.as_millis() as u64,
                p.ahead,
            );
            assert_eq!(got, want, "{leg:?}");
        }
    }

    #[test]
    fn a_congested_path_is_asked_for_what_chance_takes() {
        let plan = |now, by_chance, congested| {
            let loss = Loss { now, by_chance, congested };
            nack_plan(Leg { loss, round_trip: Some(ms(40)), reorder: Duration::ZERO, kind: Kind::Video })
        };
        assert_eq!(plan(0.7, 0.0, true), plan(0.0, 0.0, false), "all of it is the queue's");
        let both = plan(0.7, 0.6, true);
        assert_eq!((both.interval, both.copies, both.ahead), (ms(40), 1, 0), "each round trip, and nothing ahead");
    }

    #[test]
    fn reports_claim_what_repair_needs() {
        // kind, loss, by chance, congested -> claim, told, delay, interval
        let table = [
            (Kind::Video, 0.0, 0.0, false, (0, 0.0, 0, 1_000)),
            (Kind::Video, 0.3, 0.0, false, (0, 0.0, 10_000, 200)),
            (Kind::Audio, 0.1, 0.0, false, (25, 0.0, 10_000, 200)),
            (Kind::Audio, 0.7, 0.0, false, (51, 0.0, 10_000, 200)),
            (Kind::Video, 0.5, 0.0, true, (32, 0.25, 0, 200)),
            (Kind::Video, 0.5, 0.25, true, (16, 0.125, 0, 200)),
            (Kind::Video, 0.2, 0.25, true, (0, 0.0, 0, 200)),
        ];
        for (kind, now, by_chance, congested, want) in table {
            let plan = report_plan(kind, Loss { now, by_chance, congested }, ms(1_000));
            let got = (plan.fraction_lost, plan.told_ratio, plan.delay_more.as_millis(), plan.interval.as_millis());
            assert_eq!(got, want, "{kind:?} {now} {by_chance}");
        }
    }
}
