//! The least playout delay that a subscriber's player is asked to keep: at once as long as repair needs, slowly shorter.
//! A player that is let down early stands still at the next loss.

use carillon_proto::rtp_ext::PlayoutDelay;
use std::time::{Duration, Instant};

/// Changes below this are let be: each moves every picture.
const SLACK_MS: u16 = 20;
/// It falls by one step in this time, or by this part of what is too much.
const FALLS_BY: u16 = 8;
const FALL_EVERY: Duration = Duration::from_millis(500);
/// The extension counts in these.
const STEP_MS: u16 = 10;

#[derive(Debug, Clone, Copy)]
pub(crate) struct PlayoutFloor {
    /// What the operator set.
    bounds: PlayoutDelay,
    ms: u16,
    /// When it was last at what was needed, or fell.
    settled: Option<Instant>,
}

impl PlayoutFloor {
    pub(crate) fn new(bounds: PlayoutDelay) -> Self {
        Self { bounds, ms: bounds.min_ms, settled: None }
    }

    /// Yields the delay where it changed; a few times a second.
    pub(crate) fn update(&mut self, now: Instant, needed: Duration) -> Option<PlayoutDelay> {
        let PlayoutDelay { min_ms: least, max_ms: most } = self.bounds;
        let needed = u16::try_from(needed.as_millis()).unwrap_or(u16::MAX).div_ceil(STEP_MS).saturating_mul(STEP_MS);
        let needed = needed.min(most).max(least);
        let before = self.ms;
        if needed >= self.ms {
            let much = needed - self.ms >= SLACK_MS || self.ms == least;
            self.ms = if much { needed } else { self.ms };
            self.settled = Some(now);
        } else if self.settled.is_none_or(|at| now.saturating_duration_since(at) >= FALL_EVERY) {
            let much = self.ms - needed >= SLACK_MS || needed == least;
            let step = STEP_MS.max((self.ms - needed) / FALLS_BY);
            self.ms = if much { self.ms.saturating_sub(step).max(needed) } else { self.ms };
            self.settled = Some(now);
        }
        (self.ms != before).then(|| self.delay())
    }

    pub(crate) fn delay(&self) -> PlayoutDelay {
        PlayoutDelay { min_ms: self.ms, ..self.bounds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    const BOUNDS: PlayoutDelay = PlayoutDelay { min_ms: 0, max_ms: 4_000 };

    #[test]
    fn rises_at_once_and_falls_by_steps() {
        let (mut floor, t) = (PlayoutFloor::new(BOUNDS), start());
        let mut at = |ms: u64, needed: u64| {
            floor.update(t + Duration::from_millis(ms), Duration::from_millis(needed));
            floor.delay().min_ms
        };
        assert_eq!((at(0, 0), at(100, 153), at(200, 165), at(300, 185)), (0, 160, 160, 190));
        assert_eq!((at(400, 0), at(900, 0), at(1_000, 0), at(1_500, 0)), (190, 167, 167, 147));
        assert_eq!(at(1_600, 300), 300);
    }

    #[test]
    fn a_small_change_moves_nothing_and_the_bounds_hold() {
        let (mut floor, t) = (PlayoutFloor::new(PlayoutDelay { min_ms: 50, max_ms: 400 }), start());
        let changes: Vec<_> = [0, 120, 125, 118, 110, 9_000]
            .into_iter()
            .zip((0..).step_by(1_000))
            .map(|(needed, ms)| {
                floor.update(t + Duration::from_millis(ms), Duration::from_millis(needed)).map(|d| d.min_ms)
            })
            .collect();
        assert_eq!(changes, [None, Some(120), None, None, None, Some(400)]);
        for n in 0..100 {
            floor.update(t + Duration::from_millis(10_000 + n * 500), Duration::ZERO);
        }
        assert_eq!(floor.delay().min_ms, 50);
    }
}
