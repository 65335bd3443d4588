//! The plan for a subscriber: what leaves again unasked, and how requests are answered.

use super::uplink::{DELAY_MORE, LOSS_HURRY};
use crate::transport::Kind;
use std::time::Duration;

/// What is known of the way to a subscriber when its plan is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Downlink {
    /// Share of packets that chance takes, from transport-cc, 0…1. `None`: the subscriber sends none.
    pub(crate) loss_ratio: Option<f64>,
    /// Packets lost in a row, on average.
    pub(crate) burst_packets: f64,
    /// The worst that its receiver reports say of audio and of video.
    pub(crate) reported: [f64; 2],
    /// The shortest of late, and the usual one. `None` until measured.
    pub(crate) round_trip: Option<Duration>,
    pub(crate) usual_round_trip: Option<Duration>,
    /// How late packets come that are only out of order.
    pub(crate) reorder: Duration,
    /// A queue stands on the path, or did a moment ago: copies would feed it.
    pub(crate) congested: bool,
    /// What the path bears, in multiples of the media that is sent.
    pub(crate) spare: f64,
}

/// How a subscriber is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SendPlan {
    pub(crate) audio: CopyPlan,
    pub(crate) video: CopyPlan,
    /// Sound where the subscriber takes RED.
    pub(crate) red: RedPlan,
    /// From a packet's first sending to the first answer to a request for it: it may only be late.
    pub(crate) hold: Duration,
    /// Added to the age of the subscriber's reference time when that is answered (DLRR): its player finds a round trip of
    /// nothing, and asks for what it lacks at each look, not once in a round trip.
    /// For players that send reference times; Chromium 156 was seen to measure nothing by `a=rtcp-xr:rcvr-rtt` in an
    /// answer, nor by `rrtr` feedback beside it.
    pub(crate) delay_more: Duration,
    /// How late packets come that are only out of order.
    pub(crate) reorder: Duration,
    /// A queue stands on the path.
    pub(crate) congested: bool,
    /// Share of packets that chance takes, percent.
    pub(crate) loss_percent: u8,
    /// From a picture's first sending until few of its packets still lack repair.
    pub(crate) repair_time: Duration,
}

/// How older sound is carried in newer packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RedPlan {
    pub(crate) copies: CopyPlan,
    /// How many packets each carries besides its own.
    pub(crate) depth: u8,
    /// Few gaps are left: requests need no answer.
    pub(crate) suffices: bool,
    /// Except where a burst takes those packets too that carry it.
    pub(crate) bursts: bool,
}

/// How often each packet leaves again unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CopyPlan {
    pub(crate) count: u8,
    /// From one to the next: a burst of loss should not take two.
    pub(crate) spacing: Duration,
}

impl CopyPlan {
    pub(crate) const NONE: Self = Self { count: 0, spacing: Duration::ZERO };
}

impl RedPlan {
    pub(crate) const NONE: Self = Self { copies: CopyPlan::NONE, depth: 0, suffices: false, bursts: false };
}

impl SendPlan {
    /// Before anything was measured.
    pub(crate) const CALM: Self = Self {
        audio: CopyPlan::NONE,
        video: CopyPlan::NONE,
        red: RedPlan::NONE,
        hold: Duration::ZERO,
        delay_more: Duration::ZERO,
        reorder: Duration::ZERO,
        congested: false,
        loss_percent: 0,
        repair_time: Duration::ZERO,
    };

    /// Some packets leave more than once, unasked.
    pub(crate) fn repeats(&self) -> bool {
        [self.audio, self.video, self.red.copies].iter().any(|copies| copies.count > 0)
    }

    pub(crate) fn copies(&self, kind: Kind) -> CopyPlan {
        match kind {
            Kind::Audio => self.audio,
            Kind::Video => self.video,
        }
    }
}

