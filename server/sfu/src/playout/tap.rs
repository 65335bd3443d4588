//! The frames of one publication for all who take them: read from its history in order, held for what is missing, put
//! together once.

use super::assemble::{Assembled, Assembler, frame_codec, is_understood, opens_frame};
use super::clock::{Line, TrackClock};
use super::target_delay::{self, Lateness, Seen};
use super::{FrameOutput, TapId, TapOutput};
use crate::ingress::Packet;
use crate::recovery::history::History;
use crate::transport::{Codec, Kind};
use carillon_proto::frame::Frame;
use carillon_proto::rtp::{RtpTime, SeqExt};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Takers of one track: each kind of wire needs one.
const TAKERS_MAX: usize = 16;
/// Packets after a hole that are looked at for when it was noticed.
const LOOK_AHEAD: usize = 64;
/// Without a packet for this long a track is silent.
const SILENT_AFTER: Duration = Duration::from_millis(1_500);
/// A change of the hold below this is not told.
const HOLD_STEP: Duration = Duration::from_millis(20);

/// What a playout reads from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) now: Instant,
    pub(crate) epoch: u32,
    pub(crate) history: &'a History,
    pub(crate) line: Option<Line>,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) jitter: Duration,
    /// A keyframe this old still serves who joins now.
    pub(crate) late_start: Duration,
}

/// What is to be done after reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Need {
    pub(crate) keyframe: bool,
    /// When to read again, though nothing comes.
    pub(crate) due: Option<Instant>,
    /// The last frame's time, and when its first packet came.
    pub(crate) last: Option<(RtpTime, Instant)>,
}

#[derive(Debug)]
pub(crate) struct Playout {
    kind: Kind,
    takers: Vec<Taker>,
    reader: Reader,
    assembler: Assembler,
    clock: TrackClock,
    codec: Option<Codec>,
    /// How long a hole is waited for; how long after its time a frame may come, as it was told last.
    hold: Duration,
    told: Duration,
    behind: Lateness,
    last: Option<(RtpTime, Instant)>,
    silent: bool,
    /// The newest keyframe and what followed, while it is recent, and when it was read.
    recent: Vec<Frame>,
    recent_since: Option<Instant>,
}

#[derive(Debug)]
struct Taker {
    tap: TapId,
    /// It has what it needs to decode the next frame.
    started: bool,
}

/// Where reading stands.
#[derive(Debug, Default)]
struct Reader {
    epoch: Option<u32>,
    /// The next packet to read. `None`: a place to start is looked for.
    next: Option<SeqExt>,
    /// A place to start lies behind this.
    floor: Option<SeqExt>,
    /// The frame that is being read: its first packet, its time.
    open: Option<(SeqExt, RtpTime)>,
    /// The hole that is waited for, or was given up last: its number, when it was noticed.
    hole: Option<(SeqExt, Instant)>,
    late: Lateness,
}

impl Playout {
    pub(crate) fn new(kind: Kind) -> Self {
        let clock_hz = match kind {
            Kind::Audio => 48_000,
            Kind::Video => 90_000,
        };
        Self {
            kind,
            takers: Vec::new(),
            reader: Reader::default(),
            assembler: Assembler::default(),
            clock: TrackClock::new(clock_hz),
            codec: None,
            hold: target_delay::hold(kind, Seen::default()),
            told: target_delay::hold(kind, Seen::default()),
            behind: Lateness::default(),
            last: None,
            silent: false,
            recent: Vec::new(),
            recent_since: None,
        }
    }

    /// One more takes the frames. False: there are too many.
    pub(crate) fn open(&mut self, now: Instant, late_start: Duration, tap: TapId, out: &mut Outputs) -> bool {
        if self.takers.len() >= TAKERS_MAX || self.takers.iter().any(|taker| taker.tap == tap) {
            return false;
        }
        let mut tell = |output| out.push_back(FrameOutput::Tap(tap, output));
        tell(TapOutput::Hold(self.told));
        if let Some(codec) = self.codec {
            tell(TapOutput::Codec(frame_codec(codec)));
        }
        let recent = self.recent_since.is_some_and(|at| now.saturating_duration_since(at) <= late_start);
        let started = recent && !self.recent.is_empty();
        if started {
            self.recent.iter().for_each(|frame| tell(TapOutput::Frame(frame.clone())));
        }
        if self.silent {
            tell(TapOutput::Silent(true));
        }
        self.takers.push(Taker { tap, started });
        true
    }

    /// True where it took frames here.
    pub(crate) fn close(&mut self, tap: TapId) -> bool {
        let before = self.takers.len();
        self.takers.retain(|taker| taker.tap != tap);
        self.takers.len() < before
    }

