//! Finds a rate limit without a queue: no delay tells of it, but what arrives does not rise with what is sent. Loss by
//! chance takes the same share of more. Where the two look alike, as when chance turns worse just as copies are added,
//! a trial tells: for a moment no copies leave, and as much arrives as before, or less.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What was sent and what arrived is compared in parts of this length, over the last so many.
const SLOT: Duration = Duration::from_millis(500);
const SLOTS_MAX: usize = 12;
/// Only where this share is lost is there something to explain.
const LOSS_FELT: f64 = 0.1;
/// Such loss leaves nothing that copies could save: to try without them costs nothing.
const LOSS_HOPELESS: f64 = 0.88;
/// The busy third of the slots sent more than the calm third by this factor, and no more arrived than by this one.
const SENT_MORE: f64 = 1.5;
const CAME_NO_MORE: f64 = 1.15;
const COMPARED_MIN: usize = 4;
/// Feedback about what left before a trial is over by then, and its result is there at the latest by then.
const TRIAL_SETTLES: Duration = Duration::from_millis(500);
const TRIAL_MAX: Duration = Duration::from_secs(3);
const TRIAL_SLOTS: usize = 2;
/// In a trial so much less leaves, and still so much of what came before arrives, or of what leaves so many times the
/// share: then the path is limited. Chance does not get better by being asked.
const TRIAL_SENT: f64 = 0.75;
const TRIAL_CAME: f64 = 0.7;
const TRIAL_SPARED: f64 = 2.0;
/// A limit holds for this time; no other trial is made within that after one that found none.
const HELD_FOR: Duration = Duration::from_secs(20);
const REFUTED_FOR: Duration = Duration::from_secs(30);
/// The same where there is nothing to lose by one.
const REFUTED_HOPELESS_FOR: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Policer {
    slots: VecDeque<Slot>,
    open: Slot,
    opened: Instant,
    /// No fate was known in the slot before: the next one tells of more time than its own.
    gap: bool,
    state: State,
}

/// Bits in a second.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    sent: f64,
    came: f64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// No limit is known, and none is looked for until then.
    Free {
        from: Instant,
    },
    Trial {
        since: Instant,
        busy: Slot,
    },
    Limited {
        until: Instant,
    },
}

/// A trial has just shown a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit {
    /// What arrives, bit/s.
    pub(super) bps: u64,
    /// What was lost without copies, 0…1: no more than that is by chance.
    pub(super) loss_ratio: f64,
}

impl Policer {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            slots: VecDeque::new(),
            open: Slot::default(),
            opened: now,
            gap: false,
            state: State::Free { from: now },
        }
    }

    /// The fate of a packet is known.
    pub(super) fn note(&mut self, bytes: u16, arrived: bool) {
        let bits = 8.0 * f64::from(bytes);
        self.open.sent += bits;
        self.open.came += if arrived { bits } else { 0.0 };
    }

    /// Copies would only be dropped, or it is being found out whether they are.
    pub(super) fn limits(&self) -> bool {
        match self.state {
            State::Free { .. } => false,
            State::Trial { .. } | State::Limited { .. } => true,
        }
    }

    /// Several times a second. `queued`: a queue explains what is lost.
    pub(super) fn update(&mut self, now: Instant, queued: bool) -> Option<Limit> {
        self.close_slot(now);
        match self.state {
            State::Free { from } if now < from || queued => None,
            State::Free { .. } => {
                if let Some(busy) = self.suspect() {
                    self.enter(State::Trial { since: now, busy });
                }
                None
            }
            State::Trial { since, busy } => self.judge(now, since, busy),
            State::Limited { until } => {
                if now >= until {
                    self.enter(State::Free { from: now });
                }
                None
            }
        }
    }

    fn close_slot(&mut self, now: Instant) {
        let length = now.saturating_duration_since(self.opened);
        if length < SLOT {
            return;
        }
        let Slot { sent, came } = std::mem::take(&mut self.open);
        self.opened = now;
        let settling = matches!(self.state, State::Trial { since, .. } if now < since + TRIAL_SETTLES + SLOT);
        if sent > 0.0 && !settling && !self.gap {
            let seconds = length.as_secs_f64();
            self.slots.push_back(Slot { sent: sent / seconds, came: came / seconds });
        }
        self.gap = sent == 0.0;
        while self.slots.len() > SLOTS_MAX {
            self.slots.pop_front();
        }
    }

    /// The busy slots, where no more arrived in them than in the calm ones.
    fn suspect(&self) -> Option<Slot> {
        let mut lossy: Vec<Slot> = self.slots.iter().copied().filter(|slot| slot.loss() >= LOSS_FELT).collect();
        if lossy.len() < COMPARED_MIN {
            return None;
        }
        lossy.sort_by(|a, b| a.sent.total_cmp(&b.sent));
        let third = (lossy.len() / 3).max(1);
        let (calm, busy) = (mean(&lossy[..third]), mean(&lossy[lossy.len() - third..]));
        let hopeless = calm.loss() >= LOSS_HOPELESS;
        let limited = busy.sent >= SENT_MORE * calm.sent && busy.came <= CAME_NO_MORE * calm.came;
        (hopeless || limited).then_some(busy)
    }

    fn judge(&mut self, now: Instant, since: Instant, busy: Slot) -> Option<Limit> {
        let refuted = if busy.loss() >= LOSS_HOPELESS { REFUTED_HOPELESS_FOR } else { REFUTED_FOR };
        if self.slots.len() < TRIAL_SLOTS {
            if now >= since + TRIAL_MAX {
                self.enter(State::Free { from: now + refuted });
            }
            return None;
        }
        let trial = mean(self.slots.make_contiguous());
        let as_much = trial.came >= TRIAL_CAME * busy.came;
        let spared = 1.0 - trial.loss() >= TRIAL_SPARED * (1.0 - busy.loss());
        let limited = trial.sent <= TRIAL_SENT * busy.sent && (as_much || spared);
        self.enter(match limited {
            true => State::Limited { until: now + HELD_FOR },
            false => State::Free { from: now + refuted },
        });
        limited.then(|| Limit { bps: trial.came as u64, loss_ratio: trial.loss() })
    }

    /// What was seen before says nothing about what comes.
    fn enter(&mut self, state: State) {
        self.slots.clear();
        self.state = state;
    }
}

