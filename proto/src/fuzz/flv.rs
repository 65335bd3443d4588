//! FLV files and tags.

use crate::flv::{AudioTag, FileHeader, Metadata, Tag, VideoPacket, VideoTag};
use crate::rtmp::{Data, MessageKind};

/// A file's tags lie one behind the other, and a head that is written is read as the same.
pub fn flv(data: &[u8]) {
    let Ok((header, mut at)) = FileHeader::read(data) else { return };
    assert!(at <= data.len());
    assert_eq!(FileHeader::read(&header.to_bytes()).map(|(again, _)| again), Ok(header));
    while let Some(tag) = data.get(at..).and_then(|rest| Tag::read(rest).ok()) {
        assert_eq!(tag.payload.len(), tag.head.payload_bytes as usize);
        let written = [&tag.head.to_bytes(), tag.payload, &tag.head.end_bytes()].concat();
        assert_eq!(Tag::read(&written).map(|again| again.head), Ok(tag.head));
        if tag.head.kind == MessageKind::Data {
            metadata(tag.payload);
        }
        at += tag.bytes;
    }
}

/// What is read can be written and reads as the same, its track aside.
pub fn flv_video(data: &[u8]) {
    let Ok(tag) = VideoTag::read(data) else { return };
    assert!(tag.packet.data().len() < data.len() && tag.nanoseconds < 1 << 24);
    let mut written = Vec::new();
    tag.write(&mut written);
    // A command says nothing of its codec.
    let codec = VideoTag::read(&written).map_or(tag.codec, |again| again.codec);
    assert!(codec == tag.codec || tag.packet == VideoPacket::Command);
    assert_eq!(VideoTag::read(&written), Ok(VideoTag { track: 0, codec, ..tag }));
}

/// As `flv_video`.
pub fn flv_audio(data: &[u8]) {
    let Ok(tag) = AudioTag::read(data) else { return };
    assert!(tag.packet.data().len() < data.len() && tag.nanoseconds < 1 << 24);
    let mut written = Vec::new();
    tag.write(&mut written);
    assert_eq!(AudioTag::read(&written), Ok(AudioTag { track: 0, ..tag }));
}

fn metadata(payload: &[u8]) {
    let Some(metadata) = Data::read(payload).ok().and_then(|data| Metadata::of(&data)) else { return };
    let again = Metadata::of(&metadata.to_data()).expect("metadata");
    assert_eq!((again.width, again.video_codec), (metadata.width, metadata.video_codec));
}
