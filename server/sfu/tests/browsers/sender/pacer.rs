//! The pacer: sound leaves at once, repeats before new pictures, all of it no faster than the rate bears
//! (libwebrtc `pacing_controller.cc`, `prioritized_packet_queue.cc`).

use super::super::media::{Ms, Packet};
use std::collections::VecDeque;

/// kDefaultPaceMultiplier, which holds where no transport-cc feedback ever came.
const MULTIPLIER: f64 = 2.5;
/// Send bursts of so long (RtpTransportControllerSend's default).
const BURST_MS: Ms = 40.0;
/// The rate rises where the queue would last longer (kMaxExpectedQueueLength).
const QUEUE_MAX_MS: Ms = 2_000.0;

/// What a packet in the queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    AudioRepeat,
    VideoRepeat,
    Video,
}

#[derive(Debug, Default)]
pub struct Pacer {
    queues: [VecDeque<Packet>; 3],
    queued_bytes: usize,
    debt_bytes: f64,
    updated: Ms,
}

impl Pacer {
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    pub fn push(&mut self, class: Class, packet: Packet) {
        self.queued_bytes += packet.payload.len();
        self.queues[class as usize].push_back(packet);
    }

    /// Call again until nothing comes.
    pub fn pop(&mut self, now: Ms, target_bps: f64) -> Option<(Class, Packet)> {
        let wanted = self.queued_bytes as f64 * 8_000.0 / QUEUE_MAX_MS;
        let bytes_per_ms = (MULTIPLIER * target_bps).max(wanted) / 8_000.0;
        self.debt_bytes = (self.debt_bytes - (now - self.updated) * bytes_per_ms).max(0.0);
        self.updated = now;
        if self.debt_bytes > bytes_per_ms * BURST_MS {
            return None;
        }
        for class in [Class::AudioRepeat, Class::VideoRepeat, Class::Video] {
            if let Some(packet) = self.queues[class as usize].pop_front() {
                self.queued_bytes -= packet.payload.len();
                self.debt_bytes += packet.payload.len() as f64;
                return Some((class, packet));
            }
        }
        None
    }
}
