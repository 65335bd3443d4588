//! A VP8 encoder at constant bitrate, as far as the network can tell: when pictures come and how large they are.

use super::super::media::{Dice, Ms};

/// What the page asks of it.
#[derive(Debug, Clone, Copy)]
pub struct Camera {
    pub fps: f64,
    pub max_bps: f64,
    /// Bytes of a picture at the encoder's worst quality: below it pictures are left out.
    pub frame_min: f64,
}

impl Camera {
    pub const SD: Self = Self { fps: 30.0, max_bps: 800_000.0, frame_min: 350.0 };
    pub const HD: Self = Self { fps: 15.0, max_bps: 2_000_000.0, frame_min: 900.0 };
    pub const FULL_HD: Self = Self { fps: 30.0, max_bps: 3_500_000.0, frame_min: 1_500.0 };
}

/// A keyframe's share of the mean frame (libvpx allows 9 at 30 fps: `MaxIntraTarget`).
const KEYFRAME_TIMES: f64 = 6.0;
/// kMinKeyframeSendInterval.
const KEYFRAME_SPACING: Ms = 300.0;
/// Pictures are left out while so much of the rate is overdrawn.
const OVERDRAFT_MS: Ms = 600.0;
/// From the camera to the first packet.
pub const ENCODE_MS: Ms = 4.0;

#[derive(Debug)]
pub struct Encoder {
    camera: Camera,
    next: Ms,
    overdrawn: f64,
    keyframe_due: bool,
    keyframe_at: Ms,
    dice: Dice,
}

#[derive(Debug, Clone, Copy)]
pub struct Encoded {
    pub captured: Ms,
    pub bytes: usize,
    pub keyframe: bool,
}

impl Encoder {
    pub fn new(now: Ms, camera: Camera, mut dice: Dice) -> Self {
        let next = now + dice.between(0.0, 33.0);
        let keyframe_at = f64::NEG_INFINITY;
        Self { camera, next, overdrawn: 0.0, keyframe_due: true, keyframe_at, dice }
    }

    pub fn want_keyframe(&mut self) {
        self.keyframe_due = true;
    }

    /// A picture, where one is due and the rate bears it.
    pub fn tick(&mut self, now: Ms, bps: f64) -> Option<Encoded> {
        if now < self.next + ENCODE_MS {
            return None;
        }
        let captured = self.next;
        self.next += 1_000.0 / self.camera.fps;
        let mean = bps / 8.0 / self.camera.fps;
        self.overdrawn -= mean;
        self.overdrawn = self.overdrawn.max(-2.0 * mean);
        if self.overdrawn > bps / 8.0 * OVERDRAFT_MS / 1_000.0 {
            return None;
        }
        let keyframe = self.keyframe_due && captured - self.keyframe_at >= KEYFRAME_SPACING;
        let bytes = if keyframe {
            (KEYFRAME_TIMES * mean).max(8.0 * self.camera.frame_min)
        } else {
            let spread = self.dice.between(0.75, 1.25);
            (mean * spread - 0.1 * (self.overdrawn + mean)).max(0.4 * mean)
        };
        let bytes = bytes.max(self.camera.frame_min);
        if keyframe {
            (self.keyframe_due, self.keyframe_at) = (false, captured);
        }
        self.overdrawn += bytes;
        Some(Encoded { captured, bytes: bytes as usize, keyframe })
    }
}
