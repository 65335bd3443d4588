//! Media leaving: one participant's receipt of one publication. A subscription is offsets, names and counters; packets
//! lie in the publication's history, keys in the participant's transport.

mod catch_up;
mod descriptor;
mod header;
mod munge;
mod outlet;
mod send;

pub(crate) use outlet::Outlet;

use crate::DropReason;
use crate::ingress::{Packet, Publication};
use crate::recovery::floor::PlayoutFloor;
use crate::recovery::plan;
use crate::recovery::red::Ledger;
use crate::recovery::rtx::Answered;
use crate::transport::{Codec, ExtensionIds, Kind, NegotiatedCodec, Section, SendStream};
use carillon_proto::rtcp::NtpTime;
use carillon_proto::rtcp::sender_report::SenderInfo;
use carillon_proto::rtp::{RtpTime, Seq, SeqExt, Ssrc};
use carillon_proto::rtp_ext::PlayoutDelay;
use catch_up::CatchUp;
use descriptor::Vp8Munger;
use header::Template;
use munge::Munger;
use std::time::{Duration, Instant};

/// Where RTX numbers begin: their own stream, so any number will do (RFC 4588 section 4).
const RTX_FIRST: u64 = 1;

#[derive(Debug)]
pub(crate) struct Subscription {
    /// The participant, as a key into the room's.
    pub(crate) member: u32,
    pub(crate) kind: Kind,
    /// As a key into the room's. `None`: an automatic one that waits for a publication.
    pub(crate) publication: Option<u32>,
    /// The room chooses its publication (WHEP).
    pub(crate) automatic: bool,
    /// The participant may receive this track.
    pub(crate) allowed: bool,
    codecs: Vec<NegotiatedCodec>,
    extensions: ExtensionIds,
    stream: SendStream,
    template: Template,
    floor: PlayoutFloor,
    munger: Munger,
    vp8: Vp8Munger,
    rtx_next: SeqExt,
    /// Numbers from here on went out under the present template, so their repeats are the same bytes.
    repeatable_from: SeqExt,
    /// The publication's epoch that is forwarded; `None` until a place to start was found.
    running: Option<u32>,
    /// How the codec forwarded last is called here.
    codec: Option<Called>,
    /// What the publication sends and nothing here decodes.
    unplayable: Option<Codec>,
    /// The same as it was told last.
    told: Option<Codec>,
    answered: Answered,
    /// A keyframe was asked for again of a source that cannot be asked.
    rejoins: bool,
    rejoined: Option<Instant>,
    catching_up: Option<CatchUp>,
    reds: Ledger,
    packets: u32,
    octets: u32,
    /// Octets at the last sender report: a silent stream reports nothing.
    reported_octets: u32,
    remote: Remote,
}

#[derive(Debug, Clone, Copy)]
struct Called {
    codec: Codec,
    pt: u8,
    rtx_pt: Option<u8>,
    red_pt: Option<u8>,
}

/// Where the numbers of a stream go on after its subscription ended: a number sealed twice under one key gives the key
/// away (RFC 7714 section 10).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    next: SeqExt,
    rtx_next: SeqExt,
}

/// What the participant reports about this stream.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Remote {
    /// Smoothed, 0…1. `None` until reported.
    pub(crate) loss_ratio: Option<f64>,
    pub(crate) jitter: Duration,
}

/// What a subscription lacks after a fan-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lacks {
    Nothing,
    Keyframe,
    /// More is to be sent a little later.
    Time,
}

impl Subscription {
    /// `used` where an earlier subscription sent under the same SSRCs and keys.
    pub(crate) fn new(
        member: u32,
        section: &Section,
        stream: &SendStream,
        playout: PlayoutDelay,
        random: u64,
        used: Option<Used>,
    ) -> Self {
        let munger = Munger::new(random, used.map(|used| used.next));
        Self {
            member,
            kind: section.kind,
            publication: None,
            automatic: false,
            allowed: false,
            codecs: section.codecs.clone(),
            extensions: section.extensions,
            stream: stream.clone(),
            template: Template::new(section.kind, &section.mid, &section.extensions, playout),
            floor: PlayoutFloor::new(playout),
            munger,
            vp8: Vp8Munger::default(),
            rtx_next: used.map_or(SeqExt(RTX_FIRST), |used| used.rtx_next),
            repeatable_from: munger.next(),
            running: None,
            codec: None,
            unplayable: None,
            told: None,
            answered: Answered::default(),
            rejoins: false,
            rejoined: None,
            catching_up: None,
            reds: Ledger::default(),
            packets: 0,
            octets: 0,
            reported_octets: 0,
            remote: Remote::default(),
        }
    }

    /// See `room::ahead`.
    pub(crate) fn read_ahead(&self) -> u64 {
        let codec = self.codec.map_or(0, |called| called.pt);
        let remote = self.remote.jitter.subsec_nanos();
        self.munger.next().0 ^ self.template.read_ahead() ^ u64::from(self.octets ^ u32::from(codec) ^ remote)
    }

    /// What must not be sealed again under the same keys.
    pub(crate) fn used(&self) -> Used {
        Used { next: self.munger.next(), rtx_next: self.rtx_next }
    }

