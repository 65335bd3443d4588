//! Chromium as a player: the picture and the sound of one publisher.

mod delay;
mod nack;
pub mod neteq;
mod sync;
mod timing;
mod video;

pub use neteq::Heard;
pub use video::Shown;

use crate::media::{Dice, Ms, PLAYOUT_DELAY, Picture, RED, Sound};
use carillon_proto::red::Red;
use carillon_proto::rtcp::sender_report::SenderInfo;
use carillon_proto::rtcp::{CompactNtp, NtpTime, ReportBlock, nack as nack_packet, pli, receiver_report, xr};
use carillon_proto::rtp::{RtpHeader, RtpTime, Seq, SeqExt, Ssrc};
use carillon_proto::rtp_ext::PlayoutDelay;
use carillon_proto::rtx;
use neteq::NetEq;
use sync::Sync;
use video::{Video, Wish};

/// Of a connection that sends nothing: RTCP goes out under it.
pub const LOCAL_SSRC: Ssrc = Ssrc(1);

/// What the answer says of the streams of one publisher.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answered {
    pub audio_ssrc: u32,
    pub video_ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub rtx_time: Option<Ms>,
    pub audio_nack: bool,
    pub receiver_rtt: bool,
}

/// Totals since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    pub nacks: u32,
    pub keyframes: u32,
    /// Video bytes that came, repeats among them.
    pub video_bytes: f64,
}

pub struct Player {
    pub audio: NetEq,
    pub video: Video,
    pub asked: Asked,
    answered: Answered,
    reports: [Report; 2],
    /// Of sound and picture.
    clocks: [Clock; 2],
    sync: Sync,
    dice: Dice,
}

impl Player {
    pub fn new(now: Ms, answered: Answered, fps: f64, seed: u64) -> Self {
        let Answered { audio_ssrc, video_ssrc, rtx_time, audio_nack, .. } = answered;
        let mut dice = Dice(seed);
        let mut report = |ssrc, every| Report::new(ssrc, every, now + dice.between(0.0, every));
        let reports = [report(audio_ssrc, 5_000.0), report(video_ssrc, 1_000.0)];
        Self {
            audio: NetEq::new(audio_nack),
            video: Video::new(now, rtx_time, fps),
            asked: Asked::default(),
            answered,
            reports,
            clocks: [Clock::new(48.0), Clock::new(90.0)],
            sync: Sync::new(now),
            dice,
        }
    }

    /// For those who wonder why it stands still.
    pub fn state(&self) -> String {
        format!("sound: {}; picture: {}", self.audio.state(), self.video.state())
    }

    pub fn owns(&self, ssrc: u32) -> bool {
        let Answered { audio_ssrc, video_ssrc, rtx_ssrc, .. } = self.answered;
        ssrc == audio_ssrc || ssrc == video_ssrc || rtx_ssrc == Some(ssrc)
    }

    /// Feedback goes to `out`.
    pub fn handle_rtp(
        &mut self,
        now: Ms,
        packet: &[u8],
        header: &RtpHeader,
        seq: SeqExt,
        round_trip: Option<Ms>,
        out: &mut Vec<u8>,
    ) {
        let Ok(payload) = header.payload(packet) else { return };
        let ssrc = header.ssrc.0;
        if ssrc == self.answered.audio_ssrc {
            self.reports[0].note(seq);
            self.clocks[0].latest = Some((now, header.time));
            return self.handle_sound(now, header, payload, seq, round_trip, out);
        }
        self.asked.video_bytes += payload.len() as f64;
        let playout = header.extension(packet, PLAYOUT_DELAY).and_then(PlayoutDelay::parse);
        let least = playout.map(|delay| f64::from(delay.min_ms));
        let wish = if ssrc == self.answered.video_ssrc {
            self.reports[1].note(seq);
            self.clocks[1].latest = Some((now, header.time));
            let Some(picture) = Picture::read(payload) else { return };
            self.video.handle(now, seq, picture, false, round_trip, least)
        } else {
            let Some((number, payload)) = rtx::unwrap(payload) else { return };
            let Some(picture) = Picture::read(payload) else { return };
            let seq = self.extend(number);
            self.video.handle(now, seq, picture, true, round_trip, least)
        };
        self.write_wish(&wish, out);
    }

    pub fn tick(&mut self, now: Ms, ntp: NtpTime, round_trip: Option<Ms>, out: &mut Vec<u8>) {
        self.audio.tick(now);
        let wish = self.video.tick(now, round_trip);
        self.write_wish(&wish, out);
        let [sound, picture] = self.clocks.each_ref().map(Clock::delay);
        let relative = picture.zip(sound).map(|(picture, sound)| picture - sound);
        self.sync.tick(now, relative, &mut self.audio, &mut self.video);
        for report in &mut self.reports {
            if now >= report.due {
                report.due = now + report.every * self.dice.between(0.5, 1.5);
                receiver_report::write(out, LOCAL_SSRC, report.block(now).as_slice());
                if self.answered.receiver_rtt {
                    xr::write_reference_time(out, LOCAL_SSRC, ntp);
                }
            }
        }
    }

