//! FLV (Adobe, "Video File Format Specification" 10.1, annex E) and its enhanced tags (veovera, "Enhanced RTMP" v1 and
//! v2): the bodies of RTMP's audio and video messages, and the files and HTTP streams made of them.
//!
//! Tags are read in place. What a reader returns lies in the payload, so that an owner of `Bytes` can share it by
//! `Bytes::slice_ref`.

mod audio;
mod extended;
mod file;
mod four_cc;
mod metadata;
mod video;

pub use audio::{AudioPacket, AudioTag};
pub use file::{FileHeader, TAG_HEAD_BYTES, Tag, TagHead};
pub use four_cc::FourCc;
pub use metadata::Metadata;
pub use video::{FrameType, VideoPacket, VideoTag};

/// What a tag is encoded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TagCodec {
    /// Also plain tags of AVC, HEVC (which is common, though no specification has it), AAC and MP3.
    FourCc(FourCc),
    /// The id in a plain tag of any other codec: H.263, Speex and the like.
    Plain(u8),
}
