//! NTP time as RTCP carries it (RFC 3550 section 4): 32.32 fixed point, and its middle 32 bits.

use crate::time::UnixMillis;
use std::time::Duration;

/// Seconds from 1900 to 1970.
const UNIX_EPOCH_SECS: u64 = 2_208_988_800;

/// Wall-clock time in seconds since 1900, 32.32 fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

/// The middle 32 bits of an `NtpTime`: 16.16 seconds, wrapping each 18.2 hours. Zero means "none" in LSR and LRR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CompactNtp(pub u32);

impl NtpTime {
    pub fn from_wall(wall: UnixMillis) -> Self {
        Self::from_unix(Duration::from_millis(wall.0))
    }

    /// `since_1970` may be finer than milliseconds. The seconds wrap in 2036 as NTP's do.
    pub fn from_unix(since_1970: Duration) -> Self {
        let secs = since_1970.as_secs().wrapping_add(UNIX_EPOCH_SECS) & 0xffff_ffff;
        let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
        Self((secs << 32) | fraction)
    }

    /// Time since 1970; zero for what lies before. Valid until NTP wraps in 2036.
    pub fn to_unix(self) -> Duration {
        let secs = (self.0 >> 32).saturating_sub(UNIX_EPOCH_SECS);
        Duration::from_secs(secs) + Duration::from_nanos(((self.0 & 0xffff_ffff) * 1_000_000_000) >> 32)
    }

    pub fn compact(self) -> CompactNtp {
        CompactNtp((self.0 >> 16 & 0xffff_ffff) as u32)
    }
}

impl CompactNtp {
    /// A span (DLSR, DLRR) in units of 1/65536 s; longer ones are cut at the field's 18 hours.
    pub fn span(d: Duration) -> u32 {
        u32::try_from((d.as_nanos() << 16) / 1_000_000_000).unwrap_or(u32::MAX)
    }

    /// The span that a DLSR or DLRR field stands for.
    pub fn to_duration(span: u32) -> Duration {
        Duration::from_nanos((u64::from(span) * 1_000_000_000) >> 16)
    }

    /// Round trip by a report that came in at `self`: A - LSR - DLSR (RFC 3550 section 6.4.1). `None` without an LSR,
    /// or where the sum is negative (a lying or restarted peer).
    pub fn round_trip(self, last_report: Self, delay: u32) -> Option<Duration> {
        let trip = self.0.wrapping_sub(last_report.0).wrapping_sub(delay);
        (last_report.0 != 0 && trip.cast_signed() >= 0).then(|| Self::to_duration(trip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_time_survives_its_round_trip() {
        let t = Duration::new(1_790_000_000, 250_000_000);
        assert_eq!(NtpTime::from_unix(t).to_unix(), t);
        assert_eq!(NtpTime::from_wall(UnixMillis(0)), NtpTime(UNIX_EPOCH_SECS << 32));
        assert_eq!(NtpTime(5).to_unix().as_secs(), 0);
    }

    #[test]
    fn round_trip_is_what_rfc_3550_figure_2_computes() {
        let arrival = NtpTime(0xb710_8000_0000_0000);
        assert_eq!(arrival.compact(), CompactNtp(0x8000_0000));
        let trip = CompactNtp(0xb710_8000).round_trip(CompactNtp(0xb705_2000), 0x0005_4000);
        assert_eq!(trip, Some(Duration::from_millis(6_125)));
    }

    #[test]
    fn a_negative_or_unknown_round_trip_is_none() {
        assert_eq!(CompactNtp(100).round_trip(CompactNtp(90), 11), None);
        assert_eq!(CompactNtp(100).round_trip(CompactNtp(0), 0), None);
        assert_eq!(CompactNtp(5).round_trip(CompactNtp(u32::MAX), 6), Some(Duration::ZERO));
    }

    #[test]
    fn spans_are_cut_at_the_field() {
        assert_eq!(CompactNtp::span(Duration::from_millis(500)), 0x8000);
        assert_eq!(CompactNtp::span(Duration::from_secs(100_000)), u32::MAX);
        assert_eq!(CompactNtp::to_duration(0x1_0000), Duration::from_secs(1));
    }
}
