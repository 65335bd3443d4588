//! Sound between RTMP's AAC and WebRTC's Opus, one object per track and direction: `AacToOpus` and `OpusToAac`.
//!
//! Both decode, lay what they decoded end to end on one `Line` of samples at 48 kHz and cut it into the other codec's
//! frames. Times of frames come from the count of samples on that line, never from rounded steps, and the line follows
//! the times of what arrives. The codecs stand behind the traits of `codec`, so that each can be replaced.
//!
//! Nobody but a test waits in here: a frame costs 50 to 150 µs of processor time, so the shell runs these objects on
//! threads of their own, never on a media thread.

mod aac;
mod aac_to_opus;
mod codec;
#[cfg(feature = "aac-encode")]
mod fdk;
mod line;
mod opus;
mod opus_to_aac;
mod resample;
#[cfg(all(test, feature = "aac-encode"))]
mod tests;
#[cfg(test)]
mod tone;

pub use aac::{AacFormat, SymphoniaDecoder};
pub use aac_to_opus::AacToOpus;
pub use codec::{AacEncoder, BadFrame, PcmDecoder, PcmEncoder, Refused};
#[cfg(feature = "aac-encode")]
pub use fdk::FdkEncoder;
pub use opus::{OpusPure, PureEncoder, opus_channels};
pub use opus_to_aac::OpusToAac;

/// The one rate that everything meets at: Opus works at it whatever goes in, and phones publish it (`audio-quality` high).
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples per channel of an Opus packet of 20 ms.
pub const OPUS_BLOCK: usize = 960;

/// Samples per channel of an AAC frame.
pub const AAC_BLOCK: usize = 1024;

/// Counted since the object was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames taken in and given out.
    pub frames_in: u64,
    pub frames_out: u64,
    /// Frames that the decoder could not read; concealed like lost ones.
    pub broken: u64,
    /// Frames whose time had passed when they came, and that were not heard.
    pub late: u64,
    /// Samples made up for frames that never came: by the decoder's concealment, and as silence.
    pub concealed: u64,
    pub silent: u64,
    /// Times the line left its place because the times of what came had jumped.
    pub jumps: u64,
    /// Samples taken out or put in, one at a time, to follow a clock that runs at another speed.
    pub slewed: u64,
}
