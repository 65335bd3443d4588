//! Frames put together from the payloads of packets. The input is payloads, each behind a 16-bit length.

use crate::payload::{FRAME_BYTES_MAX, h264, vp8};
use crate::wire::{Malformed, u16_at};

/// What was put together has whole units, and comes together again after it was cut.
pub fn h264_frame(data: &[u8]) {
    let mut frame = Vec::new();
    if h264::assemble(payloads(data), &mut frame).is_err() {
        assert!(frame.is_empty());
        return;
    }
    assert!(frame.len() <= FRAME_BYTES_MAX);
    let contents = h264::contents(&frame).expect("lengths that we wrote");
    assert!(h264::units(&frame).count() > 0 || contents == h264::Contents::default());
    for bytes_max in [16, 100, 1_200] {
        let mut packets: Vec<Vec<u8>> = Vec::new();
        match h264::packetize(&frame, bytes_max, &mut |payload, _| packets.push(payload.to_vec())) {
            Ok(()) => {}
            Err(error) => return assert_eq!(error, Malformed::TooMany),
        }
        let mut again = Vec::new();
        assert_eq!(h264::assemble(packets.iter().map(Vec::as_slice), &mut again), Ok(()));
        assert_eq!(again, frame);
    }
}

/// As `h264_frame`.
pub fn vp8_frame(data: &[u8]) {
    let mut frame = Vec::new();
    if vp8::assemble(payloads(data), &mut frame).is_err() {
        return assert!(frame.is_empty());
    }
    let mut packets: Vec<Vec<u8>> = Vec::new();
    assert_eq!(vp8::packetize(&frame, 100, &mut |payload, _| packets.push(payload.to_vec())), Ok(()));
    let mut again = Vec::new();
    assert_eq!(vp8::assemble(packets.iter().map(Vec::as_slice), &mut again), Ok(()));
    assert_eq!(again, frame);
}

fn payloads(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let end = 2 + usize::from(u16_at(data, 0).ok()?);
        let (payload, after) = data.split_at(end.min(data.len()));
        data = after;
        payload.get(2..)
    })
}
