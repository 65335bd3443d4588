//! The way to a subscriber, from when numbered packets left and what its transport-cc feedback says of them: how many are
//! lost, and whether a queue stands. Jitter and loss by chance leave the fastest packets as fast as ever; a full queue
//! holds up every one.

use super::least::Least;
use super::policer::{Limit, Policer};
use super::rate::RateControl;
use super::throughput::Throughput;
use super::{Bounds, DROPS_FOR, DROPS_UNTIL, FEW, JITTER_SHARE, JITTER_SHARE_FEW, Usage};
use carillon_proto::rtcp::Twcc;
use std::time::{Duration, Instant};

/// Packets whose fate is remembered: half a second of 20 Mbit/s at first, and as many as need be up to two seconds of it:
/// copies are numbered too. Powers of two.
const REMEMBERED: u16 = 1_024;
const REMEMBERED_MAX: u16 = 4_096;
/// Feedback about more packets than this is forged, or follows an outage of seconds and says nothing else. Two bytes
/// stand for 8,191 packets, and a datagram has room for many such.
const REPORTED_MAX: u16 = REMEMBERED_MAX;
/// The path's own delay is the least of this time: routes change. Longer than any queue is let stand.
const BASE_WINDOW: Duration = Duration::from_secs(60);
/// What is there now is the least of this time: of enough packets that one was fast, at jitter of half a second.
const RECENT_WINDOW: Duration = Duration::from_millis(600);
/// The same on a path that is known to drop: its queue is seen before it is full.
const QUICK_WINDOW: Duration = Duration::from_millis(120);
/// A queue that holds up every packet by this much stands.
const STANDING_US: i64 = 60_000;
/// The same on a path that is known to drop.
const STANDING_QUICK_US: i64 = 40_000;
const JITTER_SHARE_QUICK: i64 = 4;
/// After a packet was reported missing it may still come, for as long as others were late, and this.
const SETTLE_US: i64 = 150_000;
/// Feedback that has not come by then is lost.
const UNTOLD_US: i64 = 2_000_000;
/// The same where feedback itself comes late, beyond how late.
const SETTLE_HEARD_US: i64 = 50_000;
/// Where nothing came for longer, what came before says nothing of a queue: browsers tell each 250 ms at least.
const FRESH_FOR: Duration = Duration::from_millis(400);
/// Without feedback for this long nothing is known any more: the numbered streams have ended.
const KNOWN_FOR: Duration = Duration::from_secs(5);
/// After a queue has drained, losses are still its own for this time: loss is smoothed.
const CONGESTED_FOR: Duration = Duration::from_secs(2);
/// Of one update in the loss by chance: it follows the path within a second.
const CHANCE_WEIGHT: f64 = 0.15;
/// The same of the usual loss: it follows within some seconds.
const USUAL_WEIGHT: f64 = 0.02;
/// More than chance takes by this share: a full queue drops.
const OVERFLOW: f64 = 0.03;
/// A queue that holds up every packet by this much is one, whatever it drops.
const DEEP_US: i64 = 1_200_000;
/// Beyond this loss what came says little about what was sent.
const CHANCE_MAX: f64 = 0.9;
/// What each packet that came in order leaves of the patience for others.
const REORDER_KEPT: f64 = 0.998;
/// What each lost packet leaves of what earlier ones said of bursts.
const BURSTS_KEPT: f64 = 0.995;
/// Packets over which loss is smoothed, about.
const SMOOTHED_OVER: f64 = 150.0;

#[derive(Debug)]
pub(crate) struct DownlinkPath {
    started: Instant,
    /// By number modulo their count. Empty until the first packet.
    packets: Vec<Sent>,
    /// The oldest number whose fate is not counted yet, and the next one to be sent.
    unsettled: u16,
    next: u16,
    base: Least,
    recent: Least,
    quick: Least,
    /// The negated delays: the latest of them.
    latest: Least,
    /// From arrivals to hearing of them, and negated, on clocks that differ by what does not change.
    heard: Least,
    heard_latest: Least,
    /// When feedback told of an arrival last.
    came: Option<Instant>,
    /// The newest number that has arrived, and the newest that feedback has spoken of.
    front: Option<u16>,
    told: Option<u16>,
    goodput: Throughput,
    rate: RateControl,
    policer: Policer,
    /// When a queue was seen to stand last.
    stood: Option<Instant>,
    loss_by_chance: f64,
    /// The same, so slow that it knows nothing of the moment in which a queue fills and is not seen yet.
    usual_loss: f64,
    /// When a queue dropped last, and what the path bore then, bit/s.
    dropped: Option<(Instant, u64)>,
    reorder_us: f64,
    bursts: Bursts,
    loss_ratio: Option<f64>,
    /// When that was measured last.
    measured: Instant,
}

