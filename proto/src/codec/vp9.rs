//! The VP9 payload descriptor (RFC 9628 section 4.2), flexible mode and not.

use super::PictureId;
use crate::wire::{Malformed, Parsed, u8_at};

/// What stands before the VP9 data of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Descriptor {
    pub picture_id: Option<PictureId>,
    /// P: the picture refers to earlier ones.
    pub is_predicted: bool,
    pub layer: Option<Vp9Layer>,
    /// F: references stand in the packet.
    pub is_flexible: bool,
    /// B: a layer frame starts here.
    pub starts_layer_frame: bool,
    /// E: a layer frame ends here.
    pub ends_layer_frame: bool,
    /// Z: no higher spatial layer refers to this frame.
    pub is_not_reference: bool,
    /// Present in non-flexible mode with layers.
    pub tl0_pic_idx: Option<u8>,
    /// V: spatial layers, where the packet carries a scalability structure.
    pub spatial_layers: Option<u8>,
    /// Where the VP9 data starts.
    pub bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Layer {
    pub tid: u8,
    pub sid: u8,
    /// U: a receiver may step up to this temporal layer here.
    pub is_switching_point: bool,
    /// D: the frame refers to the spatial layer below.
    pub is_inter_layer: bool,
}

/// Most references of one frame (section 4.2: "up to three times").
const MAX_REFERENCES: usize = 3;

impl Vp9Descriptor {
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let first = u8_at(payload, 0)?;
        let flag = |bit: u8| first & (0x80 >> bit) != 0;
        let (has_picture_id, is_predicted, has_layer, is_flexible) = (flag(0), flag(1), flag(2), flag(3));
        let mut cursor = Cursor { payload, at: 1 };
        let picture_id = has_picture_id.then(|| cursor.picture_id()).transpose()?;
        let layer = has_layer.then(|| cursor.layer()).transpose()?;
        let tl0_pic_idx = (has_layer && !is_flexible).then(|| cursor.byte()).transpose()?;
        if is_flexible && is_predicted {
            cursor.skip_references()?;
        }
        let spatial_layers = flag(6).then(|| cursor.scalability_structure()).transpose()?;
        Ok(Self {
            picture_id,
            is_predicted,
            layer,
            is_flexible,
            starts_layer_frame: flag(4),
            ends_layer_frame: flag(5),
            is_not_reference: flag(7),
            tl0_pic_idx,
            spatial_layers,
            bytes: cursor.at,
        })
    }

    /// True for the first packet of a picture: its lowest spatial layer starts.
    pub fn starts_frame(&self) -> bool {
        self.starts_layer_frame && self.layer.is_none_or(|l| l.sid == 0)
    }

    /// True for the first packet of a keyframe.
    pub fn starts_keyframe(&self) -> bool {
        self.starts_frame() && !self.is_predicted
    }

    /// Overwrites what a forwarder renumbers, in the widths that stand there; a field that the descriptor lacks is
    /// left out. `payload` must be the one that was parsed (or a copy of it).
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_pic_idx: u8) -> Result<(), Malformed> {
        let mut at = 1;
        if let Some(id) = self.picture_id {
            id.rewrite(payload, at, picture_id)?;
            at += 1 + usize::from(id.is_wide);
        }
        if self.tl0_pic_idx.is_some() {
            *payload.get_mut(at + 1).ok_or(Malformed::Truncated)? = tl0_pic_idx;
        }
        Ok(())
    }
}

/// As `Vp9Descriptor::starts_keyframe`; a broken descriptor starts nothing.
pub fn starts_keyframe(payload: &[u8]) -> bool {
    Vp9Descriptor::parse(payload).is_ok_and(|d| d.starts_keyframe())
}

