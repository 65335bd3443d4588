//! Audio tags: the payload of RTMP audio messages.

use super::extended::{Cursor, first_track, modifiers};
use super::{FourCc, TagCodec};
use crate::wire::{Malformed, Parsed};

/// One audio tag. The rate, width and channels that plain tags carry are wrong for AAC by rule, so they are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioTag<'a> {
    pub codec: TagCodec,
    pub packet: AudioPacket<'a>,
    /// As in a video tag.
    pub track: u8,
    /// To be added to the timestamp; below a million.
    pub nanoseconds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioPacket<'a> {
    /// The decoder's configuration: of AAC an `AudioSpecificConfig`, of Opus an identification header (RFC 7845).
    /// ffmpeg may send an empty one before the true one.
    SequenceStart(&'a [u8]),
    /// One piece of sound: a raw AAC frame, an Opus packet.
    Frame(&'a [u8]),
    SequenceEnd,
    /// How channels are laid out.
    Channels(&'a [u8]),
}

impl<'a> AudioTag<'a> {
    pub fn frame(codec: FourCc, data: &'a [u8]) -> Self {
        Self::new(TagCodec::FourCc(codec), AudioPacket::Frame(data))
    }

    /// A decoder's configuration.
    pub fn sequence_start(codec: FourCc, configuration: &'a [u8]) -> Self {
        Self::new(TagCodec::FourCc(codec), AudioPacket::SequenceStart(configuration))
    }

    /// Reads one. An empty tag is `Truncated`.
    pub fn read(payload: &'a [u8]) -> Parsed<Self> {
        let mut rest = Cursor(payload);
        let first = rest.u8()?;
        match first >> 4 {
            FORMAT_EXTENDED => Self::read_extended(first & 0x0f, rest),
            FORMAT_AAC => {
                let packet = match rest.u8()? {
                    0 => AudioPacket::SequenceStart(rest.0),
                    1 => AudioPacket::Frame(rest.0),
                    _ => return Err(Malformed::Value),
                };
                Ok(Self::new(TagCodec::FourCc(FourCc::AAC), packet))
            }
            FORMAT_MP3 | FORMAT_MP3_8_KHZ => Ok(Self::frame(FourCc::MP3, rest.0)),
            id => Ok(Self::new(TagCodec::Plain(id), AudioPacket::Frame(rest.0))),
        }
    }

    /// Appends the tag: AAC plain, as every player knows it, all else extended. Tracks are not written, nanoseconds
    /// are.
    pub fn write(&self, out: &mut Vec<u8>) {
        let is_plain = self.nanoseconds == 0 && self.is_plain();
        match self.codec {
            TagCodec::FourCc(FourCc::AAC) if is_plain => {
                out.extend([AAC_HEAD, u8::from(!matches!(self.packet, AudioPacket::SequenceStart(_)))]);
            }
            TagCodec::FourCc(codec) => self.write_extended_head(codec, out),
            TagCodec::Plain(id) => out.push(id << 4),
        }
        out.extend_from_slice(self.packet.data());
    }

    fn new(codec: TagCodec, packet: AudioPacket<'a>) -> Self {
        Self { codec, packet, track: 0, nanoseconds: 0 }
    }

    fn read_extended(packet_type: u8, mut rest: Cursor<'a>) -> Parsed<Self> {
        let (packet_type, nanoseconds) = modifiers(packet_type, MODIFIER, &mut rest)?;
        let head = first_track(packet_type, MULTITRACK, rest)?;
        let packet = match head.packet_type {
            SEQUENCE_START => AudioPacket::SequenceStart(head.body.0),
            CODED_FRAMES => AudioPacket::Frame(head.body.0),
            SEQUENCE_END => AudioPacket::SequenceEnd,
            CHANNELS => AudioPacket::Channels(head.body.0),
            _ => return Err(Malformed::Value),
        };
        Ok(Self { track: head.track, nanoseconds, ..Self::new(TagCodec::FourCc(head.codec), packet) })
    }

    /// True if plain tags have a form for this packet.
    fn is_plain(&self) -> bool {
        matches!(self.packet, AudioPacket::SequenceStart(_) | AudioPacket::Frame(_))
    }

    fn write_extended_head(&self, codec: FourCc, out: &mut Vec<u8>) {
        let packet_type = match self.packet {
            AudioPacket::SequenceStart(_) => SEQUENCE_START,
            AudioPacket::Frame(_) => CODED_FRAMES,
            AudioPacket::SequenceEnd => SEQUENCE_END,
            AudioPacket::Channels(_) => CHANNELS,
        };
        if self.nanoseconds > 0 {
            out.extend([FORMAT_EXTENDED << 4 | MODIFIER, 2]);
            out.extend(&self.nanoseconds.to_be_bytes()[1..]);
            out.push(packet_type);
        } else {
            out.push(FORMAT_EXTENDED << 4 | packet_type);
        }
        out.extend(codec.0);
    }
}

impl<'a> AudioPacket<'a> {
    /// What stands behind the head.
    pub fn data(&self) -> &'a [u8] {
        match self {
            Self::SequenceStart(data) | Self::Frame(data) | Self::Channels(data) => data,
            Self::SequenceEnd => &[],
        }
    }
}

const FORMAT_MP3: u8 = 2;
const FORMAT_EXTENDED: u8 = 9;
const FORMAT_AAC: u8 = 10;
const FORMAT_MP3_8_KHZ: u8 = 14;

/// AAC, and then 44.1 kHz, 16 bits, stereo: what a tag of AAC says, whatever it is (E.4.2.1).
const AAC_HEAD: u8 = 0xaf;

const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const SEQUENCE_END: u8 = 2;
const CHANNELS: u8 = 4;
const MULTITRACK: u8 = 5;
const MODIFIER: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tag: AudioTag<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        tag.write(&mut out);
        out
    }

    #[test]
    fn aac_goes_plain() {
        let start = AudioTag::sequence_start(FourCc::AAC, &[0x11, 0x90]);
        assert_eq!(written(start), [0xaf, 0, 0x11, 0x90]);
        assert_eq!(AudioTag::read(&[0xaf, 0, 0x11, 0x90]), Ok(start));
        assert_eq!(AudioTag::read(&[0xaf, 1, 7, 7]), Ok(AudioTag::frame(FourCc::AAC, &[7, 7])));
        assert_eq!(AudioTag::read(&[0xaf, 0]), Ok(AudioTag::sequence_start(FourCc::AAC, &[])), "ffmpeg's empty one");
        assert_eq!(AudioTag::read(&[0xaf, 2]), Err(Malformed::Value));
        assert_eq!(AudioTag::read(&[0xaf]), Err(Malformed::Truncated));
        assert_eq!(AudioTag::read(&[]), Err(Malformed::Truncated));
    }

    #[test]
    fn opus_goes_extended() {
        let frame = AudioTag::frame(FourCc::OPUS, &[7, 7]);
        assert_eq!(written(frame), *b"\x91Opus\x07\x07");
        assert_eq!(AudioTag::read(b"\x91Opus\x07\x07"), Ok(frame));
        let start = AudioTag::sequence_start(FourCc::OPUS, b"OpusHead");
        assert_eq!(AudioTag::read(&written(start)), Ok(start));
        let late = AudioTag { nanoseconds: 999_999, ..frame };
        assert_eq!(AudioTag::read(&written(late)), Ok(late));
        for (packet, byte) in [(AudioPacket::SequenceEnd, 0x92), (AudioPacket::Channels(&[1, 2]), 0x94)] {
            let tag = AudioTag { packet, ..frame };
            assert_eq!(written(tag)[0], byte);
            assert_eq!(AudioTag::read(&written(tag)), Ok(tag));
        }
    }

    #[test]
    fn of_several_tracks_the_first_is_read() {
        let one = b"\x95\x01Opus\x03\x07\x07";
        let many = b"\x95\x11Opus\x03\x00\x00\x02\x07\x07\x04\x00\x00\x01\x09";
        let codecs = b"\x95\x21Opus\x03\x00\x00\x02\x07\x07mp4a\x04\x00\x00\x01\x09";
        for payload in [&one[..], many, codecs] {
            assert_eq!(AudioTag::read(payload), Ok(AudioTag { track: 3, ..AudioTag::frame(FourCc::OPUS, &[7, 7]) }));
        }
        assert_eq!(AudioTag::read(b"\x95\x15Opus\x03"), Err(Malformed::Value), "several in several");
        assert_eq!(AudioTag::read(b"\x95\x11Opus\x03\xff\xff\xff\x07"), Err(Malformed::Truncated));
    }

    #[test]
    fn codecs_of_old_are_named_by_their_id() {
        assert_eq!(AudioTag::read(&[0xb2, 7]).map(|tag| tag.codec), Ok(TagCodec::Plain(11)));
        for format in [0x2f, 0xe0] {
            assert_eq!(AudioTag::read(&[format, 7]), Ok(AudioTag::frame(FourCc::MP3, &[7])));
        }
    }
}
