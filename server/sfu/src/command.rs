//! The whole vocabulary of the media engine: what it is told, what it wants done or known.

use crate::playout::TapId;
use crate::quality::{DownlinkFigures, UplinkFigures};
use crate::transport::Codec;
use carillon_proto::frame::FrameCodec;
use carillon_proto::gateway::TrackName;
use std::net::SocketAddr;

/// A room on this worker. The shell draws the number; names of rooms and users stay outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey(pub u64);

/// One user in one room, from join to leave. A user who reconnects keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParticipantId(pub u64);

/// Brings an answer back to its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// What a participant may send and receive (the privilege bits of a PrivateMapKey).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privileges {
    pub send_audio: bool,
    pub receive_audio: bool,
    pub send_video: bool,
    pub receive_video: bool,
    pub send_screen: bool,
    pub receive_screen: bool,
}

impl Privileges {
    pub const ALL: Self = Self {
        send_audio: true,
        receive_audio: true,
        send_video: true,
        receive_video: true,
        send_screen: true,
        receive_screen: true,
    };
}

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A second join of the same participant changes its privileges only. Where the room or the worker is full nothing
    /// happens but a count, and the participant's offers are refused as `Gone`.
    Join {
        room: RoomKey,
        participant: ParticipantId,
        privileges: Privileges,
    },
    Leave {
        participant: ParticipantId,
    },
    /// An SDP offer of a participant. Answered by `Answer` or `Refused` with the same `request`.
    /// The first makes the transport; a later one renegotiates it; one with a new ICE ufrag restarts ICE; one with a
    /// new DTLS fingerprint replaces the transport (a reloaded page).
    Offer {
        request: RequestId,
        participant: ParticipantId,
        sdp: String,
        publish: Publish,
        subscribe: Subscribe,
    },
    /// Ends the media connection; the participant stays in the room.
    CloseTransport {
        participant: ParticipantId,
    },
    /// All participants leave.
    CloseRoom {
        room: RoomKey,
    },
    /// The participant publishes a track whose frames come by another wire, through `Worker::handle_frame`. Refusals
    /// and what else there is to say come out of `Worker::poll_frame`. A feed that is open goes on: its numbers and
    /// times continue, also with another codec.
    OpenFeed {
        participant: ParticipantId,
        track: TrackName,
        codec: FrameCodec,
        /// The stream is known to have B-frames (its SPS, or composition times, say so): they are left out from the
        /// first frame on. Where this says no and they come, the first of them tells.
        reordered: bool,
    },
    CloseFeed {
        participant: ParticipantId,
        track: TrackName,
    },
    /// Whole frames of a track for another wire, out of `Worker::poll_frame`. The track need not be there yet; a
    /// keyframe is asked for. Where there is no such publisher, or its track has too many takers, the tap ends at once.
    OpenTap {
        tap: TapId,
        publisher: ParticipantId,
        track: TrackName,
    },
    /// The taker missed something that came out: its video goes on with a keyframe.
    RestartTap {
        tap: TapId,
    },
    CloseTap {
        tap: TapId,
    },
    /// What publishers of a room send from here on; of those who send something else renegotiation is wanted. A room
    /// that is not there forgets it.
    SetRoomCodec {
        room: RoomKey,
        video: VideoPolicy,
    },
}

/// Which video codecs answers to publishers name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VideoPolicy {
    #[default]
    Any,
    /// H.264 alone where the offer has it, and pictures upright without a header extension: members who watch by RTMP
    /// see nothing else.
    H264,
}

/// Which track a sending section carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Publish {
    Named(Vec<(String, TrackName)>),
    /// The first audio section is the microphone, the first video section the camera (WHIP).
    ByKind,
}

/// Whose track a receiving section gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Subscribe {
    Named(Vec<Wanted>),
    /// Sections are filled with the room's publications of their kind, those to come too; with `from`, only its (WHEP).
    Automatic {
        from: Option<ParticipantId>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub mid: String,
    /// Need not be there yet: its track is forwarded when it comes.
    pub publisher: ParticipantId,
    pub track: TrackName,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    Answer { request: RequestId, participant: ParticipantId, sdp: String },
    Refused { request: RequestId, participant: ParticipantId, error: OfferError },
    Event(Event),
}

/// What a worker's next timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Media taken in is not yet fanned out: ask `egress()`.
    Flush,
    /// ICE consent, a DTLS flight, or giving up on either.
    Transport,
    /// Asking a publisher again for what is missing.
    Nack,
    /// Asking a publisher again for a keyframe.
    Keyframe,
    /// Bringing packets to subscribers that waited for those before them.
    Release,
    /// Sending to a subscriber again, unasked.
    Copies,
    /// Pictures that a new subscriber of a feed catches up with.
    CatchUp,
    /// Frames that no longer wait for what is missing, and tracks that fell silent.
    Playout,
    /// Sender and receiver reports, estimates, transport feedback.
    Report,
    Volumes,
    Quality,
}

