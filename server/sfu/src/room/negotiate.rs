//! Offers: which sections carry whose tracks, and what follows from a change of that.

use super::Room;
use crate::context::Context;
use crate::egress::Subscription;
use crate::ingress::{Inbound, kind_of};
use crate::participant::{Connection, Participant};
use crate::transport::{
    Codec, ExtensionIds, Kind, Label, Negotiated, Offer, OfferedSection, Policy, Section, Transport,
};
use crate::{Event, OfferError, ParticipantId, Publish, Subscribe, VideoPolicy};
use carillon_config::media::Media;
use carillon_proto::gateway::TrackName;
use carillon_proto::rtp_ext::PlayoutDelay;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What sections are for, as the offer's command and the privileges decide it.
struct Plan<'a> {
    participant: &'a Participant,
    config: &'a Media,
    publish: &'a Publish,
    subscribe: &'a Subscribe,
    /// How many others in the room cannot decode a video codec.
    unable: &'a BTreeMap<Codec, usize>,
    video: VideoPolicy,
    tracks: BTreeMap<String, TrackName>,
    targets: BTreeMap<String, Target>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Named(ParticipantId, TrackName),
    Automatic,
}

/// The part of a plan that outlives the asking.
struct Planned {
    tracks: BTreeMap<String, TrackName>,
    targets: BTreeMap<String, Target>,
    automatic: Option<Option<ParticipantId>>,
}

impl Room {
    /// The answer's SDP. On an error nothing has changed.
    pub(crate) fn handle_offer(
        &mut self,
        context: &mut Context,
        id: ParticipantId,
        sdp: &str,
        publish: &Publish,
        subscribe: &Subscribe,
    ) -> Result<String, OfferError> {
        let offer = Offer::parse(sdp)?;
        let member = self.by_id.get(&id).copied().ok_or(OfferError::Gone)?;
        let unable = self.unable(member);
        let participant = self.members.get_mut(member).ok_or(OfferError::Gone)?;
        let mut connection = participant.connection.take();
        let known = connection.as_mut().filter(|c| !c.transport.is_foreign(&offer));
        let config = context.config.clone();
        let mut plan = Plan::new(participant, &config, publish, subscribe, &unable);
        plan.video = self.video;
        let mut policy = |section: OfferedSection<'_>| plan.policy(section);
        let mut fresh = None;
        let negotiated = match known {
            Some(connection) => connection.transport.handle_offer(context.now, &offer, &mut policy),
            None => {
                let mut transport = Transport::new(Arc::clone(&context.params), context.random.fork(), context.now);
                let negotiated = transport.handle_offer(context.now, &offer, &mut policy);
                fresh = Some(transport);
                negotiated
            }
        };
        let planned = plan.finish();
        participant.connection = connection;
        let negotiated = negotiated?;
        let before = match fresh {
            Some(transport) => self.replace_connection(context, member, transport),
            None => self.inbound_of(member),
        };
        self.apply(context, member, &negotiated, &planned, &before);
        self.serve_transport(context, member);
        Ok(negotiated.answer)
    }

    /// Publishers who send something else are to offer again.
    pub(crate) fn set_video_policy(&mut self, context: &mut Context, video: VideoPolicy) {
        let before = std::mem::replace(&mut self.video, video);
        if before == video || video == VideoPolicy::Any {
            return;
        }
        for (_, member) in self.members.iter() {
            let sections = member.connection.iter().flat_map(|c| &c.inbound);
            if sections.filter_map(Inbound::first_codec).any(|c| c.kind() == Kind::Video && !is_h264(c)) {
                context.event(Event::RenegotiationWanted { participant: member.id });
            }
        }
    }

    /// A new transport in the place of the old one. Publications wait for their new streams; yields those there were.
    fn replace_connection(&mut self, context: &mut Context, member: u32, transport: Transport) -> Vec<u32> {
        let before = self.inbound_of(member);
        let fresh = Box::new(Connection::new(transport, context));
        let Some(participant) = self.members.get_mut(member) else { return before };
        let id = participant.id;
        let Some(mut old) = participant.connection.replace(fresh) else { return before };
        old.transport.close(context.now);
        old.transport.poll_transmit(&mut context.egress);
        for subscription in old.outgoing.values() {
            self.unsubscribe(*subscription);
        }
        for key in &before {
            if let Some(publication) = self.publications.get_mut(*key) {
                publication.detach();
            }
        }
        self.forget_connection(context, id);
        before
    }

