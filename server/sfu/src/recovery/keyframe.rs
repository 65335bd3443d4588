//! When a keyframe is asked of a publisher: many wishes become one request, and it is repeated until a keyframe comes.

use std::time::{Duration, Instant};

/// A request that brought no keyframe is repeated after a second: encoders limit keyframes themselves, PLIs get lost.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// The wishes for keyframes of one layer.
#[derive(Debug)]
pub(crate) struct KeyframeRequests {
    /// Between two requests: 1 s / `keyframes_per_second_max`.
    spacing: Duration,
    wanted: bool,
    /// Last request sent.
    asked: Option<Instant>,
    /// Requests since the last keyframe.
    tries: u32,
    /// Requests ever, wrapping.
    count: u8,
}

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It is due at once.
    New,
    /// A request is under way or due already.
    Merged,
}

impl KeyframeRequests {
    pub(crate) fn new(per_second_max: u32) -> Self {
        let spacing = Duration::from_secs(1) / per_second_max.max(1);
        Self { spacing, wanted: false, asked: None, tries: 0, count: 0 }
    }

    /// A subscriber needs a keyframe: it starts, or it sent PLI or FIR.
    pub(crate) fn want(&mut self) -> Wish {
        if std::mem::replace(&mut self.wanted, true) { Wish::Merged } else { Wish::New }
    }

    /// A keyframe began to come in. It serves every wish so far.
    pub(crate) fn handle_keyframe(&mut self) {
        self.wanted = false;
        self.tries = 0;
    }

    /// When `poll` says yes next. `None` while nobody waits.
    pub(crate) fn next_due(&self, now: Instant) -> Option<Instant> {
        self.wanted.then(|| self.asked.map_or(now, |asked| asked + self.wait()))
    }

    /// There is nobody to ask.
    pub(crate) fn stop(&mut self) {
        self.wanted = false;
    }

    /// True where a request is to be sent now.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let due = self.next_due(now).is_some_and(|due| due <= now);
        if due {
            self.asked = Some(now);
            self.tries += 1;
            self.count = self.count.wrapping_add(1);
        }
        due
    }

    /// The command number of the last request (RFC 5104 section 4.3.1.1).
    pub(crate) fn count(&self) -> u8 {
        self.count
    }

    /// Another source follows: what was asked of the old one does not count.
    pub(crate) fn reset(&mut self) {
        self.asked = None;
        self.tries = 0;
    }

    /// Spacing, then slower while nothing comes: the publisher's camera may be off.
    fn wait(&self) -> Duration {
        self.spacing.saturating_mul(self.tries.clamp(1, 8)).clamp(self.spacing, RETRY_MAX.max(self.spacing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    #[test]
    fn the_first_wish_goes_out_at_once_and_the_rest_merge() {
        let (mut k, t) = (KeyframeRequests::new(2), start());
        assert_eq!((k.next_due(t), k.want(), k.want()), (None, Wish::New, Wish::Merged));
        assert!(k.poll(t) && !k.poll(t));
    }

    #[test]
    fn never_more_than_two_a_second_however_many_wishes() {
        let (mut k, t) = (KeyframeRequests::new(2), start());
        let mut sent = 0;
        for ms in 0..10_000 {
            k.want();
            if k.poll(t + Duration::from_millis(ms)) {
                sent += 1;
                k.handle_keyframe();
            }
        }
        assert_eq!(sent, 20);
    }

    #[test]
    fn retries_until_a_keyframe_comes() {
        let (mut k, t) = (KeyframeRequests::new(2), start());
        k.want();
        let sent: Vec<u64> = (0..5_000).filter(|ms| k.poll(t + Duration::from_millis(*ms))).collect();
        assert_eq!(sent, [0, 500, 1_500, 2_500, 3_500, 4_500]);
        k.handle_keyframe();
        assert_eq!(k.next_due(t + Duration::from_secs(9)), None);
    }
}
