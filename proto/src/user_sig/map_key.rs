//! PrivateMapKey: a UserSig whose userbuf says which room its user may enter and what it may do there.

use super::{SigError, UserSig};
use crate::gateway::{ErrorBody, TrackName, code};
use crate::id::{AppId, RoomId, UserId};
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// What a user may do in a room, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Privileges(pub u32);

impl Privileges {
    pub const CREATE_ROOM: Self = Self(1);
    pub const JOIN_ROOM: Self = Self(2);
    pub const SEND_AUDIO: Self = Self(4);
    pub const RECEIVE_AUDIO: Self = Self(8);
    pub const SEND_VIDEO: Self = Self(16);
    pub const RECEIVE_VIDEO: Self = Self(32);
    pub const SEND_SCREEN: Self = Self(64);
    pub const RECEIVE_SCREEN: Self = Self(128);
    pub const ALL: Self = Self(255);

    /// Whether every bit of `what` is set.
    pub fn allows(self, what: Self) -> bool {
        self.0 & what.0 == what.0
    }

    /// The right to publish this track; a screen's sound is of the screen.
    pub fn to_send(track: TrackName) -> Self {
        match track {
            TrackName::Microphone => Self::SEND_AUDIO,
            TrackName::Camera => Self::SEND_VIDEO,
            TrackName::Screen | TrackName::ScreenAudio => Self::SEND_SCREEN,
        }
    }

    /// The right to subscribe to this track of somebody.
    pub fn to_receive(track: TrackName) -> Self {
        match track {
            TrackName::Microphone => Self::RECEIVE_AUDIO,
            TrackName::Camera => Self::RECEIVE_VIDEO,
            TrackName::Screen | TrackName::ScreenAudio => Self::RECEIVE_SCREEN,
        }
    }

    /// As `EnteredRoom::may` says it: `sendAudio`, `receiveAudio`, `sendVideo`, `receiveVideo`, `sendScreen`,
    /// `receiveScreen`, those that are given.
    pub fn names(self) -> Vec<String> {
        let all = [
            (Self::SEND_AUDIO, "sendAudio"),
            (Self::RECEIVE_AUDIO, "receiveAudio"),
            (Self::SEND_VIDEO, "sendVideo"),
            (Self::RECEIVE_VIDEO, "receiveVideo"),
            (Self::SEND_SCREEN, "sendScreen"),
            (Self::RECEIVE_SCREEN, "receiveScreen"),
        ];
        all.into_iter().filter(|(right, _)| self.allows(*right)).map(|(_, name)| name.to_owned()).collect()
    }
}

/// The userbuf's contents: big-endian, no padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateMapKey {
    pub user: UserId,
    pub app: AppId,
    pub room: RoomId,
    /// Absolute, Unix seconds.
    pub expires: u32,
    pub privileges: Privileges,
}

/// Why a key does not open the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MapKeyError {
    /// The text around it is no UserSig of this user.
    Sig(SigError),
    /// No userbuf, or one that is not the layout.
    Malformed,
    /// Written for another user or app than the text that carries it.
    OtherUser,
    OtherRoom,
    Expired,
}

impl MapKeyError {
    /// Clients know one code for all of these; the message tells them apart.
    pub fn body(self) -> ErrorBody {
        let message = match self {
            Self::Sig(error) => format!("PrivateMapKey: {}", error.body().message),
            Self::Malformed => "the PrivateMapKey holds no room: a UserSig is none".to_owned(),
            Self::OtherUser => "the PrivateMapKey was made for another user".to_owned(),
            Self::OtherRoom => "the PrivateMapKey was made for another room".to_owned(),
            Self::Expired => "the PrivateMapKey has expired: make a new one".to_owned(),
        };
        ErrorBody::new(code::ENTER_REFUSED, message)
    }
}

/// cVer of a key whose room is a number, and of one with a text appended.
const ROOM_IS_NUMBER: u8 = 0;
const ROOM_IS_TEXT: u8 = 1;

impl PrivateMapKey {
    /// Checks `text` as the key of `user` to `room` in `app` at `now`; its privileges are still to be applied.
    pub fn check<K: AsRef<str>>(
        text: &str,
        app: AppId,
        user: &UserId,
        room: &RoomId,
        keys: &[K],
        now: UnixMillis,
    ) -> Result<Self, MapKeyError> {
        let sig = UserSig::check(text, app, user, keys, now).map_err(MapKeyError::Sig)?;
        let key = sig.userbuf.as_deref().and_then(Self::parse).ok_or(MapKeyError::Malformed)?;
        if key.user != *user || key.app != app {
            return Err(MapKeyError::OtherUser);
        }
        if key.room != *room {
            return Err(MapKeyError::OtherRoom);
        }
        if now > UnixMillis::from_secs(u64::from(key.expires)) {
            return Err(MapKeyError::Expired);
        }
        Ok(key)
    }

    /// The signed text, made at `time` (Unix seconds) with `key`; it lives until `expires`.
    pub fn make(&self, time: u64, key: &str) -> String {
        let expire = u64::from(self.expires).saturating_sub(time);
        let sig = UserSig { app: self.app, user: self.user.clone(), time, expire, userbuf: Some(self.write()) };
        sig.make(key)
    }

    /// The userbuf.
    pub fn write(&self) -> Vec<u8> {
        let (version, number, text) = match &self.room {
            RoomId::Number(number) => (ROOM_IS_NUMBER, *number, None),
            RoomId::Text(text) => (ROOM_IS_TEXT, 0, Some(text)),
        };
        let mut out = vec![version];
        write_text(&mut out, self.user.as_str());
        for field in [self.app.0, number, self.expires, self.privileges.0, ACCOUNT_TYPE] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        if let Some(text) = text {
            write_text(&mut out, text);
        }
        out
    }

    /// `None` where the bytes are not the layout, to the last one.
    pub fn parse(userbuf: &[u8]) -> Option<Self> {
        let mut rest = userbuf;
        let [version] = take(&mut rest)?;
        let user = UserId::new(take_text(&mut rest)?)?;
        let app = AppId(take_u32(&mut rest)?);
        let number = take_u32(&mut rest)?;
        let expires = take_u32(&mut rest)?;
        let privileges = Privileges(take_u32(&mut rest)?);
        let _account_type = take_u32(&mut rest)?;
        let room = match version {
            ROOM_IS_NUMBER => RoomId::number(u64::from(number))?,
            ROOM_IS_TEXT => RoomId::text(take_text(&mut rest)?)?,
            _ => return None,
        };
        rest.is_empty().then_some(Self { user, app, room, expires, privileges })
    }
}

/// dwAccountType: not used any more, always 0.
const ACCOUNT_TYPE: u32 = 0;

fn write_text(out: &mut Vec<u8>, text: &str) {
    // Both texts are ids of 64 bytes at most.
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_be_bytes)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::from(take(rest).map(u16::from_be_bytes)?);
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    std::str::from_utf8(head).ok()
}
