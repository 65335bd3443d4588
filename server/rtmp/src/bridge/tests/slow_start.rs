//! A publisher whose first messages come late: its lips are right as soon as they come in time.

use super::numbered::{NUMBERS, Numbered};
use super::*;

fn numbered(_: AacFormat) -> Result<AacToOpus, Refused> {
    Ok(AacToOpus::with(Box::new(Numbered::new(1_024)), Box::new(Numbered::new(960))))
}

/// By how many milliseconds sound is behind the pictures, of each packet of ten seconds. `late`: how late a message comes that was
/// captured at this millisecond.
fn skews(late: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let (start, mut room) = (start(), ToRoom::with(numbered));
    room.handle_media(start, &avc_header(4));
    room.handle_media(start, &aac_header(48_000, 1));
    room.want_sound(start, true);
    let (mut now, mut picture_off, mut skews) = (start, 0.0, Vec::new());
    for n in 0..470_u32 {
        let captured = f64::from(n) * 1_024.0 / 48.0;
        now = now.max(start + Duration::from_secs_f64((captured + late(captured)) / 1_000.0));
        if n % 2 == 0 {
            room.handle_media(now, &picture(captured.round() as u32, FrameType::Inter, 0, &[&SLICE]));
        }
        let sound = media(Flow::Audio, captured.round() as u32, |out| {
            AudioTag::frame(FourCc::AAC, &n.to_be_bytes()).write(out);
        });
        room.handle_media(now, &sound);
        for frame in frames(drain(&mut room)) {
            let at = frame.at.saturating_duration_since(start).as_secs_f64() * 1_000.0;
            if frame.codec == FrameCodec::H264 {
                picture_off = at - captured;
            } else {
                let number = u32::from_be_bytes(*frame.payload.last_chunk().expect("a number"));
                assert!(number < NUMBERS);
                skews.push((captured, at - f64::from(number) / 48.0 - picture_off));
            }
        }
    }
    skews
}

#[test]
fn lips_are_right_half_a_second_after_messages_come_in_time() {
    // Each later message is a little less late: more or less than what a hole or an overlap of sound is told by.
    for late in [35.0, 55.0, 90.0, 300.0, 2_000.0] {
        let skews = skews(|captured| (late - captured * 0.9).max(0.0));
        let from = late / 0.9 + 500.0;
        let settled: Vec<_> = skews.iter().filter(|(captured, _)| *captured > from).collect();
        let worst = settled.iter().map(|(_, skew)| skew.abs()).fold(0.0, f64::max);
        assert!(settled.len() > 300 && worst < 8.0, "late by {late} ms at first: lips off by {worst:.1} ms");
    }
}

#[test]
fn lips_are_right_again_after_a_pause_of_the_publisher() {
    for late in [40.0, 55.0, 400.0] {
        let skews = skews(|captured| if captured < 5_000.0 { 0.0 } else { (5_000.0 + late - captured).max(0.0) });
        let worst =
            skews.iter().filter(|(captured, _)| *captured > 1_000.0).map(|(_, skew)| skew.abs()).fold(0.0, f64::max);
        assert!(worst < 8.0, "a pause of {late} ms: lips off by {worst:.1} ms");
    }
}

#[test]
fn lips_that_are_off_by_little_are_led_back_without_a_cut() {
    let skews = skews(|captured: f64| (15.0 - captured * 0.9).max(0.0));
    let worst = |from: f64| skews.iter().filter(|(at, _)| *at > from).map(|(_, skew)| skew.abs()).fold(0.0, f64::max);
    assert!(worst(0.0) < 16.0 && worst(9_000.0) < 7.0, "{} and {} ms", worst(0.0), worst(9_000.0));
}
