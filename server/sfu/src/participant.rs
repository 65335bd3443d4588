//! One user in one room, and the connection that carries its media.

use crate::bandwidth::{Bounds, DownlinkPath, Least, Throughput, Told, UplinkEstimate, picture_share};
use crate::context::Context;
use crate::egress::{Outlet, Used};
use crate::ingress::Inbound;
use crate::recovery::copies::Copies;
use crate::recovery::plan::{self, Downlink, SendPlan};
use crate::recovery::rtx::RepairBudget;
use crate::transport::{ExtensionIds, Transport};
use crate::{DropReason, ParticipantId, Privileges};
use carillon_proto::gateway::TrackName;
use carillon_proto::rtcp::{CompactNtp, NtpTime, receiver_report, sdes};
use carillon_proto::rtp::Ssrc;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// RTP streams one connection may send: each section's layers with their repair streams.
const STREAMS_MAX: usize = 64;
/// Streams remembered after their section stopped. A client that stops and starts sections more often gets SSRCs drawn
/// anew, which meet a forgotten one as seldom as any other.
const USED_MAX: usize = 1_000;
/// From one plan for a subscriber to the next.
const PLAN_INTERVAL: Duration = Duration::from_millis(100);
/// A subscriber's path is taken to bear this much until a queue shows on it.
const DOWNLINK_MAX_BPS: u64 = 100_000_000;
/// Of a viewer's path, for sound; and what is left for pictures at least.
const SOUND_BPS: u64 = 60_000;
const PICTURES_MIN_BPS: u64 = 60_000;
/// What each picture gets at least: browsers send no less (libwebrtc's kDefaultMinVideoBitrateBps).
const PICTURE_MIN_BPS: u64 = 30_000;
/// The shortest round trip is that of this time, the recent one of this.
const SHORTEST_WINDOW: Duration = Duration::from_secs(30);
const RECENT_WINDOW: Duration = Duration::from_secs(2);
/// Beyond the shortest by this much, each recent round trip waited in a queue.
const ROUND_TRIP_STANDING_US: i64 = 80_000;
/// Share of what a path bears that all together get; while a queue stands on it, which is to drain; and what pictures of
/// feeds get at least, bit/s.
const PACED: f64 = 0.9;
const PACED_CONGESTED: f64 = 0.7;
const PACED_MIN_BPS: f64 = 50_000.0;
/// A path that bears this much more than a feed brings bears its keyframes.
const FED_SPARE: f64 = 1.2;
/// Pictures that were left out are told for this time: longer than usual between keyframes.
const SHORT_FOR: Duration = Duration::from_secs(5);
/// The canonical name of a participant that this server sends no media to.
pub(crate) const CNAME: &str = "carillon";

#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) id: ParticipantId,
    pub(crate) privileges: Privileges,
    pub(crate) connection: Option<Box<Connection>>,
    /// Tracks whose frames come by another wire.
    pub(crate) fed: Vec<TrackName>,
}

