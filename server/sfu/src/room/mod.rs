//! One room: its participants, what they publish and what they receive, and the loop that brings the one to the other.

mod ahead;
mod feedback;
mod frames;
mod media;
mod negotiate;
mod report;
#[cfg(test)]
mod tests;

use crate::context::{Context, Timer};
use crate::egress::{Lacks, Subscription};
use crate::ingress::Publication;
use crate::participant::{Connection, Participant};
use crate::recovery::keyframe::Wish;
use crate::recovery::plan::{self, SendPlan};
use crate::slab::Slab;
use crate::speaker::Speakers;
use crate::transport::TransportEvent;
use crate::{DropReason, Event, ParticipantId, Path, Privileges, RoomKey, VideoPolicy};
use carillon_proto::gateway::TrackName;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Room {
    key: RoomKey,
    members: Slab<Participant>,
    by_id: BTreeMap<ParticipantId, u32>,
    publications: Slab<Publication>,
    by_track: BTreeMap<(ParticipantId, TrackName), u32>,
    subscriptions: Slab<Subscription>,
    /// Publications to fan out.
    queue: Vec<u32>,
    speakers: Speakers,
    video: VideoPolicy,
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Census {
    pub(crate) transports: u64,
    pub(crate) congested: u64,
    pub(crate) repeating: u64,
    pub(crate) participants: u64,
    pub(crate) publications: u64,
    pub(crate) subscriptions: u64,
}

impl Census {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            transports: self.transports + other.transports,
            congested: self.congested + other.congested,
            repeating: self.repeating + other.repeating,
            participants: self.participants + other.participants,
            publications: self.publications + other.publications,
            subscriptions: self.subscriptions + other.subscriptions,
        }
    }
}