struct Cursor<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> Parsed<u8> {
        let byte = u8_at(self.payload, self.at)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, bytes: usize) -> Parsed<()> {
        self.at += bytes;
        if self.at <= self.payload.len() { Ok(()) } else { Err(Malformed::Truncated) }
    }

    fn picture_id(&mut self) -> Parsed<PictureId> {
        let (id, bytes) = PictureId::parse(self.payload, self.at)?;
        self.at += bytes;
        Ok(id)
    }

    fn layer(&mut self) -> Parsed<Vp9Layer> {
        let byte = self.byte()?;
        Ok(Vp9Layer {
            tid: byte >> 5,
            is_switching_point: byte & 0x10 != 0,
            sid: (byte >> 1) & 7,
            is_inter_layer: byte & 1 != 0,
        })
    }

    fn skip_references(&mut self) -> Parsed<()> {
        for _ in 0..MAX_REFERENCES {
            if self.byte()? & 1 == 0 {
                return Ok(());
            }
        }
        Err(Malformed::TooMany)
    }

    /// The number of spatial layers (section 4.2.1); sizes and the picture group are walked over.
    fn scalability_structure(&mut self) -> Parsed<u8> {
        let head = self.byte()?;
        let layers = (head >> 5) + 1;
        if head & 0x10 != 0 {
            self.skip(4 * usize::from(layers))?;
        }
        if head & 0x08 != 0 {
            for _ in 0..self.byte()? {
                let references = (self.byte()? >> 2) & 3;
                self.skip(usize::from(references))?;
            }
        }
        Ok(layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const I: u8 = 0x80;
    const P: u8 = 0x40;
    const L: u8 = 0x20;
    const F: u8 = 0x10;
    const B: u8 = 0x08;
    const V: u8 = 0x02;

    #[test]
    fn non_flexible_keyframe_with_structure_is_read() {
        // Two spatial layers with sizes, a group of two pictures with one and no reference.
        let payload = [I | L | B | V, 0x81, 0x02, 0x00, 7, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x04, 1, 0x20, 0xaa];
        let d = Vp9Descriptor::parse(&payload).expect("well-formed");
        assert_eq!(d.picture_id, Some(PictureId { value: 0x102, is_wide: true }));
        assert_eq!((d.tl0_pic_idx, d.spatial_layers, d.bytes), (Some(7), Some(2), payload.len() - 1));
        assert!(d.starts_keyframe());
    }

    #[test]
    fn flexible_references_are_walked_over() {
        let payload = [I | P | L | F | B, 0x05, 0x35, 0x03, 0x04, 0xaa];
        let d = Vp9Descriptor::parse(&payload).expect("well-formed");
        assert_eq!(d.layer, Some(Vp9Layer { tid: 1, sid: 2, is_switching_point: true, is_inter_layer: true }));
        assert_eq!((d.tl0_pic_idx, d.bytes, d.starts_frame()), (None, 5, false));
        assert_eq!(Vp9Descriptor::parse(&[P | F, 1, 1, 1, 0]), Err(Malformed::TooMany));
    }

    #[test]
    fn only_the_first_packet_of_an_unpredicted_base_layer_starts_a_keyframe() {
        let cases: [(&[u8], bool); 4] = [(&[B], true), (&[B | P], false), (&[0], false), (&[L | F | B, 0x02], false)];
        for (payload, want) in cases {
            assert_eq!(starts_keyframe(payload), want, "{payload:x?}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let payload = [I | L | B | V, 0x81, 0x02, 0x00, 7, 0x38, 1, 64, 0, 180, 2, 128, 1, 104, 2, 0x04, 1, 0x20];
        for n in 0..payload.len() {
            assert_eq!(Vp9Descriptor::parse(&payload[..n]), Err(Malformed::Truncated), "{n}");
        }
    }

    #[test]
    fn rewriting_keeps_everything_else() {
        let mut payload = [I | L, 0x81, 0x02, 0x41, 7, 0xaa];
        let d = Vp9Descriptor::parse(&payload).expect("well-formed");
        assert_eq!(d.rewrite(&mut payload, 0x1234, 77), Ok(()));
        assert_eq!(payload, [I | L, 0x92, 0x34, 0x41, 77, 0xaa]);
    }
}
