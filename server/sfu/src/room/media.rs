//! RTP of one participant: from its transport into its publications.

use super::Room;
use super::report::path_state;
use crate::bandwidth::Told;
use crate::context::{Context, Timer};
use crate::ingress::{Carriage, Elements, Publication, Received, Taken};
use crate::participant::Connection;
use crate::transport::{Codec, Kind};
use crate::{DropReason, Event, ParticipantId, Path};
use carillon_proto::gateway::TrackName;
use carillon_proto::red::Red;
use carillon_proto::rtp::{RtpHeader, RtpTime, SeqExt, Ssrc};
use carillon_proto::{rtcp, rtx};
use std::time::Duration;

/// Between two updates of an uplink estimate: often enough to catch a growing queue.
const ESTIMATE_INTERVAL: Duration = Duration::from_millis(100);

/// A decrypted packet with its header read.
struct Opened<'a> {
    header: RtpHeader,
    elements: Elements<'a>,
    seq: SeqExt,
    payload: &'a [u8],
}

impl Room {
    pub(crate) fn handle_rtp(
        &mut self,
        context: &mut Context,
        id: ParticipantId,
        path: Path,
        datagram: &mut [u8],
    ) -> Result<(), DropReason> {
        let (member, connection) = self.by_id(id)?;
        let bytes = datagram.len();
        let opened = connection.transport.unprotect_rtp(context.now, path, datagram)?;
        let packet = datagram.get(..opened.len).ok_or(DropReason::Rtp)?;
        let taken = self.handle_authentic(context, member, packet, SeqExt(opened.seq_ext), bytes);
        self.update_estimate(context, member);
        taken
    }

