//! NetEq: what is heard, what is made up, how late (libwebrtc `decision_logic.cc`, `neteq_impl.cc`, `nack_tracker.cc`).

use super::delay::DelayManager;
use crate::media::{FRAME_MS, Ms, Sound};
use carillon_proto::rtp::SeqExt;
use std::collections::BTreeMap;

/// max_packets_in_buffer: full, it is flushed whole.
const PACKETS_MAX: usize = 200;
/// `kTargetLevelWindowMs` / 2.
const WINDOW_MS: Ms = 50.0;
/// kDelayAdjustmentGranularityMs.
const GRANULARITY_MS: Ms = 20.0;
/// kMinTimescaleInterval: 5 ticks.
const STRETCH_EVERY_MS: Ms = 50.0;
/// What one pitch period of speech takes out or adds, on the mean over those that fit and those that do not.
const STRETCH_MS: Ms = 5.0;
const STRETCH_FAST_MS: Ms = 10.0;
/// A made-up sound has faded by half after this time; then half of the target must be there to go on.
const FADED_MS: Ms = 60.0;
const TICK_MS: Ms = 10.0;
/// kNackRtpHistoryMs, and the most that is asked for.
const NACK_HISTORY: u64 = 250;
const NACK_LOSS_FORGET: f64 = 0.996;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Normal,
    Expand,
}

/// 10 ms each, since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard {
    pub ticks: u64,
    pub concealed: u64,
    /// Sound stretched or shortened, ms.
    pub stretched: f64,
    /// Sum over the ticks of how long ago it was captured.
    pub age: f64,
    pub aged: u64,
}

pub struct NetEq {
    pub delay: DelayManager,
    pub heard: Heard,
    /// By number: when it was captured, and whether it is only the repeat inside the next one.
    buffer: BTreeMap<u32, (Ms, bool)>,
    next: Option<u32>,
    /// Decoded and not yet played.
    ready: Ms,
    captured: Ms,
    mode: Mode,
    made_up: Ms,
    stretched_at: Ms,
    due: Option<Ms>,
    nack: Option<Nack>,
}

impl NetEq {
    pub fn new(nack: bool) -> Self {
        Self {
            delay: DelayManager::new(),
            heard: Heard::default(),
            buffer: BTreeMap::new(),
            next: None,
            ready: 0.0,
            captured: 0.0,
            mode: Mode::Normal,
            made_up: 0.0,
            stretched_at: 0.0,
            due: None,
            nack: nack.then(Nack::default),
        }
    }

    /// A packet with what it carries besides (RED), oldest first. Yields numbers to ask for.
    pub fn handle(
        &mut self,
        now: Ms,
        seq: SeqExt,
        sound: Sound,
        besides: &[Sound],
        round_trip: Option<Ms>,
    ) -> Vec<SeqExt> {
        for block in std::iter::once(&sound).chain(besides) {
            self.delay.handle(now, block.number);
            self.keep(block.number, block.captured, false);
            if block.fec && block.number > 0 {
                self.delay.handle(now, block.number - 1);
                self.keep(block.number - 1, block.captured - FRAME_MS, true);
            }
        }
        self.next.get_or_insert(sound.number);
        self.due.get_or_insert(now);
        let played = self.captured;
        let (ready, delay) = (self.ready, played);
        self.nack.as_mut().map_or_else(Vec::new, |nack| nack.handle(seq, sound, delay, ready, round_trip))
    }

    pub fn tick(&mut self, now: Ms) {
        while let Some(due) = self.due.filter(|due| *due <= now) {
            self.due = Some(due + TICK_MS);
            self.play(due);
        }
    }

    pub fn state(&self) -> String {
        let (target, least, most) = (self.delay.target(), self.delay.minimum, self.delay.delay_max());
        let (span, concealed) = (self.held(), self.heard.concealed * 10);
        format!("target {target:.0} sync {least:.0} spread {most:.0} held {span:.0} concealed {concealed}")
    }

    /// What is held back now and played next, ms: as `GetDelayEstimate` says it.
    pub fn held(&self) -> Ms {
        self.span() + self.ready
    }

    fn keep(&mut self, number: u32, captured: Ms, repeat: bool) {
        if self.next.is_some_and(|next| number < next) {
            return;
        }
        if self.buffer.len() >= PACKETS_MAX {
            self.buffer.clear();
        }
        let kept = self.buffer.entry(number).or_insert((captured, repeat));
        kept.1 &= repeat;
    }

