//! The loop.

use super::playing::Playing;
use super::publishing::Publishing;
use super::{Input, Mailbox, Order, Stats};
use crate::clock::Clock;
use crate::rtmp;
use crate::worker::{self, FrameInput, FromWorker};
use carillon_rtmp::{Command as HubCommand, Media, StreamKey};
use carillon_sfu::{Command, FrameOutput, TapId, TapOutput};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// Inputs taken in one pass, so that orders and deadlines have their turn.
const PASS: usize = 256;
/// The longest sleep.
const IDLE: Duration = Duration::from_secs(1);
/// How soon a worker's full mailbox is tried again.
const RETRY: Duration = Duration::from_millis(5);

/// Starts the threads; they end after `Handle::stop`.
pub fn start(
    mailboxes: Vec<Mailbox>,
    workers: &[worker::Handle],
    rtmp: &rtmp::Handle,
    clock: Clock,
) -> std::io::Result<Vec<std::thread::JoinHandle<()>>> {
    mailboxes.into_iter().map(|mailbox| start_one(mailbox, workers.to_vec(), rtmp.clone(), clock)).collect()
}

fn start_one(
    mailbox: Mailbox,
    workers: Vec<worker::Handle>,
    rtmp: rtmp::Handle,
    clock: Clock,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let name = format!("bridge-{}", mailbox.lane.0);
    let thread = Thread {
        mailbox,
        workers: Workers { handles: workers, unsent: VecDeque::new(), refused: 0 },
        rtmp,
        clock,
        publishing: BTreeMap::new(),
        playing: BTreeMap::new(),
        taps: BTreeMap::new(),
        last_tap: 0,
        stats: Stats::default(),
    };
    std::thread::Builder::new().name(name).spawn(move || thread.run())
}

/// The media workers' mailboxes.
pub(super) struct Workers {
    handles: Vec<worker::Handle>,
    /// Commands that found no place, in order. A few for each stream.
    unsent: VecDeque<(usize, Command)>,
    refused: u64,
}

impl Workers {
    pub(super) fn command(&mut self, worker: usize, command: Command) {
        self.unsent.push_back((worker, command));
        self.offer();
    }

    pub(super) fn frame(&mut self, worker: usize, input: FrameInput) {
        let taken = self.handles.get(worker).is_some_and(|handle| handle.send_frame(input).is_ok());
        self.refused += u64::from(!taken);
    }

    fn offer(&mut self) {
        while let Some((worker, command)) = self.unsent.pop_front() {
            let Some(handle) = self.handles.get(worker) else { continue };
            match handle.send(worker::Input::Command(command)) {
                Ok(()) | Err(worker::Refused::Stopped) => {}
                Err(worker::Refused::Full(input)) => {
                    if let worker::Input::Command(command) = *input {
                        self.unsent.push_front((worker, command));
                    }
                    return;
                }
            }
        }
    }
}

struct Thread {
    mailbox: Mailbox,
    workers: Workers,
    rtmp: rtmp::Handle,
    clock: Clock,
    publishing: BTreeMap<StreamKey, Publishing>,
    playing: BTreeMap<StreamKey, Playing>,
    taps: BTreeMap<TapId, StreamKey>,
    last_tap: u64,
    stats: Stats,
}