/// Why an offer was refused; nothing changed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferError {
    /// No such participant on this worker.
    Gone,
    /// The offer breaks SDP or WebRTC rules; the text names the line or the rule.
    Malformed(String),
    /// The offer asks for what this server does not do (no BUNDLE, no common codec, …).
    Unsupported(String),
    /// A bound of the server (sections, lines, bytes); the text names it and the line.
    Limit(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// ICE and DTLS are done; or it is heard again after `TransportLost`.
    TransportConnected { participant: ParticipantId },
    /// Nothing heard for the consent time; it may come back by itself or by an ICE restart.
    TransportLost { participant: ParticipantId },
    /// The client ended it (DTLS close) or it was lost for too long. The participant stays.
    TransportClosed { participant: ParticipantId },
    /// First media of a publication.
    TrackStarted { participant: ParticipantId, track: TrackName },
    /// Its section was removed, or its transport closed.
    TrackEnded { participant: ParticipantId, track: TrackName },
    /// What `publisher` sends comes in a codec that `participant` did not negotiate: nothing is forwarded. `None`: it
    /// plays again. Where the subscription or the track ends nothing more is told.
    TrackUnplayable { participant: ParticipantId, publisher: ParticipantId, track: TrackName, codec: Option<Codec> },
    /// The room's codec policy is another than the one by which this participant publishes: it is to offer again.
    RenegotiationWanted { participant: ParticipantId },
    /// Loudness of those who are heard, 0…100, and who speaks. Every 300 ms while anybody is heard, once when all fell silent.
    Volumes { room: RoomKey, volumes: Vec<(ParticipantId, u8)>, speaker: Option<ParticipantId> },
    /// Network quality of each participant, 0 unknown, 1 excellent … 6 down. Every 2 s.
    Quality { room: RoomKey, users: Vec<(ParticipantId, Quality)> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    pub uplink: u8,
    pub downlink: u8,
    /// What is behind the grades.
    pub up: UplinkFigures,
    pub down: DownlinkFigures,
}

/// Where a datagram came in and from whom; answers go back the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    /// The server's own address (the candidate that was advertised).
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub protocol: Protocol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    Udp,
    /// ICE-TCP, RFC 6544: the shell does the RFC 4571 framing.
    Tcp,
}

/// An address that answers name as a host candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalCandidate {
    pub address: SocketAddr,
    pub protocol: Protocol,
}

/// Datagrams ready to go, in order; those of one path lie together, so that the shell can send them as one GSO message.
#[derive(Debug, Default)]
pub struct Egress {
    bytes: Vec<u8>,
    datagrams: Vec<(Path, usize)>,
    /// All that was ever pushed.
    pushed_datagrams: u64,
    pushed_bytes: u64,
}

/// Datagrams of one path that lie together: all `segment_bytes` long but the last, which may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'a> {
    pub path: Path,
    pub segment_bytes: usize,
    pub bytes: &'a [u8],
}

impl Egress {
    /// Appends one datagram: `write` adds its bytes to the end of the buffer it is given.
    pub fn push(&mut self, path: Path, write: impl FnOnce(&mut Vec<u8>)) {
        self.try_push(path, |bytes| {
            write(bytes);
            true
        });
    }

    /// As `push`; where `write` says false, what it added is taken back and nothing leaves. Yields what `write` said.
    pub fn try_push(&mut self, path: Path, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let start = self.bytes.len();
        let done = write(&mut self.bytes);
        if done {
            self.datagrams.push((path, self.bytes.len()));
            self.pushed_datagrams += 1;
            self.pushed_bytes += (self.bytes.len() - start) as u64;
        } else {
            self.bytes.truncate(start);
        }
        done
    }

    /// Datagrams and bytes since the arena was made.
    pub(crate) fn pushed(&self) -> (u64, u64) {
        (self.pushed_datagrams, self.pushed_bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Keeps the allocations.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }

    pub fn datagrams(&self) -> impl Iterator<Item = (Path, &[u8])> {
        let mut start = 0;
        self.datagrams.iter().map(move |&(path, end)| {
            let bytes = &self.bytes[start..end];
            start = end;
            (path, bytes)
        })
    }

    /// Consecutive datagrams of one path as long as GSO allows: equal sizes (the last may be shorter), `max_segments`
    /// datagrams and 65,000 bytes at most.
    pub fn runs(&self, max_segments: usize) -> Runs<'_> {
        Runs { egress: self, next: 0, start: 0, max_segments: max_segments.max(1) }
    }
}

#[derive(Debug)]
pub struct Runs<'a> {
    egress: &'a Egress,
    next: usize,
    start: usize,
    max_segments: usize,
}

impl<'a> Iterator for Runs<'a> {
    type Item = Run<'a>;

    fn next(&mut self) -> Option<Run<'a>> {
        let all = &self.egress.datagrams;
        let &(path, first_end) = all.get(self.next)?;
        let segment_bytes = first_end - self.start;
        let (start, mut end) = (self.start, first_end);
        let mut count = 1;
        self.next += 1;
        while let Some(&(p, e)) = all.get(self.next) {
            let size = e - end;
            let fits = p == path && size <= segment_bytes && count < self.max_segments && e - start <= 65_000;
            if !fits {
                break;
            }
            end = e;
            count += 1;
            self.next += 1;
            if size < segment_bytes {
                break;
            }
        }
        self.start = end;
        Some(Run { path, segment_bytes, bytes: &self.egress.bytes[start..end] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_equal_sizes_of_one_path_and_end_at_a_shorter_one() {
        let path = |port| Path {
            local: ([127, 0, 0, 1], 1).into(),
            remote: ([127, 0, 0, 1], port).into(),
            protocol: Protocol::Udp,
        };
        let mut egress = Egress::default();
        for (port, size) in [(2, 10), (2, 10), (2, 4), (2, 10), (3, 10), (3, 12)] {
            egress.push(path(port), |b| b.extend(std::iter::repeat_n(0, size)));
        }
        let runs: Vec<_> = egress.runs(8).map(|r| (r.path.remote.port(), r.segment_bytes, r.bytes.len())).collect();
        assert_eq!(runs, [(2, 10, 24), (2, 10, 10), (3, 10, 10), (3, 12, 12)]);
        assert_eq!(egress.runs(2).count(), 5);
        assert_eq!(egress.datagrams().count(), 6);
    }
}
