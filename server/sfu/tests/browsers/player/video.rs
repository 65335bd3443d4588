//! The picture: packets to frames, frames to the decoder when they can be decoded, and to the screen when it is time
//! (libwebrtc `packet_buffer.cc`, `frame_buffer.cc`, `video_stream_buffer_controller.cc`).

use super::nack::{ROUND_TRIP, Requester};
use super::timing::{DECODE_MS, Jitter, Timing};
use crate::media::{Ms, Picture};
use carillon_proto::rtp::SeqExt;
use std::collections::BTreeMap;

/// kPacketBufferMaxSize.
const PACKETS_MAX: u64 = 2_048;
/// kMaxFramesBuffered.
const FRAMES_MAX: usize = 800;
/// kMaxWaitForFrame, kMaxWaitForKeyFrame.
const WAIT: Ms = 3_000.0;
const WAIT_KEYFRAME: Ms = 200.0;
/// A stream without packets for so long is asked for nothing.
const ACTIVE_WITHIN: Ms = 5_000.0;
/// Pictures shown later than this are passed over for the next that can be decoded (kMaxAllowedFrameDelay).
const LATE_MAX: Ms = 5.0;

/// Packets of one picture.
#[derive(Debug, Clone, Copy)]
struct Part {
    picture: Picture,
    first: SeqExt,
    got: u16,
    /// When the last one came.
    received: Ms,
    asked: u32,
}

/// A picture on the screen.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub at: Ms,
    pub captured: Ms,
}

pub struct Video {
    pub nack: Requester,
    pub timing: Timing,
    jitter: Jitter,
    parts: BTreeMap<u32, Part>,
    frames: BTreeMap<u32, Part>,
    decoded: Option<u32>,
    scheduled: Option<(u32, Ms)>,
    waits: (Ms, Ms),
    waiting_since: Ms,
    keyframe_coming: Ms,
    heard: Ms,
    assembled_any: bool,
    nack_due: Ms,
    pub shown: Vec<Shown>,
}

/// What goes back to the sender.
#[derive(Debug, Default)]
pub struct Wish {
    pub ask: Vec<SeqExt>,
    pub keyframe: bool,
}

impl Video {
    /// `rtx_time`: as the other side's SDP says; three of it make the wait for a picture (`DetermineMaxWaitForFrame`).
    pub fn new(now: Ms, rtx_time: Option<Ms>, fps: f64) -> Self {
        let waits = rtx_time.filter(|t| 3.0 * t < WAIT).map_or((WAIT, WAIT_KEYFRAME), |t| (3.0 * t, t));
        Self {
            nack: Requester::default(),
            timing: Timing::default(),
            jitter: Jitter::new(fps),
            parts: BTreeMap::new(),
            frames: BTreeMap::new(),
            decoded: None,
            scheduled: None,
            waits,
            waiting_since: now,
            keyframe_coming: f64::NEG_INFINITY,
            heard: f64::NEG_INFINITY,
            assembled_any: false,
            nack_due: now,
            shown: Vec::new(),
        }
    }

    pub fn state(&self) -> String {
        let (jitter, current, sync) = self.timing.state();
        let (parts, frames, last) = (self.parts.len(), self.frames.len(), self.shown.last());
        let late = last.map_or(0.0, |shown| shown.at - shown.captured);
        let least = self.timing.extension_min;
        format!(
            "late {late:.0} jitter {jitter:.0} current {current:.0} sync {sync:.0} least {least:.0} parts {parts} frames {frames}"
        )
    }

    pub fn handle(
        &mut self,
        now: Ms,
        seq: SeqExt,
        picture: Picture,
        recovered: bool,
        round_trip: Option<Ms>,
        playout_min: Option<Ms>,
    ) -> Wish {
        self.heard = now;
        if let Some(min) = playout_min {
            self.timing.extension_min = min;
        }
        let told = self.nack.handle(now, seq, recovered, round_trip.unwrap_or(ROUND_TRIP));
        let mut wish = Wish { ask: told.ask, keyframe: told.keyframe };
        if self.decoded.is_some_and(|decoded| picture.frame <= decoded) {
            return wish;
        }
        if picture.keyframe {
            self.keyframe_coming = now;
        }
        wish.keyframe |= self.keep(now, seq, picture, told.asked);
        wish
    }

