//! One track offered in a room: its streams, its history, its repair. It outlives the transport that carries it, so that
//! a publisher who reconnects goes on feeding the same subscriptions.

use super::hold::Hold;
use super::lateness::{JITTER, Lateness};
use super::layer::Layer;
use super::sender_clock::SenderClock;
use super::{Marks, Packet};
use crate::playout::{Feed, Playout};
use crate::recovery::history::{History, Insert, Limits};
use crate::recovery::keyframe::{KeyframeRequests, Wish};
use crate::recovery::nack::NackGenerator;
use crate::recovery::plan::{self, Leg, Loss, NackPlan, ReportPlan};
use crate::transport::{Codec, Kind};
use crate::{DropReason, ParticipantId};
use carillon_config::media::Media;
use carillon_proto::gateway::TrackName;
use carillon_proto::rtcp::ReportBlock;
use carillon_proto::rtcp::sender_report::SenderInfo;
use carillon_proto::rtp::{RtpTime, Seq, SeqExt};
use std::time::{Duration, Instant};

/// Layers of one publication: three spatial ones and one to spare.
const LAYERS_MAX: usize = 4;
/// Another layer takes over when it brings this much more.
const BETTER: f64 = 1.3;
/// Payloads are carved from allocations of this size: about a second of speech, a quarter of a second of video.
const AUDIO_CHUNK: usize = 4 << 10;
const VIDEO_CHUNK: usize = 64 << 10;
/// What is kept of a feed at least, within the bounds of packets and bytes: two keyframe intervals of a usual stream.
const FEED_KEPT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) owner: ParticipantId,
    pub(crate) track: TrackName,
    pub(crate) kind: Kind,
    /// A section of the owner's transport carries it now.
    pub(crate) live: bool,
    /// Its first media came, and its end was not told yet.
    pub(crate) started: bool,
    /// Subscriptions of it, as keys into the room's.
    pub(crate) subscribers: Vec<u32>,
    /// Came in since the last fan-out, in order of arrival.
    pub(crate) pending: Vec<SeqExt>,
    /// It stands in the room's list of publications to fan out.
    pub(crate) queued: bool,
    pub(crate) keyframes: KeyframeRequests,
    /// The newest packet when a keyframe was last wished for: one that begins behind it serves the wish.
    wished_after: Option<SeqExt>,
    layers: Vec<Layer>,
    /// The layer that is forwarded.
    active: Option<usize>,
    /// Counts sources: numbers and times of different ones have nothing to do with each other.
    epoch: u32,
    history: History,
    nack: NackGenerator,
    plan: NackPlan,
    late: Option<Lateness>,
    /// What players are to wait for, as it was at the last report: of video alone.
    lateness: Duration,
    /// Sound that came and is not yet to be fanned out.
    hold: Option<Hold>,
    /// As it was at the last report.
    path: PathState,
    /// Its frames come by another wire.
    pub(crate) feed: Option<Box<Feed>>,
    /// Its frames leave by another wire.
    pub(crate) playout: Option<Box<Playout>>,
}

/// An authenticated packet of media, with RTX and RED taken off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received<'a> {
    pub(crate) seq: SeqExt,
    pub(crate) time: RtpTime,
    pub(crate) marker: bool,
    pub(crate) codec: Codec,
    pub(crate) payload: &'a [u8],
    pub(crate) level: Option<u8>,
    pub(crate) orientation: Option<u8>,
    pub(crate) content_type: Option<u8>,
    /// It came as RTX or inside RED.
    pub(crate) repair: bool,
}

/// What is known of the way from a publisher.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PathState {
    pub(crate) round_trip: Option<Duration>,
    /// Loss of the publisher's video, whose repairs come as RTX and are told from the rest. `None`: it sends none.
    pub(crate) video_loss: Option<f64>,
    /// How late packets of its video come that are only out of order.
    pub(crate) reorder: Duration,
    /// What it loses while no queue stands on it, and whether one does.
    pub(crate) loss_by_chance: f64,
    pub(crate) congested: bool,
}