/// A transport with what was negotiated over it and what is known of its path.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) transport: Transport,
    /// ICE and DTLS are done.
    pub(crate) connected: bool,
    /// Nothing was heard for too long; it may come back.
    pub(crate) lost: bool,
    /// Sections in which the client sends.
    pub(crate) inbound: Vec<Inbound>,
    /// Of all sections: the same id means the same in each.
    pub(crate) extensions: ExtensionIds,
    /// Which section (index into `inbound`) each SSRC was found to belong to.
    streams: Vec<(u32, u8)>,
    /// Subscriptions by the SSRC that they send: keys into the room's.
    pub(crate) outgoing: BTreeMap<u32, u32>,
    /// Streams that were sent before, by SSRC: their sections may come to life again.
    used: BTreeMap<u32, Used>,
    /// The room fills its receiving sections (WHEP): from one publisher or from all.
    pub(crate) automatic: Option<Option<ParticipantId>>,
    pub(crate) uplink: UplinkEstimate,
    pub(crate) uplink_updated: Option<Instant>,
    /// By the last REMB.
    pub(crate) told: Told,
    /// Smoothed.
    pub(crate) round_trip: Option<Duration>,
    /// The shortest of late, microseconds: without what jitter adds.
    shortest: Least,
    recent_round_trip: Least,
    /// What the client's transport-cc feedback says of the downlink.
    pub(crate) downlink: DownlinkPath,
    /// How it is sent to, and when that was decided.
    pub(crate) plan: SendPlan,
    planned: Option<Instant>,
    /// What its path bears, bit/s, and what of that each picture may take: the most there is until a queue showed.
    pub(crate) downlink_bps: u64,
    pub(crate) picture_bps: u64,
    /// What is sent on it for the first time.
    media: Throughput,
    /// The same of pictures of feeds alone, whose publishers cannot be asked for less.
    fed: Throughput,
    /// Bytes per second for each fed picture track, where the path bears less than those bring; when pictures were left
    /// out for that last.
    pace: Option<f64>,
    short: Option<Instant>,
    /// Packets that leave again unasked.
    pub(crate) copies: Copies,
    budget: RepairBudget,
    /// The SSRC of this server's own RTCP on this connection.
    pub(crate) ssrc: u32,
    /// The client's wall clock against this server's.
    pub(crate) clock: PeerClock,
    /// The client's last receiver reference time (RFC 3611 section 4.4): its SSRC, its clock, when it came.
    pub(crate) reference: Option<(Ssrc, CompactNtp, Instant)>,
}

impl Participant {
    pub(crate) fn new(id: ParticipantId, privileges: Privileges) -> Self {
        Self { id, privileges, connection: None, fed: Vec::new() }
    }

    pub(crate) fn may_send(&self, track: TrackName) -> bool {
        match track {
            TrackName::Microphone => self.privileges.send_audio,
            TrackName::Camera => self.privileges.send_video,
            TrackName::Screen | TrackName::ScreenAudio => self.privileges.send_screen,
        }
    }

    pub(crate) fn may_receive(&self, track: TrackName) -> bool {
        match track {
            TrackName::Microphone => self.privileges.receive_audio,
            TrackName::Camera => self.privileges.receive_video,
            TrackName::Screen | TrackName::ScreenAudio => self.privileges.receive_screen,
        }
    }
}

impl Connection {
    pub(crate) fn new(transport: Transport, context: &mut Context) -> Self {
        let config = &context.config;
        let bounds = Bounds { start: config.uplink_start_bps, min: config.uplink_min_bps, max: config.uplink_max_bps };
        Self {
            transport,
            connected: false,
            lost: false,
            inbound: Vec::new(),
            extensions: ExtensionIds::default(),
            streams: Vec::new(),
            outgoing: BTreeMap::new(),
            used: BTreeMap::new(),
            automatic: None,
            uplink: UplinkEstimate::new(context.now, bounds),
            uplink_updated: None,
            told: Told::default(),
            round_trip: None,
            shortest: Least::new(context.now, SHORTEST_WINDOW),
            recent_round_trip: Least::new(context.now, RECENT_WINDOW),
            downlink: DownlinkPath::new(
                context.now,
                Bounds { start: DOWNLINK_MAX_BPS, max: DOWNLINK_MAX_BPS, ..bounds },
            ),
            plan: SendPlan::CALM,
            planned: None,
            downlink_bps: DOWNLINK_MAX_BPS,
            picture_bps: u64::MAX,
            media: Throughput::default(),
            fed: Throughput::default(),
            pace: None,
            short: None,
            copies: Copies::default(),
            budget: RepairBudget::default(),
            ssrc: context.random.next_u32(),
            clock: PeerClock::default(),
            reference: None,
        }
    }