/// What a numbered packet carries: a packet of a media stream, itself or as RTX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Carried {
    /// Of the media stream.
    pub(crate) ssrc: u32,
    /// The number in it.
    pub(crate) seq: u16,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    /// Tenths of milliseconds since the path's start, wrapping each five days.
    at: u32,
    fate: Fate,
    bytes: u16,
    carried: Carried,
}

impl Sent {
    const NONE: Self = Self { at: 0, fate: Fate::Unknown, bytes: 0, carried: Carried { ssrc: 0, seq: 0 } };

    fn age_us(self, now_tenths: u32) -> i64 {
        i64::from(now_tenths.wrapping_sub(self.at)) * 100
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// No feedback has spoken of it, perhaps because that was lost.
    Unknown,
    Missing,
    Arrived,
}

/// How long packets are lost in a row.
#[derive(Debug, Default)]
struct Bursts {
    lost: f64,
    begun: f64,
    /// So many of the newest are lost.
    row: u32,
}

/// An outage is not a burst: what is longer counts as this much, so that the mean returns soon after.
const BURST_MAX: u32 = 50;

impl Bursts {
    fn note(&mut self, fate: Fate) {
        match fate {
            Fate::Unknown => {}
            Fate::Arrived => self.row = 0,
            Fate::Missing if self.row >= BURST_MAX => {}
            Fate::Missing => {
                self.lost = self.lost * BURSTS_KEPT + 1.0;
                self.begun = self.begun * BURSTS_KEPT + f64::from(u8::from(self.row == 0));
                self.row += 1;
            }
        }
    }

    fn mean(&self) -> f64 {
        if self.begun > 0.0 { self.lost / self.begun } else { 0.0 }
    }
}

impl DownlinkPath {
    pub(crate) fn new(now: Instant, bounds: Bounds) -> Self {
        Self {
            started: now,
            packets: Vec::new(),
            unsettled: 0,
            next: 0,
            base: Least::new(now, BASE_WINDOW),
            recent: Least::new(now, RECENT_WINDOW),
            quick: Least::new(now, QUICK_WINDOW),
            latest: Least::new(now, RECENT_WINDOW),
            heard: Least::new(now, RECENT_WINDOW),
            heard_latest: Least::new(now, RECENT_WINDOW),
            came: None,
            front: None,
            told: None,
            goodput: Throughput::default(),
            rate: RateControl::new(bounds),
            policer: Policer::new(now),
            stood: None,
            loss_by_chance: 0.0,
            usual_loss: 0.0,
            dropped: None,
            reorder_us: 0.0,
            bursts: Bursts::default(),
            loss_ratio: None,
            measured: now,
        }
    }

    /// See `room::ahead`.
    pub(crate) fn read_ahead(&self) -> u64 {
        let next = usize::from(self.next) % self.packets.len().max(1);
        u64::from(self.packets.get(next).map_or(0, |sent| sent.at) ^ u32::from(self.unsettled))
    }

    /// A packet leaves: the number that it carries.
    pub(crate) fn number(&mut self, now: Instant, carried: Carried, bytes: usize) -> u16 {
        if self.packets.is_empty() {
            self.packets = vec![Sent::NONE; usize::from(REMEMBERED)];
        }
        if self.next.wrapping_sub(self.unsettled) >= self.remembered() {
            self.make_room();
        }
        let seq = self.next;
        let at = self.tenths(now);
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        *self.packet(seq) = Sent { at, fate: Fate::Unknown, bytes, carried };
        self.next = seq.wrapping_add(1);
        seq
    }

