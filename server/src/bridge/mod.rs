//! Where RTMP's streams and the rooms of the media workers meet: threads that carry frames between them and change
//! their sound from one codec to the other, once for each publisher and direction, and only while somebody wants it.
//!
//! A frame of sound costs some 60 µs here and a picture next to nothing, so that one thread carries hundreds of
//! publishers; no media thread and no player ever waits for it. A publisher's streams stay with one thread, so that
//! their order is kept. What a thread does not keep up with is dropped and counted, and costs the others nothing.

mod lanes;
mod playing;
mod publishing;
mod thread;

pub use lanes::{Feeder, Handle, Mailbox, Sinks, channels};
pub use thread::start;

use crate::worker::FromWorker;
use carillon_rtmp::bridge::Ages;
use carillon_rtmp::{Media, StreamKey, Warning};
use carillon_sfu::ParticipantId;
use tokio::sync::oneshot;

/// What flows in all the time. Whoever finds no place drops it.
#[derive(Debug)]
pub enum Input {
    Worker(FromWorker),
    Tapped {
        stream: StreamKey,
        media: Media,
    },
    /// An order waits.
    Wake,
}

/// What is to be done with a stream, by the control thread and RTMP's. Never dropped; there are a few for each stream.
#[derive(Debug)]
pub enum Order {
    /// A connection publishes this stream, and the publisher sits there.
    Publish {
        stream: StreamKey,
        worker: usize,
        participant: ParticipantId,
    },
    /// Players want this stream of somebody who publishes there by WebRTC.
    Play {
        stream: StreamKey,
        worker: usize,
        participant: ParticipantId,
    },
    /// Neither any more.
    End {
        stream: StreamKey,
    },
    /// A new player of a stream under `Play` needs a picture that stands alone.
    Keyframe {
        stream: StreamKey,
    },
    Stats(oneshot::Sender<Stats>),
    Stop,
}

/// Of a thread, since it began; the first four are of this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub publishing: u64,
    pub playing: u64,
    /// Transcoders that run.
    pub aac_to_opus: u64,
    pub opus_to_aac: u64,
    /// Sound that was changed from AAC to Opus and from Opus to AAC, in frames of what came.
    pub aac_frames: u64,
    pub opus_frames: u64,
    /// Of pictures when they leave this thread.
    pub ages_to_room: Ages,
    pub ages_to_players: Ages,
    /// Frames that a worker had no place for.
    pub refused: u64,
    /// Messages and frames that this thread had no place for.
    pub dropped: u64,
    /// Streams that ended because a decoder failed on them.
    pub failed: u64,
    /// Messages of publishers that could not be read: lies about lengths, parameter sets or configurations among them.
    pub broken: u64,
    /// Flows that browsers cannot get as they are published, each counted when it shows.
    pub unfit_audio: u64,
    pub unfit_video: u64,
    /// What publishers were told of their pictures.
    pub b_frames_left_out: u64,
    pub keyframes_only: u64,
    pub keyframes_apart: u64,
}

impl Stats {
    fn warnings(&mut self, warning: Warning) -> &mut u64 {
        match warning {
            Warning::BFramesLeftOut => &mut self.b_frames_left_out,
            Warning::KeyframesOnly => &mut self.keyframes_only,
            Warning::KeyframesApart => &mut self.keyframes_apart,
        }
    }

    /// Of two threads together.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        self.ages_to_room.add(other.ages_to_room);
        self.ages_to_players.add(other.ages_to_players);
        Self {
            publishing: self.publishing + other.publishing,
            playing: self.playing + other.playing,
            aac_to_opus: self.aac_to_opus + other.aac_to_opus,
            opus_to_aac: self.opus_to_aac + other.opus_to_aac,
            aac_frames: self.aac_frames + other.aac_frames,
            opus_frames: self.opus_frames + other.opus_frames,
            refused: self.refused + other.refused,
            dropped: self.dropped + other.dropped,
            failed: self.failed + other.failed,
            broken: self.broken + other.broken,
            unfit_audio: self.unfit_audio + other.unfit_audio,
            unfit_video: self.unfit_video + other.unfit_video,
            b_frames_left_out: self.b_frames_left_out + other.b_frames_left_out,
            keyframes_only: self.keyframes_only + other.keyframes_only,
            keyframes_apart: self.keyframes_apart + other.keyframes_apart,
            ..self
        }
    }
}

impl Order {
    /// Whose it is; `None`: every thread's.
    fn stream(&self) -> Option<&StreamKey> {
        match self {
            Self::Publish { stream, .. } | Self::Play { stream, .. } => Some(stream),
            Self::End { stream } | Self::Keyframe { stream } => Some(stream),
            Self::Stats(_) | Self::Stop => None,
        }
    }
}
