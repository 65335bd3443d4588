//! The same messages, written: for what the server says in users' names, tests and clients in Rust.

use super::{Action, CallData, Cmd, Envelope, Meaning, Signal, Timeout};
use crate::gateway::MediaType;
use crate::id::{CallId, GroupId, InviteId, RoomId, UserId};
use serde_json::{Map, Value, json};

/// Which client engine's dialect is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Mini-programs, engine 1.x: numeric rooms only.
    MiniApp,
    /// Browsers, engine 3.x.
    Web,
}

/// Writes signalling texts in one engine's dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    engine: Engine,
}

impl Writer {
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// The `payload.data` of the custom message.
    pub fn write(self, signal: &Signal) -> String {
        let envelope = &signal.envelope;
        json!({
            "businessID": 1,
            "inviteID": envelope.invite,
            "inviter": envelope.inviter,
            "actionType": envelope.action as u8,
            "inviteeList": envelope.invitees,
            "data": self.data(signal),
            "timeout": envelope.timeout.0,
            "groupID": envelope.group.as_ref().map_or("", GroupId::as_str),
        })
        .to_string()
    }

    fn data(self, signal: &Signal) -> String {
        let data = &signal.data;
        let mut outer = Map::new();
        let user_data = match self.engine {
            Engine::MiniApp => "extInfo",
            Engine::Web => "userData",
        };
        outer.insert(user_data.into(), data.user_data.clone().into());
        outer.insert("version".into(), 4.into());
        if let Some(media) = data.media {
            outer.insert("call_type".into(), call_type(media).into());
        }
        match &data.room {
            Some(RoomId::Number(room)) => drop(outer.insert("room_id".into(), (*room).into())),
            Some(RoomId::Text(_)) => drop(outer.insert("room_id".into(), 0.into())),
            None => {}
        }
        if let Some(seconds) = data.call_end {
            outer.insert("call_end".into(), seconds.into());
        }
        if data.line_busy {
            outer.insert("line_busy".into(), "line_busy".into());
        }
        if data.switch_marker {
            outer.insert("switch_to_audio_call".into(), "switch_to_audio_call".into());
        }
        if !data.in_call.is_empty() {
            outer.insert("inCallUserIDs".into(), json!(data.in_call));
        }
        outer.insert("businessID".into(), "av_call".into());
        outer.insert("platform".into(), platform(self.engine, data).into());
        outer.insert("data".into(), self.inner(signal));
        Value::Object(outer).to_string()
    }

    fn inner(self, signal: &Signal) -> Value {
        let data = &signal.data;
        let mut inner = Map::new();
        if let Some(cmd) = data.cmd {
            inner.insert("cmd".into(), cmd.as_str().into());
        }
        match &data.room {
            Some(RoomId::Number(room)) => {
                inner.insert("room_id".into(), (*room).into());
                if self.engine == Engine::Web {
                    inner.insert("str_room_id".into(), "".into());
                }
            }
            Some(RoomId::Text(room)) => {
                inner.insert("room_id".into(), 0.into());
                inner.insert("str_room_id".into(), room.clone().into());
            }
            None => {}
        }
        inner.insert("message".into(), if data.line_busy { "lineBusy" } else { "" }.into());
        if let Some(call) = &data.initial_call {
            inner.insert("initialCallId".into(), call.as_str().into());
        }
        if self.engine == Engine::Web {
            inner.insert("inviter".into(), signal.envelope.inviter.as_str().into());
            let envelope = &signal.envelope;
            if envelope.group.is_none() && envelope.action == Action::Invite && data.meaning() == Meaning::Call {
                inner.insert("userIDs".into(), json!(envelope.invitees));
            }
        }
        if data.exclude_from_history {
            inner.insert("excludeFromHistoryMessage".into(), true.into());
        }
        if data.consumed {
            inner.insert("consumed".into(), true.into());
        }
        Value::Object(inner)
    }
}

