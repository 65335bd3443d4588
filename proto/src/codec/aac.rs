//! `AudioSpecificConfig` (ISO/IEC 14496-3 section 1.6.2.1): what an FLV sequence header of AAC holds.

use crate::codec::bits::Bits;
use crate::wire::{Malformed, Parsed};

/// AAC-LC, the one object type that a decoder of plain AAC must have.
pub const OBJECT_LC: u8 = 2;
const OBJECT_SBR: u8 = 5;
const OBJECT_PS: u8 = 29;

/// Of `samplingFrequencyIndex` (table 1.18).
const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// The index that says: the rate follows in 24 bits.
const RATE_ESCAPE: u32 = 15;

/// Highest rate that is taken when it is given in full.
const SAMPLE_RATE_MAX: u32 = 96_000;

/// Channels by `channelConfiguration` (table 1.19).
const CHANNELS: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 8];

/// How an AAC stream is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioSpecificConfig {
    /// Of the core coder: 2 is LC, 1 Main, 4 LTP. HE-AAC is LC with `sbr`.
    pub object_type: u8,
    /// Of the core coder, in hertz.
    pub sample_rate: u32,
    /// Of the core coder; 0 where the stream tells them in band.
    pub channels: u8,
    /// Samples of one frame of the core coder and one channel: 1,024 or 960.
    pub frame_samples: u16,
    /// HE-AAC: the rate that comes out of the decoder. A decoder without SBR plays the core alone, at half the rate.
    pub sbr: Option<u32>,
    /// HE-AAC v2: mono that comes out as stereo.
    pub has_ps: bool,
}

impl AudioSpecificConfig {
    /// AAC-LC in frames of 1,024 samples.
    pub fn lc(sample_rate: u32, channels: u8) -> Self {
        Self { object_type: OBJECT_LC, sample_rate, channels, frame_samples: 1024, sbr: None, has_ps: false }
    }

    /// Reads it, explicit and backward compatible signalling of SBR and PS both. SBR that the stream signals in band
    /// only is not seen.
    pub fn read(bytes: &[u8]) -> Parsed<Self> {
        let mut bits = Bits::new(bytes);
        let mut object_type = object_type(&mut bits)?;
        let sample_rate = sample_rate(&mut bits)?;
        let channels = *CHANNELS.get(bits.read(4)? as usize).ok_or(Malformed::Value)?;
        let mut config = Self { object_type, sample_rate, channels, frame_samples: 1024, sbr: None, has_ps: false };
        if matches!(object_type, OBJECT_SBR | OBJECT_PS) {
            config.sbr = Some(self::sample_rate(&mut bits)?);
            config.has_ps = object_type == OBJECT_PS;
            object_type = self::object_type(&mut bits)?;
            config.object_type = object_type;
        }
        if matches!(object_type, 1..=4 | 6 | 7) {
            config.frame_samples = frame_samples(&mut bits)?;
            config.read_compatible_extension(channels == 0, &mut bits);
        }
        Ok(config)
    }

    /// Appends it: 2 bytes, of a rate that is in no table 5; without extensions. None, and nothing appended, for an
    /// object type, a rate or channels that these bytes cannot say.
    pub fn write(&self, out: &mut Vec<u8>) -> Option<()> {
        let channels = CHANNELS.iter().position(|count| *count == self.channels)? as u64;
        let object_type = Some(u64::from(self.object_type)).filter(|kind| (1..=30).contains(kind))?;
        let frame_length = u64::from(self.frame_samples == 960);
        let index = SAMPLE_RATES.iter().position(|rate| *rate == self.sample_rate);
        if let Some(index) = index {
            let bits = object_type << 11 | (index as u64) << 7 | channels << 3 | frame_length << 2;
            out.extend((bits as u16).to_be_bytes());
            return Some(());
        }
        let rate = Some(u64::from(self.sample_rate)).filter(|rate| (1..=u64::from(SAMPLE_RATE_MAX)).contains(rate))?;
        let bits = object_type << 35 | u64::from(RATE_ESCAPE) << 31 | rate << 7 | channels << 3 | frame_length << 2;
        out.extend(&bits.to_be_bytes()[3..]);
        Some(())
    }

    /// SBR and PS as old decoders read over them (section 1.6.5.3): behind all the rest. What is cut is not there.
    fn read_compatible_extension(&mut self, has_program: bool, bits: &mut Bits<'_>) {
        const SYNC_SBR: u32 = 0x2b7;
        const SYNC_PS: u32 = 0x548;
        // Channels told in band stand in between, in a form that is long to read over and rare.
        if has_program || self.sbr.is_some() {
            return;
        }
        let mut read = || -> Parsed<(u32, bool)> {
            if bits.read(11)? != SYNC_SBR || object_type(bits)? != OBJECT_SBR || !bits.flag()? {
                return Err(Malformed::Value);
            }
            let rate = sample_rate(bits)?;
            Ok((rate, bits.read(11) == Ok(SYNC_PS) && bits.flag() == Ok(true)))
        };
        if let Ok((rate, has_ps)) = read() {
            (self.sbr, self.has_ps) = (Some(rate), has_ps);
        }
    }
}