/// What became of a packet that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// First media of the publication.
    pub(crate) started: bool,
    pub(crate) keyframe: bool,
    pub(crate) recovered: bool,
    /// Upper bound of the round trip to the publisher.
    pub(crate) round_trip: Option<Duration>,
    pub(crate) lost: u64,
    /// What is missing of the picture cannot be had in time.
    pub(crate) unrepairable: bool,
}

impl Publication {
    pub(crate) fn new(owner: ParticipantId, track: TrackName, config: &Media) -> Self {
        let kind = kind_of(track);
        let limits =
            Limits { age: config.history(), packets: config.history_packets_max, bytes: config.history_bytes_max };
        let chunk = match kind {
            Kind::Audio => AUDIO_CHUNK,
            Kind::Video => VIDEO_CHUNK,
        };
        let leg = Leg { loss: Loss::default(), round_trip: None, reorder: Duration::ZERO, kind };
        Self {
            owner,
            track,
            kind,
            live: false,
            started: false,
            subscribers: Vec::new(),
            pending: Vec::new(),
            queued: false,
            keyframes: KeyframeRequests::new(config.keyframes_per_second_max),
            wished_after: None,
            layers: Vec::new(),
            active: None,
            epoch: 0,
            history: History::new(limits, chunk),
            nack: NackGenerator::default(),
            plan: plan::nack_plan(leg),
            late: None,
            lateness: Duration::ZERO,
            hold: None,
            path: PathState::default(),
            feed: None,
            playout: None,
        }
    }

    /// Frames come by another wire from now on. A feed in the place of another goes on where that was.
    pub(crate) fn attach_feed(&mut self, mut feed: Feed, config: &Media) {
        if let Some(before) = self.feed.take() {
            feed.follow(&before);
        }
        // Keyframes cannot be asked for: the pictures since the last one are what a subscriber starts from.
        self.history.set_age(config.history().max(FEED_KEPT));
        self.live = true;
        self.feed = Some(Box::new(feed));
    }

    /// The layer of a stream that was not heard before, made where there is room. A stream without a rid takes the place
    /// of another one without, once that fell silent.
    pub(crate) fn bind(
        &mut self,
        now: Instant,
        ssrc: u32,
        rid: Option<&str>,
        seq: SeqExt,
        clock_hz: u32,
    ) -> Option<usize> {
        if let Some(known) = self.layers.iter().position(|layer| layer.ssrc == ssrc) {
            return Some(known);
        }
        let layer = Layer::new(now, ssrc, rid.map(str::to_owned), seq, clock_hz);
        if let Some(same) = self.layers.iter().position(|layer| layer.rid.as_deref() == rid) {
            if self.layers[same].is_on(now) {
                return None;
            }
            self.layers[same] = layer;
            if self.active == Some(same) {
                self.activate(None);
            }
            return Some(same);
        }
        (self.layers.len() < LAYERS_MAX).then(|| {
            self.layers.push(layer);
            self.layers.len() - 1
        })
    }

    /// The layer that a stream known by its SSRC feeds.
    pub(crate) fn layer_of(&self, ssrc: u32) -> Option<usize> {
        self.layers.iter().position(|layer| layer.ssrc == ssrc)
    }

    /// The layer that a repair stream without an announced partner repairs.
    pub(crate) fn layer_of_rid(&self, rid: Option<&str>) -> Option<usize> {
        let named = |layer: &Layer| layer.rid.as_deref() == rid;
        self.layers.iter().position(named).or_else(|| (self.layers.len() == 1).then_some(0))
    }

    /// The 64-bit number of the packet of `layer` that RTX or RED names.
    pub(crate) fn extend(&self, layer: usize, seq: Seq) -> Option<SeqExt> {
        self.layers.get(layer)?.reception.extend(seq)
    }

