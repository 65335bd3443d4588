//! Chromium as a publisher: one camera, one microphone.

pub mod encoder;
mod history;
mod pacer;
pub mod rate;

use crate::media::{Dice, FRAME_MS, Ms, OPUS, PAYLOAD_MAX, Packet, Picture, RED, Sound, VP8, VP8_RTX};
use carillon_proto::red::{self, RedBlock};
use carillon_proto::rtcp::sender_report::{self, SenderInfo};
use carillon_proto::rtcp::{CompactNtp, NtpTime, ReportBlock, Rtcp, sdes};
use carillon_proto::rtp::{RtpTime, Seq, SeqExt, Ssrc};
use carillon_proto::rtx;
use encoder::{Camera, Encoded, Encoder};
use history::History;
use pacer::{Class, Pacer};
use rate::Rate;

/// Opus at 32 kbit/s.
const OPUS_BYTES: (f64, f64) = (60.0, 100.0);
/// The smoothed claim of loss at which opus repeats each frame in the next.
const FEC_FROM: f64 = 0.01;
/// Claims are smoothed over 10 s (AudioEncoderOpus' SmoothingFilter).
const CLAIM_SMOOTHED_MS: Ms = 10_000.0;
/// kTransmissionMaxBitrateMultiplier: what video may take for itself and its repair.
const MAX_TIMES: f64 = 2.0;
/// kProtectionOverheadRateThreshold.
const REPAIR_SHARE_MAX: f64 = 0.5;
/// Headers of a video packet, by which its rate is reduced.
const PACKET_OVERHEAD_BITS: f64 = 8.0 * 60.0;

struct Stream {
    ssrc: u32,
    seq: SeqExt,
    history: History,
    packets: u32,
    report_due: Ms,
}

impl Stream {
    fn new(ssrc: u32, seq: u64) -> Self {
        Self { ssrc, seq: SeqExt(seq), history: History::default(), packets: 0, report_due: 0.0 }
    }

    fn next(&mut self) -> SeqExt {
        let seq = self.seq;
        self.seq = seq.plus(1);
        self.packets += 1;
        seq
    }
}

/// Sent in the last second, by spans of a tenth: media and repeats, bytes.
#[derive(Default)]
struct Sent {
    spans: [(f64, f64); 10],
    at: usize,
}

impl Sent {
    fn share_of_repair(&self) -> f64 {
        let sum = self.spans.iter().fold((0.0, 0.0), |sum, span| (sum.0 + span.0, sum.1 + span.1));
        (sum.1 / (sum.0 + sum.1).max(1.0)).min(REPAIR_SHARE_MAX)
    }

    fn turn(&mut self) {
        self.at = (self.at + 1) % self.spans.len();
        self.spans[self.at] = (0.0, 0.0);
    }
}

/// Totals since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    pub video_bytes: f64,
    pub red_bytes: f64,
    pub frames: u32,
    pub keyframes: u32,
    pub repeats: u32,
}

pub struct Sender {
    pub totals: Totals,
    camera: Camera,
    encoder: Encoder,
    rate: Rate,
    pacer: Pacer,
    audio: Stream,
    video: Stream,
    rtx_seq: SeqExt,
    /// The answer put RED before opus.
    pub red: bool,
    /// The payload before, for RED.
    before: Vec<u8>,
    sound_due: Ms,
    number: u32,
    frame: u32,
    claim: (f64, Ms),
    /// Of the newest reports (audio, video), and smoothed as CallStats does.
    reported_round_trips: [Option<Ms>; 2],
    round_trip: Option<Ms>,
    stats_due: Ms,
    sent: Sent,
    sent_due: Ms,
    dice: Dice,
}

impl Sender {
    pub fn new(now: Ms, ssrc: u32, camera: Camera, seed: u64) -> Self {
        let mut dice = Dice(seed);
        Self {
            totals: Totals::default(),
            camera,
            encoder: Encoder::new(now, camera, Dice(seed ^ 0xe)),
            rate: Rate::new(),
            pacer: Pacer::default(),
            audio: Stream::new(ssrc, 1_000),
            video: Stream::new(ssrc + 1, 2_000),
            rtx_seq: SeqExt(3_000),
            red: false,
            before: Vec::new(),
            sound_due: now + dice.between(0.0, FRAME_MS),
            number: 0,
            frame: 0,
            claim: (0.0, now),
            reported_round_trips: [None; 2],
            round_trip: None,
            stats_due: now + 1_000.0,
            sent: Sent::default(),
            sent_due: now,
            dice,
        }
    }

    /// Audio, video, video's repeats.
    pub fn ssrcs(&self) -> [u32; 3] {
        [self.audio.ssrc, self.video.ssrc, self.video.ssrc + 1]
    }