    /// Adds what has arrived since the last feedback to `arrived`.
    pub(crate) fn handle_feedback(&mut self, now: Instant, feedback: &Twcc<'_>, arrived: &mut Vec<Carried>) {
        if self.packets.is_empty() || feedback.packet_count > REPORTED_MAX {
            return;
        }
        let (now_us, now_tenths) = (self.micros(now), self.tenths(now));
        let mut came = Vec::new();
        for status in feedback.statuses() {
            // A forged or very late one speaks of numbers that were not sent, or are used again.
            if self.next.wrapping_sub(status.seq).wrapping_sub(1) >= self.remembered() {
                continue;
            }
            if self.told.is_none_or(|told| status.seq.wrapping_sub(told) < 0x8000) {
                self.told = Some(status.seq);
            }
            let packet = self.packet(status.seq);
            let Some(arrival_us) = status.arrival_us else {
                if packet.fate == Fate::Unknown {
                    packet.fate = Fate::Missing;
                }
                continue;
            };
            let (sent, before) = (*packet, std::mem::replace(&mut packet.fate, Fate::Arrived));
            if before != Fate::Arrived {
                arrived.push(sent.carried);
                self.goodput.add(now, usize::from(sent.bytes));
                self.heard.note(now, now_us - arrival_us);
                self.heard_latest.note(now, arrival_us - now_us);
            }
            let sent_us = now_us - sent.age_us(now_tenths);
            came.push((arrival_us, status.seq, arrival_us - sent_us));
        }
        came.sort_unstable();
        came.into_iter().for_each(|(_, seq, delay_us)| self.note_arrival(now, seq, delay_us));
        self.settle(now);
    }

    /// Packets lost in a row, on average; zero where none was.
    pub(crate) fn burst_packets(&self) -> f64 {
        self.bursts.mean()
    }

    /// How late packets come that others overtook.
    pub(crate) fn reorder(&self, now: Instant) -> Duration {
        if self.is_known(now) { Duration::from_micros(self.reorder_us.max(0.0) as u64) } else { Duration::ZERO }
    }

    /// Moves the estimate on; several times a second. Yields what the path bears, bit/s: the bound until it was too much.
    pub(crate) fn update(&mut self, now: Instant, round_trip: Option<Duration>) -> u64 {
        let stands = self.stands(now);
        if stands {
            self.stood = Some(now);
        }
        if let Some(loss) = self.loss_ratio(now).filter(|_| !self.is_congested(now)) {
            self.loss_by_chance += CHANCE_WEIGHT * (loss - self.loss_by_chance);
            self.usual_loss += USUAL_WEIGHT * (loss - self.usual_loss);
        }
        let goodput = self.borne(now);
        if stands && self.dropped.is_some_and(|(_, bps)| (self.rate.estimate() as f64) < DROPS_UNTIL * bps as f64) {
            self.dropped = None;
        }
        if let Some(Limit { bps, loss_ratio }) = self.policer.update(now, self.queued(now)) {
            self.loss_by_chance = self.loss_by_chance.min(loss_ratio);
            self.rate.update(now, Usage::Over, Some(bps), round_trip);
            return self.rate.estimate();
        }
        let usage = match stands {
            true if self.is_short(now) => Usage::Over,
            // Jitter that keeps the order holds up every packet too, and takes none.
            true => Usage::Under,
            false if self.policer.limits() => Usage::Under,
            false => Usage::Normal,
        };
        self.rate.update(now, usage, goodput, round_trip);
        self.rate.estimate()
    }

    /// What came tells what would have come but for chance, bit/s.
    fn borne(&mut self, now: Instant) -> Option<u64> {
        let came = 1.0 - self.loss_by_chance.min(CHANCE_MAX);
        self.goodput.bits_per_second(now).map(|bps| (bps as f64 / came) as u64)
    }

    /// The queue that stands has dropped lately, or is deeper than any jitter.
    fn is_short(&mut self, now: Instant) -> bool {
        if self.loss_ratio(now).is_some_and(|loss| loss > self.usual_loss + OVERFLOW) {
            let borne = self.borne(now).unwrap_or(0);
            self.dropped = Some((now, borne));
        }
        self.drops(now) || super::stands(&self.recent, &self.latest, &self.base, DEEP_US, JITTER_SHARE)
    }

    /// A queue on the path dropped lately.
    fn drops(&self, now: Instant) -> bool {
        self.dropped.is_some_and(|(at, _)| now.saturating_duration_since(at) < DROPS_FOR)
    }

