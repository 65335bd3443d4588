//! Frames: the envelope around requests, replies and events, and the few frames that are outside the sequence.

use super::{Event, Snapshot};
use crate::id::{AppId, DeviceId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The protocol's version, in `hello` and `welcome`.
pub const VERSION: u32 = 1;

/// What a client may send. `hello` comes first on each socket; all else needs a `welcome`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientFrame {
    /// Signs in, or resumes a session whose socket was lost.
    Hello {
        version: u32,
        #[serde(flatten)]
        credentials: Credentials,
    },
    /// `id`: 1, 2, 3, … within the session. `ack`: the highest server `seq` handled so far.
    Request {
        id: u64,
        verb: String,
        #[serde(default)]
        body: Value,
        #[serde(default)]
        ack: Option<u64>,
    },
    /// Everything up to `seq` was handled and need not be replayed.
    Ack { seq: u64 },
    Ping {
        #[serde(default)]
        nonce: u64,
    },
    /// Ends the session for good: no resume, the device is offline at once.
    SignOut,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Credentials {
    Resume { resume: Resume },
    SignIn(SignIn),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resume {
    /// The secret from `welcome`.
    pub session: String,
    /// The highest server `seq` that the client handled.
    pub ack: u64,
    /// Counts the client's tries within the session: 1, 2, 3, …. A hello that was overtaken by a later one does not take
    /// the session back. Left out: 0, which is never overtaken.
    #[serde(default)]
    pub attempt: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    pub app: AppId,
    /// Checked for form by the server, which answers a bad one with an error code, not with a parse failure.
    pub user: String,
    pub user_sig: String,
    pub device: Device,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    pub id: DeviceId,
    pub platform: Platform,
    /// Which side of the multi-device rules this client is on.
    #[serde(default)]
    pub sync: Sync,
}

/// Counted by the policy "one per platform".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Platform {
    Web,
    MiniProgram,
    Android,
    Ios,
    Windows,
    Mac,
    Linux,
    Server,
}

/// Which of one's own sent invitation messages this device wants echoed from one's other devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Sync {
    /// Answers (actions 2 to 5) and ordinary messages, not invites: some engines start a callee's timer on an echoed
    /// invite and end the call by it.
    #[default]
    Answers,
    /// Everything, invites too.
    All,
}

/// What the server sends. `seq` numbers replies and events of a session 1, 2, 3, …; these are replayed on resume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    Welcome(Box<Welcome>),
    /// The `hello` was refused; the socket closes. `resume` failures have code 6017: sign in anew.
    Refused {
        code: i32,
        message: String,
    },
    /// The answer to request `re`. `ack`: the highest request id handled so far.
    Reply {
        seq: u64,
        re: u64,
        ack: u64,
        #[serde(flatten)]
        outcome: Outcome,
    },
    Event {
        seq: u64,
        #[serde(flatten)]
        event: Event,
    },
    /// Requests up to `id` were handled.
    Ack {
        id: u64,
    },
    Pong {
        nonce: u64,
    },
    /// The session is over; the socket closes and cannot be resumed.
    Bye {
        reason: ByeReason,
        message: String,
        /// With `protocolError`: a code of `gateway::code`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i32>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    Error { error: ErrorBody },
    Ok { body: Value },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// A code of `gateway::code`.
    pub code: i32,
    /// Says what was wrong and what to do, in English, for developers.
    pub message: String,
}

impl ErrorBody {
    pub fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    pub version: u32,
    /// The secret that resumes this session, another one after each resume.
    pub session: String,
    pub user: UserId,
    /// `true`: nothing was lost; the missed frames follow, no snapshot. `false`: a new session with its snapshot.
    pub resumed: bool,
    /// The highest request id that was handled: the client sends later ones again.
    pub ack: u64,
    pub server_time_ms: u64,
    pub ping_interval_ms: u64,
    /// How long after a lost socket a resume works.
    pub resume_within_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Box<Snapshot>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ByeReason {
    /// The policy let a newer device of this user win.
    KickedByDevice,
    /// The same device signed in on another socket.
    KickedBySameDevice,
    UserSigExpired,
    /// An administrator ended the session.
    KickedByAdmin,
    SignedOut,
    /// The client broke the protocol (said in `message`).
    ProtocolError,
    /// The client did not read: its outbox was full.
    TooSlow,
    ServerStopping,
}

/// Close codes of the WebSocket: whether to come back, and how.
pub mod close {
    /// A `bye` came before: the session is over.
    pub const SESSION_OVER: u16 = 4000;
    /// A `refused` came before: the `hello` was not taken.
    pub const REFUSED: u16 = 4001;
    /// The session was resumed on another socket.
    pub const SUPERSEDED: u16 = 4002;
    /// A request is missing in the sequence: resume and send it again.
    pub const REQUEST_MISSING: u16 = 4003;
    /// Nothing was heard for two ping intervals: resume.
    pub const SILENT: u16 = 4004;
    /// No `hello` in time.
    pub const NO_HELLO: u16 = 4005;
    /// The server stops: sign in anew, after a moment.
    pub const GOING_AWAY: u16 = 1001;
}

/// Error codes. Where the vendor's clients know a code for the case, it is theirs.
pub mod code {
    pub const USER_SIG_EXPIRED: i32 = 70001;
    pub const USER_SIG_EMPTY: i32 = 70002;
    pub const USER_SIG_MALFORMED: i32 = 70003;
    pub const USER_SIG_WRONG_KEY: i32 = 70009;
    pub const USER_SIG_OTHER_USER: i32 = 70013;
    pub const USER_SIG_OTHER_APP: i32 = 70014;
    pub const NO_KEY: i32 = 70016;
    pub const NO_APP: i32 = 70020;
    pub const TOO_MANY_TRIES: i32 = 70050;
    /// The frame is no JSON object of a known form.
    pub const BAD_FRAME: i32 = 60003;
    pub const UNKNOWN_VERB: i32 = 60004;
    /// The verb's body is of the wrong form.
    pub const BAD_REQUEST: i32 = 60005;
    pub const UNSUPPORTED_VERSION: i32 = 60006;
    /// Sender or receiver unknown or invalid.
    pub const INVALID_USER: i32 = 20003;
    pub const NOT_FOUND: i32 = 10010;
    pub const NOT_MEMBER: i32 = 10007;
    pub const ALREADY_EXISTS: i32 = 10021;
    pub const LIMIT_REACHED: i32 = 10014;
    pub const FORBIDDEN: i32 = 10004;
    pub const TOO_LARGE: i32 = 80002;
    pub const RESUME_FAILED: i32 = 6017;
    /// Room entry refused: no right to this room, or a missing, expired or foreign PrivateMapKey.
    pub const ENTER_REFUSED: i32 = -100018;
    pub const NOT_IN_ROOM: i32 = -3318;
    pub const BAD_OFFER: i32 = -3319;
    pub const OVERLOADED: i32 = 60021;
    pub const INTERNAL: i32 = 60020;
}