    /// Takes over what a later offer negotiated for the same section.
    pub(crate) fn renegotiate(&mut self, section: &Section, playout: PlayoutDelay) {
        if self.codecs == section.codecs && self.extensions == section.extensions {
            return;
        }
        self.codecs.clone_from(&section.codecs);
        self.extensions = section.extensions;
        self.template = Template::new(section.kind, &section.mid, &section.extensions, playout);
        self.template.set_playout(self.floor.delay());
        self.repeatable_from = self.munger.next();
        self.codec = None;
    }

    /// Of the media clock. All codecs of one kind that are negotiated share it.
    pub(crate) fn clock_hz(&self) -> u32 {
        self.codecs.first().map_or(90_000, |c| c.clock_rate)
    }

    /// Whether a codec was negotiated that decodes `source`.
    pub(crate) fn decodes(&self, source: Codec) -> bool {
        self.codecs.iter().any(|c| c.codec.decodes(source))
    }

    /// What the subscriber cannot play (`Some(None)`: it can again), once per change.
    pub(crate) fn poll_unplayable(&mut self) -> Option<Option<Codec>> {
        let changed = self.unplayable != self.told;
        self.told = self.unplayable;
        changed.then_some(self.told)
    }

    /// The player is to keep this much in hand; packets tell it from now on.
    pub(crate) fn need_playout(&mut self, now: Instant, needed: Duration) {
        if self.kind == Kind::Video
            && let Some(delay) = self.floor.update(now, needed)
        {
            self.template.set_playout(delay);
            self.repeatable_from = self.munger.next();
        }
    }

    pub(crate) fn stream(&self) -> &SendStream {
        &self.stream
    }

    pub(crate) fn remote(&self) -> Remote {
        self.remote
    }

    /// Follows another publication from its next place to start.
    pub(crate) fn follow(&mut self, publication: Option<u32>) {
        if self.publication != publication {
            self.publication = publication;
            self.pause();
            (self.unplayable, self.told) = (None, None);
        }
    }

    /// Starts anew at the next place to start (the privilege was taken, the transport was replaced).
    pub(crate) fn pause(&mut self) {
        self.running = None;
        self.catching_up = None;
    }

    /// Sends what came into the publication since the last fan-out, or starts.
    pub(crate) fn forward(
        &mut self,
        publication: &Publication,
        late_start: Duration,
        outlet: &mut Outlet<'_>,
    ) -> Lacks {
        if !self.allowed {
            return Lacks::Nothing;
        }
        let before = self.octets;
        let lacks = self.go_on(publication, late_start, outlet);
        if publication.feed.is_some() && self.kind == Kind::Video {
            outlet.fed.add(outlet.now, self.octets.wrapping_sub(before) as usize);
        }
        lacks
    }

    fn go_on(&mut self, publication: &Publication, late_start: Duration, outlet: &mut Outlet<'_>) -> Lacks {
        if self.running == Some(publication.epoch()) {
            if std::mem::take(&mut self.rejoins) {
                self.start_again(publication, outlet.now);
            }
            let fed = publication.feed.is_some() && self.kind == Kind::Video;
            if fed && outlet.pace.is_some() && self.catching_up.is_none() {
                self.slow_down(publication, outlet.now);
            }
            if self.catching_up.is_some() {
                return self.catch_up(publication, outlet);
            }
            for seq in &publication.pending {
                if let Some(packet) = publication.history().get(*seq) {
                    self.send(publication.history(), packet, outlet);
                }
            }
            return Lacks::Nothing;
        }
        // Before a keyframe is waited for: it would play as little.
        let newest = publication.pending.iter().max().and_then(|seq| publication.history().get(*seq));
        if newest.is_some_and(|packet| self.called(packet.codec).is_none()) {
            outlet.stats.count_drop(DropReason::NoCodec);
            return Lacks::Nothing;
        }
        let Some(first) = self.place_to_start(publication, late_start, outlet.now) else {
            return if self.kind == Kind::Video { Lacks::Keyframe } else { Lacks::Nothing };
        };
        if self.called(first.codec).is_none() {
            outlet.stats.count_drop(DropReason::NoCodec);
            return Lacks::Nothing;
        }
        if publication.feed.is_some() && self.kind == Kind::Video {
            self.start_late(first, publication, outlet.now);
            return self.catch_up(publication, outlet);
        }
        self.start(first, publication.epoch(), outlet.now);
        for packet in publication.history().since(first.seq).filter(|packet| !publication.is_waiting(packet)) {
            self.send(publication.history(), packet, outlet);
        }
        Lacks::Nothing
    }