    /// A decrypted packet that took `bytes` on the wire.
    pub(super) fn handle_authentic(
        &mut self,
        context: &mut Context,
        member: u32,
        packet: &[u8],
        seq: SeqExt,
        bytes: usize,
    ) -> Result<(), DropReason> {
        let connection = self.connection_mut(member).ok_or(DropReason::NoTransport)?;
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::Rtp)?;
        let elements = Elements::read(&header, packet, &connection.extensions);
        connection.uplink.handle_packet(context.now, elements.sent, bytes);
        let payload = header.payload(packet).map_err(|_| DropReason::Rtp)?;
        let section = connection.section_of(header.ssrc.0, elements.mid, header.pt.0)?;
        let opened = Opened { header, elements, seq, payload };
        self.handle_opened(context, member, section, &opened)
    }

    fn handle_opened(
        &mut self,
        context: &mut Context,
        member: u32,
        section: usize,
        opened: &Opened<'_>,
    ) -> Result<(), DropReason> {
        let connection = self.members.get_mut(member).and_then(|m| m.connection.as_mut());
        let connection = connection.ok_or(DropReason::NoTransport)?;
        let inbound = connection.inbound.get(section).ok_or(DropReason::UnknownSsrc)?;
        if !inbound.allowed {
            return Err(DropReason::NotAllowed);
        }
        let key = inbound.publication;
        let repaired = inbound.repaired_by(opened.header.ssrc.0);
        let (codec, clock_hz, carriage) = inbound.payload(opened.header.pt.0).ok_or(DropReason::UnknownPayloadType)?;
        if carriage == Carriage::Rtx && opened.payload.len() <= rtx::OSN_BYTES {
            return Ok(()); // padding that probes the path
        }
        let publication = self.publications.get_mut(key).ok_or(DropReason::UnknownSsrc)?;
        let result = match carriage {
            Carriage::Plain => take_plain(context, publication, codec, clock_hz, opened),
            Carriage::Rtx => take_rtx(context, publication, codec, repaired, opened),
            Carriage::Red => take_red(context, publication, codec, clock_hz, opened),
        };
        self.after_media(context, member, key, opened, result)
    }

    /// What follows from a packet that was taken: events, timers, the queue.
    fn after_media(
        &mut self,
        context: &mut Context,
        member: u32,
        key: u32,
        opened: &Opened<'_>,
        result: Result<Taken, DropReason>,
    ) -> Result<(), DropReason> {
        let taken = result?;
        let Some(publication) = self.publications.get_mut(key) else { return Ok(()) };
        let (owner, track) = (publication.owner, publication.track);
        if let Some(due) = publication.nack_due() {
            context.timers.set_earlier(Timer::Nack(owner), due);
        }
        if let Some(due) = publication.release_due() {
            context.timers.set_earlier(Timer::Release(owner), due);
        }
        if let (TrackName::Microphone, Some(level)) = (track, opened.elements.level) {
            self.speakers.handle_level(owner, level & 0x7f);
            let due = context.now + context.config.volume_interval();
            context.timers.start(Timer::Volumes(self.key), due);
        }
        if let (Some(bound), Some(connection)) = (taken.round_trip, self.connection_mut(member)) {
            connection.note_round_trip_bound(context.now, bound);
        }
        if taken.unrepairable {
            self.want_keyframe(context, key);
        }
        self.enqueue(context, key);
        if taken.started {
            context.event(Event::TrackStarted { participant: owner, track });
        }
        Ok(())
    }

    /// Follows the uplink and the paths of those who watch; a fall is told at once. Paced by the publisher's own packets:
    /// by its viewers' plans, each of which would look at all other viewers, the work would grow by their square.
    fn update_estimate(&mut self, context: &mut Context, member: u32) {
        let now = context.now;
        let Some(connection) = self.members.get_mut(member).and_then(|m| m.connection.as_mut()) else { return };
        if connection.uplink_updated.is_some_and(|at| now.saturating_duration_since(at) < ESTIMATE_INTERVAL) {
            return;
        }
        connection.uplink_updated = Some(now);
        let path = path_state(connection, &self.publications, now);
        connection.uplink.update(now, path.round_trip, path.video_loss.unwrap_or(0.0));
        self.tell_publisher(context, member);
    }

    /// Tells a publisher what its video may take: by its own path, and the widest one of its viewers.
    pub(super) fn send_remb(&mut self, context: &mut Context, member: u32) {
        let bitrate_bps = self.video_limit(member);
        let Some(connection) = self.members.get_mut(member).and_then(|m| m.connection.as_mut()) else { return };
        let sources = video_sources(connection, |key| self.publications.get(key));
        if sources.is_empty() {
            return;
        }
        connection.told = Told::new(context.now, bitrate_bps);
        connection.send_feedback(context, |out, ssrc| rtcp::remb::write(out, ssrc, bitrate_bps, &sources));
    }

    /// Bit/s: what a publisher's own path bears, and the widest one of its viewers; a narrow path slows nobody else.
    fn video_limit(&self, member: u32) -> u64 {
        let Some(connection) = self.members.get(member).and_then(|m| m.connection.as_ref()) else { return 0 };
        let sections = connection.inbound.iter().filter_map(|s| self.publications.get(s.publication));
        let mut widest = None;
        for publication in sections.filter(|p| p.kind == Kind::Video) {
            widest = widest.max(self.widest_viewer(publication));
            if widest == Some(u64::MAX) {
                break;
            }
        }
        connection.uplink.estimate().min(widest.unwrap_or(u64::MAX))
    }

    /// Bit/s: the most that one of those who watch now may take. `None` where nobody does.
    fn widest_viewer(&self, publication: &Publication) -> Option<u64> {
        // Players by another wire have paths of their own, of which nothing is known here.
        if publication.playout.as_ref().is_some_and(|taps| !taps.is_empty()) {
            return Some(u64::MAX);
        }
        let mut widest = None;
        for viewer in publication.subscribers.iter().filter_map(|key| self.subscriptions.get(*key)) {
            let connection = self.members.get(viewer.member).and_then(|m| m.connection.as_ref());
            // Nothing is sent to who is not there: not yet, or no more.
            let Some(there) = connection.filter(|c| viewer.allowed && c.connected && !c.lost) else { continue };
            widest = widest.max(Some(there.picture_bps));
            if widest == Some(u64::MAX) {
                break;
            }
        }
        widest
    }

    /// Where it may take less than it was told, or much more.
    fn tell_publisher(&mut self, context: &mut Context, member: u32) {
        let told = self.members.get(member).and_then(|m| m.connection.as_ref()).map(|c| c.told);
        if told.is_some_and(|told| told.differs(context.now, self.video_limit(member))) {
            self.send_remb(context, member);
        }
    }
}

/// The video streams that a client sends.
fn video_sources<'a>(connection: &Connection, publication: impl Fn(u32) -> Option<&'a Publication>) -> Vec<Ssrc> {
    let video = connection.inbound.iter().filter_map(|section| publication(section.publication));
    let video = video.filter(|p| p.kind == Kind::Video);
    video.flat_map(|p| p.ssrcs().map(Ssrc)).collect()
}

