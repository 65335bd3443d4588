//! Seeds for frames put together from payloads.

use super::Seed;
use carillon_proto::payload::{h264, vp8};

/// Payloads, each behind a 16-bit length.
fn framed(payloads: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for payload in payloads {
        out.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        out.extend_from_slice(payload);
    }
    out
}

pub(super) fn seeds() -> Vec<Seed> {
    let mut access_unit = Vec::new();
    let idr: Vec<u8> = std::iter::once(0x65).chain(0..250).collect();
    for unit in [&[0x67, 0x42, 0xe0, 0x1f][..], &[0x68, 0xce], &[0x06, 5, 1], &idr] {
        h264::push_unit(&mut access_unit, unit);
    }
    let mut cut: Vec<Vec<u8>> = Vec::new();
    h264::packetize(&access_unit, 100, &mut |payload, _| cut.push(payload.to_vec())).unwrap();
    let cut: Vec<&[u8]> = cut.iter().map(Vec::as_slice).collect();
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    vp8::packetize(&idr, 100, &mut |payload, _| pieces.push(payload.to_vec())).unwrap();
    let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
    vec![
        ("h264_frame", "keyframe", framed(&cut)),
        ("h264_frame", "lost_fragment", framed(&[&cut[..2], &cut[3..]].concat())),
        ("h264_frame", "slice", framed(&[&[0x61, 1, 2, 3]])),
        ("h264_frame", "delimiters", framed(&[&[0x09, 0xf0], &[0x0c, 0xff, 0x80], &[0x78, 0, 2, 0x68, 1, 0, 1, 0x0b]])),
        ("h264_frame", "aggregate_past_the_end", framed(&[&[0x78, 0, 9, 0x67]])),
        ("vp8_frame", "keyframe", framed(&pieces)),
        ("vp8_frame", "lost_first", framed(&pieces[1..])),
        ("vp8_frame", "numbered", framed(&[&[0x90, 0xe0, 0x81, 2, 9, 0, 0x10, 1], &[0x80, 0xe0, 0x81, 2, 9, 0, 7]])),
        ("vp8_frame", "second_partition", framed(&[&[0x10, 1], &[0x11, 2]])),
    ]
}
