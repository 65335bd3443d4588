//! VP8 (RFC 7741): a frame in pieces, each behind a descriptor.

use super::{Emit, FRAME_BYTES_MAX};
use crate::codec::vp8::Vp8Descriptor;
use crate::wire::{Malformed, Parsed};

/// S: the first partition starts here. Without picture numbers the descriptor is this one byte (section 4.2).
const STARTS_PARTITION: u8 = 0x10;

/// Cuts a frame into payloads of at most `bytes_max`, pieces of one size.
pub fn packetize(frame: &[u8], bytes_max: usize, emit: &mut Emit<'_>) -> Parsed<()> {
    if frame.is_empty() || bytes_max < 2 {
        return Err(Malformed::Length);
    }
    let pieces = frame.len().div_ceil(bytes_max - 1);
    let piece_bytes = frame.len().div_ceil(pieces);
    let mut scratch = Vec::with_capacity(bytes_max);
    for (n, piece) in frame.chunks(piece_bytes).enumerate() {
        scratch.clear();
        scratch.push(if n == 0 { STARTS_PARTITION } else { 0 });
        scratch.extend_from_slice(piece);
        emit(&scratch, (n + 1) * piece_bytes >= frame.len());
    }
    Ok(())
}

/// Appends the frame whose payloads these are, in order and without a gap, to `out`; nothing where one is malformed or
/// the first is not the frame's first.
pub fn assemble<'a>(payloads: impl IntoIterator<Item = &'a [u8]>, out: &mut Vec<u8>) -> Parsed<()> {
    let start = out.len();
    let done = append(payloads, start, out);
    if done.is_err() {
        out.truncate(start);
    }
    done
}

/// P of the frame tag (RFC 6386 section 9.1).
pub fn is_keyframe(frame: &[u8]) -> bool {
    frame.first().is_some_and(|tag| tag & 1 == 0)
}

fn append<'a>(payloads: impl IntoIterator<Item = &'a [u8]>, start: usize, out: &mut Vec<u8>) -> Parsed<()> {
    for (n, payload) in payloads.into_iter().enumerate() {
        let descriptor = Vp8Descriptor::parse(payload)?;
        if descriptor.starts_frame() != (n == 0) {
            return Err(Malformed::Value);
        }
        let piece = payload.get(descriptor.bytes..).ok_or(Malformed::Truncated)?;
        if out.len() - start + piece.len() > FRAME_BYTES_MAX {
            return Err(Malformed::TooMany);
        }
        out.extend_from_slice(piece);
    }
    if out.len() > start { Ok(()) } else { Err(Malformed::Truncated) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_comes_together_again_for_all_sizes() {
        for bytes_max in [2, 3, 50] {
            for size in 1..200 {
                let frame: Vec<u8> = (0..size).collect();
                let mut packets: Vec<(Vec<u8>, bool)> = Vec::new();
                packetize(&frame, bytes_max, &mut |p, last| packets.push((p.to_vec(), last))).expect("fits");
                assert!(packets.iter().all(|(p, _)| p.len() <= bytes_max));
                assert_eq!(packets.iter().position(|(_, last)| *last), Some(packets.len() - 1));
                let mut whole = Vec::new();
                assert_eq!(assemble(packets.iter().map(|(p, _)| &p[..]), &mut whole), Ok(()));
                assert_eq!(whole, frame);
            }
        }
    }

    #[test]
    fn a_frame_begins_with_its_first_packet_and_has_one() {
        let (first, later): (&[u8], &[u8]) = (&[0x10, 1], &[0x00, 2]);
        let (empty, broken): (&[u8], &[u8]) = (&[0x10], &[0x90]);
        for payloads in [&[later][..], &[first, first], &[empty], &[broken], &[]] {
            assert!(assemble(payloads.iter().copied(), &mut Vec::new()).is_err(), "{payloads:x?}");
        }
        assert!(packetize(&[], 100, &mut |_, _| ()).is_err());
        assert!(is_keyframe(&[0x10]) && !is_keyframe(&[0x11]) && !is_keyframe(&[]));
    }
}
