//! What a session was told and has not acknowledged yet.

use std::collections::VecDeque;

/// Numbers frames 1, 2, 3, … and keeps each until the client has handled it.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// The last one has number `sent`.
    frames: VecDeque<String>,
    bytes: usize,
    sent: u64,
}

impl Outbox {
    /// The number of the next frame.
    pub(super) fn next_seq(&self) -> u64 {
        self.sent + 1
    }

    /// Keeps the frame that was numbered `next_seq`.
    pub(super) fn push(&mut self, text: String) {
        self.sent += 1;
        self.bytes += text.len();
        self.frames.push_back(text);
    }

    pub(super) fn is_over(&self, frames_max: usize, bytes_max: usize) -> bool {
        self.frames.len() > frames_max || self.bytes > bytes_max
    }

    /// Forgets everything up to `seq`. `false`: the client claims what was never sent.
    pub(super) fn acknowledge(&mut self, seq: u64) -> bool {
        while self.acked() < seq {
            let Some(text) = self.frames.pop_front() else { return false };
            self.bytes -= text.len();
        }
        true
    }

    /// The frames after `seq`, oldest first. `None`: some of them are gone already, or `seq` was never sent.
    pub(super) fn after(&self, seq: u64) -> Option<impl Iterator<Item = &str>> {
        let skip = usize::try_from(seq.checked_sub(self.acked())?).ok()?;
        (skip <= self.frames.len()).then(|| self.frames.iter().skip(skip).map(String::as_str))
    }

    /// The highest number that the client has acknowledged.
    fn acked(&self) -> u64 {
        self.sent - self.frames.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_exactly_what_is_not_acknowledged() {
        let mut outbox = Outbox::default();
        for text in ["a", "b", "c"] {
            outbox.push(text.to_owned());
        }
        assert!(outbox.acknowledge(1));
        assert!(outbox.acknowledge(1), "an old acknowledgement changes nothing");
        assert_eq!(outbox.next_seq(), 4);
        let after = |seq| outbox.after(seq).map(|frames| frames.collect::<String>());
        assert_eq!(after(0), None, "1 is gone");
        assert_eq!(after(1), Some("bc".to_owned()));
        assert_eq!(after(3), Some(String::new()));
        assert_eq!(after(4), None, "4 was never sent");
        assert!(!outbox.acknowledge(4));
    }

    #[test]
    fn is_over_by_frames_or_by_bytes() {
        let mut outbox = Outbox::default();
        outbox.push("abcd".to_owned());
        assert!(!outbox.is_over(1, 4));
        assert!(outbox.is_over(0, 4));
        assert!(outbox.is_over(1, 3));
        outbox.acknowledge(1);
        assert!(!outbox.is_over(0, 0));
    }
}
