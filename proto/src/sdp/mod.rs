//! Session descriptions (RFC 8866) as WebRTC writes them (RFC 8829): offers and answers as types, a strict parser and a
//! writer. What is read here is form only; what an offer may ask for is decided where it is answered.

mod parse;
mod write;

use std::fmt;

/// The whole description. Chromium's video section with all codecs has 167 lines and 5 kB; one of its peer connections
/// that receives picture and sound of 49 others has 9,900 lines and 300 kB.
pub const MAX_BYTES: usize = 512 * 1024;
pub const MAX_LINES: usize = 12_000;
/// Lines before the first section, and in each.
pub const MAX_SECTION_LINES: usize = 400;
pub const MAX_SECTIONS: usize = 200;
/// Payload types, or other formats, in one m-line. RTP has 128.
pub const MAX_FORMATS: usize = 128;
/// `a=rtcp-fb` of one payload type.
pub const MAX_FEEDBACK: usize = 16;
/// `a=extmap` of one section; one-byte headers know 14 ids, two-byte headers 255.
pub const MAX_EXTENSIONS: usize = 64;
/// SSRCs of one section: simulcast with RTX needs 6.
pub const MAX_SSRCS: usize = 64;
pub const MAX_CANDIDATES: usize = 64;
pub const MAX_FINGERPRINTS: usize = 8;
pub const MAX_GROUPS: usize = 16;
/// `a=msid` of one section.
pub const MAX_MSIDS: usize = 8;
/// `a=rid` of one section.
pub const MAX_RIDS: usize = 16;

/// An offer or an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    pub origin: Origin,
    /// `a=group`, BUNDLE among them.
    pub groups: Vec<Group>,
    pub ice_lite: bool,
    pub extmap_allow_mixed: bool,
    /// Holds for each section that does not say it itself.
    pub security: Security,
    /// Holds for each section that does not say it itself.
    pub direction: Option<Direction>,
    pub sections: Vec<Section>,
}

/// `o=`; the address is written as 127.0.0.1, as all browsers do or could.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    pub username: String,
    /// Digits.
    pub session_id: String,
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub semantics: String,
    pub mids: Vec<String>,
}

/// What ICE and DTLS need (RFC 8839, RFC 8842), at either level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Security {
    pub ice_ufrag: Option<String>,
    pub ice_pwd: Option<String>,
    pub ice_options: Option<String>,
    pub fingerprints: Vec<Fingerprint>,
    pub setup: Option<Setup>,
}

/// `a=fingerprint` (RFC 8122).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Lower case: `sha-256`.
    pub algorithm: String,
    pub digest: Vec<u8>,
}

/// `a=setup` (RFC 4145).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    ActPass,
    Active,
    Passive,
    HoldConn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// One m-line and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub media: Media,
    /// 0: refused or stopped, unless `bundle_only`.
    pub port: u16,
    /// `UDP/TLS/RTP/SAVPF`.
    pub protocol: String,
    pub formats: Vec<String>,
    pub mid: Option<String>,
    pub security: Security,
    pub direction: Option<Direction>,
    pub bundle_only: bool,
    pub rtcp_mux: bool,
    pub rtcp_rsize: bool,
    /// `a=rtcp-xr` (RFC 3611 section 5.1).
    pub rtcp_xr: Option<String>,
    pub extmap_allow_mixed: bool,
    /// One for each numeric format, in the order of the m-line.
    pub payloads: Vec<Payload>,
    pub extensions: Vec<Extension>,
    pub msids: Vec<Msid>,
    pub ssrcs: Vec<Ssrc>,
    pub ssrc_groups: Vec<SsrcGroup>,
    pub rids: Vec<Rid>,
    /// The value of `a=simulcast`.
    pub simulcast: Option<String>,
    /// The values of `a=candidate`.
    pub candidates: Vec<String>,
    pub end_of_candidates: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    Audio,
    Video,
    Application,
    Other(String),
}