/// From this loss on: copies of video, of audio. 8 sendings of each packet showed 28 fps at 70 %, 14 showed 25 fps at 80 %
/// (Chromium behind a repeating proxy, which answers nothing). A player asks for what it lacks as soon as the next packet
/// comes, while copies still leave: at 70 % that is half of all packets, so 6 sendings and those answers are enough (Chromium
/// through this server: no freeze). Audio is small and has less time, so it gets more.
const COPIES: [(f64, u8, u8); 7] =
    [(0.75, 13, 13), (0.6, 5, 9), (0.45, 5, 6), (0.3, 3, 4), (0.15, 2, 3), (0.1, 0, 2), (0.03, 0, 1)];
/// This part of what a path bears is used, and no more copies than these.
const SPARE_USED: f64 = 0.9;
const COPIES_MAX: f64 = 20.0;
/// From this loss on, where RED is taken: copies of sound, and its depth. Of n sendings of each packet with d before it
/// n (d + 1) must be lost for a gap: below 1 % at each of these, for half the bytes of copies alone. Deeper costs the
/// player delay: 20 ms each.
const RED: [(f64, u8, u8); 7] =
    [(0.75, 4, 4), (0.65, 3, 4), (0.5, 2, 3), (0.35, 1, 3), (0.2, 1, 2), (0.1, 0, 2), (0.03, 0, 1)];
const VIDEO_SPACING: Duration = Duration::from_millis(6);
const AUDIO_SPACING: Duration = Duration::from_millis(10);
/// Longer: a second loss of the same packet is felt.
const ANSWER_AGAIN_MAX: Duration = Duration::from_millis(250);
/// Below this loss a player's own patience does: it learns the round trip of repairs by itself.
const LOSS_FELT: f64 = 0.03;
/// This share of packets may come too late for their picture, which then shows with the next one.
const UNREPAIRED: f64 = 0.045;
/// Less is no reordering that a wait would spare anything for.
const REORDER_FELT: Duration = Duration::from_millis(10);
/// Below this loss a missing packet is more likely late than lost.
pub(crate) const LOSS_PATIENT: f64 = 0.05;
/// Packets are lost in longer rows than by chance alone by this factor: copies and carriers are lost together.
const BURSTS: f64 = 2.0;
/// Waits for what is more likely lost than late, and the other way round: below the time that browsers wait for a frame.
const REORDER_MAX: Duration = Duration::from_millis(60);
const REORDER_PATIENT_MAX: Duration = Duration::from_millis(800);
/// Browsers send transport-cc feedback each 50 to 250 ms, and that takes its time too.
const FEEDBACK_EACH: Duration = Duration::from_millis(150);
/// Encoders, pacers and busy machines are as uneven as this on a good path.
const LATE_USUAL: Duration = Duration::from_millis(30);
const DECODED_WITHIN: Duration = Duration::from_millis(20);
/// Browsers look at what is missing each 20 ms (libwebrtc, NackPeriodicProcessor); until a round trip is known, 100 ms.
const ASKED_EACH: Duration = Duration::from_millis(20);
const ROUND_TRIP_UNKNOWN: Duration = Duration::from_millis(100);
/// Of media, while a queue stands, beside what makes up for chance; how much more than that this may take; and what may
/// be saved up for it.
const REPAIR_CONGESTED: f64 = 0.2;
const REPAIR_CHANCE: f64 = 1.2;
/// A path that loses more than this, percent, is not given up for it.
const LOSS_SHARED_MAX: u8 = 60;
pub(crate) const REPAIR_CONGESTED_BYTES: f64 = 10_000.0;
/// More rounds would hold the picture up longer than a gap in it.
const ROUNDS_MAX: u32 = 4;
const REPAIR_TIME_MAX: Duration = Duration::from_millis(500);

