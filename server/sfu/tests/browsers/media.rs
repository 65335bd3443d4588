//! What stands in the model's packets, and how packets are made.

use carillon_proto::rtp::{Pt, RtpFields, RtpTime, SeqExt, Ssrc};
use carillon_proto::rtp_ext::{AbsSendTime, ExtForm, ExtId, ExtWriter};
use std::time::Duration;

/// Milliseconds since the run began.
pub type Ms = f64;

pub const OPUS: Pt = Pt(111);
pub const RED: Pt = Pt(63);
pub const VP8: Pt = Pt(96);
pub const VP8_RTX: Pt = Pt(97);
pub const ABS_SEND_TIME: ExtId = ExtId(2);
pub const TRANSPORT_CC: ExtId = ExtId(3);
pub const PLAYOUT_DELAY: ExtId = ExtId(5);
/// Opus frames.
pub const FRAME_MS: Ms = 20.0;
/// What a VP8 packet of Chromium carries at most, descriptor included (kRtpHeaders and MTU of 1200).
pub const PAYLOAD_MAX: usize = 1_130;

/// At the end of each VP8 payload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Picture {
    /// Also the picture id, unwrapped.
    pub frame: u32,
    pub index: u16,
    pub count: u16,
    pub keyframe: bool,
    pub captured: Ms,
}

impl Picture {
    const BYTES: usize = 17;
    /// The descriptor (RFC 7741 section 4.2) with a picture id of 15 bits, and a first byte of VP8.
    pub const BYTES_MIN: usize = 5 + Self::BYTES;

    pub fn read(payload: &[u8]) -> Option<Self> {
        let at = payload.len().checked_sub(Self::BYTES)?;
        let c = &payload[at..];
        Some(Self {
            frame: u32::from_be_bytes(c[..4].try_into().ok()?),
            index: u16::from_be_bytes(c[4..6].try_into().ok()?),
            count: u16::from_be_bytes(c[6..8].try_into().ok()?),
            keyframe: c[8] != 0,
            captured: f64::from_be_bytes(c[9..17].try_into().ok()?),
        })
    }

    pub fn write(self, bytes: usize) -> Vec<u8> {
        let start = if self.index == 0 { 0x90 } else { 0x80 };
        let [high, low] = ((self.frame as u16 & 0x7fff) | 0x8000).to_be_bytes();
        let mut out = vec![start, 0x80, high, low, u8::from(!self.keyframe)];
        out.resize(bytes.max(Self::BYTES_MIN) - Self::BYTES, 0);
        out.extend_from_slice(&self.frame.to_be_bytes());
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        out.push(u8::from(self.keyframe));
        out.extend_from_slice(&self.captured.to_be_bytes());
        out
    }
}

/// At the end of each opus payload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sound {
    pub number: u32,
    pub captured: Ms,
    /// The frame before is in it once more (in-band FEC).
    pub fec: bool,
}

impl Sound {
    const BYTES: usize = 13;

    pub fn read(payload: &[u8]) -> Option<Self> {
        let at = payload.len().checked_sub(Self::BYTES)?;
        let c = &payload[at..];
        Some(Self {
            number: u32::from_be_bytes(c[..4].try_into().ok()?),
            captured: f64::from_be_bytes(c[4..12].try_into().ok()?),
            fec: c[12] != 0,
        })
    }

    pub fn write(self, bytes: usize) -> Vec<u8> {
        let mut out = vec![0; bytes.max(Self::BYTES) - Self::BYTES];
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.captured.to_be_bytes());
        out.push(u8::from(self.fec));
        out
    }
}

/// A packet as the sender keeps it; its header is written when it leaves.
#[derive(Debug, Clone)]
pub struct Packet {
    pub ssrc: u32,
    pub pt: Pt,
    pub marker: bool,
    pub seq: SeqExt,
    pub time: u32,
    pub payload: Vec<u8>,
}

impl Packet {
    /// In the clear, with the moment of leaving in its header.
    pub fn write(&self, sent: Duration) -> Vec<u8> {
        let time = RtpTime(self.time);
        let (marker, pt, seq, ssrc) = (self.marker, self.pt, self.seq.seq(), Ssrc(self.ssrc));
        let mut out = Vec::with_capacity(40 + self.payload.len());
        let start = RtpFields { marker, pt, seq, time, ssrc }.write(&mut out);
        let mut extensions = ExtWriter::new(&mut out, start, ExtForm::OneByte);
        extensions.add(ABS_SEND_TIME, &AbsSendTime::from_clock(sent).to_bytes());
        extensions.finish();
        out.extend_from_slice(&self.payload);
        out
    }
}

/// SplitMix64: everything random in a model comes from its seed.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly between the two.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }
}
