//! What real clients write, recorded between them and an nginx-rtmp of Debian 12: ffmpeg 5.1, GStreamer 1.22 (`rtmp2sink`,
//! `rtmp2src`, and `rtmpsink`, `rtmpsrc` on librtmp) and rtmpdump 2.4. Publishers send 64x36 pixels at 10/s and mono at
//! 16 kHz for 1.5 s.
#![allow(clippy::unwrap_used)]

use carillon_proto::codec::aac::AudioSpecificConfig;
use carillon_proto::codec::h264::{AvcConfig, Sps};
use carillon_proto::flv::{AudioPacket, AudioTag, Metadata, VideoPacket, VideoTag};
use carillon_proto::rtmp::chunk::ChunkReader;
use carillon_proto::rtmp::handshake::ServerHandshake;
use carillon_proto::rtmp::{Body, Connect, Message, MessageKind};
use std::path::PathBuf;

fn capture(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name).with_extension("bin"))
        .unwrap()
}

/// One connection as a server reads it, in segments of this many bytes.
struct Connection {
    /// S0, S1 and S2.
    answer: Vec<u8>,
    messages: Vec<Message>,
}

fn read(wire: &[u8], segment_bytes: usize) -> Connection {
    let mut handshake = ServerHandshake::new(1);
    let mut reader = ChunkReader::new();
    let mut connection = Connection { answer: Vec::new(), messages: Vec::new() };
    for mut segment in wire.chunks(segment_bytes) {
        if handshake.read(&mut segment, &mut connection.answer).unwrap() {
            while let Some(message) = reader.read(&mut segment).unwrap() {
                connection.messages.push(message);
            }
        }
    }
    connection
}

impl Connection {
    fn of(name: &str) -> Self {
        read(&capture(name), usize::MAX)
    }

    /// The names of commands and data, and control messages, in order.
    fn story(&self) -> String {
        let told = self.messages.iter().filter_map(|message| match Body::read(message).unwrap() {
            Body::Control(control) => Some(format!("{control:?}")),
            Body::Command(command) => Some(command.name),
            Body::Data(data) => Some(data.name),
            Body::Audio(_) | Body::Video(_) => None,
            Body::Aggregate | Body::Ignored => Some(format!("{:?}", message.kind)),
        });
        told.collect::<Vec<_>>().join(" ")
    }

    fn times(&self, kind: MessageKind) -> Vec<u32> {
        self.messages.iter().filter(|message| message.kind == kind).map(|message| message.timestamp).collect()
    }
}

/// Client, whether C1 is signed, what it says.
const STORIES: [(&str, bool, &str); 8] = [
    (
        "ffmpeg_publish",
        true,
        "connect releaseStream FCPublish createStream publish onMetaData FCUnpublish deleteStream",
    ),
    (
        "ffmpeg_publish_late",
        true,
        "connect releaseStream FCPublish createStream publish onMetaData FCUnpublish deleteStream",
    ),
    ("gst_rtmpsink", false, "connect releaseStream FCPublish createStream publish onMetaData FCUnpublish deleteStream"),
    (
        "gst_rtmp2sink",
        false,
        "connect WindowAckSize(5000000) releaseStream FCPublish createStream publish onMetaData FCUnpublish deleteStream",
    ),
    (
        "ffmpeg_play",
        true,
        "connect WindowAckSize(5000000) createStream getStreamLength play SetBufferLength(1, 3000) deleteStream",
    ),
    (
        "gst_rtmpsrc",
        false,
        "connect WindowAckSize(5000000) SetBufferLength(0, 300) createStream FCSubscribe play SetBufferLength(1, 30000) \
         deleteStream",
    ),
    (
        "gst_rtmp2src",
        false,
        "connect WindowAckSize(5000000) WindowAckSize(2500000) SetBufferLength(0, 300) createStream play \
         SetBufferLength(1, 30000)",
    ),
    (
        "rtmpdump",
        false,
        "connect WindowAckSize(5000000) SetBufferLength(0, 300) createStream FCSubscribe play \
         SetBufferLength(1, 36000000) deleteStream",
    ),
];

const PUBLISHERS: [&str; 4] = ["ffmpeg_publish", "ffmpeg_publish_late", "gst_rtmpsink", "gst_rtmp2sink"];

