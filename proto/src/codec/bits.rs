//! Bits, the highest of a byte first.

use crate::wire::{Malformed, Parsed};

pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Of the next bit.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() * 8 - self.at
    }

    pub(super) fn flag(&mut self) -> Parsed<bool> {
        let byte = self.bytes.get(self.at / 8).ok_or(Malformed::Truncated)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// At most 32 bits.
    pub(super) fn read(&mut self, bits: u32) -> Parsed<u32> {
        (0..bits).try_fold(0, |value, _| Ok(value << 1 | u32::from(self.flag()?)))
    }

    pub(super) fn skip(&mut self, bits: usize) -> Parsed<()> {
        if bits > self.left() {
            return Err(Malformed::Truncated);
        }
        self.at += bits;
        Ok(())
    }

    /// `ue(v)` of H.264 section 9.1, at most `max`.
    pub(super) fn exp_golomb(&mut self, max: u32) -> Parsed<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            // 32 zeros stand for 2^32 - 1 at least, which no field may be.
            if zeros == 32 {
                return Err(Malformed::Value);
            }
        }
        let value = (1 << zeros) - 1 + self.read(zeros)?;
        if value > max { Err(Malformed::Value) } else { Ok(value) }
    }

    /// `se(v)` of section 9.1.1.
    pub(super) fn signed_exp_golomb(&mut self) -> Parsed<i32> {
        let code = i64::from(self.exp_golomb(u32::MAX - 1)?);
        let value = if code % 2 == 1 { code / 2 + 1 } else { -(code / 2) };
        i32::try_from(value).map_err(|_| Malformed::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_table_are_read() {
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let codes: Vec<_> = (0..5).map(|_| bits.exp_golomb(9)).collect();
        assert_eq!(codes, [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4)]);
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let codes: Vec<_> = (0..5).map(|_| bits.signed_exp_golomb()).collect();
        assert_eq!(codes, [Ok(0), Ok(1), Ok(-1), Ok(2), Ok(-2)]);
    }

    #[test]
    fn codes_end_at_the_bound_and_at_the_end() {
        assert_eq!(Bits::new(&[0b0010_1000]).exp_golomb(3), Err(Malformed::Value));
        assert_eq!(Bits::new(&[0; 9]).exp_golomb(u32::MAX), Err(Malformed::Value));
        assert_eq!(Bits::new(&[0; 2]).exp_golomb(u32::MAX), Err(Malformed::Truncated));
        let largest = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe];
        assert_eq!(Bits::new(&largest).exp_golomb(u32::MAX), Ok(u32::MAX - 1));
        assert_eq!(Bits::new(&largest).signed_exp_golomb(), Ok(-(u32::MAX as i64 / 2) as i32));
        assert_eq!(Bits::new(&[1]).read(9), Err(Malformed::Truncated));
    }
}
