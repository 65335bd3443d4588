//! Which streams are carried between RTMP and a room: those that a connection publishes while its publisher sits in the
//! room, from when somebody sits there who may see them; and those that players want of somebody who sits there and
//! publishes otherwise.

use super::thread::{Control, Release};
use crate::bridge::Order;
use carillon_call::SeatId;
use carillon_proto::id::{AppId, RoomId, UserId};
use carillon_rtmp::StreamKey;
use carillon_sfu::{Command, VideoPolicy};
use std::collections::BTreeMap;

/// What RTMP's side says of a stream, and what was ordered of it.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    published: bool,
    wanted: bool,
    ordered: Ordered,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Ordered {
    #[default]
    Nothing,
    Publish(SeatId),
    Play(SeatId),
}

/// Bounded by RTMP's streams, which are bounded by its connections.
#[derive(Debug, Default)]
pub(super) struct Bridging {
    streams: BTreeMap<StreamKey, Known>,
}

impl Known {
    /// `company`: somebody in the room takes media of the worker. What was begun for such goes on without.
    fn order(self, seat: Option<SeatId>, company: bool) -> Ordered {
        match seat {
            Some(seat) if self.published && (company || self.ordered == Ordered::Publish(seat)) => {
                Ordered::Publish(seat)
            }
            Some(_) if self.published => Ordered::Nothing,
            Some(seat) if self.wanted => Ordered::Play(seat),
            Some(_) | None => Ordered::Nothing,
        }
    }
}

impl Control {
    pub(super) fn stream_published(&mut self, stream: StreamKey, on: bool) {
        self.bridging.streams.entry(stream.clone()).or_default().published = on;
        self.order_stream(stream);
    }

    pub(super) fn stream_wanted(&mut self, stream: StreamKey, on: bool) {
        self.bridging.streams.entry(stream.clone()).or_default().wanted = on;
        self.order_stream(stream);
    }

    /// A user took a seat, or left it.
    pub(super) fn order_streams_of(&mut self, app: AppId, room: &RoomId, publisher: &UserId) {
        for screen in [false, true] {
            let stream = StreamKey { app, room: room.clone(), publisher: publisher.clone(), screen };
            if self.bridging.streams.contains_key(&stream) {
                self.order_stream(stream);
            }
        }
    }

    /// Somebody came who may see what others publish.
    pub(super) fn order_streams_around(&mut self, seat: SeatId) {
        let Some((app, room, _)) = self.exchange.whose(seat) else { return };
        let of_room = |key: &&StreamKey| (key.app, &key.room) == (app, &room);
        // The least of all names.
        let Some(publisher) = UserId::new("-") else { return };
        let first = StreamKey { app, room: room.clone(), publisher, screen: false };
        let streams = self.bridging.streams.range(first..).map(|(key, _)| key);
        let streams: Vec<_> = streams.take_while(of_room).cloned().collect();
        streams.into_iter().for_each(|stream| self.order_stream(stream));
    }

    /// Brings what is ordered to what is known.
    fn order_stream(&mut self, stream: StreamKey) {
        let seat = self.exchange.seat_of(stream.app, &stream.room, &stream.publisher);
        let company = self.exchange.has_takers(stream.app, &stream.room);
        let Some(known) = self.bridging.streams.get_mut(&stream) else { return };
        let wanted = known.order(seat, company);
        let before = std::mem::replace(&mut known.ordered, wanted);
        if !known.published && !known.wanted {
            self.bridging.streams.remove(&stream);
        }
        if wanted == before {
            return;
        }
        if before != Ordered::Nothing {
            self.release.push(Release::Bridge(Order::End { stream: stream.clone() }));
        }
        match wanted {
            Ordered::Nothing => {}
            Ordered::Publish(seat) => {
                if let Some((worker, _, participant)) = self.exchange.placement(seat) {
                    self.release.push(Release::Bridge(Order::Publish { stream, worker, participant }));
                }
            }
            Ordered::Play(seat) => {
                if let Some((worker, room, participant)) = self.exchange.placement(seat) {
                    // Players have H.264 alone: publishers who send something else are asked to offer again.
                    let video = VideoPolicy::H264;
                    self.release.push(Release::Worker(worker, Command::SetRoomCodec { room, video }));
                    self.release.push(Release::Bridge(Order::Play { stream, worker, participant }));
                }
            }
        }
    }
}
