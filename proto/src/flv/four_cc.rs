//! Names of codecs in enhanced tags and in RTMP's `connect`.

use std::fmt;

/// Four characters that name a codec.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    pub const AVC: Self = Self(*b"avc1");
    pub const HEVC: Self = Self(*b"hvc1");
    pub const VVC: Self = Self(*b"vvc1");
    pub const AV1: Self = Self(*b"av01");
    pub const VP8: Self = Self(*b"vp08");
    pub const VP9: Self = Self(*b"vp09");
    pub const AAC: Self = Self(*b"mp4a");
    pub const OPUS: Self = Self(*b"Opus");
    pub const FLAC: Self = Self(*b"fLaC");
    pub const AC3: Self = Self(*b"ac-3");
    pub const EAC3: Self = Self(*b"ec-3");
    pub const MP3: Self = Self(*b".mp3");

    /// None if it is not four bytes of text.
    pub fn from_text(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }

    /// The four characters; empty where they are no text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}
