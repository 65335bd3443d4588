//! One browser: its connection, what it sends and what it plays.

use crate::link::{Link, Opened};
use crate::media::{Ms, TRANSPORT_CC};
use crate::offer::{self, Taken};
use crate::player::{LOCAL_SSRC, Player};
use crate::sender::Sender;
use carillon_proto::rtcp::{self, NtpTime, Rtcp, receiver_report, twcc, xr::XrItem};
use carillon_proto::rtp::{RtpHeader, SeqExt, Ssrc};
use carillon_proto::rtp_ext::parse_transport_seq;
use carillon_sfu::{ParticipantId, Publish, Subscribe};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Between two of the model's steps.
pub const STEP: Duration = Duration::from_millis(1);
/// libsrtp's replay window as WebRTC sets it.
const REPLAY_WINDOW: u64 = 1_024;
/// RemoteEstimatorProxy's shortest, which a connection that sends nothing uses.
const FEEDBACK_EVERY: Ms = 50.0;
/// CallStats: how old a measurement may be.
const STATS_EVERY: Ms = 1_000.0;
const STATS_WITHIN: Ms = 1_500.0;

/// The moment, on all the clocks that a browser has.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub instant: Instant,
    pub ms: Ms,
    /// Since 1970.
    pub unix: Duration,
}

pub struct Peer {
    pub participant: ParticipantId,
    pub address: SocketAddr,
    /// Half-links of the world.
    pub up: usize,
    pub down: usize,
    pub link: Link,
    pub sender: Option<Sender>,
    pub wants: Vec<ParticipantId>,
    pub players: Vec<Player>,
    pub connected: Option<Ms>,
    fps: f64,
    windows: BTreeMap<u32, BTreeSet<SeqExt>>,
    feedback: Feedback,
    stats: CallStats,
    seed: u64,
}

impl Peer {
    pub fn new(now: Instant, participant: ParticipantId, address: SocketAddr, server: SocketAddr, fps: f64) -> Self {
        let mut link = Link::new(now, address, server);
        link.check_often();
        Self {
            participant,
            address,
            up: 0,
            down: 0,
            link,
            sender: None,
            wants: Vec::new(),
            players: Vec::new(),
            connected: None,
            fps,
            windows: BTreeMap::new(),
            feedback: Feedback::default(),
            stats: CallStats::default(),
            seed: participant.0,
        }
    }

    pub fn offer(&self) -> (String, Publish, Subscribe) {
        offer::write(&self.link, self.sender.as_ref().map(Sender::ssrcs), &self.wants)
    }

    pub fn handle_answer(&mut self, now: Moment, answer: &str) {
        let Taken { ufrag, pwd, red, streams } = offer::read(answer, self.sender.is_some());
        if let Some(sender) = &mut self.sender {
            sender.red = red;
        }
        let fps = self.fps;
        self.players = (0..).zip(streams).map(|(n, s)| Player::new(now.ms, s, fps, self.seed + 77 * n)).collect();
        self.link.handle_answer(now.instant, ufrag, pwd);
    }

    /// All that is due.
    pub fn step(&mut self, now: Moment) {
        if self.link.due().is_some_and(|due| due <= now.instant) {
            self.link.handle_timeout(now.instant);
        }
        if self.link.srtp.is_none() {
            return;
        }
        self.connected.get_or_insert(now.ms);
        self.send(now);
        let (ntp, round_trip) = (NtpTime::from_unix(now.unix), self.stats.round_trip);
        let mut out = Vec::new();
        self.players.iter_mut().for_each(|player| player.tick(now.ms, ntp, round_trip, &mut out));
        self.feedback.write(now.ms, &mut out);
        self.stats.tick(now.ms);
        self.send_rtcp(&out);
    }

    pub fn handle_datagram(&mut self, now: Moment, bytes: Vec<u8>) {
        match self.link.handle_datagram(now.instant, bytes) {
            Opened::Rtp(packet, seq) => self.handle_rtp(now, &packet, seq),
            Opened::Rtcp(compound) => self.handle_rtcp(now, &compound),
            Opened::Nothing => {}
        }
    }

    fn send(&mut self, now: Moment) {
        let (Some(sender), Some(srtp)) = (&mut self.sender, &self.link.srtp) else { return };
        let mut packets = Vec::new();
        sender.tick(now.ms, &mut packets);
        let mut reports = Vec::new();
        sender.reports(now.ms, NtpTime::from_unix(now.unix), &mut reports);
        for packet in packets {
            self.link.out.push(srtp.seal_rtp(packet.write(now.unix), packet.seq));
        }
        if !reports.is_empty() {
            self.link.send_rtcp(reports);
        }
    }

