//! Frames of other wires: feeds, which are publications without a transport, and taps, which are subscribers without one.

use super::Room;
use crate::context::{Context, Timer};
use crate::ingress::{Publication, Received, kind_of};
use crate::playout::{Feed, Line, Playout, Verdict, View};
use crate::transport::Kind;
use crate::{DropReason, Event, FeedFact, FeedRefusal, FrameOutput, ParticipantId, TapId, TapOutput};
use carillon_proto::frame::{Frame, FrameCodec};
use carillon_proto::gateway::TrackName;
use std::time::{Duration, Instant};

/// Between two portions that a subscriber who catches up gets.
pub(super) const CATCH_UP_INTERVAL: Duration = Duration::from_millis(10);

impl Room {
    pub(crate) fn open_feed(
        &mut self,
        context: &mut Context,
        id: ParticipantId,
        track: TrackName,
        codec: FrameCodec,
        reordered: bool,
    ) {
        if let Err(refusal) = self.try_open_feed(context, id, track, codec, reordered) {
            tell(context, id, track, FeedFact::Refused(refusal));
        }
        self.tell_wanted(context);
    }

    pub(crate) fn close_feed(&mut self, context: &mut Context, id: ParticipantId, track: TrackName) {
        let Some(&key) = self.by_track.get(&(id, track)) else { return };
        let Some(publication) = self.publications.get_mut(key) else { return };
        if publication.feed.take().is_some() {
            if let Some(&member) = self.by_id.get(&id)
                && let Some(participant) = self.members.get_mut(member)
            {
                participant.fed.retain(|fed| *fed != track);
            }
            self.end_publication(context, key);
            self.fill_automatic(context);
        }
    }

    pub(crate) fn handle_frame(
        &mut self,
        context: &mut Context,
        id: ParticipantId,
        track: TrackName,
        frame: &Frame,
    ) -> Result<(), DropReason> {
        let key = *self.by_track.get(&(id, track)).ok_or(DropReason::NoFeed)?;
        let member = self.by_id.get(&id).and_then(|member| self.members.get(*member));
        if !member.is_some_and(|member| member.may_send(track)) {
            return Err(DropReason::NotAllowed);
        }
        let publication = self.publications.get_mut(key).ok_or(DropReason::NoFeed)?;
        let started = publication.started;
        take_frame(context, publication, frame)?;
        let starts = publication.started && !started;
        if starts {
            context.event(Event::TrackStarted { participant: id, track });
        }
        self.enqueue(context, key);
        Ok(())
    }

    /// A microphone that is fed has no header extension to say how loud it is.
    pub(crate) fn handle_level(&mut self, context: &mut Context, id: ParticipantId, level: u8) {
        let fed = self.by_track.get(&(id, TrackName::Microphone)).and_then(|key| self.publications.get(*key));
        if fed.is_some_and(|p| p.feed.is_some()) {
            self.speakers.handle_level(id, level.min(0x7f));
            context.timers.start(Timer::Volumes(self.key), context.now + context.config.volume_interval());
        }
    }

    /// Feeds have something left for subscribers who catch up.
    pub(crate) fn handle_catch_up_timeout(&mut self, context: &mut Context, id: ParticipantId) {
        for key in self.tracks_of(id) {
            if self.publications.get(key).is_some_and(|p| p.feed.is_some()) {
                self.enqueue(context, key);
            }
        }
    }

    /// False: nobody of that name, or too many takers.
    pub(crate) fn open_tap(
        &mut self,
        context: &mut Context,
        tap: TapId,
        publisher: ParticipantId,
        track: TrackName,
    ) -> bool {
        if !self.by_id.contains_key(&publisher) {
            return false;
        }
        let key = self.publication_of(context, publisher, track);
        let Some(publication) = self.publications.get_mut(key) else { return false };
        let kind = publication.kind;
        let playout = publication.playout.get_or_insert_with(|| Box::new(Playout::new(kind)));
        let late_start = context.config.late_start();
        let opened = playout.open(context.now, late_start, tap, &mut context.frames);
        if !opened {
            context.drop(DropReason::Limit);
        }
        self.play_out(context, key);
        self.tell_wanted(context);
        opened
    }

    pub(crate) fn restart_tap(&mut self, context: &mut Context, tap: TapId) {
        if let Some(key) = self.tapped(tap) {
            if let Some(playout) = self.publications.get_mut(key).and_then(|p| p.playout.as_mut()) {
                playout.restart(tap);
            }
            self.play_out(context, key);
        }
    }

