//! Requests: a verb and its body. Replies are documented with each.

use super::{CallAnswer, InviteToCall, StartCall};
use crate::id::{CallId, GroupId, MessageId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Who a message goes to, or whom a conversation is with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Peer {
    User(UserId),
    Group(GroupId),
}

/// What a signed-in client may ask. On the wire `{"verb": "message.send", "body": {…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", content = "body")]
pub enum Request {
    // ---- chat ----
    /// → `{message: Message}`. The same `clientId` again gives the same message again, not a second one.
    #[serde(rename = "message.send")]
    SendMessage(SendMessage),
    /// → `{message: Message}`. Sender, or for a C2C message also its receiver.
    #[serde(rename = "message.modify")]
    ModifyMessage(ModifyMessage),
    /// → `{}`. Own messages only.
    #[serde(rename = "message.revoke")]
    RevokeMessage { id: MessageId },
    /// → `{messages: [Message], complete: bool}`, oldest first; `before`: only messages with a lower `seq`.
    #[serde(rename = "message.list")]
    ListMessages {
        with: Peer,
        #[serde(default)]
        before: Option<u64>,
        #[serde(default)]
        limit: Option<u16>,
    },
    /// → `{}`. Everything up to `seq` (default: all) is read.
    #[serde(rename = "message.read")]
    MarkRead {
        with: Peer,
        #[serde(default)]
        seq: Option<u64>,
    },
    /// → `{conversations: [Conversation]}`, newest first.
    #[serde(rename = "conversation.list")]
    ListConversations {},
    /// → `{}`. Hides it until the next message.
    #[serde(rename = "conversation.delete")]
    DeleteConversation { with: Peer },
    /// → `{profiles: [Profile | null]}` in the order asked, `null` for an unknown user. 100 users at most.
    #[serde(rename = "profile.get")]
    GetProfiles { users: Vec<String> },
    /// → `{profile: Profile}`.
    #[serde(rename = "profile.set")]
    SetProfile {
        #[serde(default)]
        nick: Option<String>,
        #[serde(default)]
        avatar: Option<String>,
    },
    /// → `{profile: Profile | null}`; exact id.
    #[serde(rename = "user.find")]
    FindUser { user: String },
    /// → `{}`. 100 bytes at most; "" clears. Ends with the session that set it.
    #[serde(rename = "status.set")]
    SetStatus { custom: String },
    /// → `{statuses: [Status]}` in the order asked.
    #[serde(rename = "status.get")]
    GetStatus { users: Vec<UserId> },
    /// → `{statuses: [Status]}`; from now on `status.changed` events for these users, until the session ends.
    #[serde(rename = "status.watch")]
    WatchStatus { users: Vec<UserId> },
    /// → `{}`. An empty list: all.
    #[serde(rename = "status.unwatch")]
    UnwatchStatus { users: Vec<UserId> },
    /// → `{group: Group}`. Without `group` the server makes an id.
    #[serde(rename = "group.create")]
    CreateGroup(CreateGroup),
    /// → `{group: Group}`.
    #[serde(rename = "group.join")]
    JoinGroup { group: GroupId },
    /// → `{}`.
    #[serde(rename = "group.leave")]
    LeaveGroup { group: GroupId },
    /// → `{}`. Owner only.
    #[serde(rename = "group.dismiss")]
    DismissGroup { group: GroupId },
    /// → `{group: Group}`. Members (public facts for others: `group.find`).
    #[serde(rename = "group.get")]
    GetGroup { group: GroupId },
    /// → `{group: Group | null}`, exact id, without attributes.
    #[serde(rename = "group.find")]
    FindGroup { group: String },
    /// → `{groups: [Group]}`: those one is in.
    #[serde(rename = "group.list")]
    ListGroups {},
    /// → `{group: Group}`. Owner only.
    #[serde(rename = "group.set")]
    SetGroup {
        group: GroupId,
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        avatar: Option<String>,
        #[serde(default)]
        introduction: Option<String>,
        #[serde(default)]
        notification: Option<String>,
    },
    /// → `{members: [Member], total: n}`. Members only.
    #[serde(rename = "group.members")]
    ListMembers {
        group: GroupId,
        #[serde(default)]
        offset: u32,
        #[serde(default)]
        limit: Option<u16>,
    },
    /// → `{members: [Member]}`: those of `users` who are members.
    #[serde(rename = "group.membersOf")]
    GetMembers { group: GroupId, users: Vec<String> },
    /// → `{added: [UserId], failed: [UserId]}`.
    #[serde(rename = "group.invite")]
    InviteToGroup { group: GroupId, users: Vec<UserId> },
    /// → `{removed: [UserId]}`. Owner only.
    #[serde(rename = "group.remove")]
    RemoveFromGroup { group: GroupId, users: Vec<UserId> },
    /// → `{attributes: {key: value}}`; no keys: all.
    #[serde(rename = "group.attributes.get")]
    GetAttributes {
        group: GroupId,
        #[serde(default)]
        keys: Vec<String>,
    },
    /// → `{attributes: {…all…}}`. `replace`: keys not named go.
    #[serde(rename = "group.attributes.set")]
    SetAttributes {
        group: GroupId,
        attributes: BTreeMap<String, String>,
        #[serde(default)]
        replace: bool,
    },
    /// → `{attributes: {…the rest…}}`; no keys: all go.
    #[serde(rename = "group.attributes.delete")]
    DeleteAttributes {
        group: GroupId,
        #[serde(default)]
        keys: Vec<String>,
    },

    // ---- rooms and calls ----
    /// → `EnteredRoom`. Entering the room one is in (a reload, another device) takes the seat over silently.
    #[serde(rename = "room.enter")]
    EnterRoom {
        room: RoomId,
        #[serde(default, rename = "privateMapKey")]
        private_map_key: Option<String>,
    },
    /// → `{}`. The others see `room.left` at once.
    #[serde(rename = "room.leave")]
    LeaveRoom { room: RoomId },
    /// → `{}`. What of one's own tracks is to be seen or heard now; what is not named stays.
    #[serde(rename = "room.state")]
    SetRoomState { room: RoomId, tracks: BTreeMap<TrackName, TrackState> },
    /// → `{}`. The room's owner (first entrant or the call's inviter) only.
    #[serde(rename = "room.kick")]
    KickFromRoom { room: RoomId, user: UserId },
    /// → `{}`. As `room.kick`.
    #[serde(rename = "room.dissolve")]
    DissolveRoom { room: RoomId },
    /// → `{sdp}`: the answer. A section's mid says which track it is, or whose track it wants.
    #[serde(rename = "room.offer")]
    Offer(Offer),
    /// → `{records: [CallRecord]}`, newest first, own calls. After `before`, of the same millisecond those whose ids come
    /// before `before_call`.
    #[serde(rename = "call.records")]
    ListRecords {
        #[serde(default)]
        before: Option<u64>,
        #[serde(default, rename = "beforeCall")]
        before_call: Option<CallId>,
        #[serde(default)]
        limit: Option<u16>,
    },
    /// → `{calls: [CallState]}`: calls one is in or invited to.
    #[serde(rename = "call.current")]
    CurrentCalls {},
    /// → `{call: CallState, users: [Asked]}`. From now on `call.members` events of this call, as after `call.answer`
    /// and `call.join`.
    #[serde(rename = "call.start")]
    StartCall(StartCall),
    /// → `{call: CallState, users: [Asked]}`. Who is in a group's call.
    #[serde(rename = "call.invite")]
    InviteToCall(InviteToCall),
    /// → `{call: CallState}`. Takes back one's own invitations of `users`; no users: of all.
    #[serde(rename = "call.cancel")]
    CancelInvitation {
        call: CallId,
        #[serde(default)]
        users: Vec<UserId>,
    },
    /// → `{call: CallState}`. Who is asked.
    #[serde(rename = "call.answer")]
    AnswerCall { call: CallId, answer: CallAnswer },
    /// → `{call: CallState}`. Who is in it is so no longer; one's own open invitations are taken back.
    #[serde(rename = "call.hangUp")]
    HangUpCall { call: CallId },
    /// → `{call: CallState}`: one may enter its room now. Who is asked accepts by it, a group's member just comes.
    #[serde(rename = "call.join")]
    JoinCall { call: CallId },
    /// → `{call: CallState}`. As one more sign of life; 10010 says that one is not in it any more.
    #[serde(rename = "call.beat")]
    CallBeat { call: CallId },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessage {
    pub to: Peer,
    /// `text`, `custom`, or any other name of 32 bytes at most; `tip` is the server's own.
    pub kind: String,
    /// 12 KiB of JSON at most. `text`: `{text}`; `custom`: `{data, description, extension}`, all text.
    pub payload: Map<String, Value>,
    /// Made by the client, unique per user, 64 bytes at most.
    pub client_id: String,
    #[serde(default)]
    pub priority: Option<String>,
    #[serde(default)]
    pub cloud_custom_data: String,
    #[serde(default)]
    pub options: SendOptions,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SendOptions {
    /// Only to devices that are online now; not stored.
    pub online_only: bool,
    /// Stored, but neither unread nor a conversation's last message.
    pub exclude_from_history: bool,
    /// Kept for push services; relayed to nobody.
    pub offline_push: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModifyMessage {
    pub id: MessageId,
    #[serde(default)]
    pub payload: Option<Map<String, Value>>,
    #[serde(default)]
    pub cloud_custom_data: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateGroup {
    #[serde(default)]
    pub group: Option<GroupId>,
    /// `Private`, `Public`, `ChatRoom`, `AVChatRoom`, `Community`; who may join follows from it.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub avatar: String,
    #[serde(default)]
    pub members: Vec<UserId>,
}

/// A source of media of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TrackName {
    Microphone,
    Camera,
    Screen,
    ScreenAudio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TrackState {
    On,
    /// The track stays, its media is silent or black.
    Muted,
    Off,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    pub room: RoomId,
    pub sdp: String,
    #[serde(default)]
    pub publish: Vec<OfferedTrack>,
    #[serde(default)]
    pub subscribe: Vec<WantedTrack>,
}

/// Section `mid` sends this track of mine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferedTrack {
    pub mid: String,
    pub track: TrackName,
}

/// Section `mid` is to receive this track of that user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WantedTrack {
    pub mid: String,
    pub user: UserId,
    pub track: TrackName,
}

/// All verbs, as on the wire.
pub const VERBS: &[&str] = &[
    "message.send",
    "message.modify",
    "message.revoke",
    "message.list",
    "message.read",
    "conversation.list",
    "conversation.delete",
    "profile.get",
    "profile.set",
    "user.find",
    "status.set",
    "status.get",
    "status.watch",
    "status.unwatch",
    "group.create",
    "group.join",
    "group.leave",
    "group.dismiss",
    "group.get",
    "group.find",
    "group.list",
    "group.set",
    "group.members",
    "group.membersOf",
    "group.invite",
    "group.remove",
    "group.attributes.get",
    "group.attributes.set",
    "group.attributes.delete",
    "room.enter",
    "room.leave",
    "room.state",
    "room.kick",
    "room.dissolve",
    "room.offer",
    "call.records",
    "call.current",
    "call.start",
    "call.invite",
    "call.cancel",
    "call.answer",
    "call.hangUp",
    "call.join",
    "call.beat",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_those_of_the_type() {
        let unknown = serde_json::json!({"verb": "", "body": {}});
        let listed = serde_json::from_value::<Request>(unknown).expect_err("no such verb").to_string();
        let listed: Vec<&str> = listed.split('`').skip(3).step_by(2).collect();
        assert_eq!(listed, VERBS);
    }
}
