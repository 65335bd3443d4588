//! Publishers whose configurations and lengths are lies, or whose pictures browsers cannot show in order: they are counted
//! and told, and nobody else notices.

use crate::by_hand::Publisher;
use crate::support::client::Client;
use crate::support::streams::{Ffmpeg, assert_steady, query, rtmp_address};
use crate::{ROOM, Scene};
use carillon_proto::codec::h264::AvcConfig;
use carillon_proto::flv::{AudioTag, FourCc, FrameType, VideoTag};
use carillon_proto::rtmp::MessageKind;
use serde_json::json;

/// As x264 writes them: constrained baseline, 640x360.
const SPS: [u8; 25] = [
    0x67, 0x42, 0xc0, 0x16, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03,
    0x00, 0x7a, 0x3c, 0x58, 0xba, 0x80,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x0f, 0xc8];

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn avc_config(sps: &[u8]) -> Vec<u8> {
    let config = AvcConfig { length_bytes: 4, sps: vec![sps.to_vec()], pps: vec![PPS.to_vec()] };
    written(|out| config.write(out).expect("a record"))
}

fn pictures_of(config: &[u8]) -> Vec<u8> {
    written(|out| VideoTag::sequence_start(FourCc::AVC, config).write(out))
}

fn picture(kind: FrameType, composition_ms: i32, data: &[u8]) -> Vec<u8> {
    written(|out| VideoTag::frame(kind, FourCc::AVC, composition_ms, data).write(out))
}

fn sound_of(config: &[u8]) -> Vec<u8> {
    written(|out| AudioTag::sequence_start(FourCc::AAC, config).write(out))
}

/// What is wrong, and the message that says it.
fn lies() -> Vec<(&'static str, MessageKind, Vec<u8>)> {
    let whole = avc_config(&SPS);
    // Width and height are coded behind the level: ones in their place are 2^32 - 2 macroblocks.
    let absurd = [&SPS[..4], &[0x80, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff]].concat();
    let mut endless = whole.clone();
    endless[6..8].copy_from_slice(&[0xff, 0xff]);
    let (video, audio) = (MessageKind::Video, MessageKind::Audio);
    vec![
        ("a record cut in its SPS", video, pictures_of(&whole[..20])),
        ("an SPS of 65,535 bytes", video, pictures_of(&endless)),
        ("pictures of absurd sizes", video, pictures_of(&avc_config(&absurd))),
        ("a unit longer than its message", video, picture(FrameType::Key, 0, &[0x7f, 0xff, 0xff, 0xff, 0x65, 1])),
        ("a length without a unit", video, picture(FrameType::Inter, 0, &[0, 0])),
        ("sound of 0 Hz", audio, sound_of(&[0x17, 0x80, 0, 0, 0x08])),
        ("sound of a reserved rate", audio, sound_of(&[0x16, 0x88])),
        ("sound of a reserved number of channels", audio, sound_of(&[0x11, 0xf8])),
        ("sound of six channels", audio, sound_of(&[0x11, 0xb0])),
        ("a configuration of one byte", audio, sound_of(&[0x11])),
        ("a configuration of nothing but escapes", audio, sound_of(&[0xff; 30])),
    ]
}

/// A room where somebody may see what publishers send: streams are carried into it.
async fn seated() -> (Scene, Client) {
    let scene = Scene::new();
    let mut watcher = Client::sign_in(&scene.server, "ben").await;
    watcher.ok("room.enter", json!({"room": ROOM})).await;
    (scene, watcher)
}

#[tokio::test]
async fn lies_about_configurations_and_lengths_are_counted_and_disturb_nobody() {
    let (scene, _watcher) = seated().await;
    let _publisher = Ffmpeg::publish(&rtmp_address(&scene.server, ROOM, "amy", "amy"));
    let good = Ffmpeg::play(&rtmp_address(&scene.server, ROOM, "amy", "cat"));
    let mut decoded = good.decoded(10);
    let mut liar = Publisher::start(scene.server.rtmp, &format!("{ROOM}/eve?{}", query("eve")));
    scene.await_metric("bridge_streams{direction=\"to_room\"}", |streams| streams == 2.0);
    liar.send(MessageKind::Video, 0, pictures_of(&avc_config(&SPS)));
    for (n, (lie, kind, payload)) in lies().into_iter().enumerate() {
        liar.send(kind, n as u32, payload);
        scene.await_metric("bridge_broken_total", |broken| {
            assert!(broken <= n as f64 + 1.0, "{lie}");
            broken == n as f64 + 1.0
        });
    }
    assert_eq!(scene.metric("bridge_unfit_total{flow=\"audio\"}"), 1.0, "of six channels");
    assert_eq!((scene.metric("bridge_failed_total"), scene.metric("rtmp_publishers")), (0.0, 2.0));
    decoded.extend(good.decoded(60));
    assert_steady(&decoded);
    let pictures: Vec<i64> = decoded.iter().filter(|d| d.track == 0).map(|d| d.time).collect();
    assert!(pictures.windows(2).all(|pair| pair[1] - pair[0] <= 2), "a picture is missing: {pictures:?}");
}

#[tokio::test]
async fn b_frames_are_told_to_the_publisher_and_counted() {
    let (scene, _watcher) = seated().await;
    let mut publisher = Publisher::start(scene.server.rtmp, &format!("{ROOM}/eve?{}", query("eve")));
    scene.await_metric("bridge_streams{direction=\"to_room\"}", |streams| streams == 1.0);
    publisher.send(MessageKind::Video, 0, pictures_of(&avc_config(&SPS)));
    let frames: [(u32, FrameType, i32, u8); 4] = [
        (0, FrameType::Key, 80, 0x65),
        (40, FrameType::Inter, 160, 0x41),
        (80, FrameType::Inter, 40, 0x01),
        (120, FrameType::Inter, 40, 0x01),
    ];
    for (at, kind, composition_ms, unit) in frames {
        publisher.send(MessageKind::Video, at, picture(kind, composition_ms, &[0, 0, 0, 3, unit, 0x88, 0x84]));
    }
    publisher.await_text("NetStream.Publish.BFrames");
    let told = "bridge_warnings_total{reason=\"b_frames_left_out\"}";
    scene.await_metric(told, |told| told == 1.0);
    // An encoder as it is set by default.
    let _encoder =
        Ffmpeg::publish_with(&rtmp_address(&scene.server, ROOM, "amy", "amy"), &["-bf", "2", "-tune", "film"]);
    let other = "bridge_warnings_total{reason=\"keyframes_only\"}";
    scene.await_metric("bridge_streams{direction=\"to_room\"}", |streams| streams == 2.0);
    let sum = || scene.metric(told) + scene.metric(other);
    let deadline = crate::now() + crate::PATIENCE;
    while sum() < 2.0 {
        assert!(crate::now() < deadline, "nothing was told");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