impl Room {
    pub(crate) fn new(key: RoomKey) -> Self {
        Self {
            key,
            members: Slab::new(),
            by_id: BTreeMap::new(),
            publications: Slab::new(),
            by_track: BTreeMap::new(),
            subscriptions: Slab::new(),
            queue: Vec::new(),
            speakers: Speakers::default(),
            video: VideoPolicy::Any,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn participants(&self) -> impl Iterator<Item = ParticipantId> {
        self.by_id.keys().copied()
    }

    pub(crate) fn census(&self) -> Census {
        let plans = || self.members.iter().filter_map(|(_, m)| Some(m.connection.as_ref()?.plan));
        Census {
            transports: plans().count() as u64,
            congested: plans().filter(|plan| plan.congested).count() as u64,
            repeating: plans().filter(SendPlan::repeats).count() as u64,
            participants: self.members.len() as u64,
            publications: self.publications.iter().filter(|(_, p)| p.live).count() as u64,
            subscriptions: self.subscriptions.len() as u64,
        }
    }

    /// A new participant, or other privileges for one who is here: they hold from the next packet on. False where the
    /// room is full.
    pub(crate) fn join(&mut self, context: &mut Context, id: ParticipantId, privileges: Privileges) -> bool {
        if let Some(&member) = self.by_id.get(&id) {
            self.set_privileges(member, privileges);
            self.tell_wanted(context);
            return true;
        }
        if self.by_id.len() >= context.config.participants_per_room_max {
            context.drop(DropReason::Limit);
            return false;
        }
        let member = self.members.insert(Participant::new(id, privileges));
        self.by_id.insert(id, member);
        true
    }

    pub(crate) fn leave(&mut self, context: &mut Context, id: ParticipantId) {
        self.close_transport(context, id);
        self.end_frames(context, id);
        if let Some(member) = self.by_id.remove(&id) {
            self.members.remove(member);
        }
        self.speakers.remove(id);
    }

    /// Ends the media connection from this side; no event tells it.
    pub(crate) fn close_transport(&mut self, context: &mut Context, id: ParticipantId) {
        let Some(&member) = self.by_id.get(&id) else { return };
        if let Some(connection) = self.connection_mut(member) {
            connection.transport.close(context.now);
            connection.transport.poll_transmit(&mut context.egress);
            self.disconnect(context, member);
        }
    }

    pub(crate) fn handle_stun(
        &mut self,
        context: &mut Context,
        id: ParticipantId,
        path: Path,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let (member, _) = self.by_id(id)?;
        let loss = self.worst_loss(context.now, member);
        let connection = self.connection_mut(member).ok_or(DropReason::NoTransport)?;
        connection.transport.repeat_answers(plan::answer_repeats(loss));
        let learned = connection.transport.handle_stun(context.now, path, datagram)?;
        context.demux.learn(id, &learned);
        self.serve_transport(context, member);
        Ok(())
    }

    pub(crate) fn handle_dtls(
        &mut self,
        context: &mut Context,
        id: ParticipantId,
        path: Path,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let (member, connection) = self.by_id(id)?;
        let taken = connection.transport.handle_dtls(context.now, path, datagram);
        self.serve_transport(context, member);
        taken
    }

    pub(crate) fn handle_path_closed(&mut self, context: &mut Context, id: ParticipantId, path: Path) {
        let Ok((member, connection)) = self.by_id(id) else { return };
        connection.transport.forget_path(path);
        self.serve_transport(context, member);
    }

    pub(crate) fn handle_transport_timeout(&mut self, context: &mut Context, id: ParticipantId) {
        let Ok((member, connection)) = self.by_id(id) else { return };
        connection.transport.handle_timeout(context.now);
        self.serve_transport(context, member);
    }

    /// Brings what came in since the last time to its subscribers, one after the other, so that the packets of each
    /// lie together.
    pub(crate) fn flush(&mut self, context: &mut Context) {
        let mut queue = std::mem::take(&mut self.queue);
        for key in queue.drain(..) {
            self.fan_out(context, key);
        }
        self.queue = queue;
    }

    fn fan_out(&mut self, context: &mut Context, key: u32) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        publication.queued = false;
        // Nobody can be asked for a keyframe of a feed: whatever is kept serves.
        let is_fed = publication.feed.is_some();
        let late_start = if is_fed { Duration::MAX } else { context.config.late_start() };
        let mut lacks_keyframe = false;
        let mut catches_up = false;
        let mut changed = Vec::new();
        let mut copied = Vec::new();
        for group in publication.subscribers.chunks(ahead::GROUP) {
            ahead::read(&self.subscriptions, &self.members, group);
            for subscription in group {
                let Some(subscription) = self.subscriptions.get_mut(*subscription) else { continue };
                let connection = self.members.get_mut(subscription.member).and_then(|m| m.connection.as_mut());
                let Some(connection) = connection else { continue };
                let Some(mut outlet) = connection.outlet(context) else { continue };
                match subscription.forward(publication, late_start, &mut outlet) {
                    Lacks::Keyframe => lacks_keyframe = true,
                    Lacks::Time => catches_up = true,
                    Lacks::Nothing => {}
                }
                if let Some(due) = connection.copies.next_due() {
                    copied.push((subscription.member, due));
                }
                if let Some(codec) = subscription.poll_unplayable() {
                    changed.push((subscription.member, codec));
                }
            }
        }
        publication.pending.clear();
        let (publisher, track) = (publication.owner, publication.track);
        if catches_up {
            context.timers.set_earlier(Timer::CatchUp(publisher), context.now + frames::CATCH_UP_INTERVAL);
        }
        for (member, due) in copied {
            let Some(participant) = self.members.get(member).map(|m| m.id) else { continue };
            context.timers.set_earlier(Timer::Copies(participant), due);
        }
        for (member, codec) in changed {
            let Some(participant) = self.members.get(member).map(|m| m.id) else { continue };
            context.event(Event::TrackUnplayable { participant, publisher, track, codec });
        }
        match publication.keyframes.next_due(context.now) {
            _ if !lacks_keyframe => {}
            // Asked for before there was anybody to ask, perhaps.
            Some(due) => context.timers.set_earlier(Timer::Keyframe(publication.owner), due),
            None => self.want_keyframe(context, key),
        }
        self.play_out(context, key);
    }

    /// Puts a publication into the queue of `flush`, once.
    fn enqueue(&mut self, context: &mut Context, key: u32) {
        if let Some(publication) = self.publications.get_mut(key).filter(|p| !p.queued) {
            publication.queued = true;
            if self.queue.is_empty() {
                context.pending.push(self.key);
            }
            self.queue.push(key);
        }
    }

    fn want_keyframe(&mut self, context: &mut Context, key: u32) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        let Some(wish) = publication.want_keyframe() else { return };
        context.stats.keyframes_asked += 1;
        match wish {
            Wish::Merged => context.stats.keyframes_merged += 1,
            Wish::New => {
                if let Some(due) = publication.keyframes.next_due(context.now) {
                    context.timers.set_earlier(Timer::Keyframe(publication.owner), due);
                }
            }
        }
    }

