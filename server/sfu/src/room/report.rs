//! What is due by time: asking again, reports, loudness, quality.

use super::Room;
use crate::context::{Context, Timer};
use crate::egress::Subscription;
use crate::ingress::{PathState, Publication};
use crate::participant::{Connection, Participant};
use crate::quality::{self, Path};
use crate::recovery::copies::Due;
use crate::recovery::plan;
use crate::slab::Slab;
use crate::transport::Kind;
use crate::{DownlinkFigures, Event, ParticipantId, Quality, UplinkFigures};
use carillon_proto::rtcp::sender_report::SenderInfo;
use carillon_proto::rtcp::xr::Dlrr;
use carillon_proto::rtcp::{self, CompactNtp, ReportBlock};
use carillon_proto::rtp::{RtpTime, SeqExt, Ssrc};
use std::time::{Duration, Instant};

/// Sender reports in one compound: with a name of 40 bytes each they fit 1,200.
const SENDER_REPORTS_MAX: usize = 10;
/// Blocks in one receiver report (RFC 3550 section 6.4.2).
const BLOCKS_MAX: usize = 31;

impl Room {
    /// Asks a publisher for what is missing of its streams.
    pub(crate) fn handle_nack_timeout(&mut self, context: &mut Context, id: ParticipantId) {
        let Some(&member) = self.by_id.get(&id) else { return };
        let Some(participant) = self.members.get_mut(member) else { return };
        let Some(connection) = participant.connection.as_mut() else { return };
        let path = path_state(connection, &self.publications, context.now);
        let mut next: Option<Instant> = None;
        let mut unrepairable = Vec::new();
        let keys: Vec<u32> = connection.inbound.iter().map(|section| section.publication).collect();
        for key in keys {
            let Some(publication) = self.publications.get_mut(key) else { continue };
            publication.plan_for(path);
            let mut ask: Vec<SeqExt> = Vec::new();
            let (copies, lost) = publication.poll_nack(context.now, &mut ask);
            context.stats.lost_in += lost;
            if lost > 0 {
                unrepairable.push(key);
            }
            if let (Some(media), false) = (publication.active_ssrc(), ask.is_empty()) {
                context.stats.nacks_out += ask.len() as u64;
                send_nacks(context, connection, Ssrc(media), &ask, copies);
            }
            next = earlier(next, publication.nack_due());
        }
        context.timers.set(Timer::Nack(id), next);
        unrepairable.into_iter().for_each(|key| self.want_keyframe(context, key));
    }

    /// Brings on what waited until its time.
    pub(crate) fn handle_release_timeout(&mut self, context: &mut Context, id: ParticipantId) {
        let mut next: Option<Instant> = None;
        for key in self.tracks_of(id) {
            let Some(publication) = self.publications.get_mut(key) else { continue };
            let released = publication.release(context.now);
            next = earlier(next, publication.release_due());
            if released {
                self.enqueue(context, key);
            }
        }
        context.timers.set(Timer::Release(id), next);
    }

    /// Sends to a subscriber what is to leave again.
    pub(crate) fn handle_copies_timeout(&mut self, context: &mut Context, id: ParticipantId) {
        let Some(&member) = self.by_id.get(&id) else { return };
        let Some(connection) = self.members.get_mut(member).and_then(|m| m.connection.as_mut()) else { return };
        while let Some(copy) = connection.copies.take_due(context.now) {
            let Some(key) = connection.outgoing.get(&copy.ssrc) else { continue };
            let Some(subscription) = self.subscriptions.get_mut(*key) else { continue };
            let Some(publication) = subscription.publication.and_then(|p| self.publications.get(p)) else { continue };
            let Some(mut outlet) = connection.outlet(context) else {
                connection.copies.clear();
                break;
            };
            match copy.due {
                Due::Copy { .. } => subscription.copy(publication, copy.source, copy.out, &mut outlet),
                // Who asks no more has it.
                Due::Answer { asked } if outlet.now > asked + plan::asked_within(outlet.round_trip) => {
                    outlet.stats.repairs_spared += 1;
                }
                Due::Answer { .. } => {
                    let answered = subscription.answer(publication, copy.source, copy.out, &mut outlet);
                    if let Err(reason) = answered {
                        outlet.stats.count_drop(reason);
                    }
                }
            }
        }
        context.timers.set(Timer::Copies(id), connection.copies.next_due());
    }