    /// How many of the others' video subscriptions cannot decode each codec: a publisher is to send one that all take.
    fn unable(&self, publisher: u32) -> BTreeMap<Codec, usize> {
        let mut unable = BTreeMap::new();
        let others = self.subscriptions.iter().map(|(_, s)| s);
        for subscription in others.filter(|s| s.kind == Kind::Video && s.member != publisher) {
            for codec in Codec::VIDEO.into_iter().filter(|codec| !subscription.decodes(*codec)) {
                *unable.entry(codec).or_default() += 1;
            }
        }
        unable
    }

    fn inbound_of(&self, member: u32) -> Vec<u32> {
        let connection = self.members.get(member).and_then(|m| m.connection.as_ref());
        connection.map_or_else(Vec::new, |c| c.inbound.iter().map(|section| section.publication).collect())
    }

    fn apply(
        &mut self,
        context: &mut Context,
        member: u32,
        negotiated: &Negotiated,
        planned: &Planned,
        before: &[u32],
    ) {
        let inbound = self.inbound_sections(context, member, negotiated, planned);
        let after: Vec<u32> = inbound.iter().map(|section| section.publication).collect();
        let outgoing = self.outgoing_sections(context, member, negotiated, planned);
        if let Some(connection) = self.connection_mut(member) {
            connection.set_inbound(inbound, union(&negotiated.sections));
            connection.automatic = planned.automatic;
            let gone = std::mem::replace(&mut connection.outgoing, outgoing);
            let kept: Vec<u32> = connection.outgoing.values().copied().collect();
            for (ssrc, key) in gone.into_iter().filter(|(_, key)| !kept.contains(key)) {
                self.retire(member, ssrc, key);
            }
        }
        for key in before.iter().filter(|key| !after.contains(key)) {
            self.end_publication(context, *key);
        }
        self.fill_automatic(context);
        self.tell_wanted(context);
        self.route(context, member);
    }

    /// Ends a subscription whose transport goes on.
    fn retire(&mut self, member: u32, ssrc: u32, key: u32) {
        if let Some(used) = self.subscriptions.get(key).map(Subscription::used)
            && let Some(connection) = self.connection_mut(member)
        {
            connection.remember(ssrc, used);
        }
        self.unsubscribe(key);
    }

    /// Enters the transport's user names, so that its STUN is found.
    fn route(&mut self, context: &mut Context, member: u32) {
        let Some(participant) = self.members.get(member) else { return };
        if let Some(connection) = &participant.connection {
            context.demux.set_ufrags(participant.id, connection.transport.ufrags());
        }
    }

    fn inbound_sections(
        &mut self,
        context: &Context,
        member: u32,
        negotiated: &Negotiated,
        planned: &Planned,
    ) -> Vec<Inbound> {
        let mut inbound = Vec::new();
        for section in negotiated.sections.iter().filter(|s| s.direction.receives()) {
            let (Some(announced), Some(&track)) = (&section.receive, planned.tracks.get(&section.mid)) else {
                continue;
            };
            let Some(participant) = self.members.get(member) else { continue };
            let (id, allowed) = (participant.id, participant.may_send(track));
            let publication = self.publication_of(context, id, track);
            if let Some(publication) = self.publications.get_mut(publication) {
                publication.live = true;
            }
            inbound.push(Inbound::new(section, announced, publication, allowed));
        }
        inbound
    }