/// 5 bits, or an escape and 6 more.
fn object_type(bits: &mut Bits<'_>) -> Parsed<u8> {
    let short = bits.read(5)?;
    let kind = if short == 31 { 32 + bits.read(6)? } else { short };
    if kind == 0 { Err(Malformed::Value) } else { Ok(kind as u8) }
}

fn sample_rate(bits: &mut Bits<'_>) -> Parsed<u32> {
    let index = bits.read(4)?;
    let rate = if index == RATE_ESCAPE { Some(bits.read(24)?) } else { SAMPLE_RATES.get(index as usize).copied() };
    rate.filter(|rate| (1..=SAMPLE_RATE_MAX).contains(rate)).ok_or(Malformed::Value)
}

/// `GASpecificConfig` (section 4.4.1) up to what follows the flags.
fn frame_samples(bits: &mut Bits<'_>) -> Parsed<u16> {
    // Some encoders end here.
    if bits.left() == 0 {
        return Ok(1024);
    }
    let is_short = bits.flag()?;
    if bits.flag()? {
        bits.skip(14)?; // coreCoderDelay
    }
    bits.flag()?; // extensionFlag
    Ok(if is_short { 960 } else { 1024 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(config: &AudioSpecificConfig) -> Vec<u8> {
        let mut out = Vec::new();
        config.write(&mut out).expect("a config");
        out
    }

    #[test]
    fn what_encoders_send_is_read() {
        let he = AudioSpecificConfig { sbr: Some(48_000), ..AudioSpecificConfig::lc(24_000, 2) };
        let cases: [(&[u8], AudioSpecificConfig); 9] = [
            (&[0x11, 0x90], AudioSpecificConfig::lc(48_000, 2)),
            (&[0x12, 0x10], AudioSpecificConfig::lc(44_100, 2)),
            (&[0x14, 0x08], AudioSpecificConfig::lc(16_000, 1)),
            (&[0x11, 0x94], AudioSpecificConfig { frame_samples: 960, ..AudioSpecificConfig::lc(48_000, 2) }),
            // ffmpeg appends that there is no SBR.
            (&[0x11, 0x90, 0x56, 0xe5, 0x00], AudioSpecificConfig::lc(48_000, 2)),
            // HE-AAC, backward compatible and explicit; v2 explicit.
            (&[0x13, 0x10, 0x56, 0xe5, 0x98], he),
            (&[0x2b, 0x11, 0x88, 0x00], he),
            (&[0xeb, 0x09, 0x88, 0x00], AudioSpecificConfig { channels: 1, has_ps: true, ..he }),
            (&[0x11, 0x80], AudioSpecificConfig::lc(48_000, 0)),
        ];
        for (bytes, want) in cases {
            assert_eq!(AudioSpecificConfig::read(bytes), Ok(want), "{bytes:x?}");
        }
    }

    #[test]
    fn a_configuration_comes_back() {
        for rate in SAMPLE_RATES.into_iter().chain([37_800, 1]) {
            for channels in [0, 1, 2, 6, 8] {
                for frame_samples in [1024, 960] {
                    let config = AudioSpecificConfig { frame_samples, ..AudioSpecificConfig::lc(rate, channels) };
                    assert_eq!(AudioSpecificConfig::read(&written(&config)), Ok(config));
                }
            }
        }
        assert_eq!(written(&AudioSpecificConfig::lc(48_000, 1)), [0x11, 0x88]);
        assert_eq!(AudioSpecificConfig::lc(48_000, 7).write(&mut Vec::new()), None);
        assert_eq!(AudioSpecificConfig::lc(0, 2).write(&mut Vec::new()), None);
    }

    #[test]
    fn lies_are_refused() {
        let cases: [(&[u8], Malformed); 8] = [
            (&[], Malformed::Truncated),
            (&[0x11], Malformed::Truncated),
            (&[0x01, 0x90], Malformed::Value),                   // object type 0
            (&[0x16, 0x90], Malformed::Value),                   // rate index 13
            (&[0x11, 0xc0], Malformed::Value),                   // channel configuration 8
            (&[0x17, 0x80, 0, 0, 0x10], Malformed::Value),       // a rate of 0
            (&[0x17, 0xff, 0xff, 0xff, 0x90], Malformed::Value), // a rate of 16 MHz
            (&[0x17, 0x80, 0xbb, 0x80], Malformed::Truncated),   // ... cut
        ];
        for (bytes, want) in cases {
            assert_eq!(AudioSpecificConfig::read(bytes), Err(want), "{bytes:x?}");
        }
        assert!(AudioSpecificConfig::read(&[0xff; 30]).is_err());
    }
}
