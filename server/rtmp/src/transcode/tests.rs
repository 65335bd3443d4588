//! Real codecs at both ends: what goes in as sound comes out as the same sound at the same instant.

use super::codec::{BadFrame, PcmDecoder, PcmEncoder};
use super::line::{samples, seconds, span};
use super::*;
use crate::testing::start;
use bytes::Bytes;
use carillon_proto::frame::{Frame, FrameCodec};
use fdk_aac::enc::{AudioObjectType, BitRate, ChannelMode, Encoder, EncoderParams, Transport};
use std::time::{Duration, Instant};

fn frame(codec: FrameCodec, at: Instant, payload: &[u8]) -> Frame {
    Frame { codec, at, key: true, payload: Bytes::copy_from_slice(payload) }
}

/// AAC of a publisher who stamps as encoders do: the first frames carry what was before the first sample.
fn publish(kind: AudioObjectType, rate: u32, channels: usize, pcm: &[f32], from: Instant) -> Vec<Frame> {
    let mode = if channels == 1 { ChannelMode::Mono } else { ChannelMode::Stereo };
    let bit_rate = BitRate::Cbr(48_000 * channels as u32);
    let params = EncoderParams {
        bit_rate,
        sample_rate: rate,
        transport: Transport::Raw,
        channels: mode,
        audio_object_type: kind,
    };
    let encoder = Encoder::new(params).expect("an encoder");
    let info = encoder.info().expect("its facts");
    let (block, delay) = (info.frameLength as usize, f64::from(info.nDelay) / f64::from(rate));
    let pcm: Vec<i16> = pcm.iter().map(|s| (s * 32767.0) as i16).collect();
    let mut frames = Vec::new();
    let mut out = [0; 4096];
    for (n, piece) in pcm.chunks_exact(block * channels).enumerate() {
        let done = encoder.encode(piece, &mut out).expect("encodes");
        let at =
            from + Duration::from_secs_f64(n as f64 * block as f64 / f64::from(rate)) - Duration::from_secs_f64(delay);
        frames.push(frame(FrameCodec::Aac, at, &out[..done.output_size]));
    }
    frames
}

/// Silence, then a tone from 500 ms on.
fn beep(rate: u32, hertz: f64, seconds: f64) -> Vec<f32> {
    let mut pcm = vec![0.0; rate as usize / 2];
    pcm.extend(tone::sine(f64::from(rate), hertz, (f64::from(rate) * seconds) as usize).iter().map(|s| s * 0.5));
    pcm
}

fn interleave(left: &[f32], right: &[f32]) -> Vec<f32> {
    left.iter().zip(right).flat_map(|(&l, &r)| [l, r]).collect()
}

/// Opus packets as a browser would send them, from one channel at 48 kHz.
fn opus(pcm: &[f32], from: Instant) -> Vec<Frame> {
    let mut encoder = PureEncoder::new(1).expect("an encoder");
    let delay = span(encoder.delay() as u64);
    let mut packet = Vec::new();
    let blocks = pcm.chunks_exact(OPUS_BLOCK).enumerate();
    blocks
        .map(|(n, block)| {
            encoder.encode(block, &mut packet).expect("encodes");
            frame(FrameCodec::Opus, from + span((n * OPUS_BLOCK) as u64) - delay, &packet)
        })
        .collect()
}

fn transcode(transcoder: &mut AacToOpus, frames: &[Frame]) -> Vec<Frame> {
    let mut out = Vec::new();
    for frame in frames {
        transcoder.handle_frame(frame);
        out.extend(std::iter::from_fn(|| transcoder.poll_output()));
    }
    out
}

/// Hands each packet over `late` after its time, and lets the clock strike in between and for a second after.
fn transcode_back(transcoder: &mut OpusToAac, frames: &[Frame], late: Duration) -> Vec<Frame> {
    let mut out = Vec::new();
    let end = frames.last().map(|f| f.at + Duration::from_secs(1));
    for (now, frame) in frames.iter().map(|f| (f.at + late, Some(f))).chain(end.map(|end| (end, None))) {
        while let Some(due) = transcoder.poll_timeout().filter(|due| *due <= now) {
            transcoder.handle_timeout(due);
        }
        if let Some(frame) = frame {
            transcoder.handle_frame(now, frame);
        }
        out.extend(std::iter::from_fn(|| transcoder.poll_output()));
    }
    out
}