fn received<'a>(codec: Codec, opened: &Opened<'a>) -> Received<'a> {
    Received {
        seq: opened.seq,
        time: opened.header.time,
        marker: opened.header.marker,
        codec,
        payload: opened.payload,
        level: opened.elements.level,
        orientation: opened.elements.orientation,
        content_type: opened.elements.content_type,
        repair: false,
    }
}

fn take_plain(
    context: &mut Context,
    publication: &mut Publication,
    codec: Codec,
    clock_hz: u32,
    opened: &Opened<'_>,
) -> Result<Taken, DropReason> {
    count_media(context, codec);
    let layer = bind(context, publication, clock_hz, opened)?;
    let taken = publication.handle_media(context.now, layer, received(codec, opened))?;
    count_taken(context, taken);
    Ok(taken)
}

fn bind(
    context: &Context,
    publication: &mut Publication,
    clock_hz: u32,
    opened: &Opened<'_>,
) -> Result<usize, DropReason> {
    let rid = opened.elements.rid;
    let layer = publication.bind(context.now, opened.header.ssrc.0, rid, opened.seq, clock_hz);
    layer.ok_or(DropReason::UnusedLayer)
}

/// RFC 4588: a repair in a stream of its own.
fn take_rtx(
    context: &mut Context,
    publication: &mut Publication,
    codec: Codec,
    repaired: Option<u32>,
    opened: &Opened<'_>,
) -> Result<Taken, DropReason> {
    let (number, payload) = rtx::unwrap(opened.payload).ok_or(DropReason::Rtp)?;
    context.stats.rtx_in += 1;
    let layer = match repaired {
        Some(ssrc) => publication.layer_of(ssrc),
        None => publication.layer_of_rid(opened.elements.repaired_rid.or(opened.elements.rid)),
    };
    let layer = layer.ok_or(DropReason::UnknownSsrc)?;
    let seq = publication.extend(layer, number).ok_or(DropReason::Late)?;
    let repair = Received { seq, payload, repair: true, ..received(codec, opened) };
    let taken = publication.handle_media(context.now, layer, repair)?;
    count_taken(context, taken);
    Ok(taken)
}

/// RFC 2198: the primary is the packet itself; older blocks fill holes before it, the last one being its predecessor.
fn take_red(
    context: &mut Context,
    publication: &mut Publication,
    codec: Codec,
    clock_hz: u32,
    opened: &Opened<'_>,
) -> Result<Taken, DropReason> {
    count_media(context, codec);
    let red = Red::parse(opened.payload).map_err(|_| DropReason::Rtp)?;
    let layer = bind(context, publication, clock_hz, opened)?;
    let older = red.redundant().count() as u64;
    let mut filled: Option<Taken> = None;
    for (distance, block) in (1..=older).rev().zip(red.redundant()) {
        let Some(seq) = opened.seq.0.checked_sub(distance).map(SeqExt) else { continue };
        if block.data.is_empty() || !publication.lacks(seq) {
            continue;
        }
        let time = RtpTime(opened.header.time.0.wrapping_sub(u32::from(block.offset)));
        let repair = Received {
            seq,
            time,
            marker: false,
            payload: block.data,
            level: None,
            repair: true,
            ..received(codec, opened)
        };
        if let Ok(taken) = publication.handle_media(context.now, layer, repair) {
            count_taken(context, taken);
            // The first block that was taken tells whether the track starts here.
            filled.get_or_insert(taken);
        }
    }
    let primary = Received { payload: red.primary, ..received(codec, opened) };
    match (publication.handle_media(context.now, layer, primary), filled) {
        (Ok(taken), filled) => {
            count_taken(context, taken);
            Ok(Taken { started: taken.started || filled.is_some_and(|filled| filled.started), ..taken })
        }
        // A later packet brought the primary; what was filled before it still waits to be fanned out.
        (Err(reason), Some(filled)) => {
            context.drop(reason);
            Ok(Taken { round_trip: None, ..filled })
        }
        (Err(reason), None) => Err(reason),
    }
}

fn count_media(context: &mut Context, codec: Codec) {
    match codec.kind() {
        Kind::Audio => context.stats.audio_packets_in += 1,
        Kind::Video => context.stats.video_packets_in += 1,
    }
}

fn count_taken(context: &mut Context, taken: Taken) {
    context.stats.recovered_in += u64::from(taken.recovered);
    context.stats.keyframes_in += u64::from(taken.keyframe);
    context.stats.lost_in += taken.lost;
}