    /// The estimate, bit/s.
    pub fn target_bps(&self) -> f64 {
        self.rate.target()
    }

    /// For those who wonder why it is slow.
    pub fn state(&self) -> String {
        let (target, encoder) = (self.rate.target() / 1e3, self.encoder_bps() / 1e3);
        let (queue, round_trip) = (self.pacer.queued_bytes(), self.round_trip());
        let share = self.sent.share_of_repair();
        format!("target {target:.0} encoder {encoder:.0} repair {share:.2} pacer {queue} B, round trip {round_trip:.0}")
    }

    /// What the page allows, bit/s.
    pub fn max_bps(&self) -> f64 {
        self.camera.max_bps
    }

    /// What the encoder may produce (`BitrateAllocator`, `FecControllerDefault`), bit/s.
    pub fn encoder_bps(&self) -> f64 {
        let allocated = (self.rate.target() - 32_000.0).clamp(30_000.0, MAX_TIMES * self.camera.max_bps);
        let packets = (allocated / 8.0 / PAYLOAD_MAX as f64).max(self.camera.fps);
        let payload = (allocated - packets * PACKET_OVERHEAD_BITS).max(0.8 * allocated);
        (payload * (1.0 - self.sent.share_of_repair())).min(self.camera.max_bps)
    }

    /// Packets that leave now, in the clear but for their header.
    pub fn tick(&mut self, now: Ms, out: &mut Vec<Packet>) {
        while now >= self.sent_due {
            self.sent.turn();
            self.sent_due += 100.0;
            self.rate.update(now, self.round_trip());
        }
        self.average_round_trip(now);
        if now >= self.sound_due {
            let packet = self.sound();
            self.audio.history.put(packet.clone());
            self.audio.history.mark_sent(now, packet.seq, false, self.round_trip());
            out.push(packet);
            self.sound_due += FRAME_MS;
        }
        let bps = self.encoder_bps();
        if let Some(encoded) = self.encoder.tick(now, bps) {
            self.packetize(now, encoded);
        }
        while let Some((class, packet)) = self.pacer.pop(now, self.rate.target()) {
            out.push(self.leave(now, class, packet));
        }
    }

    /// Sender reports that are due.
    pub fn reports(&mut self, now: Ms, ntp: NtpTime, out: &mut Vec<u8>) {
        let rate = self.encoder_bps() / 1_000.0;
        // kDefaultAudioReportInterval 5 s; video 360 s/kbit, at most 1 s; each between half and one and a half of it.
        let video_every = (360_000.0 / rate.max(1.0)).min(1_000.0);
        for (stream, every, clock) in [(&mut self.audio, 5_000.0, 48.0), (&mut self.video, video_every, 90.0)] {
            if now >= stream.report_due && stream.packets > 0 {
                stream.report_due = now + every * self.dice.between(0.5, 1.5);
                let rtp_time = RtpTime((now * clock) as u64 as u32);
                let (ssrc, packets) = (Ssrc(stream.ssrc), stream.packets);
                sender_report::write(out, &SenderInfo { ssrc, ntp, rtp_time, packets, octets: packets * 100 }, &[]);
                sdes::write_cname(out, ssrc, "weather");
            }
        }
    }

    pub fn handle_rtcp(&mut self, now: Ms, ntp: CompactNtp, packet: &Rtcp<'_>) {
        match packet {
            Rtcp::ReceiverReport(report) => self.handle_blocks(now, ntp, &report.blocks().collect::<Vec<_>>()),
            Rtcp::SenderReport(report) => self.handle_blocks(now, ntp, &report.blocks().collect::<Vec<_>>()),
            Rtcp::Nack(nack) => nack.seqs().for_each(|seq| self.repeat(now, nack.media, seq)),
            Rtcp::Pli(pli) if pli.media.0 == self.video.ssrc => self.encoder.want_keyframe(),
            Rtcp::Fir(_) => self.encoder.want_keyframe(),
            Rtcp::Remb(remb) => self.rate.handle_remb(remb.bitrate_bps as f64),
            _ => {}
        }
    }

    fn round_trip(&self) -> Ms {
        self.round_trip.unwrap_or(0.0)
    }