    pub(crate) fn handle_keyframe_timeout(&mut self, context: &mut Context, id: ParticipantId) {
        let Some(&member) = self.by_id.get(&id) else { return };
        let Some(participant) = self.members.get_mut(member) else { return };
        let Some(connection) = participant.connection.as_mut() else { return };
        let mut next = None;
        let sections: Vec<(u32, bool)> =
            connection.inbound.iter().map(|section| (section.publication, section.takes_fir_only())).collect();
        for (key, fir_only) in sections {
            let Some(publication) = self.publications.get_mut(key) else { continue };
            // Before its first packet there is nobody to ask, and the first is a keyframe.
            let Some(media) = publication.active_ssrc().map(Ssrc) else { continue };
            if publication.keyframes.poll(context.now) {
                let number = publication.keyframes.count();
                context.stats.keyframes_requested += 1;
                connection.send_feedback(context, |out, ssrc| {
                    if fir_only {
                        rtcp::fir::write(out, ssrc, media, number);
                    } else {
                        rtcp::pli::write(out, ssrc, media);
                    }
                });
            }
            next = earlier(next, publication.keyframes.next_due(context.now));
        }
        context.timers.set(Timer::Keyframe(id), next);
    }

    /// Receiver reports, the estimate and a reference time to a publisher; sender reports to a subscriber.
    pub(crate) fn handle_report_timeout(&mut self, context: &mut Context, id: ParticipantId) {
        let Some(&member) = self.by_id.get(&id) else { return };
        if !self.connection_mut(member).is_some_and(|c| c.connected) {
            return;
        }
        let interval = self.send_receiver_report(context, member);
        self.send_remb(context, member);
        self.send_sender_reports(context, member);
        context.timers.set(Timer::Report(id), Some(context.now + interval));
    }

    pub(crate) fn handle_volumes_timeout(&mut self, context: &mut Context) {
        if let Some(told) = self.speakers.tick(context.now) {
            context.event(Event::Volumes { room: self.key, volumes: told.volumes, speaker: told.speaker });
        }
        if self.speakers.is_active() {
            let due = context.now + context.config.volume_interval();
            context.timers.set(Timer::Volumes(self.key), Some(due));
        }
    }

    pub(crate) fn handle_quality_timeout(&mut self, context: &mut Context) {
        let users: Vec<_> = self
            .members
            .iter()
            .filter_map(|(_, member)| Some((member.id, self.quality_of(member, context.now)?)))
            .collect();
        if users.is_empty() {
            return;
        }
        context.event(Event::Quality { room: self.key, users });
        context.timers.set(Timer::Quality(self.key), Some(context.now + context.config.quality_interval()));
    }

    /// Yields the time to the next one.
    fn send_receiver_report(&mut self, context: &mut Context, member: u32) -> Duration {
        let calm = context.config.report_interval();
        let Some(connection) = self.members.get_mut(member).and_then(|m| m.connection.as_mut()) else { return calm };
        let path = path_state(connection, &self.publications, context.now);
        // Answers to its reference time get lost as media does.
        let mut interval = if connection.plan.delay_more.is_zero() { calm } else { calm.min(plan::REPORT_INTERVAL) };
        let mut blocks: Vec<ReportBlock> = Vec::new();
        for section in &connection.inbound {
            if let Some(publication) = self.publications.get_mut(section.publication) {
                let plan = plan::report_plan(publication.kind, publication.loss(path), calm);
                interval = interval.min(plan.interval);
                publication.report(context.now, path, plan, &mut blocks);
            }
        }
        blocks.truncate(BLOCKS_MAX);
        self.write_receiver_report(context, member, &blocks);
        interval
    }

    fn write_receiver_report(&mut self, context: &mut Context, member: u32, blocks: &[ReportBlock]) {
        let Some(connection) = self.connection_mut(member) else { return };
        let answer = connection.reference.map(|(receiver, last_report, came)| Dlrr {
            receiver,
            last_report,
            delay: CompactNtp::span(context.now.saturating_duration_since(came) + connection.plan.delay_more),
        });
        if connection.plan.delay_more.is_zero() {
            connection.reference = None;
        }
        if blocks.is_empty() && answer.is_none() {
            return;
        }
        let ntp = context.ntp();
        let asks = connection.inbound.iter().any(|section| section.receiver_rtt);
        let ssrc = Ssrc(connection.ssrc);
        connection.send_rtcp(context, |out| {
            rtcp::receiver_report::write(out, ssrc, blocks);
            rtcp::sdes::write_cname(out, ssrc, crate::participant::CNAME);
            if asks {
                rtcp::xr::write_reference_time(out, ssrc, ntp);
            }
            rtcp::xr::write_dlrr(out, ssrc, answer.as_slice());
        });
    }

