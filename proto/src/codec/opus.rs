//! Opus packets (RFC 6716 section 3.1): how long they last, and whether they are silence.

use crate::wire::{Malformed, u8_at};
use std::time::Duration;

/// RTP clock of Opus, whatever the coded bandwidth (RFC 7587 section 4.1).
pub const CLOCK_HZ: u32 = 48_000;

/// Longest packet (RFC 6716 section 3.2.5).
const MAX_PACKET: Duration = Duration::from_millis(120);

/// How long one frame of this TOC byte lasts (RFC 6716 table 2).
pub fn frame_duration(toc: u8) -> Duration {
    let config = toc >> 3;
    let us = match config {
        0..=11 => [10_000, 20_000, 40_000, 60_000][usize::from(config & 3)],
        12..=15 => [10_000, 20_000][usize::from(config & 1)],
        _ => [2_500, 5_000, 10_000, 20_000][usize::from(config & 3)],
    };
    Duration::from_micros(us)
}

/// How long a packet lasts: frame duration times frame count. An error where it has no frame, or more than 120 ms.
pub fn packet_duration(payload: &[u8]) -> Result<Duration, Malformed> {
    let toc = u8_at(payload, 0)?;
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(u8_at(payload, 1)? & 0x3f),
    };
    let duration = frame_duration(toc) * frames;
    if duration.is_zero() || duration > MAX_PACKET { Err(Malformed::Value) } else { Ok(duration) }
}

/// True where the encoder had nothing to say: a packet of at most two bytes holds no coded audio and stands for
/// silence until the next one (RFC 6716 section 2.1.9, and libopus' own test).
pub fn is_dtx(payload: &[u8]) -> bool {
    payload.len() <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_follow_the_table() {
        let cases: [(&[u8], u64); 8] = [
            (&[0x00, 1], 10_000),        // SILK NB 10 ms
            (&[0x58, 1], 60_000),        // SILK WB 60 ms
            (&[0x68, 1], 20_000),        // hybrid SWB 20 ms
            (&[0x80, 1], 2_500),         // CELT NB 2.5 ms
            (&[0x78, 1], 20_000),        // hybrid FB 20 ms, as Chromium sends
            (&[0xf9, 1], 40_000),        // CELT FB 20 ms, two frames
            (&[0xfb, 0x03, 1], 60_000),  // ... three, counted
            (&[0xe3, 0x30, 1], 120_000), // CELT FB 2.5 ms, 48 frames
        ];
        for (payload, us) in cases {
            assert_eq!(packet_duration(payload), Ok(Duration::from_micros(us)), "{payload:x?}");
        }
    }

    #[test]
    fn no_frame_and_too_many_are_refused() {
        assert_eq!(packet_duration(&[]), Err(Malformed::Truncated));
        assert_eq!(packet_duration(&[0xfb]), Err(Malformed::Truncated));
        assert_eq!(packet_duration(&[0xfb, 0]), Err(Malformed::Value));
        assert_eq!(packet_duration(&[0xfb, 7]), Err(Malformed::Value));
    }

    #[test]
    fn tiny_packets_are_silence() {
        assert!(is_dtx(&[0x78]) && is_dtx(&[0x78, 0]) && !is_dtx(&[0x78, 0, 1]));
    }
}
