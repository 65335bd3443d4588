//! Turns one engine's output into another's command: seats of the call engine into participants of a media worker, and
//! what the worker saw back into facts about seats. It holds who sits where and no rule.

use call::SeatId;
use carillon_call as call;
use carillon_chat::SessionId;
use carillon_proto::gateway::{self, ErrorBody, Event, MediaState, Offer, TrackName, Volume, code};
use carillon_proto::id::{AppId, RoomId, UserId};
use carillon_proto::user_sig::Privileges;
use carillon_sfu as sfu;
use serde_json::{Value, json};
use sfu::{ParticipantId, Publish, RequestId, RoomKey, Subscribe, Wanted};
use std::collections::{BTreeMap, BTreeSet};

/// Offers that wait for a worker's answer. Far above what a healthy server ever has open.
const OFFERS: usize = 10_000;

/// What the control thread is to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    ToWorker(usize, sfu::Command),
    ToCalls(call::Command),
    Reply {
        session: SessionId,
        re: u64,
        result: Result<Value, ErrorBody>,
    },
    Push {
        session: SessionId,
        event: Event,
    },
    /// The answer to a WHIP or WHEP offer.
    Whip {
        request: u64,
        result: Result<String, ErrorBody>,
    },
}

/// A WHIP or WHEP client's wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Direction {
    Publish,
    Play { from: Option<UserId> },
}

#[derive(Debug)]
struct Seat {
    app: AppId,
    user: UserId,
    room: RoomId,
    session: Option<SessionId>,
    worker: usize,
    /// It was taken for connections by RTMP, which get nothing from the worker.
    by_stream: bool,
}

#[derive(Debug)]
struct Place {
    key: RoomKey,
    worker: usize,
    seats: BTreeSet<SeatId>,
}

#[derive(Debug, Clone, Copy)]
enum Asker {
    Session { session: SessionId, re: u64 },
    Whip { request: u64 },
}

#[derive(Debug)]
pub struct Exchange {
    /// Seats on each worker: a new room goes to the one with the fewest.
    load: Vec<usize>,
    seats: BTreeMap<SeatId, Seat>,
    places: BTreeMap<(AppId, RoomId), Place>,
    rooms: BTreeMap<RoomKey, (AppId, RoomId)>,
    by_user: BTreeMap<(AppId, RoomId, UserId), SeatId>,
    asked: BTreeMap<RequestId, Asker>,
    next: u64,
}

impl Exchange {
    pub fn new(workers: usize) -> Self {
        Self {
            load: vec![0; workers.max(1)],
            seats: BTreeMap::new(),
            places: BTreeMap::new(),
            rooms: BTreeMap::new(),
            by_user: BTreeMap::new(),
            asked: BTreeMap::new(),
            next: 1,
        }
    }

    /// A seat was taken, or taken over by another session of its user.
    pub fn entered(
        &mut self,
        seat: SeatId,
        app: AppId,
        user: UserId,
        room: RoomId,
        session: Option<SessionId>,
        may: Privileges,
    ) -> Step {
        let (key, worker) = self.place(app, &room, seat);
        self.by_user.insert((app, room.clone(), user.clone()), seat);
        self.seats.insert(seat, Seat { app, user, room, session, worker, by_stream: false });
        let privileges = privileges(may);
        Step::ToWorker(worker, sfu::Command::Join { room: key, participant: participant(seat), privileges })
    }

    /// As `entered`, for connections by RTMP.
    pub fn attached(&mut self, seat: SeatId, app: AppId, user: UserId, room: RoomId, may: Privileges) -> Step {
        let step = self.entered(seat, app, user, room, None, may);
        if let Some(seat) = self.seats.get_mut(&seat) {
            seat.by_stream = true;
        }
        step
    }

    /// Whether somebody in this room may take media of the worker.
    pub fn has_takers(&self, app: AppId, room: &RoomId) -> bool {
        let place = self.places.get(&(app, room.clone()));
        let mut seats = place.into_iter().flat_map(|place| &place.seats);
        seats.any(|seat| self.seats.get(seat).is_some_and(|seat| !seat.by_stream))
    }

