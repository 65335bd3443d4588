//! Video tags: the payload of RTMP video messages.

use super::extended::{Cursor, first_track, modifiers};
use super::{FourCc, TagCodec};
use crate::wire::{Malformed, Parsed};

/// One video tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoTag<'a> {
    pub frame: FrameType,
    pub codec: TagCodec,
    pub packet: VideoPacket<'a>,
    /// 0 unless the tag says that there are several; then what is read here is the first that stands in it.
    pub track: u8,
    /// To be added to the timestamp; below a million.
    pub nanoseconds: u32,
}

/// Values out of range are read as `Inter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameType {
    /// A decoder may start here. Also "generated", which only servers of old made.
    Key,
    Inter,
    /// No other frame refers to it.
    Disposable,
    /// No picture: information or a command.
    Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoPacket<'a> {
    /// The decoder's configuration: of AVC an `AVCDecoderConfigurationRecord`.
    SequenceStart(&'a [u8]),
    /// One picture: of AVC and HEVC, NAL units behind their lengths.
    Frame {
        /// What pictures are shown after they are decoded, in milliseconds; never negative by the specification, but
        /// known to be. 0 where the codec has none.
        composition_ms: i32,
        data: &'a [u8],
    },
    SequenceEnd,
    /// AMF0 about colours.
    Metadata(&'a [u8]),
    /// Something of an MPEG-2 transport stream.
    TransportStream(&'a [u8]),
    /// Seek marks of files: nothing of a live stream.
    Command,
}

impl<'a> VideoTag<'a> {
    /// A frame of one track with no nanoseconds.
    pub fn frame(frame: FrameType, codec: FourCc, composition_ms: i32, data: &'a [u8]) -> Self {
        Self::new(frame, codec, VideoPacket::Frame { composition_ms, data })
    }

    /// A decoder's configuration.
    pub fn sequence_start(codec: FourCc, configuration: &'a [u8]) -> Self {
        Self::new(FrameType::Key, codec, VideoPacket::SequenceStart(configuration))
    }

    /// Reads one. An empty tag, which some encoders send, is `Truncated`.
    pub fn read(payload: &'a [u8]) -> Parsed<Self> {
        let mut rest = Cursor(payload);
        let first = rest.u8()?;
        if first & EXTENDED != 0 { Self::read_extended(first, rest) } else { Self::read_plain(first, rest) }
    }

    /// Appends the tag: AVC plain, as every player knows it, all else extended. Tracks are not written, nanoseconds
    /// are.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self.codec {
            TagCodec::FourCc(FourCc::AVC) if self.nanoseconds == 0 && self.is_plain() => self.write_plain_avc(out),
            TagCodec::FourCc(codec) => self.write_extended(codec, out),
            TagCodec::Plain(id) => {
                out.push(self.frame.to_bits() << 4 | id & 0x0f);
                out.extend_from_slice(self.packet.data());
            }
        }
    }

    fn new(frame: FrameType, codec: FourCc, packet: VideoPacket<'a>) -> Self {
        Self { frame, codec: TagCodec::FourCc(codec), packet, track: 0, nanoseconds: 0 }
    }

    fn read_plain(first: u8, mut rest: Cursor<'a>) -> Parsed<Self> {
        let frame = FrameType::from_bits(first >> 4);
        let codec = match first & 0x0f {
            PLAIN_AVC => FourCc::AVC,
            PLAIN_HEVC => FourCc::HEVC,
            id => {
                let packet = match frame {
                    FrameType::Command => VideoPacket::Command,
                    FrameType::Key | FrameType::Inter | FrameType::Disposable => {
                        VideoPacket::Frame { composition_ms: 0, data: rest.0 }
                    }
                };
                return Ok(Self { frame, codec: TagCodec::Plain(id), packet, track: 0, nanoseconds: 0 });
            }
        };
        if frame == FrameType::Command {
            return Ok(Self::new(frame, codec, VideoPacket::Command));
        }
        let packet_type = rest.u8()?;
        // The end of a sequence has no use for a composition time, and some encoders leave it out.
        if packet_type == 2 {
            return Ok(Self::new(frame, codec, VideoPacket::SequenceEnd));
        }
        let composition_ms = rest.i24()?;
        let packet = match packet_type {
            0 => VideoPacket::SequenceStart(rest.0),
            1 => VideoPacket::Frame { composition_ms, data: rest.0 },
            _ => return Err(Malformed::Value),
        };
        Ok(Self::new(frame, codec, packet))
    }

    fn read_extended(first: u8, mut rest: Cursor<'a>) -> Parsed<Self> {
        let frame = FrameType::from_bits(first >> 4 & 7);
        let (packet_type, nanoseconds) = modifiers(first & 0x0f, MODIFIER, &mut rest)?;
        if frame == FrameType::Command && packet_type != METADATA {
            let tag = Self::new(frame, FourCc::default(), VideoPacket::Command);
            return Ok(Self { nanoseconds, ..tag });
        }
        let mut head = first_track(packet_type, MULTITRACK, rest)?;
        let packet = match head.packet_type {
            SEQUENCE_START => VideoPacket::SequenceStart(head.body.0),
            CODED_FRAMES => {
                let composition_ms = if has_composition_time(head.codec) { head.body.i24()? } else { 0 };
                VideoPacket::Frame { composition_ms, data: head.body.0 }
            }
            SEQUENCE_END => VideoPacket::SequenceEnd,
            CODED_FRAMES_X => VideoPacket::Frame { composition_ms: 0, data: head.body.0 },
            METADATA => VideoPacket::Metadata(head.body.0),
            TRANSPORT_STREAM => VideoPacket::TransportStream(head.body.0),
            _ => return Err(Malformed::Value),
        };
        Ok(Self { track: head.track, nanoseconds, ..Self::new(frame, head.codec, packet) })
    }

    /// True if plain tags have a form for this packet.
    fn is_plain(&self) -> bool {
        match self.packet {
            VideoPacket::SequenceStart(_)
            | VideoPacket::Frame { .. }
            | VideoPacket::SequenceEnd
            | VideoPacket::Command => true,
            VideoPacket::Metadata(_) | VideoPacket::TransportStream(_) => false,
        }
    }

    fn write_plain_avc(&self, out: &mut Vec<u8>) {
        let (packet_type, composition_ms) = match self.packet {
            VideoPacket::SequenceStart(_) => (0, 0),
            VideoPacket::SequenceEnd => (2, 0),
            VideoPacket::Frame { composition_ms, .. } => (1, composition_ms),
            VideoPacket::Command | VideoPacket::Metadata(_) | VideoPacket::TransportStream(_) => (1, 0),
        };
        out.extend([self.frame.to_bits() << 4 | PLAIN_AVC, packet_type]);
        out.extend(&composition_ms.to_be_bytes()[1..]);
        out.extend_from_slice(self.packet.data());
    }

    fn write_extended(&self, codec: FourCc, out: &mut Vec<u8>) {
        let first = EXTENDED | self.frame.to_bits() << 4;
        let packet_type = match self.packet {
            VideoPacket::SequenceStart(_) => SEQUENCE_START,
            VideoPacket::Frame { composition_ms: 0, .. } => CODED_FRAMES_X,
            VideoPacket::Frame { .. } => CODED_FRAMES,
            VideoPacket::SequenceEnd => SEQUENCE_END,
            VideoPacket::Metadata(_) => METADATA,
            VideoPacket::TransportStream(_) => TRANSPORT_STREAM,
            VideoPacket::Command => CODED_FRAMES_X,
        };
        if self.nanoseconds > 0 {
            // Three bytes of modifier, which is of type 0.
            out.extend([first | MODIFIER, 2]);
            out.extend(&self.nanoseconds.to_be_bytes()[1..]);
            out.push(packet_type);
        } else {
            out.push(first | packet_type);
        }
        if self.packet == VideoPacket::Command {
            return out.push(0);
        }
        out.extend(codec.0);
        if let (CODED_FRAMES, VideoPacket::Frame { composition_ms, .. }) = (packet_type, self.packet) {
            // A codec without the field shows what it decodes.
            if has_composition_time(codec) {
                out.extend(&composition_ms.to_be_bytes()[1..]);
            }
        }
        out.extend_from_slice(self.packet.data());
    }
}