    /// Takes a packet into the history, to be fanned out.
    pub(crate) fn handle_media(
        &mut self,
        now: Instant,
        layer: usize,
        received: Received<'_>,
    ) -> Result<Taken, DropReason> {
        let from = self.layers.get_mut(layer).ok_or(DropReason::UnknownSsrc)?;
        from.heard = now;
        from.throughput.add(now, received.payload.len());
        if *self.active.get_or_insert(layer) != layer {
            from.reception.count(now, received.seq, received.time);
            return Err(DropReason::UnusedLayer);
        }
        self.note_jitter(now, layer, &received);
        if self.history.get(received.seq).is_some() {
            if !received.repair && self.nack.handle_late(now, received.seq) {
                self.layers[layer].reception.count(now, received.seq, received.time);
            }
            return Err(DropReason::Duplicate);
        }
        if self.history.is_past(received.seq) {
            return Err(DropReason::Late);
        }
        if self.history.is_beyond(received.seq) {
            // Receivers tell rollovers by distance (RFC 3711 section 3.3.1): a leap starts anew with numbers that follow.
            self.activate(Some(layer));
        }
        let arrival = self.nack.handle_packet(now, received.seq, received.repair, self.plan);
        // A publisher repeats audio under the same number: what came after it was asked for did not come by itself.
        let repeated = received.repair || self.kind == Kind::Audio && arrival.asked;
        if !repeated {
            self.layers[layer].reception.count(now, received.seq, received.time);
        }
        let clock_hz = self.layers[layer].reception.clock_hz();
        let late = self.late.get_or_insert_with(|| Lateness::new(now));
        late.note(now, received.time, clock_hz);
        let fastest = self.hold.as_ref().and_then(|_| late.fastest(received.time, clock_hz));
        if self.hold.as_ref().is_some_and(|hold| hold.is_old(now)) {
            self.even_out(now);
        }
        let leaves = self.hold.as_ref().map_or(now, |hold| hold.leaves(now, fastest));
        let keyframe = self.keep(now, leaves, received);
        let started = !std::mem::replace(&mut self.started, true);
        Ok(Taken {
            started,
            keyframe,
            recovered: arrival.recovered,
            round_trip: arrival.answered_in,
            lost: arrival.lost,
            unrepairable: self.kind == Kind::Video && !keyframe && (arrival.outage || arrival.lost > 0),
        })
    }

    pub(crate) fn handle_sender_report(&mut self, now: Instant, info: &SenderInfo) -> bool {
        let layer = self.layers.iter_mut().find(|layer| layer.ssrc == info.ssrc.0);
        layer.map(|layer| layer.handle_sender_report(now, info)).is_some()
    }

    /// The publisher's clocks for the layer that is forwarded.
    pub(crate) fn clock(&self) -> Option<SenderClock> {
        self.layers.get(self.active?)?.clock
    }

    /// The SSRC whose keyframes and repairs are asked for.
    pub(crate) fn active_ssrc(&self) -> Option<u32> {
        Some(self.layers.get(self.active?)?.ssrc)
    }

