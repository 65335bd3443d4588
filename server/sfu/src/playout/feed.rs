//! A feed: frames that came by another wire, cut into the packets of a publication.

use super::FeedFact;
use crate::transport::{Codec, H264Profile, Kind};
use carillon_proto::frame::{Frame, FrameCodec};
use carillon_proto::payload::{h264, vp8};
use carillon_proto::rtp::{RtpTime, SeqExt, ticks};
use carillon_proto::wire::Malformed;
use std::time::{Duration, Instant};

/// With the longest header, RTX, SRTP, UDP and IPv6 around it a packet stays below 1,280 bytes, the least that IPv6
/// carries everywhere.
const PAYLOAD_BYTES_MAX: usize = 1_130;
/// Keyframes further apart than this are told: who joins waits as long where the cache does not reach.
const KEYFRAMES_APART: Duration = Duration::from_secs(3);
/// A stream that decoded in order for this long does without B-frames.
const ORDERED_AFTER: Duration = Duration::from_secs(10);

/// The source side of one fed track.
#[derive(Debug)]
pub(crate) struct Feed {
    frames: FrameCodec,
    pub(crate) codec: Codec,
    pub(crate) ssrc: u32,
    next: SeqExt,
    /// The media clock: `base` is its reading at `origin`.
    origin: Instant,
    base: RtpTime,
    /// The newest frame taken, and when it was taken.
    newest: Option<Instant>,
    order: Order,
    /// The newest `at` of all frames, taken or not; the last time that one stepped back.
    highest: Option<Instant>,
    stepped_back: Option<Instant>,
    keyframe: Option<Instant>,
    apart: bool,
    /// What was told of whether anybody wants it.
    pub(crate) wanted: bool,
}

/// Takes the packets of one frame: number, time, payload, marker.
pub(crate) type Emit<'a> = dyn FnMut(SeqExt, RtpTime, &[u8], bool) + 'a;

/// In which order pictures are decoded and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Same,
    LeavesOut,
    KeyframesOnly,
}

/// What is to become of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Take,
    /// It is left out for its place in the order.
    LeaveOut,
}

impl Feed {
    /// `None` where frames of this codec are not cut into packets. `random` decides where numbers and times begin.
    pub(crate) fn new(now: Instant, frames: FrameCodec, reordered: bool, ssrc: u32, random: u64) -> Option<Self> {
        let codec = match frames {
            // Its profile aside: a browser's decoder takes all of them, whichever it names in its offer.
            FrameCodec::H264 => Codec::H264(H264Profile::ConstrainedBaseline),
            FrameCodec::Vp8 => Codec::Vp8,
            FrameCodec::Opus => Codec::Opus,
            FrameCodec::Vp9 | FrameCodec::Av1 | FrameCodec::H265 | FrameCodec::Aac => return None,
        };
        Some(Self {
            frames,
            codec,
            ssrc,
            next: SeqExt(0x1_0000 + (random & 0x7fff)),
            origin: now,
            base: RtpTime((random >> 32) as u32),
            newest: None,
            order: if reordered { Order::LeavesOut } else { Order::Same },
            highest: None,
            stepped_back: reordered.then_some(now),
            keyframe: None,
            apart: false,
            wanted: false,
        })
    }

    /// Takes the place of `before`: its numbers and times go on.
    pub(crate) fn follow(&mut self, before: &Self) {
        (self.ssrc, self.next, self.origin, self.base) = (before.ssrc, before.next, before.origin, before.base);
        (self.newest, self.highest, self.wanted) = (before.newest, before.highest, before.wanted);
    }

    pub(crate) fn kind(&self) -> Kind {
        self.codec.kind()
    }

    pub(crate) fn clock_hz(&self) -> u32 {
        match self.kind() {
            Kind::Audio => 48_000,
            Kind::Video => 90_000,
        }
    }

    /// The media clock's reading at a moment of the server's clock.
    pub(crate) fn time_at(&self, at: Instant) -> RtpTime {
        match at.checked_duration_since(self.origin) {
            Some(after) => self.base.wrapping_add(ticks(after, self.clock_hz())),
            None => self.base.wrapping_sub(ticks(self.origin.saturating_duration_since(at), self.clock_hz())),
        }
    }