    /// Every packet of late waits longer than jitter explains; on a path that is known to drop, every one of a moment.
    fn stands(&mut self, now: Instant) -> bool {
        if self.came.is_none_or(|at| now.saturating_duration_since(at) >= FRESH_FOR) {
            return false;
        }
        if !self.drops(now) {
            return super::stands(&self.recent, &self.latest, &self.base, STANDING_US, JITTER_SHARE);
        }
        let few = self.goodput.packets(now) < FEW;
        let share = if few { JITTER_SHARE_FEW } else { JITTER_SHARE_QUICK };
        super::stands(&self.quick, &self.latest, &self.base, STANDING_QUICK_US, share)
    }

    /// What was lost while no queue stood, smoothed; never more than is lost now. `None` as `loss_ratio`.
    pub(crate) fn loss_by_chance(&self, now: Instant) -> Option<f64> {
        Some(self.loss_ratio(now)?.min(self.loss_by_chance))
    }

    /// Smoothed, 0…1; late packets are not lost. `None` until known, and when that is long ago.
    pub(crate) fn loss_ratio(&self, now: Instant) -> Option<f64> {
        self.loss_ratio.filter(|_| self.is_known(now))
    }

    /// More than it bears is sent, or was until a moment ago.
    pub(crate) fn is_congested(&self, now: Instant) -> bool {
        self.queued(now) || self.is_known(now) && self.policer.limits()
    }

    /// Every packet waits on the way, or did until a moment ago.
    fn queued(&self, now: Instant) -> bool {
        self.stood.is_some_and(|at| now.saturating_duration_since(at) < CONGESTED_FOR)
    }

    /// In order of arrival. Patience rises at once and falls slowly: a late packet in a while keeps what it needs.
    fn note_arrival(&mut self, now: Instant, seq: u16, delay_us: i64) {
        self.came = Some(now);
        self.base.note(now, delay_us);
        self.recent.note(now, delay_us);
        self.quick.note(now, delay_us);
        self.latest.note(now, -delay_us);
        if self.front.is_none_or(|front| seq.wrapping_sub(front) < 0x8000) {
            self.front = Some(seq);
            self.reorder_us *= REORDER_KEPT;
        } else {
            let late_us = delay_us - self.recent.least().unwrap_or(delay_us);
            self.reorder_us = self.reorder_us.max(late_us as f64);
        }
    }

    fn is_known(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.measured) < KNOWN_FOR
    }

    fn settle(&mut self, now: Instant) {
        // Packets that came late were told of as missing before; and feedback that tells of them may be late too.
        let late_us = spread_us(&self.recent, &self.latest);
        let heard_us = spread_us(&self.heard, &self.heard_latest);
        let settled_us = late_us + SETTLE_US.max(heard_us + SETTLE_HEARD_US);
        let now_tenths = self.tenths(now);
        let (mut lost, mut all) = (0u32, 0u32);
        while self.unsettled != self.next {
            let packet = *self.packet(self.unsettled);
            let age_us = packet.age_us(now_tenths);
            // Behind a queue feedback takes longer than its packets are patient.
            let untold = self.told.is_none_or(|told| told.wrapping_sub(self.unsettled) >= 0x8000);
            if age_us < settled_us || untold && age_us < UNTOLD_US {
                break;
            }
            all += u32::from(packet.fate != Fate::Unknown);
            lost += u32::from(packet.fate == Fate::Missing);
            self.bursts.note(packet.fate);
            if packet.fate != Fate::Unknown {
                self.policer.note(packet.bytes, packet.fate == Fate::Arrived);
            }
            self.unsettled = self.unsettled.wrapping_add(1);
        }
        if all > 0 {
            self.measured = now;
            let ratio = f64::from(lost) / f64::from(all);
            let weight = (f64::from(all) / SMOOTHED_OVER).min(0.5);
            self.loss_ratio = Some(self.loss_ratio.map_or(ratio, |before| before + weight * (ratio - before)));
        }
    }

    fn packet(&mut self, seq: u16) -> &mut Sent {
        // A power of two.
        let index = usize::from(seq & (self.remembered() - 1));
        &mut self.packets[index]
    }

    /// At least one.
    fn remembered(&self) -> u16 {
        (self.packets.len() as u16).max(1)
    }

