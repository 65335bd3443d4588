//! What a client receives in one section, played as a browser plays: in order of the numbers, from the first packet of a
//! keyframe on, holes asked for until they come. The judge of each frame is what its publisher wrote into it.

use crate::publisher::Content;
use carillon_proto::rtcp::{CompactNtp, NtpTime, ReportBlock};
use carillon_proto::rtp::{Seq, SeqExt, Ssrc};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A hole this old will not be filled: nobody keeps packets that long.
const GIVE_UP: Duration = Duration::from_secs(4);
/// About a round trip.
const ASK_AGAIN: Duration = Duration::from_millis(110);
const ASK_KEYFRAME_AGAIN: Duration = Duration::from_millis(300);

pub struct Player {
    pub video: bool,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    /// Frames played of each tag: first, last, how many.
    pub played: BTreeMap<u32, (u32, u32, u32)>,
    /// What a viewer would complain about.
    pub faults: Vec<String>,
    /// The tag that was played when a hole was given up.
    pub given_up: Vec<(Instant, u32)>,
    pub keyframes_asked: u32,
    pub nacked: u64,
    highest: Option<SeqExt>,
    buffer: BTreeMap<SeqExt, Content>,
    next: Option<SeqExt>,
    last: Option<Content>,
    holes: BTreeMap<SeqExt, (Instant, Option<Instant>)>,
    keyframe_asked: Option<Instant>,
    report: Option<(CompactNtp, Instant)>,
    base: u64,
    received: u64,
    /// Expected and received at the last report.
    before: (u64, u64),
}

impl Player {
    pub fn new(video: bool, ssrc: u32, rtx_ssrc: Option<u32>) -> Self {
        Self {
            video,
            ssrc,
            rtx_ssrc,
            played: BTreeMap::new(),
            faults: Vec::new(),
            given_up: Vec::new(),
            keyframes_asked: 0,
            nacked: 0,
            highest: None,
            buffer: BTreeMap::new(),
            next: None,
            last: None,
            holes: BTreeMap::new(),
            keyframe_asked: None,
            report: None,
            base: 0,
            received: 0,
            before: (0, 0),
        }
    }

    /// The number meant by RTX.
    pub fn nearest(&self, seq: Seq) -> Option<SeqExt> {
        self.highest?.nearest(seq)
    }

    pub fn handle(&mut self, now: Instant, seq: SeqExt, content: Content, repair: bool) {
        self.received += u64::from(!repair);
        let highest = *self.highest.get_or_insert_with(|| {
            self.base = seq.0;
            seq
        });
        if seq > highest {
            let fresh = (highest.0 + 1..seq.0).map(|n| (SeqExt(n), (now, None)));
            self.holes.extend(fresh);
            self.highest = Some(seq);
        }
        self.holes.remove(&seq);
        if self.next.is_some_and(|next| seq < next) {
            return;
        }
        if let Some(before) = self.buffer.insert(seq, content)
            && before != content
        {
            self.faults.push(format!("{seq:?} was {before:?} and is {content:?}"));
        }
        self.play(now);
    }

    /// Numbers to ask for now.
    pub fn ask(&mut self, now: Instant) -> Vec<Seq> {
        let old = self.holes.iter().filter(|(_, hole)| now - hole.0 > GIVE_UP).map(|(seq, _)| *seq).max();
        if let Some(old) = old {
            self.give_up(now, old);
        }
        let mut ask = Vec::new();
        for (seq, (noticed, asked)) in &mut self.holes {
            let due = asked.map_or(*noticed + Duration::from_millis(15), |asked| asked + ASK_AGAIN);
            if due <= now {
                *asked = Some(now);
                ask.push(seq.seq());
            }
        }
        self.nacked += ask.len() as u64;
        ask
    }

    /// A browser that sees packets and no picture asks for one.
    pub fn asks_keyframe(&mut self, now: Instant) -> bool {
        let waits = self.video && self.next.is_none() && self.highest.is_some();
        if !waits {
            self.keyframe_asked = None;
            return false;
        }
        let before = *self.keyframe_asked.get_or_insert(now);
        let due = now - before >= ASK_KEYFRAME_AGAIN;
        if due {
            self.keyframe_asked = Some(now);
            self.keyframes_asked += 1;
        }
        due
    }

