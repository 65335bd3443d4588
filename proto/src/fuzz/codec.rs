//! Codec payloads.

use crate::codec::vp8::Vp8Descriptor;
use crate::codec::vp9::Vp9Descriptor;
use crate::codec::{PictureId, VideoCodec, av1 as av1_format, h264 as h264_format, opus as opus_format};
use std::time::Duration;

/// Rewriting changes the two numbers and nothing else, and keeps their widths.
pub fn vp8(data: &[u8]) {
    let Ok(d) = Vp8Descriptor::parse(data) else { return };
    assert!(d.bytes <= data.len());
    let mut copy = data.to_vec();
    assert_eq!(d.rewrite(&mut copy, 0x5a5a, 0xa5), Ok(()));
    let want = Vp8Descriptor {
        picture_id: d.picture_id.map(|id| PictureId { value: 0x5a5a & id.mask(), ..id }),
        tl0_pic_idx: d.tl0_pic_idx.map(|_| 0xa5),
        ..d
    };
    assert_eq!(Vp8Descriptor::parse(&copy), Ok(want));
    assert_eq!(d.rewrite(&mut copy, own(d.picture_id), d.tl0_pic_idx.unwrap_or(0)), Ok(()));
    assert_eq!(copy, data);
    assert_eq!(VideoCodec::Vp8.starts_keyframe(data), d.starts_keyframe(data));
}

/// As `vp8`.
pub fn vp9(data: &[u8]) {
    let Ok(d) = Vp9Descriptor::parse(data) else { return };
    assert!(d.bytes <= data.len());
    let mut copy = data.to_vec();
    assert_eq!(d.rewrite(&mut copy, 0x5a5a, 0xa5), Ok(()));
    let want = Vp9Descriptor {
        picture_id: d.picture_id.map(|id| PictureId { value: 0x5a5a & id.mask(), ..id }),
        tl0_pic_idx: d.tl0_pic_idx.map(|_| 0xa5),
        ..d
    };
    assert_eq!(Vp9Descriptor::parse(&copy), Ok(want));
    assert_eq!(d.rewrite(&mut copy, own(d.picture_id), d.tl0_pic_idx.unwrap_or(0)), Ok(()));
    assert_eq!(copy, data);
}

fn own(id: Option<PictureId>) -> u16 {
    id.map_or(0, |id| id.value)
}

/// No unit is read out of nothing, and a keyframe start is one of the units.
pub fn h264(data: &[u8]) {
    let units = h264_format::nal_types(data).count();
    assert!(units <= data.len().max(1));
    if VideoCodec::H264.starts_keyframe(data) {
        assert!(units > 0);
    }
}

/// The elements lie in the payload, in order, without overlap.
pub fn av1(data: &[u8]) {
    let bytes: usize = av1_format::elements(data).flatten().map(<[u8]>::len).sum();
    assert!(bytes <= data.len());
    assert!(av1_format::elements(data).filter(Result::is_err).count() <= 1);
    if VideoCodec::Av1.starts_keyframe(data) {
        assert!(av1_format::AggregationHeader::parse(data).is_ok_and(|h| !h.continues));
    }
}

/// Durations lie within the format's bounds.
pub fn opus(data: &[u8]) {
    if let Ok(duration) = opus_format::packet_duration(data) {
        assert!((Duration::from_micros(2_500)..=Duration::from_millis(120)).contains(&duration));
    }
}