/// What a payload type stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    pub payload_type: u8,
    /// `a=rtpmap`'s encoding name as written; empty for a static payload type without one.
    pub name: String,
    pub clock_rate: u32,
    pub channels: Option<u8>,
    /// `a=fmtp` as written.
    pub fmtp: Option<String>,
    /// `a=rtcp-fb`, those for `*` among them.
    pub feedback: Vec<String>,
}

/// `a=extmap` (RFC 8285).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    pub id: u8,
    pub direction: Option<Direction>,
    pub uri: String,
}

/// `a=msid` (RFC 8830).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Msid {
    pub stream: String,
    /// Empty where only the stream is named.
    pub track: String,
}

/// `a=ssrc` (RFC 5576); other source attributes are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssrc {
    pub ssrc: u32,
    pub cname: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SsrcGroup {
    pub semantics: String,
    pub ssrcs: Vec<u32>,
}

/// `a=rid` (RFC 8851).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rid {
    pub id: String,
    /// `send`, else `recv`.
    pub sends: bool,
}

/// What is wrong, and in which line (from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub line: usize,
    pub problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Breaks the form; the text says which.
    Form(&'static str),
    /// Passes a bound of this parser: of what, and how many there may be.
    Limit(&'static str, usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            Problem::Form(what) => write!(f, "line {}: {what}", self.line),
            Problem::Limit(what, most) => write!(f, "line {}: too many {what}, {most} are allowed", self.line),
        }
    }
}

impl std::error::Error for Error {}

impl Session {
    /// Lines may end in CRLF or LF; attributes that nobody here uses are skipped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::session(text)
    }

    /// The mids of the first BUNDLE group (RFC 8843).
    pub fn bundle(&self) -> Option<&[String]> {
        self.groups.iter().find(|g| g.semantics == "BUNDLE").map(|g| g.mids.as_slice())
    }
}

impl Section {
    /// An empty section, to be filled in by who writes a description.
    pub fn new(media: Media, port: u16, protocol: impl Into<String>) -> Self {
        Self {
            media,
            port,
            protocol: protocol.into(),
            formats: Vec::new(),
            mid: None,
            security: Security::default(),
            direction: None,
            bundle_only: false,
            rtcp_mux: false,
            rtcp_rsize: false,
            rtcp_xr: None,
            extmap_allow_mixed: false,
            payloads: Vec::new(),
            extensions: Vec::new(),
            msids: Vec::new(),
            ssrcs: Vec::new(),
            ssrc_groups: Vec::new(),
            rids: Vec::new(),
            simulcast: None,
            candidates: Vec::new(),
            end_of_candidates: false,
        }
    }

    /// Refused by its answerer or stopped by its offerer: port 0, which with `bundle-only` means another thing
    /// (RFC 8843 section 6).
    pub fn is_off(&self) -> bool {
        self.port == 0 && !self.bundle_only
    }

    pub fn payload(&self, payload_type: u8) -> Option<&Payload> {
        self.payloads.iter().find(|p| p.payload_type == payload_type)
    }
}

impl Payload {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value of `key=value` in the format parameters.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.fmtp.as_deref()?.split(';').find_map(|p| {
            let (k, v) = p.trim().split_once('=')?;
            k.trim().eq_ignore_ascii_case(key).then_some(v.trim())
        })
    }
}

impl Direction {
    /// The same from the other side.
    pub fn reversed(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive].into_iter().find(|d| d.as_str() == text)
    }
}

impl Setup {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ActPass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
            Self::HoldConn => "holdconn",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::ActPass, Self::Active, Self::Passive, Self::HoldConn].into_iter().find(|s| s.as_str() == text)
    }
}

/// Fuzz target: what parses is written and parses to the same again.
pub fn fuzz(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(session) = Session::parse(text) else { return };
    let written = session.to_string();
    if written.len() <= MAX_BYTES && written.lines().count() <= MAX_LINES {
        assert_eq!(Session::parse(&written), Ok(session), "{written}");
    }
}

#[cfg(test)]
mod tests;
