//! What transcoding one track costs, each way, and how many tracks a core carries; as ratios to the bare codecs on the same
//! sound in the same run, which nothing that transcodes can undercut. Fails above the limits. `cargo bench -p carillon-rtmp`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads the clock and prints")]

use bytes::Bytes;
use carillon_proto::frame::{Frame, FrameCodec};
use carillon_rtmp::transcode::{
    AAC_BLOCK, AacFormat, AacToOpus, FdkEncoder, OPUS_BLOCK, OpusPure, OpusToAac, PcmDecoder, PcmEncoder, PureEncoder,
    SAMPLE_RATE, SymphoniaDecoder,
};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SECONDS: usize = 40;
/// Taken apart and put together: copies, blocks, times. 1.5 leaves room for a machine that does other things.
const RATIO_MAX: f64 = 1.5;

fn main() -> ExitCode {
    let good = [1, 2].into_iter().flat_map(|channels| [aac_to_opus(channels), opus_to_aac(channels)]);
    if good.fold(true, |all, one| all & one) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn aac_to_opus(channels: usize) -> bool {
    let frames = encode(&mut FdkEncoder::new(channels).expect("opens"), FrameCodec::Aac);
    let format = AacFormat { sample_rate: SAMPLE_RATE, channels: channels as u8 };
    let mut transcoder = AacToOpus::new(format).expect("opens");
    let mut decoder = SymphoniaDecoder::new(format).expect("opens");
    let mut encoder = PureEncoder::new(channels).expect("opens");
    let whole = |frame: &Frame| {
        transcoder.handle_frame(frame);
        while transcoder.poll_output().is_some() {}
    };
    compare("AAC to Opus", channels, &frames, whole, bare(&mut decoder, &mut encoder))
}

fn opus_to_aac(channels: usize) -> bool {
    let frames = encode(&mut PureEncoder::new(channels).expect("opens"), FrameCodec::Opus);
    let mut transcoder = OpusToAac::new(channels).expect("opens");
    let mut decoder = OpusPure::new(channels).expect("opens");
    let mut encoder = FdkEncoder::new(channels).expect("opens");
    let whole = |frame: &Frame| {
        transcoder.handle_frame(frame.at, frame);
        while transcoder.poll_output().is_some() {}
    };
    compare("Opus to AAC", channels, &frames, whole, bare(&mut decoder, &mut encoder))
}

/// Decode, and encode as soon as there is enough.
fn bare<'a>(decoder: &'a mut dyn PcmDecoder, encoder: &'a mut dyn PcmEncoder) -> impl FnMut(&Frame) + 'a {
    let (mut pcm, mut out) = (Vec::new(), Vec::new());
    let block = encoder.block() * encoder.channels();
    move |frame| {
        decoder.decode(&frame.payload, &mut pcm).expect("decodes");
        while pcm.len() >= block {
            encoder.encode(&pcm[..block], &mut out).expect("encodes");
            pcm.drain(..block);
        }
    }
}

/// Runs both in turns of a second, so that they meet the same noise, and prints the medians.
fn compare(
    name: &str,
    channels: usize,
    frames: &[Frame],
    mut whole: impl FnMut(&Frame),
    mut bare: impl FnMut(&Frame),
) -> bool {
    let (mut wholes, mut bares) = (Vec::new(), Vec::new());
    for second in frames.chunks(frames.len() / SECONDS) {
        wholes.push(time(second, &mut whole));
        bares.push(time(second, &mut bare));
    }
    let (whole, bare) = (median(wholes), median(bares));
    let ratio = whole / bare;
    let share = whole * (frames.len() / SECONDS) as f64 / 1e6;
    println!(
        "{name}, {channels} channel(s): {:.1} ms of a core for a second of sound ({whole:.0} us a frame), {:.0} tracks a \
         core; / bare codecs: {ratio:.2} (limit {RATIO_MAX})",
        share * 1_000.0,
        1.0 / share
    );
    ratio <= RATIO_MAX
}

/// Microseconds per frame.
fn time(frames: &[Frame], work: &mut impl FnMut(&Frame)) -> f64 {
    let begin = Instant::now();
    frames.iter().for_each(work);
    begin.elapsed().as_secs_f64() * 1e6 / frames.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// `SECONDS` of something like speech: a voice's harmonics in syllables, over a little noise.
fn encode(encoder: &mut dyn PcmEncoder, codec: FrameCodec) -> Vec<Frame> {
    let (block, channels) = (encoder.block(), encoder.channels());
    let start = Instant::now() + Duration::from_secs(10);
    let (mut seed, mut out, mut frames) = (1_u32, Vec::new(), Vec::new());
    for n in 0..SECONDS * SAMPLE_RATE as usize / block {
        let mut pcm = Vec::with_capacity(block * channels);
        for i in 0..block {
            let t = (n * block + i) as f64 / f64::from(SAMPLE_RATE);
            let voice: f64 = (1..20).map(|k| (t * 754.0 * f64::from(k)).sin() / f64::from(k)).sum();
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(seed >> 16) / 65_536.0 - 0.5;
            let sample = voice * (t * 25.0).sin().max(0.0) * 0.3 + noise * 0.01;
            pcm.extend((0..channels).map(|c| sample as f32 * (1.0 - c as f32 * 0.3)));
        }
        encoder.encode(&pcm, &mut out).expect("encodes");
        let at = start + Duration::from_secs_f64((n * block) as f64 / f64::from(SAMPLE_RATE));
        frames.push(Frame { codec, at, key: true, payload: Bytes::copy_from_slice(&out) });
    }
    assert!(matches!(block, OPUS_BLOCK | AAC_BLOCK), "known blocks");
    frames
}
