//! What the rooms of one worker share: the moment, the way out, the timers, the counters.

use crate::demux::Demux;
use crate::playout::Outputs;
use crate::random::Random;
use crate::timers::Timers;
use crate::transport::Params;
use crate::{DropReason, Egress, Event, Output, ParticipantId, Reason, RoomKey, Stats};
use carillon_config::media::Media;
use carillon_proto::rtcp::NtpTime;
use carillon_proto::rtp_ext::AbsSendTime;
use carillon_proto::time::Now;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who has a deadline, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Transport(ParticipantId),
    /// Of a publisher: for all its publications.
    Nack(ParticipantId),
    Keyframe(ParticipantId),
    /// Of a publisher whose packets wait to be fanned out.
    Release(ParticipantId),
    /// Of a subscriber.
    Copies(ParticipantId),
    /// Of a publisher: for all its feeds, for all its taps.
    CatchUp(ParticipantId),
    Playout(ParticipantId),
    Report(ParticipantId),
    Volumes(RoomKey),
    Quality(RoomKey),
}

impl Timer {
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Transport(_) => Reason::Transport,
            Self::Nack(_) => Reason::Nack,
            Self::Keyframe(_) => Reason::Keyframe,
            Self::Release(_) => Reason::Release,
            Self::Copies(_) => Reason::Copies,
            Self::CatchUp(_) => Reason::CatchUp,
            Self::Playout(_) => Reason::Playout,
            Self::Report(_) => Reason::Report,
            Self::Volumes(_) => Reason::Volumes,
            Self::Quality(_) => Reason::Quality,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Context {
    /// The moment of the input that is being handled.
    pub(crate) now: Instant,
    /// Both clocks when the worker was made.
    start: Now,
    pub(crate) config: Media,
    pub(crate) params: Arc<Params>,
    pub(crate) random: Random,
    pub(crate) demux: Demux,
    pub(crate) timers: Timers<Timer>,
    pub(crate) egress: Egress,
    pub(crate) stats: Stats,
    /// Rooms with media to fan out.
    pub(crate) pending: Vec<RoomKey>,
    pub(crate) frames: Outputs,
    outputs: VecDeque<Output>,
}

impl Context {
    pub(crate) fn new(config: Media, params: Params, random: Random, start: Now) -> Self {
        Self {
            now: start.instant,
            start,
            config,
            params: Arc::new(params),
            random,
            demux: Demux::new(),
            timers: Timers::new(),
            egress: Egress::default(),
            stats: Stats::default(),
            pending: Vec::new(),
            frames: Outputs::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Time since 1970, finer than the wall clock's milliseconds and as even as the monotonic clock.
    pub(crate) fn unix(&self) -> Duration {
        Duration::from_millis(self.start.wall.0) + self.now.saturating_duration_since(self.start.instant)
    }

    /// The same of another moment.
    pub(crate) fn unix_of(&self, at: Instant) -> Duration {
        Duration::from_millis(self.start.wall.0) + at.saturating_duration_since(self.start.instant)
    }

    pub(crate) fn ntp(&self) -> NtpTime {
        NtpTime::from_unix(self.unix())
    }

    /// The moment as packets carry it.
    pub(crate) fn abs_send_time(&self) -> AbsSendTime {
        AbsSendTime::from_clock(self.unix())
    }

    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn drop(&mut self, reason: DropReason) {
        self.stats.count_drop(reason);
    }
}
