//! What extended audio and video tags have in common: modifiers, tracks, codec names.

use super::FourCc;
use crate::wire::{Malformed, Parsed, u8_at, u16_at, u24_at};

/// Modifiers in front of one tag. One is specified.
const MODIFIERS_MAX: usize = 8;

/// Bytes not read yet.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, bytes: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Parsed<u8> {
        u8_at(self.take(1)?, 0)
    }

    /// SI24: two's complement.
    pub(super) fn i24(&mut self) -> Parsed<i32> {
        u24_at(self.take(3)?, 0).map(|value| (value << 8).cast_signed() >> 8)
    }

    fn four_cc(&mut self) -> Parsed<FourCc> {
        self.take(4)?.try_into().map(FourCc).map_err(|_| Malformed::Truncated)
    }
}

/// The head of an extended tag: everything up to the body of its first track.
pub(super) struct Extended<'a> {
    pub(super) packet_type: u8,
    pub(super) codec: FourCc,
    pub(super) track: u8,
    pub(super) body: Cursor<'a>,
}

/// Reads modifiers: the real packet type after them, and the nanoseconds that they add to the timestamp.
pub(super) fn modifiers(mut packet_type: u8, modifier: u8, rest: &mut Cursor<'_>) -> Parsed<(u8, u32)> {
    let mut nanoseconds = 0;
    for _ in 0..MODIFIERS_MAX {
        if packet_type != modifier {
            return Ok((packet_type, nanoseconds));
        }
        let mut bytes = usize::from(rest.u8()?) + 1;
        if bytes == 256 {
            bytes = usize::from(u16_at(rest.take(2)?, 0)?) + 1;
        }
        let data = rest.take(bytes)?;
        let next = rest.u8()?;
        if next >> 4 == 0 {
            nanoseconds = u24_at(data, 0)?;
        }
        packet_type = next & 0x0f;
    }
    Err(Malformed::TooMany)
}

/// Reads the codec, and of several tracks the first: nothing here offers to take more, so nobody should send them.
pub(super) fn first_track(packet_type: u8, multitrack: u8, mut rest: Cursor<'_>) -> Parsed<Extended<'_>> {
    if packet_type != multitrack {
        let codec = rest.four_cc()?;
        return Ok(Extended { packet_type, codec, track: 0, body: rest });
    }
    const ONE_TRACK: u8 = 0;
    const MANY_TRACKS_MANY_CODECS: u8 = 2;
    let head = rest.u8()?;
    let (shape, packet_type) = (head >> 4, head & 0x0f);
    if packet_type == multitrack || shape > MANY_TRACKS_MANY_CODECS {
        return Err(Malformed::Value);
    }
    let codec = rest.four_cc()?;
    let track = rest.u8()?;
    if shape != ONE_TRACK {
        let bytes = u24_at(rest.take(3)?, 0)? as usize;
        rest = Cursor(rest.take(bytes)?);
    }
    Ok(Extended { packet_type, codec, track, body: rest })
}
