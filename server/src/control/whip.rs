//! WHIP and WHEP: one request makes a seat, an offer and an answer; the resource it names ends it.

use super::thread::{Control, Release};
use super::{WhipAnswer, WhipDirection, WhipRequest};
use crate::exchange::Direction;
use carillon_call::{Command, Privileges, SeatId};
use carillon_proto::gateway::{ErrorBody, code};
use carillon_proto::id::{AppId, RoomId, UserId};
use carillon_proto::time::Now;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Offers that wait for their answer.
const PENDING: usize = 1000;
/// How long a media worker may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

type Reply = oneshot::Sender<Result<WhipAnswer, ErrorBody>>;

/// One client with a seat.
#[derive(Debug, Clone)]
struct Resource {
    app: AppId,
    user: UserId,
    room: RoomId,
    seat: SeatId,
}

struct Pending {
    app: AppId,
    user: UserId,
    direction: Direction,
    sdp: String,
    until: Instant,
    reply: Reply,
    /// Named as soon as the seat is known.
    resource: Option<String>,
}

pub(super) struct Whips {
    random: Box<dyn FnMut() -> u128 + Send>,
    last_request: u64,
    pending: BTreeMap<u64, Pending>,
    resources: BTreeMap<String, Resource>,
    by_seat: BTreeMap<SeatId, String>,
}

impl Whips {
    pub(super) fn new(random: Box<dyn FnMut() -> u128 + Send>) -> Self {
        Self { random, last_request: 0, pending: BTreeMap::new(), resources: BTreeMap::new(), by_seat: BTreeMap::new() }
    }

    /// A name that nobody can guess.
    pub(super) fn secret_name(&mut self) -> String {
        format!("{:032x}", (self.random)())
    }

    /// The number of a request without a session; streams ask under one, too.
    pub(super) fn next_request(&mut self) -> u64 {
        self.last_request += 1;
        self.last_request
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.pending.values().map(|p| p.until).min()
    }

    pub(super) fn forget_seat(&mut self, seat: SeatId) {
        if let Some(name) = self.by_seat.remove(&seat) {
            self.resources.remove(&name);
        }
    }

    /// A seat has one resource: the name is kept when the same user offers again.
    fn name_seat(&mut self, resource: Resource) -> String {
        if let Some(name) = self.by_seat.get(&resource.seat) {
            return name.clone();
        }
        let name = self.secret_name();
        self.by_seat.insert(resource.seat, name.clone());
        self.resources.insert(name.clone(), resource);
        name
    }
}

impl Control {
    pub(super) fn handle_whip(&mut self, now: Now, request: WhipRequest, reply: Reply) {
        let WhipRequest { app, room, user, user_sig, private_map_key, direction, sdp, resource } = request;
        let checked = self.chat.check_user_sig(now, app, &user, &user_sig);
        let user = match checked {
            Ok(user) if self.whips.pending.len() < PENDING && !self.is_behind(app, &room) => user,
            Ok(_) => return self.answer(reply, Err(overloaded())),
            Err(error) => return self.answer(reply, Err(error)),
        };
        let direction = match direction {
            WhipDirection::Publish => Direction::Publish,
            WhipDirection::Play { from } => Direction::Play { from },
        };
        let id = self.whips.next_request();
        let until = now.instant + PATIENCE;
        let known = resource.and_then(|name| Some((self.whips.resources.get(&name)?.clone(), name)));
        let named = known.as_ref().map(|(_, name)| name.clone());
        let pending = Pending { app, user: user.clone(), direction, sdp, until, reply, resource: named };
        self.whips.pending.insert(id, pending);
        match known {
            Some((known, _)) if known.app == app && known.user == user && known.room == room => {
                self.offer_whip(now, id, known.seat)
            }
            Some(_) | None => {
                self.tell_calls(now, Command::EnterWithoutSession { app, request: id, user, room, private_map_key });
            }
        }
    }

    pub(super) fn whip_entered(&mut self, now: Now, request: u64, seat: SeatId, room: RoomId, may: Privileges) {
        let Some(pending) = self.whips.pending.get(&request) else { return };
        let (app, user) = (pending.app, pending.user.clone());
        self.streams.yield_seat(seat, carillon_call::Keeper::Media);
        let join = self.exchange.entered(seat, app, user.clone(), room.clone(), None, may);
        self.step(now, join);
        self.order_streams_of(app, &room, &user);
        self.order_streams_around(seat);
        let name = self.whips.name_seat(Resource { app, user, room, seat });
        if let Some(pending) = self.whips.pending.get_mut(&request) {
            pending.resource = Some(name);
        }
        self.offer_whip(now, request, seat);
    }

    fn offer_whip(&mut self, now: Now, request: u64, seat: SeatId) {
        let Some(pending) = self.whips.pending.get_mut(&request) else { return };
        let sdp = std::mem::take(&mut pending.sdp);
        let step = self.exchange.whip_offer(request, seat, &pending.direction, sdp);
        self.step(now, step);
    }

    pub(super) fn whip_answered(&mut self, now: Now, request: u64, result: Result<String, ErrorBody>) {
        let Some(pending) = self.whips.pending.remove(&request) else { return };
        let resource = pending.resource.unwrap_or_default();
        match result {
            Ok(sdp) => self.answer(pending.reply, Ok(WhipAnswer { resource, sdp })),
            Err(error) => {
                self.handle_whip_delete(now, &resource);
                self.answer(pending.reply, Err(error));
            }
        }
    }

    /// `false`: there is no such resource.
    pub(super) fn handle_whip_delete(&mut self, now: Now, resource: &str) -> bool {
        let Some(Resource { app, user, room, .. }) = self.whips.resources.get(resource).cloned() else { return false };
        self.tell_calls(now, Command::Leave { app, session: None, re: 0, user, room });
        true
    }

    pub(super) fn expire_whips(&mut self, now: Now) {
        let late = self.whips.pending.iter().filter(|(_, p)| p.until <= now.instant);
        for request in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.whip_answered(now, request, Err(overloaded()));
        }
    }

    fn answer(&mut self, reply: Reply, result: Result<WhipAnswer, ErrorBody>) {
        self.release.push(Release::Whip(reply, result));
    }
}

pub(super) fn overloaded() -> ErrorBody {
    ErrorBody::new(code::OVERLOADED, "the server is overloaded; try again")
}