    /// Moves what the transport has to say and to send, after anything that it was told.
    fn serve_transport(&mut self, context: &mut Context, member: u32) {
        let Some(participant) = self.members.get_mut(member) else { return };
        let id = participant.id;
        let Some(connection) = participant.connection.as_mut() else { return };
        connection.transport.poll_transmit(&mut context.egress);
        let due = connection.transport.poll_timeout().map(|(at, _)| at);
        context.timers.set(Timer::Transport(id), due);
        while let Some(event) = self.connection_mut(member).and_then(|c| c.transport.poll_event()) {
            self.handle_transport_event(context, member, id, event);
        }
    }

    fn handle_transport_event(
        &mut self,
        context: &mut Context,
        member: u32,
        participant: ParticipantId,
        event: TransportEvent,
    ) {
        match event {
            TransportEvent::Connected => {
                self.connected(context, member, participant);
                context.event(Event::TransportConnected { participant });
            }
            TransportEvent::Lost => {
                self.set_lost(context, member, true);
                context.event(Event::TransportLost { participant });
            }
            TransportEvent::Back => {
                self.set_lost(context, member, false);
                context.event(Event::TransportConnected { participant });
            }
            TransportEvent::Closed(_) => {
                self.disconnect(context, member);
                context.event(Event::TransportClosed { participant });
            }
        }
    }

    fn connected(&mut self, context: &mut Context, member: u32, id: ParticipantId) {
        let Some(connection) = self.connection_mut(member) else { return };
        connection.connected = true;
        self.restart_subscriptions(context, member);
        context.timers.set_earlier(Timer::Report(id), context.now + context.config.report_interval());
        context.timers.set_earlier(Timer::Quality(self.key), context.now + context.config.quality_interval());
    }

    fn set_lost(&mut self, context: &mut Context, member: u32, lost: bool) {
        if let Some(connection) = self.connection_mut(member) {
            connection.lost = lost;
        }
        if !lost {
            self.restart_subscriptions(context, member);
        }
    }

    /// What a participant receives starts at its next place to start, with numbers that follow those it knows.
    fn restart_subscriptions(&mut self, context: &mut Context, member: u32) {
        let Some(connection) = self.connection_mut(member) else { return };
        let keys: Vec<u32> = connection.outgoing.values().copied().collect();
        for key in keys {
            let Some(subscription) = self.subscriptions.get_mut(key) else { continue };
            subscription.pause();
            if let Some(publication) = subscription.publication {
                self.enqueue(context, publication);
            }
        }
    }

    /// Takes the connection away: its publications end, its subscriptions go. Publications that are still wanted stay
    /// as places for the next connection.
    fn disconnect(&mut self, context: &mut Context, member: u32) {
        let Some(participant) = self.members.get_mut(member) else { return };
        let id = participant.id;
        let Some(connection) = participant.connection.take() else { return };
        for subscription in connection.outgoing.values() {
            self.unsubscribe(*subscription);
        }
        for section in &connection.inbound {
            self.end_publication(context, section.publication);
        }
        self.forget_connection(context, id);
        self.speakers.remove(id);
        self.fill_automatic(context);
        self.tell_wanted(context);
    }

    /// Timers and routes of a connection that is gone.
    fn forget_connection(&mut self, context: &mut Context, id: ParticipantId) {
        context.demux.remove(id);
        let timers: [fn(ParticipantId) -> Timer; 6] =
            [Timer::Transport, Timer::Nack, Timer::Keyframe, Timer::Release, Timer::Copies, Timer::Report];
        timers.into_iter().for_each(|timer| context.timers.set(timer(id), None));
    }

    /// The publication's section is gone.
    fn end_publication(&mut self, context: &mut Context, key: u32) {
        let Some(publication) = self.publications.get_mut(key) else { return };
        publication.detach();
        if let Some(playout) = publication.playout.as_mut() {
            playout.handle_end(&mut context.frames);
        }
        if std::mem::take(&mut publication.started) {
            let (participant, track) = (publication.owner, publication.track);
            context.event(Event::TrackEnded { participant, track });
        }
        for subscription in publication.subscribers.clone() {
            if let Some(s) = self.subscriptions.get_mut(subscription).filter(|s| s.automatic) {
                s.follow(None);
                self.forget_subscriber(key, subscription);
            }
        }
        self.drop_if_unused(key);
    }