    fn handle_rtp(&mut self, now: Moment, packet: &[u8], seq: SeqExt) {
        let header = RtpHeader::parse(packet).expect("the server sends no rubbish");
        if !self.is_fresh(header.ssrc.0, seq) {
            return;
        }
        if let Some(number) = header.extension(packet, TRANSPORT_CC).and_then(parse_transport_seq) {
            self.feedback.note(now.ms, number, header.ssrc);
        }
        let mut out = Vec::new();
        let round_trip = self.stats.round_trip;
        let player = self.players.iter_mut().find(|player| player.owns(header.ssrc.0)).expect("announced");
        player.handle_rtp(now.ms, packet, &header, seq, round_trip, &mut out);
        self.send_rtcp(&out);
    }

    /// SRTP drops what came before.
    fn is_fresh(&mut self, ssrc: u32, seq: SeqExt) -> bool {
        let window = self.windows.entry(ssrc).or_default();
        let newest = window.last().copied().unwrap_or(seq);
        let fresh = seq.0 + REPLAY_WINDOW > newest.0 && window.insert(seq);
        while window.first().is_some_and(|first| first.0 + REPLAY_WINDOW <= newest.0) {
            window.pop_first();
        }
        fresh
    }

    fn handle_rtcp(&mut self, now: Moment, compound: &[u8]) {
        let ntp = NtpTime::from_unix(now.unix).compact();
        for packet in rtcp::packets(compound) {
            let packet = packet.expect("the server sends no rubbish");
            if let Rtcp::SenderReport(report) = &packet {
                self.players.iter_mut().for_each(|player| player.handle_sender_report(now.ms, &report.info));
            }
            if let Rtcp::Xr(report) = &packet {
                for item in report.items() {
                    if let XrItem::Dlrr(answer) = item
                        && answer.receiver == LOCAL_SSRC
                    {
                        let span = ntp.0.wrapping_sub(answer.last_report.0).wrapping_sub(answer.delay);
                        self.stats.note(now.ms, (f64::from(span.cast_signed()) / 65.536).max(1.0));
                    }
                }
            }
            if let Some(sender) = &mut self.sender {
                sender.handle_rtcp(now.ms, ntp, &packet);
            }
        }
    }

    fn send_rtcp(&mut self, feedback: &[u8]) {
        if feedback.is_empty() {
            return;
        }
        let mut compound = Vec::new();
        receiver_report::write(&mut compound, LOCAL_SSRC, &[]);
        compound.extend_from_slice(feedback);
        self.link.send_rtcp(compound);
    }
}

/// transport-cc: what came, by its transport-wide number.
#[derive(Default)]
struct Feedback {
    arrivals: BTreeMap<u64, i64>,
    newest: Option<SeqExt>,
    media: u32,
    count: u8,
    due: Ms,
}

impl Feedback {
    fn note(&mut self, now: Ms, number: u16, media: Ssrc) {
        let seq = carillon_proto::rtp::Seq(number);
        let ext = self.newest.and_then(|newest| newest.nearest(seq)).unwrap_or_else(|| SeqExt::first(seq));
        self.newest = Some(self.newest.map_or(ext, |newest| newest.max(ext)));
        self.media = media.0;
        self.arrivals.entry(ext.0).or_insert((now * 1_000.0) as i64);
    }

    fn write(&mut self, now: Ms, out: &mut Vec<u8>) {
        if now < self.due {
            return;
        }
        self.due = now + FEEDBACK_EVERY;
        let all: Vec<(u64, i64)> = std::mem::take(&mut self.arrivals).into_iter().collect();
        let mut rest = &all[..];
        while !rest.is_empty() {
            let taken = twcc::write(out, LOCAL_SSRC, Ssrc(self.media), self.count, rest);
            self.count = self.count.wrapping_add(1);
            rest = &rest[taken..];
        }
    }
}

/// The round trip as asking for packets uses it: the greatest of the last 1.5 s, looked at once a second.
#[derive(Default)]
struct CallStats {
    measured: Vec<(Ms, Ms)>,
    due: Ms,
    round_trip: Option<Ms>,
}

impl CallStats {
    fn note(&mut self, now: Ms, round_trip: Ms) {
        self.measured.push((now, round_trip));
    }

    fn tick(&mut self, now: Ms) {
        if now < self.due {
            return;
        }
        self.due = now + STATS_EVERY;
        self.measured.retain(|(at, _)| now - at < STATS_WITHIN);
        if let Some(most) = self.measured.iter().map(|(_, ms)| *ms).reduce(f64::max) {
            self.round_trip = Some(most);
        }
    }
}
