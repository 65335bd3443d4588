//! Tags in, frames out, and back; half an hour of a wrong clock.

mod half_hour;
#[cfg(feature = "aac-encode")]
mod late;
mod numbered;
mod slow_start;

use super::*;
use crate::media::{Class, Flow, Media};
use crate::testing::{ms, start};
use crate::transcode::{AacFormat, AacToOpus, BadFrame, PcmDecoder, PcmEncoder, Refused, SAMPLE_RATE};
use bytes::Bytes;
use carillon_proto::codec::aac::AudioSpecificConfig;
use carillon_proto::codec::h264::AvcConfig;
use carillon_proto::flv::{AudioPacket, AudioTag, FourCc, FrameType, TagCodec, VideoPacket, VideoTag};
use carillon_proto::frame::{Frame, FrameCodec};
use carillon_proto::payload::h264::{push_unit, unit_type, units};
use std::time::{Duration, Instant};

/// As x264 writes them: constrained baseline, 640x360.
const SPS: [u8; 25] = [
    0x67, 0x42, 0xc0, 0x16, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03,
    0x00, 0x7a, 0x3c, 0x58, 0xba, 0x80,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x0f, 0xc8];
const IDR: [u8; 4] = [0x65, 0x88, 0x84, 0x00];
const SLICE: [u8; 4] = [0x61, 0x9a, 0x12, 0x34];
const DELIMITER: [u8; 2] = [0x09, 0xf0];

fn media(flow: Flow, at: u32, write: impl FnOnce(&mut Vec<u8>)) -> Media {
    let mut payload = Vec::new();
    write(&mut payload);
    Media { flow, class: Class::Inter, at, payload: payload.into() }
}

fn access_unit(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    parts.iter().for_each(|unit| push_unit(&mut out, unit));
    out
}

fn avc_header(length_bytes: usize) -> Media {
    let mut config = Vec::new();
    AvcConfig { length_bytes, sps: vec![SPS.to_vec()], pps: vec![PPS.to_vec()] }.write(&mut config).expect("a record");
    media(Flow::Video, 0, |out| VideoTag::sequence_start(FourCc::AVC, &config).write(out))
}

fn picture(at: u32, kind: FrameType, composition_ms: i32, parts: &[&[u8]]) -> Media {
    let data = access_unit(parts);
    media(Flow::Video, at, |out| VideoTag::frame(kind, FourCc::AVC, composition_ms, &data).write(out))
}

fn aac_header(sample_rate: u32, channels: u8) -> Media {
    let mut config = Vec::new();
    AudioSpecificConfig::lc(sample_rate, channels).write(&mut config).expect("a configuration");
    media(Flow::Audio, 0, |out| AudioTag::sequence_start(FourCc::AAC, &config).write(out))
}

fn drain(room: &mut ToRoom) -> Vec<RoomOutput> {
    std::iter::from_fn(|| room.poll_output()).collect()
}

fn frames(outputs: Vec<RoomOutput>) -> Vec<Frame> {
    let frame = |output| match output {
        RoomOutput::Frame(frame) => Some(frame),
        RoomOutput::Open { .. } | RoomOutput::Level(_) | RoomOutput::Problem(..) => None,
    };
    outputs.into_iter().filter_map(frame).collect()
}

fn kinds(frame: &Frame) -> Vec<u8> {
    units(&frame.payload).map(|unit| unit_type(unit.expect("whole units"))).collect()
}