    /// The section that a stream belongs to: announced by SSRC, else named by the mid extension, else the only one with
    /// that payload type. What was found once holds until the next offer.
    pub(crate) fn section_of(&mut self, ssrc: u32, mid: Option<&str>, pt: u8) -> Result<usize, DropReason> {
        if let Some(&(_, section)) = self.streams.iter().find(|(known, _)| *known == ssrc) {
            return Ok(usize::from(section));
        }
        let found = self.find_section(ssrc, mid, pt).ok_or(DropReason::UnknownSsrc)?;
        if self.streams.len() == STREAMS_MAX {
            return Err(DropReason::Limit);
        }
        self.streams.push((ssrc, found as u8));
        Ok(found)
    }

    /// Takes the sections of a new offer.
    pub(crate) fn set_inbound(&mut self, inbound: Vec<Inbound>, extensions: ExtensionIds) {
        self.inbound = inbound;
        self.extensions = extensions;
        self.streams.clear();
    }

    /// Notes where a stream ended that was sent here.
    pub(crate) fn remember(&mut self, ssrc: u32, used: Used) {
        self.used.insert(ssrc, used);
        if self.used.len() > USED_MAX {
            self.used.pop_first();
        }
    }

    /// Where a stream that was sent here before goes on.
    pub(crate) fn used(&self, ssrc: u32) -> Option<Used> {
        self.used.get(&ssrc).copied()
    }

    /// See `room::ahead`.
    pub(crate) fn read_ahead(&self) -> u64 {
        let streams = self.media.read_ahead() ^ self.budget.read_ahead() ^ self.downlink.read_ahead();
        let waits = self.copies.next_due().is_some() || self.short.is_some() || self.pace.is_some();
        let plan = self.plan.hold.subsec_nanos() ^ u32::from(self.plan.red.depth);
        self.transport.read_ahead() ^ streams ^ u64::from(plan ^ u32::from(waits || self.lost))
    }

    /// The way out, once there is one.
    pub(crate) fn outlet<'a>(&'a mut self, context: &'a mut Context) -> Option<Outlet<'a>> {
        // RFC 7675 section 5.1: nothing goes to one who has not been heard for the consent time.
        if !self.connected || self.lost {
            return None;
        }
        let shortest_round_trip = self.shortest_round_trip();
        Some(Outlet {
            now: context.now,
            sent: context.abs_send_time(),
            path: self.transport.path()?,
            transport: &mut self.transport,
            downlink: &mut self.downlink,
            copies: &mut self.copies,
            media: &mut self.media,
            plan: self.plan,
            fed: &mut self.fed,
            pace: self.pace,
            short: &mut self.short,
            round_trip: self.round_trip,
            shortest_round_trip,
            budget: &mut self.budget,
            repair_ratio: plan::repair_ratio(self.plan, context.config.repair_ratio_max),
            egress: &mut context.egress,
            stats: &mut context.stats,
        })
    }

    /// Sends one compound that opens with an empty receiver report and this server's name (RFC 3550 section 6.1).
    pub(crate) fn send_feedback(&mut self, context: &mut Context, write: impl FnOnce(&mut Vec<u8>, Ssrc)) {
        let ssrc = Ssrc(self.ssrc);
        self.send_rtcp(context, |out| {
            receiver_report::write(out, ssrc, &[]);
            sdes::write_cname(out, ssrc, CNAME);
            write(out, ssrc);
        });
    }

    /// Sends one compound as `write` makes it; nothing where there is no way out yet.
    pub(crate) fn send_rtcp(&mut self, context: &mut Context, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(path) = self.transport.path().filter(|_| self.connected && !self.lost) else { return };
        let transport = &mut self.transport;
        let sent = context.egress.try_push(path, |out| {
            let start = out.len();
            write(out);
            out.len() > start && transport.protect_rtcp(out, start).is_ok()
        });
        context.stats.rtcp_packets_out += u64::from(sent);
    }

    /// Whether a plan is due.
    pub(crate) fn plan_due(&self, now: Instant) -> bool {
        self.planned.is_none_or(|at| now.saturating_duration_since(at) >= PLAN_INTERVAL)
    }

