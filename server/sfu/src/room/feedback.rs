//! RTCP of one participant: each packet is used here or nowhere. What subscribers report never goes to a publisher.

use super::Room;
use crate::context::{Context, Timer};
use crate::recovery::plan;
use crate::transport::Kind;
use crate::{DropReason, ParticipantId, Path};
use carillon_proto::rtcp::sender_report::SenderInfo;
use carillon_proto::rtcp::{self, Nack, ReportBlock, Rtcp, Twcc, Xr, xr::XrItem};
use carillon_proto::rtp::{Seq, Ssrc};

/// Numbers looked at in one NACK: an honest one asks for a burst, a forged one for 5,000 in a datagram.
const NACKED_MAX: usize = 500;

impl Room {
    pub(crate) fn handle_rtcp(
        &mut self,
        context: &mut Context,
        id: ParticipantId,
        path: Path,
        datagram: &mut [u8],
    ) -> Result<(), DropReason> {
        let (member, connection) = self.by_id(id)?;
        let len = connection.transport.unprotect_rtcp(context.now, path, datagram)?;
        let compound = datagram.get(..len).ok_or(DropReason::Rtcp)?;
        self.handle_compound(context, member, compound);
        Ok(())
    }

    /// A decrypted datagram. A broken packet costs itself, the others count.
    pub(super) fn handle_compound(&mut self, context: &mut Context, member: u32, compound: &[u8]) {
        for packet in rtcp::packets(compound) {
            match packet {
                Ok(packet) => self.handle_packet(context, member, &packet),
                Err(_) => context.drop(DropReason::Rtcp),
            }
        }
    }

    fn handle_packet(&mut self, context: &mut Context, member: u32, packet: &Rtcp<'_>) {
        context.stats.rtcp_packets_in += 1;
        match packet {
            Rtcp::SenderReport(report) => {
                self.handle_sender_info(context, member, &report.info);
                report.blocks().for_each(|block| self.handle_block(context, member, &block));
            }
            Rtcp::ReceiverReport(report) => {
                report.blocks().for_each(|block| self.handle_block(context, member, &block));
            }
            Rtcp::Nack(nack) => self.handle_nack(context, member, nack),
            Rtcp::Pli(pli) => self.handle_keyframe_wish(context, member, pli.media),
            Rtcp::Fir(fir) => fir.entries().for_each(|(ssrc, _)| self.handle_keyframe_wish(context, member, ssrc)),
            Rtcp::Twcc(feedback) => self.handle_transport_feedback(context, member, feedback),
            Rtcp::Xr(report) => self.handle_extended(context, member, report),
            Rtcp::Bye(bye) => bye.sources().for_each(|ssrc| self.handle_bye(member, ssrc)),
            // The estimate of a subscriber that negotiated transport-cc says nothing beside it.
            Rtcp::Remb(_) | Rtcp::Sdes(_) | Rtcp::Other { .. } => {}
        }
    }

    fn handle_sender_info(&mut self, context: &Context, member: u32, info: &SenderInfo) {
        let Some(connection) = self.members.get_mut(member).and_then(|m| m.connection.as_mut()) else { return };
        connection.clock.note(info.ntp, context.unix());
        for section in &connection.inbound {
            let publication = self.publications.get_mut(section.publication);
            if publication.is_some_and(|p| p.handle_sender_report(context.now, info)) {
                return;
            }
        }
    }

    fn handle_block(&mut self, context: &mut Context, member: u32, block: &ReportBlock) {
        let Some(connection) = self.members.get_mut(member).and_then(|m| m.connection.as_mut()) else { return };
        let Some(key) = connection.outgoing.get(&block.ssrc.0).copied() else { return };
        let now = context.ntp().compact();
        if let Some(round_trip) = now.round_trip(block.last_sender_report, block.delay_since_last) {
            connection.note_round_trip(context.now, round_trip);
        }
        if let Some(subscription) = self.subscriptions.get_mut(key) {
            subscription.handle_report(block.fraction_lost, block.jitter);
        }
        self.plan_downlink(context, member);
    }

    /// RFC 4585 section 6.2.1, answered from the shared history.
    fn handle_nack(&mut self, context: &mut Context, member: u32, nack: &Nack<'_>) {
        let Some(connection) = self.members.get_mut(member).and_then(|m| m.connection.as_mut()) else { return };
        let Some(key) = connection.outgoing.get(&nack.media.0) else { return };
        let Some(subscription) = self.subscriptions.get_mut(*key) else { return };
        let publication = subscription.publication.and_then(|p| self.publications.get(p));
        let Some(publication) = publication else { return };
        let Some(mut outlet) = connection.outlet(context) else { return };
        let asked: Vec<Seq> = nack.seqs().take(NACKED_MAX).collect();
        for (at, seq) in asked.iter().enumerate() {
            outlet.stats.nacks_in += 1;
            if let Err(reason) = subscription.repair(publication, *seq, &asked[at + 1..], &mut outlet) {
                outlet.stats.count_drop(reason);
            }
        }
        let due = connection.copies.next_due();
        if let (Some(due), Some(participant)) = (due, self.members.get(member)) {
            context.timers.set_earlier(Timer::Copies(participant.id), due);
        }
    }

