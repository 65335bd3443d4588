//! A room, and the seats in it.

use crate::{Privileges, SeatId, SessionId};
use carillon_proto::gateway::{Participant, Track, TrackName, TrackState};
use carillon_proto::id::{AppId, GroupId, RoomId, UserId};
use carillon_proto::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Kicked users that one room remembers; the first by name make way.
const BANNED_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Room {
    pub app: AppId,
    pub id: RoomId,
    /// The first entrant; when gone, who sits longest.
    pub owner: UserId,
    /// The room is a call's, or was and is not empty yet.
    pub claim: Option<Guests>,
    banned: BTreeSet<UserId>,
    #[serde(skip)]
    pub seats: BTreeMap<UserId, SeatId>,
}

/// Who may enter a call's room.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Guests {
    pub users: BTreeSet<UserId>,
    /// Their members may.
    pub groups: BTreeSet<GroupId>,
}

impl Room {
    pub(crate) fn new(app: AppId, id: RoomId, owner: UserId) -> Self {
        Self { app, id, owner, claim: None, banned: BTreeSet::new(), seats: BTreeMap::new() }
    }

    pub(crate) fn is_banned(&self, user: &UserId) -> bool {
        self.banned.contains(user)
    }

    pub(crate) fn ban(&mut self, user: UserId) {
        self.banned.insert(user);
        if self.banned.len() > BANNED_MAX {
            self.banned.pop_first();
        }
    }

    pub(crate) fn pardon(&mut self, user: &UserId) {
        self.banned.remove(user);
    }

    /// Frees `user`'s place. Another owner follows: who sits longest.
    pub(crate) fn vacate(&mut self, user: &UserId) {
        self.seats.remove(user);
        if self.owner == *user
            && let Some((next, _)) = self.seats.iter().min_by_key(|(_, seat)| **seat)
        {
            self.owner = next.clone();
        }
    }
}

/// What keeps a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Holder {
    /// A gateway session; `up`: its socket is there.
    Session { id: SessionId, up: bool },
    /// Nobody: the session was not resumed in time, or the server was restarted. Media may still flow.
    Nobody,
    /// Nobody: the session said goodbye, or was ended. Media that still flows has the grace time to come back.
    SignedOut,
    /// A client without a session: media alone keeps it.
    Media,
}

/// The seat's media connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Media {
    /// Not yet, or not any more by the client's own wish.
    None,
    Connected,
    /// The client that the seat was taken over from had one. It may go on (the same page under a new sign-in) or make
    /// way for another; word of its end says nothing about who sits here now.
    Inherited,
    Lost,
}

/// One user's place in one room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seat {
    pub id: SeatId,
    pub app: AppId,
    pub room: RoomId,
    pub user: UserId,
    pub may: Privileges,
    pub tracks: BTreeMap<TrackName, Track>,
    /// Without a session; the rest of `holder` does not outlive the process.
    pub sessionless: bool,
    #[serde(skip, default = "nobody")]
    pub holder: Holder,
    #[serde(skip, default = "no_media")]
    pub media: Media,
    /// When a lost seat ends.
    #[serde(skip)]
    pub ends: Option<UnixMillis>,
}

fn nobody() -> Holder {
    Holder::Nobody
}

fn no_media() -> Media {
    Media::None
}

impl Seat {
    /// Somebody is there: media flows, or, where there never was any, the session's socket is up.
    pub(crate) fn is_present(&self) -> bool {
        match (self.holder, self.media) {
            (Holder::SignedOut, Media::None | Media::Connected | Media::Inherited | Media::Lost) => false,
            (Holder::Session { .. } | Holder::Nobody | Holder::Media, Media::Connected) => true,
            (Holder::Session { .. } | Holder::Nobody | Holder::Media, Media::Lost) => false,
            (Holder::Session { .. }, Media::Inherited) => true,
            (Holder::Session { up, .. }, Media::None) => up,
            (Holder::Nobody | Holder::Media, Media::None | Media::Inherited) => false,
        }
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        match self.holder {
            Holder::Session { id, .. } => Some(id),
            Holder::Nobody | Holder::SignedOut | Holder::Media => None,
        }
    }

    /// The state of one's own track, said by oneself.
    pub(crate) fn set_track(&mut self, name: TrackName, state: TrackState) -> bool {
        let track = self.tracks.entry(name).or_insert(Track { state: TrackState::Off, live: false });
        let changed = track.state != state;
        track.state = state;
        changed
    }

    /// Media of a track came or went. One that nobody announced is on: it is heard or seen.
    pub(crate) fn set_live(&mut self, name: TrackName, live: bool) -> bool {
        let track = self.tracks.entry(name).or_insert(Track { state: TrackState::On, live: false });
        let changed = track.live != live;
        track.live = live;
        changed
    }

    /// No media any more. Whether that changed anything to see.
    pub(crate) fn end_media(&mut self) -> bool {
        let live: Vec<TrackName> = self.tracks.iter().filter(|(_, t)| t.live).map(|(name, _)| *name).collect();
        for name in &live {
            self.set_live(*name, false);
        }
        !live.is_empty()
    }

    /// As kept for the next start, when no media will be there.
    pub(crate) fn to_save(&self) -> Self {
        let mut seat = self.clone();
        seat.end_media();
        seat
    }

    pub(crate) fn participant(&self, (nick, avatar): (String, String)) -> Participant {
        Participant { user: self.user.clone(), nick, avatar, tracks: self.tracks.clone() }
    }
}
