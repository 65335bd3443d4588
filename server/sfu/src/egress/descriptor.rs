//! Picture numbers inside VP8 payloads (RFC 7741 section 4.2): they go on where the source before ended, since decoders
//! drop what looks old.

use crate::ingress::Vp8Numbers;

/// Offsets of one subscription.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Vp8Munger {
    picture_offset: u16,
    tl0_offset: u8,
    /// The newest numbers sent.
    picture: Option<u16>,
    tl0: Option<u8>,
}

impl Vp8Munger {
    /// Another source follows; this is its first packet.
    pub(crate) fn switch(&mut self, first: Vp8Numbers) {
        if let (Some(sent), Some((_, _, id))) = (self.picture, first.picture_id) {
            self.picture_offset = sent.wrapping_add(1).wrapping_sub(id) & 0x7fff;
        }
        if let (Some(sent), Some((_, tl0))) = (self.tl0, first.tl0) {
            self.tl0_offset = sent.wrapping_add(1).wrapping_sub(tl0);
        }
    }

    /// Rewrites the numbers in a copy of the payload.
    pub(crate) fn rewrite(&mut self, numbers: Vp8Numbers, payload: &mut [u8]) {
        if let Some((at, wide, id)) = numbers.picture_id {
            let id = id.wrapping_add(self.picture_offset) & 0x7fff;
            if self.picture.is_none_or(|sent| is_newer(id, sent)) {
                self.picture = Some(id);
            }
            self.write_picture(usize::from(at), wide, id, payload);
        }
        if let Some((at, tl0)) = numbers.tl0 {
            let tl0 = tl0.wrapping_add(self.tl0_offset);
            if self.tl0.is_none_or(|sent| tl0.wrapping_sub(sent) < 0x80) {
                self.tl0 = Some(tl0);
            }
            if let Some(byte) = payload.get_mut(usize::from(at)).filter(|_| self.tl0_offset != 0) {
                *byte = tl0;
            }
        }
    }

    /// In the width that the source uses: sizes stay, the low bits go on.
    fn write_picture(&self, at: usize, wide: bool, id: u16, payload: &mut [u8]) {
        if self.picture_offset == 0 {
            return;
        }
        let [high, low] = (id | 0x8000).to_be_bytes();
        match payload.get_mut(at..) {
            Some([first, second, ..]) if wide => (*first, *second) = (high, low),
            Some([only, ..]) if !wide => *only = low & 0x7f,
            Some(_) | None => {}
        }
    }
}

/// 15-bit numbers, the shorter way round.
fn is_newer(id: u16, than: u16) -> bool {
    let ahead = id.wrapping_sub(than) & 0x7fff;
    ahead != 0 && ahead < 0x4000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(id: u16, tl0: u8) -> (Vp8Numbers, Vec<u8>) {
        let [high, low] = (id | 0x8000).to_be_bytes();
        (Vp8Numbers { picture_id: Some((2, true, id)), tl0: Some((4, tl0)) }, vec![0x90, 0xe0, high, low, tl0, 0xaa])
    }

    fn sent(m: &mut Vp8Munger, id: u16, tl0: u8) -> (u16, u8) {
        let (numbers, mut payload) = wide(id, tl0);
        m.rewrite(numbers, &mut payload);
        assert_eq!((payload[0], payload[1], payload[5]), (0x90, 0xe0, 0xaa));
        (u16::from_be_bytes([payload[2], payload[3]]) & 0x7fff, payload[4])
    }

    #[test]
    fn the_first_source_keeps_its_numbers() {
        let mut m = Vp8Munger::default();
        m.switch(wide(300, 9).0);
        assert_eq!([sent(&mut m, 300, 9), sent(&mut m, 301, 10)], [(300, 9), (301, 10)]);
    }

    #[test]
    fn a_new_source_goes_on_across_the_wrap() {
        let mut m = Vp8Munger::default();
        m.switch(wide(0x7ffe, 254).0);
        sent(&mut m, 0x7ffe, 254);
        sent(&mut m, 0x7fff, 255);
        sent(&mut m, 0x7ffe, 254);
        m.switch(wide(17, 3).0);
        assert_eq!([sent(&mut m, 17, 3), sent(&mut m, 18, 4)], [(0, 0), (1, 1)]);
    }

    #[test]
    fn narrow_numbers_stay_narrow() {
        let mut m = Vp8Munger { picture: Some(130), ..Vp8Munger::default() };
        let numbers = Vp8Numbers { picture_id: Some((2, false, 5)), tl0: None };
        m.switch(numbers);
        let mut payload = [0x90, 0x80, 5, 0xaa];
        m.rewrite(numbers, &mut payload);
        assert_eq!(payload, [0x90, 0x80, 131 & 0x7f, 0xaa]);
    }
}
