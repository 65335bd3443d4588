use super::*;

fn written(tag: VideoTag<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    tag.write(&mut out);
    out
}

#[test]
fn avc_goes_plain() {
    let cases: [(VideoTag<'_>, &[u8]); 5] = [
        (VideoTag::sequence_start(FourCc::AVC, &[1, 66]), &[0x17, 0, 0, 0, 0, 1, 66]),
        (VideoTag::frame(FrameType::Key, FourCc::AVC, 0, &[9]), &[0x17, 1, 0, 0, 0, 9]),
        (VideoTag::frame(FrameType::Inter, FourCc::AVC, 167, &[9]), &[0x27, 1, 0, 0, 167, 9]),
        (VideoTag::frame(FrameType::Disposable, FourCc::AVC, -2, &[9]), &[0x37, 1, 0xff, 0xff, 0xfe, 9]),
        (VideoTag::new(FrameType::Key, FourCc::AVC, VideoPacket::SequenceEnd), &[0x17, 2, 0, 0, 0]),
    ];
    for (tag, bytes) in cases {
        assert_eq!(written(tag), bytes);
        assert_eq!(VideoTag::read(bytes), Ok(tag));
    }
    assert!(VideoTag::read(&[0x17, 2]).is_ok(), "the end without a composition time");
    assert_eq!(VideoTag::read(&[0x17, 3, 0, 0, 0]), Err(Malformed::Value));
}

#[test]
fn hevc_is_read_plain_and_written_extended() {
    let tag = VideoTag::frame(FrameType::Key, FourCc::HEVC, 40, &[9]);
    assert_eq!(VideoTag::read(&[0x1c, 1, 0, 0, 40, 9]), Ok(tag));
    assert_eq!(written(tag), *b"\x91hvc1\0\0\x28\x09");
}

#[test]
fn extended_tags_come_back() {
    for codec in [FourCc::HEVC, FourCc::VVC, FourCc::AV1, FourCc::VP8, FourCc::VP9] {
        for packet in [
            VideoPacket::SequenceStart(&[1, 2]),
            VideoPacket::Frame { composition_ms: 0, data: &[3] },
            VideoPacket::SequenceEnd,
            VideoPacket::Metadata(&[2, 0, 0]),
            VideoPacket::TransportStream(&[4]),
        ] {
            for nanoseconds in [0, 999_999] {
                let tag = VideoTag { nanoseconds, ..VideoTag::new(FrameType::Key, codec, packet) };
                assert_eq!(VideoTag::read(&written(tag)), Ok(tag));
            }
        }
    }
    let late = VideoTag { nanoseconds: 5, ..VideoTag::frame(FrameType::Inter, FourCc::AVC, 40, &[3]) };
    assert_eq!(VideoTag::read(&written(late)), Ok(late), "AVC, too, where plain tags have no room");
}

#[test]
fn a_composition_time_stands_where_the_codec_has_one() {
    let hevc = b"\x91hvc1\xff\xff\xff\x09";
    assert_eq!(VideoTag::read(hevc), Ok(VideoTag::frame(FrameType::Key, FourCc::HEVC, -1, &[9])));
    let av1 = b"\x91av01\xff\xff\xff\x09";
    assert_eq!(VideoTag::read(av1), Ok(VideoTag::frame(FrameType::Key, FourCc::AV1, 0, &[0xff, 0xff, 0xff, 9])));
}

#[test]
fn modifiers_are_read_over() {
    let want = VideoTag::frame(FrameType::Key, FourCc::AV1, 0, &[9]);
    let nano = b"\x97\x02\x0f\x42\x3f\x01av01\x09";
    assert_eq!(VideoTag::read(nano), Ok(VideoTag { nanoseconds: 999_999, ..want }));
    let unknown = b"\x97\x00\xee\x31av01\x09";
    assert_eq!(VideoTag::read(unknown), Ok(VideoTag { frame: FrameType::Key, ..want }));
    let long = [&[0x97, 0xff, 0x01, 0x00][..], &[7; 257], &[0x31], b"av01\x09"].concat();
    assert_eq!(VideoTag::read(&long), Ok(want));
    let flood = [&[0x97][..], &[0, 7, 0x17].repeat(9)].concat();
    assert_eq!(VideoTag::read(&flood), Err(Malformed::TooMany));
    assert_eq!(VideoTag::read(b"\x97\x00\x01\x01av01"), Err(Malformed::Truncated), "nanoseconds of one byte");
}

#[test]
fn of_several_tracks_the_first_is_read() {
    let want = VideoTag { track: 3, ..VideoTag::frame(FrameType::Key, FourCc::AV1, 0, &[7]) };
    let one = b"\x96\x01av01\x03\x07";
    let many = b"\x96\x11av01\x03\x00\x00\x01\x07\x04\x00\x00\x01\x09";
    let codecs = b"\x96\x21av01\x03\x00\x00\x01\x07vp09\x04\x00\x00\x01\x09";
    for payload in [&one[..], many, codecs] {
        assert_eq!(VideoTag::read(payload), Ok(want));
    }
    assert_eq!(VideoTag::read(b"\x96\x31av01\x03"), Err(Malformed::Value), "no such shape");
}

#[test]
fn commands_and_codecs_of_old_are_told_apart() {
    assert_eq!(VideoTag::read(&[0x57, 0]).map(|tag| tag.packet), Ok(VideoPacket::Command));
    assert_eq!(VideoTag::read(&[0x52, 1]).map(|tag| tag.packet), Ok(VideoPacket::Command));
    assert_eq!(VideoTag::read(&[0xd1, 0]).map(|tag| tag.packet), Ok(VideoPacket::Command));
    let old = VideoTag::read(&[0x22, 7, 8]).expect("H.263");
    assert_eq!((old.codec, old.packet.data()), (TagCodec::Plain(2), &[7u8, 8][..]));
    assert_eq!(written(old), [0x22, 7, 8]);
}

#[test]
fn a_cut_head_is_an_error() {
    for tag in [&b"\x17\x01\x00\x00"[..], b"\x91hvc1\0\0", b"\x91av0", b"\x96\x11av01\x03\x00\x00", b"\x97\x02\x00"] {
        for end in 0..=tag.len() {
            assert_eq!(VideoTag::read(&tag[..end]), Err(Malformed::Truncated), "{tag:x?} {end}");
        }
    }
}
