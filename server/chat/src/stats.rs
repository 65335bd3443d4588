//! Plain counters. The shell gives them names.

/// Counts since the start; the first two are gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub sessions: u64,
    pub users_online: u64,
    pub sign_ins: u64,
    pub sign_ins_refused: u64,
    pub sessions_kicked: u64,
    pub sessions_expired: u64,
    pub messages_accepted: u64,
    /// Sent again under the same client id.
    pub messages_repeated: u64,
    pub messages_refused: u64,
    pub messages_pushed: u64,
    /// Commands undone because the store failed.
    pub store_failures: u64,
}
