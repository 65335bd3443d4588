//! A scripted client: a browser's page and its peer connection, as far as the server can tell.

use crate::link::{Link, Opened};
use crate::player::Player;
use crate::publisher::{Content, Publisher, RED, VP8_RTX};
use carillon_proto::gateway::TrackName::{self, Camera, Microphone};
use carillon_proto::red::Red;
use carillon_proto::rtcp::{self, NtpTime, Rtcp, nack, pli, receiver_report, sdes, sender_report};
use carillon_proto::rtp::{RtpHeader, SeqExt, Ssrc};
use carillon_proto::rtx;
use carillon_proto::sdp::Session;
use carillon_proto::time::Now;
use carillon_sfu::{ParticipantId, Publish, Subscribe, Wanted};
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The rhythm in which a client captures, asks and reports.
pub const TICK: Duration = Duration::from_millis(20);

pub enum Role {
    Sends(Publisher),
    Receives { from: ParticipantId, player: Option<Player> },
}

pub struct Section {
    pub track: TrackName,
    pub role: Role,
}

pub struct Client {
    pub participant: ParticipantId,
    pub address: SocketAddr,
    pub link: Link,
    pub sections: Vec<Section>,
    /// It captures.
    pub talks: bool,
    /// Ticks between two packets of sound and two pictures.
    pub rhythm: (u64, u64),
    pub connected_at: Option<Instant>,
    pub gone: bool,
    /// The timer that the world holds for it.
    pub scheduled: Option<Instant>,
    ticks: u64,
    tick_due: Instant,
    offers: u32,
}

impl Client {
    pub fn new(now: Instant, participant: ParticipantId, address: SocketAddr, server: SocketAddr) -> Self {
        Self {
            participant,
            address,
            link: Link::new(now, address, server),
            sections: Vec::new(),
            talks: true,
            rhythm: (3, 4),
            connected_at: None,
            gone: false,
            scheduled: None,
            ticks: 0,
            tick_due: now + TICK,
            offers: 0,
        }
    }

    pub fn add_tracks(&mut self, now: Instant, tag: u32) {
        for (track, tag) in [(Microphone, 2 * tag), (Camera, 2 * tag + 1)] {
            let publisher = Publisher::new(now, track == Camera, tag);
            self.sections.push(Section { track, role: Role::Sends(publisher) });
        }
    }

    pub fn add_wish(&mut self, from: ParticipantId) {
        for track in [Microphone, Camera] {
            self.sections.push(Section { track, role: Role::Receives { from, player: None } });
        }
    }

    pub fn offer(&mut self) -> (String, Publish, Subscribe) {
        self.offers += 1;
        let (ufrag, pwd) = self.link.ufrag();
        let mids: Vec<String> = (0..self.sections.len()).map(|mid| mid.to_string()).collect();
        let mut sdp = format!(
            "v=0\r\no=- 7 {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=ice-ufrag:{ufrag}\r\n\
             a=ice-pwd:{pwd}\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\n",
            self.offers,
            mids.join(" "),
            Link::fingerprint()
        );
        let (mut publish, mut subscribe) = (Vec::new(), Vec::new());
        for (section, mid) in self.sections.iter().zip(mids) {
            write_section(&mut sdp, section, &mid);
            match &section.role {
                Role::Sends(_) => publish.push((mid, section.track)),
                Role::Receives { from, .. } => {
                    subscribe.push(Wanted { mid, publisher: *from, track: section.track });
                }
            }
        }
        (sdp, Publish::Named(publish), Subscribe::Named(subscribe))
    }

    pub fn handle_answer(&mut self, now: Instant, answer: &str) {
        let answer = Session::parse(answer).expect("a good answer");
        for (section, answered) in self.sections.iter_mut().zip(&answer.sections) {
            if let Role::Receives { player, .. } = &mut section.role
                && player.is_none()
                && let Some(first) = answered.ssrcs.first()
            {
                let rtx = answered.ssrcs.get(1).map(|s| s.ssrc);
                *player = Some(Player::new(section.track == Camera, first.ssrc, rtx));
            }
        }
        let security = &answer.sections[0].security;
        let (ufrag, pwd) = (security.ice_ufrag.clone(), security.ice_pwd.clone());
        self.link.handle_answer(now, ufrag.expect("a ufrag"), pwd.expect("a password"));
    }