    /// Subscriptions by their SSRC: those that were there go on, others begin.
    fn outgoing_sections(
        &mut self,
        context: &mut Context,
        member: u32,
        negotiated: &Negotiated,
        planned: &Planned,
    ) -> BTreeMap<u32, u32> {
        let known = self.connection_mut(member).map(|c| c.outgoing.clone()).unwrap_or_default();
        let mut outgoing = BTreeMap::new();
        for section in negotiated.sections.iter().filter(|s| s.direction.sends()) {
            let (Some(stream), Some(&target)) = (&section.send, planned.targets.get(&section.mid)) else { continue };
            let playout = playout_delay(&context.config);
            let key = match known.get(&stream.ssrc) {
                Some(&key) => {
                    if let Some(subscription) = self.subscriptions.get_mut(key) {
                        subscription.renegotiate(section, playout);
                    }
                    key
                }
                None => {
                    let random = context.random.next_u64();
                    let used = self.connection_mut(member).and_then(|c| c.used(stream.ssrc));
                    self.subscriptions.insert(Subscription::new(member, section, stream, playout, random, used))
                }
            };
            self.aim(context, key, target);
            outgoing.insert(stream.ssrc, key);
        }
        outgoing
    }

    /// Points a subscription at its publication, which may not be there yet.
    fn aim(&mut self, context: &mut Context, key: u32, target: Target) {
        let publication = match target {
            Target::Named(owner, track) => Some(self.publication_of(context, owner, track)),
            Target::Automatic => self.subscriptions.get(key).filter(|s| s.automatic).and_then(|s| s.publication),
        };
        let Some(subscription) = self.subscriptions.get_mut(key) else { return };
        let before = subscription.publication;
        subscription.automatic = target == Target::Automatic;
        subscription.follow(publication);
        let member = self.members.get(subscription.member);
        let track = publication.and_then(|p| self.publications.get(p)).map(|p| p.track);
        subscription.allowed = member.zip(track).is_some_and(|(member, track)| member.may_receive(track));
        if before != publication {
            if let Some(before) = before {
                self.forget_subscriber(before, key);
                self.drop_if_unused(before);
            }
            if let Some(publication) = publication.and_then(|p| self.publications.get_mut(p)) {
                publication.subscribers.push(key);
            }
        }
        if let Some(publication) = publication {
            self.enqueue(context, publication);
        }
    }
}

impl<'a> Plan<'a> {
    fn new(
        participant: &'a Participant,
        config: &'a Media,
        publish: &'a Publish,
        subscribe: &'a Subscribe,
        unable: &'a BTreeMap<Codec, usize>,
    ) -> Self {
        let (tracks, targets) = (BTreeMap::new(), BTreeMap::new());
        Self { participant, config, publish, subscribe, unable, video: VideoPolicy::Any, tracks, targets }
    }

    fn policy(&mut self, section: OfferedSection<'_>) -> Policy {
        let track = self.track_of(section);
        if let Some(track) = track {
            self.tracks.insert(section.mid.to_owned(), track);
        }
        let target = self.target_of(section);
        if let Some(target) = target {
            self.targets.insert(section.mid.to_owned(), target);
        }
        let unable = match section.kind {
            Kind::Video if track.is_some() => self.unable.clone(),
            Kind::Audio | Kind::Video => BTreeMap::new(),
        };
        let send = target.map(|target| self.label(section, target));
        Policy { receive: track.is_some(), send, unable, video: self.video }
    }

    /// The track that a section publishes: of its kind, each once, within privileges and bounds.
    fn track_of(&self, section: OfferedSection<'_>) -> Option<TrackName> {
        let track = match (self.publish, section.kind) {
            (Publish::Named(tracks), _) => tracks.iter().find(|(mid, _)| mid == section.mid)?.1,
            (Publish::ByKind, Kind::Audio) => TrackName::Microphone,
            (Publish::ByKind, Kind::Video) => TrackName::Camera,
        };
        let taken = self.tracks.values().any(|other| *other == track);
        let full = self.tracks.len() >= self.config.publications_per_participant_max;
        let fed = self.participant.fed.contains(&track);
        let fits = section.sends && !fed && kind_of(track) == section.kind && self.participant.may_send(track);
        (fits && !taken && !full).then_some(track)
    }