#[test]
fn every_client_is_understood() {
    for (name, is_signed, story) in STORIES {
        let connection = Connection::of(name);
        assert_eq!(connection.story(), story, "{name}");
        assert_eq!(connection.answer[5..9] != [0; 4], is_signed, "{name}");
    }
}

#[test]
fn segments_make_no_difference() {
    for (name, _, _) in STORIES {
        let wire = capture(name);
        let whole = read(&wire, usize::MAX);
        for segment_bytes in [1, 2, 7, 1460] {
            let cut = read(&wire, segment_bytes);
            assert!(cut.answer == whole.answer && cut.messages == whole.messages, "{name} in {segment_bytes}");
        }
    }
}

#[test]
fn every_connect_tells_where_to() {
    for (name, _, _) in STORIES {
        let Ok(Body::Command(first)) = Body::read(&Connection::of(name).messages[0]) else { panic!("{name}") };
        let connect = Connect::of(&first).unwrap_or_else(|| panic!("{name}"));
        assert_eq!((connect.app.as_str(), connect.transaction), ("live", 1.0), "{name}");
        assert!(connect.tc_url.is_some_and(|url| url.starts_with("rtmp://127.0.0.1:")), "{name}");
        assert!(!connect.enhanced.receives_video(carillon_proto::flv::FourCc::AV1), "{name}");
    }
}

#[test]
fn sound_and_picture_keep_their_clocks() {
    // Sound steps by 1,024 samples at 16 kHz, after the configuration and the first frame, which share their time;
    // ffmpeg uses all four types of header for it, and GStreamer rounds to its own clock.
    let sound = Connection::of("ffmpeg_publish").times(MessageKind::Audio);
    assert_eq!(sound[1..], (0..25).map(|n| 64 * n).collect::<Vec<_>>());
    // An offset of 20,000 s comes as one extended delta.
    let late = Connection::of("ffmpeg_publish_late");
    assert_eq!(late.times(MessageKind::Audio)[1..], (0..25).map(|n| 19_999_936 + 64 * n).collect::<Vec<_>>());
    let picture = late.times(MessageKind::Video);
    assert_eq!(picture[1..16], (0..15).map(|n| 20_000_000 + 100 * n).collect::<Vec<_>>());
    for name in PUBLISHERS {
        for kind in [MessageKind::Audio, MessageKind::Video] {
            let times = Connection::of(name).times(kind);
            assert!(times.is_sorted(), "{name}: {times:?}");
            assert!(times[2..].windows(2).all(|pair| pair[1] - pair[0] <= 201), "{name}: {times:?}");
        }
    }
}

#[test]
fn configurations_and_frames_are_read() {
    for name in PUBLISHERS {
        let connection = Connection::of(name);
        let (mut config, mut pictures, mut sounds) = (None, 0, 0);
        for message in &connection.messages {
            match Body::read(message).unwrap() {
                Body::Video(payload) => match VideoTag::read(&payload).unwrap().packet {
                    VideoPacket::SequenceStart(record) => config = Some(AvcConfig::read(record).unwrap()),
                    VideoPacket::Frame { data, .. } => {
                        pictures += 1;
                        assert!(config.as_ref().unwrap().units(data).all(|unit| unit.is_ok()), "{name}");
                    }
                    VideoPacket::SequenceEnd => {}
                    VideoPacket::Metadata(_) | VideoPacket::TransportStream(_) | VideoPacket::Command => {
                        panic!("{name}")
                    }
                },
                Body::Audio(payload) => match AudioTag::read(&payload).unwrap().packet {
                    AudioPacket::SequenceStart(asc) => {
                        assert_eq!(AudioSpecificConfig::read(asc), Ok(AudioSpecificConfig::lc(16_000, 1)), "{name}");
                    }
                    AudioPacket::Frame(_) => sounds += 1,
                    AudioPacket::SequenceEnd | AudioPacket::Channels(_) => panic!("{name}"),
                },
                Body::Data(data) => assert_eq!(Metadata::of(&data).and_then(|m| m.width), Some(64.0), "{name}"),
                Body::Command(_) | Body::Control(_) | Body::Aggregate | Body::Ignored => {}
            }
        }
        let sps = Sps::read(&config.unwrap().sps[0]).unwrap();
        assert_eq!((sps.width, sps.height, sps.reorder_frames), (64, 36, Some(0)), "{name}");
        assert_eq!(pictures, 15, "{name}");
        assert!((24..=25).contains(&sounds), "{name}: {sounds}");
    }
}