    /// A taker missed something that was told: it goes on at the next keyframe.
    pub(crate) fn restart(&mut self, tap: TapId) {
        if let Some(taker) = self.takers.iter_mut().find(|taker| taker.tap == tap) {
            taker.started = self.kind == Kind::Audio;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.takers.is_empty()
    }

    pub(crate) fn taps(&self) -> impl Iterator<Item = TapId> {
        self.takers.iter().map(|taker| taker.tap)
    }

    /// The publication ended or lost its transport.
    pub(crate) fn handle_end(&mut self, out: &mut Outputs) {
        self.set_silent(true, out);
    }

    /// Reads as far as there is something to read, or nothing to wait for.
    pub(crate) fn advance(&mut self, view: View<'_>, out: &mut Outputs) -> Need {
        self.follow_epoch(view, out);
        self.follow_path(view, out);
        let mut need = Need { due: self.follow_silence(view, out), ..Need::default() };
        while let Some(next) = self.reader.next.or_else(|| self.find_start(view)) {
            self.reader.next = Some(next);
            if let Some(packet) = view.history.get(next) {
                self.read(packet, view, out);
                continue;
            }
            let Some(noticed) = noticed(view.history, next) else { break };
            let due = noticed + self.hold;
            let give_up = view.history.is_past(next) || due <= view.now;
            self.reader.hole = Some((next, noticed));
            if !give_up {
                need.due = Some(need.due.map_or(due, |before| before.min(due)));
                break;
            }
            self.give_up(next, view, out);
        }
        need.keyframe = self.lacks_keyframe(view);
        need.last = self.last.take();
        if let Some(due) = self.start_due(view) {
            need.due = Some(need.due.map_or(due, |before| before.min(due)));
        }
        need
    }

    /// Somebody waits for a keyframe, and none is on its way in.
    fn lacks_keyframe(&self, view: View<'_>) -> bool {
        if self.kind == Kind::Audio || view.history.head().is_none() || !self.codec.is_none_or(is_understood) {
            return false;
        }
        let coming = || view.history.newest_keyframe().map(|(first, _)| first.seq);
        match (self.reader.next, self.reader.open) {
            (None, _) => coming().is_none_or(|key| self.reader.floor.is_none_or(|floor| key <= floor)),
            (Some(next), open) => {
                let reading = open.map_or(next, |(first, _)| first);
                self.takers.iter().any(|taker| !taker.started) && coming().is_none_or(|key| key < reading)
            }
        }
    }

    /// When the newest keyframe is taken for whole, though what lies before it is missing.
    fn start_due(&self, view: View<'_>) -> Option<Instant> {
        let floor = self.reader.floor.filter(|_| self.reader.next.is_none())?;
        let (first, _) = view.history.newest_keyframe().filter(|(first, _)| first.seq > floor)?;
        Some(first.arrival + self.hold).filter(|due| *due > view.now)
    }

    fn follow_epoch(&mut self, view: View<'_>, out: &mut Outputs) {
        if self.reader.epoch == Some(view.epoch) {
            return;
        }
        if self.reader.epoch.is_some() && self.reader.next.is_some() {
            self.lose(out);
        }
        let late = self.reader.late;
        self.reader = Reader { epoch: Some(view.epoch), late, ..Reader::default() };
        self.clock.reset();
    }

    fn follow_path(&mut self, view: View<'_>, out: &mut Outputs) {
        if let Some((hole, noticed)) = self.reader.hole
            && let Some(packet) = view.history.get(hole)
        {
            self.reader.late.note(view.now, packet.arrival.saturating_duration_since(noticed));
            self.reader.hole = None;
        }
        let late = self.reader.late.now(view.now);
        let seen = Seen { round_trip: view.round_trip, jitter: view.jitter, late };
        self.hold = target_delay::hold(self.kind, seen);
        let told = self.hold.max(target_delay::with_spare(self.behind.now(view.now)));
        if told.abs_diff(self.told) >= HOLD_STEP {
            self.told = told;
            self.tell(TapOutput::Hold(told), out);
        }
    }

    /// Yields when silence begins, unless something comes.
    fn follow_silence(&mut self, view: View<'_>, out: &mut Outputs) -> Option<Instant> {
        let heard = view.history.head().and_then(|head| view.history.get(head))?.arrival;
        let due = heard + SILENT_AFTER;
        self.set_silent(due <= view.now, out);
        (!self.silent).then_some(due)
    }

    fn set_silent(&mut self, silent: bool, out: &mut Outputs) {
        if self.silent != silent {
            self.silent = silent;
            self.tell(TapOutput::Silent(silent), out);
        }
    }

    /// Sound starts with what came last, video with a keyframe behind all that was given up.
    fn find_start(&mut self, view: View<'_>) -> Option<SeqExt> {
        let head = view.history.head()?;
        match self.kind {
            Kind::Audio => Some(head),
            Kind::Video => {
                let found = view.history.newest_keyframe().and_then(|(first, _)| self.start_at(first, view));
                if found.is_none() && self.reader.floor.is_none() {
                    self.reader.floor = Some(head);
                }
                found
            }
        }
    }

    fn start_at(&self, first: &Packet, view: View<'_>) -> Option<SeqExt> {
        let age = view.now.saturating_duration_since(first.arrival);
        let behind = match self.reader.floor {
            Some(floor) => first.seq > floor,
            None => age <= view.late_start,
        };
        // A slice before it may still be on its way.
        let before = first.seq.0.checked_sub(1).is_some_and(|n| view.history.get(SeqExt(n)).is_some());
        let whole = before || opens_frame(first.codec, &first.payload) || age >= self.hold;
        (behind && whole).then_some(first.seq)
    }

    fn read(&mut self, packet: &Packet, view: View<'_>, out: &mut Outputs) {
        self.reader.next = Some(packet.seq.plus(1));
        if packet.payload.is_empty() {
            return;
        }
        if let Some((first, time)) = self.reader.open
            && time != packet.time
        {
            self.finish(first, packet.seq, view, out);
            if self.reader.next.is_none() {
                return;
            }
        }
        self.follow_codec(packet.codec, out);
        let (first, _) = *self.reader.open.get_or_insert((packet.seq, packet.time));
        if self.kind == Kind::Audio || packet.marker {
            self.finish(first, packet.seq.plus(1), view, out);
        }
    }

    fn follow_codec(&mut self, codec: Codec, out: &mut Outputs) {
        let before = self.codec.replace(codec).map(frame_codec);
        if before != Some(frame_codec(codec)) {
            self.assembler = Assembler::default();
            self.recent.clear();
            self.tell(TapOutput::Codec(frame_codec(codec)), out);
            self.stop_takers();
        }
    }

    /// The packets from `first` up to `end` are one frame.
    fn finish(&mut self, first: SeqExt, end: SeqExt, view: View<'_>, out: &mut Outputs) {
        let Some((_, time)) = self.reader.open.take() else { return };
        let Some(codec) = self.codec.filter(|codec| is_understood(*codec)) else { return };
        let count = usize::try_from(end.since(first)).unwrap_or(0);
        let packets = || view.history.since(first).take(count).filter(|packet| packet.seq < end);
        let payloads = packets().filter(|packet| !packet.payload.is_empty()).map(|packet| &packet.payload);
        match self.assembler.assemble(codec, payloads) {
            Ok(Assembled::Nothing) => {}
            Ok(Assembled::Frame { key, payload }) => {
                let arrival = packets().map(|packet| packet.arrival).min().unwrap_or(view.now);
                let at = self.clock.at(time, arrival, view.line);
                self.last = Some((time, arrival));
                self.behind.note(view.now, view.now.saturating_duration_since(at));
                self.deliver(Frame { codec: frame_codec(codec), at, key, payload }, view, out);
            }
            Err(_) => {
                self.lose(out);
                self.restart_reading(end);
            }
        }
    }

    fn deliver(&mut self, frame: Frame, view: View<'_>, out: &mut Outputs) {
        if self.kind == Kind::Video {
            self.remember(&frame, view);
        }
        for taker in &mut self.takers {
            taker.started |= frame.key;
            if taker.started {
                out.push_back(FrameOutput::Tap(taker.tap, TapOutput::Frame(frame.clone())));
            }
        }
    }

    fn remember(&mut self, frame: &Frame, view: View<'_>) {
        if frame.key {
            self.recent.clear();
            self.recent_since = Some(view.now);
        }
        let fresh = self.recent_since.is_some_and(|at| view.now.saturating_duration_since(at) <= view.late_start);
        if fresh && (frame.key || !self.recent.is_empty()) {
            self.recent.push(frame.clone());
        } else {
            self.recent.clear();
        }
    }

    /// What lies at `hole` does not come in time.
    fn give_up(&mut self, hole: SeqExt, view: View<'_>, out: &mut Outputs) {
        self.lose(out);
        match self.kind {
            Kind::Audio => {
                self.reader.open = None;
                self.reader.next = view.history.since(hole).next().map(|packet| packet.seq);
            }
            Kind::Video => self.restart_reading(hole),
        }
    }

    fn restart_reading(&mut self, floor: SeqExt) {
        self.reader.open = None;
        if self.kind == Kind::Video {
            self.reader.next = None;
            self.reader.floor = Some(floor);
        }
    }

    fn lose(&mut self, out: &mut Outputs) {
        self.recent.clear();
        for taker in self.takers.iter().filter(|taker| taker.started) {
            out.push_back(FrameOutput::Tap(taker.tap, TapOutput::Lost));
        }
        self.stop_takers();
    }

    fn stop_takers(&mut self) {
        if self.kind == Kind::Video {
            self.takers.iter_mut().for_each(|taker| taker.started = false);
        }
    }

    fn tell(&self, output: TapOutput, out: &mut Outputs) {
        for taker in &self.takers {
            out.push_back(FrameOutput::Tap(taker.tap, output.clone()));
        }
    }
}

pub(crate) type Outputs = VecDeque<FrameOutput>;

/// When the lack of `hole` showed: the first of the packets behind it came. `None`: there are none.
fn noticed(history: &History, hole: SeqExt) -> Option<Instant> {
    history.head().filter(|head| *head > hole)?;
    history.since(hole).take(LOOK_AHEAD).map(|packet| packet.arrival).min()
}

#[cfg(test)]
mod tests;
