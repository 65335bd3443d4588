//! Counters. Their names on /metrics are the shell's.

use crate::command::Refusal;
use crate::connection::Late;
use crate::session::Fault;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Open now, players by HTTP-FLV among them.
    pub connections: u64,
    pub publishers: u64,
    pub players: u64,
    pub streams: u64,
    /// Bytes kept for players that come.
    pub cache_bytes: u64,
    pub connections_opened: u64,
    /// More than there may be, all in all or of one address.
    pub connections_refused: u64,
    pub published: u64,
    pub played: u64,
    /// Publishers that went on with a stream that another connection of theirs still held.
    pub taken_over: u64,
    pub refused: BTreeMap<Refusal, u64>,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Messages of publishers that all players got.
    pub messages: u64,
    /// Messages left out for players that were too slow.
    pub messages_dropped: u64,
    /// Publishers' clocks that jumped.
    pub clock_jumps: u64,
    /// Connections ended for what they sent.
    pub faults_handshake: u64,
    pub faults_chunks: u64,
    pub faults_message: u64,
    pub faults_order: u64,
    pub faults_flood: u64,
    /// Other servers that did not take a stream of ours.
    pub pushes_refused: u64,
    /// Connections ended for what they did not do.
    pub given_up_undecided: u64,
    pub given_up_silent: u64,
    pub given_up_stalled: u64,
    pub given_up_unanswered: u64,
}

impl Stats {
    pub(crate) fn count_fault(&mut self, fault: Fault) {
        *match fault {
            Fault::Handshake(_) => &mut self.faults_handshake,
            Fault::Chunks(_) => &mut self.faults_chunks,
            Fault::Message => &mut self.faults_message,
            Fault::Order => &mut self.faults_order,
            Fault::Flood => &mut self.faults_flood,
            Fault::Refused => &mut self.pushes_refused,
        } += 1;
    }

    pub(crate) fn count_late(&mut self, late: Late) {
        *match late {
            Late::Undecided => &mut self.given_up_undecided,
            Late::Silent => &mut self.given_up_silent,
            Late::Stalled => &mut self.given_up_stalled,
            Late::Unanswered | Late::Unexpected => &mut self.given_up_unanswered,
            // It was counted when it was told.
            Late::Lingered => return,
        } += 1;
    }

    pub(crate) fn count_refusal(&mut self, refusal: Refusal) {
        *self.refused.entry(refusal).or_default() += 1;
    }
}