impl Thread {
    fn run(mut self) {
        loop {
            match self.mailbox.inputs.recv_timeout(self.wait()) {
                Ok(input) => self.handle_inputs(input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(order) = self.mailbox.orders.try_recv() {
                if matches!(order, Order::Stop) {
                    return;
                }
                self.handle_order(order);
            }
            self.handle_timeouts();
            self.workers.offer();
        }
    }

    fn wait(&self) -> Duration {
        let now = self.clock.now().instant;
        let next = self.playing.values().filter_map(Playing::poll_timeout).min();
        let wait = next.map_or(IDLE, |at| at.saturating_duration_since(now)).min(IDLE);
        if self.workers.unsent.is_empty() { wait } else { wait.min(RETRY) }
    }

    fn handle_inputs(&mut self, first: Input) {
        self.handle_input(first);
        for _ in 1..PASS {
            let Ok(input) = self.mailbox.inputs.try_recv() else { return };
            self.handle_input(input);
        }
    }

    fn handle_input(&mut self, input: Input) {
        match input {
            Input::Worker(FromWorker { worker, output }) => self.handle_frame_output(worker, output),
            Input::Tapped { stream, media } => self.handle_media(&stream, &media),
            Input::Wake => {}
        }
    }

    fn handle_order(&mut self, order: Order) {
        match order {
            Order::Publish { stream, worker, participant } => {
                self.end(&stream);
                self.rtmp.send(rtmp::Input::Hub(HubCommand::Tap { stream: stream.clone(), on: true }));
                self.publishing.insert(stream.clone(), Publishing::new(stream, worker, participant));
            }
            Order::Play { stream, worker, participant } => {
                if self.playing.get_mut(&stream).is_some_and(|playing| playing.stay(worker, participant)) {
                    return;
                }
                self.end(&stream);
                let taps = [self.draw_tap(&stream), self.draw_tap(&stream)];
                let made = Playing::new(stream.clone(), worker, participant, taps, &mut self.workers, &self.rtmp);
                match made {
                    Ok(playing) => drop(self.playing.insert(stream, playing)),
                    Err(refused) => tracing::warn!(%refused, "nothing to play for RTMP"),
                }
            }
            Order::End { stream } => {
                let now = self.clock.now().instant;
                match self.playing.get_mut(&stream) {
                    Some(playing) => playing.leave(now),
                    None => self.end(&stream),
                }
            }
            Order::Keyframe { stream } => {
                let probe = self.draw_tap(&stream);
                let playing = self.playing.get_mut(&stream);
                if !playing.is_some_and(|playing| playing.ask_keyframe(probe, &mut self.workers)) {
                    self.taps.remove(&probe);
                }
            }
            Order::Stats(reply) => drop(reply.send(self.stats())),
            Order::Stop => {}
        }
    }

    fn handle_media(&mut self, stream: &StreamKey, media: &Media) {
        let now = self.clock.now().instant;
        let Some(publishing) = self.publishing.get_mut(stream) else { return };
        let (workers, stats) = (&mut self.workers, &mut self.stats);
        let done = catch_unwind(AssertUnwindSafe(|| publishing.handle_media(now, media, workers, stats)));
        if done.is_err() {
            self.fail(stream);
        }
    }

    fn handle_frame_output(&mut self, worker: usize, output: FrameOutput) {
        match output {
            FrameOutput::Tap(tap, output) => self.handle_tap(tap, output),
            FrameOutput::Feed { participant, track, fact } => {
                let its = |p: &&mut Publishing| p.worker == worker && p.participant == participant;
                let now = self.clock.now().instant;
                let publishing = self.publishing.values_mut().filter(its);
                let (rtmp, stats) = (&self.rtmp, &mut self.stats);
                publishing.for_each(|publishing| publishing.handle_fact(now, track, fact, rtmp, stats));
            }
        }
    }

    fn handle_tap(&mut self, tap: TapId, output: TapOutput) {
        let Some(stream) = self.taps.get(&tap).cloned() else { return };
        let now = self.clock.now().instant;
        let Some(playing) = self.playing.get_mut(&stream) else { return };
        let (workers, stats, rtmp) = (&mut self.workers, &mut self.stats, &self.rtmp);
        let done = catch_unwind(AssertUnwindSafe(|| {
            playing.handle_tap(now, tap, output, workers, stats);
            playing.drain(rtmp, stats);
        }));
        if done.is_err() {
            return self.fail(&stream);
        }
        let open: Vec<TapId> = playing.taps().collect();
        if !open.contains(&tap) {
            self.taps.remove(&tap);
        }
    }

    fn handle_timeouts(&mut self) {
        let now = self.clock.now().instant;
        let (rtmp, stats) = (&self.rtmp, &mut self.stats);
        for playing in self.playing.values_mut().filter(|p| p.poll_timeout().is_some_and(|due| due <= now)) {
            playing.handle_timeout(now);
            playing.drain(rtmp, stats);
        }
        let over = |(stream, playing): (&StreamKey, &Playing)| playing.is_over(now).then(|| stream.clone());
        let over: Vec<StreamKey> = self.playing.iter().filter_map(over).collect();
        over.iter().for_each(|stream| self.end(stream));
    }

    fn end(&mut self, stream: &StreamKey) {
        if let Some(publishing) = self.publishing.remove(stream) {
            self.rtmp.send(rtmp::Input::Hub(HubCommand::Tap { stream: stream.clone(), on: false }));
            publishing.end(&mut self.workers);
        }
        if let Some(mut playing) = self.playing.remove(stream) {
            playing.end(&mut self.workers, &self.rtmp);
            self.taps.retain(|_, of| of != stream);
        }
    }

    /// A codec library failed on what was sent. That costs this stream, not the others.
    fn fail(&mut self, stream: &StreamKey) {
        tracing::error!(stream = stream.path(), "a codec failed; the stream is carried no further");
        self.stats.failed += 1;
        self.end(stream);
    }

    fn draw_tap(&mut self, stream: &StreamKey) -> TapId {
        self.last_tap += 1;
        let tap = self.mailbox.tap(self.last_tap);
        self.taps.insert(tap, stream.clone());
        tap
    }

    fn stats(&self) -> Stats {
        Stats {
            publishing: self.publishing.len() as u64,
            playing: self.playing.len() as u64,
            aac_to_opus: self.publishing.values().filter(|publishing| publishing.is_transcoding()).count() as u64,
            opus_to_aac: self.playing.len() as u64,
            refused: self.workers.refused,
            dropped: self.mailbox.dropped.load(Ordering::Relaxed),
            ..self.stats
        }
    }
}
