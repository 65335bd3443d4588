//! FLV files and tags.

use super::{Seed, built};
use carillon_proto::flv::{AudioPacket, AudioTag, FileHeader, FourCc, FrameType, TagHead, VideoPacket, VideoTag};
use carillon_proto::flv::{Metadata, TagCodec};
use carillon_proto::rtmp::MessageKind;

pub(crate) fn seeds() -> Vec<Seed> {
    [file_seeds(), video_seeds(), audio_seeds()].concat()
}

fn tag(kind: MessageKind, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let head = TagHead { kind, timestamp, payload_bytes: payload.len() as u32 };
    [&head.to_bytes(), payload, &head.end_bytes()].concat()
}

fn file_seeds() -> Vec<Seed> {
    let metadata = Metadata {
        width: Some(1280.0),
        frame_rate: Some(30.0),
        video_codec: Some(TagCodec::FourCc(FourCc::AVC)),
        audio_codec: Some(TagCodec::FourCc(FourCc::OPUS)),
        encoder: Some("Lavf59".to_owned()),
        ..Metadata::default()
    };
    let file = [
        FileHeader { has_audio: true, has_video: true }.to_bytes().to_vec(),
        tag(MessageKind::Data, 0, &metadata.to_data().to_bytes()),
        tag(MessageKind::Video, 0, &[0x17, 0, 0, 0, 0, 1, 66, 0, 30]),
        tag(MessageKind::Audio, 0x0100_0000, &[0xaf, 0, 0x11, 0x90]),
        tag(MessageKind::Video, u32::MAX, &[]),
    ]
    .concat();
    let mut lies = file.clone();
    lies[14..17].fill(0xff);
    vec![
        ("flv", "cut", file[..file.len() - 20].to_vec()),
        ("flv", "file", file.clone()),
        ("flv", "header_lies", b"FLV\x01\x05\xff\xff\xff\xff\0\0\0\0".to_vec()),
        ("flv", "header_longer", [&b"FLV\x01\x05\0\0\0\x0c"[..], &[0; 7], &file[13..]].concat()),
        ("flv", "length_lies", lies),
        ("flv", "no_flv", b"FLW\x01\x05\0\0\0\x09\0\0\0\0".to_vec()),
    ]
}

fn video_seeds() -> Vec<Seed> {
    let of = |tag: VideoTag<'_>| built(|out| tag.write(out));
    let avc = |ms: i32| of(VideoTag::frame(FrameType::Inter, FourCc::AVC, ms, &[0, 0, 0, 1, 9]));
    let av1 = VideoTag::frame(FrameType::Key, FourCc::AV1, 0, &[0x12, 0]);
    vec![
        ("flv_video", "av1", of(av1)),
        ("flv_video", "av1_nanoseconds", of(VideoTag { nanoseconds: 999_999, ..av1 })),
        ("flv_video", "avc", avc(40)),
        ("flv_video", "avc_before_its_time", avc(-40)),
        ("flv_video", "avc_configuration", of(VideoTag::sequence_start(FourCc::AVC, &[1, 66, 0, 30, 0xff, 0xe0, 0]))),
        ("flv_video", "avc_end", vec![0x17, 2]),
        ("flv_video", "avc_length_past_the_end", vec![0x17, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x65]),
        ("flv_video", "avc_no_unit", vec![0x17, 1, 0, 0, 0]),
        ("flv_video", "command", vec![0x57, 0]),
        ("flv_video", "empty", vec![]),
        ("flv_video", "extended_command", vec![0xd1, 0]),
        ("flv_video", "h263", vec![0x22, 7]),
        ("flv_video", "hevc", of(VideoTag::frame(FrameType::Key, FourCc::HEVC, -1, &[0, 0, 0, 1, 9]))),
        ("flv_video", "hevc_plain", vec![0x1c, 1, 0, 0, 40, 9]),
        ("flv_video", "metadata", of(VideoTag { packet: VideoPacket::Metadata(&[2, 0, 0]), ..av1 })),
        ("flv_video", "modifier_long", [&[0x97, 0xff, 1, 0][..], &[7; 257], b"\x31av01\x09"].concat()),
        ("flv_video", "modifiers_without_end", [&[0x97][..], &[0, 7, 0x17].repeat(30)].concat()),
        ("flv_video", "track_lies", b"\x96\x11av01\x03\xff\xff\xff\x07".to_vec()),
        ("flv_video", "tracks_in_tracks", b"\x96\x16av01\x03\x07".to_vec()),
        ("flv_video", "two_tracks", b"\x96\x21av01\x03\0\0\x01\x07vp09\x04\0\0\x01\x09".to_vec()),
    ]
}

fn audio_seeds() -> Vec<Seed> {
    let of = |tag: AudioTag<'_>| built(|out| tag.write(out));
    let opus = AudioTag::frame(FourCc::OPUS, &[0xfc, 0xff, 0xfe]);
    vec![
        ("flv_audio", "aac", of(AudioTag::frame(FourCc::AAC, &[0x21, 0x10]))),
        ("flv_audio", "aac_configuration", of(AudioTag::sequence_start(FourCc::AAC, &[0x11, 0x90]))),
        ("flv_audio", "aac_configuration_empty", vec![0xaf, 0]),
        ("flv_audio", "channels", of(AudioTag { packet: AudioPacket::Channels(&[1, 2]), ..opus })),
        ("flv_audio", "empty", vec![]),
        ("flv_audio", "mp3", vec![0x2f, 0xff, 0xfb]),
        ("flv_audio", "opus", of(opus)),
        ("flv_audio", "opus_nanoseconds", of(AudioTag { nanoseconds: 1, ..opus })),
        ("flv_audio", "speex", vec![0xb2, 7]),
        ("flv_audio", "two_tracks", b"\x95\x11Opus\x03\0\0\x02\x07\x07\x04\0\0\x01\x09".to_vec()),
    ]
}
