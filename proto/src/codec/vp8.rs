//! The VP8 payload descriptor (RFC 7741 section 4.2), read and rewritten in place.

use super::PictureId;
use crate::wire::{Malformed, u8_at};

/// What stands before the VP8 data of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// N: no other picture refers to this one.
    pub is_droppable: bool,
    /// S: a partition starts here.
    pub starts_partition: bool,
    /// PID: 0 is the first partition, with the frame header.
    pub partition: u8,
    pub picture_id: Option<PictureId>,
    /// Running number of the temporal base layer's pictures.
    pub tl0_pic_idx: Option<u8>,
    pub layer: Option<TemporalLayer>,
    pub key_idx: Option<u8>,
    /// Where the VP8 data starts.
    pub bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemporalLayer {
    /// TID: 0 is the base.
    pub tid: u8,
    /// Y: this picture depends on the base layer only, so a receiver may step up here.
    pub is_sync: bool,
}

const FLAG_PICTURE_ID: u8 = 0x80;
const FLAG_TL0_PIC_IDX: u8 = 0x40;
const FLAG_TID: u8 = 0x20;
const FLAG_KEY_IDX: u8 = 0x10;

impl Vp8Descriptor {
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let first = u8_at(payload, 0)?;
        let has_extension = first & 0x80 != 0;
        let flags = if has_extension { u8_at(payload, 1)? } else { 0 };
        let mut at = 1 + usize::from(has_extension);
        let mut picture_id = None;
        if flags & FLAG_PICTURE_ID != 0 {
            let (id, bytes) = PictureId::parse(payload, at)?;
            picture_id = Some(id);
            at += bytes;
        }
        let mut tl0_pic_idx = None;
        if flags & FLAG_TL0_PIC_IDX != 0 {
            tl0_pic_idx = Some(u8_at(payload, at)?);
            at += 1;
        }
        let (mut layer, mut key_idx) = (None, None);
        if flags & (FLAG_TID | FLAG_KEY_IDX) != 0 {
            let byte = u8_at(payload, at)?;
            at += 1;
            layer = (flags & FLAG_TID != 0).then_some(TemporalLayer { tid: byte >> 6, is_sync: byte & 0x20 != 0 });
            key_idx = (flags & FLAG_KEY_IDX != 0).then_some(byte & 0x1f);
        }
        Ok(Self {
            is_droppable: first & 0x20 != 0,
            starts_partition: first & 0x10 != 0,
            partition: first & 0x07,
            picture_id,
            tl0_pic_idx,
            layer,
            key_idx,
            bytes: at,
        })
    }

    /// True for the first packet of a picture.
    pub fn starts_frame(&self) -> bool {
        self.starts_partition && self.partition == 0
    }

    /// True for the first packet of a keyframe: the frame header's P bit is clear (RFC 7741 section 4.3).
    pub fn starts_keyframe(&self, payload: &[u8]) -> bool {
        self.starts_frame() && payload.get(self.bytes).is_some_and(|b| b & 1 == 0)
    }

    /// Overwrites what a forwarder renumbers, in the widths that stand there; a field that the descriptor lacks is
    /// left out. `payload` must be the one that was parsed (or a copy of it).
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) -> Result<(), Malformed> {
        let mut at = 2;
        if let Some(id) = self.picture_id {
            id.rewrite(payload, at, picture_id)?;
            at += 1 + usize::from(id.is_wide);
        }
        if self.tl0_pic_idx.is_some() {
            *payload.get_mut(at).ok_or(Malformed::Truncated)? = tl0_pic_idx;
        }
        Ok(())
    }
}

/// As `Vp8Descriptor::starts_keyframe`; a broken descriptor starts nothing.
pub fn starts_keyframe(payload: &[u8]) -> bool {
    Vp8Descriptor::parse(payload).is_ok_and(|d| d.starts_keyframe(payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_descriptor_is_read() {
        let payload = [0xb0, 0xf0, 0x81, 0x02, 9, 0x6a, 0x10];
        let d = Vp8Descriptor::parse(&payload).expect("well-formed");
        assert!(d.is_droppable && d.starts_partition && d.partition == 0);
        assert_eq!(d.picture_id, Some(PictureId { value: 0x102, is_wide: true }));
        assert_eq!(d.tl0_pic_idx, Some(9));
        assert_eq!(d.layer, Some(TemporalLayer { tid: 1, is_sync: true }));
        assert_eq!((d.key_idx, d.bytes), (Some(10), 6));
    }

    #[test]
    fn a_keyframe_starts_where_its_header_says_so() {
        let cases: [(&[u8], bool); 6] = [
            (&[0x10, 0x50], true),
            (&[0x10, 0x51], false),
            (&[0x00, 0x50], false), // goes on
            (&[0x11, 0x50], false), // second partition
            (&[0x90, 0x80, 0x05, 0x50], true),
            (&[0x10], false),
        ];
        for (payload, want) in cases {
            assert_eq!(starts_keyframe(payload), want, "{payload:x?}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let payload = [0x90, 0xf0, 0x81, 0x02, 9, 0x6a];
        for n in 0..payload.len() {
            assert_eq!(Vp8Descriptor::parse(&payload[..n]), Err(Malformed::Truncated), "{n}");
        }
    }

    #[test]
    fn rewriting_keeps_the_width_and_everything_else() {
        let cases: [(&[u8], &[u8]); 4] = [
            (&[0x90, 0xe0, 0x81, 0x02, 9, 0x40, 7], &[0x90, 0xe0, 0x92, 0x34, 77, 0x40, 7]),
            (&[0x90, 0xe0, 0x01, 9, 0x40, 7], &[0x90, 0xe0, 0x34, 77, 0x40, 7]),
            (&[0x90, 0x60, 9, 0x40, 7], &[0x90, 0x60, 77, 0x40, 7]),
            (&[0x10, 7], &[0x10, 7]),
        ];
        for (before, after) in cases {
            let mut payload = before.to_vec();
            let d = Vp8Descriptor::parse(&payload).expect("well-formed");
            assert_eq!(d.rewrite(&mut payload, 0x1234, 77), Ok(()));
            assert_eq!(payload, after);
        }
    }
}
