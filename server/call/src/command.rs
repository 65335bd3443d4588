//! The vocabulary of the call engine.

pub use carillon_proto::gateway::MemberChange;
use carillon_proto::gateway::{
    CallAnswer, CallRecord, CallState, EnteredRoom, ErrorBody, InviteToCall, LeaveReason, Message, SendMessage,
    StartCall, Track, TrackName, TrackState,
};
use carillon_proto::id::{AppId, CallId, GroupId, RoomId, UserId};
pub use carillon_proto::user_sig::Privileges;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The gateway session that holds a seat. The same number as the chat engine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId(pub u64);

/// One user's place in one room. Drawn by this engine, kept through reconnects and restarts, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeatId(pub u64);

/// Facts of the chat engine that a decision here may need.
pub trait Directory {
    fn is_member(&self, app: AppId, group: &GroupId, user: &UserId) -> bool;
    fn is_online(&self, app: AppId, user: &UserId) -> bool;
    /// nick, avatar
    fn profile(&self, app: AppId, user: &UserId) -> (String, String);
    /// Whether `key` is a valid PrivateMapKey of this user for this room now, and its privilege bits.
    fn private_map_key(&self, app: AppId, user: &UserId, room: &RoomId, key: &str) -> Result<u32, ErrorBody>;
}

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A message that the chat engine accepted. Those that are no `av_call` invitation are ignored.
    Follow {
        app: AppId,
        message: Box<Message>,
    },
    /// Answered by `Entered` or `Reply(Err)`.
    Enter {
        app: AppId,
        session: SessionId,
        re: u64,
        user: UserId,
        room: RoomId,
        private_map_key: Option<String>,
    },
    /// The same for clients without a gateway session (WHIP, WHEP, RTMP): the seat lives as long as its media.
    EnterWithoutSession {
        app: AppId,
        request: u64,
        user: UserId,
        room: RoomId,
        private_map_key: Option<String>,
    },
    /// A stream's connection (RTMP, HTTP-FLV): shares the seat that the user has in the room, whoever holds it, or takes
    /// one as `EnterWithoutSession` does. Answered by `Attached` or `RefusedWithoutSession`.
    Attach {
        app: AppId,
        request: u64,
        user: UserId,
        room: RoomId,
        private_map_key: Option<String>,
    },
    Leave {
        app: AppId,
        session: Option<SessionId>,
        re: u64,
        user: UserId,
        room: RoomId,
    },
    SetTracks {
        app: AppId,
        session: SessionId,
        re: u64,
        user: UserId,
        room: RoomId,
        tracks: BTreeMap<TrackName, TrackState>,
    },
    Kick {
        app: AppId,
        session: SessionId,
        re: u64,
        by: UserId,
        user: UserId,
        room: RoomId,
    },
    Dissolve {
        app: AppId,
        session: SessionId,
        re: u64,
        by: UserId,
        room: RoomId,
    },
    /// `Reply` with the calls a user is in or invited to.
    Current {
        app: AppId,
        session: SessionId,
        re: u64,
        user: UserId,
    },
    /// A client has the server do what others do by messages of their own. Answered by `Reply`.
    Ask {
        app: AppId,
        session: SessionId,
        re: u64,
        user: UserId,
        ask: Ask,
    },
    /// A message that `Output::Send` asked for was refused.
    NotSent {
        app: AppId,
        user: UserId,
        client_id: String,
        error: ErrorBody,
    },
    /// A gateway session lost its socket, got it back, or ended.
    Session {
        session: SessionId,
        state: SessionState,
    },
    /// What the media engine saw of a seat.
    Media {
        seat: SeatId,
        event: MediaEvent,
    },
    /// An administrator or the REST face removes a user.
    Remove {
        app: AppId,
        user: UserId,
        room: RoomId,
        reason: LeaveReason,
    },
    /// An administrator or the REST face closes a room: everybody is out, its calls are over.
    Close {
        app: AppId,
        room: RoomId,
        reason: LeaveReason,
    },
}

