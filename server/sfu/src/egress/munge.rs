//! Sequence numbers and media times of one subscription: without a hole of our own making, whichever source feeds it.

use carillon_proto::rtp::{RtpTime, Seq, SeqExt, ticks};
use std::time::{Duration, Instant};

/// Between the last frame of one source and the first of the next, at least: a player takes an equal or older time for
/// the same or a lost frame.
const SWITCH_GAP: Duration = Duration::from_millis(10);
/// How long what is caught up with takes on the subscriber's clock: less than from one frame to the next.
const WARP: Duration = Duration::from_millis(5);

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
    warp: Option<Warp>,
}

/// Times of a subscriber who catches up: what was seen long ago passes in a moment, so that a player shows it at once
/// instead of staying behind by as much.
#[derive(Debug, Clone, Copy)]
struct Warp {
    /// The last number with a time of its own.
    until: SeqExt,
    /// Of the source: the first time, and how far the last lies behind it.
    from: RtpTime,
    span: u32,
    /// Of the subscriber: where the first lies, and how far the last lies behind it.
    start: RtpTime,
    passes: u32,
}

/// A packet's place in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) seq: SeqExt,
    pub(super) time: RtpTime,
}

impl Munger {
    /// `random` decides where numbers and times begin (RFC 3550 section 5.1): below 32,768, so that the receiver's SRTP
    /// cannot mistake an early loss for a rollover.
    /// With `next`, numbers go on from there.
    pub(crate) fn new(random: u64, next: Option<SeqExt>) -> Self {
        let next = next.unwrap_or_else(|| SeqExt((random & 0x7fff).max(1)));
        let start_time = RtpTime((random >> 32) as u32);
        Self { seq_offset: 0, time_offset: 0, first: SeqExt(u64::MAX), next, newest: None, start_time, warp: None }
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
        self.warp = None;
    }

    /// As `switch`, from `first` on, for a source that has come as far as `edge`, which is what is seen now.
    pub(crate) fn switch_late(&mut self, now: Instant, first: Place, edge: Place, clock_hz: u32) {
        self.switch(now, first.seq, edge.time, clock_hz);
        let passes = ticks(WARP, clock_hz);
        if edge.time.since(first.time) > passes.cast_signed() {
            self.warp(first, edge, self.map_time(edge.time).wrapping_sub(passes), passes);
        } else {
            self.time_offset = self.time_offset.wrapping_add(edge.time.0.wrapping_sub(first.time.0));
        }
    }

    /// The source again from `first` on, under new numbers, just behind what was sent. Times after `edge` stay.
    pub(crate) fn rejoin(&mut self, first: Place, edge: Place, clock_hz: u32) {
        self.seq_offset = self.next.0.wrapping_sub(first.seq.0);
        self.first = first.seq;
        let sent = self.newest.map_or_else(|| self.map_time(edge.time), |(newest, _)| newest);
        self.warp(first, edge, sent.wrapping_add(1), ticks(WARP, clock_hz));
    }

    /// What lies before `seq` and was not sent is left out: numbers go on without a hole, times by what passed.
    pub(crate) fn leave_out_to(&mut self, seq: SeqExt) {
        self.seq_offset = self.next.0.wrapping_sub(seq.0);
        self.first = seq;
    }

    fn warp(&mut self, first: Place, edge: Place, start: RtpTime, passes: u32) {
        let span = u32::try_from(edge.time.since(first.time)).unwrap_or(0);
        self.warp = Some(Warp { until: edge.seq, from: first.time, span: span.max(passes), start, passes });
    }

    /// What the subscriber sees of a packet. `None` where it lies before the switch.
    pub(crate) fn map(&mut self, now: Instant, seq: SeqExt, time: RtpTime) -> Option<(SeqExt, RtpTime)> {
        if seq < self.first {
            return None;
        }
        let out = SeqExt(seq.0.wrapping_add(self.seq_offset));
        let out_time = self.time_of(seq, time);
        if out >= self.next {
            self.next = SeqExt(out.0 + 1);
            if self.newest.is_none_or(|(newest, _)| out_time.since(newest) >= 0) {
                self.newest = Some((out_time, now));
            }
        }
        Some((out, out_time))
    }

    /// The time of one packet as it was sent, or is.
    pub(crate) fn time_of(&self, seq: SeqExt, time: RtpTime) -> RtpTime {
        match self.warp.filter(|warp| seq <= warp.until) {
            Some(warp) => {
                let passed = u64::try_from(time.since(warp.from)).unwrap_or(0).min(u64::from(warp.span));
                let passes = u64::from(warp.passes) * passed / u64::from(warp.span.max(1));
                warp.start.wrapping_add(passes as u32)
            }
            None => self.map_time(time),
        }
    }

    /// The media clock's reading as the subscriber sees it.
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

    #[test]
    fn what_is_caught_up_with_passes_in_a_moment() {
        let (mut m, t) = (Munger::new(RANDOM, None), start());
        let place = |seq: u64| Place { seq: SeqExt(seq), time: RtpTime((seq * 3_600) as u32) };
        m.switch_late(t, place(1_000), place(1_050), 90_000);
        let mut out = |seq: u64| m.map(t, SeqExt(seq), place(seq).time).map(|(s, time)| (s.0, time.0));
        assert_eq!([out(1_000), out(1_025), out(1_050)], [Some((100, 50)), Some((125, 275)), Some((150, 500))]);
        assert_eq!(out(1_051), Some((151, 4_100)));
        assert_eq!(m.time_of(SeqExt(1_025), place(1_025).time), RtpTime(275), "repairs say the same");
        m.rejoin(place(1_000), place(1_051), 90_000);
        let mut out = |seq: u64| m.map(t, SeqExt(seq), place(seq).time).map(|(s, time)| (s.0, time.0));
        assert_eq!([out(1_000), out(1_051)], [Some((152, 4_101)), Some((203, 4_551))]);
        assert_eq!(out(1_052), Some((204, 7_700)), "what comes live keeps its time");
        m.switch_late(t, place(2_000), place(2_000), 90_000);
        assert_eq!(m.map(t, SeqExt(2_000), place(2_000).time).map(|(s, _)| s.0), Some(205));
        assert_eq!(
            m.time_of(SeqExt(2_001), place(2_001).time).since(m.time_of(SeqExt(2_000), place(2_000).time)),
            3_600
        );
    }
}
