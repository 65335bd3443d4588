//! The names that things carry on the wire, as types: a room is never mistaken for a user.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// One application (tenant). Nothing of one app is ever visible to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(pub u32);

/// A text id whose form was checked when it was made.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:expr, $ok:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// `None` where the text breaks the id's rule (length in bytes, alphabet).
            pub fn new(text: impl Into<String>) -> Option<Self> {
                let text = text.into();
                let allowed: fn(u8) -> bool = $ok;
                (!text.is_empty() && text.len() <= $max && text.bytes().all(allowed)).then_some(Self(text))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                Self::new(text).ok_or_else(|| serde::de::Error::custom(concat!("not a valid ", stringify!($name))))
            }
        }
    };
}

text_id!(
    /// A user's name: `[A-Za-z0-9_-]{1,32}`.
    UserId, 32, |b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
);
text_id!(
    /// A chat group's name: printable ASCII without quotes and slashes, 48 bytes at most.
    GroupId, 48, |b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'/' | b'\\')
);
text_id!(
    /// One stored message, made by the server, unique within its app.
    MessageId, 64, |b| b.is_ascii_graphic()
);
text_id!(
    /// One invitation (`inviteID`): made by the inviter's client, a UUID in practice.
    InviteId, 64, |b| b.is_ascii_graphic()
);
text_id!(
    /// One call: the `inviteID` of its first invitation.
    CallId, 64, |b| b.is_ascii_graphic()
);
text_id!(
    /// One installation of a client: it keeps the id across reloads (a UUID in practice).
    DeviceId, 64, |b| b.is_ascii_graphic()
);

/// A room where media is exchanged. The number 123 and the text "123" are two different rooms.
///
/// JSON: a number is a numeric room (1…4294967295), a string is a string room (1…64 bytes).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RoomId {
    Number(u32),
    Text(String),
}

impl RoomId {
    /// A numeric room; zero is no room.
    pub fn number(n: u64) -> Option<Self> {
        u32::try_from(n).ok().filter(|n| *n > 0).map(Self::Number)
    }

    /// A string room: 1…64 bytes, no control characters.
    pub fn text(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty() && text.len() <= 64 && !text.chars().any(char::is_control)).then_some(Self::Text(text))
    }

    /// The form used in addresses, before percent-encoding: canonical decimal, or `str:` + text.
    pub fn parse_canonical(text: &str) -> Option<Self> {
        match text.strip_prefix("str:") {
            Some(rest) => Self::text(rest),
            None => {
                let canonical = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
                canonical.then(|| text.parse().ok()).flatten().and_then(Self::number)
            }
        }
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Text(t) => write!(f, "str:{t}"),
        }
    }
}

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(n) => s.serialize_u32(*n),
            Self::Text(t) => s.serialize_str(t),
        }
    }
}

impl<'de> Deserialize<'de> for RoomId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(u64),
            Text(String),
        }
        let room = match Raw::deserialize(d)? {
            Raw::Number(n) => Self::number(n),
            Raw::Text(t) => Self::text(t),
        };
        room.ok_or_else(|| serde::de::Error::custom("not a valid room"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_id_takes_only_its_alphabet() {
        assert!(UserId::new("Amy_01-x").is_some());
        for bad in ["", "a b", "é", "a/b", &"x".repeat(33)] {
            assert!(UserId::new(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn number_and_text_are_different_rooms() {
        assert_ne!(RoomId::parse_canonical("123"), RoomId::parse_canonical("str:123"));
        for bad in ["0", "0123", "+1", "4294967296", "", "str:", "1a"] {
            assert_eq!(RoomId::parse_canonical(bad), None, "{bad:?}");
        }
        let rooms: Vec<RoomId> = serde_json::from_str(r#"[7,"7"]"#).expect("both forms parse");
        assert_eq!(rooms, [RoomId::Number(7), RoomId::Text("7".into())]);
        assert!(serde_json::from_str::<RoomId>("0").is_err());
    }
}
