//! One stream on its way from a WebRTC publisher to RTMP's players.

use super::Stats;
use super::publishing::track;
use super::thread::Workers;
use crate::rtmp;
use carillon_proto::frame::FrameCodec;
use carillon_rtmp::bridge::ToPlayers;
use carillon_rtmp::transcode::Refused;
use carillon_rtmp::{Command as HubCommand, Flow, StreamKey};
use carillon_sfu::{Command, ParticipantId, TapId, TapOutput};
use std::time::{Duration, Instant};

pub(super) struct Playing {
    stream: StreamKey,
    worker: usize,
    audio: TapId,
    video: TapId,
    /// A second tap of the video, open until its first frame: opening one has a keyframe asked for, and takes nothing
    /// from those who watch already.
    probe: Option<TapId>,
    participant: ParticipantId,
    players: ToPlayers,
    /// The last player has gone: it ends then.
    ends: Option<Instant>,
    /// Its publisher has left: nothing more comes.
    ended: bool,
}

/// A player that comes back within this time finds the stream running.
const UNWANTED_FOR: Duration = Duration::from_secs(5);

impl Playing {
    /// Begins. `taps`: of sound and picture.
    pub(super) fn new(
        stream: StreamKey,
        worker: usize,
        participant: ParticipantId,
        [audio, video]: [TapId; 2],
        workers: &mut Workers,
        rtmp: &rtmp::Handle,
    ) -> Result<Self, Refused> {
        let players = ToPlayers::new()?;
        rtmp.send(rtmp::Input::Hub(HubCommand::Produce { stream: stream.clone() }));
        for (tap, flow) in [(audio, Flow::Audio), (video, Flow::Video)] {
            if let Some(track) = track(flow, stream.screen) {
                workers.command(worker, Command::OpenTap { tap, publisher: participant, track });
            }
        }
        Ok(Self { stream, worker, audio, video, probe: None, participant, players, ends: None, ended: false })
    }

    pub(super) fn handle_tap(
        &mut self,
        now: Instant,
        tap: TapId,
        output: TapOutput,
        workers: &mut Workers,
        stats: &mut Stats,
    ) {
        if self.probe == Some(tap) {
            if matches!(output, TapOutput::Frame(_) | TapOutput::Ended) {
                self.close_probe(workers);
            }
            return;
        }
        let flow = if tap == self.audio { Flow::Audio } else { Flow::Video };
        match output {
            TapOutput::Frame(frame) => {
                stats.opus_frames += u64::from(frame.codec == FrameCodec::Opus);
                self.players.handle_frame(now, frame);
            }
            TapOutput::Silent(silent) => self.players.handle_silent(now, flow, silent),
            TapOutput::Ended => {
                self.players.handle_silent(now, flow, true);
                self.ended = true;
                self.ends = self.ends.map(|_| now);
            }
            TapOutput::Codec(codec) if flow == Flow::Video => {
                self.players.expect_pictures();
                if codec != FrameCodec::H264 {
                    tracing::debug!(stream = self.stream.path(), ?codec, "not for RTMP: the publisher is to change");
                }
            }
            // Sound is made up where it is missing, and video comes back by itself.
            TapOutput::Codec(_) | TapOutput::Hold(_) | TapOutput::Lost => {}
        }
    }

    /// A player waits for a picture that stands alone. `false`: one was asked for and has not come yet.
    pub(super) fn ask_keyframe(&mut self, probe: TapId, workers: &mut Workers) -> bool {
        let wanted = track(Flow::Video, self.stream.screen).filter(|_| self.probe.is_none());
        let Some(track) = wanted else { return false };
        self.probe = Some(probe);
        workers.command(self.worker, Command::OpenTap { tap: probe, publisher: self.participant, track });
        true
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.players.handle_timeout(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.players.poll_timeout(), self.ends].into_iter().flatten().min()
    }

    /// Nobody plays it any more.
    pub(super) fn leave(&mut self, now: Instant) {
        self.ends = Some(if self.ended { now } else { now + UNWANTED_FOR });
    }

    /// Somebody plays it again. `false`: its publisher sits elsewhere now.
    pub(super) fn stay(&mut self, worker: usize, participant: ParticipantId) -> bool {
        let same = (self.worker, self.participant) == (worker, participant);
        if same {
            self.ends = None;
        }
        same
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }

    /// Hands over what is ready.
    pub(super) fn drain(&mut self, rtmp: &rtmp::Handle, stats: &mut Stats) {
        stats.ages_to_players.add(self.players.take_ages());
        while let Some(tag) = self.players.poll_output() {
            let stream = self.stream.clone();
            rtmp.send(rtmp::Input::Produced { stream, flow: tag.flow, at: tag.at, payload: tag.payload });
        }
    }

    /// The taps that stand open.
    pub(super) fn taps(&self) -> impl Iterator<Item = TapId> + use<> {
        [Some(self.audio), Some(self.video), self.probe].into_iter().flatten()
    }

    pub(super) fn end(&mut self, workers: &mut Workers, rtmp: &rtmp::Handle) {
        self.close_probe(workers);
        for tap in [self.audio, self.video] {
            workers.command(self.worker, Command::CloseTap { tap });
        }
        rtmp.send(rtmp::Input::Hub(HubCommand::EndProduced { stream: self.stream.clone() }));
    }

    fn close_probe(&mut self, workers: &mut Workers) {
        if let Some(tap) = self.probe.take() {
            workers.command(self.worker, Command::CloseTap { tap });
        }
    }
}