    fn span(&self) -> Ms {
        let ends = self.buffer.first_key_value().zip(self.buffer.last_key_value());
        ends.map_or(0.0, |((first, _), (last, _))| f64::from(last - first + 1) * FRAME_MS)
    }

    /// 10 ms of sound.
    fn play(&mut self, now: Ms) {
        self.heard.ticks += 1;
        let Some(next) = self.next else { return };
        self.stretch(now, next);
        if self.ready >= TICK_MS || self.decode(next) {
            self.ready -= TICK_MS;
            self.mode = Mode::Normal;
            self.made_up = 0.0;
            self.heard.age += now - self.captured + self.ready;
            self.heard.aged += 1;
        } else {
            self.mode = Mode::Expand;
            self.made_up += TICK_MS;
            self.heard.concealed += 1;
        }
    }

    /// Yields whether there is sound to play.
    fn decode(&mut self, next: u32) -> bool {
        let Some((&first, &(captured, _))) = self.buffer.first_key_value() else { return false };
        let (span, target) = (self.span(), self.delay.target());
        let faded = self.mode == Mode::Expand && self.made_up > FADED_MS;
        if faded && span < target / 2.0 {
            return false;
        }
        let leap = f64::from(first.saturating_sub(next)) * FRAME_MS;
        if leap > self.made_up && span <= target + WINDOW_MS || leap > 0.0 && self.mode == Mode::Normal {
            return false;
        }
        self.buffer.pop_first();
        self.next = Some(first + 1);
        self.captured = captured;
        self.ready += FRAME_MS;
        true
    }

    /// Plays faster where more is held back than wanted, slower where less.
    fn stretch(&mut self, now: Ms, next: u32) {
        let available = self.buffer.contains_key(&next) || self.ready >= TICK_MS;
        if self.mode == Mode::Expand || !available {
            return;
        }
        let playing = f64::from(next) * FRAME_MS - self.ready;
        let (delay, low) = (self.delay.delay_at(now, playing), self.delay.target());
        let high = low + self.delay.delay_max() + GRANULARITY_MS;
        let allowed = now - self.stretched_at >= STRETCH_EVERY_MS;
        let change = match () {
            () if delay >= 4.0 * high && self.buffer.contains_key(&next) => -STRETCH_FAST_MS,
            () if allowed && delay >= high && self.buffer.contains_key(&next) => -STRETCH_MS,
            () if allowed && delay < low => STRETCH_MS,
            () => return,
        };
        if change < 0.0 && self.ready < -change && !self.decode(next) {
            return;
        }
        self.ready += change;
        self.stretched_at = now;
        self.heard.stretched += change.abs();
    }
}

/// Asking for missing sound, where the answer said so.
#[derive(Debug, Default)]
struct Nack {
    newest: Option<(SeqExt, u32)>,
    missing: BTreeMap<SeqExt, u32>,
    loss: f64,
}

impl Nack {
    /// On each packet that comes, without a pause between two requests.
    fn handle(&mut self, seq: SeqExt, sound: Sound, played: Ms, ready: Ms, round_trip: Option<Ms>) -> Vec<SeqExt> {
        let (newest, number) = *self.newest.get_or_insert((seq, sound.number));
        self.missing.remove(&seq);
        if seq > newest {
            for lost in newest.0 + 1..seq.0 {
                self.missing.insert(SeqExt(lost), number + (lost - newest.0) as u32);
                self.loss = NACK_LOSS_FORGET * self.loss + (1.0 - NACK_LOSS_FORGET);
            }
            self.loss *= NACK_LOSS_FORGET;
            self.newest = Some((seq, sound.number));
        }
        let oldest = SeqExt(seq.0.max(newest.0).saturating_sub(NACK_HISTORY));
        self.missing = self.missing.split_off(&oldest);
        let round_trip = round_trip.unwrap_or(100.0);
        let wait = 100.0 * MS_PER_LOSS_PERCENT * self.loss;
        let (_, newest_number) = self.newest.unwrap_or((seq, sound.number));
        let wanted = |number: u32| {
            let captured = sound.captured + (f64::from(number) - f64::from(sound.number)) * FRAME_MS;
            let to_play = captured - played - FRAME_MS + ready;
            let age = f64::from(newest_number.saturating_sub(number)) * FRAME_MS;
            played == 0.0 || to_play > round_trip || age + round_trip < wait
        };
        self.missing.iter().filter(|(_, number)| wanted(**number)).map(|(seq, _)| *seq).collect()
    }
}

/// Of packets younger than that share of a second for each per cent lost (`ms_per_loss_percent`).
const MS_PER_LOSS_PERCENT: f64 = 20.0;