/// The plan for one subscriber.
pub(crate) fn send_plan(leg: Downlink) -> SendPlan {
    // Without transport-cc little tells a full path from a bad one: sound, which is small, is protected, video is not.
    let [reported_audio, reported_video] = leg.reported;
    let unsure = [reported_audio, 0.0];
    let [audio, video] = leg.loss_ratio.map_or(unsure, |loss| [loss; 2]);
    // Copies must fit beside what they copy.
    let most = if leg.congested { 0.0 } else { (SPARE_USED * leg.spare - 1.0).clamp(0.0, COPIES_MAX) } as u8;
    let suffices = leg.loss_ratio.is_some() && !leg.congested;
    // Chance that does not remember takes 1 / (1 - loss) in a row.
    let bursts = leg.burst_packets * (1.0 - audio) >= BURSTS;
    let red = RedPlan { suffices, bursts, ..red_plan(audio, most) };
    let [audio, video] = [(Kind::Audio, audio), (Kind::Video, video)].map(|(kind, loss)| copy_plan(kind, loss, most));
    let loss = leg.loss_ratio.unwrap_or(reported_video);
    let hold = hold(loss, leg.reorder, leg.usual_round_trip);
    let delay_more = if loss >= LOSS_HURRY && !leg.congested { DELAY_MORE } else { Duration::ZERO };
    let repair_time = repair_time(video, loss, leg.round_trip) + leg.reorder;
    let loss_percent = (100.0 * leg.loss_ratio.unwrap_or(0.0)) as u8;
    let Downlink { congested, reorder, .. } = leg;
    SendPlan { audio, video, red, hold, delay_more, reorder, congested, loss_percent, repair_time }
}

/// `most`: more copies do not fit.
fn copy_plan(kind: Kind, loss_ratio: f64, most: u8) -> CopyPlan {
    let found = COPIES.iter().find(|(loss, ..)| loss_ratio >= *loss);
    match (found, kind) {
        (None, _) => CopyPlan::NONE,
        (Some(_), _) if most == 0 => CopyPlan::NONE,
        (Some((_, count, _)), Kind::Video) => CopyPlan { count: most.min(*count), spacing: VIDEO_SPACING },
        (Some((.., count)), Kind::Audio) => CopyPlan { count: most.min(*count), spacing: AUDIO_SPACING },
    }
}

fn red_plan(loss_ratio: f64, most: u8) -> RedPlan {
    let found = RED.iter().find(|(loss, ..)| loss_ratio >= *loss);
    found.map_or(RedPlan::NONE, |(_, count, depth)| {
        let copies = CopyPlan { count: most.min(*count), spacing: AUDIO_SPACING };
        RedPlan { copies, depth: *depth, suffices: false, bursts: false }
    })
}

/// The least delay that a video player is asked for. `late`: what the publisher's packets come late by, beyond the mean.
pub(crate) fn playout_delay(late: Duration, repair_time: Duration) -> Duration {
    let needed = repair_time + late.saturating_sub(LATE_USUAL);
    // Players count decoding and drawing in.
    if needed.is_zero() { Duration::ZERO } else { needed + DECODED_WITHIN }
}

/// How often more the answers to a subscriber's checks leave: at 80 % one check in 25 would be heard to be answered.
pub(crate) fn answer_repeats(loss_ratio: f64) -> u8 {
    match loss_ratio {
        0.6.. => 4,
        0.4.. => 2,
        0.2.. => 1,
        _ => 0,
    }
}

/// Bytes of repair for each byte of media: a full queue would lose them too.
pub(crate) fn repair_ratio(plan: SendPlan, most: f64) -> f64 {
    if !plan.congested {
        return most;
    }
    let (loss, left) = (1.0 - media_share(plan), media_share(plan));
    most.min(REPAIR_CONGESTED + REPAIR_CHANCE * loss / left)
}

/// Of a path's rate, what is left for media beside the repair of what chance takes.
pub(crate) fn media_share(plan: SendPlan) -> f64 {
    1.0 - f64::from(plan.loss_percent.min(LOSS_SHARED_MAX)) / 100.0
}

/// A request that comes so soon after its packet left was sent before that could arrive.
pub(crate) fn under_way(round_trip: Option<Duration>) -> Duration {
    round_trip.unwrap_or_default().mul_f64(0.8)
}

/// Who still lacks a packet asks for it again within this time.
pub(crate) fn asked_within(round_trip: Option<Duration>) -> Duration {
    round_trip.unwrap_or(ROUND_TRIP_UNKNOWN).max(ROUND_TRIP_UNKNOWN) + 2 * ASKED_EACH
}