    /// Answers a request for `seq`, now or, where the packet may only be late, when it would have come. `later`: what the
    /// same request names after it.
    pub(crate) fn repair(
        &mut self,
        publication: &Publication,
        seq: Seq,
        later: &[Seq],
        outlet: &mut Outlet<'_>,
    ) -> Result<(), DropReason> {
        let source = self.munger.source_of(seq).filter(|_| self.running == Some(publication.epoch()));
        let (source, out) = source.ok_or(DropReason::RepairGone)?;
        let packet = publication.history().get(source).ok_or(DropReason::RepairGone)?;
        if self.is_carried(packet, seq, later, outlet) {
            return Err(DropReason::RepairCarried);
        }
        // It left when it came. Who asked for it then had not seen what is under way since.
        let left_ago = outlet.now.saturating_duration_since(packet.leaves);
        if left_ago < plan::under_way(outlet.shortest_round_trip) {
            return Err(DropReason::RepairTwice);
        }
        let due = packet.leaves + outlet.plan.hold;
        if due <= outlet.now {
            return self.answer(publication, source, out, outlet);
        }
        let held = outlet.copies.hold(outlet.now, due, self.stream.ssrc, source, out);
        if held { Ok(()) } else { Err(DropReason::RepairTwice) }
    }

    /// Answers a request: video as RTX, audio (and video without RTX) by the same bytes again.
    pub(crate) fn answer(
        &mut self,
        publication: &Publication,
        source: SeqExt,
        out: SeqExt,
        outlet: &mut Outlet<'_>,
    ) -> Result<(), DropReason> {
        let packet = self.still_there(publication, source, out).ok_or(DropReason::RepairGone)?;
        let again_after = plan::answer_again_after(outlet.round_trip, outlet.plan.congested);
        if !self.answered.allow(outlet.now, out, again_after) {
            return Err(DropReason::RepairTwice);
        }
        let called = self.called(packet.codec).ok_or(DropReason::NoCodec)?;
        let (copies, _) = self.protection(called, outlet);
        let plan = plan::answer_copies(copies);
        if !outlet.budget.spend(packet.payload.len() * (1 + usize::from(plan.count))) {
            return Err(DropReason::RepairBudget);
        }
        if !self.send_again(publication.history(), packet, out, called, outlet) {
            return Err(DropReason::RepairGone);
        }
        outlet.stats.rtx_out += 1;
        outlet.copies.add(outlet.now, self.stream.ssrc, source, out, plan);
        Ok(())
    }

    /// Sends a packet again that left under `out`, unasked.
    pub(crate) fn copy(&mut self, publication: &Publication, source: SeqExt, out: SeqExt, outlet: &mut Outlet<'_>) {
        let Some(packet) = self.still_there(publication, source, out) else { return };
        let Some(called) = self.called(packet.codec) else { return };
        if self.send_again(publication.history(), packet, out, called, outlet) {
            outlet.stats.copies_out += 1;
        }
    }

    /// The packet that left under `out`. After a new start its number stands for another packet, or for another time of
    /// the same one: sealed again it would give the key away (RFC 7714 section 10).
    fn still_there<'a>(&self, publication: &'a Publication, source: SeqExt, out: SeqExt) -> Option<&'a Packet> {
        let mapped = self.munger.source_of(out.seq()) == Some((source, out));
        let running = self.running == Some(publication.epoch());
        publication.history().get(source).filter(|_| running && mapped)
    }

    /// What the subscriber needs to play this stream in sync with others of the publisher: `ntp` is this server's clock
    /// at a moment when the publisher's media clock read `media`. `None` while nothing new was sent.
    pub(crate) fn sender_info(&mut self, ntp: NtpTime, media: RtpTime) -> Option<SenderInfo> {
        if self.running.is_none() || self.octets == self.reported_octets {
            return None;
        }
        self.reported_octets = self.octets;
        Some(SenderInfo {
            ssrc: Ssrc(self.stream.ssrc),
            ntp,
            rtp_time: self.munger.map_time(media),
            packets: self.packets,
            octets: self.octets,
        })
    }

    /// A report block about this stream.
    pub(crate) fn handle_report(&mut self, fraction_lost: u8, jitter_ticks: u32) {
        let loss = f64::from(fraction_lost) / 256.0;
        let smoothed = self.remote.loss_ratio.map_or(loss, |before| before + 0.5 * (loss - before));
        let clock_hz = self.clock_hz();
        self.remote = Remote {
            loss_ratio: Some(smoothed),
            jitter: carillon_proto::rtp::ticks_to_duration(jitter_ticks, clock_hz),
        };
    }

    /// Audio starts with what just came. Video starts with a keyframe: one that just came, or a recent one that is
    /// still whole.
    fn place_to_start<'a>(
        &self,
        publication: &'a Publication,
        late_start: Duration,
        now: Instant,
    ) -> Option<&'a Packet> {
        let history = publication.history();
        match self.kind {
            Kind::Audio => publication.pending.iter().min().and_then(|seq| history.get(*seq)),
            Kind::Video => {
                let (first, known) = history.newest_keyframe()?;
                let fresh = publication.pending.iter().any(|seq| (first.seq..=known).contains(seq));
                let recent = now.saturating_duration_since(first.arrival) <= late_start;
                (fresh || recent && history.is_whole_since(first.seq)).then_some(first)
            }
        }
    }

    fn start(&mut self, first: &Packet, epoch: u32, now: Instant) {
        self.munger.switch(now, first.seq, first.time, self.clock_hz());
        if let Some(numbers) = first.marks.vp8 {
            self.vp8.switch(numbers);
        }
        self.running = Some(epoch);
    }
}
