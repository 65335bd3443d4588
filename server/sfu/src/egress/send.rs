//! From a packet of the source to what one subscriber is sent of it: at first, and again.

use super::header::Stamp;
use super::outlet::HEADERS_BYTES;
use super::{Called, Outlet, Subscription};
use crate::bandwidth::Carried;
use crate::ingress::Packet;
use crate::recovery::history::History;
use crate::recovery::plan::CopyPlan;
use crate::recovery::red::Blocks;
use crate::transport::{Codec, Kind};
use crate::{DropReason, Stats};
use carillon_proto::rtp::{RtpTime, Seq, SeqExt};

impl Subscription {
    pub(super) fn send(&mut self, history: &History, packet: &Packet, outlet: &mut Outlet<'_>) {
        let Some(called) = self.called(packet.codec) else {
            outlet.stats.count_drop(DropReason::NoCodec);
            return;
        };
        let Some((seq, time)) = self.munger.map(outlet.now, packet.seq, packet.time) else { return };
        let (copies, depth) = self.protection(called, outlet);
        let blocks = Blocks::choose(history, packet, depth);
        let written = match called.red_pt.filter(|_| !blocks.is_none()) {
            Some(_) => self.write_red(history, packet, blocks, seq, called, outlet),
            None => self.write(packet, seq, time, called.pt, outlet),
        };
        if written {
            self.reds.note(seq, blocks);
            outlet.media.add(outlet.now, packet.payload.len() + HEADERS_BYTES);
            outlet.copies.add(outlet.now, self.stream.ssrc, packet.seq, seq, copies);
            // Requests are repeated as copies are: what the loss takes of one it takes of the other.
            outlet.budget.earn(packet.payload.len(), outlet.repair_ratio * f64::from(1 + copies.count));
            self.count(packet.payload.len(), outlet.stats);
        }
    }

    /// Copies, and how many packets of older sound each carries.
    pub(super) fn protection(&self, called: Called, outlet: &Outlet<'_>) -> (CopyPlan, u8) {
        match called.red_pt {
            Some(_) => (outlet.plan.red.copies, outlet.plan.red.depth),
            None => (outlet.plan.copies(self.kind), 0),
        }
    }

    pub(crate) fn takes_red(&self) -> bool {
        self.codecs.iter().any(|codec| codec.red.is_some())
    }

    /// Newer packets bring it too. An answer would come later than those, and teach the player to wait for the latest.
    /// Not where a burst took those as well, so that they are among what is asked for `later`.
    pub(super) fn is_carried(&mut self, packet: &Packet, seq: Seq, later: &[Seq], outlet: &Outlet<'_>) -> bool {
        let red = outlet.plan.red;
        let takes = self.called(packet.codec).is_some_and(|called| called.red_pt.is_some());
        let mut carriers = (1..=u16::from(red.depth)).map(|n| Seq(seq.0.wrapping_add(n)));
        takes && red.suffices && carriers.any(|carrier| !red.bursts || !later.contains(&carrier))
    }

    /// Header, payload, seal: straight into the buffer that the socket sends from.
    fn write(&mut self, packet: &Packet, seq: SeqExt, time: RtpTime, pt: u8, outlet: &mut Outlet<'_>) -> bool {
        let stamp = Stamp {
            pt,
            ssrc: self.stream.ssrc,
            seq,
            time,
            sent: outlet.sent,
            transport_seq: outlet.next_transport_seq(
                self.template.has_transport_seq(),
                self.carried(seq),
                packet.payload.len(),
            ),
        };
        let (template, vp8) = (&self.template, &mut self.vp8);
        outlet.send_rtp(seq, |out| {
            template.write(out, packet, &stamp);
            let payload_at = out.len();
            out.extend_from_slice(&packet.payload);
            if let Some(numbers) = packet.marks.vp8 {
                vp8.rewrite(numbers, &mut out[payload_at..]);
            }
        })
    }

    /// The same with older sound before the payload.
    fn write_red(
        &mut self,
        history: &History,
        packet: &Packet,
        blocks: Blocks,
        seq: SeqExt,
        called: Called,
        outlet: &mut Outlet<'_>,
    ) -> bool {
        let Some(pt) = called.red_pt else { return false };
        let stamp = Stamp {
            pt,
            ssrc: self.stream.ssrc,
            seq,
            time: self.munger.time_of(packet.seq, packet.time),
            sent: outlet.sent,
            transport_seq: 0,
        };
        let template = &self.template;
        let written = outlet.try_send_rtp(seq, |out| {
            template.write(out, packet, &stamp);
            blocks.write(history, packet, called.pt, out)
        });
        outlet.stats.red_out += u64::from(written);
        written
    }

    /// Video as RTX, audio (and video without RTX) by the same bytes. False where neither can be.
    pub(super) fn send_again(
        &mut self,
        history: &History,
        packet: &Packet,
        out: SeqExt,
        called: Called,
        outlet: &mut Outlet<'_>,
    ) -> bool {
        if let (Some(pt), Some(ssrc)) = (called.rtx_pt, self.stream.rtx_ssrc) {
            self.send_rtx(packet, out, pt, ssrc, outlet);
            return true;
        }
        if !self.template.is_timeless() || out < self.repeatable_from {
            return false;
        }
        match self.reds.blocks(out) {
            Some(Blocks::NONE) => {
                self.write(packet, out, self.munger.time_of(packet.seq, packet.time), called.pt, outlet)
            }
            Some(blocks) => self.write_red(history, packet, blocks, out, called, outlet),
            None => false,
        }
    }

    /// RFC 4588 section 4: the original number, then the payload.
    fn send_rtx(&mut self, packet: &Packet, original: SeqExt, pt: u8, ssrc: u32, outlet: &mut Outlet<'_>) {
        let seq = self.rtx_next;
        self.rtx_next = seq.plus(1);
        let stamp = Stamp {
            pt,
            ssrc,
            seq,
            time: self.munger.time_of(packet.seq, packet.time),
            sent: outlet.sent,
            transport_seq: outlet.next_transport_seq(
                self.template.has_transport_seq(),
                self.carried(original),
                packet.payload.len(),
            ),
        };
        let (template, vp8) = (&self.template, &mut self.vp8);
        outlet.send_rtp(seq, |out| {
            template.write(out, packet, &stamp);
            out.extend_from_slice(&original.seq().0.to_be_bytes());
            let payload_at = out.len();
            out.extend_from_slice(&packet.payload);
            if let Some(numbers) = packet.marks.vp8 {
                vp8.rewrite(numbers, &mut out[payload_at..]);
            }
        });
    }

    fn carried(&self, seq: SeqExt) -> Carried {
        Carried { ssrc: self.stream.ssrc, seq: seq.seq().0 }
    }

    pub(super) fn called(&mut self, codec: Codec) -> Option<Called> {
        if self.codec.is_none_or(|called| called.codec != codec) {
            let same = self.codecs.iter().find(|c| c.codec == codec);
            let found = same.or_else(|| self.codecs.iter().find(|c| c.codec.decodes(codec)));
            self.codec =
                found.map(|found| Called { codec, pt: found.payload_type, rtx_pt: found.rtx, red_pt: found.red });
            self.unplayable = self.codec.is_none().then_some(codec);
        }
        self.codec
    }

    fn count(&mut self, bytes: usize, stats: &mut Stats) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(bytes as u32);
        match self.kind {
            Kind::Audio => stats.audio_packets_out += 1,
            Kind::Video => stats.video_packets_out += 1,
        }
    }
}