/// Decodes frames of one line and returns the samples and the instant of the first of them.
fn hear(decoder: &mut dyn PcmDecoder, frames: &[Frame]) -> (Vec<f32>, Instant) {
    let mut pcm = Vec::new();
    for frame in frames {
        decoder.decode(&frame.payload, &mut pcm).expect("decodes");
    }
    (pcm, frames[0].at)
}

/// When sound begins, in seconds after `from`.
fn onset(pcm: &[f32], first: Instant, from: Instant) -> f64 {
    let loud = pcm.iter().position(|s| s.abs() > 0.1).expect("there is sound");
    seconds(first, from) + loud as f64 / f64::from(SAMPLE_RATE)
}

fn assert_unbroken(frames: &[Frame], block: usize) {
    for pair in frames.windows(2) {
        let step = (seconds(pair[1].at, pair[0].at) * f64::from(SAMPLE_RATE)).round();
        assert!((step - block as f64).abs() < 1.0, "a step of {step} samples");
    }
}

#[test]
fn aac_of_every_rate_becomes_opus_at_the_same_instant() {
    for (rate, channels) in [(48_000, 1), (48_000, 2), (44_100, 2), (16_000, 1), (22_050, 1)] {
        let from = start();
        let one = beep(rate, 1_000.0, 1.0);
        let pcm = if channels == 2 { interleave(&one, &one) } else { one };
        let frames = publish(AudioObjectType::Mpeg4LowComplexity, rate, channels, &pcm, from);
        let mut transcoder = AacToOpus::new(AacFormat { sample_rate: rate, channels: channels as u8 }).expect("opens");
        let out = transcode(&mut transcoder, &frames);
        assert_unbroken(&out, OPUS_BLOCK);
        assert!(out.iter().all(|f| opus_channels(&f.payload) == channels), "as many channels as came");
        let (heard, first) = hear(&mut OpusPure::new(1).expect("a decoder"), &out);
        let begins = onset(&heard, first, from);
        assert!((begins - 0.5).abs() < 0.006, "{rate} Hz, {channels} channels: the beep begins at {begins}");
        let middle = heard.len() * 2 / 3;
        let steady = &heard[middle..middle + 9_600];
        assert!(tone::power(steady, 1_000.0) > 0.2, "{rate}: {}", tone::power(steady, 1_000.0));
        assert!(tone::residue(steady, 1_000.0) < 0.02, "{rate}: {}", tone::residue(steady, 1_000.0));
    }
}

#[test]
fn opus_becomes_aac_at_the_same_instant_whatever_the_delay_of_its_encoder() {
    let from = start();
    let mut transcoder = OpusToAac::new(1).expect("opens");
    assert_eq!(transcoder.config(), [0x11, 0x88], "AAC-LC, 48 kHz, one channel");
    let packets = opus(&beep(48_000, 1_000.0, 1.5), from);
    let out = transcode_back(&mut transcoder, &packets, Duration::from_millis(90));
    assert_unbroken(&out, AAC_BLOCK);
    let mut decoder = SymphoniaDecoder::new(AacFormat { sample_rate: SAMPLE_RATE, channels: 1 }).expect("a decoder");
    let (heard, first) = hear(&mut decoder, &out);
    let begins = onset(&heard, first, from);
    assert!((begins - 0.5).abs() < 0.006, "the beep begins at {begins}");
    assert!(tone::residue(&heard[48_000..57_600], 1_000.0) < 0.02);
    assert_eq!(transcoder.stats().late, 0);
}

#[test]
fn he_aac_is_heard_by_its_core_at_the_right_speed() {
    let from = start();
    let one = beep(48_000, 1_000.0, 1.0);
    let frames = publish(AudioObjectType::Mpeg4HeAac, 48_000, 2, &interleave(&one, &one), from);
    let mut transcoder = AacToOpus::new(AacFormat { sample_rate: 24_000, channels: 2 }).expect("opens");
    let out = transcode(&mut transcoder, &frames);
    let (heard, _) = hear(&mut OpusPure::new(1).expect("a decoder"), &out);
    assert_eq!(transcoder.stats().broken, 0);
    let middle = heard.len() * 2 / 3;
    assert!(tone::residue(&heard[middle..middle + 9_600], 1_000.0) < 0.05, "a tone of the same height");
}

