//! AAC to samples, by symphonia (AAC-LC, pure Rust).

use super::codec::{BadFrame, PcmDecoder, Refused, tame};
use symphonia_codec_aac::AacDecoder;
use symphonia_core::audio::layouts::{CHANNEL_LAYOUT_MONO, CHANNEL_LAYOUT_STEREO};
use symphonia_core::codecs::audio::{
    AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_AAC,
};
use symphonia_core::packet::PacketRef;
use symphonia_core::units::{Duration, Timestamp};

/// What an AudioSpecificConfig says of the AAC-LC core of a stream.
///
/// HE-AAC is decoded by that core: its frames hold 1,024 samples at half the announced rate, and what its band
/// replication would add above that is left out. Calls lose little by it, and it is never played at the wrong speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AacFormat {
    /// Of the core: for HE-AAC the lower of the two rates.
    pub sample_rate: u32,
    /// Of the core: 1 or 2. One for HE-AAC v2, whatever it announces.
    pub channels: u8,
}

impl AacFormat {
    /// Whether sound of this format can be decoded.
    pub fn check(self) -> Result<(), Refused> {
        if !(1..=2).contains(&self.channels) {
            return Err(Refused::Channels(self.channels));
        }
        if !(7_350..=96_000).contains(&self.sample_rate) {
            return Err(Refused::SampleRate(self.sample_rate));
        }
        Ok(())
    }
}

/// Decodes AAC-LC, 1,024 samples a frame.
pub struct SymphoniaDecoder {
    inner: AacDecoder,
    format: AacFormat,
    /// The last frame that decoded, interleaved: what a lost one is made up from.
    last: Vec<f32>,
    /// How loud made-up sound still is; falls while nothing real comes.
    gain: f32,
}

/// What each made-up frame keeps of the loudness before it: silent within 100 ms of 21 ms frames.
const FADE: f32 = 0.5;

impl SymphoniaDecoder {
    pub fn new(format: AacFormat) -> Result<Self, Refused> {
        format.check()?;
        let layout = if format.channels == 1 { CHANNEL_LAYOUT_MONO } else { CHANNEL_LAYOUT_STEREO };
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_AAC).with_sample_rate(format.sample_rate).with_channels(layout);
        let inner = AacDecoder::try_new(&params, &AudioDecoderOptions::default()).map_err(|_| Refused::Library)?;
        Ok(Self { inner, format, last: Vec::new(), gain: 1.0 })
    }
}

impl PcmDecoder for SymphoniaDecoder {
    fn channels(&self) -> usize {
        usize::from(self.format.channels)
    }

    fn sample_rate(&self) -> u32 {
        self.format.sample_rate
    }

    fn decode(&mut self, frame: &[u8], pcm: &mut Vec<f32>) -> Result<(), BadFrame> {
        let packet = PacketRef::new(0, Timestamp::from(0), Duration::from(super::AAC_BLOCK as u64), frame);
        let decoded = self.inner.decode_ref(&packet).map_err(|_| BadFrame)?;
        decoded.copy_to_vec_interleaved::<f32>(&mut self.last);
        tame(&mut self.last);
        self.gain = 1.0;
        pcm.extend_from_slice(&self.last);
        Ok(())
    }

    /// The last frame again and again, each time softer.
    fn conceal(&mut self, samples: usize, _next: Option<&[u8]>, pcm: &mut Vec<f32>) {
        let mut missing = samples * self.channels();
        while missing > 0 {
            let piece = missing.min(self.last.len());
            if piece == 0 || self.gain < 0.01 {
                pcm.resize(pcm.len() + missing, 0.0);
                return;
            }
            let (from, to) = (self.gain, self.gain * FADE);
            let step = (to - from) / piece as f32;
            pcm.extend(self.last[..piece].iter().enumerate().map(|(i, s)| s * (from + step * i as f32)));
            self.gain = to;
            missing -= piece;
        }
    }
}