    fn target_of(&self, section: OfferedSection<'_>) -> Option<Target> {
        if !section.receives || self.targets.len() >= self.config.subscriptions_per_participant_max {
            return None;
        }
        match self.subscribe {
            Subscribe::Automatic { .. } => Some(Target::Automatic),
            Subscribe::Named(wanted) => {
                let wanted = wanted.iter().find(|wanted| wanted.mid == section.mid)?;
                let fits = kind_of(wanted.track) == section.kind && self.participant.may_receive(wanted.track);
                fits.then_some(Target::Named(wanted.publisher, wanted.track))
            }
        }
    }

    /// Tracks of one publisher share a stream, which players keep in sync. Automatic sections pair up in order: the
    /// first audio with the first video.
    fn label(&self, section: OfferedSection<'_>, target: Target) -> Label {
        match target {
            Target::Named(publisher, track) => {
                Label { stream: publisher.0.to_string(), track: format!("{}-{}", publisher.0, word(track)) }
            }
            Target::Automatic => {
                let kind = word_of_kind(section.kind);
                let before = self.targets.iter().filter(|(mid, t)| **t == Target::Automatic && *mid != section.mid);
                Label { stream: format!("room-{}", before.count() / 2), track: format!("{kind}-{}", section.mid) }
            }
        }
    }

    fn finish(self) -> Planned {
        let automatic = match self.subscribe {
            Subscribe::Automatic { from } => Some(*from),
            Subscribe::Named(_) => None,
        };
        Planned { tracks: self.tracks, targets: self.targets, automatic }
    }
}

fn is_h264(codec: Codec) -> bool {
    matches!(codec, Codec::H264(_))
}

fn word(track: TrackName) -> &'static str {
    match track {
        TrackName::Microphone => "microphone",
        TrackName::Camera => "camera",
        TrackName::Screen => "screen",
        TrackName::ScreenAudio => "screen-audio",
    }
}

fn word_of_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
    }
}

fn playout_delay(config: &Media) -> PlayoutDelay {
    let ms = |ms: u32| u16::try_from(ms).unwrap_or(PlayoutDelay::LIMIT_MS);
    PlayoutDelay { min_ms: ms(config.playout_delay_min_ms), max_ms: ms(config.playout_delay_max_ms) }
}

/// The ids of a connection: each section has those that it negotiated.
fn union(sections: &[Section]) -> ExtensionIds {
    sections.iter().fold(ExtensionIds::default(), |all, section| {
        let one = section.extensions;
        ExtensionIds {
            mid: all.mid.or(one.mid),
            rid: all.rid.or(one.rid),
            repaired_rid: all.repaired_rid.or(one.repaired_rid),
            audio_level: all.audio_level.or(one.audio_level),
            abs_send_time: all.abs_send_time.or(one.abs_send_time),
            transport_cc: all.transport_cc.or(one.transport_cc),
            playout_delay: all.playout_delay.or(one.playout_delay),
            video_orientation: all.video_orientation.or(one.video_orientation),
            content_type: all.content_type.or(one.content_type),
        }
    })
}

#[cfg(test)]
impl Room {
    /// As if an offer with these sections had been answered: the first audio is the microphone, the first video the
    /// camera, and both come back.
    pub(super) fn apply_for_test(&mut self, context: &mut Context, member: u32, sections: Vec<Section>) {
        let id = self.members.get(member).map(|m| m.id).expect("a member");
        let wanted = |s: &Section| crate::Wanted { mid: s.mid.clone(), publisher: id, track: first_of(s.kind) };
        let subscribe = Subscribe::Named(sections.iter().map(wanted).collect());
        self.apply_with(context, member, sections, &subscribe);
    }

    pub(super) fn apply_with(
        &mut self,
        context: &mut Context,
        member: u32,
        sections: Vec<Section>,
        subscribe: &Subscribe,
    ) {
        let config = context.config.clone();
        let participant = self.members.get(member).expect("a member");
        let publish = match subscribe {
            Subscribe::Automatic { .. } => Publish::Named(Vec::new()),
            Subscribe::Named(_) => Publish::ByKind,
        };
        let unable = BTreeMap::new();
        let mut plan = Plan::new(participant, &config, &publish, subscribe, &unable);
        for section in &sections {
            plan.policy(OfferedSection { mid: &section.mid, kind: section.kind, sends: true, receives: true });
        }
        let planned = plan.finish();
        let negotiated = Negotiated { answer: String::new(), sections, ice_restarted: false };
        let before = self.inbound_of(member);
        self.apply(context, member, &negotiated, &planned, &before);
    }
}