#[test]
fn lost_packets_leave_no_gap_in_aac() {
    let from = start();
    let mut packets = opus(&tone::sine(48_000.0, 440.0, 48_000 * 3), from);
    let mut n = 0;
    packets.retain(|_| {
        n += 1;
        n % 7 != 0
    });
    let mut transcoder = OpusToAac::new(1).expect("opens");
    let out = transcode_back(&mut transcoder, &packets, Duration::from_millis(50));
    assert_unbroken(&out, AAC_BLOCK);
    let stats = transcoder.stats();
    assert!(stats.concealed >= 20 * 960 && stats.jumps == 0 && stats.late == 0, "{stats:?}");
    let mut decoder = SymphoniaDecoder::new(AacFormat { sample_rate: SAMPLE_RATE, channels: 1 }).expect("a decoder");
    let (heard, _) = hear(&mut decoder, &out);
    let quiet = heard[9_600..134_400].chunks(480).filter(|c| c.iter().all(|s| s.abs() < 0.05)).count();
    assert_eq!(quiet, 0, "ten milliseconds of silence");
}

#[test]
fn silence_goes_on_while_nothing_is_sent_and_the_next_word_is_in_time() {
    let from = start();
    let mut transcoder = OpusToAac::new(1).expect("opens");
    transcoder.start(from - Duration::from_secs(1));
    let mut packets = opus(&tone::sine(48_000.0, 440.0, 24_000), from);
    let later = from + Duration::from_secs(6);
    packets.extend(opus(&beep(48_000, 880.0, 0.5), later));
    let out = transcode_back(&mut transcoder, &packets, Duration::from_millis(70));
    assert_unbroken(&out, AAC_BLOCK);
    assert!(seconds(from, out[0].at) > 1.0, "from the announced beginning on");
    let mut decoder = SymphoniaDecoder::new(AacFormat { sample_rate: SAMPLE_RATE, channels: 1 }).expect("a decoder");
    let (heard, first) = hear(&mut decoder, &out);
    let skip = samples(Duration::from_secs(4));
    let begins = onset(&heard[skip..], first + span(skip as u64), later);
    assert!((begins - 0.5).abs() < 0.012, "the second beep begins at {begins}");
    assert_eq!(transcoder.stats().jumps, 0);
}

#[test]
fn late_packets_teach_patience() {
    let from = start();
    let packets = opus(&tone::sine(48_000.0, 440.0, 48_000 * 4), from);
    let mut transcoder = OpusToAac::new(1).expect("opens");
    let (early, slow) = packets.split_at(100);
    transcode_back_only(&mut transcoder, early, Duration::from_millis(20));
    transcode_back_only(&mut transcoder, slow, Duration::from_millis(300));
    let stats = transcoder.stats();
    assert!(stats.late <= 20, "only what its place was filled for: {stats:?}");
    assert!(stats.concealed + stats.silent <= 48_000 / 3, "{stats:?}");
}

/// As `transcode_back`, ended by the last packet.
fn transcode_back_only(transcoder: &mut OpusToAac, frames: &[Frame], late: Duration) {
    for frame in frames {
        let now = frame.at + late;
        while let Some(due) = transcoder.poll_timeout().filter(|due| *due <= now) {
            transcoder.handle_timeout(due);
        }
        transcoder.handle_frame(now, frame);
    }
}

#[test]
fn a_long_hole_is_jumped_over_and_a_short_one_concealed() {
    let from = start();
    let all = publish(AudioObjectType::Mpeg4LowComplexity, 48_000, 1, &tone::sine(48_000.0, 440.0, 96_000), from);
    let mut frames = all[..30].to_vec();
    frames.extend_from_slice(&all[34..50]);
    frames.extend_from_slice(&all[80..]);
    let mut transcoder = AacToOpus::new(AacFormat { sample_rate: 48_000, channels: 1 }).expect("opens");
    let out = transcode(&mut transcoder, &frames);
    let stats = transcoder.stats();
    assert_eq!((stats.jumps, stats.concealed), (1, 4 * 1024 - 1), "{stats:?}");
    let gaps: Vec<f64> =
        out.windows(2).map(|p| seconds(p[1].at, p[0].at)).filter(|step| (step - 0.02).abs() > 0.001).collect();
    assert_eq!(gaps.len(), 1);
    assert!((0.6..0.66).contains(&gaps[0]), "thirty frames' time: {}", gaps[0]);
}

