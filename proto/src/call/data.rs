//! The call data: what an invitation is about.

use super::Error;
use super::json::{object, text, users};
use crate::gateway::MediaType;
use crate::id::{CallId, RoomId, UserId};
use serde_json::{Map, Value};

/// The inner layer. Everything is optional on the wire and differs between engines; unknown fields are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallData {
    /// `call_type`, else what `data.cmd` says. A busy answer of one engine has neither.
    pub media: Option<MediaType>,
    /// `room_id` of either place, else a text room.
    pub room: Option<RoomId>,
    pub cmd: Option<Cmd>,
    /// Any of the two ways to say busy.
    pub line_busy: bool,
    /// Seconds the call lasted, by its client. One engine writes 0 into every message.
    pub call_end: Option<u64>,
    /// The top-level marker of a switch, whatever `cmd` says.
    pub switch_marker: bool,
    /// Who is already in the call.
    pub in_call: Vec<UserId>,
    /// The first invitation of the call this one adds to. Said by the client: a hint, not a right.
    pub initial_call: Option<CallId>,
    /// The invite was answered and its stored message says so: late devices must not ring.
    pub consumed: bool,
    pub exclude_from_history: bool,
    /// The caller's own text, whatever its field is called.
    pub user_data: String,
    /// "MiniApp", "Web", an OS name; for people.
    pub platform: String,
}

/// `data.cmd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cmd {
    AudioCall,
    VideoCall,
    HangUp,
    SwitchToAudio,
    SwitchToVideo,
}

impl Cmd {
    pub const ALL: [Self; 5] =
        [Self::AudioCall, Self::VideoCall, Self::HangUp, Self::SwitchToAudio, Self::SwitchToVideo];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::AudioCall => "audioCall",
            Self::VideoCall => "videoCall",
            Self::HangUp => "hangup",
            Self::SwitchToAudio => "switchToAudio",
            Self::SwitchToVideo => "switchToVideo",
        }
    }
}

/// What an invitation with this data is, in the order in which clients decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// No invitation at all: somebody left, and says how long the call was. Must not ring.
    HangUp,
    /// Asks the other side for another media type within the call. Must not ring.
    Switch(MediaType),
    /// A call.
    Call,
}

impl CallData {
    pub(super) fn parse(json: &str) -> Result<Self, Error> {
        let outer = object(json)?.ok_or(Error::NotCall)?;
        if text(&outer, "businessID") != "av_call" {
            return Err(Error::NotCall);
        }
        let empty = Map::new();
        let inner = outer.get("data").and_then(Value::as_object).unwrap_or(&empty);
        let cmd = Cmd::ALL.into_iter().find(|cmd| cmd.as_str() == text(inner, "cmd"));
        Ok(Self {
            media: media(&outer, cmd)?,
            room: room(&outer, inner)?,
            cmd,
            line_busy: outer.contains_key("line_busy") || text(inner, "message") == "lineBusy",
            call_end: outer.get("call_end").and_then(Value::as_u64),
            switch_marker: !text(&outer, "switch_to_audio_call").is_empty(),
            in_call: users(&outer, "inCallUserIDs")?,
            initial_call: initial_call(inner)?,
            consumed: inner.get("consumed") == Some(&Value::Bool(true)),
            exclude_from_history: inner.get("excludeFromHistoryMessage") == Some(&Value::Bool(true)),
            user_data: user_data(&outer),
            platform: text(&outer, "platform").to_owned(),
        })
    }

    pub fn meaning(&self) -> Meaning {
        match self.cmd {
            Some(Cmd::HangUp) => Meaning::HangUp,
            Some(Cmd::SwitchToVideo) => Meaning::Switch(MediaType::Video),
            Some(Cmd::SwitchToAudio) => Meaning::Switch(MediaType::Audio),
            Some(Cmd::AudioCall | Cmd::VideoCall) | None if self.switch_marker => Meaning::Switch(MediaType::Audio),
            Some(Cmd::AudioCall | Cmd::VideoCall) | None => Meaning::Call,
        }
    }
}

fn media(outer: &Map<String, Value>, cmd: Option<Cmd>) -> Result<Option<MediaType>, Error> {
    match outer.get("call_type").map(Value::as_u64) {
        Some(Some(1)) => Ok(Some(MediaType::Audio)),
        Some(Some(2)) => Ok(Some(MediaType::Video)),
        Some(Some(_) | None) => Err(Error::Malformed("call_type")),
        None => Ok(match cmd {
            Some(Cmd::AudioCall) => Some(MediaType::Audio),
            Some(Cmd::VideoCall) => Some(MediaType::Video),
            Some(Cmd::HangUp | Cmd::SwitchToAudio | Cmd::SwitchToVideo) | None => None,
        }),
    }
}

/// A number wins over a text, the outer place over the inner; 0 and "" are no room.
fn room(outer: &Map<String, Value>, inner: &Map<String, Value>) -> Result<Option<RoomId>, Error> {
    for object in [outer, inner] {
        match object.get("room_id") {
            None | Some(Value::Null) => {}
            Some(Value::Number(n)) if n.as_u64() == Some(0) => {}
            Some(Value::Number(n)) => {
                return n.as_u64().and_then(RoomId::number).map(Some).ok_or(Error::Malformed("room_id"));
            }
            Some(Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                return Err(Error::Malformed("room_id"));
            }
        }
    }
    for object in [outer, inner] {
        match text(object, "str_room_id") {
            "" => {}
            id => return RoomId::text(id).map(Some).ok_or(Error::Malformed("str_room_id")),
        }
    }
    Ok(None)
}

fn initial_call(inner: &Map<String, Value>) -> Result<Option<CallId>, Error> {
    match text(inner, "initialCallId") {
        "" => Ok(None),
        id => CallId::new(id).map(Some).ok_or(Error::Malformed("initialCallId")),
    }
}

/// Three generations, three names. `extraInfo` is always empty.
fn user_data(outer: &Map<String, Value>) -> String {
    let fields = ["userData", "extInfo", "extraInfo"];
    fields.into_iter().map(|field| text(outer, field)).find(|text| !text.is_empty()).unwrap_or_default().to_owned()
}
