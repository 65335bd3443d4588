//! FLV files and streams over HTTP: a header, then tags, each followed by its length.

use crate::rtmp::MessageKind;
use crate::wire::{Malformed, Parsed, u8_at, u24_at, u32_at};

/// Bytes in front of a tag's payload. Four more follow it.
pub const TAG_HEAD_BYTES: usize = 11;

/// Longest header that is skipped. All known files have one of 9 bytes.
const HEADER_BYTES_MAX: u32 = 1024;

/// What stands at the front of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHeader {
    pub has_audio: bool,
    pub has_video: bool,
}

impl FileHeader {
    /// The header and the length of the tag before the first, which is 0.
    pub fn to_bytes(self) -> [u8; 13] {
        let flags = u8::from(self.has_audio) << 2 | u8::from(self.has_video);
        [b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0]
    }

    /// Reads it and says where the first tag starts. `Truncated` asks for more bytes.
    pub fn read(bytes: &[u8]) -> Parsed<(Self, usize)> {
        let flags = u8_at(bytes, 4)?;
        if bytes.first_chunk::<4>() != Some(b"FLV\x01") {
            return Err(Malformed::Version);
        }
        let header_bytes = u32_at(bytes, 5)?;
        if !(9..=HEADER_BYTES_MAX).contains(&header_bytes) {
            return Err(Malformed::Length);
        }
        let first_tag = header_bytes as usize + 4;
        if bytes.len() < first_tag {
            return Err(Malformed::Truncated);
        }
        Ok((Self { has_audio: flags & 4 != 0, has_video: flags & 1 != 0 }, first_tag))
    }
}

/// What stands in front of a tag's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagHead {
    /// `Audio`, `Video` or `Data`: tags have the numbers of RTMP's messages.
    pub kind: MessageKind,
    /// Milliseconds, modulo 2^32.
    pub timestamp: u32,
    /// At most 16,777,215.
    pub payload_bytes: u32,
}

impl TagHead {
    pub fn to_bytes(self) -> [u8; TAG_HEAD_BYTES] {
        let [_, b0, b1, b2] = self.payload_bytes.to_be_bytes();
        let [t3, t0, t1, t2] = self.timestamp.to_be_bytes();
        [self.kind.id(), b0, b1, b2, t0, t1, t2, t3, 0, 0, 0]
    }

    /// What follows the payload: the length of the tag, its head counted.
    pub fn end_bytes(self) -> [u8; 4] {
        (self.payload_bytes + TAG_HEAD_BYTES as u32).to_be_bytes()
    }
}

/// A tag in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    pub head: TagHead,
    pub payload: &'a [u8],
    /// Bytes up to the next tag.
    pub bytes: usize,
}

impl<'a> Tag<'a> {
    /// Reads the tag at the front of `bytes`; `Truncated` asks for more of them. The length behind it is not looked at:
    /// files that were cut and joined have wrong ones.
    ///
    /// Errors: encrypted, of an unknown kind, or longer than messages of its kind may be.
    pub fn read(bytes: &'a [u8]) -> Parsed<Self> {
        let kind = MessageKind::from_id(u8_at(bytes, 0)?);
        if !matches!(kind, MessageKind::Audio | MessageKind::Video | MessageKind::Data) {
            return Err(Malformed::Value);
        }
        let payload_bytes = u24_at(bytes, 1)?;
        if payload_bytes as usize > kind.bytes_max() {
            return Err(Malformed::Length);
        }
        let timestamp = u24_at(bytes, 4)? | u32::from(u8_at(bytes, 7)?) << 24;
        let end = TAG_HEAD_BYTES + payload_bytes as usize;
        let payload = bytes.get(TAG_HEAD_BYTES..end).filter(|_| bytes.len() >= end + 4);
        let payload = payload.ok_or(Malformed::Truncated)?;
        Ok(Self { head: TagHead { kind, timestamp, payload_bytes }, payload, bytes: end + 4 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(head: TagHead, payload: &[u8]) -> Vec<u8> {
        [&head.to_bytes(), payload, &head.end_bytes()].concat()
    }

    #[test]
    fn a_file_comes_back() {
        let header = FileHeader { has_audio: true, has_video: false };
        assert_eq!(FileHeader::read(&header.to_bytes()), Ok((header, 13)));
        for timestamp in [0, 0x00ff_ffff, 0x0100_0000, u32::MAX] {
            let head = TagHead { kind: MessageKind::Audio, timestamp, payload_bytes: 3 };
            let bytes = tag(head, &[0xaf, 1, 7]);
            assert_eq!(bytes[14..], [0, 0, 0, 14]);
            assert_eq!(Tag::read(&bytes), Ok(Tag { head, payload: &[0xaf, 1, 7], bytes: 18 }));
            for end in 0..bytes.len() {
                assert_eq!(Tag::read(&bytes[..end]), Err(Malformed::Truncated), "{end}");
            }
        }
    }

    #[test]
    fn a_longer_header_is_skipped() {
        let bytes = [&b"FLV\x01\x05\x00\x00\x00\x0c"[..], &[0; 7]].concat();
        assert_eq!(FileHeader::read(&bytes), Ok((FileHeader { has_audio: true, has_video: true }, 16)));
        assert_eq!(FileHeader::read(&bytes[..15]), Err(Malformed::Truncated));
        assert_eq!(FileHeader::read(b"FLV\x01\x05\xff\xff\xff\xff"), Err(Malformed::Length));
        assert_eq!(FileHeader::read(b"FLV\x01\x05\x00\x00\x00\x08"), Err(Malformed::Length));
        assert_eq!(FileHeader::read(b"FLV\x02\x05"), Err(Malformed::Version));
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for kind in [0, 1, 20, 22, 0x28] {
            assert_eq!(Tag::read(&[kind; 20]), Err(Malformed::Value), "{kind}");
        }
        let long = TagHead { kind: MessageKind::Audio, timestamp: 0, payload_bytes: 64 * 1024 + 1 };
        assert_eq!(Tag::read(&long.to_bytes()), Err(Malformed::Length));
    }
}
