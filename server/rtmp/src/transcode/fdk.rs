//! Samples to AAC, by the FDK encoder. Its licence is not an open one in every respect (see NOTICE): it can be left out
//! with the cargo feature `aac-encode`.

use super::codec::{AacEncoder, BadFrame, PcmEncoder, Refused};
use super::{AAC_BLOCK, SAMPLE_RATE};
use fdk_aac::enc::{AudioObjectType, BitRate, ChannelMode, Encoder, EncoderParams, Transport};

/// Bits per second: 48,000 for one channel and 64,000 for two are what phones send themselves.
const BITRATE_MONO: u32 = 48_000;
const BITRATE_STEREO: u32 = 64_000;

/// A frame holds at most 6,144 bits per channel (ISO/IEC 14496-3 section 4.5.3).
const FRAME_MAX_BYTES: usize = 2 * 768;

/// AAC-LC at 48 kHz, 1,024 samples a frame.
pub struct FdkEncoder {
    inner: Encoder,
    channels: usize,
    delay: usize,
    config: Vec<u8>,
    pcm: Vec<i16>,
}

impl FdkEncoder {
    /// `channels`: 1 or 2.
    pub fn new(channels: usize) -> Result<Self, Refused> {
        let (mode, bitrate) = match channels {
            1 => (ChannelMode::Mono, BITRATE_MONO),
            2 => (ChannelMode::Stereo, BITRATE_STEREO),
            n => return Err(Refused::Channels(u8::try_from(n).unwrap_or(u8::MAX))),
        };
        let params = EncoderParams {
            bit_rate: BitRate::Cbr(bitrate),
            sample_rate: SAMPLE_RATE,
            transport: Transport::Raw,
            channels: mode,
            audio_object_type: AudioObjectType::Mpeg4LowComplexity,
        };
        let inner = Encoder::new(params).map_err(|_| Refused::Library)?;
        let info = inner.info().map_err(|_| Refused::Library)?;
        let config = info.confBuf.get(..info.confSize as usize).ok_or(Refused::Library)?.to_vec();
        Ok(Self { inner, channels, delay: info.nDelay as usize, config, pcm: Vec::new() })
    }
}

impl PcmEncoder for FdkEncoder {
    fn channels(&self) -> usize {
        self.channels
    }

    fn block(&self) -> usize {
        AAC_BLOCK
    }

    fn delay(&self) -> usize {
        self.delay
    }

    fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), BadFrame> {
        self.pcm.clear();
        self.pcm.extend(pcm.iter().map(|s| (s * 32767.0) as i16));
        out.clear();
        out.resize(FRAME_MAX_BYTES, 0);
        let done = self.inner.encode(&self.pcm, out).map_err(|_| BadFrame)?;
        out.truncate(done.output_size);
        if out.is_empty() { Err(BadFrame) } else { Ok(()) }
    }
}

impl AacEncoder for FdkEncoder {
    fn config(&self) -> &[u8] {
        &self.config
    }
}
