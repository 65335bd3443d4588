//! Whole frames into and out of a media thread, for those who speak other wires. Both ways are bounded: who is behind
//! loses frames, never holds media up.

use super::UdpCounters;
use crate::bridge::{self, Sinks};
use carillon_proto::frame::Frame;
use carillon_proto::gateway::TrackName;
use carillon_sfu::{Command, FrameOutput, ParticipantId, TapId, TapOutput, Worker};
use std::collections::{BTreeSet, VecDeque};
use std::mem::discriminant;
use std::sync::mpsc::{SyncSender, TrySendError};

/// Frames waiting for one worker: a tenth of a second of a hundred publishers.
pub(super) const FRAMES_IN: usize = 1024;

/// What a media thread is fed.
#[derive(Debug)]
pub enum FrameInput {
    /// Of a feed that a `Command::OpenFeed` opened; others are dropped and counted.
    Frame { participant: ParticipantId, track: TrackName, frame: Frame },
    /// How loud a fed microphone is, 0 (full scale) to 127 (silence), RFC 6464; about each 100 ms.
    Level { participant: ParticipantId, level: u8 },
}

/// The frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameRefused {
    /// The worker is behind: the frame is lost. Video is whole again with the next keyframe.
    Full,
    Stopped,
}

/// What a media thread yields, with the worker's index.
#[derive(Debug)]
pub struct FromWorker {
    pub worker: usize,
    pub output: FrameOutput,
}

/// One worker's end of the ways to the bridge's threads.
#[derive(Debug)]
pub(super) struct Outboxes {
    sinks: Sinks,
    /// One for each of those threads: that one is behind is nothing to the others.
    each: Vec<Outbox>,
}

#[derive(Debug)]
struct Outbox {
    worker: usize,
    sink: SyncSender<bridge::Input>,
    /// All but frames, in order: a few for each tap and feed.
    waiting: VecDeque<FrameOutput>,
    /// Taps whose frames found no place. They are told, and go on at a keyframe.
    behind: BTreeSet<TapId>,
}

impl Outboxes {
    pub(super) fn new(worker: usize, sinks: Sinks) -> Self {
        let each = sinks.0.iter().map(|sink| Outbox::new(worker, sink.clone())).collect();
        Self { sinks, each }
    }

    /// True while something waits for a place.
    pub(super) fn is_behind(&self) -> bool {
        self.each.iter().any(Outbox::is_behind)
    }

    /// Hands over what the worker has.
    pub(super) fn drain(&mut self, worker: &mut Worker, now: carillon_proto::time::Now, counters: &mut UdpCounters) {
        for outbox in &mut self.each {
            outbox.offer_waiting();
            outbox.offer_losses(worker, now);
        }
        while let Some(output) = worker.poll_frame() {
            counters.frames_dropped += u64::from(!self.push(output));
        }
    }

    /// False where a frame was dropped.
    fn push(&mut self, output: FrameOutput) -> bool {
        match output {
            FrameOutput::Tap(tap, _) => {
                let of = self.sinks.of(tap);
                self.each.get_mut(of).is_some_and(|outbox| outbox.push(output))
            }
            // A participant does not say whose it is; there are few facts, and who knows nothing of it takes none.
            FrameOutput::Feed { .. } => {
                self.each.iter_mut().for_each(|outbox| _ = outbox.push(output.clone()));
                true
            }
        }
    }
}

impl Outbox {
    fn new(worker: usize, sink: SyncSender<bridge::Input>) -> Self {
        Self { worker, sink, waiting: VecDeque::new(), behind: BTreeSet::new() }
    }

    fn is_behind(&self) -> bool {
        !self.waiting.is_empty() || !self.behind.is_empty()
    }

    /// False where a frame was dropped.
    fn push(&mut self, output: FrameOutput) -> bool {
        match &output {
            FrameOutput::Tap(tap, TapOutput::Frame(_)) => {
                let tap = *tap;
                let goes = !self.is_behind() && self.put(output).is_ok();
                if !goes {
                    self.behind.insert(tap);
                }
                goes
            }
            FrameOutput::Tap(tap, TapOutput::Lost) if self.behind.contains(tap) => true,
            FrameOutput::Tap(..) | FrameOutput::Feed { .. } => {
                if let FrameOutput::Tap(tap, TapOutput::Ended) = &output {
                    self.behind.remove(tap);
                }
                // The newest of a kind stands for those before it: what waits is bounded by taps and feeds.
                self.waiting.retain(|older| !is_replaced(older, &output));
                self.waiting.push_back(output);
                self.offer_waiting();
                true
            }
        }
    }

    fn offer_waiting(&mut self) {
        while let Some(output) = self.waiting.pop_front() {
            if let Err(output) = self.put(output) {
                self.waiting.push_front(output);
                return;
            }
        }
    }

