//! Calls that the server makes on a client's word: the bodies of `call.start` and its kin, and what is told of them.

use super::{CallState, MediaType};
use crate::id::{CallId, GroupId, InviteId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The body of `call.start`. The server writes the invitation that the older engines ring by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartCall {
    /// Made by the client, never used before: the id of the first invitation, and of the call.
    pub call: CallId,
    pub users: Vec<UserId>,
    /// All of `users` are its members. Without it exactly one user is called.
    #[serde(default)]
    pub group: Option<GroupId>,
    pub room: RoomId,
    pub media: MediaType,
    #[serde(flatten)]
    pub ring: Ring,
}

/// The body of `call.invite`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InviteToCall {
    pub call: CallId,
    /// Made by the client, never used before.
    pub invite: InviteId,
    pub users: Vec<UserId>,
    #[serde(flatten)]
    pub ring: Ring,
}

/// How an invitation is made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Ring {
    /// How long it rings; 30 s where it is left out.
    pub timeout_ms: Option<u64>,
    /// The caller's own text; each callee gets it.
    pub user_data: String,
    /// The invitation is neither unread nor a conversation's last message.
    pub exclude_from_history: bool,
    /// Kept for push services; relayed to nobody.
    pub offline_push: Option<Value>,
}

/// What one says to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CallAnswer {
    Accept,
    Reject,
    Busy,
}

/// What came of asking one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub user: UserId,
    pub result: AskResult,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AskResult {
    Rings,
    /// In this call, or asked to it, already.
    InCall,
    /// In another call, or asked to one: nobody disturbs the user, and the record says so.
    Busy,
}

/// The body of `call.members`: what members of a call did, and the call after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallMembers {
    pub call: CallState,
    pub changes: Vec<ChangedMember>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedMember {
    pub user: UserId,
    pub change: MemberChange,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MemberChange {
    Answer,
    Reject,
    Busy,
    NotAnswer,
    HangUp,
    Join,
    /// Never reached, or lost.
    Offline,
    Invite,
    CancelInvite,
}
