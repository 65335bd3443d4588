//! Packets that left together, and how the distance of two such groups changed on the way
//! (draft-ietf-rmcat-gcc-02 section 5.2).

use carillon_proto::rtp_ext::AbsSendTime;
use std::time::{Duration, Instant};

/// Packets that leave within this belong to one group: a pacer's tick.
const GROUP_US: i64 = 5_000;
/// Packets that arrive within this after a queue was let go belong to the group before them.
const BURST_GAP: Duration = Duration::from_millis(5);
const BURST_MAX: Duration = Duration::from_millis(100);
/// A sender that paused this long starts anew.
const PAUSE: Duration = Duration::from_secs(2);

/// Two groups, compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Delta {
    /// How much more time passed between their arrivals than between their sendings, milliseconds.
    pub(super) delay_ms: f64,
    /// Between their sendings, milliseconds.
    pub(super) sent_ms: f64,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: AbsSendTime,
    last_sent: AbsSendTime,
    first_arrival: Instant,
    last_arrival: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
}

impl Groups {
    /// Yields the difference of the last two groups when `sent` begins a third.
    pub(super) fn handle_packet(&mut self, now: Instant, sent: AbsSendTime) -> Option<Delta> {
        let fresh = Group { first_sent: sent, last_sent: sent, first_arrival: now, last_arrival: now };
        let Some(current) = self.current.as_mut() else {
            self.current = Some(fresh);
            return None;
        };
        if now.saturating_duration_since(current.last_arrival) > PAUSE {
            *self = Self { current: Some(fresh), previous: None };
            return None;
        }
        if sent.since_us(current.first_sent) < 0 {
            return None; // out of order: it says nothing
        }
        if sent.since_us(current.first_sent) <= GROUP_US || current.is_burst(now, sent) {
            if sent.since_us(current.last_sent) > 0 {
                current.last_sent = sent;
            }
            current.last_arrival = current.last_arrival.max(now);
            return None;
        }
        let current = *current;
        let delta = self.previous.map(|previous| current.since(&previous));
        self.previous = Some(current);
        self.current = Some(fresh);
        delta
    }
}

impl Group {
    fn is_burst(&self, now: Instant, sent: AbsSendTime) -> bool {
        let gap = now.saturating_duration_since(self.last_arrival);
        let sent_us = sent.since_us(self.last_sent);
        let came_closer = i64::try_from(gap.as_micros()).is_ok_and(|us| us < sent_us);
        came_closer && gap <= BURST_GAP && now.saturating_duration_since(self.first_arrival) < BURST_MAX
    }

    fn since(&self, previous: &Self) -> Delta {
        let sent_ms = self.last_sent.since_us(previous.last_sent) as f64 / 1e3;
        let arrived_ms = self.last_arrival.saturating_duration_since(previous.last_arrival).as_secs_f64() * 1e3;
        Delta { delay_ms: arrived_ms - sent_ms, sent_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn a_growing_queue_shows_as_positive_difference() {
        let (mut groups, t) = (Groups::default(), start());
        let mut deltas = Vec::new();
        for n in 0..10u64 {
            let sent = AbsSendTime::from_clock(Duration::from_millis(20 * n));
            deltas.extend(groups.handle_packet(t + Duration::from_millis(22 * n), sent));
        }
        assert_eq!(deltas.len(), 8);
        assert!(deltas.iter().all(|d| (d.delay_ms - 2.0).abs() < 0.01 && (d.sent_ms - 20.0).abs() < 0.01));
    }

    #[test]
    fn what_leaves_together_is_one_group_and_disorder_is_ignored() {
        let (mut groups, t) = (Groups::default(), start());
        let at = |ms| AbsSendTime::from_clock(Duration::from_millis(ms));
        let script = [(100, 0), (102, 2), (120, 20), (101, 21), (123, 23), (140, 40)];
        let deltas: Vec<_> = script
            .iter()
            .filter_map(|(sent, came)| groups.handle_packet(t + Duration::from_millis(*came), at(*sent)))
            .collect();
        assert_eq!(deltas.len(), 1);
        assert!(deltas[0].delay_ms.abs() < 0.05, "{deltas:?}");
    }
}