    fn handle_blocks(&mut self, now: Ms, ntp: CompactNtp, blocks: &[ReportBlock]) {
        for block in blocks {
            let video = usize::from(block.ssrc.0 != self.audio.ssrc);
            if block.last_sender_report != CompactNtp(0) {
                let span = ntp.0.wrapping_sub(block.last_sender_report.0).wrapping_sub(block.delay_since_last);
                // CompactNtpRttToTimeDelta: what is negative counts as 1 ms.
                let ms = f64::from(span.cast_signed()) / 65.536;
                self.reported_round_trips[video] = Some(ms.max(1.0));
            }
            if video == 0 {
                let (before, at) = self.claim;
                let weight = 1.0 - (-(now - at) / CLAIM_SMOOTHED_MS).exp();
                let share = f64::from(block.fraction_lost) / 256.0;
                self.claim = (before + weight * (share - before), now);
            }
        }
        if !blocks.is_empty() {
            self.rate.handle_blocks(now, blocks, self.round_trip());
        }
    }

    /// CallStats: once a second, the greater of the newest, smoothed by 0.3.
    fn average_round_trip(&mut self, now: Ms) {
        if now < self.stats_due {
            return;
        }
        self.stats_due += 1_000.0;
        let newest = self
            .reported_round_trips
            .iter()
            .flatten()
            .copied()
            .fold(None, |most: Option<f64>, ms| Some(most.map_or(ms, |most| most.max(ms))));
        if let Some(ms) = newest {
            self.round_trip = Some(self.round_trip.map_or(ms, |before| 0.7 * before + 0.3 * ms));
        }
    }

    fn sound(&mut self) -> Packet {
        let fec = self.claim.0 >= FEC_FROM;
        let bytes = self.dice.between(OPUS_BYTES.0, OPUS_BYTES.1) as usize;
        let opus = Sound { number: self.number, captured: self.sound_due, fec }.write(bytes);
        let before = std::mem::replace(&mut self.before, opus.clone());
        let mut payload = Vec::new();
        if self.red {
            let block = RedBlock { pt: OPUS, offset: 960, data: &before };
            let blocks = if before.is_empty() { &[][..] } else { &[block] };
            assert!(red::write(&mut payload, blocks, OPUS, &opus), "fits");
            self.totals.red_bytes += (payload.len() - opus.len()) as f64;
        } else {
            payload = opus;
        }
        let (pt, time) = (if self.red { RED } else { OPUS }, self.number.wrapping_mul(960));
        self.number += 1;
        Packet { ssrc: self.audio.ssrc, pt, marker: self.number == 1, seq: self.audio.next(), time, payload }
    }

    fn packetize(&mut self, now: Ms, encoded: Encoded) {
        let count = encoded.bytes.div_ceil(PAYLOAD_MAX) as u16;
        let (frame, keyframe, captured) = (self.frame, encoded.keyframe, encoded.captured);
        for index in 0..count {
            let payload = Picture { frame, index, count, keyframe, captured }.write(encoded.bytes / usize::from(count));
            self.totals.video_bytes += payload.len() as f64;
            let (ssrc, time) = (self.video.ssrc, (captured * 90.0) as u64 as u32);
            let packet = Packet { ssrc, pt: VP8, marker: index + 1 == count, seq: self.video.next(), time, payload };
            self.video.history.put(packet.clone());
            self.pacer.push(now, Class::Video, packet);
        }
        self.frame += 1;
        self.totals.frames += 1;
        self.totals.keyframes += u32::from(keyframe);
    }

    fn repeat(&mut self, now: Ms, media: Ssrc, seq: Seq) {
        let round_trip = self.round_trip();
        let (stream, class) = match media.0 {
            ssrc if ssrc == self.audio.ssrc => (&mut self.audio, Class::AudioRepeat),
            _ => (&mut self.video, Class::VideoRepeat),
        };
        if let Some(packet) = stream.history.take_for_repeat(now, seq, round_trip) {
            self.totals.repeats += 1;
            self.pacer.push(now, class, packet);
        }
    }

    /// Sound goes again under its own number, pictures by RTX.
    fn leave(&mut self, now: Ms, class: Class, packet: Packet) -> Packet {
        let round_trip = self.round_trip();
        let bytes = packet.payload.len() as f64;
        let span = &mut self.sent.spans[self.sent.at];
        match class {
            Class::AudioRepeat => {
                self.audio.history.mark_sent(now, packet.seq, true, round_trip);
                packet
            }
            Class::Video => {
                span.0 += bytes;
                self.video.history.mark_sent(now, packet.seq, false, round_trip);
                packet
            }
            Class::VideoRepeat => {
                span.1 += bytes;
                self.video.history.mark_sent(now, packet.seq, true, round_trip);
                let mut payload = Vec::new();
                rtx::write_payload(&mut payload, packet.seq.seq(), &packet.payload);
                let seq = self.rtx_seq;
                self.rtx_seq = seq.plus(1);
                Packet { ssrc: packet.ssrc + 1, pt: VP8_RTX, seq, payload, ..packet }
            }
        }
    }
}