    fn offer_losses(&mut self, worker: &mut Worker, now: carillon_proto::time::Now) {
        while self.waiting.is_empty()
            && let Some(tap) = self.behind.pop_first()
        {
            if self.put(FrameOutput::Tap(tap, TapOutput::Lost)).is_err() {
                self.behind.insert(tap);
                return;
            }
            worker.handle_command(now, Command::RestartTap { tap });
        }
    }

    /// Gives back what finds no place. Where nobody takes frames any more they are gone.
    fn put(&self, output: FrameOutput) -> Result<(), FrameOutput> {
        match self.sink.try_send(bridge::Input::Worker(FromWorker { worker: self.worker, output })) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(bridge::Input::Worker(back))) => Err(back.output),
            Err(TrySendError::Full(bridge::Input::Tapped { .. } | bridge::Input::Wake)) => Ok(()),
        }
    }
}

fn is_replaced(older: &FrameOutput, by: &FrameOutput) -> bool {
    match (older, by) {
        (FrameOutput::Tap(a, _), FrameOutput::Tap(b, TapOutput::Ended)) => a == b,
        (FrameOutput::Tap(a, older), FrameOutput::Tap(b, by)) => a == b && discriminant(older) == discriminant(by),
        (
            FrameOutput::Feed { participant: a, track: on, fact: older },
            FrameOutput::Feed { participant: b, track: at, fact: by },
        ) => (a, on) == (b, at) && discriminant(older) == discriminant(by),
        (FrameOutput::Tap(..), FrameOutput::Feed { .. }) | (FrameOutput::Feed { .. }, FrameOutput::Tap(..)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_proto::frame::FrameCodec;
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::time::Duration;

    #[expect(clippy::disallowed_methods, reason = "some moment")]
    fn frame(tap: u64) -> FrameOutput {
        let at = std::time::Instant::now();
        let frame = Frame { codec: FrameCodec::Opus, at, key: true, payload: vec![1].into() };
        FrameOutput::Tap(TapId(tap), TapOutput::Frame(frame))
    }

    fn kinds(taken: &Receiver<bridge::Input>) -> Vec<&'static str> {
        let kind = |output: FrameOutput| match output {
            FrameOutput::Tap(_, TapOutput::Frame(_)) => "frame",
            FrameOutput::Tap(_, TapOutput::Lost) => "lost",
            FrameOutput::Tap(_, TapOutput::Hold(_)) => "hold",
            FrameOutput::Tap(..) | FrameOutput::Feed { .. } => "other",
        };
        let output = |input| match input {
            bridge::Input::Worker(from) => Some(from.output),
            bridge::Input::Tapped { .. } | bridge::Input::Wake => None,
        };
        std::iter::from_fn(|| taken.try_recv().ok()).filter_map(output).map(kind).collect()
    }

    #[test]
    fn who_is_behind_loses_frames_and_is_told_before_the_next() {
        let (sender, taken) = sync_channel(2);
        let mut outbox = Outbox::new(0, sender);
        assert!(outbox.push(frame(1)) && outbox.push(frame(1)));
        assert!(!outbox.push(frame(1)) && outbox.is_behind());
        assert!(outbox.push(FrameOutput::Tap(TapId(1), TapOutput::Hold(Duration::ZERO))));
        assert!(outbox.push(FrameOutput::Tap(TapId(1), TapOutput::Lost)), "told once");
        assert_eq!(kinds(&taken), ["frame", "frame"]);
        assert!(!outbox.push(frame(1)), "nothing before the loss was told");
        outbox.offer_waiting();
        assert_eq!(outbox.behind.iter().collect::<Vec<_>>(), [&TapId(1)]);
        assert_eq!(kinds(&taken), ["hold"]);
    }

    #[test]
    fn what_waits_is_the_newest_of_its_kind() {
        let (sender, taken) = sync_channel(1);
        let mut outbox = Outbox::new(0, sender);
        outbox.push(frame(1));
        for n in 0..1_000 {
            outbox.push(FrameOutput::Tap(TapId(1), TapOutput::Hold(Duration::from_millis(n))));
            outbox.push(FrameOutput::Tap(TapId(1), TapOutput::Silent(n % 2 == 0)));
            outbox.push(FrameOutput::Tap(TapId(2), TapOutput::Hold(Duration::ZERO)));
        }
        assert_eq!(outbox.waiting.len(), 3);
        outbox.push(FrameOutput::Tap(TapId(1), TapOutput::Ended));
        assert_eq!((outbox.waiting.len(), kinds(&taken).len()), (2, 1));
    }

    #[test]
    fn frames_that_nobody_takes_are_gone() {
        let (sink, taken) = sync_channel(1);
        drop(taken);
        let mut outbox = Outbox::new(0, sink);
        assert!(outbox.push(frame(1)) && !outbox.is_behind());
    }
}
