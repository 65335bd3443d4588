//! The pacer: sound leaves at once, repeats before new pictures, all of it no faster than the rate bears
//! (libwebrtc `pacing_controller.cc`, `prioritized_packet_queue.cc`).

use super::super::media::{Ms, Packet};
use std::collections::VecDeque;

/// kDefaultPaceMultiplier, which holds where no transport-cc feedback ever came.
const MULTIPLIER: f64 = 2.5;
/// Send bursts of so long (RtpTransportControllerSend's default).
const BURST_MS: Ms = 40.0;
/// The rate rises so that no packet waits longer than this on the mean (kMaxExpectedQueueLength).
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
    queues: [VecDeque<(Ms, Packet)>; 3],
    queued_bytes: usize,
    /// Of the moments when those in the queues came, and their number.
    came: (Ms, usize),
    debt_bytes: f64,
    updated: Ms,
}

impl Pacer {
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    pub fn push(&mut self, now: Ms, class: Class, packet: Packet) {
        self.queued_bytes += packet.payload.len();
        self.came = (self.came.0 + now, self.came.1 + 1);
        self.queues[class as usize].push_back((now, packet));
    }

    /// Call again until nothing comes.
    pub fn pop(&mut self, now: Ms, target_bps: f64) -> Option<(Class, Packet)> {
        let waited = now - self.came.0 / self.came.1.max(1) as f64;
        let wanted = self.queued_bytes as f64 / (QUEUE_MAX_MS - waited).max(1.0);
        let bytes_per_ms = (MULTIPLIER * target_bps / 8_000.0).max(wanted);
        self.debt_bytes = (self.debt_bytes - (now - self.updated) * bytes_per_ms).max(0.0);
        self.updated = now;
        if self.debt_bytes > bytes_per_ms * BURST_MS {
            return None;
        }
        for class in [Class::AudioRepeat, Class::VideoRepeat, Class::Video] {
            if let Some((came, packet)) = self.queues[class as usize].pop_front() {
                self.came = (self.came.0 - came, self.came.1 - 1);
                self.queued_bytes -= packet.payload.len();
                self.debt_bytes += packet.payload.len() as f64;
                return Some((class, packet));
            }
        }
        None
    }
}