    pub fn handle_sender_report(&mut self, now: Ms, info: &SenderInfo) {
        let streams = self.reports.iter_mut().zip(&mut self.clocks);
        for (report, clock) in streams.filter(|(report, _)| report.ssrc == info.ssrc.0) {
            report.heard = Some((info.ntp.compact(), now));
            clock.told = Some((info.ntp.to_unix().as_secs_f64() * 1_000.0, info.rtp_time));
        }
    }

    fn handle_sound(
        &mut self,
        now: Ms,
        header: &RtpHeader,
        payload: &[u8],
        seq: SeqExt,
        round_trip: Option<Ms>,
        out: &mut Vec<u8>,
    ) {
        let (primary, besides) = if header.pt == RED {
            let Ok(red) = Red::parse(payload) else { return };
            (red.primary, red.redundant().filter_map(|block| Sound::read(block.data)).collect::<Vec<_>>())
        } else {
            (payload, Vec::new())
        };
        let Some(sound) = Sound::read(primary) else { return };
        let ask = self.audio.handle(now, seq, sound, &besides, round_trip);
        self.write_nack(self.answered.audio_ssrc, &ask, out);
    }

    fn write_wish(&mut self, wish: &Wish, out: &mut Vec<u8>) {
        self.write_nack(self.answered.video_ssrc, &wish.ask, out);
        if wish.keyframe {
            self.asked.keyframes += 1;
            pli::write(out, LOCAL_SSRC, Ssrc(self.answered.video_ssrc));
        }
    }

    fn write_nack(&mut self, media: u32, ask: &[SeqExt], out: &mut Vec<u8>) {
        self.asked.nacks += ask.len() as u32;
        let seqs: Vec<Seq> = ask.iter().map(|seq| seq.seq()).collect();
        let mut rest = &seqs[..];
        while !rest.is_empty() {
            let taken = nack_packet::write(out, LOCAL_SSRC, Ssrc(media), rest);
            rest = &rest[taken..];
        }
    }

    fn extend(&self, number: Seq) -> SeqExt {
        let near = self.video.nack.newest().and_then(|newest| newest.nearest(number));
        near.unwrap_or_else(|| SeqExt(u64::from(number.0)))
    }
}

/// When a stream's media was captured, by its sender reports.
struct Clock {
    ticks_per_ms: f64,
    told: Option<(Ms, RtpTime)>,
    /// Of the packet that came last: when, and its time.
    latest: Option<(Ms, RtpTime)>,
}

impl Clock {
    fn new(ticks_per_ms: f64) -> Self {
        Self { ticks_per_ms, told: None, latest: None }
    }

    /// From capture to arrival, and a constant for all streams of a publisher.
    fn delay(&self) -> Option<Ms> {
        let ((ntp, told), (came, time)) = self.told.zip(self.latest)?;
        Some(came - ntp - f64::from(time.since(told)) / self.ticks_per_ms)
    }
}

/// RFC 3550 section 6.4.1 for one stream.
struct Report {
    ssrc: u32,
    every: Ms,
    due: Ms,
    first: Option<SeqExt>,
    highest: u64,
    received: u64,
    before: (u64, u64),
    heard: Option<(CompactNtp, Ms)>,
}

impl Report {
    fn new(ssrc: u32, every: Ms, due: Ms) -> Self {
        Self { ssrc, every, due, first: None, highest: 0, received: 0, before: (0, 0), heard: None }
    }

    fn note(&mut self, seq: SeqExt) {
        self.first.get_or_insert(seq);
        self.highest = self.highest.max(seq.0);
        self.received += 1;
    }

    fn block(&mut self, now: Ms) -> Option<ReportBlock> {
        let expected = (self.highest + 1).saturating_sub(self.first?.0);
        let (of, got) = (expected - self.before.0, self.received - self.before.1);
        self.before = (expected, self.received);
        let (last_sender_report, since) = self.heard.map_or((CompactNtp(0), 0.0), |(ntp, at)| (ntp, now - at));
        Some(ReportBlock {
            ssrc: Ssrc(self.ssrc),
            fraction_lost: (of.saturating_sub(got) * 255 / of.max(1)) as u8,
            cumulative_lost: expected as i32 - self.received as i32,
            highest_seq: self.highest as u32,
            jitter: 0,
            last_sender_report,
            delay_since_last: (since * 65.536) as u32,
        })
    }
}
