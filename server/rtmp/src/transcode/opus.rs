//! Opus both ways, by opus-pure: a port of libopus to Rust without dependencies.
//!
//! Chosen by measurement among the crates that need no C library, cmake or clang, libopus 1.3.1 beside them: the decoder
//! agrees with libopus to 138 dB or better, concealment sounds as there, and both directions cost what libopus costs.

use super::codec::{BadFrame, PcmDecoder, PcmEncoder, Refused, tame};
use super::{OPUS_BLOCK, SAMPLE_RATE};
use opus_pure::{Application, MAX_PACKET_BYTES, OpusDecoder, OpusEncoder};

/// The longest packet (RFC 6716 section 2.1.4): 120 ms.
const PACKET_MAX_SAMPLES: usize = 5_760;

/// What is made up at once in place of lost packets, in samples per channel: 20 ms.
const CONCEAL_STEP: usize = OPUS_BLOCK;

/// What the decoder makes up comes in multiples of 2.5 ms.
const CONCEAL_GRAIN: usize = 120;

/// Bits per second. Speech at full band is transparent from about 28,000 for one channel.
const BITRATE_MONO: i32 = 32_000;
const BITRATE_STEREO: i32 = 64_000;

/// Half way of libopus's scale: 0 halves the cost of a frame and loses 0.6 dB, 9 doubles it and wins less.
const COMPLEXITY: i32 = 5;

/// Channels that a packet was coded with (RFC 6716 section 3.1, the `s` bit): 1 or 2. A decoder may be opened for either.
pub fn opus_channels(packet: &[u8]) -> usize {
    if packet.first().is_some_and(|toc| toc & 0b100 != 0) { 2 } else { 1 }
}

/// Decodes Opus to 48 kHz.
pub struct OpusPure {
    inner: OpusDecoder,
    channels: usize,
    pcm: Vec<f32>,
}

impl OpusPure {
    /// `channels`: 1 or 2, whatever the packets were coded with.
    pub fn new(channels: usize) -> Result<Self, Refused> {
        let inner = OpusDecoder::new(SAMPLE_RATE as i32, channels).map_err(|_| Refused::Library)?;
        Ok(Self { inner, channels, pcm: vec![0.0; PACKET_MAX_SAMPLES * channels] })
    }

    fn take(&mut self, samples: usize, pcm: &mut Vec<f32>) {
        let decoded = &mut self.pcm[..samples * self.channels];
        tame(decoded);
        pcm.extend_from_slice(decoded);
    }
}

impl PcmDecoder for OpusPure {
    fn channels(&self) -> usize {
        self.channels
    }

    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn decode(&mut self, frame: &[u8], pcm: &mut Vec<f32>) -> Result<(), BadFrame> {
        if frame.is_empty() {
            return Err(BadFrame);
        }
        let samples = self.inner.decode(frame, PACKET_MAX_SAMPLES, &mut self.pcm).map_err(|_| BadFrame)?;
        self.take(samples, pcm);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, next: Option<&[u8]>, pcm: &mut Vec<f32>) {
        let mut missing = samples;
        while missing > 0 {
            // What is no whole packet comes first, so that the last one can be taken from the copy in the next.
            let step = if missing.is_multiple_of(CONCEAL_STEP) { CONCEAL_STEP } else { missing % CONCEAL_STEP };
            missing -= step;
            let made = match next.filter(|packet| missing == 0 && step == CONCEAL_STEP && packet.len() > 1) {
                Some(packet) => self.inner.decode_fec(packet, step, &mut self.pcm),
                None => self.inner.decode(&[], step.next_multiple_of(CONCEAL_GRAIN), &mut self.pcm),
            };
            match made {
                Ok(made) => self.take(made.min(step), pcm),
                Err(_) => pcm.resize(pcm.len() + step * self.channels, 0.0),
            }
        }
    }
}

/// Encodes 48 kHz into packets of 20 ms: without look-ahead beyond 2.5 ms, and at a third of the cost of the modes for
/// speech. Such packets carry no copy of the one before: they are protected by RED and repeats like all others.
pub struct PureEncoder {
    inner: OpusEncoder,
    channels: usize,
}

impl PureEncoder {
    /// `channels`: 1 or 2.
    pub fn new(channels: usize) -> Result<Self, Refused> {
        let mut inner = OpusEncoder::new(SAMPLE_RATE as i32, channels, Application::RestrictedLowDelay)
            .map_err(|_| Refused::Library)?;
        inner.bitrate_bps = if channels == 1 { BITRATE_MONO } else { BITRATE_STEREO };
        inner.complexity = COMPLEXITY;
        Ok(Self { inner, channels })
    }
}

impl PcmEncoder for PureEncoder {
    fn channels(&self) -> usize {
        self.channels
    }

    fn block(&self) -> usize {
        OPUS_BLOCK
    }

    fn delay(&self) -> usize {
        self.inner.lookahead()
    }

    fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), BadFrame> {
        out.clear();
        out.resize(MAX_PACKET_BYTES, 0);
        let len = self.inner.encode(pcm, OPUS_BLOCK, out).map_err(|_| BadFrame)?;
        out.truncate(len);
        Ok(())
    }
}
