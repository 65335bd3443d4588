//! What a sender keeps for repair (libwebrtc `rtp_packet_history.cc`).

use super::super::media::{Ms, Packet};
use carillon_proto::rtp::{Seq, SeqExt};
use std::collections::BTreeMap;

/// Stored at least this long (kMinPacketDuration), or three round trips.
const KEEP_MIN: Ms = 1_000.0;
/// As configured; beyond it what is old enough goes.
const PACKETS: usize = 600;
/// kPacketCullingDelayFactor: even where there is room.
const KEEP_FACTOR: f64 = 3.0;

#[derive(Debug)]
struct Stored {
    packet: Packet,
    sent: Option<Ms>,
    repeats: u32,
    /// A repeat waits in the pacer.
    pending: bool,
}

#[derive(Debug, Default)]
pub struct History {
    stored: BTreeMap<SeqExt, Stored>,
}

impl History {
    pub fn put(&mut self, packet: Packet) {
        self.stored.insert(packet.seq, Stored { packet, sent: None, repeats: 0, pending: false });
    }

    pub fn mark_sent(&mut self, now: Ms, seq: SeqExt, repeat: bool, round_trip: Ms) {
        if let Some(stored) = self.stored.get_mut(&seq) {
            stored.sent = Some(now);
            stored.pending = false;
            stored.repeats += u32::from(repeat);
        }
        self.cull(now, round_trip);
    }

    /// The packet to repeat, which waits in the pacer from then on. None where it is unknown, unsent, waiting, or where it
    /// was repeated less than a round trip and 5 ms ago (`OnReceivedNack`, `VerifyRtt`).
    pub fn take_for_repeat(&mut self, now: Ms, seq: Seq, round_trip: Ms) -> Option<Packet> {
        let newest = *self.stored.last_key_value()?.0;
        let stored = self.stored.get_mut(&newest.nearest(seq)?)?;
        let sent = stored.sent?;
        let soon = stored.repeats > 0 && now - sent < round_trip + 5.0;
        if stored.pending || soon {
            return None;
        }
        stored.pending = true;
        Some(stored.packet.clone())
    }

    fn cull(&mut self, now: Ms, round_trip: Ms) {
        let keep = KEEP_MIN.max(3.0 * round_trip);
        while let Some((_, first)) = self.stored.first_key_value() {
            let Some(sent) = first.sent.filter(|_| !first.pending) else { return };
            let (old, crowded) = (now - sent > keep, self.stored.len() > PACKETS);
            if !old || !crowded && now - sent <= KEEP_FACTOR * keep {
                return;
            }
            self.stored.pop_first();
        }
    }
}