    pub fn publishers(&self) -> impl Iterator<Item = &Publisher> {
        self.sections.iter().filter_map(|section| match &section.role {
            Role::Sends(publisher) => Some(publisher),
            Role::Receives { .. } => None,
        })
    }

    pub fn players(&self) -> impl Iterator<Item = (ParticipantId, &Player)> {
        self.sections.iter().filter_map(|section| match &section.role {
            Role::Receives { from, player } => Some((*from, player.as_ref()?)),
            Role::Sends(_) => None,
        })
    }

    pub fn due(&mut self) -> Instant {
        self.link.due().map_or(self.tick_due, |due| due.min(self.tick_due))
    }

    pub fn handle_timeout(&mut self, now: Now) {
        self.link.handle_timeout(now.instant);
        if self.tick_due > now.instant {
            return;
        }
        self.tick_due = now.instant + TICK;
        if self.link.srtp.is_some() {
            self.connected_at.get_or_insert(now.instant);
            self.tick(now);
        }
    }

    pub fn handle_datagram(&mut self, now: Instant, bytes: Vec<u8>) {
        match self.link.handle_datagram(now, bytes) {
            Opened::Rtp(packet, seq) => self.handle_rtp(now, &packet, seq),
            Opened::Rtcp(compound) => self.handle_rtcp(now, &compound),
            Opened::Nothing => {}
        }
    }

    /// Asks for a keyframe of everything, needed or not.
    pub fn beg(&mut self) {
        let ssrcs: Vec<u32> = self.players().filter(|(_, p)| p.video).map(|(_, p)| p.ssrc).collect();
        self.send_rtcp(|out| ssrcs.iter().for_each(|ssrc| pli::write(out, Ssrc(1), Ssrc(*ssrc))));
    }

    fn tick(&mut self, now: Now) {
        self.ticks += 1;
        if self.talks {
            self.capture(now.instant);
        }
        self.ask(now.instant);
        if self.ticks.is_multiple_of(50) {
            self.report(now);
        }
    }

    fn capture(&mut self, now: Instant) {
        let (audio, video) = self.rhythm;
        let Some(srtp) = &self.link.srtp else { return };
        for section in &mut self.sections {
            let every = if section.track == Camera { video } else { audio };
            if let Role::Sends(publisher) = &mut section.role
                && self.ticks.is_multiple_of(every)
            {
                publisher.frame(now, srtp, &mut self.link.out);
            }
        }
    }

    fn ask(&mut self, now: Instant) {
        let mut feedback = Vec::new();
        for section in &mut self.sections {
            let Role::Receives { player: Some(player), .. } = &mut section.role else { continue };
            let mut ask = player.ask(now);
            while !ask.is_empty() {
                let taken = nack::write(&mut feedback, Ssrc(1), Ssrc(player.ssrc), &ask);
                ask.drain(..taken);
            }
            if player.asks_keyframe(now) {
                pli::write(&mut feedback, Ssrc(1), Ssrc(player.ssrc));
            }
        }
        if !feedback.is_empty() {
            self.send_rtcp(|out| out.extend_from_slice(&feedback));
        }
    }

    /// Each second: a sender report for each stream, report blocks for what comes.
    fn report(&mut self, now: Now) {
        let ntp = NtpTime::from_wall(now.wall);
        let mut blocks = Vec::new();
        let mut infos = Vec::new();
        for section in &mut self.sections {
            match &mut section.role {
                Role::Sends(publisher) => infos.push(publisher.sender_info(now.instant, ntp)),
                Role::Receives { player, .. } => blocks.extend(player.as_mut().and_then(|p| p.block(now.instant))),
            }
        }
        self.send_rtcp(|out| {
            infos.iter().for_each(|info| sender_report::write(out, info, &[]));
            blocks.chunks(31).for_each(|blocks| receiver_report::write(out, Ssrc(1), blocks));
        });
    }

    fn send_rtcp(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut compound = Vec::new();
        receiver_report::write(&mut compound, Ssrc(1), &[]);
        sdes::write_cname(&mut compound, Ssrc(1), "client");
        write(&mut compound);
        self.link.send_rtcp(compound);
    }