    fn send_sender_reports(&mut self, context: &mut Context, member: u32) {
        let keys: Vec<u32> = match self.connection_mut(member) {
            Some(connection) => connection.outgoing.values().copied().collect(),
            None => return,
        };
        let mut infos: Vec<(SenderInfo, String)> = Vec::new();
        for key in keys {
            infos.extend(self.sender_info(context, key));
        }
        let Some(connection) = self.connection_mut(member) else { return };
        for chunk in infos.chunks(SENDER_REPORTS_MAX) {
            connection.send_rtcp(context, |out| {
                chunk.iter().for_each(|(info, _)| rtcp::sender_report::write(out, info, &[]));
                chunk.iter().for_each(|(info, cname)| rtcp::sdes::write_cname(out, info.ssrc, cname));
            });
        }
    }

    /// A sender report from our own counts, on this server's clock, with the publisher's media clock mapped to it.
    fn sender_info(&mut self, context: &Context, key: u32) -> Option<(SenderInfo, String)> {
        let subscription = self.subscriptions.get_mut(key)?;
        let publication = self.publications.get(subscription.publication?)?;
        let media = match &publication.feed {
            // Frames carry this server's time: all feeds of a publisher lie on one line.
            Some(feed) => feed.time_at(context.now),
            None => {
                let clock = publication.clock()?;
                let owner = self.members.get(*self.by_id.get(&publication.owner)?)?;
                let since = owner.connection.as_ref()?.clock.seconds_since(clock.ntp, context.unix())?;
                // Players compare when the newest of sound and of pictures came with when they were captured, and take the
                // mean for both paths' delay (libwebrtc, stream_synchronization.cc): what was evened out of one is missing.
                media_clock(clock.rtp_time, since + publication.evened().as_secs_f64(), subscription.clock_hz())
            }
        };
        let info = subscription.sender_info(context.ntp(), media)?;
        Some((info, subscription.stream().cname.clone()))
    }

    fn quality_of(&self, member: &Participant, now: Instant) -> Option<Quality> {
        let connection = member.connection.as_ref().filter(|c| c.connected)?;
        let alive = !connection.lost;
        let round_trip = connection.round_trip;
        let (loss_ratio, jitter) = self.uplink_of(connection, now);
        let up = Path { loss_ratio, round_trip, jitter, alive };
        let (loss_ratio, jitter) = self.downlink_of(connection, now);
        let down = Path { loss_ratio, round_trip, jitter, alive };
        let downlink = quality::grade(down);
        Some(Quality {
            uplink: quality::grade(up),
            downlink: if connection.is_short(now) { downlink.max(quality::SHORT) } else { downlink },
            up: self.uplink_figures(connection, now, up),
            down: self.downlink_figures(connection, down),
        })
    }

    /// What was measured and chosen; of several tracks the worst loss, and the plan of the most eager one.
    fn uplink_figures(&self, connection: &Connection, now: Instant, path: Path) -> UplinkFigures {
        let publications = connection.inbound.iter().filter_map(|section| self.publications.get(section.publication));
        let on: Vec<&Publication> = publications.filter(|p| p.is_on(now)).collect();
        UplinkFigures {
            loss_percent: quality::percent(path.loss_ratio.unwrap_or(0.0)),
            burst_packets: on.iter().map(|p| p.burst_packets()).fold(0.0, f64::max).round() as u16,
            round_trip_ms: path.round_trip.map_or(0, quality::millis),
            jitter_ms: quality::millis(path.jitter),
            kbps: kbps(connection.told.bps),
            nack_interval_ms: on.iter().map(|p| p.nack_plan().interval).min().map_or(0, quality::millis),
            nack_copies: on.iter().map(|p| p.nack_plan().copies).max().unwrap_or(0),
            sound_held_ms: on.iter().map(|p| p.held()).max().map_or(0, quality::millis),
            congested: connection.uplink.is_congested(now),
        }
    }