#[cfg(test)]
fn first_of(kind: Kind) -> TrackName {
    match kind {
        Kind::Audio => TrackName::Microphone,
        Kind::Video => TrackName::Camera,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Privileges;
    use TrackName::{Camera, Microphone, Screen, ScreenAudio};

    const B: ParticipantId = ParticipantId(2);

    /// One section per letter (`a`udio, `v`ideo; capital: the client receives), its mid the place in the list.
    fn ask(plan: &mut Plan<'_>, sections: &str) -> Vec<Policy> {
        let ask = |(n, letter): (usize, char)| {
            let kind = if letter.eq_ignore_ascii_case(&'a') { Kind::Audio } else { Kind::Video };
            let receives = letter.is_uppercase();
            plan.policy(OfferedSection { mid: &n.to_string(), kind, sends: !receives, receives })
        };
        sections.chars().enumerate().map(ask).collect()
    }

    fn named(tracks: &[TrackName]) -> Publish {
        Publish::Named(tracks.iter().enumerate().map(|(n, track)| (n.to_string(), *track)).collect())
    }

    #[test]
    fn a_section_is_taken_once_per_track_of_its_kind_and_privilege() {
        let all = Privileges::ALL;
        let no_screen = Privileges { send_screen: false, ..all };
        let by_kind = Publish::ByKind;
        let table: [(&Publish, Privileges, &str, &[bool]); 6] = [
            (&by_kind, all, "avav", &[true, true, false, false]),
            (&named(&[Microphone, Camera, ScreenAudio, Screen]), all, "avav", &[true, true, true, true]),
            (&named(&[Microphone, Camera, ScreenAudio, Screen]), no_screen, "avav", &[true, true, false, false]),
            (&named(&[Camera, Microphone]), all, "av", &[false, false]),
            (&named(&[Camera, Camera]), all, "vv", &[true, false]),
            (&named(&[Microphone]), all, "aa", &[true, false]),
        ];
        let (config, nothing) = (Media::default(), Subscribe::Named(Vec::new()));
        let unable = BTreeMap::new();
        for (publish, privileges, sections, want) in table {
            let participant = Participant::new(ParticipantId(1), privileges);
            let mut plan = Plan::new(&participant, &config, publish, &nothing, &unable);
            let got: Vec<bool> = ask(&mut plan, sections).iter().map(|policy| policy.receive).collect();
            assert_eq!(got, want, "{publish:?} {sections}");
        }
    }

    #[test]
    fn wanted_tracks_are_labelled_by_publisher_and_kept_within_bounds() {
        let wanted = |mid: &str, track| crate::Wanted { mid: mid.to_owned(), publisher: B, track };
        let subscribe = Subscribe::Named(vec![wanted("0", Microphone), wanted("1", Camera), wanted("2", Microphone)]);
        let privileges = Privileges { receive_video: false, ..Privileges::ALL };
        let participant = Participant::new(ParticipantId(1), privileges);
        let (config, nothing) = (Media::default(), Publish::Named(Vec::new()));
        let unable = BTreeMap::new();
        let mut plan = Plan::new(&participant, &config, &nothing, &subscribe, &unable);
        let sends: Vec<_> = ask(&mut plan, "AVVA").into_iter().map(|policy| policy.send).collect();
        let label = Label { stream: "2".to_owned(), track: "2-microphone".to_owned() };
        assert_eq!(sends, [Some(label), None, None, None]);
        let config = Media { subscriptions_per_participant_max: 2, ..Media::default() };
        let automatic = Subscribe::Automatic { from: Some(B) };
        let mut plan = Plan::new(&participant, &config, &nothing, &automatic, &unable);
        let streams: Vec<_> =
            ask(&mut plan, "AVAV").into_iter().map(|policy| policy.send.map(|label| label.stream)).collect();
        assert_eq!(streams, [Some("room-0".to_owned()), Some("room-0".to_owned()), None, None]);
    }
}