#[test]
fn parameter_sets_stand_before_each_idr_and_delimiters_are_gone() {
    let (now, mut room) = (start(), ToRoom::default());
    room.handle_media(now, &avc_header(4));
    let open = RoomOutput::Open { flow: Flow::Video, codec: FrameCodec::H264, reordered: false };
    assert_eq!(drain(&mut room), [open]);
    room.handle_media(now, &picture(0, FrameType::Key, 0, &[&DELIMITER, &IDR, &IDR]));
    room.handle_media(now + ms(40), &picture(40, FrameType::Inter, 0, &[&DELIMITER, &SLICE]));
    room.handle_media(now + ms(80), &picture(80, FrameType::Key, 0, &[&SPS, &PPS, &IDR]));
    let out = frames(drain(&mut room));
    assert_eq!(out.iter().map(kinds).collect::<Vec<_>>(), [vec![7, 8, 5, 5], vec![1], vec![7, 8, 5]]);
    assert_eq!(out.iter().map(|f| f.key).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(out.iter().map(|f| f.at - now).collect::<Vec<_>>(), [ms(0), ms(40), ms(80)]);
}

#[test]
fn parameter_sets_among_the_pictures_take_the_place_of_those_announced() {
    let (now, mut room) = (start(), ToRoom::default());
    room.handle_media(now, &avc_header(4));
    let mut other = PPS;
    other[3] = 0x90;
    room.handle_media(now, &picture(0, FrameType::Inter, 0, &[&other, &SLICE]));
    room.handle_media(now + ms(40), &picture(40, FrameType::Key, 0, &[&IDR]));
    let out = frames(drain(&mut room));
    let pps: Vec<_> = units(&out[1].payload).map(|unit| unit.expect("whole")).filter(|u| unit_type(u) == 8).collect();
    assert_eq!(pps, [&other]);
}

#[test]
fn composition_times_move_pictures_and_broken_tags_are_counted() {
    let (now, mut room) = (start(), ToRoom::default());
    room.handle_media(now, &picture(0, FrameType::Key, 0, &[&IDR]));
    assert!(drain(&mut room).is_empty(), "nothing is understood before its configuration");
    room.handle_media(now, &avc_header(4));
    room.handle_media(now, &picture(0, FrameType::Key, 80, &[&IDR]));
    let out = frames(drain(&mut room));
    assert_eq!(out[0].at - now, ms(80));
    let broken = media(Flow::Video, 40, |out| {
        VideoTag::frame(FrameType::Inter, FourCc::AVC, 0, &[0, 0, 0, 99, 0x61]).write(out);
    });
    room.handle_media(now, &broken);
    room.handle_media(now, &media(Flow::Audio, 40, |_| {}));
    assert_eq!((drain(&mut room), room.broken), (vec![], 2));
}

#[test]
fn pictures_that_catch_up_keep_their_order() {
    // An encoder that starts late works at its pace for a while, and then through what had piled up.
    for late in [500, 1_500, 3_000, 6_600] {
        let (now, mut room) = (start(), ToRoom::default());
        room.handle_media(now, &avc_header(4));
        let mut shown = Vec::new();
        for stamp in (0..15_000).step_by(40) {
            let held = if stamp < 2_000 { stamp + late } else { 2_000 + late + (stamp - 2_000) / 10 };
            let arrival = now + ms(held.max(stamp));
            room.handle_media(arrival, &picture(stamp as u32, FrameType::Inter, 0, &[&SLICE]));
            shown.extend(frames(drain(&mut room)).into_iter().map(|frame| frame.at));
        }
        assert_eq!(shown.len(), 375);
        assert!(shown.is_sorted_by(|a, b| a < b), "{late} ms late: a picture stepped back");
        let last = *shown.last().expect("pictures");
        assert!(last < now + ms(14_960 + 1_050), "{late} ms late: {:?} old at the end", last - (now + ms(14_960)));
    }
}

#[test]
fn what_browsers_cannot_get_is_told_once() {
    let (now, mut room) = (start(), ToRoom::default());
    for _ in 0..2 {
        let hevc = media(Flow::Video, 0, |out| VideoTag::frame(FrameType::Key, FourCc::HEVC, 0, &[1, 2]).write(out));
        room.handle_media(now, &hevc);
        room.handle_media(now, &aac_header(48_000, 6));
        room.handle_media(now, &media(Flow::Audio, 0, |out| AudioTag::frame(FourCc::MP3, &[1]).write(out)));
    }
    let codec = |codec| Problem::Codec(TagCodec::FourCc(codec));
    let told = [
        RoomOutput::Problem(Flow::Video, codec(FourCc::HEVC)),
        RoomOutput::Problem(Flow::Audio, Problem::Sound(Refused::Channels(6))),
        RoomOutput::Problem(Flow::Audio, codec(FourCc::MP3)),
        RoomOutput::Problem(Flow::Audio, Problem::Sound(Refused::Channels(6))),
        RoomOutput::Problem(Flow::Audio, codec(FourCc::MP3)),
    ];
    assert_eq!(drain(&mut room), told);
}

#[test]
fn opus_in_enhanced_tags_passes_through() {
    let (now, mut room) = (start(), ToRoom::default());
    room.handle_media(now, &media(Flow::Audio, 0, |out| AudioTag::frame(FourCc::OPUS, &[0xfc, 1, 2]).write(out)));
    let out = frames(drain(&mut room));
    assert_eq!((out[0].codec, &out[0].payload[..]), (FrameCodec::Opus, &[0xfc, 1, 2][..]));
}

/// A codec of no cost: 1,024 samples a frame, packets of nothing.
struct Silence;

impl PcmDecoder for Silence {
    fn channels(&self) -> usize {
        1
    }

    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn decode(&mut self, _frame: &[u8], pcm: &mut Vec<f32>) -> Result<(), BadFrame> {
        pcm.resize(pcm.len() + 1024, 0.0);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, _next: Option<&[u8]>, pcm: &mut Vec<f32>) {
        pcm.resize(pcm.len() + samples, 0.0);
    }
}

impl PcmEncoder for Silence {
    fn channels(&self) -> usize {
        1
    }

    fn block(&self) -> usize {
        960
    }

    fn delay(&self) -> usize {
        0
    }

    fn encode(&mut self, _pcm: &[f32], out: &mut Vec<u8>) -> Result<(), BadFrame> {
        out.clear();
        Ok(())
    }
}

fn silent(_: AacFormat) -> Result<AacToOpus, Refused> {
    Ok(AacToOpus::with(Box::new(Silence), Box::new(Silence)))
}

#[test]
fn sound_is_transcoded_while_somebody_hears_it_and_a_little_longer() {
    let (start, mut room) = (start(), ToRoom::with(silent));
    room.handle_media(start, &aac_header(48_000, 1));
    let open = RoomOutput::Open { flow: Flow::Audio, codec: FrameCodec::Opus, reordered: false };
    assert_eq!(drain(&mut room), [open], "there is a microphone to receive");
    let mut heard = Vec::new();
    for stamp in (0..30_000).step_by(20) {
        let now = start + ms(stamp);
        match stamp {
            5_000 | 12_000 | 20_000 => room.want_sound(now, true),
            10_000 | 13_000 => room.want_sound(now, false),
            _ => {}
        }
        let sound = media(Flow::Audio, stamp as u32, |out| AudioTag::frame(FourCc::AAC, &[1]).write(out));
        room.handle_media(now, &sound);
        let wanted = (5_000..18_000).contains(&stamp) || stamp >= 20_000;
        assert_eq!(room.is_transcoding(), wanted, "at {stamp} ms");
        heard.extend(frames(drain(&mut room)).into_iter().map(|frame| (frame.at - start).as_millis() as u64));
    }
    // The first frame after each beginning is only decoded.
    let spans: Vec<_> = heard.chunk_by(|a, b| b - a <= 20).map(|span| (span[0], span[span.len() - 1])).collect();
    let [(first, last), (again, _)] = spans[..] else { panic!("two spans: {spans:?}") };
    assert!(first.abs_diff(5_020) <= 1 && again.abs_diff(20_020) <= 1, "on the publisher's line: {spans:?}");
    assert!(last.abs_diff(17_980) <= 40, "{spans:?}");
}

#[test]
fn lips_stay_with_the_voice_for_half_an_hour_of_a_wrong_clock() {
    for ppm in [-200.0, 200.0] {
        let (start, mut room) = (start(), ToRoom::with(silent));
        room.handle_media(start, &avc_header(4));
        room.handle_media(start, &aac_header(48_000, 1));
        room.want_sound(start, true);
        let (mut seed, mut arrival, mut picture_off) = (5_u32, start, 0.0_f64);
        let (mut skew_min, mut skew_max) = (f64::MAX, f64::MIN);
        let mut packets = 0_u32;
        for n in 0..84_375_u32 {
            // What is captured at this true time is stamped by a clock that runs wrong, and comes late by chance.
            let captured = f64::from(n) * 1024.0 / 48_000.0;
            let stamp = (captured * (1.0 + ppm / 1e6) * 1000.0).round() as u32;
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let late = (f64::from(seed >> 8) / f64::from(1 << 24)).powi(4) * 0.2;
            arrival = arrival.max(start + Duration::from_secs_f64(captured + late));
            if n % 2 == 0 {
                room.handle_media(arrival, &picture(stamp, FrameType::Inter, 0, &[&SLICE]));
            }
            room.handle_media(arrival, &media(Flow::Audio, stamp, |out| AudioTag::frame(FourCc::AAC, &[1]).write(out)));
            let line = |at: Instant| at.saturating_duration_since(start).as_secs_f64();
            for frame in frames(drain(&mut room)) {
                if frame.codec == FrameCodec::H264 {
                    picture_off = line(frame.at) - captured;
                } else {
                    packets += 1;
                    // The sound of this frame ends a block later; between one and two packets of it still wait.
                    let sound_off = line(frame.at) + 0.02 - (captured + 1024.0 / 48_000.0);
                    if n > 1_000 {
                        skew_min = skew_min.min(sound_off - picture_off);
                        skew_max = skew_max.max(sound_off - picture_off);
                    }
                }
            }
        }
        assert!(skew_max < 0.012 && skew_min > -0.032, "{ppm} ppm: between {skew_min} and {skew_max} s");
        assert!(packets.abs_diff(90_000) < 25, "{packets} packets in half an hour");
    }
}

#[cfg(feature = "aac-encode")]
mod to_players {
    use super::*;
    use crate::transcode::{OPUS_BLOCK, PureEncoder};

    fn opus(at: Instant) -> Frame {
        let mut payload = Vec::new();
        PureEncoder::new(1).expect("an encoder").encode(&[0.1; OPUS_BLOCK], &mut payload).expect("encodes");
        Frame { codec: FrameCodec::Opus, at, key: true, payload: payload.into() }
    }

    fn h264(at: Instant, key: bool, parts: &[&[u8]]) -> Frame {
        Frame { codec: FrameCodec::H264, at, key, payload: access_unit(parts).into() }
    }

    /// A publisher of both for a second, each frame 30 ms after its time; from `camera_off` on sound alone.
    fn publish(players: &mut ToPlayers, start: Instant, length: u64, camera_off: u64) -> Vec<Tag> {
        let (packet, mut tags) = (opus(start), Vec::new());
        for tick in 0..length {
            let now = start + ms(tick + 30);
            while players.poll_timeout().is_some_and(|due| due <= now) {
                players.handle_timeout(now);
            }
            if tick % 20 == 0 {
                players.handle_frame(now, Frame { at: start + ms(tick), ..packet.clone() });
            }
            if tick == camera_off {
                players.handle_silent(now, Flow::Video, true);
            }
            if tick % 40 == 5 && tick < camera_off {
                let key = tick % 400 == 5;
                let parts: &[&[u8]] = if key { &[&SPS, &PPS, &IDR] } else { &[&SLICE] };
                players.handle_frame(now, h264(start + ms(tick), key, parts));
            }
            tags.extend(std::iter::from_fn(|| players.poll_output()));
        }
        tags
    }

    fn is_video_header(tag: &Tag) -> bool {
        tag.flow == Flow::Video
            && matches!(VideoTag::read(&tag.payload).expect("a tag").packet, VideoPacket::SequenceStart(_))
    }

    #[test]
    fn tags_leave_on_one_clock_behind_their_configurations() {
        let mut players = ToPlayers::new().expect("codecs");
        let tags = publish(&mut players, start(), 1_000, 2_000);
        assert!(tags.windows(2).all(|pair| pair[0].at <= pair[1].at), "time never steps back");
        let first = tags.iter().find(|tag| tag.flow == Flow::Audio).expect("sound");
        let header = AudioTag::read(&first.payload).expect("a tag");
        assert_eq!(header.packet, AudioPacket::SequenceStart(&[0x11, 0x88]));
        let mut pictures = tags.iter().filter(|tag| tag.flow == Flow::Video);
        assert!(pictures.next().is_some_and(is_video_header), "the configuration leads");
        let key = VideoTag::read(&pictures.next().expect("a picture").payload).expect("a tag");
        assert_eq!((key.frame, key.packet.data()), (FrameType::Key, &access_unit(&[&IDR])[..]));
        assert_eq!(tags.iter().filter(|tag| is_video_header(tag)).count(), 1, "what did not change is not said again");
        let sound: Vec<u32> = tags.iter().filter(|t| t.flow == Flow::Audio).skip(1).map(|t| t.at).collect();
        assert!(sound.windows(2).skip(3).all(|pair| (21..=22).contains(&(pair[1] - pair[0]))), "{sound:?}");
    }

    #[test]
    fn the_first_picture_leaves_when_it_comes_and_its_sound_follows() {
        let (start, mut players) = (start(), ToPlayers::new().expect("codecs"));
        let packet = opus(start);
        for tick in (0..400).step_by(20) {
            players.handle_frame(start + ms(tick + 40), Frame { at: start + ms(tick), ..packet.clone() });
        }
        assert_eq!(players.poll_output(), None, "pictures may come");
        let came = start + ms(430);
        players.handle_frame(came, h264(start + ms(395), true, &[&SPS, &PPS, &IDR]));
        let flows: Vec<Flow> = std::iter::from_fn(|| players.poll_output()).map(|tag| tag.flow).collect();
        assert_eq!(flows, [Flow::Data, Flow::Video, Flow::Audio, Flow::Video], "both configurations, and the picture");
        for tick in (400..700).step_by(20) {
            players.handle_frame(start + ms(tick + 40), Frame { at: start + ms(tick), ..packet.clone() });
        }
        let sound: Vec<u32> = std::iter::from_fn(|| players.poll_output()).map(|tag| tag.at).collect();
        assert!((100..122).contains(&sound[0]) && sound.len() > 2, "{sound:?}");
    }

    #[test]
    fn stereo_stays_stereo_from_its_first_packet_on() {
        let mut players = ToPlayers::new().expect("codecs");
        let (start, mono, mut payload) = (start(), opus(start()), Vec::new());
        PureEncoder::new(2).expect("an encoder").encode(&[0.1; 2 * OPUS_BLOCK], &mut payload).expect("encodes");
        let stereo = Frame { payload: payload.into(), ..mono };
        for tick in (0..4_000).step_by(20) {
            let packet = if (2_500..3_000).contains(&tick) { &stereo } else { &mono };
            let now = start + ms(tick + 30);
            players.handle_frame(now, Frame { at: start + ms(tick), ..packet.clone() });
            players.handle_silent(now, Flow::Video, true);
        }
        let tags: Vec<Tag> = std::iter::from_fn(|| players.poll_output()).collect();
        let configs = tags.iter().filter(|tag| tag.flow == Flow::Audio).filter_map(|tag| {
            let tag = AudioTag::read(&tag.payload).expect("a tag");
            let AudioPacket::SequenceStart(config) = tag.packet else { return None };
            Some(AudioSpecificConfig::read(config).expect("a configuration").channels)
        });
        assert_eq!(configs.collect::<Vec<_>>(), [1, 2]);
        assert!(tags.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[1].at - pair[0].at < 90), "no gap");
    }

    #[test]
    fn a_camera_that_is_off_holds_no_sound_up() {
        let mut players = ToPlayers::new().expect("codecs");
        let start = start();
        let tags = publish(&mut players, start, 2_000, 1_000);
        let sound: Vec<u32> = tags.iter().filter(|tag| tag.flow == Flow::Audio).map(|tag| tag.at).collect();
        assert!(sound.len() > 85, "{}", sound.len());
        assert!(tags.iter().rev().take(20).all(|tag| tag.flow == Flow::Audio));
    }

    #[test]
    fn a_new_size_is_announced_before_its_first_picture() {
        let (now, mut players) = (start(), ToPlayers::new().expect("codecs"));
        let mut other = PPS;
        other[3] = 0x90;
        for (n, pps) in [PPS, other].iter().enumerate() {
            let at = now + ms(500) * n as u32;
            players.handle_frame(at, h264(at, true, &[&SPS, pps, &IDR]));
            players.handle_timeout(at + ms(200));
        }
        let tags: Vec<Tag> = std::iter::from_fn(|| players.poll_output()).collect();
        assert_eq!(tags.iter().filter(|tag| is_video_header(tag)).count(), 2);
    }

    #[test]
    fn pictures_of_another_codec_are_left_out_and_sound_goes_on() {
        let (now, mut players) = (start(), ToPlayers::new().expect("codecs"));
        players.handle_frame(now, Frame { codec: FrameCodec::Vp8, at: now, key: true, payload: Bytes::new() });
        let tags = publish(&mut players, now, 2_000, 0);
        assert!(tags.iter().all(|tag| tag.flow != Flow::Video) && tags.len() > 15, "after a wait for pictures");
        assert_eq!(players.left_out, 1);
    }
}