    /// Plans anew how packets leave. `reported`: the worst that receiver reports say of audio and of video.
    pub(crate) fn make_plan(&mut self, now: Instant, reported: [f64; 2]) {
        self.planned = Some(now);
        // Where no feedback tells how packets come, a round trip that grew tells of a queue.
        let slow = self
            .recent_round_trip
            .least()
            .zip(self.shortest.least())
            .is_some_and(|(recent, shortest)| recent - shortest > ROUND_TRIP_STANDING_US);
        self.downlink_bps = self.downlink.update(now, self.round_trip);
        let loss_ratio = self.downlink.loss_by_chance(now);
        let congested = self.downlink.is_congested(now) || loss_ratio.is_none() && slow;
        self.plan = plan::send_plan(Downlink {
            loss_ratio,
            burst_packets: self.downlink.burst_packets(),
            reported,
            round_trip: self.shortest_round_trip(),
            usual_round_trip: self.round_trip,
            reorder: self.downlink.reorder(now),
            congested,
            spare: self.downlink_bps as f64 / self.media.bits_per_second(now).unwrap_or(0).max(1) as f64,
        });
        if congested {
            self.budget.limit(plan::REPAIR_CONGESTED_BYTES);
        }
    }

    /// What each publisher of pictures that bring so much is asked to send at most. After `make_plan`.
    pub(crate) fn share_among(&mut self, pictures: Vec<u64>) {
        let bears = (self.downlink_bps as f64 * plan::media_share(self.plan)) as u64;
        let each = picture_share(bears.saturating_sub(SOUND_BPS).max(PICTURES_MIN_BPS), pictures);
        self.picture_bps = if self.downlink_bps < DOWNLINK_MAX_BPS { each.max(PICTURE_MIN_BPS) } else { u64::MAX };
    }

    /// Fits pictures of feeds to the path: so many tracks that bring so many bits per second together. After `make_plan`.
    pub(crate) fn pace_feeds(&mut self, now: Instant, tracks: usize, bps: u64) {
        // What else leaves: sound, and what adapts itself.
        let sent = |throughput: &mut Throughput| throughput.bits_per_second(now).unwrap_or(0);
        let rest = sent(&mut self.media).saturating_sub(sent(&mut self.fed));
        let share = if self.downlink.is_congested(now) { PACED_CONGESTED } else { PACED };
        let bears = (share * self.downlink_bps as f64 - rest as f64).max(PACED_MIN_BPS);
        let short = tracks > 0 && bears < FED_SPARE * bps as f64;
        self.pace = short.then(|| bears / 8.0 / tracks as f64);
    }

    /// Pictures are left out, as the path does not bear them.
    pub(crate) fn is_short(&self, now: Instant) -> bool {
        self.short.is_some_and(|at| now.saturating_duration_since(at) < SHORT_FOR)
    }

    /// One measurement of the round trip.
    pub(crate) fn note_round_trip(&mut self, now: Instant, measured: Duration) {
        self.recent_round_trip.note(now, i64::try_from(measured.as_micros()).unwrap_or(i64::MAX));
        self.shortest.note(now, i64::try_from(measured.as_micros()).unwrap_or(i64::MAX));
        self.round_trip = Some(self.round_trip.map_or(measured, |before| (before * 7 + measured) / 8));
    }

    /// Without what jitter adds.
    pub(crate) fn shortest_round_trip(&self) -> Option<Duration> {
        Some(Duration::from_micros(u64::try_from(self.shortest.least()?).unwrap_or(0)))
    }

    /// A repair came this long after it was asked for: the round trip is no longer than that.
    pub(crate) fn note_round_trip_bound(&mut self, now: Instant, bound: Duration) {
        if self.round_trip.is_none_or(|before| bound < before) {
            self.note_round_trip(now, bound);
        }
    }

    fn find_section(&self, ssrc: u32, mid: Option<&str>, pt: u8) -> Option<usize> {
        let announced = self.inbound.iter().position(|section| section.announces(ssrc));
        let named = || mid.and_then(|mid| self.inbound.iter().position(|section| section.mid == mid));
        announced.or_else(named).or_else(|| {
            let mut with_pt = self.inbound.iter().enumerate().filter(|(_, section)| section.payload(pt).is_some());
            let only = with_pt.next().filter(|_| mid.is_none())?;
            with_pt.next().is_none().then_some(only.0)
        })
    }
}

