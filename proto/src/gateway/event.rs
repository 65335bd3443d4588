//! Events, and the objects that events and replies carry.

use super::{CallMembers, Peer, TrackName, TrackState};
use crate::id::{CallId, GroupId, MessageId, RoomId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What the server tells unasked. On the wire `{"event": "message.new", "body": {…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "body", rename_all_fields = "camelCase")]
pub enum Event {
    /// A message to oneself, to one's group, or sent by another device of one's own.
    #[serde(rename = "message.new")]
    MessageNew(Box<Message>),
    #[serde(rename = "message.modified")]
    MessageModified(Box<Message>),
    #[serde(rename = "message.revoked")]
    MessageRevoked { id: MessageId, with: Peer },
    /// `by` read the conversation `with` up to `seq`: the peer, or oneself on another device.
    #[serde(rename = "message.read")]
    MessageRead { with: Peer, by: UserId, seq: u64 },
    #[serde(rename = "profile.changed")]
    ProfileChanged(Profile),
    #[serde(rename = "status.changed")]
    StatusChanged(Status),
    /// `None`: one is no longer in it (left on another device, removed, dismissed).
    #[serde(rename = "group.changed")]
    GroupChanged { group: GroupId, info: Option<Group> },
    #[serde(rename = "group.attributes")]
    GroupAttributes { group: GroupId, attributes: BTreeMap<String, String> },
    #[serde(rename = "room.entered")]
    RoomEntered { room: RoomId, participant: Participant },
    #[serde(rename = "room.left")]
    RoomLeft { room: RoomId, user: UserId, reason: LeaveReason },
    /// All tracks of `user` and their states; those that are `on` or `muted` and `live` can be subscribed to.
    #[serde(rename = "room.tracks")]
    RoomTracks { room: RoomId, user: UserId, tracks: BTreeMap<TrackName, Track> },
    /// Every 300 ms while anybody is heard; "0…100". `speaker`: who speaks now.
    #[serde(rename = "room.volumes")]
    RoomVolumes { room: RoomId, volumes: Vec<Volume>, speaker: Option<UserId> },
    /// Every 2 s.
    #[serde(rename = "room.quality")]
    RoomQuality {
        room: RoomId,
        users: Vec<Quality>,
        /// What the server measured of one's own connection and how it repairs it; others are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        own: Option<OwnQuality>,
    },
    /// One's media connection: `connected`, `lost` (restart ICE), `closed` (make a new one).
    #[serde(rename = "room.media")]
    RoomMedia { room: RoomId, state: MediaState },
    /// `user` sends `track` in a codec that one's last offer lacks (`H264`, …), so nothing comes. `None`: it comes again.
    #[serde(rename = "room.unplayable")]
    RoomUnplayable { room: RoomId, user: UserId, track: TrackName, codec: Option<String> },
    /// One's media is wanted in another shape (another codec, since somebody came who sees no other): offer again.
    #[serde(rename = "room.renegotiate")]
    RoomRenegotiate { room: RoomId },
    /// One is out of the room.
    #[serde(rename = "room.removed")]
    RoomRemoved { room: RoomId, reason: LeaveReason },
    /// The server's view of a call that one is in or invited to.
    #[serde(rename = "call.changed")]
    CallChanged(CallState),
    /// What members did of a call that one started, answered or joined by the server's word.
    #[serde(rename = "call.members")]
    CallMembers(CallMembers),
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: MessageId,
    pub from: UserId,
    pub to: Peer,
    pub kind: String,
    pub payload: Map<String, Value>,
    /// Orders a conversation: strictly rising, 1 for its first message; 0 where the message is not stored.
    pub seq: u64,
    pub time_ms: u64,
    pub client_id: String,
    #[serde(default)]
    pub priority: Option<String>,
    #[serde(default)]
    pub cloud_custom_data: String,
    /// The sender's profile when it was sent.
    #[serde(default)]
    pub nick: String,
    #[serde(default)]
    pub avatar: String,
    #[serde(default)]
    pub online_only: bool,
    #[serde(default)]
    pub exclude_from_history: bool,
    /// 0, or how often it was modified.
    #[serde(default)]
    pub modified: u32,
    #[serde(default)]
    pub revoked: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    pub with: Peer,
    pub unread: u32,
    /// The highest `seq` that oneself read.
    pub read_seq: u64,
    /// C2C: the highest `seq` that the peer read.
    pub peer_read_seq: u64,
    pub last_message: Option<Message>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    pub user: UserId,
    pub nick: String,
    pub avatar: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub user: UserId,
    pub online: bool,
    pub custom: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    pub id: GroupId,
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    pub avatar: String,
    pub introduction: String,
    pub notification: String,
    pub owner: UserId,
    pub member_count: u32,
    pub created_ms: u64,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub user: UserId,
    pub nick: String,
    pub avatar: String,
    pub role: Role,
    pub joined_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    Owner,
    Member,
}

/// All that a client needs at sign-in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub profile: Profile,
    pub conversations: Vec<Conversation>,
    /// Invites younger than their time-out that nobody has answered yet: each rings this device once. Not pushed again.
    pub open_invitations: Vec<Message>,
    /// Rooms in which the user still has a seat (a reload, a restart): enter again to keep it.
    pub rooms: Vec<RoomId>,
    pub calls: Vec<CallState>,
}

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    pub user: UserId,
    pub nick: String,
    pub avatar: String,
    pub tracks: BTreeMap<TrackName, Track>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    pub state: TrackState,
    /// Media of this track has reached the server.
    pub live: bool,
}

/// The reply to `room.enter`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnteredRoom {
    pub room: RoomId,
    /// The others.
    pub participants: Vec<Participant>,
    /// What one may do here: `sendAudio`, `receiveAudio`, `sendVideo`, `receiveVideo`, `sendScreen`, `receiveScreen`,
    /// all of them unless a PrivateMapKey says less.
    pub may: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LeaveReason {
    Left,
    /// The connection was lost and the grace time passed.
    Lost,
    Kicked,
    Dissolved,
    /// The same user's other device took the seat.
    TakenOver,
    /// The call ended by the server's guard timer or the server closed the room.
    EndedByServer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    pub user: UserId,
    /// 0…100.
    pub volume: u8,
}

/// Network quality: 0 unknown, 1 excellent, 2 good, 3 fair, 4 poor, 5 very poor, 6 down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    pub user: UserId,
    pub uplink: u8,
    pub downlink: u8,
}

/// What is behind one's grades. Zero where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnQuality {
    pub uplink: UplinkQuality,
    pub downlink: DownlinkQuality,
}

/// From the client to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UplinkQuality {
    /// Of packets, before repair.
    pub loss_percent: u8,
    /// Packets lost in a row, on average, rounded.
    pub burst_packets: u16,
    pub round_trip_ms: u32,
    pub jitter_ms: u32,
    /// What one is told that one may send.
    pub kbps: u32,
    /// How soon a packet is asked for again, and in how many messages each time.
    pub nack_interval_ms: u32,
    pub nack_copies: u8,
    /// Sound waits here so that it goes on as evenly as it was sent.
    pub sound_held_ms: u32,
    /// A queue stands on the path: repair is held back.
    pub congested: bool,
}

/// From the server to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DownlinkQuality {
    pub loss_percent: u8,
    pub burst_packets: u16,
    pub round_trip_ms: u32,
    pub jitter_ms: u32,
    /// What the path is taken to bear.
    pub kbps: u32,
    /// How often each packet leaves again unasked.
    pub video_copies: u8,
    pub audio_copies: u8,
    /// How many packets of older sound each packet of sound carries.
    pub red_depth: u8,
    /// The least delay that video players are asked for.
    pub playout_delay_ms: u32,
    pub congested: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MediaState {
    Connected,
    Lost,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MediaType {
    Audio,
    Video,
}

/// The server's view of a running call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallState {
    pub call: CallId,
    pub room: RoomId,
    pub group: Option<GroupId>,
    pub media: MediaType,
    pub caller: UserId,
    pub state: CallPhase,
    /// Invited and not yet decided.
    pub waiting: Vec<UserId>,
    /// In the call.
    pub connected: Vec<UserId>,
    pub started_ms: u64,
    pub accepted_ms: Option<u64>,
    /// Set when `state` is `ended`.
    pub result: Option<CallResult>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CallPhase {
    Waiting,
    Connected,
    Ended,
}

/// The vendor's words for how a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CallResult {
    Cancel,
    Reject,
    NotAnswer,
    NormalEnd,
    CallBusy,
    Interrupt,
    Offline,
}

/// One call, kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    pub call: CallId,
    pub room: RoomId,
    pub group: Option<GroupId>,
    pub media: MediaType,
    pub caller: UserId,
    pub callees: Vec<UserId>,
    pub result: CallResult,
    pub started_ms: u64,
    pub accepted_ms: Option<u64>,
    pub ended_ms: u64,
}

/// All event names, as on the wire.
pub const EVENTS: &[&str] = &[
    "message.new",
    "message.modified",
    "message.revoked",
    "message.read",
    "profile.changed",
    "status.changed",
    "group.changed",
    "group.attributes",
    "room.entered",
    "room.left",
    "room.tracks",
    "room.volumes",
    "room.quality",
    "room.media",
    "room.unplayable",
    "room.renegotiate",
    "room.removed",
    "call.changed",
    "call.members",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_those_of_the_type() {
        let unknown = serde_json::json!({"event": "", "body": {}});
        let listed = serde_json::from_value::<Event>(unknown).expect_err("no such event").to_string();
        let listed: Vec<&str> = listed.split('`').skip(3).step_by(2).collect();
        assert_eq!(listed, EVENTS);
    }
}
