//! What forwarding must know of a payload: where decoding can start, and the picture numbers that are rewritten.

use crate::transport::Codec;
use carillon_proto::codec::vp8::Vp8Descriptor;
use carillon_proto::codec::{av1, h264, vp9};

/// Read once per packet, used for every subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks {
    /// The packet opens a frame from which decoding can start.
    pub(crate) keyframe: bool,
    pub(crate) vp8: Option<Vp8Numbers>,
}

/// Where the picture numbers lie in a VP8 payload (RFC 7741 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Vp8Numbers {
    /// Offset, 15 bits wide instead of 7, value.
    pub(crate) picture_id: Option<(u8, bool, u16)>,
    /// Offset, value.
    pub(crate) tl0: Option<(u8, u8)>,
}

/// Behind the descriptor's two bytes of flags.
const PICTURE_ID_AT: u8 = 2;

impl Marks {
    /// A payload that is no payload of its codec has no marks: it is forwarded, decoders drop it.
    pub(crate) fn read(codec: Codec, payload: &[u8]) -> Self {
        let keyframe = match codec {
            Codec::Opus => false,
            Codec::Vp8 => return Self::read_vp8(payload),
            Codec::Vp9 => vp9::starts_keyframe(payload),
            Codec::H264(_) => h264::starts_keyframe(payload),
            Codec::Av1 => av1::starts_keyframe(payload),
        };
        Self { keyframe, vp8: None }
    }

    fn read_vp8(payload: &[u8]) -> Self {
        let Ok(descriptor) = Vp8Descriptor::parse(payload) else { return Self::default() };
        let picture_id = descriptor.picture_id.map(|id| (PICTURE_ID_AT, id.is_wide, id.value));
        let tl0_at = PICTURE_ID_AT + picture_id.map_or(0, |(_, wide, _)| 1 + u8::from(wide));
        let tl0 = descriptor.tl0_pic_idx.map(|tl0| (tl0_at, tl0));
        Self { keyframe: descriptor.starts_keyframe(payload), vp8: Some(Vp8Numbers { picture_id, tl0 }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::H264Profile;

    #[test]
    fn vp8_numbers_are_found_where_they_lie() {
        let wide = Marks::read(Codec::Vp8, &[0x90, 0xe0, 0x81, 0x02, 9, 0, 0x10]);
        let numbers = Vp8Numbers { picture_id: Some((2, true, 0x102)), tl0: Some((4, 9)) };
        assert_eq!(wide, Marks { keyframe: true, vp8: Some(numbers) });
        let narrow = Marks::read(Codec::Vp8, &[0x80, 0xe0, 0x05, 9, 0, 0x10]);
        let numbers = Vp8Numbers { picture_id: Some((2, false, 5)), tl0: Some((3, 9)) };
        assert_eq!(narrow, Marks { keyframe: false, vp8: Some(numbers) });
        let bare = Marks::read(Codec::Vp8, &[0x10, 0x01]);
        assert_eq!(bare, Marks { keyframe: false, vp8: Some(Vp8Numbers::default()) });
        assert_eq!(Marks::read(Codec::Vp8, &[0x90]), Marks::default());
    }

    #[test]
    fn parameter_sets_open_an_h264_keyframe() {
        let h264 = Codec::H264(H264Profile::ConstrainedBaseline);
        for (payload, want) in [(&[0x67, 1, 2][..], true), (&[0x61, 1, 2], false), (&[], false)] {
            assert_eq!(Marks::read(h264, payload).keyframe, want, "{payload:?}");
        }
        assert!(!Marks::read(Codec::Opus, &[0x78, 0]).keyframe);
    }
}
