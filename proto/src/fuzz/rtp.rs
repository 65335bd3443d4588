//! RTP, RTX and RED.

use crate::red::{self as red_format, Red};
use crate::rtp::{Pt, RtpHeader, Ssrc};
use crate::rtp_ext::{
    AbsCaptureTime, AbsSendTime, AudioLevel, ExtForm, ExtWriter, Mid, PlayoutDelay, TransmissionOffset,
    VideoOrientation,
};
use crate::rtx as rtx_format;

/// A header keeps its own fields when it is rewritten with them; a copy made of its parts reads as the original.
pub fn rtp(data: &[u8]) {
    let Ok(header) = RtpHeader::parse(data) else { return };
    assert!(header.header_bytes <= data.len());
    let mut same = data.to_vec();
    assert!(header.fields().rewrite(&mut same));
    assert_eq!(same, data, "rewriting with its own fields changed the packet");
    assert_eq!(header.csrcs(data).count(), usize::from(header.csrc_count));
    header.extensions(data).for_each(|e| values(e.data));
    if let Ok(payload) = header.payload(data) {
        assert_copy_is_equal(data, &header, payload);
    }
}

fn assert_copy_is_equal(data: &[u8], header: &RtpHeader, payload: &[u8]) {
    let mut copy = Vec::new();
    let start = header.fields().write(&mut copy);
    let mut writer = ExtWriter::new(&mut copy, start, ExtForm::TwoByte);
    for element in header.extensions(data) {
        assert_eq!(data.get(element.range.clone()), Some(element.data));
        assert!(writer.add(element.id, element.data), "the two-byte form carries every element");
    }
    writer.finish();
    copy.extend_from_slice(payload);
    let again = RtpHeader::parse(&copy).expect("a written packet is well-formed");
    assert_eq!(again.fields(), header.fields());
    assert_eq!(again.payload(&copy), Ok(payload));
    let elements = header.extensions(data).map(|e| (e.id, e.data));
    assert!(again.extensions(&copy).map(|e| (e.id, e.data)).eq(elements));
}

/// Every value reader on the same bytes: what it reads survives its round trip.
fn values(data: &[u8]) {
    if let Some(v) = AudioLevel::parse(data) {
        assert_eq!(AudioLevel::parse(&v.to_bytes()), Some(v));
    }
    if let Some(v) = AbsSendTime::parse(data) {
        assert_eq!(AbsSendTime::parse(&v.to_bytes()), Some(v));
    }
    if let Some(v) = PlayoutDelay::parse(data) {
        assert_eq!(PlayoutDelay::parse(&v.to_bytes()), Some(v));
    }
    if let Some(v) = VideoOrientation::parse(data) {
        assert_eq!(VideoOrientation::parse(&v.to_bytes()), Some(v));
    }
    if let Some(v) = TransmissionOffset::parse(data) {
        assert_eq!(TransmissionOffset::parse(&v.to_bytes()), Some(v));
    }
    if let Some(v) = AbsCaptureTime::parse(data) {
        let mut out = Vec::new();
        v.write(&mut out);
        assert_eq!(AbsCaptureTime::parse(&out), Some(v));
    }
    if let Some(mid) = Mid::from_bytes(data) {
        assert_eq!(mid.as_bytes(), data);
    }
}

/// The repaired packet is well-formed and holds what followed the original sequence number.
pub fn rtx(data: &[u8]) {
    let Ok(header) = RtpHeader::parse(data) else { return };
    let mut packet = data.to_vec();
    let Some(original) = rtx_format::unwrap_in_place(&mut packet, &header, Ssrc(7), Pt(96)) else {
        assert_eq!(packet, data, "a packet without an original is left alone");
        return;
    };
    let again = RtpHeader::parse(original).expect("a repaired packet is well-formed");
    assert_eq!((again.ssrc, again.pt, again.time), (Ssrc(7), Pt(96), header.time));
    let payload = header.payload(data).expect("it was read a moment ago");
    let (seq, rest) = rtx_format::unwrap(payload).expect("it had an original");
    assert_eq!((again.seq, again.payload(original)), (seq, Ok(rest)));
    let mut wrapped = Vec::new();
    rtx_format::write_payload(&mut wrapped, seq, rest);
    assert_eq!(wrapped, payload);
}

/// A parsed payload is written as the same bytes.
pub fn red(data: &[u8]) {
    let Ok(red) = Red::parse(data) else { return };
    let blocks: Vec<_> = red.redundant().collect();
    assert!(blocks.len() < red_format::MAX_BLOCKS);
    let mut out = Vec::new();
    assert!(red_format::write(&mut out, &blocks, red.primary_pt, red.primary));
    assert_eq!(out, data);
}
