//! Plain counters of one worker. The shell gives them names on /metrics.

/// Why something that came in was not used. The discriminant is the index into `Stats::drops`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DropReason {
    /// Longer than any datagram this server takes, or empty.
    Size,
    /// Neither STUN, DTLS nor SRTP by its first byte (RFC 7983).
    NotMedia,
    /// No transport is known for its address, and it is no STUN that names one.
    NoTransport,
    /// STUN that is malformed, no request, or fails its integrity check. Nothing is sent back.
    Stun,
    /// Valid STUN of one participant from an address that belongs to another one's live transport.
    AddressTaken,
    /// DTLS that the handshake does not take.
    Dtls,
    /// SRTP or SRTCP that fails authentication, or came before the keys.
    Srtp,
    /// A repeat of a packet already seen.
    Duplicate,
    /// So old that its place in the history is gone.
    Late,
    /// Authenticated, but no RTP.
    Rtp,
    /// Authenticated, but no RTCP.
    Rtcp,
    /// RTP of an SSRC that no section announced and no mid names.
    UnknownSsrc,
    /// RTP of a payload type that was not negotiated.
    UnknownPayloadType,
    /// Media its sender has no privilege for.
    NotAllowed,
    /// A layer that is not forwarded.
    UnusedLayer,
    /// A subscriber has no payload type for the publisher's codec.
    NoCodec,
    /// A repair a subscriber asked for again before the answer could reach it.
    RepairTwice,
    /// Sound a subscriber asked for that newer packets carry (RED).
    RepairCarried,
    /// A repair a subscriber asked for, above its budget.
    RepairBudget,
    /// A repair a subscriber asked for that is no longer in the history.
    RepairGone,
    /// A frame of a feed that is not open, or whose participant may not send it.
    NoFeed,
    /// A frame that is none of its codec, or too late to be shown.
    Frame,
    /// Pictures of a feed up to its next keyframe, which a subscriber's path does not bear.
    PathShort,
    /// A bound of the config.
    Limit,
}

impl DropReason {
    pub const ALL: [Self; 24] = [
        Self::Size,
        Self::NotMedia,
        Self::NoTransport,
        Self::Stun,
        Self::AddressTaken,
        Self::Dtls,
        Self::Srtp,
        Self::Duplicate,
        Self::Late,
        Self::Rtp,
        Self::Rtcp,
        Self::UnknownSsrc,
        Self::UnknownPayloadType,
        Self::NotAllowed,
        Self::UnusedLayer,
        Self::NoCodec,
        Self::RepairTwice,
        Self::RepairCarried,
        Self::RepairBudget,
        Self::RepairGone,
        Self::NoFeed,
        Self::Frame,
        Self::PathShort,
        Self::Limit,
    ];

    /// Label value on /metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::NotMedia => "not_media",
            Self::NoTransport => "no_transport",
            Self::Stun => "stun",
            Self::AddressTaken => "address_taken",
            Self::Dtls => "dtls",
            Self::Srtp => "srtp",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Rtp => "rtp",
            Self::Rtcp => "rtcp",
            Self::UnknownSsrc => "unknown_ssrc",
            Self::UnknownPayloadType => "unknown_payload_type",
            Self::NotAllowed => "not_allowed",
            Self::UnusedLayer => "unused_layer",
            Self::NoCodec => "no_codec",
            Self::RepairTwice => "repair_twice",
            Self::RepairCarried => "repair_carried",
            Self::RepairBudget => "repair_budget",
            Self::RepairGone => "repair_gone",
            Self::NoFeed => "no_feed",
            Self::Frame => "frame",
            Self::PathShort => "path_short",
            Self::Limit => "limit",
        }
    }
}

/// Counts since the worker was made; the last block are gauges of the moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    pub datagrams_in: u64,
    pub datagrams_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,

    /// RTP that carried media, repairs (RTX) among them.
    pub audio_packets_in: u64,
    pub video_packets_in: u64,
    pub audio_packets_out: u64,
    pub video_packets_out: u64,
    pub rtcp_packets_in: u64,
    pub rtcp_packets_out: u64,

    /// Sequence numbers asked for, not messages.
    pub nacks_in: u64,
    pub nacks_out: u64,
    /// Repairs that came in, audio repeats on their own SSRC not among them.
    pub rtx_in: u64,
    pub rtx_out: u64,
    /// Packets that left again unasked.
    pub copies_out: u64,
    /// Packets of sound that carried older sound (RED), repeats among them.
    pub red_out: u64,
    /// Copies and answers that did not leave, as feedback told that their packet had arrived.
    pub repairs_spared: u64,
    /// Packets that were missing and then came, by RTX, repeat or RED.
    pub recovered_in: u64,
    /// Packets that never came in time.
    pub lost_in: u64,

    /// Frames of feeds that were taken, and frames that taps yielded.
    pub frames_in: u64,
    pub frames_out: u64,

    /// Keyframes wanted by subscribers.
    pub keyframes_asked: u64,
    /// Of these, answered by one that was asked for already.
    pub keyframes_merged: u64,
    /// PLIs that went to publishers.
    pub keyframes_requested: u64,
    pub keyframes_in: u64,

    pub(crate) drops: [u64; DropReason::ALL.len()],

    pub transports: u64,
    /// Of these, those on whose downlink a queue stands or a limit drops, and those to which packets leave more than once.
    pub congested: u64,
    pub repeating: u64,
    pub participants: u64,
    pub rooms: u64,
    pub publications: u64,
    pub subscriptions: u64,
}

impl Stats {
    pub fn drop_count(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }

    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        self.drops[reason as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_counts_in_a_place_and_under_a_name_of_its_own() {
        let mut stats = Stats::default();
        for (i, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, i);
            (0..=i).for_each(|_| stats.count_drop(reason));
        }
        let mut names: Vec<_> = DropReason::ALL.iter().map(|r| r.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DropReason::ALL.len());
        assert_eq!(stats.drop_count(DropReason::Limit), DropReason::ALL.len() as u64);
    }
}