fn call_type(media: MediaType) -> u8 {
    match media {
        MediaType::Audio => 1,
        MediaType::Video => 2,
    }
}

fn platform(engine: Engine, data: &CallData) -> String {
    match (engine, data.platform.as_str()) {
        (Engine::MiniApp, "") => "MiniApp".to_owned(),
        (Engine::Web, "") => "Web".to_owned(),
        (Engine::MiniApp | Engine::Web, other) => other.to_owned(),
    }
}

fn cmd(media: MediaType) -> Cmd {
    match media {
        MediaType::Audio => Cmd::AudioCall,
        MediaType::Video => Cmd::VideoCall,
    }
}

impl Signal {
    /// Seconds that clients let an invitation ring.
    pub const RING_SECONDS: i64 = 30;

    /// `inviter` calls `invitees`: one user, or some of a group.
    pub fn invite(
        invite: InviteId,
        inviter: UserId,
        invitees: Vec<UserId>,
        group: Option<GroupId>,
        media: MediaType,
        room: RoomId,
    ) -> Self {
        let timeout = Timeout(Self::RING_SECONDS);
        let data = CallData { media: Some(media), room: Some(room), cmd: Some(cmd(media)), ..CallData::default() };
        Self { envelope: Envelope { invite, inviter, invitees, action: Action::Invite, timeout, group }, data }
    }

    /// Says that this invitation adds to a running call.
    pub fn adding_to(mut self, call: CallId, in_call: Vec<UserId>) -> Self {
        self.data.initial_call = Some(call);
        self.data.in_call = in_call;
        self
    }

    /// Another action on this invitation by or about `invitees`.
    fn answer(&self, action: Action, invitees: Vec<UserId>) -> Self {
        let envelope = Envelope { invitees, action, timeout: Timeout(0), ..self.envelope.clone() };
        let data = CallData { media: self.data.media, cmd: self.data.cmd, ..CallData::default() };
        Self { envelope, data }
    }

    pub fn accept(&self, by: UserId) -> Self {
        let mut answer = self.answer(Action::Accept, vec![by]);
        answer.data.switch_marker = self.data.switch_marker;
        answer
    }

    pub fn reject(&self, by: UserId) -> Self {
        self.answer(Action::Reject, vec![by])
    }

    pub fn busy(&self, by: UserId) -> Self {
        let mut answer = self.reject(by);
        answer.data.line_busy = true;
        answer
    }

    /// The inviter takes the invitation back from those of `open`.
    pub fn cancel(&self, open: Vec<UserId>) -> Self {
        self.answer(Action::Cancel, open)
    }

    /// An invitee's own notice (`[self]`), or the inviter's for all still open.
    pub fn time_out(&self, open: Vec<UserId>) -> Self {
        let mut notice = self.answer(Action::TimeOut, open);
        notice.data.clone_from(&self.data);
        notice
    }

    /// `by` left a call that lasted `seconds`; `to` are those told. An invitation in form only.
    pub fn hang_up(
        invite: InviteId,
        by: UserId,
        to: Vec<UserId>,
        group: Option<GroupId>,
        media: MediaType,
        seconds: u64,
    ) -> Self {
        let envelope =
            Envelope { invite, inviter: by, invitees: to, action: Action::Invite, timeout: Timeout(0), group };
        let data =
            CallData { media: Some(media), cmd: Some(Cmd::HangUp), call_end: Some(seconds), ..CallData::default() };
        Self { envelope, data }
    }

    /// `by` asks `to` to go on without pictures.
    pub fn switch_to_audio(invite: InviteId, by: UserId, to: UserId, room: RoomId) -> Self {
        let mut signal = Self::invite(invite, by, vec![to], None, MediaType::Video, room);
        signal.data.cmd = Some(Cmd::SwitchToAudio);
        signal.data.switch_marker = true;
        signal
    }
}