    pub fn seat_closed(&mut self, seat: SeatId) -> Option<Step> {
        let Seat { app, user, room, worker, .. } = self.seats.remove(&seat)?;
        let whose = (app, room, user);
        if self.by_user.get(&whose) == Some(&seat) {
            self.by_user.remove(&whose);
        }
        let at = (whose.0, whose.1);
        if let Some(place) = self.places.get_mut(&at) {
            place.seats.remove(&seat);
            self.load[worker] = self.load[worker].saturating_sub(1);
            if place.seats.is_empty() {
                self.rooms.remove(&place.key);
                self.places.remove(&at);
            }
        }
        Some(Step::ToWorker(worker, sfu::Command::Leave { participant: participant(seat) }))
    }

    /// A session's `room.offer`.
    pub fn offer(&mut self, session: SessionId, re: u64, app: AppId, user: &UserId, offer: Offer) -> Step {
        let refuse = |code, text: &str| Step::Reply { session, re, result: Err(ErrorBody::new(code, text)) };
        let mine = self.by_user.get(&(app, offer.room.clone(), user.clone()));
        let Some((&seat, held)) = mine.and_then(|seat| Some((seat, self.seats.get(seat)?))) else {
            return refuse(code::NOT_IN_ROOM, "enter the room before offering media");
        };
        if held.session != Some(session) {
            return refuse(code::NOT_IN_ROOM, "another device of yours holds the seat in this room: enter it again");
        }
        let worker = held.worker;
        let publish = offer.publish.into_iter().map(|p| (p.mid, p.track)).collect();
        let subscribe = offer.subscribe.into_iter().map(|w| {
            let publisher = self.by_user.get(&(app, offer.room.clone(), w.user)).copied();
            Wanted { mid: w.mid, publisher: publisher.map_or(NOBODY, participant), track: w.track }
        });
        let subscribe = Subscribe::Named(subscribe.collect());
        match self.ask(Asker::Session { session, re }) {
            Some(request) => Step::ToWorker(
                worker,
                sfu::Command::Offer {
                    request,
                    participant: participant(seat),
                    sdp: offer.sdp,
                    publish: Publish::Named(publish),
                    subscribe,
                },
            ),
            None => refuse(code::OVERLOADED, "too many offers are open; try again"),
        }
    }

    /// A WHIP or WHEP client's offer, for a seat that was entered without a session.
    pub fn whip_offer(&mut self, request: u64, seat: SeatId, direction: &Direction, sdp: String) -> Step {
        let refuse = |code, text: &str| Step::Whip { request, result: Err(ErrorBody::new(code, text)) };
        let Some(held) = self.seats.get(&seat) else { return refuse(code::NOT_IN_ROOM, "the seat is gone") };
        let worker = held.worker;
        let subscribe = match direction {
            Direction::Publish => Subscribe::Named(Vec::new()),
            Direction::Play { from: None } => Subscribe::Automatic { from: None },
            Direction::Play { from: Some(user) } => {
                let publisher = self.by_user.get(&(held.app, held.room.clone(), user.clone()));
                let Some(&publisher) = publisher else {
                    return refuse(code::NOT_FOUND, "nobody of that name is in the room");
                };
                Subscribe::Automatic { from: Some(participant(publisher)) }
            }
        };
        match self.ask(Asker::Whip { request }) {
            Some(id) => Step::ToWorker(
                worker,
                sfu::Command::Offer {
                    request: id,
                    participant: participant(seat),
                    sdp,
                    publish: Publish::ByKind,
                    subscribe,
                },
            ),
            None => refuse(code::OVERLOADED, "too many offers are open; try again"),
        }
    }

    /// Who serves this room, or would serve it: the worker with the fewest seats.
    pub fn worker_of(&self, app: AppId, room: &RoomId) -> usize {
        let place = self.places.get(&(app, room.clone()));
        place.map_or_else(|| (0..self.load.len()).min_by_key(|&w| self.load[w]).unwrap_or(0), |place| place.worker)
    }

    /// What a worker said.
    pub fn media(&mut self, output: sfu::Output) -> Vec<Step> {
        match output {
            sfu::Output::Answer { request, sdp, .. } => self.answered(request, Ok(sdp)).into_iter().collect(),
            sfu::Output::Refused { request, error, .. } => {
                self.answered(request, Err(offer_error(error))).into_iter().collect()
            }
            sfu::Output::Event(event) => self.event(event),
        }
    }

    /// The seat of a user who is in this room.
    pub fn seat_of(&self, app: AppId, room: &RoomId, user: &UserId) -> Option<SeatId> {
        self.by_user.get(&(app, room.clone(), user.clone())).copied()
    }

