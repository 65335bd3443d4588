//! The way out to one participant: its transport, the arena that the socket sends from, and what is counted on the way.

use crate::bandwidth::{Carried, DownlinkPath, Throughput};
use crate::recovery::copies::Copies;
use crate::recovery::plan::SendPlan;
use crate::recovery::rtx::RepairBudget;
use crate::transport::Transport;
use crate::{Egress, Path, Stats};
use carillon_proto::rtp::SeqExt;
use carillon_proto::rtp_ext::AbsSendTime;
use std::time::{Duration, Instant};

/// About what stands around a payload on the wire: RTP with extensions, SRTP, UDP, IP.
pub(crate) const HEADERS_BYTES: usize = 80;

pub(crate) struct Outlet<'a> {
    pub(crate) now: Instant,
    /// The moment as packets carry it.
    pub(crate) sent: AbsSendTime,
    pub(crate) path: Path,
    pub(crate) transport: &'a mut Transport,
    /// Gives out transport-wide numbers (transport-cc).
    pub(crate) downlink: &'a mut DownlinkPath,
    pub(crate) copies: &'a mut Copies,
    /// Counts what leaves for the first time.
    pub(crate) media: &'a mut Throughput,
    /// The same of pictures of feeds alone.
    pub(crate) fed: &'a mut Throughput,
    pub(crate) plan: SendPlan,
    /// Bytes per second for each fed picture track, where the path bears less than those bring.
    pub(crate) pace: Option<f64>,
    /// When pictures were left out for that last.
    pub(crate) short: &'a mut Option<Instant>,
    /// The usual one, and the shortest of late. `None` until measured.
    pub(crate) round_trip: Option<Duration>,
    pub(crate) shortest_round_trip: Option<Duration>,
    pub(crate) budget: &'a mut RepairBudget,
    pub(crate) repair_ratio: f64,
    pub(crate) egress: &'a mut Egress,
    pub(crate) stats: &'a mut Stats,
}

impl Outlet<'_> {
    /// The number for a packet that carries one.
    pub(crate) fn next_transport_seq(&mut self, wanted: bool, carried: Carried, payload: usize) -> u16 {
        if wanted { self.downlink.number(self.now, carried, payload + HEADERS_BYTES) } else { 0 }
    }

    /// Seals what `write` appends. False where the transport cannot: nothing leaves then.
    pub(crate) fn send_rtp(&mut self, seq: SeqExt, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.try_send_rtp(seq, |out| {
            write(out);
            true
        })
    }

    /// The same; nothing leaves where `write` says false.
    pub(crate) fn try_send_rtp(&mut self, seq: SeqExt, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let transport = &mut *self.transport;
        self.egress.try_push(self.path, |out| {
            let start = out.len();
            write(out) && transport.protect_rtp(out, start, seq.0).is_ok()
        })
    }
}