/// The verbs that make, answer and end calls.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    Start(Box<StartCall>),
    Invite(Box<InviteToCall>),
    Cancel { call: CallId, users: Vec<UserId> },
    Answer { call: CallId, answer: CallAnswer },
    HangUp { call: CallId },
    Join { call: CallId },
    Beat { call: CallId },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// The socket is lost; it may be resumed.
    Lost,
    Back,
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaEvent {
    Connected,
    Lost,
    Closed,
    /// A stream's connection is gone without a word. A gateway session keeps its seat as if it never had media; a seat
    /// that media alone keeps has the grace time.
    Dropped,
    TrackStarted(TrackName),
    TrackEnded(TrackName),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// The request `re` of a session is answered with this JSON, or an error.
    Reply {
        session: SessionId,
        re: u64,
        result: Result<serde_json::Value, ErrorBody>,
    },
    /// The seat is taken. The shell opens a participant in the media engine, then replies with `room`.
    Entered {
        session: SessionId,
        re: u64,
        app: AppId,
        user: UserId,
        seat: SeatId,
        room: EnteredRoom,
        may: Privileges,
    },
    EnteredWithoutSession {
        request: u64,
        seat: SeatId,
        room: RoomId,
        may: Privileges,
    },
    /// As `EnteredWithoutSession`. `keeper`: what keeps the seat.
    Attached {
        request: u64,
        seat: SeatId,
        room: RoomId,
        may: Privileges,
        keeper: Keeper,
    },
    RefusedWithoutSession {
        request: u64,
        error: ErrorBody,
    },
    /// The seat is free again: the media engine's participant leaves.
    SeatClosed {
        seat: SeatId,
    },
    /// Tell one user (all its sessions, or only the one that holds the seat).
    Notify {
        app: AppId,
        user: UserId,
        session: Option<SessionId>,
        event: carillon_proto::gateway::Event,
    },
    /// Send this in the user's name; `session` asked for it and is not told. It comes back by `Command::Follow`, or
    /// by `Command::NotSent`.
    Send {
        app: AppId,
        user: UserId,
        session: Option<SessionId>,
        message: Box<SendMessage>,
    },
    /// Keep the running call or room for the next start; `None`: forget it. Keys are unique and opaque.
    Save {
        key: String,
        value: Option<String>,
    },
    /// A call ended: keep its record. The first record of a call id stands: a client could use an old id again.
    Record {
        app: AppId,
        record: CallRecord,
    },
    /// Set or remove the group attribute of a running group call.
    GroupAttribute {
        app: AppId,
        group: GroupId,
        key: &'static str,
        value: Option<String>,
    },
    /// For webhooks and metrics.
    Happened {
        app: AppId,
        what: Happening,
    },
}

/// What keeps a seat that a stream's connection shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeper {
    /// The connection: it took the seat.
    Own,
    /// A gateway session.
    Session,
    /// Media of another connection without a session.
    Media,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    CallStarted(CallState),
    MemberChanged { call: CallId, user: UserId, change: MemberChange },
    CallEnded(CallRecord),
    RoomOpened { room: RoomId },
    RoomClosed { room: RoomId },
    Entered { room: RoomId, user: UserId },
    Left { room: RoomId, user: UserId, reason: LeaveReason },
    TracksChanged { room: RoomId, user: UserId, tracks: BTreeMap<TrackName, Track> },
}

/// What the engine's next timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// An invitation that no client closed.
    Guard,
    /// An answered call whose parties have not met in the room.
    Connect,
    /// An invitation whose sender has not entered the room.
    Claim,
    /// A call at its greatest length.
    Length,
    /// A lost seat.
    Grace,
    /// A ringing call whose caller is away.
    Away,
    /// Devices that ring for a call that is over.
    Notice,
}