    /// The worker that serves a seat, its room there, and who the seat is in it.
    pub fn placement(&self, seat: SeatId) -> Option<(usize, RoomKey, ParticipantId)> {
        let held = self.seats.get(&seat)?;
        let place = self.places.get(&(held.app, held.room.clone()))?;
        Some((held.worker, place.key, participant(seat)))
    }

    /// Whose seat it is.
    pub fn whose(&self, seat: SeatId) -> Option<(AppId, RoomId, UserId)> {
        self.seats.get(&seat).map(|seat| (seat.app, seat.room.clone(), seat.user.clone()))
    }

    /// Whether the seat has its place on a worker already.
    pub fn is_placed(&self, seat: SeatId) -> bool {
        self.seats.contains_key(&seat)
    }

    pub fn rooms(&self) -> usize {
        self.places.len()
    }

    pub fn seats(&self) -> usize {
        self.seats.len()
    }

    fn event(&self, event: sfu::Event) -> Vec<Step> {
        match event {
            sfu::Event::TransportConnected { participant } => {
                self.transport(participant, call::MediaEvent::Connected, MediaState::Connected)
            }
            sfu::Event::TransportLost { participant } => {
                self.transport(participant, call::MediaEvent::Lost, MediaState::Lost)
            }
            sfu::Event::TransportClosed { participant } => {
                self.transport(participant, call::MediaEvent::Closed, MediaState::Closed)
            }
            sfu::Event::TrackStarted { participant, track } => {
                vec![tell_calls(participant, call::MediaEvent::TrackStarted(track))]
            }
            sfu::Event::TrackEnded { participant, track } => {
                vec![tell_calls(participant, call::MediaEvent::TrackEnded(track))]
            }
            sfu::Event::TrackUnplayable { participant, publisher, track, codec } => {
                self.unplayable(participant, publisher, track, codec).into_iter().collect()
            }
            sfu::Event::RenegotiationWanted { participant } => {
                let seat = self.seats.get(&SeatId(participant.0));
                let told = seat.and_then(|seat| Some((seat.session?, seat.room.clone())));
                let push = |(session, room)| Step::Push { session, event: Event::RoomRenegotiate { room } };
                told.map(push).into_iter().collect()
            }
            sfu::Event::Volumes { room, volumes, speaker } => self.to_room(room, |room| Event::RoomVolumes {
                room,
                volumes: (volumes.iter())
                    .filter_map(|&(p, volume)| Some(Volume { user: self.user_of(p)?, volume }))
                    .collect(),
                speaker: speaker.and_then(|p| self.user_of(p)),
            }),
            sfu::Event::Quality { room, users } => self.quality(room, &users),
        }
    }

    /// Everybody's grades to all; the figures behind them to oneself.
    fn quality(&self, room: RoomKey, users: &[(ParticipantId, sfu::Quality)]) -> Vec<Step> {
        let grade = |&(p, q): &(ParticipantId, sfu::Quality)| {
            Some(gateway::Quality { user: self.user_of(p)?, uplink: q.uplink, downlink: q.downlink })
        };
        let grades: Vec<gateway::Quality> = users.iter().filter_map(grade).collect();
        let own: BTreeMap<SeatId, gateway::OwnQuality> =
            users.iter().map(|(p, quality)| (SeatId(p.0), own_quality(quality))).collect();
        self.to_seats(room, |room, seat| {
            let (users, own) = (grades.clone(), own.get(&seat).copied());
            Event::RoomQuality { room, users, own }
        })
    }

    fn transport(&self, who: ParticipantId, event: call::MediaEvent, state: MediaState) -> Vec<Step> {
        let told = self.seats.get(&SeatId(who.0)).and_then(|seat| {
            let event = Event::RoomMedia { room: seat.room.clone(), state };
            Some(Step::Push { session: seat.session?, event })
        });
        std::iter::once(tell_calls(who, event)).chain(told).collect()
    }

    fn unplayable(
        &self,
        who: ParticipantId,
        publisher: ParticipantId,
        track: TrackName,
        codec: Option<sfu::transport::Codec>,
    ) -> Option<Step> {
        let seat = self.seats.get(&SeatId(who.0))?;
        let (room, user) = (seat.room.clone(), self.user_of(publisher)?);
        let event = Event::RoomUnplayable { room, user, track, codec: codec.map(|codec| codec.to_string()) };
        Some(Step::Push { session: seat.session?, event })
    }

    fn to_room(&self, key: RoomKey, event: impl Fn(RoomId) -> Event) -> Vec<Step> {
        let event = self.rooms.get(&key).map(|at| event(at.1.clone()));
        event.map_or_else(Vec::new, |event| self.to_seats(key, |_, _| event.clone()))
    }

