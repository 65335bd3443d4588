//! One direction of a link as a model: packets go in with a time, times of arrival come out. It reads no clock, so the
//! simulation and the proxy use the same one.

use super::Profile;
use fastrand::Rng;
use std::time::Duration;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives then, and perhaps once more.
    Arrives {
        at: Duration,
        again_at: Option<Duration>,
    },
    Lost,
    /// The queue before the rate limit was full.
    Overflowed,
}

/// What packets are, as far as a link may tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    Media,
    /// STUN and DTLS.
    Setup,
}

impl Traffic {
    /// By the first byte (RFC 7983 section 7).
    pub fn of(datagram: &[u8]) -> Self {
        if datagram.first().is_some_and(|first| (128..192).contains(first)) { Self::Media } else { Self::Setup }
    }
}

/// A direction with its state. The same seed and the same packets give the same fates.
#[derive(Debug)]
pub struct Link {
    profile: Profile,
    random: Rng,
    /// Gilbert-Elliott: in the bad state everything is lost, in the good one nothing.
    in_burst: bool,
    /// When what is queued has left.
    idle_at: Duration,
    /// The latest arrival, which later packets may not overtake where the order is kept.
    last_arrival: Duration,
}

impl Link {
    pub fn new(profile: Profile, seed: u64) -> Self {
        let (idle_at, last_arrival) = (Duration::ZERO, Duration::ZERO);
        Self { profile, random: Rng::with_seed(seed), in_burst: false, idle_at, last_arrival }
    }

    /// Another weather from now on; what is under way stays so.
    pub fn set(&mut self, profile: Profile) {
        self.profile = profile;
        self.in_burst = false;
    }

    /// How long a packet that enters at `now` stands in the queue before the rate limit.
    pub fn wait(&self, now: Duration) -> Duration {
        self.idle_at.saturating_sub(now)
    }

    /// A packet of `bytes` enters at `now`, counted from any fixed moment; times never run backwards.
    pub fn offer(&mut self, now: Duration, bytes: usize, traffic: Traffic) -> Fate {
        if self.profile.rtp_only && traffic == Traffic::Setup {
            return Fate::Arrives { at: now + ms(self.profile.delay_ms), again_at: None };
        }
        let Some(left) = self.pass_queue(now, bytes) else { return Fate::Overflowed };
        if self.is_out(left) || self.is_lost() {
            return Fate::Lost;
        }
        let at = self.arrival(left);
        let again = self.random.f64() * 100.0 < self.profile.dup;
        Fate::Arrives { at, again_at: again.then(|| self.arrival(left)) }
    }

    /// When the packet has left the rate limit, unless the wait is too long.
    fn pass_queue(&mut self, now: Duration, bytes: usize) -> Option<Duration> {
        if self.profile.kbps <= 0.0 {
            return Some(now);
        }
        let start = self.idle_at.max(now);
        if start - now > ms(self.profile.queue_ms) {
            return None;
        }
        self.idle_at = start + ms(bytes as f64 * 8.0 / self.profile.kbps);
        Some(self.idle_at)
    }

    fn is_out(&self, now: Duration) -> bool {
        let (every, dead) = (ms(self.profile.outage_every_ms), ms(self.profile.outage_ms));
        !every.is_zero() && now.as_nanos() % every.as_nanos() >= (every - dead).as_nanos()
    }

    fn is_lost(&mut self) -> bool {
        let share = self.profile.loss / 100.0;
        if self.profile.burst <= 1.0 || share >= 1.0 {
            return self.random.f64() < share;
        }
        // Mean burst 1/leave, long-run share enter/(enter + leave).
        let leave = 1.0 / self.profile.burst;
        let enter = leave * share / (1.0 - share);
        let turn = if self.in_burst { leave } else { enter };
        if self.random.f64() < turn {
            self.in_burst = !self.in_burst;
        }
        self.in_burst
    }

    fn arrival(&mut self, left: Duration) -> Duration {
        let jitter = self.random.f64() * self.profile.jitter_ms;
        let mut at = left + ms(self.profile.delay_ms + jitter);
        if !self.profile.reorder {
            at = at.max(self.last_arrival);
        }
        self.last_arrival = self.last_arrival.max(at);
        at
    }
}