    pub fn handle_sender_report(&mut self, now: Instant, ntp: NtpTime) {
        self.report = Some((ntp.compact(), now));
    }

    /// RFC 3550 section 6.4.1.
    pub fn block(&mut self, now: Instant) -> Option<ReportBlock> {
        let highest = self.highest?.0;
        let expected = highest + 1 - self.base;
        let (of, got) = (expected - self.before.0, self.received.saturating_sub(self.before.1));
        self.before = (expected, self.received);
        let lost = of.saturating_sub(got);
        let (last, since) = self.report.map_or((CompactNtp(0), Duration::ZERO), |(ntp, at)| (ntp, now - at));
        Some(ReportBlock {
            ssrc: Ssrc(self.ssrc),
            fraction_lost: (lost * 255 / of.max(1)) as u8,
            cumulative_lost: expected as i32 - self.received as i32,
            highest_seq: highest as u32,
            jitter: 0,
            last_sender_report: last,
            delay_since_last: CompactNtp::span(since),
        })
    }

    /// For those who wonder why it stands still.
    pub fn state(&self) -> String {
        let (highest, next, first) = (self.highest, self.next, self.buffer.first_key_value());
        let asked = (self.nacked, self.keyframes_asked);
        format!(
            "highest {highest:?}, waits for {next:?}, has {first:?}, asked {asked:?}, holes {:?}",
            self.holes.keys()
        )
    }

    fn play(&mut self, now: Instant) {
        if self.next.is_none() {
            let start =
                self.buffer.iter().find(|(_, c)| !self.video || c.keyframe && c.index == 0).map(|(seq, _)| *seq);
            let Some(start) = start else { return };
            self.start(now, start);
        }
        while let Some(next) = self.next
            && let Some(content) = self.buffer.remove(&next)
        {
            self.judge(next, content);
            self.next = Some(next.plus(1));
        }
    }

    /// The first packet may have overtaken those before it: they are waited for too.
    fn start(&mut self, now: Instant, start: SeqExt) {
        self.buffer = self.buffer.split_off(&start);
        self.holes = self.holes.split_off(&start);
        let highest = self.highest.map_or(start.0, |highest| highest.0);
        let open = (start.0..highest).map(SeqExt).filter(|seq| !self.buffer.contains_key(seq));
        let open: Vec<_> = open.filter(|seq| !self.holes.contains_key(seq)).collect();
        self.holes.extend(open.into_iter().map(|seq| (seq, (now, None))));
        self.next = Some(start);
    }

    fn judge(&mut self, seq: SeqExt, c: Content) {
        let good = match self.last {
            Some(last) if last.tag == c.tag && last.index + 1 < last.count => {
                (c.frame, c.index) == (last.frame, last.index + 1)
            }
            Some(last) if last.tag == c.tag => (c.frame, c.index) == (last.frame + 1, 0),
            // Another publisher, or after a freeze: from the first packet of a keyframe on.
            Some(_) | None => c.index == 0 && (c.keyframe || !self.video),
        };
        if !good {
            self.faults.push(format!("{seq:?}: {c:?} after {:?}", self.last));
        }
        if c.index + 1 == c.count {
            let played = self.played.entry(c.tag).or_insert((c.frame, c.frame, 0));
            *played = (played.0, c.frame, played.2 + 1);
        }
        self.last = Some(c);
    }

    fn give_up(&mut self, now: Instant, upto: SeqExt) {
        let after = upto.plus(1);
        self.holes = self.holes.split_off(&after);
        if self.next.is_some_and(|next| next <= upto) {
            self.given_up.push((now, self.last.map_or(0, |last| last.tag)));
            self.buffer = self.buffer.split_off(&after);
            self.next = None;
            self.last = None;
        }
        self.play(now);
    }
}