impl FrameType {
    fn from_bits(bits: u8) -> Self {
        match bits {
            1 | 4 => Self::Key,
            3 => Self::Disposable,
            5 => Self::Command,
            _ => Self::Inter,
        }
    }

    fn to_bits(self) -> u8 {
        match self {
            Self::Key => 1,
            Self::Inter => 2,
            Self::Disposable => 3,
            Self::Command => 5,
        }
    }
}

impl<'a> VideoPacket<'a> {
    /// What stands behind the head.
    pub fn data(&self) -> &'a [u8] {
        match self {
            Self::SequenceStart(data)
            | Self::Frame { data, .. }
            | Self::Metadata(data)
            | Self::TransportStream(data) => data,
            Self::SequenceEnd | Self::Command => &[],
        }
    }
}

const EXTENDED: u8 = 0x80;
const PLAIN_AVC: u8 = 7;
const PLAIN_HEVC: u8 = 12;

const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const SEQUENCE_END: u8 = 2;
const CODED_FRAMES_X: u8 = 3;
const METADATA: u8 = 4;
const TRANSPORT_STREAM: u8 = 5;
const MULTITRACK: u8 = 6;
const MODIFIER: u8 = 7;

/// The codecs whose pictures may leave the order in which they are decoded.
fn has_composition_time(codec: FourCc) -> bool {
    [FourCc::AVC, FourCc::HEVC, FourCc::VVC].contains(&codec)
}

#[cfg(test)]
mod tests;