    pub(crate) fn ssrcs(&self) -> impl Iterator<Item = u32> {
        self.layers.iter().map(|layer| layer.ssrc)
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// `seq` is one that would be kept and is not there.
    pub(crate) fn lacks(&self, seq: SeqExt) -> bool {
        self.history.get(seq).is_none() && !self.history.is_past(seq)
    }

    /// A subscriber needs a keyframe to start or to go on.
    pub(crate) fn want_keyframe(&mut self) -> Option<Wish> {
        let wanted = self.kind == Kind::Video && self.live && self.feed.is_none();
        wanted.then(|| {
            self.wished_after = self.history.head();
            self.keyframes.want()
        })
    }

    /// How late packets come that are only out of order.
    pub(crate) fn reorder(&self) -> Duration {
        self.nack.reorder()
    }

    /// Packets missed in a row, on average.
    pub(crate) fn burst_packets(&self) -> f64 {
        self.nack.burst_packets()
    }

    pub(crate) fn nack_plan(&self) -> NackPlan {
        self.plan
    }

    pub(crate) fn nack_due(&self) -> Option<Instant> {
        self.nack.next_due()
    }

    /// Adds what is to be asked for now to `ask`; yields how often, and how many packets were given up.
    pub(crate) fn poll_nack(&mut self, now: Instant, ask: &mut Vec<SeqExt>) -> (u8, u64) {
        let lost = self.nack.poll(now, self.plan, ask);
        (self.plan.copies, lost)
    }

    /// Once per report interval: reports on each stream, and the choice of layer and plan for the next one.
    pub(crate) fn report(&mut self, now: Instant, path: PathState, plan: ReportPlan, blocks: &mut Vec<ReportBlock>) {
        for layer in &mut self.layers {
            if layer.is_on(now) {
                blocks.push(layer.report(now, plan));
            }
        }
        let reorder = path.reorder.max(self.nack.reorder());
        self.path = path;
        let late = self.late.as_ref().filter(|_| self.kind == Kind::Video);
        self.lateness = late.map_or(Duration::ZERO, |late| late.waited_for(reorder));
        self.plan_for(path);
        self.choose_layer(now);
    }

    /// Sound is evened out here where a subscriber's path has jitter too. Where its own path loses, repairs come late by
    /// themselves; where a queue stands on it, that is to go.
    fn even_out(&mut self, now: Instant) {
        let loss = self.loss(self.path);
        let calm = loss.now < plan::LOSS_PATIENT && !loss.congested;
        let Some(hold) = self.hold.as_mut() else { return };
        let reorder = self.path.reorder.max(self.nack.reorder());
        let late = self.late.as_ref().filter(|_| calm && hold.is_wanted(now));
        hold.note(now, late.map_or(Duration::ZERO, |late| late.jitter(reorder)));
    }

    /// How late packets of its come on the way to a subscriber that are only out of order.
    pub(crate) fn note_downlink(&mut self, now: Instant, reorder: Duration) {
        if self.kind == Kind::Audio && self.feed.is_none() && reorder >= JITTER {
            self.hold.get_or_insert_with(|| Hold::new(now)).want(now);
        }
    }

    /// Whether the packet came first as itself or in another does not matter here.
    fn note_jitter(&mut self, now: Instant, layer: usize, received: &Received<'_>) {
        let (Some(hold), Some(late)) = (self.hold.as_mut().filter(|_| !received.repair), &self.late) else { return };
        if let Some(fastest) = late.fastest(received.time, self.layers[layer].reception.clock_hz()) {
            hold.note_late(now.saturating_duration_since(fastest));
        }
    }

    /// How much later than others of its age sound came, on average, before it was evened out.
    pub(crate) fn evened(&self) -> Duration {
        self.hold.as_ref().map_or(Duration::ZERO, Hold::evened)
    }

    /// Packets go on so long after the fastest of their path.
    pub(crate) fn held(&self) -> Duration {
        self.hold.as_ref().map_or(Duration::ZERO, Hold::span)
    }

    /// Not yet to be sent to anybody.
    pub(crate) fn is_waiting(&self, packet: &Packet) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.is_waiting(packet.leaves, packet.seq))
    }

    pub(crate) fn release_due(&self) -> Option<Instant> {
        self.hold.as_ref()?.next_due()
    }

    /// Puts what waited long enough to what is to be fanned out; false where there is nothing.
    pub(crate) fn release(&mut self, now: Instant) -> bool {
        let Some(hold) = self.hold.as_mut() else { return false };
        self.pending.extend(std::iter::from_fn(|| hold.take_due(now)));
        !self.pending.is_empty()
    }

    /// Where nothing tells a publisher's repeats of audio from the first ones, the path's loss stands for the track's.
    pub(crate) fn plan_for(&mut self, path: PathState) {
        let leg = Leg {
            loss: self.loss(path),
            round_trip: path.round_trip,
            reorder: path.reorder.max(self.nack.reorder()),
            kind: self.kind,
        };
        self.plan = plan::nack_plan(leg);
        if path.video_loss.is_none() && self.kind == Kind::Audio {
            self.plan.ahead = 0;
        }
    }

    /// As the plan reads it.
    pub(crate) fn loss(&self, path: PathState) -> Loss {
        let now = path.video_loss.or_else(|| self.loss_ratio()).unwrap_or(0.0);
        Loss { now, by_chance: path.loss_by_chance, congested: path.congested }
    }

    /// Share of the publisher's packets that do not come by themselves.
    pub(crate) fn loss_ratio(&self) -> Option<f64> {
        Some(self.layers.get(self.active?)?.reception.loss_ratio())
    }

    /// How long players wait for most of what comes late, repairs among it.
    pub(crate) fn lateness(&self) -> Duration {
        self.lateness
    }

    pub(crate) fn jitter(&self) -> Duration {
        self.active.and_then(|active| self.layers.get(active)).map_or(Duration::ZERO, |layer| layer.reception.jitter())
    }

    pub(crate) fn is_on(&self, now: Instant) -> bool {
        self.active.and_then(|active| self.layers.get(active)).is_some_and(|layer| layer.is_on(now))
    }

    /// The publisher ended a stream (BYE). False where it is none of this publication.
    pub(crate) fn end_stream(&mut self, ssrc: u32) -> bool {
        let Some(at) = self.layer_of(ssrc) else { return false };
        self.layers.remove(at);
        match self.active {
            Some(active) if active == at => self.activate(None),
            Some(active) if active > at => self.active = Some(active - 1),
            Some(_) | None => {}
        }
        true
    }

    /// The transport that carried it is gone or carries it no more. Subscriptions wait for the next one.
    pub(crate) fn detach(&mut self) {
        self.live = false;
        self.layers.clear();
        self.activate(None);
        self.keyframes.stop();
    }

    /// Another stream becomes the source.
    fn activate(&mut self, layer: Option<usize>) {
        self.active = layer;
        self.epoch = self.epoch.wrapping_add(1);
        self.history.clear();
        self.nack.reset();
        self.late = None;
        self.hold.iter_mut().for_each(Hold::clear);
        self.wished_after = None;
        self.pending.clear();
        self.keyframes.reset();
    }

    /// What the layer that is forwarded brings.
    pub(crate) fn bits_per_second(&mut self, now: Instant) -> u64 {
        let active = self.active.and_then(|active| self.layers.get_mut(active));
        active.and_then(|layer| layer.throughput.bits_per_second(now)).unwrap_or(0)
    }

    /// The layer that brings most, if it brings clearly more than the current one or that is off.
    fn choose_layer(&mut self, now: Instant) {
        let Some(active) = self.active else { return };
        let mut best = (active, 0);
        let mut current = 0;
        for (i, layer) in self.layers.iter_mut().enumerate() {
            let bps = if layer.is_on(now) { layer.throughput.bits_per_second(now).unwrap_or(0) } else { 0 };
            if i == active {
                current = bps;
            }
            if bps > best.1 {
                best = (i, bps);
            }
        }
        if best.0 != active && best.1 as f64 > current as f64 * BETTER {
            self.activate(Some(best.0));
            self.keyframes.want();
        }
    }

    /// `leaves`: when subscribers are to get it.
    fn keep(&mut self, now: Instant, leaves: Instant, received: Received<'_>) -> bool {
        let marks = Marks::read(received.codec, received.payload);
        let payload = self.history.carve(received.payload);
        let inserted = self.history.insert(Packet {
            seq: received.seq,
            time: received.time,
            arrival: now,
            leaves,
            marker: received.marker,
            codec: received.codec,
            payload,
            marks,
            level: received.level,
            orientation: received.orientation,
            content_type: received.content_type,
        });
        // An old keyframe that was repaired does not help those who asked after it; a new one whose first packet was
        // overtaken by its others does.
        let newer = self.wished_after.is_none_or(|wished| received.seq > wished);
        if marks.keyframe && (inserted == Insert::Head || newer) {
            self.keyframes.handle_keyframe();
        }
        let hold = self.hold.as_mut().filter(|_| leaves > now);
        hold.map_or_else(|| self.pending.push(received.seq), |hold| hold.wait(leaves, received.seq));
        marks.keyframe
    }
}

