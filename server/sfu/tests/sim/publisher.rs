//! What a client sends in one section: frames that say who they are, and their repair.

use crate::srtp::Srtp;
use carillon_proto::rtcp::NtpTime;
use carillon_proto::rtcp::ReportBlock;
use carillon_proto::rtcp::sender_report::SenderInfo;
use carillon_proto::rtp::{Pt, RtpFields, RtpTime, Seq, SeqExt, Ssrc};
use carillon_proto::rtx;
use std::collections::VecDeque;
use std::time::Instant;

/// Packets kept for repair: some seconds.
const KEPT: usize = 512;
pub const OPUS: Pt = Pt(111);
pub const RED: Pt = Pt(63);
pub const VP8: Pt = Pt(96);
pub const VP8_RTX: Pt = Pt(97);

/// What stands at the end of each payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Of the publisher's section: no other has it.
    pub tag: u32,
    pub frame: u32,
    pub index: u8,
    pub count: u8,
    pub keyframe: bool,
}

impl Content {
    const BYTES: usize = 11;

    pub fn read(payload: &[u8]) -> Self {
        let at = payload.len().checked_sub(Self::BYTES).expect("our own content");
        let c = &payload[at..];
        let word = |at: usize| u32::from_be_bytes(c[at..at + 4].try_into().expect("four"));
        Self { tag: word(0), frame: word(4), index: c[8], count: c[9], keyframe: c[10] != 0 }
    }

    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tag.to_be_bytes());
        out.extend_from_slice(&self.frame.to_be_bytes());
        out.extend_from_slice(&[self.index, self.count, u8::from(self.keyframe)]);
    }
}

pub struct Publisher {
    pub video: bool,
    pub ssrc: u32,
    pub tag: u32,
    pub frames: u32,
    pub started: Instant,
    /// PLI and FIR that came.
    pub keyframes_asked: Vec<Instant>,
    pub reports: Vec<ReportBlock>,
    pub packet_bytes: usize,
    keyframe_due: bool,
    seq: SeqExt,
    rtx_seq: SeqExt,
    packets: u32,
    kept: VecDeque<(Seq, RtpTime, Vec<u8>, Vec<u8>)>,
}

impl Publisher {
    pub fn new(now: Instant, video: bool, tag: u32) -> Self {
        Self {
            video,
            ssrc: 0x1000_0000 + 2 * tag,
            tag,
            frames: 0,
            started: now,
            keyframes_asked: Vec::new(),
            reports: Vec::new(),
            packet_bytes: 150,
            keyframe_due: true,
            // Near a rollover, so that each run passes one. Early loss there is told from a rollover by waiting.
            seq: SeqExt(u64::from(65_200 - tag % 1_000)),
            rtx_seq: SeqExt(1),
            packets: 0,
            kept: VecDeque::new(),
        }
    }

    pub fn rtx_ssrc(&self) -> u32 {
        self.ssrc + 1
    }

    /// The next frame, sealed.
    pub fn frame(&mut self, now: Instant, srtp: &Srtp, out: &mut Vec<Vec<u8>>) {
        let keyframe = self.video && std::mem::take(&mut self.keyframe_due);
        let count = match (self.video, keyframe) {
            (false, _) => 1,
            (true, true) => 5,
            (true, false) => 1 + (self.frames % 3) as u8,
        };
        let time = self.time(now);
        for index in 0..count {
            let content = Content { tag: self.tag, frame: self.frames, index, count, keyframe };
            let payload = self.payload(content);
            let pt = if self.video { VP8 } else { OPUS };
            let marker = index + 1 == count;
            let fields = RtpFields { marker, pt, seq: self.seq.seq(), time, ssrc: Ssrc(self.ssrc) };
            let sealed = srtp.seal_rtp(packet(fields, &payload), self.seq);
            out.push(sealed.clone());
            self.kept.push_back((self.seq.seq(), time, payload, sealed));
            if self.kept.len() > KEPT {
                self.kept.pop_front();
            }
            self.seq = self.seq.plus(1);
            self.packets += 1;
        }
        self.frames += 1;
    }

    /// An answer to a NACK: video by RTX, audio by the same bytes again, as browsers do.
    pub fn repair(&mut self, seq: Seq, srtp: &Srtp, out: &mut Vec<Vec<u8>>) {
        let Some((_, time, payload, sealed)) = self.kept.iter().find(|kept| kept.0 == seq) else { return };
        if !self.video {
            out.push(sealed.clone());
            return;
        }
        let ssrc = Ssrc(self.rtx_ssrc());
        let fields = RtpFields { marker: false, pt: VP8_RTX, seq: self.rtx_seq.seq(), time: *time, ssrc };
        let mut body = Vec::new();
        rtx::write_payload(&mut body, seq, payload);
        out.push(srtp.seal_rtp(packet(fields, &body), self.rtx_seq));
        self.rtx_seq = self.rtx_seq.plus(1);
    }

    pub fn ask_keyframe(&mut self, now: Instant) {
        self.keyframes_asked.push(now);
        self.keyframe_due = true;
    }

    pub fn sender_info(&self, now: Instant, ntp: NtpTime) -> SenderInfo {
        let octets = self.packets * 100;
        SenderInfo { ssrc: Ssrc(self.ssrc), ntp, rtp_time: self.time(now), packets: self.packets, octets }
    }

    fn time(&self, now: Instant) -> RtpTime {
        let clock = if self.video { 90_000 } else { 48_000 };
        RtpTime(self.tag.wrapping_mul(77_777)).wrapping_add(carillon_proto::rtp::ticks(now - self.started, clock))
    }

    /// VP8 with a 15-bit picture id, TL0PICIDX and TID (RFC 7741 section 4.2), or anything as opus.
    fn payload(&self, content: Content) -> Vec<u8> {
        let mut payload = Vec::new();
        if self.video {
            let start = if content.index == 0 { 0x90 } else { 0x80 };
            let [high, low] = ((content.frame as u16 & 0x7fff) | 0x8000).to_be_bytes();
            let first = u8::from(!content.keyframe);
            payload.extend_from_slice(&[start, 0xe0, high, low, content.frame as u8, 0, first]);
        }
        let filled = if self.video { self.packet_bytes } else { 40 };
        payload.resize(filled, content.frame as u8);
        content.write(&mut payload);
        payload
    }
}

fn packet(fields: RtpFields, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    fields.write(&mut packet);
    packet.extend_from_slice(payload);
    packet
}
