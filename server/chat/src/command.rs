//! The vocabulary of the chat engine.

use carillon_proto::gateway::{ByeReason, Device, ErrorBody, Event, Message, Request, Snapshot};
use carillon_proto::id::{AppId, GroupId, UserId};
use serde_json::Value;

/// One signed-in device, from sign-in until it signs out or its time to resume has passed. Sockets come and go below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Answered by `SignedIn` or `Refused` for the same session.
    SignIn { session: SessionId, app: AppId, user: String, user_sig: String, device: Device },
    /// The session is over: signed out, or not resumed in time.
    SignOut { session: SessionId },
    /// One of the chat verbs. Answered by `Reply` with the same `re`.
    Request { session: SessionId, re: u64, request: Request },
    /// The server itself writes a group's attribute (`inner_attr_kit_info` of a running call; `None` removes it).
    SetGroupAttribute { app: AppId, group: GroupId, key: String, value: Option<String> },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    SignedIn {
        session: SessionId,
        app: AppId,
        user: UserId,
        device: Device,
        snapshot: Box<Snapshot>,
    },
    Refused {
        session: SessionId,
        error: ErrorBody,
    },
    Reply {
        session: SessionId,
        re: u64,
        result: Result<Value, ErrorBody>,
    },
    Push {
        session: SessionId,
        event: Event,
    },
    /// The session is over by the engine's decision (policy, expired UserSig).
    End {
        session: SessionId,
        reason: ByeReason,
    },
    /// A message was accepted and stored: the call engine follows it.
    Accepted {
        app: AppId,
        message: Box<Message>,
    },
    /// A user's first session came, or the last one went.
    Presence {
        app: AppId,
        user: UserId,
        online: bool,
    },
}