/// Until a late packet must have come and feedback must have told of it.
fn hold(loss: f64, reorder: Duration, round_trip: Option<Duration>) -> Duration {
    if reorder < REORDER_FELT {
        return Duration::ZERO;
    }
    let round_trip = round_trip.unwrap_or(ROUND_TRIP_UNKNOWN);
    if loss < LOSS_PATIENT {
        round_trip + reorder.min(REORDER_PATIENT_MAX) + FEEDBACK_EACH
    } else {
        round_trip + reorder.min(REORDER_MAX)
    }
}

/// Copies first, then rounds of asking and answering, until few packets are left.
fn repair_time(copies: CopyPlan, loss: f64, round_trip: Option<Duration>) -> Duration {
    if loss < LOSS_FELT {
        return Duration::ZERO;
    }
    let answer = answer_copies(copies);
    let round = round_trip.unwrap_or(ROUND_TRIP_UNKNOWN) + ASKED_EACH + answer.spacing * u32::from(answer.count);
    let mut missing = loss.powi(1 + i32::from(copies.count));
    let mut time = copies.spacing * u32::from(copies.count);
    let mut rounds = 0;
    while missing > UNREPAIRED && rounds < ROUNDS_MAX && time + round <= REPAIR_TIME_MAX {
        missing *= loss.powi(1 + i32::from(answer.count));
        time += round;
        rounds += 1;
    }
    time
}

/// The same for an answer to a request. It is late already, so its copies leave sooner; a part of them, as the next
/// request comes a round trip later.
pub(crate) fn answer_copies(plan: CopyPlan) -> CopyPlan {
    CopyPlan { count: plan.count.div_ceil(2), spacing: plan.spacing / 2 }
}

