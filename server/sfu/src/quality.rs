//! Network quality of one participant, 0…6 each way, from what its transport measures.

use std::time::Duration;

/// What is known of one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Path {
    /// Share of packets lost before repair, 0…1. `None` where nothing flows.
    pub(crate) loss_ratio: Option<f64>,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) jitter: Duration,
    /// Something was heard lately.
    pub(crate) alive: bool,
}

/// What was measured of a publisher's way to this server, and what its repair chose by that. Zero where unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UplinkFigures {
    /// Of packets that do not come by themselves.
    pub loss_percent: u8,
    /// Packets lost in a row, on average, rounded.
    pub burst_packets: u16,
    pub round_trip_ms: u32,
    pub jitter_ms: u32,
    /// What it is told that it may send.
    pub kbps: u32,
    /// From one request for the same packet to the next, and in how many messages each goes out.
    pub nack_interval_ms: u32,
    pub nack_copies: u8,
    /// Sound waits here so that it goes on as evenly as it was sent.
    pub sound_held_ms: u32,
    pub congested: bool,
}

/// The same of the way to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DownlinkFigures {
    /// Of packets that leave, repeats among them.
    pub loss_percent: u8,
    pub burst_packets: u16,
    pub round_trip_ms: u32,
    pub jitter_ms: u32,
    /// What its path is taken to bear.
    pub kbps: u32,
    /// How often a packet of video and of sound leaves again unasked, and how much older sound each carries.
    pub video_copies: u8,
    pub audio_copies: u8,
    pub red_depth: u8,
    /// The longest delay that any of its video players is asked for.
    pub playout_delay_ms: u32,
    pub congested: bool,
}

/// A share of one in hundredths.
pub(crate) fn percent(ratio: f64) -> u8 {
    (ratio.clamp(0.0, 1.0) * 100.0).round() as u8
}

/// Beyond 2^32 there are no delays.
pub(crate) fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// Of a path that bears less than is to be sent: no better than this.
pub(crate) const SHORT: u8 = 4;
const UNKNOWN: u8 = 0;
const DOWN: u8 = 6;

/// The worst loss, round trip and jitter that still are of each grade, 1 (excellent) to 5 (very bad).
const GRADES: [(f64, u64, u64); 4] = [(0.01, 150, 30), (0.05, 250, 60), (0.15, 400, 120), (0.40, 800, 300)];

/// 0 unknown, 1 excellent, 2 good, 3 poor, 4 bad, 5 very bad, 6 down.
pub(crate) fn grade(path: Path) -> u8 {
    if !path.alive {
        return DOWN;
    }
    let Some(loss) = path.loss_ratio else { return UNKNOWN };
    let round_trip = path.round_trip.unwrap_or_default();
    let within = |&(l, rtt, jitter): &(f64, u64, u64)| {
        loss <= l && round_trip <= Duration::from_millis(rtt) && path.jitter <= Duration::from_millis(jitter)
    };
    GRADES.iter().position(within).map_or(5, |n| n as u8 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_figure_grades() {
        // loss %, round trip ms, jitter ms, grade
        let table = [
            (0, 20, 2, 1),
            (1, 150, 30, 1),
            (2, 20, 2, 2),
            (0, 200, 2, 2),
            (0, 20, 50, 2),
            (10, 20, 2, 3),
            (0, 350, 100, 3),
            (30, 20, 2, 4),
            (0, 20, 250, 4),
            (70, 20, 2, 5),
            (0, 2_000, 2, 5),
        ];
        for (loss, rtt, jitter, want) in table {
            let path = Path {
                loss_ratio: Some(f64::from(loss) / 100.0),
                round_trip: Some(Duration::from_millis(rtt)),
                jitter: Duration::from_millis(jitter),
                alive: true,
            };
            assert_eq!(grade(path), want, "{loss} % {rtt} ms {jitter} ms");
        }
    }

    #[test]
    fn nothing_flowing_is_unknown_and_nothing_heard_is_down() {
        let idle = Path { loss_ratio: None, round_trip: None, jitter: Duration::ZERO, alive: true };
        assert_eq!((grade(idle), grade(Path { alive: false, ..idle })), (0, 6));
    }
}