fn ms(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKETS: u64 = 20_000;

    /// One packet of 1,000 bytes each 10 ms.
    fn run(profile: Profile, seed: u64) -> Vec<(Duration, Fate)> {
        let mut link = Link::new(profile, seed);
        let at = |n| Duration::from_millis(10 * n);
        (0..PACKETS).map(|n| (at(n), link.offer(at(n), 1_000, Traffic::Media))).collect()
    }

    fn share(fates: &[(Duration, Fate)], fate: Fate) -> f64 {
        fates.iter().filter(|(_, f)| *f == fate).count() as f64 / fates.len() as f64
    }

    fn arrivals(fates: &[(Duration, Fate)]) -> Vec<(Duration, Duration)> {
        let arrived = fates.iter().filter_map(|(sent, fate)| match fate {
            Fate::Arrives { at, .. } => Some((*sent, *at)),
            Fate::Lost | Fate::Overflowed => None,
        });
        arrived.collect()
    }

    #[test]
    fn loss_is_as_asked_alone_and_in_bursts() {
        for (loss, burst) in [(10.0, 1.0), (70.0, 1.0), (30.0, 8.0), (100.0, 1.0), (100.0, 8.0), (0.0, 8.0)] {
            let fates = run(Profile { loss, burst, ..Profile::default() }, 1);
            let lost = share(&fates, Fate::Lost) * 100.0;
            assert!((lost - loss).abs() < 2.0, "{loss} % in bursts of {burst}: {lost}");
        }
    }

    #[test]
    fn bursts_have_the_length_that_was_asked_for() {
        let fates = run(Profile { loss: 30.0, burst: 8.0, ..Profile::default() }, 3);
        let lost: Vec<bool> = fates.iter().map(|(_, f)| *f == Fate::Lost).collect();
        let bursts = lost.windows(2).filter(|w| w[1] && !w[0]).count();
        let mean = lost.iter().filter(|l| **l).count() as f64 / bursts as f64;
        assert!((7.0..9.0).contains(&mean), "{mean}");
    }

    #[test]
    fn jitter_spreads_and_reorders_only_where_it_may() {
        let jitter = Profile { delay_ms: 20.0, jitter_ms: 100.0, ..Profile::default() };
        let free = arrivals(&run(jitter, 5));
        assert!(free.iter().all(|(sent, at)| (20..=120).contains(&(*at - *sent).as_millis())));
        assert!(free.windows(2).any(|w| w[1].1 < w[0].1));
        let kept = arrivals(&run(Profile { reorder: false, ..jitter }, 5));
        assert!(kept.windows(2).all(|w| w[1].1 >= w[0].1));
    }

    #[test]
    fn cap_delays_up_to_its_queue_and_drops_the_rest() {
        // 800 kbit/s are offered.
        let fates = run(Profile { kbps: 400.0, queue_ms: 200.0, ..Profile::default() }, 7);
        let dropped = share(&fates, Fate::Overflowed);
        assert!((dropped - 0.5).abs() < 0.01, "{dropped}");
        let longest = arrivals(&fates).iter().map(|(sent, at)| *at - *sent).max().expect("some arrive");
        assert!((200..=240).contains(&longest.as_millis()), "{longest:?}");
    }

    #[test]
    fn wait_behind_the_cap_is_known_beforehand() {
        let mut link = Link::new(Profile { kbps: 400.0, ..Profile::default() }, 7);
        assert_eq!(link.wait(Duration::ZERO), Duration::ZERO);
        link.offer(Duration::ZERO, 1_000, Traffic::Media);
        assert_eq!(link.wait(Duration::ZERO), Duration::from_millis(20));
        assert_eq!(link.wait(Duration::from_millis(30)), Duration::ZERO);
    }

    #[test]
    fn outages_come_round_and_setup_can_be_spared() {
        let dead = Profile { outage_every_ms: 10_000.0, outage_ms: 1_000.0, ..Profile::default() };
        let lost = share(&run(dead, 1), Fate::Lost);
        assert!((lost - 0.1).abs() < 0.001, "{lost}");
        let mut link = Link::new(Profile { loss: 100.0, delay_ms: 5.0, rtp_only: true, ..Profile::default() }, 1);
        let fate = link.offer(Duration::ZERO, 100, Traffic::of(&[0, 1]));
        assert_eq!(fate, Fate::Arrives { at: Duration::from_millis(5), again_at: None });
        assert_eq!(link.offer(Duration::ZERO, 100, Traffic::of(&[0x80, 96])), Fate::Lost);
    }

    #[test]
    fn same_seed_same_weather() {
        let bad = Profile { loss: 30.0, burst: 3.0, jitter_ms: 50.0, dup: 10.0, ..Profile::default() };
        assert_eq!(run(bad, 9), run(bad, 9));
        assert_ne!(run(bad, 9), run(bad, 10));
    }
}