    /// PLI (RFC 4585 section 6.3.1) or FIR (RFC 5104 section 4.3.1).
    fn handle_keyframe_wish(&mut self, context: &mut Context, member: u32, ssrc: Ssrc) {
        let connection = self.members.get(member).and_then(|m| m.connection.as_ref());
        let Some(key) = connection.and_then(|c| c.outgoing.get(&ssrc.0)) else { return };
        let Some(subscription) = self.subscriptions.get_mut(*key).filter(|s| s.allowed) else { return };
        let Some(publication) = subscription.publication else { return };
        if self.publications.get(publication).is_some_and(|p| p.feed.is_some()) {
            // The keyframe that there is, and all since.
            subscription.rejoin(context.now);
            self.enqueue(context, publication);
        } else {
            self.want_keyframe(context, publication);
        }
    }

    fn handle_transport_feedback(&mut self, context: &mut Context, member: u32, feedback: &Twcc<'_>) {
        let Some(connection) = self.connection_mut(member) else { return };
        let mut arrived = Vec::new();
        connection.downlink.handle_feedback(context.now, feedback, &mut arrived);
        context.stats.repairs_spared += connection.copies.cancel(arrived);
        self.plan_downlink(context, member);
    }

    /// Plans how a subscriber is sent to, and tells its players how long to wait for what comes late, here or on the way
    /// from the publisher. What its publishers may send follows from it with their next estimate (`room::media`).
    fn plan_downlink(&mut self, context: &mut Context, member: u32) {
        let Some(connection) = self.members.get_mut(member).and_then(|m| m.connection.as_mut()) else { return };
        if !connection.plan_due(context.now) {
            return;
        }
        let subscriptions = || connection.outgoing.values().filter_map(|key| self.subscriptions.get(*key));
        let reported = [Kind::Audio, Kind::Video].map(|kind| {
            let reports = subscriptions().filter(|s| s.kind == kind).filter_map(|s| s.remote().loss_ratio);
            reports.fold(0.0, f64::max)
        });
        let (mut fed, mut fed_bps, mut pictures) = (0, 0, Vec::new());
        for publication in subscriptions().filter_map(|s| s.publication) {
            let publication = self.publications.get_mut(publication).filter(|p| p.kind == Kind::Video);
            let Some((bps, is_fed)) = publication.map(|p| (p.bits_per_second(context.now), p.feed.is_some())) else {
                continue;
            };
            // What is named and absent, off or muted takes nothing from the others.
            pictures.extend((bps > 0).then_some(bps));
            (fed, fed_bps) = if is_fed { (fed + 1, fed_bps + bps) } else { (fed, fed_bps) };
        }
        connection.make_plan(context.now, reported);
        connection.share_among(pictures);
        connection.pace_feeds(context.now, fed, fed_bps);
        for key in connection.outgoing.values() {
            let Some(subscription) = self.subscriptions.get_mut(*key) else { continue };
            let publication = subscription.publication.and_then(|p| self.publications.get_mut(p));
            let Some(publication) = publication else { continue };
            publication.note_downlink(context.now, connection.plan.reorder);
            let needed = plan::playout_delay(publication.lateness(), connection.plan.repair_time);
            subscription.need_playout(context.now, needed);
        }
    }

    fn handle_extended(&mut self, context: &Context, member: u32, report: &Xr<'_>) {
        let Some(connection) = self.connection_mut(member) else { return };
        for item in report.items() {
            match item {
                XrItem::ReferenceTime(ntp) => {
                    connection.reference = Some((report.sender, ntp.compact(), context.now));
                }
                XrItem::Dlrr(answer) if answer.receiver.0 == connection.ssrc => {
                    let now = context.ntp().compact();
                    if let Some(round_trip) = now.round_trip(answer.last_report, answer.delay) {
                        connection.note_round_trip(context.now, round_trip);
                    }
                }
                XrItem::Dlrr(_) => {}
            }
        }
    }

    /// RFC 3550 section 6.6: the stream ends, its section may carry another one.
    fn handle_bye(&mut self, member: u32, ssrc: Ssrc) {
        let Some(connection) = self.members.get(member).and_then(|m| m.connection.as_ref()) else { return };
        for section in &connection.inbound {
            let publication = self.publications.get_mut(section.publication);
            if publication.is_some_and(|p| p.end_stream(ssrc.0)) {
                return;
            }
        }
    }
}
