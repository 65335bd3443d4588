//! Half an hour of a WebRTC publisher for players: lips stay with the voice.

use super::numbered::{NUMBERS, Numbered};
use super::*;
use crate::transcode::OpusToAac;

/// When the first sample of this frame was captured, in milliseconds since the start, near `at`.
fn captured(payload: &[u8], at: f64, pace: f64) -> Option<f64> {
    let tag = AudioTag::read(payload).ok()?;
    let AudioPacket::Frame(data) = tag.packet else { return None };
    let number = f64::from(u32::from_be_bytes(*data.last_chunk()?));
    let (span, sample) = (f64::from(NUMBERS), pace / 48.0);
    let rounds = ((at / sample - number) / span).round();
    Some((number + rounds * span) * sample)
}

#[test]
fn players_see_lips_with_the_voice_for_half_an_hour_of_a_wrong_clock() {
    for ppm in [-200.0, 200.0] {
        let pace = 1.0 + ppm / 1e6;
        let mut players =
            ToPlayers::with(OpusToAac::with(Box::new(Numbered::new(960)), Box::new(Numbered::new(1_024))));
        let start = start();
        let (mut now, mut seed) = (start, 5_u32);
        let (mut skew_min, mut skew_max, mut sounds) = (f64::MAX, f64::MIN, 0_u32);
        // Of the last picture: its time for players beyond the time it was captured at.
        let mut picture_off = None;
        for packet in 0..90_000_u32 {
            let at = start + Duration::from_secs_f64(f64::from(packet) * 0.02 * pace);
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let late = (f64::from(seed >> 8) / f64::from(1 << 24)).powi(4) * 0.15;
            now = now.max(at + ms(30) + Duration::from_secs_f64(late));
            while let Some(due) = players.poll_timeout().filter(|due| *due <= now) {
                players.handle_timeout(due);
            }
            let payload = Bytes::copy_from_slice(&packet.to_be_bytes());
            players.handle_frame(now, Frame { codec: FrameCodec::Opus, at, key: true, payload });
            if packet % 2 == 0 {
                let key = packet % 100 == 0;
                let parts: &[&[u8]] = if key { &[&SPS, &PPS, &IDR] } else { &[&SLICE] };
                let frame = Frame { codec: FrameCodec::H264, at, key, payload: access_unit(parts).into() };
                players.handle_frame(now, frame);
            }
            let told = std::iter::from_fn(|| players.poll_output());
            for tag in told.filter(|tag| tag.flow != Flow::Data) {
                let at = f64::from(tag.at);
                if tag.flow == Flow::Video {
                    // Pictures come each 40 ms: the nearest is the one.
                    let step = 40.0 * pace;
                    let base = picture_off.unwrap_or(at);
                    picture_off = Some(at - ((at - base) / step).round() * step);
                } else if let (Some(off), Some(heard)) = (picture_off, captured(&tag.payload, at, pace)) {
                    sounds += 1;
                    if packet > 500 {
                        (skew_min, skew_max) = (skew_min.min(at - heard - off), skew_max.max(at - heard - off));
                    }
                }
            }
        }
        eprintln!("{ppm} ppm: sound between {skew_min:.1} and {skew_max:.1} ms of the picture");
        assert!(skew_min > -40.0 && skew_max < 40.0, "{ppm} ppm: between {skew_min} and {skew_max} ms");
        assert!(sounds.abs_diff(84_375) < 100, "{sounds} frames of sound in half an hour");
    }
}