/// Audio or video.
pub(crate) fn kind_of(track: TrackName) -> Kind {
    match track {
        TrackName::Microphone | TrackName::ScreenAudio => Kind::Audio,
        TrackName::Camera | TrackName::Screen => Kind::Video,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    fn received(seq: u64, payload: &[u8]) -> Received<'_> {
        Received {
            seq: SeqExt(seq),
            time: RtpTime(0),
            marker: false,
            codec: Codec::Opus,
            payload,
            level: None,
            orientation: None,
            content_type: None,
            repair: false,
        }
    }

    fn publication(track: TrackName) -> Publication {
        Publication::new(ParticipantId(1), track, &Media::default())
    }

    #[test]
    fn each_packet_is_taken_once_whatever_way_it_came() {
        let (mut p, t) = (publication(TrackName::Microphone), start());
        let layer = p.bind(t, 7, None, SeqExt(0x1_000a), 48_000).expect("first");
        assert!(p.handle_media(t, layer, received(0x1_000a, &[1])).is_ok_and(|taken| taken.started));
        assert!(p.handle_media(t, layer, received(0x1_000c, &[1])).is_ok_and(|taken| !taken.started));
        let fec = Received { repair: true, ..received(0x1_000b, &[1]) };
        assert!(p.handle_media(t, layer, fec).is_ok_and(|taken| taken.recovered));
        assert_eq!(p.handle_media(t, layer, received(0x1_000b, &[9])), Err(DropReason::Duplicate));
        assert_eq!(p.pending, [SeqExt(0x1_000a), SeqExt(0x1_000c), SeqExt(0x1_000b)]);
    }

    #[test]
    fn one_layer_is_forwarded_and_another_takes_over_when_it_falls_silent() {
        let (mut p, t) = (publication(TrackName::Camera), start());
        p.live = true;
        let low = p.bind(t, 1, Some("l"), SeqExt(0x1_0000), 90_000).expect("room");
        let high = p.bind(t, 2, Some("h"), SeqExt(0x1_0000), 90_000).expect("room");
        let mut blocks = Vec::new();
        let honest = plan::report_plan(Kind::Video, Loss::default(), Duration::from_secs(1));
        let payload = [0; 1_000];
        for ms in (0..2_000).step_by(10) {
            let now = t + Duration::from_millis(ms);
            let n = ms / 10;
            if ms < 600 {
                assert!(p.handle_media(now, low, received(0x1_0000 + n, &payload)).is_ok());
            }
            let taken = p.handle_media(now, high, received(0x1_0000 + n, &payload));
            assert!(taken.is_ok() == (p.active_ssrc() == Some(2)), "{ms}: {taken:?}");
            assert!(ms > 600 || taken.is_err());
            if ms % 100 == 0 && ms != 0 {
                p.report(now, PathState::default(), honest, &mut blocks);
            }
        }
        assert_eq!((p.epoch(), p.active_ssrc()), (1, Some(2)));
        assert!(p.keyframes.next_due(t).is_some());
    }

    #[test]
    fn a_new_stream_replaces_a_silent_one_only() {
        let (mut p, t) = (publication(TrackName::Camera), start());
        let first = p.bind(t, 1, None, SeqExt(0x1_0000), 90_000).expect("first");
        p.handle_media(t, first, received(0x1_0000, &[0])).expect("taken");
        assert_eq!(p.bind(t, 2, None, SeqExt(0x1_0000), 90_000), None);
        let later = t + Duration::from_secs(2);
        assert_eq!(p.bind(later, 2, None, SeqExt(50), 90_000), Some(0));
        assert_eq!((p.epoch(), p.history().head()), (1, None));
    }
}
