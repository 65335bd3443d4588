//! One stream on its way from an RTMP publisher into a room.

use super::Stats;
use super::thread::Workers;
use crate::rtmp;
use crate::worker::FrameInput;
use carillon_proto::gateway::TrackName;
use carillon_rtmp::bridge::{RoomOutput, ToRoom};
use carillon_rtmp::{Command as HubCommand, Flow, Media, StreamKey, Warning};
use carillon_sfu::{Command, FeedFact, ParticipantId};
use std::time::Instant;

pub(super) struct Publishing {
    stream: StreamKey,
    pub(super) worker: usize,
    pub(super) participant: ParticipantId,
    room: ToRoom,
    /// Feeds that were opened.
    fed: Vec<TrackName>,
}

/// The track that a flow of a stream is. Data is none.
pub(super) fn track(flow: Flow, screen: bool) -> Option<TrackName> {
    match (flow, screen) {
        (Flow::Audio, false) => Some(TrackName::Microphone),
        (Flow::Video, false) => Some(TrackName::Camera),
        (Flow::Audio, true) => Some(TrackName::ScreenAudio),
        (Flow::Video, true) => Some(TrackName::Screen),
        (Flow::Data, _) => None,
    }
}

/// What the publisher is told of it.
fn warning(fact: FeedFact) -> Option<Warning> {
    match fact {
        FeedFact::BFramesLeftOut => Some(Warning::BFramesLeftOut),
        FeedFact::KeyframesOnly => Some(Warning::KeyframesOnly),
        FeedFact::KeyframesApart(_) => Some(Warning::KeyframesApart),
        FeedFact::Refused(_) | FeedFact::Wanted(_) | FeedFact::InOrder => None,
    }
}

impl Publishing {
    pub(super) fn new(stream: StreamKey, worker: usize, participant: ParticipantId) -> Self {
        Self { stream, worker, participant, room: ToRoom::default(), fed: Vec::new() }
    }

    pub(super) fn handle_media(&mut self, now: Instant, media: &Media, workers: &mut Workers, stats: &mut Stats) {
        stats.aac_frames += u64::from(media.flow == Flow::Audio);
        let broken = self.room.broken;
        self.room.handle_media(now, media);
        stats.broken += self.room.broken - broken;
        while let Some(output) = self.room.poll_output() {
            if let RoomOutput::Frame(frame) = &output
                && !frame.codec.is_audio()
            {
                stats.ages_to_room.note(now, frame.at);
            }
            self.carry(output, workers, stats);
        }
    }

    pub(super) fn is_transcoding(&self) -> bool {
        self.room.is_transcoding()
    }

    /// What the media engine says about a feed.
    pub(super) fn handle_fact(
        &mut self,
        now: Instant,
        track: TrackName,
        fact: FeedFact,
        rtmp: &rtmp::Handle,
        stats: &mut Stats,
    ) {
        if let Some(warning) = warning(fact) {
            *stats.warnings(warning) += 1;
            rtmp.send(rtmp::Input::Hub(HubCommand::Warn { stream: self.stream.clone(), warning }));
        }
        let stream = self.stream.path();
        match fact {
            FeedFact::Wanted(wanted) => {
                if self::track(Flow::Audio, self.stream.screen) == Some(track) {
                    self.room.want_sound(now, wanted);
                }
            }
            FeedFact::Refused(refusal) => {
                tracing::info!(stream, ?track, ?refusal, "a published track is not forwarded")
            }
            FeedFact::InOrder => tracing::info!(stream, ?track, "pictures come in order again"),
            FeedFact::BFramesLeftOut => tracing::info!(stream, ?track, "B-frames are left out for browsers"),
            FeedFact::KeyframesOnly => tracing::info!(stream, ?track, "B-frames: browsers get keyframes alone"),
            FeedFact::KeyframesApart(apart) => {
                tracing::info!(
                    stream,
                    ?track,
                    seconds = apart.as_secs_f64(),
                    "keyframes are far apart: joining is slow"
                );
            }
        }
    }

    pub(super) fn end(&self, workers: &mut Workers) {
        for &track in &self.fed {
            workers.command(self.worker, Command::CloseFeed { participant: self.participant, track });
        }
    }

    fn carry(&mut self, output: RoomOutput, workers: &mut Workers, stats: &mut Stats) {
        let (worker, participant, screen) = (self.worker, self.participant, self.stream.screen);
        match output {
            RoomOutput::Open { flow, codec, reordered } => {
                let Some(track) = track(flow, screen) else { return };
                if !self.fed.contains(&track) {
                    self.fed.push(track);
                }
                workers.command(worker, Command::OpenFeed { participant, track, codec, reordered });
            }
            RoomOutput::Frame(frame) => {
                let flow = if frame.codec.is_audio() { Flow::Audio } else { Flow::Video };
                if let Some(track) = track(flow, screen) {
                    workers.frame(worker, FrameInput::Frame { participant, track, frame });
                }
            }
            RoomOutput::Level(level) if !screen => workers.frame(worker, FrameInput::Level { participant, level }),
            RoomOutput::Level(_) => {}
            RoomOutput::Problem(flow, problem) => {
                let unfit = if flow == Flow::Audio { &mut stats.unfit_audio } else { &mut stats.unfit_video };
                *unfit += 1;
                tracing::info!(stream = self.stream.path(), ?flow, ?problem, "published, but not fit for browsers");
            }
        }
    }
}