    fn handle_rtp(&mut self, now: Instant, packet: &[u8], seq: SeqExt) {
        let header = RtpHeader::parse(packet).expect("the server sends no rubbish");
        let payload = header.payload(packet).expect("the server sends no rubbish");
        for section in &mut self.sections {
            let Role::Receives { player: Some(player), .. } = &mut section.role else { continue };
            if player.ssrc == header.ssrc.0 {
                let newest = Content::read(payload);
                let red = Red::parse(payload).ok().filter(|_| header.pt == RED);
                for block in red.iter().flat_map(|red| red.redundant()) {
                    // One packet is one frame.
                    let older = Content::read(block.data);
                    let number = SeqExt(seq.0 - u64::from(newest.frame - older.frame));
                    player.handle(now, number, older, true);
                }
                return player.handle(now, seq, newest, false);
            }
            if player.rtx_ssrc == Some(header.ssrc.0) {
                assert_eq!(header.pt, VP8_RTX);
                let (number, payload) = rtx::unwrap(payload).expect("a repair");
                if let Some(seq) = player.nearest(number) {
                    player.handle(now, seq, Content::read(payload), true);
                }
                return;
            }
        }
        panic!("{:?} belongs to no section", header.ssrc);
    }

    fn handle_rtcp(&mut self, now: Instant, compound: &[u8]) {
        for packet in rtcp::packets(compound) {
            match packet.expect("the server sends no rubbish") {
                Rtcp::SenderReport(report) => {
                    let of = |p: &&mut Player| p.ssrc == report.info.ssrc.0;
                    if let Some(player) = self.players_mut().find(of) {
                        player.handle_sender_report(now, report.info.ntp);
                    }
                }
                Rtcp::ReceiverReport(report) => {
                    report.blocks().for_each(|b| self.of_ssrc(b.ssrc, |p, _, _| p.reports.push(b)));
                }
                Rtcp::Nack(nack) => {
                    self.of_ssrc(nack.media, |p, srtp, out| nack.seqs().for_each(|seq| p.repair(seq, srtp, out)));
                }
                Rtcp::Pli(pli) => self.of_ssrc(pli.media, |p, _, _| p.ask_keyframe(now)),
                Rtcp::Fir(fir) => {
                    fir.entries().for_each(|(ssrc, _)| self.of_ssrc(ssrc, |p, _, _| p.ask_keyframe(now)));
                }
                _ => {}
            }
        }
    }

    fn players_mut(&mut self) -> impl Iterator<Item = &mut Player> {
        self.sections.iter_mut().filter_map(|section| match &mut section.role {
            Role::Receives { player, .. } => player.as_mut(),
            Role::Sends(_) => None,
        })
    }

    fn of_ssrc(&mut self, ssrc: Ssrc, act: impl FnOnce(&mut Publisher, &crate::srtp::Srtp, &mut Vec<Vec<u8>>)) {
        let Some(srtp) = &self.link.srtp else { return };
        for section in &mut self.sections {
            if let Role::Sends(publisher) = &mut section.role
                && publisher.ssrc == ssrc.0
            {
                return act(publisher, srtp, &mut self.link.out);
            }
        }
    }
}

fn write_section(sdp: &mut String, section: &Section, mid: &str) {
    let media = match section.track {
        Camera | TrackName::Screen => {
            "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n\
             a=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 goog-remb\r\na=rtpmap:97 rtx/90000\r\n\
             a=fmtp:97 apt=96\r\n"
        }
        Microphone | TrackName::ScreenAudio => {
            "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n\
             a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
        }
    };
    write!(sdp, "{media}a=mid:{mid}\r\na=rtcp-mux\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n")
        .expect("text");
    match &section.role {
        Role::Sends(publisher) => {
            let (ssrc, rtx) = (publisher.ssrc, publisher.rtx_ssrc());
            sdp.push_str("a=sendonly\r\n");
            if publisher.video {
                write!(sdp, "a=ssrc-group:FID {ssrc} {rtx}\r\na=ssrc:{rtx} cname:c\r\n").expect("text");
            }
            write!(sdp, "a=ssrc:{ssrc} cname:c\r\n").expect("text");
        }
        Role::Receives { .. } => sdp.push_str("a=recvonly\r\n"),
    }
}