    /// Twice as many are remembered; at the bound the oldest goes.
    fn make_room(&mut self) {
        let len = self.remembered();
        if len >= REMEMBERED_MAX {
            self.unsettled = self.unsettled.wrapping_add(1);
            return;
        }
        let kept: Vec<Sent> = (0..len).map(|n| *self.packet(self.next.wrapping_sub(len - n))).collect();
        self.packets.resize(usize::from(2 * len), Sent::NONE);
        for (n, sent) in (0..).zip(kept) {
            let seq = self.next.wrapping_sub(len).wrapping_add(n);
            *self.packet(seq) = sent;
        }
    }

    fn tenths(&self, now: Instant) -> u32 {
        // Once a packet: seconds and their rest apart spare a division of 128 bits.
        let since = now.saturating_duration_since(self.started);
        let seconds = (since.as_secs() & 0xffff_ffff) as u32;
        seconds.wrapping_mul(10_000).wrapping_add(since.subsec_micros() / 100)
    }

    fn micros(&self, now: Instant) -> i64 {
        i64::try_from(now.saturating_duration_since(self.started).as_micros()).unwrap_or(i64::MAX)
    }
}

/// From the least to the latest, which is kept negated.
fn spread_us(least: &Least, latest: &Least) -> i64 {
    latest.least().zip(least.least()).map_or(0, |(latest, least)| -latest - least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::start;
    use carillon_proto::rtcp::{self, Rtcp, twcc};
    use carillon_proto::rtp::Ssrc;

    const BOUNDS: Bounds = Bounds { start: 6_000_000, min: 100_000, max: 6_000_000 };

    fn carried(n: u64) -> Carried {
        Carried { ssrc: 7, seq: n as u16 }
    }

    struct Run {
        congested: Vec<u64>,
        loss: f64,
        reorder: Duration,
        /// The estimate at the end of each tenth of a second.
        bps: Vec<u64>,
    }

    fn run(delay_us: impl Fn(u64) -> Option<i64>) -> Run {
        run_heard(delay_us, |_| 0)
    }

    /// 100 packets a second for ten seconds; each 100 ms feedback about what came meanwhile, which takes `heard_us`.
    fn run_heard(delay_us: impl Fn(u64) -> Option<i64>, heard_us: impl Fn(u64) -> i64) -> Run {
        let t = start();
        let mut path = DownlinkPath::new(t, BOUNDS);
        let (mut congested, mut arrived, mut bps) = (Vec::new(), Vec::new(), Vec::new());
        let mut told = 0;
        let mut under_way: Vec<(u64, i64)> = Vec::new();
        let mut feedback: Vec<(i64, Vec<u8>)> = Vec::new();
        for tenth in 0..100u64 {
            for n in tenth * 10..tenth * 10 + 10 {
                hear(&mut path, t, 10_000 * n as i64, &mut feedback, &mut arrived);
                assert_eq!(path.number(t + Duration::from_millis(10 * n), carried(n), 1_000), n as u16);
                under_way.extend(delay_us(n).map(|delay| (n, 10_000 * n as i64 + delay)));
            }
            let at_us = 100_000 * (tenth as i64 + 1);
            let (mut came, rest): (Vec<_>, Vec<_>) = under_way.into_iter().partition(|(_, arrival)| *arrival <= at_us);
            under_way = rest;
            came.sort_unstable();
            let mut out = Vec::new();
            while !came.is_empty() {
                told += 1;
                let taken = twcc::write(&mut out, Ssrc(1), Ssrc(2), told, &came);
                came.drain(..taken);
            }
            feedback.push((at_us + heard_us(tenth), out));
            hear(&mut path, t, at_us, &mut feedback, &mut arrived);
            bps.push(path.update(t + Duration::from_micros(at_us as u64), None));
            if path.is_congested(t + Duration::from_micros(at_us as u64)) {
                congested.push(tenth);
            }
        }
        let end = t + Duration::from_secs(10);
        let all = arrived.len();
        arrived.sort_unstable();
        arrived.dedup();
        assert_eq!(arrived.len(), all, "each is told once");
        let reorder = path.reorder(end);
        assert_eq!(path.loss_ratio(end + KNOWN_FOR), None, "what was long ago says nothing of now");
        Run { congested, loss: path.loss_ratio(end).expect("measured"), reorder, bps }
    }

    /// What has come of the feedback until `at_us`, each at its time.
    fn hear(
        path: &mut DownlinkPath,
        t: Instant,
        at_us: i64,
        feedback: &mut Vec<(i64, Vec<u8>)>,
        all: &mut Vec<Carried>,
    ) {
        feedback.sort_unstable();
        let due = feedback.partition_point(|(at, _)| *at <= at_us);
        for (at, out) in feedback.drain(..due) {
            for packet in rtcp::packets(&out) {
                let Ok(Rtcp::Twcc(told)) = packet else { panic!("{packet:?}") };
                path.handle_feedback(t + Duration::from_micros(at as u64), &told, all);
            }
        }
    }

    fn noise(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
    }

    #[test]
    fn loss_is_measured_and_is_no_queue() {
        let run = run(|n| (noise(n) % 10 < 5).then_some(20_000));
        assert!((0.35..0.65).contains(&run.loss), "{}", run.loss);
        assert!(run.congested.is_empty() && run.reorder.is_zero(), "{:?} {:?}", run.congested, run.reorder);
    }

    #[test]
    fn many_packets_a_second_are_settled_too() {
        let (t, mut loss) = (start(), Vec::new());
        let mut path = DownlinkPath::new(t, BOUNDS);
        for ms in 0..3_000u64 {
            let now = t + Duration::from_millis(ms);
            let numbers: Vec<u16> = (0..8).map(|n| path.number(now, carried(n), 1_000)).collect();
            let came: Vec<_> =
                numbers.iter().filter(|n| *n % 4 == 0).map(|n| (u64::from(*n), 1_000 * ms as i64)).collect();
            let mut out = Vec::new();
            twcc::write(&mut out, Ssrc(1), Ssrc(2), 0, &came);
            for packet in rtcp::packets(&out) {
                let Ok(Rtcp::Twcc(feedback)) = packet else { panic!("{packet:?}") };
                path.handle_feedback(now, &feedback, &mut Vec::new());
            }
            loss.extend(path.loss_ratio(now));
        }
        assert_eq!(path.packets.len(), usize::from(2 * REMEMBERED));
        assert!(loss.len() > 2_500, "{}", loss.len());
    }

    #[test]
    fn jitter_is_neither_loss_nor_a_queue() {
        let run = run(|n| Some((20_000 + noise(n) % 300_000) as i64));
        assert!(run.loss < 0.02, "{}", run.loss);
        assert!((200..=300).contains(&run.reorder.as_millis()), "{:?}", run.reorder);
        assert!(run.congested.len() <= 3, "{:?}", run.congested);
    }

    #[test]
    fn what_is_told_of_late_is_not_lost() {
        let jitter = |n| (noise(n) % 300_000) as i64;
        let run = run_heard(|n| Some(20_000 + jitter(n)), |tenth| 20_000 + jitter(1_000 + tenth));
        assert!(run.loss < 0.02, "{}", run.loss);
    }

    #[test]
    fn a_queue_that_fills_and_drains_is_seen() {
        let full = |n| (300..600).contains(&n);
        let run = run(|n| (!full(n) || n % 5 > 0).then_some(if full(n) { 200_000 } else { 20_000 }));
        let seen = |tenth| run.congested.contains(&tenth);
        assert!(seen(45) && !seen(20) && !seen(85), "{:?}", run.congested);
        // 640 kbit/s go through.
        assert_eq!(run.bps[25], BOUNDS.max);
        assert!((200_000..900_000).contains(&run.bps[60]) && run.bps[99] > run.bps[70], "{:?}", run.bps);
    }

    /// Three seconds of a full queue, then jitter of 300 ms; of every packet, or of every second one, so that as few come as of
    /// sound alone.
    #[test]
    fn jitter_after_a_drop_is_seldom_a_queue() {
        for each in [1, 2] {
            let full = |n| (100..400).contains(&n);
            let delay = |n: u64| 20_000 + if full(n) { 180_000 } else { noise(n) % 300_000 } as i64;
            let run = run(|n| (n % each == 0 && (!full(n) || n % 5 > 0)).then_some(delay(n)));
            let late = run.congested.iter().filter(|tenth| **tenth >= 65).count();
            assert!(run.congested.contains(&35) && late <= 10, "{each}: {:?}", run.congested);
        }
    }

    #[test]
    fn a_path_that_holds_up_all_and_drops_nothing_is_not_narrow() {
        let run = run(|n| Some(if n < 300 { 20_000 } else { 200_000 }));
        assert!(run.bps[40..].iter().all(|bps| *bps == BOUNDS.max), "{:?}", run.bps);
    }
}