    fn downlink_figures(&self, connection: &Connection, path: Path) -> DownlinkFigures {
        let plan = connection.plan;
        let subscriptions = connection.outgoing.values().filter_map(|key| self.subscriptions.get(*key));
        let reds = subscriptions.clone().filter(|s| s.kind == Kind::Audio).any(Subscription::takes_red);
        let (audio, red_depth) = if reds { (plan.red.copies, plan.red.depth) } else { (plan.audio, 0) };
        let video = subscriptions.filter(|s| s.kind == Kind::Video).filter_map(|s| s.publication);
        let lateness = video.filter_map(|key| self.publications.get(key)).map(Publication::lateness);
        let playout_delay = lateness.map(|late| plan::playout_delay(late, plan.repair_time)).max();
        DownlinkFigures {
            loss_percent: quality::percent(path.loss_ratio.unwrap_or(0.0)),
            burst_packets: connection.downlink.burst_packets().round() as u16,
            round_trip_ms: path.round_trip.map_or(0, quality::millis),
            jitter_ms: quality::millis(path.jitter),
            kbps: kbps(connection.downlink_bps),
            video_copies: plan.video.count,
            audio_copies: audio.count,
            red_depth,
            playout_delay_ms: playout_delay.map_or(0, quality::millis),
            congested: plan.congested,
        }
    }

    /// Of either way of a connection, 0…1.
    pub(super) fn worst_loss(&self, now: Instant, member: u32) -> f64 {
        let connection = self.members.get(member).and_then(|m| m.connection.as_deref());
        let both = connection.map(|c| worse(self.uplink_of(c, now).0, self.downlink_of(c, now).0));
        both.flatten().unwrap_or(0.0)
    }

    /// The worst of what the participant sends.
    fn uplink_of(&self, connection: &Connection, now: Instant) -> (Option<f64>, Duration) {
        let publications = connection.inbound.iter().filter_map(|section| self.publications.get(section.publication));
        publications
            .filter(|p| p.is_on(now))
            .fold((None, Duration::ZERO), |(loss, jitter), p| (worse(loss, p.loss_ratio()), jitter.max(p.jitter())))
    }

    /// The worst of what it reports about what it gets.
    fn downlink_of(&self, connection: &Connection, now: Instant) -> (Option<f64>, Duration) {
        let remotes = connection.outgoing.values().filter_map(|key| self.subscriptions.get(*key)).map(|s| s.remote());
        remotes.fold((connection.downlink.loss_ratio(now), Duration::ZERO), |(loss, jitter), remote| {
            (worse(loss, remote.loss_ratio), jitter.max(remote.jitter))
        })
    }
}

/// What the publications of one participant together say of its uplink.
pub(super) fn path_state(connection: &Connection, publications: &Slab<Publication>, now: Instant) -> PathState {
    let on = || {
        let publications = connection.inbound.iter().filter_map(|section| publications.get(section.publication));
        publications.filter(move |p| p.is_on(now))
    };
    let video = || on().filter(|p| p.kind == Kind::Video);
    PathState {
        round_trip: connection.round_trip,
        video_loss: video().filter_map(Publication::loss_ratio).fold(None, |most, loss| worse(most, Some(loss))),
        reorder: video().map(Publication::reorder).max().unwrap_or_default(),
        loss_by_chance: connection.uplink.loss_by_chance(),
        congested: connection.uplink.is_congested(now),
    }
}

/// Each copy in a datagram of its own: they are to be lost apart from each other.
fn send_nacks(context: &mut Context, connection: &mut Connection, media: Ssrc, ask: &[SeqExt], copies: u8) {
    let seqs: Vec<_> = ask.iter().map(|seq| seq.seq()).collect();
    let mut rest = &seqs[..];
    while !rest.is_empty() {
        let mut taken = 0;
        for _ in 0..copies.max(1) {
            connection.send_feedback(context, |out, ssrc| taken = rtcp::nack::write(out, ssrc, media, rest));
        }
        // Where nothing could leave, the numbers stay missing and are asked for at their next time.
        if taken == 0 {
            return;
        }
        rest = &rest[taken..];
    }
}

/// The media clock `seconds` after it read `reading`; before it where negative.
fn media_clock(reading: RtpTime, seconds: f64, clock_hz: u32) -> RtpTime {
    let ticks = (seconds * f64::from(clock_hz)).round() as i64;
    RtpTime(reading.0.wrapping_add((ticks & 0xffff_ffff) as u32))
}

fn worse(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

fn kbps(bps: u64) -> u32 {
    u32::try_from(bps / 1_000).unwrap_or(u32::MAX)
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_clock_runs_both_ways_and_wraps() {
        let table =
            [(100, 1.0, 90_100), (90_100, -1.0, 100), (u32::MAX, 1.0 / 90_000.0, 0), (0, -1.0 / 90_000.0, u32::MAX)];
        for (reading, seconds, want) in table {
            assert_eq!(media_clock(RtpTime(reading), seconds, 90_000), RtpTime(want));
        }
    }
}