#[test]
fn rubbish_costs_its_own_frame_only() {
    let from = start();
    let mut frames = publish(AudioObjectType::Mpeg4LowComplexity, 48_000, 2, &vec![0.1; 96_000 * 2], from);
    let mut seed = 7_u32;
    for frame in frames.iter_mut().step_by(3) {
        let mut bytes = frame.payload.to_vec();
        for byte in &mut bytes {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte ^= (seed >> 24) as u8;
        }
        frame.payload = Bytes::from(bytes);
    }
    frames[4].payload = Bytes::new();
    let mut transcoder = AacToOpus::new(AacFormat { sample_rate: 48_000, channels: 2 }).expect("opens");
    let out = transcode(&mut transcoder, &frames);
    assert_unbroken(&out, OPUS_BLOCK);
    assert!(out.len() >= 98, "two seconds less what is still waiting: {}", out.len());

    let mut back = OpusToAac::new(1).expect("opens");
    for n in 0..50_u32 {
        let payload: Vec<u8> = (0..n).map(|i| (i * 37 + n * 11) as u8).collect();
        let at = from + Duration::from_millis(20) * n;
        back.handle_frame(at, &frame(FrameCodec::Opus, at, &payload));
    }
}

#[test]
fn more_than_two_channels_are_refused_with_the_reason() {
    let refused = AacToOpus::new(AacFormat { sample_rate: 48_000, channels: 6 }).err();
    assert_eq!(refused, Some(Refused::Channels(6)));
    assert!(Refused::Channels(6).to_string().contains("at most 2"));
    assert_eq!(AacToOpus::new(AacFormat { sample_rate: 1, channels: 1 }).err(), Some(Refused::SampleRate(1)));
}

/// A codec of no cost, for long runs: so many times 64 samples of silence, and nothing of them.
struct Count;

impl PcmDecoder for Count {
    fn channels(&self) -> usize {
        1
    }

    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn decode(&mut self, frame: &[u8], pcm: &mut Vec<f32>) -> Result<(), BadFrame> {
        pcm.resize(pcm.len() + usize::from(frame[0]) * 64, 0.0);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, _next: Option<&[u8]>, pcm: &mut Vec<f32>) {
        pcm.resize(pcm.len() + samples, 0.0);
    }
}

impl PcmEncoder for Count {
    fn channels(&self) -> usize {
        1
    }

    fn block(&self) -> usize {
        OPUS_BLOCK
    }

    fn delay(&self) -> usize {
        120
    }

    fn encode(&mut self, _pcm: &[f32], out: &mut Vec<u8>) -> Result<(), BadFrame> {
        out.clear();
        Ok(())
    }
}

#[test]
fn ten_minutes_of_a_wrong_clock_shift_nothing() {
    for ppm in [-200.0, 200.0] {
        let from = start();
        let mut transcoder = AacToOpus::with(Box::new(Count), Box::new(Count));
        let mut worst: f64 = 0.0;
        for n in 0..28_125_u32 {
            let stamp = (f64::from(n) * 1024.0 / 48.0).round() / 1000.0 * (1.0 + ppm / 1e6);
            let at = from + Duration::from_secs_f64(stamp);
            transcoder.handle_frame(&frame(FrameCodec::Aac, at, &[16]));
            while let Some(packet) = transcoder.poll_output() {
                worst = worst.max((seconds(packet.at, at) + 0.0025).abs() - 0.0214);
            }
        }
        let stats = transcoder.stats();
        assert!(worst < 0.010, "{ppm} ppm: {worst} s");
        assert_eq!((stats.concealed, stats.late, stats.jumps), (0, 0, 0));
        assert!((4_000..8_000).contains(&stats.slewed), "some 5,760 samples: {stats:?}");
    }
}

#[test]
fn sound_that_is_wanted_in_its_middle_rises_without_a_click() {
    let from = start();
    let pcm = tone::sine(48_000.0, 440.0, 96_000);
    let frames = publish(AudioObjectType::Mpeg4LowComplexity, 48_000, 1, &pcm, from);
    let mut transcoder = AacToOpus::new(AacFormat { sample_rate: 48_000, channels: 1 }).expect("codecs").midway();
    let packets = transcode(&mut transcoder, &frames[40..]);
    assert!(
        (packets[0].at + span(120)).saturating_duration_since(frames[41].at) < Duration::from_millis(1),
        "on its line"
    );
    let (mut decoder, mut heard) = (OpusPure::new(1).expect("a decoder"), Vec::new());
    packets.iter().for_each(|packet| decoder.decode(&packet.payload, &mut heard).expect("decodes"));
    let step = |pcm: &[f32]| pcm.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    let usual = step(&heard[9_600..19_200]);
    assert!(step(&heard[..4_800]) < 1.3 * usual, "{} where a tone makes {usual}", step(&heard[..4_800]));
    assert!(heard[..240].iter().all(|sample| sample.abs() < 0.4), "rises");
    assert!(tone::residue(&heard[4_800..43_200], 440.0) < 0.02, "whole");
}
