//! Codecs of no cost whose packets say which samples they hold.

use super::*;
use crate::transcode::AacEncoder;

/// Samples told apart by their number, modulo this.
pub(super) const NUMBERS: u32 = 1 << 22;

/// Packets in that hold their own number, and packets out that hold the number of their first sample.
pub(super) struct Numbered {
    /// Samples in a packet.
    samples: u32,
    next: u32,
}

impl Numbered {
    pub(super) fn new(samples: u32) -> Self {
        Self { samples, next: 0 }
    }
}

impl PcmDecoder for Numbered {
    fn channels(&self) -> usize {
        1
    }

    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn decode(&mut self, frame: &[u8], pcm: &mut Vec<f32>) -> Result<(), BadFrame> {
        let packet = u32::from_be_bytes(*frame.last_chunk().ok_or(BadFrame)?);
        self.next = (u64::from(packet) * u64::from(self.samples) % u64::from(NUMBERS)) as u32;
        self.conceal(self.samples as usize, None, pcm);
        Ok(())
    }

    fn conceal(&mut self, samples: usize, _next: Option<&[u8]>, pcm: &mut Vec<f32>) {
        for _ in 0..samples {
            pcm.push(self.next as f32 / NUMBERS as f32);
            self.next = (self.next + 1) % NUMBERS;
        }
    }
}

impl PcmEncoder for Numbered {
    fn channels(&self) -> usize {
        1
    }

    fn block(&self) -> usize {
        self.samples as usize
    }

    fn delay(&self) -> usize {
        0
    }

    fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), BadFrame> {
        out.clear();
        out.extend(((pcm[0] * NUMBERS as f32).round() as u32).to_be_bytes());
        Ok(())
    }
}

impl AacEncoder for Numbered {
    fn config(&self) -> &[u8] {
        &[0x11, 0x88]
    }
}
