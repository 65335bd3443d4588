//! Plain counters of the engine. The shell gives them names on /metrics.

use carillon_proto::gateway::CallResult;
use std::collections::BTreeMap;

/// Why a message that looked like call signalling had no effect here. It was relayed all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IgnoreReason {
    /// Signalling of a wrong form: size, depth, a missing or mistyped field.
    Malformed,
    /// The sender may not do this: not the inviter, not an invitee, not in the call.
    Forged,
    /// Names an invitation that is not open: late, decided before, or never seen.
    Unknown,
    /// A second message where the first decided: the same invite, a second answer.
    Repeated,
    /// An invite without a room.
    NoRoom,
    /// A bound of the config.
    Limit,
}

/// Why somebody may not enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefuseReason {
    /// The room is a call's, and the user is not of that call.
    NotInvited,
    /// Removed from this room before.
    Banned,
    /// `rooms.open = false`, and the user has no right to the room.
    NotOpen,
    /// No PrivateMapKey, or one that is not valid for this user, room and time.
    Key,
    /// A valid PrivateMapKey without the right to create or join.
    Privilege,
    /// A bound of the config.
    Limit,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls now, by what they wait for.
    pub calls_waiting: usize,
    pub calls_connected: usize,
    pub rooms: usize,
    pub seats: usize,
    /// Seats whose client is lost and whose grace time runs.
    pub seats_lost: usize,
    /// Call messages that had their effect.
    pub followed: u64,
    pub ignored: BTreeMap<IgnoreReason, u64>,
    pub refused: BTreeMap<RefuseReason, u64>,
    pub calls_ended: BTreeMap<CallResult, u64>,
    /// Seats that ended because the grace time passed.
    pub seats_expired: u64,
    /// Users put out because the room became a call's that they are not of.
    pub strangers_removed: u64,
}
