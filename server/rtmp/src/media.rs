//! What one message of a stream is to those who play it: may it be left out, does a picture start with it.

use bytes::Bytes;

/// Which of a publisher's three flows. The order is that of the message types 8, 9 and 18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flow {
    Audio,
    Video,
    Data,
}

impl Flow {
    /// The message type of RTMP, and the tag type of FLV.
    pub fn type_id(self) -> u8 {
        match self {
            Self::Audio => 8,
            Self::Video => 9,
            Self::Data => 18,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Decoder configuration: what comes after cannot be understood without it.
    Header,
    /// A picture that stands alone.
    Key,
    /// A picture that needs those before it.
    Inter,
    Sound,
    /// `onMetaData`, captions, cue points.
    Data,
}

/// One message of a stream. The payload is the body of the FLV tag, whatever the codec is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    pub flow: Flow,
    pub class: Class,
    /// Milliseconds on the stream's own line, which starts at 0 and never steps back within a flow. Wraps after 49 days.
    pub at: u32,
    pub payload: Bytes,
}

/// `None`: nothing that a player could use (empty tags, a header without its configuration, the end of a sequence).
pub fn classify(flow: Flow, payload: &[u8]) -> Option<Class> {
    match flow {
        Flow::Audio => classify_audio(payload),
        Flow::Video => classify_video(payload),
        Flow::Data => (!payload.is_empty()).then_some(Class::Data),
    }
}

const AVC: u8 = 7;
/// HEVC as it was sent before it had a FourCC.
const HEVC: u8 = 12;
const AAC: u8 = 10;
/// Sound with a FourCC.
const EXTENDED: u8 = 9;
/// Bytes before the configuration of AVC: kind, packet type, composition time.
const AVC_HEAD: usize = 5;
/// Bytes before what a FourCC names.
const FOURCC_HEAD: usize = 5;

fn classify_video(payload: &[u8]) -> Option<Class> {
    let &[first, ref rest @ ..] = payload else { return None };
    let frame = match (first >> 4) & 7 {
        1 | 4 => Class::Key,
        2 | 3 => Class::Inter,
        _ => return None,
    };
    if first & 0x80 != 0 {
        // Sequence start, coded frames, and coded frames without a composition time.
        let class = match first & 0x0f {
            0 => Class::Header,
            1 | 3 => frame,
            _ => return None,
        };
        return (payload.len() > FOURCC_HEAD).then_some(class);
    }
    if !matches!(first & 0x0f, AVC | HEVC) {
        return (!rest.is_empty()).then_some(frame);
    }
    let class = match rest.first()? {
        0 => Class::Header,
        1 => frame,
        _ => return None,
    };
    (payload.len() > AVC_HEAD).then_some(class)
}

fn classify_audio(payload: &[u8]) -> Option<Class> {
    let &[first, ref rest @ ..] = payload else { return None };
    match first >> 4 {
        // Some encoders announce AAC by two bytes before they have a configuration.
        AAC if rest.len() < 2 => None,
        AAC => match rest[0] {
            0 => Some(Class::Header),
            1 => Some(Class::Sound),
            _ => None,
        },
        EXTENDED if payload.len() <= FOURCC_HEAD => None,
        EXTENDED => match first & 0x0f {
            0 | 4 => Some(Class::Header),
            1 => Some(Class::Sound),
            _ => None,
        },
        _ => (!rest.is_empty()).then_some(Class::Sound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_apart() {
        for (flow, bytes, class) in [
            (Flow::Video, &[0x17, 0, 0, 0, 0, 1][..], Some(Class::Header)),
            (Flow::Video, &[0x17, 1, 0, 0, 0, 1], Some(Class::Key)),
            (Flow::Video, &[0x27, 1, 0, 0, 0, 1], Some(Class::Inter)),
            (Flow::Video, &[0x37, 1, 0, 0, 0, 1], Some(Class::Inter)),
            (Flow::Video, &[0x17, 2, 0, 0, 0], None),
            (Flow::Video, &[0x17, 1, 0, 0, 0], None),
            (Flow::Video, &[0x57, 0], None),
            (Flow::Video, &[], None),
            (Flow::Video, b"\x90hvc1\x01", Some(Class::Header)),
            (Flow::Video, b"\x93av01\x01", Some(Class::Key)),
            (Flow::Video, b"\xa1vp09\x01", Some(Class::Inter)),
            (Flow::Video, b"\x90hvc1", None),
            (Flow::Video, &[0x12, 7], Some(Class::Key)),
            (Flow::Audio, &[0xaf, 0, 0x12, 0x10], Some(Class::Header)),
            (Flow::Audio, &[0xaf, 0], None),
            (Flow::Audio, &[0xaf, 1, 7], Some(Class::Sound)),
            (Flow::Audio, b"\x90Opus\x01", Some(Class::Header)),
            (Flow::Audio, b"\x91Opus\x01", Some(Class::Sound)),
            (Flow::Audio, &[0x2f, 0xff], Some(Class::Sound)),
            (Flow::Audio, &[0x2f], None),
            (Flow::Data, &[2], Some(Class::Data)),
            (Flow::Data, &[], None),
        ] {
            assert_eq!(classify(flow, bytes), class, "{flow:?} {bytes:02x?}");
        }
    }
}
