//! Which packet numbers were seen, per stream (RFC 3711 section 3.3.2).

/// Packets that may come late. libsrtp in browsers uses the same.
const WINDOW: u64 = 1024;
const WORDS: usize = (WINDOW / 64) as usize;

/// A window of the newest numbers of one stream.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    /// The highest number seen; `None` before the first.
    highest: Option<u64>,
    /// Bit `n % WINDOW` of the number `n`, for those within the window.
    seen: [u64; WORDS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    Seen,
    TooOld,
}

impl Replay {
    pub(super) fn new() -> Self {
        Self { highest: None, seen: [0; WORDS] }
    }

    /// The most likely 48-bit number for the 16 bits that a packet carries (RFC 3711 appendix A).
    pub(super) fn guess(&self, seq: u16) -> u64 {
        let Some(highest) = self.highest else { return u64::from(seq) };
        let near = (highest & !0xFFFF) | u64::from(seq);
        let candidates = [near.checked_sub(0x1_0000), Some(near), near.checked_add(0x1_0000)];
        candidates.into_iter().flatten().min_by_key(|n| n.abs_diff(highest)).unwrap_or(near)
    }

    pub(super) fn check(&self, number: u64) -> Verdict {
        match self.highest {
            None => Verdict::New,
            Some(highest) if number > highest => Verdict::New,
            Some(highest) if highest - number >= WINDOW => Verdict::TooOld,
            Some(_) if self.seen[word(number)] & bit(number) != 0 => Verdict::Seen,
            Some(_) => Verdict::New,
        }
    }

    /// After the packet was authenticated.
    pub(super) fn note(&mut self, number: u64) {
        let highest = self.highest.unwrap_or(number);
        if number > highest {
            if number - highest >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                (highest + 1..number).for_each(|n| self.seen[word(n)] &= !bit(n));
            }
        }
        self.highest = Some(highest.max(number));
        self.seen[word(number)] |= bit(number);
    }
}

fn word(number: u64) -> usize {
    (number % WINDOW / 64) as usize
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_new_once_within_the_window() {
        let mut replay = Replay::new();
        for n in [100, 103, 102, 2000, 1500, 977] {
            assert_eq!(replay.check(n), Verdict::New, "{n}");
            replay.note(n);
            assert_eq!(replay.check(n), Verdict::Seen, "{n}");
        }
        assert_eq!(replay.check(976), Verdict::TooOld);
        assert_eq!(replay.check(1501), Verdict::New);
    }

    #[test]
    fn wrap_raises_the_rollover_counter_and_a_late_packet_keeps_the_old_one() {
        let mut replay = Replay::new();
        assert_eq!(replay.guess(65_534), 65_534);
        replay.note(65_534);
        assert_eq!(replay.guess(1), 65_537);
        replay.note(65_537);
        assert_eq!(replay.guess(65_535), 65_535);
        assert_eq!(replay.guess(2), 65_538);
    }

    #[test]
    fn numbers_skipped_by_a_jump_are_new_when_they_come() {
        let mut replay = Replay::new();
        (0..1024).for_each(|n| replay.note(n));
        replay.note(1030);
        assert_eq!(replay.check(1026), Verdict::New);
        assert_eq!(replay.check(1023), Verdict::Seen);
    }
}