    fn unsubscribe(&mut self, key: u32) {
        let Some(subscription) = self.subscriptions.remove(key) else { return };
        if let Some(publication) = subscription.publication {
            self.forget_subscriber(publication, key);
            self.drop_if_unused(publication);
        }
    }

    fn forget_subscriber(&mut self, publication: u32, subscription: u32) {
        if let Some(publication) = self.publications.get_mut(publication) {
            publication.subscribers.retain(|s| *s != subscription);
        }
    }

    /// A publication that nobody sends and nobody waits for needs no place.
    fn drop_if_unused(&mut self, key: u32) {
        let unused =
            self.publications.get(key).is_some_and(|p| !p.live && p.subscribers.is_empty() && p.playout.is_none());
        if unused && let Some(publication) = self.publications.remove(key) {
            self.by_track.remove(&(publication.owner, publication.track));
            self.queue.retain(|queued| *queued != key);
        }
    }

    /// The place of a track, made when it is first named.
    fn publication_of(&mut self, context: &Context, owner: ParticipantId, track: TrackName) -> u32 {
        let publications = &mut self.publications;
        let make = || publications.insert(Publication::new(owner, track, &context.config));
        *self.by_track.entry((owner, track)).or_insert_with(make)
    }

    /// Gives the automatic subscriptions that wait for one a publication of their kind: each publication once per
    /// participant, in the order of publishers.
    fn fill_automatic(&mut self, context: &mut Context) {
        let waiting: Vec<u32> = self
            .subscriptions
            .iter()
            .filter(|(_, s)| s.automatic && s.publication.is_none())
            .map(|(key, _)| key)
            .collect();
        for key in waiting {
            let Some(publication) = self.choose_for(key) else { continue };
            let Some(subscription) = self.subscriptions.get_mut(key) else { continue };
            subscription.follow(Some(publication));
            subscription.allowed = true;
            if let Some(publication) = self.publications.get_mut(publication) {
                publication.subscribers.push(key);
            }
            self.enqueue(context, publication);
        }
    }

    fn choose_for(&self, key: u32) -> Option<u32> {
        let subscription = self.subscriptions.get(key)?;
        let member = self.members.get(subscription.member)?;
        let connection = member.connection.as_ref()?;
        let from = connection.automatic?;
        let taken = |publication: u32| {
            let mut own = connection.outgoing.values().filter_map(|s| self.subscriptions.get(*s));
            own.any(|s| s.publication == Some(publication))
        };
        self.by_track.values().copied().find(|key| {
            self.publications.get(*key).is_some_and(|p| {
                let fits = p.live && p.kind == subscription.kind && p.owner != member.id;
                fits && from.is_none_or(|from| p.owner == from) && member.may_receive(p.track) && !taken(*key)
            })
        })
    }

    fn set_privileges(&mut self, member: u32, privileges: Privileges) {
        let Some(participant) = self.members.get_mut(member) else { return };
        participant.privileges = privileges;
        let Some(mut connection) = participant.connection.take() else { return };
        for section in &mut connection.inbound {
            let track = self.publications.get(section.publication).map(|p| p.track);
            section.allowed = track.is_some_and(|track| participant.may_send(track));
        }
        for key in connection.outgoing.values() {
            let Some(subscription) = self.subscriptions.get_mut(*key) else { continue };
            let track = subscription.publication.and_then(|p| self.publications.get(p)).map(|p| p.track);
            subscription.allowed = track.is_some_and(|track| participant.may_receive(track));
            if !subscription.allowed {
                subscription.pause();
            }
        }
        participant.connection = Some(connection);
    }

    fn connection_mut(&mut self, member: u32) -> Option<&mut Connection> {
        self.members.get_mut(member)?.connection.as_deref_mut()
    }

    fn by_id(&mut self, id: ParticipantId) -> Result<(u32, &mut Connection), DropReason> {
        let member = self.by_id.get(&id).copied().ok_or(DropReason::NoTransport)?;
        self.connection_mut(member).map(|c| (member, c)).ok_or(DropReason::NoTransport)
    }
}