/// A subscriber's request for the same packet within this time of our answer is the same request again.
///
/// Half a round trip: Chromium repeats once per round trip, a lost answer must not wait for the second repeat. Where a queue
/// stands it does not know how long a round trip takes: what asks before then fills the queue.
pub(crate) fn answer_again_after(round_trip: Option<Duration>, congested: bool) -> Duration {
    let whole = if congested { 0.9 } else { 0.5 };
    let after = |rtt: Duration| rtt.mul_f64(whole).clamp(Duration::from_millis(5), ANSWER_AGAIN_MAX);
    round_trip.map_or(Duration::from_millis(10), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    const LEG: Downlink = Downlink {
        loss_ratio: None,
        burst_packets: 0.0,
        reported: [0.0; 2],
        round_trip: None,
        usual_round_trip: None,
        reorder: Duration::ZERO,
        congested: false,
        spare: 100.0,
    };

    #[test]
    fn copies_rise_with_loss_by_chance_only() {
        for (loss, video, audio) in [(0.0, 0, 0), (0.05, 0, 1), (0.3, 3, 4), (0.5, 5, 6), (0.7, 5, 9), (0.9, 13, 13)] {
            let plan = send_plan(Downlink { loss_ratio: Some(loss), ..LEG });
            assert_eq!([plan.video.count, plan.audio.count], [video, audio], "{loss}");
            let congested = send_plan(Downlink { loss_ratio: Some(loss), congested: true, ..LEG });
            assert_eq!([congested.video, congested.audio], [CopyPlan::NONE; 2]);
            assert_eq!(congested.red.copies.count, 0);
            let narrow = send_plan(Downlink { loss_ratio: Some(loss), spare: 3.4, ..LEG });
            assert_eq!(narrow.video.count, video.min(2), "what fits");
        }
    }

    #[test]
    fn red_leaves_few_gaps_for_fewer_bytes_than_copies() {
        for percent in (3..=80).step_by(7) {
            let loss = f64::from(percent) / 100.0;
            let SendPlan { audio, red, .. } = send_plan(Downlink { loss_ratio: Some(loss), ..LEG });
            let RedPlan { copies, depth, suffices, .. } = red;
            assert!(suffices);
            let (sent, chances) = (1 + i32::from(copies.count), 1 + i32::from(depth));
            assert!(loss.powi(sent * chances) < 0.012, "{percent} %");
            // 80 bytes of sound, 60 of headers.
            let alone = (1 + i32::from(audio.count)) * 140;
            assert!(sent * (60 + 84 * chances) <= alone * 5 / 3, "{percent} %");
        }
    }

    #[test]
    fn bursts_are_longer_than_chance_has_them() {
        // loss %, packets in a row -> bursts
        let table =
            [(0, 0.0, false), (30, 1.4, false), (30, 5.0, true), (30, 8.0, true), (70, 3.3, false), (80, 5.0, false)];
        for (percent, burst_packets, want) in table {
            let loss_ratio = Some(f64::from(percent) / 100.0);
            let plan = send_plan(Downlink { loss_ratio, burst_packets, ..LEG });
            assert_eq!(plan.red.bursts, want, "{percent} % {burst_packets}");
        }
    }

    #[test]
    fn what_is_only_reported_protects_sound_alone() {
        let plan = send_plan(Downlink { reported: [0.9, 0.9], ..LEG });
        assert_eq!([plan.video.count, plan.audio.count], [0, 13]);
        assert!(plan.red.depth > 0 && !plan.red.suffices);
    }

    #[test]
    fn pictures_wait_as_long_as_repair_takes() {
        // loss %, round trip, reorder -> ms
        let table = [
            (0, 40, 0, 0),
            (2, 40, 0, 0),
            (10, 40, 0, 60),
            (30, 40, 0, 18),
            (50, 40, 0, 30),
            (70, 40, 0, 99),
            (70, 200, 0, 259),
            (80, 40, 0, 78),
            (0, 40, 500, 500),
        ];
        for (percent, rtt, reorder, want) in table {
            let loss_ratio = Some(f64::from(percent) / 100.0);
            let plan = send_plan(Downlink { loss_ratio, round_trip: Some(ms(rtt)), reorder: ms(reorder), ..LEG });
            assert_eq!(plan.repair_time.as_millis(), want, "{percent} % {rtt} {reorder}");
        }
    }

    #[test]
    fn a_queue_leaves_room_for_the_repair_of_what_chance_takes() {
        // loss %, congested -> repair %, media %
        for (percent, congested, want) in
            [(0, true, (20, 100)), (20, true, (50, 80)), (90, true, (200, 40)), (20, false, (200, 80))]
        {
            let plan = send_plan(Downlink { loss_ratio: Some(f64::from(percent) / 100.0), congested, ..LEG });
            let share = |of: f64| (100.0 * of).round() as u8;
            assert_eq!((share(repair_ratio(plan, 2.0)), share(media_share(plan))), want, "{percent} % {congested}");
        }
    }

    #[test]
    fn answers_wait_for_what_is_only_late() {
        for (percent, reorder, want) in [(0, 5, 0), (0, 200, 390), (2, 2_000, 990), (30, 200, 100), (50, 0, 0)] {
            let loss_ratio = Some(f64::from(percent) / 100.0);
            let leg = Downlink { loss_ratio, usual_round_trip: Some(ms(40)), reorder: ms(reorder), ..LEG };
            assert_eq!(send_plan(leg).hold, ms(want), "{percent} % {reorder}");
        }
    }

    #[test]
    fn players_are_hurried_by_loss_alone() {
        for (percent, congested, want) in [(0, false, false), (10, false, true), (10, true, false)] {
            let leg = Downlink { loss_ratio: Some(f64::from(percent) / 100.0), congested, ..LEG };
            assert_eq!(!send_plan(leg).delay_more.is_zero(), want, "{percent} % {congested}");
        }
    }

    #[test]
    fn players_wait_for_both_ways_and_not_on_good_ones() {
        for (late, repair, want) in [(0, 0, 0), (30, 0, 0), (80, 0, 70), (10, 60, 80), (130, 114, 234)] {
            assert_eq!(playout_delay(ms(late), ms(repair)), ms(want), "{late} {repair}");
        }
    }

    #[test]
    fn repeated_requests_are_answered_again_after_half_a_round_trip() {
        let table = [(None, [10; 2]), (Some(4), [5; 2]), (Some(60), [30, 54]), (Some(900), [250; 2])];
        for (rtt, want) in table {
            assert_eq!([false, true].map(|congested| answer_again_after(rtt.map(ms), congested)), want.map(ms));
        }
    }
}
