//! Whole frames on their way in and out: feeds (frames of another wire become a publication), taps (a publication's
//! packets become frames). Rooms and transports know packets only.

mod assemble;
mod clock;
mod feed;
mod tap;
mod target_delay;

pub(crate) use clock::Line;
pub(crate) use feed::{Feed, Verdict};
pub(crate) use tap::{Outputs, Playout, View};

use crate::ParticipantId;
use carillon_proto::frame::{Frame, FrameCodec};
use carillon_proto::gateway::TrackName;
use std::time::Duration;

/// One taker of one track's frames. The shell draws the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TapId(pub u64);

/// What leaves by the frames' own way, `Worker::poll_frame`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameOutput {
    Tap(TapId, TapOutput),
    Feed { participant: ParticipantId, track: TrackName, fact: FeedFact },
}

/// What a tap yields, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapOutput {
    /// In decode order, `at` rising. Video begins with a keyframe, also after `Lost`.
    Frame(Frame),
    /// What the publisher sends from here on; before its first frame. No frames follow of a codec that only packets are
    /// understood of (VP9, AV1).
    Codec(FrameCodec),
    /// Frames may come this long after their `at`, and seldom later: what waits for them waits so long. Told before the
    /// first frame and when it changes.
    Hold(Duration),
    /// Frames are missing here. Video waits for the next keyframe, which was asked for.
    Lost,
    /// Nothing came for a while (camera or microphone off, or the path is gone); `false`: it goes on.
    Silent(bool),
    /// The publisher left the room. Nothing more follows.
    Ended,
}

/// What there is to say about a feed to whoever opened it. Each is told once per change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedFact {
    /// It was not opened.
    Refused(FeedRefusal),
    /// Somebody receives it, or takes its frames; `false`: nobody does any more, as it is until this is first told.
    Wanted(bool),
    /// Pictures are decoded in the order in which they are shown, as WebRTC needs it. Told after one of the next two only.
    InOrder,
    /// B-frames come. Those that no other picture needs are left out: fewer pictures a second.
    BFramesLeftOut,
    /// B-frames come that other pictures need: keyframes alone are forwarded.
    KeyframesOnly,
    /// From one keyframe to the next, where it is longer than 3 s: who joins then waits for the next one.
    KeyframesApart(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedRefusal {
    /// No such participant on this worker.
    Gone,
    /// The participant may not send this track.
    NotAllowed,
    /// Its transport sends this track.
    Taken,
    /// Frames of this codec are not cut into packets.
    Codec,
}