    /// To each what is made for it.
    fn to_seats(&self, key: RoomKey, event: impl Fn(RoomId, SeatId) -> Event) -> Vec<Step> {
        let Some(at) = self.rooms.get(&key) else { return Vec::new() };
        let Some(place) = self.places.get(at) else { return Vec::new() };
        let sessions = place.seats.iter().filter_map(|seat| Some((*seat, self.seats.get(seat)?.session?)));
        sessions.map(|(seat, session)| Step::Push { session, event: event(at.1.clone(), seat) }).collect()
    }

    fn place(&mut self, app: AppId, room: &RoomId, seat: SeatId) -> (RoomKey, usize) {
        let at = (app, room.clone());
        if !self.places.contains_key(&at) {
            let worker = self.worker_of(app, room);
            let key = RoomKey(self.draw());
            self.rooms.insert(key, at.clone());
            self.places.insert(at.clone(), Place { key, worker, seats: BTreeSet::new() });
        }
        let place = self.places.get_mut(&at).expect("the place was made above");
        if place.seats.insert(seat) {
            self.load[place.worker] += 1;
        }
        (place.key, place.worker)
    }

    fn ask(&mut self, asker: Asker) -> Option<RequestId> {
        if self.asked.len() >= OFFERS {
            return None;
        }
        let request = RequestId(self.draw());
        self.asked.insert(request, asker);
        Some(request)
    }

    fn answered(&mut self, request: RequestId, result: Result<String, ErrorBody>) -> Option<Step> {
        Some(match self.asked.remove(&request)? {
            Asker::Session { session, re } => {
                Step::Reply { session, re, result: result.map(|sdp| json!({ "sdp": sdp })) }
            }
            Asker::Whip { request } => Step::Whip { request, result },
        })
    }