impl Slot {
    fn loss(self) -> f64 {
        1.0 - self.came / self.sent.max(1.0)
    }
}

fn mean(slots: &[Slot]) -> Slot {
    let count = slots.len().max(1) as f64;
    let sum = |of: fn(&Slot) -> f64| slots.iter().map(of).sum::<f64>() / count;
    Slot { sent: sum(|slot| slot.sent), came: sum(|slot| slot.came) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    /// Media of 800 kbit/s whose copies follow the loss as the plan has it, a second late. Yields the seconds in which no
    /// copies were to leave, and the limit that was found.
    fn run(came: impl Fn(usize, f64) -> f64) -> (Vec<usize>, Option<Limit>) {
        let t = start();
        let (mut policer, mut found, mut held) = (Policer::new(t), None, Vec::new());
        let mut loss: f64 = 0.0;
        for tenth in 0..300 {
            let copies = match loss {
                _ if policer.limits() => 0.0,
                0.6.. => 7.0,
                0.3.. => 3.0,
                0.15.. => 2.0,
                _ => 0.0,
            };
            let bps = 800_000.0 * (1.0 + copies);
            let arrives = came(tenth, bps) / bps;
            loss += 0.1 * (1.0 - arrives - loss);
            let packets = (bps / 10.0 / 8.0 / 100.0) as usize;
            (0..packets).for_each(|n| policer.note(100, (n as f64) < arrives * packets as f64));
            let at = t + Duration::from_millis(100 * (tenth as u64 + 1));
            found = found.or_else(|| policer.update(at, false));
            if policer.limits() && tenth % 10 == 0 {
                held.push(tenth / 10);
            }
        }
        (held, found)
    }

    #[test]
    fn only_what_does_not_rise_with_what_is_sent_is_a_limit() {
        for percent in [0, 5, 20, 30, 50, 70, 80] {
            let (held, found) = run(|_, bps| bps * (1.0 - f64::from(percent) / 100.0));
            assert_eq!((held, found), (vec![], None), "{percent} % by chance");
        }
        for kbps in [200.0, 400.0, 600.0] {
            let (held, found) = run(|_, bps: f64| bps.min(1_000.0 * kbps));
            let limit = found.expect("limited");
            assert!((0.9..1.1).contains(&(limit.bps as f64 / 1_000.0 / kbps)), "{kbps}: {limit:?}");
            assert!(held.contains(&9) && held.contains(&20), "{kbps}: {held:?}");
        }
    }

    #[test]
    fn chance_that_turns_worse_costs_a_short_trial_at_most() {
        for (before, after) in [(0.0, 0.7), (0.2, 0.8), (0.3, 0.8), (0.5, 0.7)] {
            let (held, found) = run(|tenth, bps| bps * (1.0 - if tenth < 100 { before } else { after }));
            assert!(found.is_none() && held.len() <= 3, "{before} {after}: {held:?} {found:?}");
        }
    }

    /// Nothing gets through for two seconds, and then all of them are told at once.
    #[test]
    fn an_outage_on_a_lossy_path_is_no_limit() {
        let t = start();
        for percent in [12, 20, 30, 50] {
            let mut policer = Policer::new(t);
            for tenth in 0..300u64 {
                let packets: u32 = if policer.limits() { 100 } else { 300 };
                let (due, came) = match tenth {
                    100..120 => (0, 0),
                    120 => (20 * packets, 0),
                    _ => (packets, packets * (100 - percent) / 100),
                };
                (0..due).for_each(|n| policer.note(100, n < came));
                let found = policer.update(t + Duration::from_millis(100 * (tenth + 1)), false);
                assert_eq!(found, None, "{percent} % at {tenth}");
            }
        }
    }

    #[test]
    fn a_queue_explains_its_losses_itself() {
        let (mut policer, t) = (Policer::new(start()), start());
        for tenth in 0..100u64 {
            let packets = if tenth % 20 < 10 { 10 } else { 40 };
            (0..packets).for_each(|n| policer.note(1_000, n < 8));
            assert_eq!(policer.update(t + Duration::from_millis(100 * tenth), true), None);
            assert!(!policer.limits());
        }
    }
}