    /// Whether a frame goes out, and what there is to tell. Frames of another codec, and what is malformed, are errors.
    pub(crate) fn judge(&mut self, frame: &Frame, facts: &mut Vec<FeedFact>) -> Result<Verdict, Malformed> {
        if frame.codec != self.frames || frame.payload.is_empty() {
            return Err(Malformed::Value);
        }
        if self.kind() == Kind::Audio {
            let late = self.newest.is_some_and(|newest| frame.at <= newest);
            return Ok(if late { Verdict::LeaveOut } else { Verdict::Take });
        }
        let disposable = frame.codec == FrameCodec::H264 && h264::contents(&frame.payload)?.is_disposable;
        self.note_keyframe(frame, facts);
        self.note_order(frame, disposable, facts);
        let shown_before = self.newest.is_some_and(|newest| frame.at <= newest);
        let goes = match self.order {
            Order::Same => !shown_before,
            Order::LeavesOut => !shown_before && !disposable,
            Order::KeyframesOnly => frame.key && !shown_before,
        };
        Ok(if goes { Verdict::Take } else { Verdict::LeaveOut })
    }

    /// Cuts a frame: number, time, payload and marker of each packet.
    pub(crate) fn cut(&mut self, frame: &Frame, emit: &mut Emit<'_>) -> Result<(), Malformed> {
        let time = self.time_at(frame.at);
        // RFC 3551 section 4.1: the marker tells the first packet after a silence.
        let after_silence = self.newest.is_none_or(|newest| frame.at > newest + Duration::from_millis(200));
        self.newest = Some(frame.at);
        let next = &mut self.next;
        let mut put = |payload: &[u8], marker: bool| {
            emit(*next, time, payload, marker);
            *next = next.plus(1);
        };
        match self.codec {
            Codec::H264(_) => h264::packetize(&frame.payload, PAYLOAD_BYTES_MAX, &mut put),
            Codec::Vp8 => vp8::packetize(&frame.payload, PAYLOAD_BYTES_MAX, &mut put),
            Codec::Opus | Codec::Vp9 | Codec::Av1 => {
                put(&frame.payload, after_silence);
                Ok(())
            }
        }
    }

    fn note_keyframe(&mut self, frame: &Frame, facts: &mut Vec<FeedFact>) {
        if !frame.key {
            return;
        }
        let Some(before) = self.keyframe.replace(frame.at) else { return };
        let span = frame.at.saturating_duration_since(before);
        let apart = span > KEYFRAMES_APART;
        if apart && !self.apart {
            facts.push(FeedFact::KeyframesApart(span));
        }
        self.apart = apart;
    }

    fn note_order(&mut self, frame: &Frame, disposable: bool, facts: &mut Vec<FeedFact>) {
        let steps_back = self.highest.is_some_and(|highest| frame.at < highest);
        let before = self.order;
        if steps_back {
            self.stepped_back = self.highest;
            self.order = match before {
                Order::KeyframesOnly => Order::KeyframesOnly,
                Order::Same | Order::LeavesOut if disposable => Order::LeavesOut,
                Order::Same | Order::LeavesOut => Order::KeyframesOnly,
            };
        } else {
            self.highest = Some(frame.at);
            let ordered = self.stepped_back.is_none_or(|last| frame.at.saturating_duration_since(last) > ORDERED_AFTER);
            // Where pictures were left out that others need, decoding starts anew.
            if ordered && (frame.key || before != Order::KeyframesOnly) {
                self.order = Order::Same;
            }
        }
        if self.order != before {
            facts.push(self.fact());
        }
    }