    pub(crate) fn close_tap(&mut self, context: &mut Context, tap: TapId) {
        let Some(key) = self.tapped(tap) else { return };
        let Some(publication) = self.publications.get_mut(key) else { return };
        let Some(playout) = publication.playout.as_mut() else { return };
        playout.close(tap);
        if playout.is_empty() {
            publication.playout = None;
            self.drop_if_unused(key);
        }
        context.frames.retain(|output| !matches!(output, FrameOutput::Tap(of, _) if *of == tap));
        self.tell_wanted(context);
    }

    /// Says of each feed where it has changed whether anybody wants it. Called where subscriptions and taps come and go.
    pub(super) fn tell_wanted(&mut self, context: &mut Context) {
        let fed = self.members.iter().flat_map(|(_, member)| member.fed.iter().map(|track| (member.id, *track)));
        for (id, track) in fed {
            let Some(publication) = self.by_track.get(&(id, track)).and_then(|key| self.publications.get_mut(*key))
            else {
                continue;
            };
            let allowed = |key: &u32| self.subscriptions.get(*key).is_some_and(|subscription| subscription.allowed);
            let tapped = publication.playout.as_ref().is_some_and(|playout| !playout.is_empty());
            let wanted = tapped || publication.subscribers.iter().any(allowed);
            let Some(feed) = publication.feed.as_mut() else { continue };
            if std::mem::replace(&mut feed.wanted, wanted) != wanted {
                tell(context, id, track, FeedFact::Wanted(wanted));
            }
        }
    }

    pub(crate) fn handle_playout_timeout(&mut self, context: &mut Context, id: ParticipantId) {
        for key in self.tracks_of(id) {
            self.play_out(context, key);
        }
    }

    /// Frames out of what came in: the last subscriber of each fan-out.
    pub(super) fn play_out(&mut self, context: &mut Context, key: u32) {
        let Some(publication) = self.publications.get(key) else { return };
        let Some(playout) = &publication.playout else { return };
        if playout.is_empty() {
            return;
        }
        let owner = publication.owner;
        let connection = self.by_id.get(&owner).and_then(|member| self.members.get(*member));
        let connection = connection.and_then(|member| member.connection.as_deref());
        let round_trip = connection.and_then(|c| c.round_trip);
        let line = match &publication.feed {
            Some(feed) => Some(Line { time: feed.time_at(context.now), at: context.now }),
            None => publication.clock().and_then(|clock| {
                let since = connection?.clock.seconds_since_by_media(clock.ntp, context.unix())?;
                Some(Line { time: clock.rtp_time, at: ago(context.now, since) })
            }),
        };
        let Some(publication) = self.publications.get_mut(key) else { return };
        let Some(mut playout) = publication.playout.take() else { return };
        let view = View {
            now: context.now,
            epoch: publication.epoch(),
            history: publication.history(),
            line,
            round_trip,
            jitter: publication.jitter(),
            late_start: context.config.late_start(),
        };
        let before = context.frames.len();
        let need = playout.advance(view, &mut context.frames);
        let is_frame = |output: &&FrameOutput| matches!(output, FrameOutput::Tap(_, TapOutput::Frame(_)));
        context.stats.frames_out += context.frames.iter().skip(before).filter(is_frame).count() as u64;
        publication.playout = Some(playout);
        let captured = need.last.zip(publication.clock()).map(|((time, arrival), clock)| {
            let ticks = f64::from(time.since(clock.rtp_time));
            (clock.ntp, ticks / f64::from(media_hz(publication.kind)), arrival)
        });
        let asked = publication.keyframes.next_due(context.now);
        if let Some(due) = need.due {
            context.timers.set_earlier(Timer::Playout(owner), due);
        }
        if let Some((ntp, seconds, arrival)) = captured
            && let Some(&member) = self.by_id.get(&owner)
            && let Some(connection) = self.connection_mut(member)
        {
            connection.clock.note_media(ntp, seconds, context.unix_of(arrival));
        }
        match asked {
            _ if !need.keyframe => {}
            Some(due) => context.timers.set_earlier(Timer::Keyframe(owner), due),
            None => self.want_keyframe(context, key),
        }
    }

    /// The participant leaves: what it fed and what was taken of it ends.
    pub(super) fn end_frames(&mut self, context: &mut Context, id: ParticipantId) {
        for key in self.tracks_of(id) {
            let Some(publication) = self.publications.get_mut(key) else { continue };
            if let Some(playout) = publication.playout.take() {
                let ended = playout.taps().map(|tap| FrameOutput::Tap(tap, TapOutput::Ended));
                context.frames.extend(ended);
            }
            if publication.feed.take().is_some() {
                self.end_publication(context, key);
            }
            self.drop_if_unused(key);
        }
        context.timers.set(Timer::CatchUp(id), None);
        context.timers.set(Timer::Playout(id), None);
    }

