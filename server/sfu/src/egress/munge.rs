//! Sequence numbers and media times of one subscription: without a hole of our own making, whichever source feeds it.

use carillon_proto::rtp::{RtpTime, Seq, SeqExt, ticks};
use std::time::{Duration, Instant};

/// Between the last frame of one source and the first of the next, at least: a player takes an equal or older time for
/// the same or a lost frame.
const SWITCH_GAP: Duration = Duration::from_millis(10);

/// The offsets from one source's numbers to those that the subscriber sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Munger {
    /// Added to the source's, wrapping.
    seq_offset: u64,
    time_offset: u32,
    /// First number of the source that is forwarded.
    first: SeqExt,
    /// The next fresh number towards the subscriber.
    next: SeqExt,
    /// The newest time sent, and when.
    newest: Option<(RtpTime, Instant)>,
    /// Where the first source's times begin.
    start_time: RtpTime,
}

impl Munger {
    /// `random` decides where numbers and times begin (RFC 3550 section 5.1): below 32,768, so that the receiver's SRTP
    /// cannot mistake an early loss for a rollover.
    /// With `next`, numbers go on from there.
    pub(crate) fn new(random: u64, next: Option<SeqExt>) -> Self {
        let next = next.unwrap_or_else(|| SeqExt((random & 0x7fff).max(1)));
        let start_time = RtpTime((random >> 32) as u32);
        Self { seq_offset: 0, time_offset: 0, first: SeqExt(u64::MAX), next, newest: None, start_time }
    }

    /// Another source follows, from `seq` on, whose time is `time`: its numbers continue those that were sent, its
    /// times go on by the time that passed.
    pub(crate) fn switch(&mut self, now: Instant, seq: SeqExt, time: RtpTime, clock_hz: u32) {
        let out_time = self.newest.map_or(self.start_time, |(newest, at)| {
            let gap = now.saturating_duration_since(at).max(SWITCH_GAP);
            newest.wrapping_add(ticks(gap, clock_hz))
        });
        self.time_offset = out_time.0.wrapping_sub(time.0);
        self.seq_offset = self.next.0.wrapping_sub(seq.0);
        self.first = seq;
    }

    /// What the subscriber sees of a packet. `None` where it lies before the switch.
    pub(crate) fn map(&mut self, now: Instant, seq: SeqExt, time: RtpTime) -> Option<(SeqExt, RtpTime)> {
        if seq < self.first {
            return None;
        }
        let out = SeqExt(seq.0.wrapping_add(self.seq_offset));
        let out_time = self.map_time(time);
        if out >= self.next {
            self.next = SeqExt(out.0 + 1);
            if self.newest.is_none_or(|(newest, _)| out_time.since(newest) >= 0) {
                self.newest = Some((out_time, now));
            }
        }
        Some((out, out_time))
    }

    pub(crate) fn map_time(&self, time: RtpTime) -> RtpTime {
        time.wrapping_add(self.time_offset)
    }

    /// The source's number of what the subscriber knows as `seq`, with its own 64-bit one. `None` where it was never
    /// sent, or came from the source before.
    pub(crate) fn source_of(&self, seq: Seq) -> Option<(SeqExt, SeqExt)> {
        let newest = SeqExt(self.next.0.checked_sub(1)?);
        let out = newest.nearest(seq).filter(|out| *out <= newest)?;
        let source = SeqExt(out.0.wrapping_sub(self.seq_offset));
        let first_out = self.first.0.wrapping_add(self.seq_offset);
        (out.0 >= first_out && self.newest.is_some()).then_some((source, out))
    }

    /// The next fresh number: what was sealed lies below.
    pub(crate) fn next(&self) -> SeqExt {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;

    const RANDOM: u64 = 500 << 32 | 100;

    #[test]
    fn holes_of_the_source_stay_holes_and_are_filled_later() {
        let (mut m, t) = (Munger::new(RANDOM, None), start());
        m.switch(t, SeqExt(7_000), RtpTime(90_000), 90_000);
        let mut out = |seq: u64| m.map(t, SeqExt(seq), RtpTime(90_000)).map(|(s, _)| s.0);
        let sent: Vec<_> = [7_000, 7_003, 7_001, 6_999, 7_004].into_iter().map(&mut out).collect();
        assert_eq!(sent, [Some(100), Some(103), Some(101), None, Some(104)]);
    }

    #[test]
    fn a_new_source_continues_the_old_ones_numbers_and_time() {
        let (mut m, t) = (Munger::new(RANDOM, None), start());
        m.switch(t, SeqExt(7_000), RtpTime(90_000), 90_000);
        m.map(t, SeqExt(7_000), RtpTime(90_000));
        m.map(t, SeqExt(7_001), RtpTime(93_000));
        let later = t + Duration::from_secs(2);
        m.switch(later, SeqExt(20), RtpTime(u32::MAX), 90_000);
        assert_eq!(m.map(later, SeqExt(20), RtpTime(u32::MAX)), Some((SeqExt(102), RtpTime(500 + 3_000 + 180_000))));
        assert_eq!(m.map(later, SeqExt(19), RtpTime(0)), None);
        m.switch(later, SeqExt(900), RtpTime(5), 90_000);
        assert_eq!(m.map(later, SeqExt(900), RtpTime(5)), Some((SeqExt(103), RtpTime(183_500 + 900))));
    }

    #[test]
    fn a_number_asked_for_leads_back_to_its_source() {
        let (mut m, t) = (Munger::new(RANDOM, None), start());
        assert_eq!(m.source_of(Seq(99)), None);
        m.switch(t, SeqExt(0x1_fffe), RtpTime(0), 90_000);
        for n in 0..70_000 {
            m.map(t, SeqExt(0x1_fffe + n), RtpTime(0));
        }
        let newest = 100 + 69_999;
        assert_eq!(m.source_of(Seq((newest & 0xffff) as u16)), Some((SeqExt(0x1_fffe + 69_999), SeqExt(newest))));
        assert_eq!(m.source_of(Seq(((newest - 9) & 0xffff) as u16)).map(|s| s.0.0), Some(0x1_fffe + 69_990));
        assert_eq!(m.source_of(Seq(((newest + 1) & 0xffff) as u16)), None);
        m.switch(t, SeqExt(5), RtpTime(0), 90_000);
        m.map(t, SeqExt(5), RtpTime(0));
        assert_eq!(m.source_of(Seq((newest & 0xffff) as u16)), None, "of the source before");
    }
}