    fn draw(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn user_of(&self, participant: ParticipantId) -> Option<UserId> {
        Some(self.seats.get(&SeatId(participant.0))?.user.clone())
    }
}

/// A wanted user who is not in the room (left a moment ago): the section stays empty.
const NOBODY: ParticipantId = ParticipantId(u64::MAX);

fn own_quality(quality: &sfu::Quality) -> gateway::OwnQuality {
    let (up, down) = (quality.up, quality.down);
    gateway::OwnQuality {
        uplink: gateway::UplinkQuality {
            loss_percent: up.loss_percent,
            burst_packets: up.burst_packets,
            round_trip_ms: up.round_trip_ms,
            jitter_ms: up.jitter_ms,
            kbps: up.kbps,
            nack_interval_ms: up.nack_interval_ms,
            nack_copies: up.nack_copies,
            sound_held_ms: up.sound_held_ms,
            congested: up.congested,
        },
        downlink: gateway::DownlinkQuality {
            loss_percent: down.loss_percent,
            burst_packets: down.burst_packets,
            round_trip_ms: down.round_trip_ms,
            jitter_ms: down.jitter_ms,
            kbps: down.kbps,
            video_copies: down.video_copies,
            audio_copies: down.audio_copies,
            red_depth: down.red_depth,
            playout_delay_ms: down.playout_delay_ms,
            congested: down.congested,
        },
    }
}

fn participant(seat: SeatId) -> ParticipantId {
    ParticipantId(seat.0)
}

fn tell_calls(who: ParticipantId, event: call::MediaEvent) -> Step {
    Step::ToCalls(call::Command::Media { seat: SeatId(who.0), event })
}

fn privileges(may: Privileges) -> sfu::Privileges {
    sfu::Privileges {
        send_audio: may.allows(Privileges::SEND_AUDIO),
        receive_audio: may.allows(Privileges::RECEIVE_AUDIO),
        send_video: may.allows(Privileges::SEND_VIDEO),
        receive_video: may.allows(Privileges::RECEIVE_VIDEO),
        send_screen: may.allows(Privileges::SEND_SCREEN),
        receive_screen: may.allows(Privileges::RECEIVE_SCREEN),
    }
}

fn offer_error(error: sfu::OfferError) -> ErrorBody {
    match error {
        sfu::OfferError::Gone => ErrorBody::new(code::NOT_IN_ROOM, "the seat in this room is gone: enter it again"),
        sfu::OfferError::Malformed(what) => ErrorBody::new(code::BAD_OFFER, format!("the offer is malformed: {what}")),
        sfu::OfferError::Unsupported(what) => {
            ErrorBody::new(code::BAD_OFFER, format!("the offer asks for what is not supported: {what}"))
        }
        sfu::OfferError::Limit(what) => ErrorBody::new(code::BAD_OFFER, format!("the offer passes a limit: {what}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_proto::gateway::{OfferedTrack, TrackName, WantedTrack};

    const APP: AppId = AppId(1);

    fn user(name: &str) -> UserId {
        UserId::new(name).expect("a valid name")
    }

    fn enter(x: &mut Exchange, seat: u64, name: &str, room: u32) -> Step {
        let session = Some(SessionId(seat));
        x.entered(SeatId(seat), APP, user(name), RoomId::Number(room), session, Privileges::ALL)
    }

    fn offer(room: u32, wanted: &str) -> Offer {
        Offer {
            room: RoomId::Number(room),
            sdp: "v=0".into(),
            publish: vec![OfferedTrack { mid: "0".into(), track: TrackName::Camera }],
            subscribe: vec![WantedTrack { mid: "1".into(), user: user(wanted), track: TrackName::Camera }],
        }
    }

    fn join_of(step: Step) -> (usize, RoomKey) {
        let Step::ToWorker(worker, sfu::Command::Join { room, .. }) = step else { panic!("no join: {step:?}") };
        (worker, room)
    }

    #[test]
    fn rooms_go_to_the_least_loaded_worker_and_stay_there() {
        let mut x = Exchange::new(2);
        let (first, key) = join_of(enter(&mut x, 1, "amy", 7));
        assert_eq!(join_of(enter(&mut x, 2, "ben", 7)), (first, key));
        let (second, _) = join_of(enter(&mut x, 3, "cy", 8));
        assert_ne!(first, second);
        x.seat_closed(SeatId(1));
        x.seat_closed(SeatId(2));
        assert_eq!(x.rooms(), 1);
        assert_ne!(join_of(enter(&mut x, 4, "amy", 7)).1, key, "a room that ended never gets its key back");
    }

    #[test]
    fn offer_names_seats_and_its_answer_finds_the_asker() {
        let mut x = Exchange::new(1);
        enter(&mut x, 1, "amy", 7);
        enter(&mut x, 2, "ben", 7);
        let Step::ToWorker(0, sfu::Command::Offer { request, participant, subscribe, .. }) =
            x.offer(SessionId(1), 9, APP, &user("amy"), offer(7, "ben"))
        else {
            panic!("no offer")
        };
        assert_eq!(participant, ParticipantId(1));
        let wanted = Wanted { mid: "1".into(), publisher: ParticipantId(2), track: TrackName::Camera };
        assert_eq!(subscribe, Subscribe::Named(vec![wanted]));
        let answer = sfu::Output::Answer { request, participant, sdp: "answer".into() };
        let reply = Step::Reply { session: SessionId(1), re: 9, result: Ok(json!({"sdp": "answer"})) };
        assert_eq!(x.media(answer.clone()), [reply]);
        assert_eq!(x.media(answer), [], "a second answer finds nobody");
    }

    #[test]
    fn offer_from_outside_the_room_or_by_another_device_is_refused() {
        let mut x = Exchange::new(1);
        enter(&mut x, 1, "amy", 7);
        for (session, room) in [(SessionId(1), 8), (SessionId(5), 7)] {
            let step = x.offer(session, 1, APP, &user("amy"), offer(room, "ben"));
            let Step::Reply { result: Err(error), .. } = step else { panic!("accepted: {step:?}") };
            assert_eq!(error.code, code::NOT_IN_ROOM);
        }
    }

    #[test]
    fn volumes_reach_the_room_by_user_name() {
        let mut x = Exchange::new(1);
        let (_, key) = join_of(enter(&mut x, 1, "amy", 7));
        enter(&mut x, 2, "ben", 7);
        enter(&mut x, 3, "cy", 8);
        let volumes = vec![(ParticipantId(2), 40), (ParticipantId(99), 3)];
        let speaker = Some(ParticipantId(2));
        let steps = x.media(sfu::Output::Event(sfu::Event::Volumes { room: key, volumes, speaker }));
        let event = Event::RoomVolumes {
            room: RoomId::Number(7),
            volumes: vec![Volume { user: user("ben"), volume: 40 }],
            speaker: Some(user("ben")),
        };
        let to = |s| Step::Push { session: SessionId(s), event: event.clone() };
        assert_eq!(steps, [to(1), to(2)]);
    }
}