/// Maps a client's NTP clock, whatever it shows, to this server's. One mapping for all tracks of a client keeps them in
/// sync with each other.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PeerClock {
    /// Seconds to add to the client's clock.
    offset: Option<f64>,
    /// The same as the fastest media tells it.
    media: Option<Fastest>,
}

/// The least of what was seen in this window and the one before.
#[derive(Debug, Clone, Copy)]
struct Fastest {
    since: Duration,
    now: f64,
    before: f64,
}

/// Clocks of 200 ppm apart drift by 2 ms meanwhile.
const FASTEST_WITHIN: Duration = Duration::from_secs(10);

impl PeerClock {
    /// A report that says `ntp` came at `unix`: the fastest of many says what the offset is, drift is followed slowly.
    pub(crate) fn note(&mut self, ntp: NtpTime, unix: Duration) {
        let seen = unix.as_secs_f64() - ntp.to_unix().as_secs_f64();
        if self.offset.is_some_and(|offset| (seen - offset).abs() > 1.0) {
            self.media = None;
        }
        self.offset = Some(match self.offset {
            Some(offset) if seen > offset && seen - offset < 1.0 => offset + (seen - offset) / 64.0,
            Some(_) | None => seen,
        });
    }

    /// What was captured at the client's moment `ntp` plus `seconds` came at `unix`: media says many times a second what
    /// reports say once.
    pub(crate) fn note_media(&mut self, ntp: NtpTime, seconds: f64, unix: Duration) {
        let seen = unix.as_secs_f64() - ntp.to_unix().as_secs_f64() - seconds;
        let fastest = self.media.get_or_insert(Fastest { since: unix, now: seen, before: seen });
        if unix.saturating_sub(fastest.since) > FASTEST_WITHIN {
            *fastest = Fastest { since: unix, now: seen, before: fastest.now };
        }
        fastest.now = fastest.now.min(seen);
    }

    /// As `seconds_since`, by media too.
    pub(crate) fn seconds_since_by_media(&self, ntp: NtpTime, unix: Duration) -> Option<f64> {
        let fastest = self.media.map_or(f64::INFINITY, |media| media.now.min(media.before));
        Some(unix.as_secs_f64() - ntp.to_unix().as_secs_f64() - self.offset?.min(fastest))
    }

    /// Seconds from the client's moment `ntp` to `unix`, this server's time since 1970; negative where `ntp` lies later.
    pub(crate) fn seconds_since(&self, ntp: NtpTime, unix: Duration) -> Option<f64> {
        Some(unix.as_secs_f64() - ntp.to_unix().as_secs_f64() - self.offset?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_report_decides_a_clients_clock() {
        let mut clock = PeerClock::default();
        let ntp = |s: f64| NtpTime::from_unix(Duration::from_secs_f64(s));
        assert_eq!(clock.seconds_since(ntp(5.0), Duration::from_secs(100)), None);
        for (said, came) in [(5.0, 100.08), (6.0, 101.02), (7.0, 102.05), (8.0, 103.09)] {
            clock.note(ntp(said), Duration::from_secs_f64(came));
        }
        let since = clock.seconds_since(ntp(8.0), Duration::from_secs_f64(104.02)).expect("noted");
        assert!((since - 1.0).abs() < 0.005, "{since}");
    }

    #[test]
    fn a_clock_that_jumped_is_followed_at_once() {
        let mut clock = PeerClock::default();
        clock.note(NtpTime::from_unix(Duration::from_secs(50)), Duration::from_secs(100));
        clock.note(NtpTime::from_unix(Duration::from_secs(11)), Duration::from_secs(101));
        let since = clock.seconds_since(NtpTime::from_unix(Duration::from_secs(11)), Duration::from_secs(101));
        assert!(since.is_some_and(|s| s.abs() < 1e-6));
    }
}