    fn try_open_feed(
        &mut self,
        context: &mut Context,
        id: ParticipantId,
        track: TrackName,
        codec: FrameCodec,
        reordered: bool,
    ) -> Result<(), FeedRefusal> {
        let member = self.by_id.get(&id).copied().ok_or(FeedRefusal::Gone)?;
        let participant = self.members.get_mut(member).ok_or(FeedRefusal::Gone)?;
        if !participant.may_send(track) {
            return Err(FeedRefusal::NotAllowed);
        }
        let (ssrc, random) = (context.random.next_u32(), context.random.next_u64());
        let feed = Feed::new(context.now, codec, reordered, ssrc, random).ok_or(FeedRefusal::Codec)?;
        if feed.kind() != kind_of(track) {
            return Err(FeedRefusal::Codec);
        }
        if !participant.fed.contains(&track) {
            participant.fed.push(track);
        }
        let key = self.publication_of(context, id, track);
        let publication = self.publications.get_mut(key).ok_or(FeedRefusal::Gone)?;
        if publication.live && publication.feed.is_none() {
            participant_unfed(self, member, track);
            return Err(FeedRefusal::Taken);
        }
        if reordered {
            tell(context, id, track, feed.fact());
        }
        publication.attach_feed(feed, &context.config);
        self.fill_automatic(context);
        Ok(())
    }

    pub(super) fn tracks_of(&self, id: ParticipantId) -> Vec<u32> {
        let all = (id, TrackName::Microphone)..=(id, TrackName::ScreenAudio);
        debug_assert!(TrackName::Microphone < TrackName::ScreenAudio);
        self.by_track.range(all).map(|(_, key)| *key).collect()
    }

    fn tapped(&self, tap: TapId) -> Option<u32> {
        let taken = |p: &Publication| p.playout.as_ref().is_some_and(|playout| playout.taps().any(|t| t == tap));
        self.publications.iter().find(|(_, p)| taken(p)).map(|(key, _)| key)
    }
}

fn participant_unfed(room: &mut Room, member: u32, track: TrackName) {
    if let Some(participant) = room.members.get_mut(member) {
        participant.fed.retain(|fed| *fed != track);
    }
}

fn take_frame(context: &mut Context, publication: &mut Publication, frame: &Frame) -> Result<(), DropReason> {
    let mut feed = publication.feed.take().ok_or(DropReason::NoFeed)?;
    let mut facts = Vec::new();
    let verdict = feed.judge(frame, &mut facts);
    let taken = match verdict {
        Ok(Verdict::Take) => cut(context, publication, &mut feed, frame),
        Ok(Verdict::LeaveOut) | Err(_) => Err(DropReason::Frame),
    };
    publication.feed = Some(feed);
    for fact in facts {
        tell(context, publication.owner, publication.track, fact);
    }
    context.stats.frames_in += u64::from(taken.is_ok());
    taken
}

fn cut(context: &mut Context, publication: &mut Publication, feed: &mut Feed, frame: &Frame) -> Result<(), DropReason> {
    let (codec, now) = (feed.codec, context.now);
    let mut bound = None;
    let (ssrc, clock_hz) = (feed.ssrc, feed.clock_hz());
    let mut keyframe = false;
    let done = feed.cut(frame, &mut |seq, time, payload, marker| {
        let layer = *bound.get_or_insert_with(|| publication.bind(now, ssrc, None, seq, clock_hz));
        let received = Received {
            seq,
            time,
            marker,
            codec,
            payload,
            level: None,
            orientation: None,
            content_type: None,
            repair: false,
        };
        let taken = layer.and_then(|layer| publication.handle_media(now, layer, received).ok());
        keyframe |= taken.is_some_and(|taken| taken.keyframe);
    });
    context.stats.keyframes_in += u64::from(keyframe);
    done.map_err(|_| DropReason::Frame)
}

fn tell(context: &mut Context, participant: ParticipantId, track: TrackName, fact: FeedFact) {
    context.frames.push_back(FrameOutput::Feed { participant, track, fact });
}

fn media_hz(kind: Kind) -> u32 {
    match kind {
        Kind::Audio => 48_000,
        Kind::Video => 90_000,
    }
}

/// The moment `seconds` before `now`; behind it where negative.
fn ago(now: Instant, seconds: f64) -> Instant {
    let by = Duration::try_from_secs_f64(seconds.abs()).unwrap_or_default();
    let at = if seconds >= 0.0 { now.checked_sub(by) } else { now.checked_add(by) };
    at.unwrap_or(now)
}
