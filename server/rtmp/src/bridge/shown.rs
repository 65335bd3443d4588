//! Moments of pictures in the order of the publisher's own times.
//!
//! The map from its clock to ours moves back while a stream that had piled up catches up. Pictures must not seem to
//! change places by that: who cuts them into packets takes a step back for B-frames, and leaves out what it may not send.

use std::time::{Duration, Instant};

/// Between pictures that the map would put on top of each other.
const STEP: Duration = Duration::from_millis(1);

/// The latest picture of one track.
#[derive(Debug, Default)]
pub(super) struct Shown {
    latest: Option<Latest>,
}

#[derive(Debug, Clone, Copy)]
struct Latest {
    /// By the publisher's clock, wrapping.
    time_ms: u32,
    at: Instant,
    /// How often that clock had jumped.
    line: u64,
}

impl Shown {
    /// When a picture is to be seen that the map puts at `at`. `time_ms`: of the publisher, composed; `line` changes
    /// where its clock jumped. Later pictures lie later; those that are to be seen before one that came already stay
    /// where they are.
    pub(super) fn place(&mut self, time_ms: u32, line: u64, at: Instant) -> Instant {
        let Some(latest) = self.latest else { return self.remember(time_ms, line, at) };
        let later = line != latest.line || time_ms.wrapping_sub(latest.time_ms).cast_signed() > 0;
        if later { self.remember(time_ms, line, at.max(latest.at + STEP)) } else { at }
    }

    fn remember(&mut self, time_ms: u32, line: u64, at: Instant) -> Instant {
        self.latest = Some(Latest { time_ms, at, line });
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ms, start};

    #[test]
    fn a_map_that_moves_back_squeezes_pictures_but_turns_none() {
        let (t, mut shown) = (start(), Shown::default());
        let placed =
            [(0, 0), (40, 40), (80, 10), (120, 30), (160, 70)].map(|(time, at)| shown.place(time, 0, t + ms(at)));
        assert_eq!(placed, [0, 40, 41, 42, 70].map(|at| t + ms(at)));
    }

    #[test]
    fn b_frames_stay_before_the_picture_that_came_first() {
        let (t, mut shown) = (start(), Shown::default());
        let placed =
            [(0, 0), (120, 120), (40, 40), (80, 80), (240, 240)].map(|(time, at)| shown.place(time, 0, t + ms(at)));
        assert_eq!(placed, [0, 120, 40, 80, 240].map(|at| t + ms(at)));
    }

    #[test]
    fn a_clock_that_jumps_or_wraps_goes_on_behind_what_was_shown() {
        let (t, mut shown) = (start(), Shown::default());
        assert_eq!(shown.place(u32::MAX - 10, 0, t + ms(900)), t + ms(900));
        assert_eq!(shown.place(29, 0, t + ms(940)), t + ms(940));
        assert_eq!(shown.place(7, 1, t + ms(100)), t + ms(941));
    }
}
