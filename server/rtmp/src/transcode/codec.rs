//! What a codec must offer to stand behind a transcoder.

use std::fmt;

/// Why a format cannot be transcoded. Said to whoever publishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// More than two channels, or a layout that only a program configuration element tells.
    Channels(u8),
    /// A sample rate outside 7,350 to 96,000 Hz.
    SampleRate(u32),
    /// The codec library would not open.
    Library,
    /// Built without an encoder for this codec.
    NoEncoder,
}

/// A frame that its decoder could not read: what a lost frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadFrame;

/// From frames to samples: interleaved, nominally within -1 to 1.
pub trait PcmDecoder: Send {
    fn channels(&self) -> usize;
    fn sample_rate(&self) -> u32;

    /// Decodes one frame and appends its samples to `pcm`; nothing is appended on an error.
    fn decode(&mut self, frame: &[u8], pcm: &mut Vec<f32>) -> Result<(), BadFrame>;

    /// Appends `samples` per channel made up in place of what was lost. `next` is the frame after the hole, where it is
    /// known already: it may carry a copy of the last lost one.
    fn conceal(&mut self, samples: usize, next: Option<&[u8]>, pcm: &mut Vec<f32>);
}

/// From samples at 48 kHz to frames of one fixed length.
pub trait PcmEncoder: Send {
    fn channels(&self) -> usize;

    /// Samples per channel of each frame.
    fn block(&self) -> usize;

    /// Samples between one going in and the same coming out of a decoder.
    fn delay(&self) -> usize;

    /// Encodes exactly one block of interleaved samples into `out`, which is emptied first.
    fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), BadFrame>;
}

/// A `PcmEncoder` for RTMP, where the configuration travels ahead of the frames.
pub trait AacEncoder: PcmEncoder {
    /// The AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1).
    fn config(&self) -> &[u8];
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channels(n) => write!(f, "{n} channels of sound, at most 2 can be passed on"),
            Self::SampleRate(rate) => write!(f, "a sample rate of {rate} Hz"),
            Self::Library => f.write_str("the codec did not open"),
            Self::NoEncoder => f.write_str("this server was built without an AAC encoder"),
        }
    }
}

impl std::error::Error for Refused {}

/// Brings interleaved samples from one number of channels to another (one or two): one becomes both, two become their mean.
pub(crate) fn remix(pcm: &[f32], from: usize, to: usize, out: &mut Vec<f32>) {
    match (from, to) {
        (1, 2) => out.extend(pcm.iter().flat_map(|&s| [s, s])),
        (2, 1) => out.extend(pcm.chunks_exact(2).map(|pair| (pair[0] + pair[1]) * 0.5)),
        _ => out.extend_from_slice(pcm),
    }
}

/// Broken frames can decode to anything: what leaves a decoder is brought back to what an encoder takes.
pub(crate) fn tame(pcm: &mut [f32]) {
    for sample in pcm {
        *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
    }
}
