//! Streams by RTMP and HTTP-FLV: who may publish and play, which seat a connection belongs to, and what its coming and
//! going means for the seat.

use super::StreamQuestion;
use super::thread::{Control, Release};
use crate::rtmp::{Input, PushId};
use carillon_call::{Command, Keeper, MediaEvent, Privileges, SeatId};
use carillon_config::{Apps, StreamKeys};
use carillon_proto::gateway::{ErrorBody, TrackName, code};
use carillon_proto::id::{AppId, RoomId, UserId};
use carillon_proto::time::Now;
use carillon_rtmp::{
    AdmissionId, Command as HubCommand, ConnectionId, Flows, Proof, Refusal, Role, StreamKey, Target, sign,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A connection that was asked about, or admitted.
#[derive(Debug, Clone)]
struct Stream {
    connection: ConnectionId,
    role: Role,
    key: StreamKey,
    user: UserId,
    /// From the admission on; players of addresses that a back end signed have none.
    seat: Option<SeatId>,
}

/// A seat that connections belong to.
#[derive(Debug)]
struct Seat {
    keeper: Keeper,
    admissions: BTreeSet<AdmissionId>,
}

pub(super) struct Streams {
    keys: BTreeMap<AppId, StreamKeys>,
    signed_life_max: Duration,
    /// Questions that the call engine has before it, by its number. Bounded by RTMP's connections, as all that follows.
    asked: BTreeMap<u64, (AdmissionId, Stream)>,
    admitted: BTreeMap<AdmissionId, Stream>,
    seats: BTreeMap<SeatId, Seat>,
    /// Streams sent on to other servers, by the name of the task.
    pushes: BTreeMap<String, (PushId, StreamKey)>,
    pushes_per_room: usize,
    last_push: u64,
}

impl Streams {
    pub(super) fn new(apps: &Apps, signed_life_max: Duration, pushes_per_room: usize) -> Self {
        Self {
            keys: apps.iter().map(|app| (AppId(app.id), app.streams.clone())).collect(),
            signed_life_max,
            asked: BTreeMap::new(),
            admitted: BTreeMap::new(),
            seats: BTreeMap::new(),
            pushes: BTreeMap::new(),
            pushes_per_room,
            last_push: 0,
        }
    }

    /// Something else keeps this seat from now on.
    pub(super) fn yield_seat(&mut self, seat: SeatId, keeper: Keeper) {
        if let Some(seat) = self.seats.get_mut(&seat) {
            seat.keeper = keeper;
        }
    }

    /// Whether a back end signed this address.
    fn is_signed(&self, now: Now, role: Role, stream: &StreamKey, secret: &str, time: &str) -> bool {
        let Some(keys) = self.keys.get(&stream.app) else { return false };
        let keys = match role {
            Role::Publish => &keys.publish,
            Role::Play => &keys.play,
        };
        sign::check(keys, stream, secret, time, now.wall, self.signed_life_max).is_ok()
    }

    /// Whether the connections of this seat are what its media state is made of.
    fn counts(keeper: Keeper, role: Role) -> bool {
        match (keeper, role) {
            (Keeper::Own, Role::Publish | Role::Play) | (Keeper::Session, Role::Publish) => true,
            (Keeper::Session, Role::Play) | (Keeper::Media, Role::Publish | Role::Play) => false,
        }
    }
}

impl Control {
    pub(super) fn handle_stream(&mut self, now: Now, question: StreamQuestion) {
        let StreamQuestion { connection, admission, role, address } = question;
        let key = address.stream;
        let refuse = |refusal| Release::Stream(Input::Hub(HubCommand::Refused { connection, admission, refusal }));
        if self.is_behind(key.app, &key.room) {
            return self.release.push(refuse(Refusal::Overloaded));
        }
        let (user, private_map_key) = match address.proof {
            Proof::User { user, token, private_map_key } => {
                let signed = self.chat.check_user_sig(now, key.app, user.as_str(), token.reveal());
                if signed.is_err() || (role == Role::Publish && user != key.publisher) {
                    return self.release.push(refuse(Refusal::Unauthorized));
                }
                (user, private_map_key.map(|key| key.reveal().to_owned()))
            }
            Proof::Signed { secret, time } => {
                if !self.streams.is_signed(now, role, &key, secret.reveal(), &time) {
                    return self.release.push(refuse(Refusal::Unauthorized));
                }
                let stream = Stream { connection, role, user: key.publisher.clone(), key, seat: None };
                if role == Role::Play {
                    return self.admit(admission, stream, Flows::BOTH);
                }
                return self.ask_for_seat(now, admission, stream, None);
            }
        };
        let stream = Stream { connection, role, key, user, seat: None };
        self.ask_for_seat(now, admission, stream, private_map_key);
    }

    fn ask_for_seat(&mut self, now: Now, admission: AdmissionId, stream: Stream, private_map_key: Option<String>) {
        let request = self.whips.next_request();
        let (app, room, user) = (stream.key.app, stream.key.room.clone(), stream.user.clone());
        self.streams.asked.insert(request, (admission, stream));
        self.tell_calls(now, Command::Attach { app, request, user, room, private_map_key });
    }

    pub(super) fn stream_attached(&mut self, now: Now, request: u64, seat: SeatId, may: Privileges, keeper: Keeper) {
        let Some((admission, mut stream)) = self.streams.asked.remove(&request) else { return };
        if !self.exchange.is_placed(seat) {
            let (app, user, room) = (stream.key.app, stream.user.clone(), stream.key.room.clone());
            let join = self.exchange.attached(seat, app, user.clone(), room.clone(), may);
            self.step(now, join);
            self.order_streams_of(app, &room, &user);
        }
        let allowed = allowed(stream.role, stream.key.screen, may);
        let held = self.streams.seats.entry(seat).or_insert(Seat { keeper, admissions: BTreeSet::new() });
        // What its own connections keep is theirs, though the call engine sees only that media is there.
        if keeper != Keeper::Media {
            held.keeper = keeper;
        }
        held.admissions.insert(admission);
        stream.seat = Some(seat);
        let counts = Streams::counts(held.keeper, stream.role);
        if allowed == Flows::default() {
            self.streams.admitted.insert(admission, stream.clone());
            self.end_stream(now, admission, MediaEvent::Closed);
            let (connection, refusal) = (stream.connection, Refusal::Denied);
            return self.tell_hub(HubCommand::Refused { connection, admission, refusal });
        }
        if counts {
            self.tell_calls(now, Command::Media { seat, event: MediaEvent::Connected });
        }
        self.admit(admission, stream, allowed);
    }

    /// `false`: the request was none of a stream.
    pub(super) fn stream_refused(&mut self, request: u64, error: &ErrorBody) -> bool {
        let Some((admission, stream)) = self.streams.asked.remove(&request) else { return false };
        let refusal = if error.code == code::LIMIT_REACHED { Refusal::Overloaded } else { Refusal::Denied };
        let connection = stream.connection;
        self.tell_hub(HubCommand::Refused { connection, admission, refusal });
        true
    }

    fn admit(&mut self, admission: AdmissionId, stream: Stream, allowed: Flows) {
        let key = &stream.key;
        let expected = self.exchange.seat_of(key.app, &key.room, &key.publisher).is_some();
        let connection = stream.connection;
        self.tell_hub(HubCommand::Admitted { connection, admission, expected, allowed });
        self.streams.admitted.insert(admission, stream);
    }

    pub(super) fn stream_left(&mut self, now: Now, admission: AdmissionId, on_purpose: bool) {
        self.end_stream(now, admission, if on_purpose { MediaEvent::Closed } else { MediaEvent::Dropped });
    }

    /// The last connection of a seat ends its media.
    fn end_stream(&mut self, now: Now, admission: AdmissionId, event: MediaEvent) {
        let Some(stream) = self.streams.admitted.remove(&admission) else { return };
        let Some(id) = stream.seat else { return };
        let Some(seat) = self.streams.seats.get_mut(&id) else { return };
        seat.admissions.remove(&admission);
        let keeper = seat.keeper;
        let others = seat.admissions.iter().filter_map(|other| self.streams.admitted.get(other));
        let last = !others.into_iter().any(|other| Streams::counts(keeper, other.role));
        if seat.admissions.is_empty() {
            self.streams.seats.remove(&id);
        }
        if last && Streams::counts(keeper, stream.role) {
            self.tell_calls(now, Command::Media { seat: id, event });
        }
    }

    /// Others in the room see which tracks are live.
    pub(super) fn stream_flows(&mut self, now: Now, stream: &StreamKey, flows: Flows) {
        let Some(seat) = self.exchange.seat_of(stream.app, &stream.room, &stream.publisher) else { return };
        let (audio, video) = tracks(stream.screen);
        for (track, live) in [(audio, flows.audio), (video, flows.video)] {
            let event = if live { MediaEvent::TrackStarted(track) } else { MediaEvent::TrackEnded(track) };
            self.tell_calls(now, Command::Media { seat, event });
        }
    }

    /// For an administrator: sends a stream on to another server, as long as the room is there.
    pub(super) fn start_push(&mut self, stream: StreamKey, url: &str) -> Result<Value, ErrorBody> {
        let form = || ErrorBody::new(code::BAD_REQUEST, "PublishCdnUrl is rtmp://host[:port]/app/name");
        let target = Target::parse(url).ok_or_else(form)?;
        let of_room = |(_, other): &&(PushId, StreamKey)| (other.app, &other.room) == (stream.app, &stream.room);
        if self.streams.pushes.values().filter(of_room).count() >= self.streams.pushes_per_room {
            return Err(ErrorBody::new(code::LIMIT_REACHED, "the room's streams are sent on to too many servers"));
        }
        self.streams.last_push += 1;
        let push = PushId(self.streams.last_push);
        let task = self.whips.secret_name();
        self.streams.pushes.insert(task.clone(), (push, stream.clone()));
        self.release.push(Release::Stream(Input::Push { push, stream, target }));
        Ok(json!({ "Response": { "TaskId": task } }))
    }

    pub(super) fn stop_push(&mut self, app: AppId, task: &str) -> Result<Value, ErrorBody> {
        let known = self.streams.pushes.get(task).filter(|(_, stream)| stream.app == app).map(|(push, _)| *push);
        let push = known.ok_or_else(|| ErrorBody::new(code::NOT_FOUND, "there is no such task"))?;
        self.streams.pushes.remove(task);
        self.release.push(Release::Stream(Input::StopPush { push }));
        Ok(json!({ "Response": { "TaskId": task } }))
    }

    pub(super) fn stop_pushes_of(&mut self, app: AppId, room: &RoomId) {
        let over = self.streams.pushes.extract_if(.., |_, (_, stream)| (stream.app, &stream.room) == (app, room));
        let over: Vec<_> = over.map(|(_, (push, _))| push).collect();
        self.release.extend(over.into_iter().map(|push| Release::Stream(Input::StopPush { push })));
    }

    /// The user is out of the room, and so are the user's connections.
    pub(super) fn streams_of_seat_end(&mut self, seat: SeatId) {
        let Some(seat) = self.streams.seats.remove(&seat) else { return };
        for admission in seat.admissions {
            let Some(stream) = self.streams.admitted.remove(&admission) else { continue };
            self.tell_hub(HubCommand::Evict { connection: stream.connection, admission });
        }
    }

    fn tell_hub(&mut self, command: HubCommand) {
        self.release.push(Release::Stream(Input::Hub(command)));
    }
}

fn tracks(screen: bool) -> (TrackName, TrackName) {
    if screen { (TrackName::ScreenAudio, TrackName::Screen) } else { (TrackName::Microphone, TrackName::Camera) }
}

fn allowed(role: Role, screen: bool, may: Privileges) -> Flows {
    let (audio, video) = match (role, screen) {
        (Role::Publish, false) => (Privileges::SEND_AUDIO, Privileges::SEND_VIDEO),
        (Role::Publish, true) => (Privileges::SEND_SCREEN, Privileges::SEND_SCREEN),
        (Role::Play, false) => (Privileges::RECEIVE_AUDIO, Privileges::RECEIVE_VIDEO),
        (Role::Play, true) => (Privileges::RECEIVE_SCREEN, Privileges::RECEIVE_SCREEN),
    };
    Flows { audio: may.allows(audio), video: may.allows(video) }
}