    /// Decodes and shows what is due, asks again for what is missing.
    pub fn tick(&mut self, now: Ms, round_trip: Option<Ms>) -> Wish {
        let mut wish = Wish::default();
        if now >= self.nack_due {
            self.nack_due += 20.0;
            wish.ask = self.nack.tick(now, round_trip.unwrap_or(ROUND_TRIP));
        }
        while let Some((frame, render)) = self.next(now) {
            if Timing::decode_at(render) > now {
                break;
            }
            self.decode(now, frame, render, round_trip.unwrap_or(ROUND_TRIP));
        }
        let wait = if self.decoded.is_none() { self.waits.1 } else { self.waits.0 };
        if now - self.waiting_since >= wait && self.scheduled.is_none() {
            self.waiting_since = now;
            let coming = now - self.keyframe_coming < self.waits.1;
            wish.keyframe = now - self.heard < ACTIVE_WITHIN && !coming;
        }
        wish
    }

    /// Yields whether a keyframe is wanted.
    fn keep(&mut self, now: Ms, seq: SeqExt, picture: Picture, asked: u32) -> bool {
        let first = SeqExt(seq.0 - u64::from(picture.index));
        let fresh = Part { picture, first, got: 0, received: now, asked: 0 };
        let part = self.parts.entry(picture.frame).or_insert(fresh);
        part.got += 1;
        part.received = now;
        part.asked = part.asked.max(asked);
        let (part, newest) = (*part, self.nack.newest().unwrap_or(seq));
        let oldest = self.parts.first_key_value().map_or(first, |(_, part)| part.first);
        if newest.0.saturating_sub(oldest.0) >= PACKETS_MAX {
            self.parts.clear();
            return true;
        }
        if part.got < picture.count {
            return false;
        }
        self.parts.remove(&picture.frame);
        self.assembled(part)
    }

    fn assembled(&mut self, part: Part) -> bool {
        let mut keyframe = !std::mem::replace(&mut self.assembled_any, true) && !part.picture.keyframe;
        if self.frames.len() >= FRAMES_MAX {
            keyframe |= !part.picture.keyframe;
            self.frames.clear();
        }
        if part.asked == 0 {
            self.timing.extrapolator.update(part.received, ticks(part.picture));
        }
        self.frames.insert(part.picture.frame, part);
        keyframe
    }

    /// The next that can be decoded, and when it is to be shown.
    fn next(&mut self, now: Ms) -> Option<(u32, Ms)> {
        let decodable = |frame: &u32, part: &Part| {
            part.picture.keyframe || self.decoded.is_some_and(|decoded| *frame == decoded + 1)
        };
        let mut able = self.frames.iter().filter(|(frame, part)| decodable(frame, part));
        let mut next = able.next()?;
        let mut render = match self.scheduled {
            Some((frame, render)) if frame == *next.0 => render,
            _ => self.timing.render_at(now, ticks(next.1.picture)),
        };
        // What is late is passed over for a keyframe behind it.
        for later in able {
            if Timing::decode_at(render) - now > -LATE_MAX {
                break;
            }
            next = later;
            render = self.timing.render_at(now, ticks(next.1.picture));
        }
        self.scheduled = Some((*next.0, render));
        self.scheduled
    }

    fn decode(&mut self, now: Ms, frame: u32, render: Ms, round_trip: Ms) {
        let Some(part) = self.frames.remove(&frame) else { return };
        self.frames = self.frames.split_off(&(frame + 1));
        self.parts = self.parts.split_off(&(frame + 1));
        let at = ticks(part.picture);
        if part.asked == 0 {
            self.jitter.update(at, part.received);
            self.timing.set_jitter(self.jitter.estimate(now, round_trip));
            self.timing.handle_decode(now, render);
        } else {
            self.jitter.note_nacked(now);
        }
        self.decoded = Some(frame);
        self.scheduled = None;
        self.waiting_since = now;
        self.shown.push(Shown { at: render.max(now + DECODE_MS), captured: part.picture.captured });
    }
}

fn ticks(picture: Picture) -> f64 {
    picture.captured * 90.0
}