    /// Of the order that holds.
    pub(crate) fn fact(&self) -> FeedFact {
        match self.order {
            Order::Same => FeedFact::InOrder,
            Order::LeavesOut => FeedFact::BFramesLeftOut,
            Order::KeyframesOnly => FeedFact::KeyframesOnly,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;
    use bytes::Bytes;

    const KEY: &[u8] = &[0, 0, 0, 2, 0x67, 1, 0, 0, 0, 2, 0x68, 1, 0, 0, 0, 3, 0x65, 1, 2];
    const REFERENCED: &[u8] = &[0, 0, 0, 2, 0x41, 1];
    const DISPOSABLE: &[u8] = &[0, 0, 0, 2, 0x01, 1];

    fn feed(t: Instant) -> Feed {
        Feed::new(t, FrameCodec::H264, false, 7, 5 << 32 | 9).expect("a codec for packets")
    }

    fn frame(t: Instant, ms: u64, payload: &'static [u8]) -> Frame {
        let at = t + Duration::from_millis(ms);
        Frame { codec: FrameCodec::H264, at, key: payload == KEY, payload: Bytes::from_static(payload) }
    }

    /// `at` in milliseconds of the frames taken, and what was told.
    fn run(feed: &mut Feed, t: Instant, frames: &[(u64, &'static [u8])]) -> (Vec<u64>, Vec<FeedFact>) {
        let (mut taken, mut facts) = (Vec::new(), Vec::new());
        for (ms, payload) in frames {
            let frame = frame(t, *ms, payload);
            if feed.judge(&frame, &mut facts) == Ok(Verdict::Take) {
                feed.cut(&frame, &mut |_, _, _, _| ()).expect("well-formed");
                taken.push(*ms);
            }
        }
        (taken, facts)
    }

    #[test]
    fn packets_count_on_and_carry_the_frames_time() {
        let t = start();
        let mut feed = feed(t);
        let mut packets = Vec::new();
        for (ms, payload) in [(0, KEY), (40, REFERENCED)] {
            let frame = frame(t, ms, payload);
            feed.cut(&frame, &mut |seq, time, p, last| packets.push((seq.0, time.0, p[0], last))).expect("well-formed");
        }
        assert_eq!(packets, [(0x1_0009, 5, 0x78, false), (0x1_000a, 5, 0x65, true), (0x1_000b, 3_605, 0x41, true)]);
        assert_eq!(feed.time_at(t + Duration::from_secs(1)), RtpTime(90_005));
    }

    #[test]
    fn b_frames_that_nobody_needs_are_left_out_and_told() {
        let t = start();
        let frames = [(0, KEY), (120, REFERENCED), (40, DISPOSABLE), (80, DISPOSABLE), (240, REFERENCED)];
        let (taken, facts) = run(&mut feed(t), t, &frames);
        assert_eq!((taken, facts), (vec![0, 120, 240], vec![FeedFact::BFramesLeftOut]));
    }

    #[test]
    fn b_frames_that_others_need_leave_keyframes_only() {
        let t = start();
        let mut feed = feed(t);
        let frames = [(0, KEY), (120, REFERENCED), (80, REFERENCED), (40, DISPOSABLE), (240, REFERENCED), (400, KEY)];
        let (taken, facts) = run(&mut feed, t, &frames);
        assert_eq!((taken, facts), (vec![0, 120, 400], vec![FeedFact::KeyframesOnly]));
        let later: Vec<_> = (11..400).map(|n| (n * 40, if n % 50 == 0 { KEY } else { REFERENCED })).collect();
        let (taken, facts) = run(&mut feed, t, &later);
        assert_eq!(facts, [FeedFact::InOrder]);
        let first = taken.iter().position(|ms| *ms > 10_120).expect("forwarded again");
        assert_eq!(taken[first..].len(), 399 - 300 + 1, "from the first keyframe after ten seconds on");
    }

    #[test]
    fn keyframes_far_apart_are_told_once() {
        let t = start();
        let frames = [(0, KEY), (2_000, KEY), (5_500, KEY), (9_000, KEY), (10_000, KEY), (14_000, KEY)];
        let (_, facts) = run(&mut feed(t), t, &frames);
        let apart = |ms| FeedFact::KeyframesApart(Duration::from_millis(ms));
        assert_eq!(facts, [apart(3_500), apart(4_000)]);
    }

    #[test]
    fn what_is_no_frame_of_the_codec_is_an_error() {
        let t = start();
        let mut feed = feed(t);
        let broken = frame(t, 0, &[0, 0, 0, 9, 1]);
        assert_eq!(feed.judge(&broken, &mut Vec::new()), Err(Malformed::Truncated));
        let other = Frame { codec: FrameCodec::Vp8, ..frame(t, 0, KEY) };
        assert_eq!(feed.judge(&other, &mut Vec::new()), Err(Malformed::Value));
        assert!(Feed::new(t, FrameCodec::Aac, false, 1, 1).is_none());
    }
}
