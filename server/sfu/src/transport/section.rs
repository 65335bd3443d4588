//! What a negotiation settled, per m-section.

use std::fmt;

/// One m-section of an answered offer, in the offer's order. A stopped or refused one has `direction` `Off` and no codecs.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    pub mid: String,
    pub kind: Kind,
    pub direction: Direction,
    /// In the server's order: the publisher sends the first unless it has reason not to; a subscriber takes any.
    pub codecs: Vec<NegotiatedCodec>,
    pub extensions: ExtensionIds,
    /// `Some` where the client may send.
    pub receive: Option<Announced>,
    /// `Some` where the server may send.
    pub send: Option<SendStream>,
    /// The text after `a=rid:… send`, where the client offered simulcast and the answer took it; best quality first or
    /// not: the client's order.
    pub rids: Vec<String>,
    /// `a=rtcp-xr:rcvr-rtt` was offered and answered: RRTR may come, DLRR is welcome (RFC 3611 section 5.1).
    pub receiver_rtt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Audio,
    Video,
}

/// From the server's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The client publishes.
    Receive,
    /// The client subscribes.
    Send,
    Both,
    /// Held, stopped or refused.
    Off,
}

impl Direction {
    pub fn new(receive: bool, send: bool) -> Self {
        match (receive, send) {
            (true, true) => Self::Both,
            (true, false) => Self::Receive,
            (false, true) => Self::Send,
            (false, false) => Self::Off,
        }
    }

    pub fn receives(self) -> bool {
        matches!(self, Self::Receive | Self::Both)
    }

    pub fn sends(self) -> bool {
        matches!(self, Self::Send | Self::Both)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct NegotiatedCodec {
    pub codec: Codec,
    pub payload_type: u8,
    /// Payload type of its retransmissions (RFC 4588).
    pub rtx: Option<u8>,
    /// Payload type of RED around it (RFC 2198); opus only.
    pub red: Option<u8>,
    /// Hz.
    pub clock_rate: u32,
    pub feedback: Feedback,
}

/// RTCP feedback that both sides speak (`a=rtcp-fb`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Feedback {
    pub nack: bool,
    pub pli: bool,
    pub fir: bool,
    pub remb: bool,
    pub transport_cc: bool,
}

/// What a payload type means, whatever its number is in one peer connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    Opus,
    Vp8,
    /// Profile 0.
    Vp9,
    /// Packetization mode 1.
    H264(H264Profile),
    /// Profile 0 (main).
    Av1,
}

/// In the order in which each decodes the streams of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum H264Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    High,
}

impl Codec {
    pub fn kind(self) -> Kind {
        match self {
            Self::Opus => Kind::Audio,
            Self::Vp8 | Self::Vp9 | Self::H264(_) | Self::Av1 => Kind::Video,
        }
    }

    /// All video codecs, in the order of `rank`.
    pub const VIDEO: [Self; 7] = [
        Self::Vp8,
        Self::Vp9,
        Self::H264(H264Profile::ConstrainedBaseline),
        Self::H264(H264Profile::Baseline),
        Self::H264(H264Profile::Main),
        Self::H264(H264Profile::High),
        Self::Av1,
    ];

    /// The server's order of preference, 0 first. VP8 is what every browser decodes (a Firefox may lack H.264, a Safari
    /// AV1), so it leads; AV1 is last, for it costs callers on small devices most.
    pub fn rank(self) -> u8 {
        match self {
            Self::Opus | Self::Vp8 => 0,
            Self::Vp9 => 1,
            Self::H264(H264Profile::ConstrainedBaseline) => 2,
            Self::H264(H264Profile::Baseline) => 3,
            Self::H264(H264Profile::Main) => 4,
            Self::H264(H264Profile::High) => 5,
            Self::Av1 => 6,
        }
    }

    /// A receiver that negotiated `self` decodes a stream of `source`.
    pub fn decodes(self, source: Self) -> bool {
        match (self, source) {
            (Self::H264(mine), Self::H264(theirs)) => mine == theirs || theirs == H264Profile::ConstrainedBaseline,
            (Self::Opus | Self::Vp8 | Self::Vp9 | Self::H264(_) | Self::Av1, _) => self == source,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opus => "opus",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264(_) => "H264",
            Self::Av1 => "AV1",
        })
    }
}

impl Section {
    /// The codec under which `payload_type` (media, not RTX or RED) was negotiated.
    pub fn codec_of(&self, payload_type: u8) -> Option<&NegotiatedCodec> {
        self.codecs.iter().find(|c| c.payload_type == payload_type)
    }

    /// How a publisher's codec is called here: the same identity first, else one that decodes it.
    pub fn codec_for(&self, source: Codec) -> Option<&NegotiatedCodec> {
        let same = self.codecs.iter().find(|c| c.codec == source);
        same.or_else(|| self.codecs.iter().find(|c| c.codec.decodes(source)))
    }
}

/// Header extension ids (RFC 8285), the same in all sections of one peer connection. `None`: not negotiated here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtensionIds {
    pub mid: Option<u8>,
    pub rid: Option<u8>,
    pub repaired_rid: Option<u8>,
    pub audio_level: Option<u8>,
    pub abs_send_time: Option<u8>,
    pub transport_cc: Option<u8>,
    pub playout_delay: Option<u8>,
    pub video_orientation: Option<u8>,
    /// Camera or screen: players treat them differently.
    pub content_type: Option<u8>,
}

/// What the client told about the streams it sends in a section. Chromium and Firefox name SSRCs, except for simulcast
/// (then: RIDs); Safari names both. Where nothing is named, mid extension and payload type bind a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Announced {
    /// In SDP order, RTX SSRCs included.
    pub ssrcs: Vec<u32>,
    /// `ssrc-group:FID`: media SSRC, its RTX SSRC.
    pub rtx: Vec<(u32, u32)>,
    /// Stream and track id of `a=msid`; empty where there is none.
    pub stream: String,
    pub track: String,
}

/// What the answer announced about the stream the server sends in a section. Stays the same while the section lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendStream {
    pub ssrc: u32,
    /// `Some` where a codec has RTX.
    pub rtx_ssrc: Option<u32>,
    /// For SDES.
    pub cname: String,
}
