//! What an operator may set of the media engine: bounds, repair, rates. Addresses and ports stand in `listen`.

use crate::BadValue;
use std::time::Duration;

crate::section! {
    /// The media engine: bounds, repair, rates.
    pub struct Media {
        /// Rooms on one media worker. More are refused.
        pub rooms_max: usize = 10_000, in 1..=1_000_000;
        /// Participants in one room. More are refused.
        pub participants_per_room_max: usize = 5_000, in 1..=100_000;
        /// Tracks one participant may publish: microphone, camera, screen, screen sound and room for two more.
        pub publications_per_participant_max: usize = 6, in 1..=16;
        /// Tracks one participant may receive. A grid of 50 people is 100.
        pub subscriptions_per_participant_max: usize = 200, in 1..=1_000;
        /// Packets of one source track kept for repair and late start, milliseconds. Shorter: browsers ask for what is
        /// gone (they ask for up to 3 s); longer: memory.
        pub history_ms: u64 = 3_000, in 500..=10_000;
        /// The same in packets of one track. 4,096 are 3 s of 12 Mbit/s.
        pub history_packets_max: usize = 4_096, in 64..=65_536;
        /// The same in payload bytes of one track.
        pub history_bytes_max: usize = 4_194_304, in 65_536..=268_435_456;
        /// What a publisher may send from its first second on, bit/s, within the least and the most below. Higher: a
        /// good picture at once, at the price of a burst of loss on narrow uplinks until the estimate falls.
        pub uplink_start_bps: u64 = 2_000_000, in 10_000..=1_000_000_000;
        /// The least a publisher is ever told, bit/s: below, video is a slide show anyway.
        pub uplink_min_bps: u64 = 100_000, in 10_000..=100_000_000;
        /// The most a publisher is ever told, bit/s.
        pub uplink_max_bps: u64 = 6_000_000, in 10_000..=1_000_000_000;
        /// Keyframes asked of one layer in one second at most. More: a subscriber that keeps asking costs everybody.
        pub keyframes_per_second_max: u32 = 2, in 1..=10;
        /// A keyframe younger than this is replayed to a new subscriber instead of asking for another, milliseconds.
        pub late_start_ms: u64 = 400, in 0..=3_000;
        /// Repairs to one subscriber within one second as a share of what it was sent: a flood of requests is answered
        /// up to here. 2.0 lets 65 % loss be repaired.
        pub repair_ratio_max: f64 = 2.0, in 0.0..=10.0;
        /// Least playout delay asked of a subscriber's video player, milliseconds (10 ms steps).
        pub playout_delay_min_ms: u32 = 0, in 0..=40_950;
        /// Largest playout delay a subscriber's video player may grow to, milliseconds. It wins over lip sync, so it
        /// is kept far above the least.
        pub playout_delay_max_ms: u32 = 4_000, in 0..=40_950;
        /// Time between receiver reports to a publisher and between sender reports to a subscriber, milliseconds.
        pub report_interval_ms: u64 = 1_000, in 100..=5_000;
        /// Time between two events about the loudness in a room, milliseconds.
        pub volume_interval_ms: u64 = 300, in 100..=5_000;
        /// Time between two events about the network quality in a room, milliseconds.
        pub quality_interval_ms: u64 = 2_000, in 500..=60_000;
    }
}

impl Media {
    /// What the bounds of single knobs cannot say: which must not pass which.
    pub fn validate(&self) -> Result<(), BadValue> {
        let bad = |key: &str, value: u64, allowed: String| {
            Err(BadValue { key: format!("media.{key}"), value: value.to_string(), allowed })
        };
        let (low, start, high) = (self.uplink_min_bps, self.uplink_start_bps, self.uplink_max_bps);
        if low > high {
            return bad("uplink_min_bps", low, format!("at most uplink_max_bps ({high})"));
        }
        if !(low..=high).contains(&start) {
            return bad("uplink_start_bps", start, format!("{low}..={high}"));
        }
        if self.playout_delay_min_ms > self.playout_delay_max_ms {
            let (min, max) = (self.playout_delay_min_ms, self.playout_delay_max_ms);
            return bad("playout_delay_min_ms", u64::from(min), format!("at most playout_delay_max_ms ({max})"));
        }
        Ok(())
    }

    pub fn history(&self) -> Duration {
        Duration::from_millis(self.history_ms)
    }

    pub fn late_start(&self) -> Duration {
        Duration::from_millis(self.late_start_ms)
    }

    pub fn report_interval(&self) -> Duration {
        Duration::from_millis(self.report_interval_ms)
    }

    pub fn volume_interval(&self) -> Duration {
        Duration::from_millis(self.volume_interval_ms)
    }

    pub fn quality_interval(&self) -> Duration {
        Duration::from_millis(self.quality_interval_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Section;

    #[test]
    fn defaults_are_within_their_bounds() {
        assert_eq!(Media::default().check_bounds("media"), Ok(()));
        assert_eq!(Media::default().validate(), Ok(()));
    }

    #[test]
    fn rates_that_pass_each_other_are_named() {
        let bad = Media { uplink_start_bps: 50_000, ..Media::default() };
        assert!(bad.validate().is_err_and(|e| e.key == "media.uplink_start_bps"));
        let bad = Media { playout_delay_min_ms: 5_000, ..Media::default() };
        assert!(bad.validate().is_err_and(|e| e.key == "media.playout_delay_min_ms"));
    }
}
