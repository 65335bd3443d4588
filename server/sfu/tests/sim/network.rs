//! Paths in virtual time: each datagram is lost by dice, or comes after a delay that jitter stretches, so that it may
//! overtake others.

use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leg {
    /// Share of datagrams lost, 0…1.
    pub loss: f64,
    pub delay: Duration,
    /// Evenly between nothing and this is added.
    pub jitter: Duration,
}

impl Leg {
    pub const GOOD: Self = Self { loss: 0.0, delay: Duration::from_millis(20), jitter: Duration::ZERO };
    /// What each leg bears in the long runs.
    pub const BAD: Self = Self { loss: 0.05, delay: Duration::from_millis(20), jitter: Duration::from_millis(50) };

    /// When a datagram arrives from now on. `None`: never.
    pub fn roll(&self, dice: &mut Dice) -> Option<Duration> {
        let lost = dice.share() < self.loss;
        let late = self.jitter.mul_f64(dice.share());
        (!lost).then_some(self.delay + late)
    }
}

/// SplitMix64: everything random in a run comes from its seed.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0…1
    pub fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() % n.max(1) as u64) as usize
    }
}
