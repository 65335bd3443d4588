//! What hostile and broken peers send: it costs them their connection, and nobody else anything.

use super::client::{INTER, KEY, connect_command};
use super::*;
use carillon_proto::amf0::Value;
use carillon_proto::rtmp::chunk::ChunkWriter;
use carillon_proto::rtmp::{self, Control, Message, MessageKind};

/// A plain handshake, `connect`, `createStream`, `publish`, configuration and two pictures.
fn whole_publication() -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend([0; 1536]);
    bytes.extend([9; 1536]);
    let mut writer = ChunkWriter::new();
    let video = |timestamp, payload: &[u8]| Message {
        kind: MessageKind::Video,
        stream: 1,
        timestamp,
        payload: payload.to_vec().into(),
    };
    for message in [
        connect_command(None),
        Control::WindowAckSize(2_500_000).to_message(),
        rtmp::Command::call("createStream", 2.0, vec![]).to_message(0),
        rtmp::Command::call("publish", 3.0, vec![AMY.into(), "live".into()]).to_message(1),
        Control::SetChunkSize(64).to_message(),
        video(0, &[KEY, 0, 0, 0, 0, 1, 2, 3]),
    ] {
        writer.write(&message, &mut bytes);
    }
    writer.set_chunk_bytes(64);
    writer.write(&video(0, &[&[KEY, 1, 0, 0, 0][..], &[1; 300]].concat()), &mut bytes);
    writer.write(&video(40, &[INTER, 1, 0, 0, 0, 2]), &mut bytes);
    bytes
}

#[test]
fn bytes_may_be_cut_anywhere() {
    let bytes = whole_publication();
    let mut expected = None;
    // Inside the handshake's filler one cut is like another.
    let cuts = (0..4).chain(1536..1540).chain(3072..bytes.len());
    for cut in cuts {
        let mut world = World::new();
        let (mut player, client) = (world.player(), world.open());
        for part in [&bytes[..cut], &bytes[cut..]] {
            world.hub.handle_bytes(world.now, client.id, part);
            world.drain();
        }
        player.read(&mut world);
        let heard = player.media_heard();
        assert_eq!(heard.len(), 3, "cut at {cut}");
        assert_eq!(*expected.get_or_insert_with(|| heard.clone()), heard, "cut at {cut}");
    }
    let mut world = World::new();
    let client = world.open();
    for byte in &bytes {
        world.hub.handle_bytes(world.now, client.id, std::slice::from_ref(byte));
        world.drain();
    }
    assert_eq!(world.hub.stats().messages, 3);
}

#[test]
fn stream_that_breaks_off_anywhere_leaves_nothing() {
    let bytes = whole_publication();
    for end in (0..bytes.len()).step_by(7) {
        let mut world = World::new();
        let client = world.open();
        world.hub.handle_bytes(world.now, client.id, &bytes[..end]);
        world.drain();
        client.close(&mut world);
        world.pass(Duration::from_secs(31));
        let stats = world.hub.stats();
        assert_eq!((stats.connections, stats.streams), (0, 0), "broken off at {end}");
    }
}

/// What one client sends after `connect`, and which count it raises.
fn attack(name: &str, send: impl Fn(&mut World, &mut Client), counted: impl Fn(&Stats) -> u64) {
    let mut world = World::new();
    let (mut publisher, mut player) = (world.publisher(), world.player());
    publisher.headers(&mut world);
    let mut attacker = world.connect();
    send(&mut world, &mut attacker);
    assert!(world.is_closed(&attacker), "{name}: it goes on");
    assert!(counted(&world.hub.stats()) > 0, "{name}: not counted");
    attacker.send_bytes(&mut world, &[0; 64]);
    attacker.close(&mut world);
    player.heard.clear();
    publisher.picture(&mut world, KEY, 0, 1);
    player.read(&mut world);
    player.codes();
    assert!(player.media_heard().iter().any(|m| m.starts_with("v1@")), "{name}: the others go on");
    assert_eq!(world.hub.stats().connections, 2, "{name}");
}

fn raw(kind: MessageKind, payload: Vec<u8>) -> Message {
    Message { kind, stream: 0, timestamp: 0, payload: payload.into() }
}

#[test]
fn broken_messages_end_the_connection() {
    let faults = |stats: &Stats| stats.faults_message;
    let deep = [&[2, 0, 1, b'x', 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[3, 0, 1, b'a'].repeat(10_000)].concat();
    let many = [&[2, 0, 1, b'x', 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 255, 255, 255, 255][..], &[5; 5_000]].concat();
    let aggregate = [&[22, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0][..], &[0; 8]].concat();
    for (name, message) in [
        ("nested objects", raw(MessageKind::Command, deep)),
        ("a long array", raw(MessageKind::Command, many)),
        ("a string past the end", raw(MessageKind::Command, vec![2, 255, 255, b'x'])),
        ("a reference", raw(MessageKind::Command, vec![2, 0, 1, b'x', 7, 0, 0])),
        ("an empty command", raw(MessageKind::Command, vec![])),
        ("AMF3", raw(MessageKind::CommandAmf3, vec![17, 1])),
        ("half a ping", raw(MessageKind::UserControl, vec![0, 6, 1])),
        ("an aggregate of aggregates", raw(MessageKind::Aggregate, aggregate)),
        ("no metadata", raw(MessageKind::Data, vec![0])),
    ] {
        attack(name, |world, client| client.send(world, &message), faults);
    }
}

#[test]
fn broken_chunks_end_the_connection() {
    let faults = |stats: &Stats| stats.faults_chunks;
    for (name, bytes) in [
        ("a chunk size of 0", &[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0][..]),
        ("a chunk size of 2^31", &[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0x80, 0, 0, 0]),
        ("16 MB announced", &[6, 0, 0, 0, 255, 255, 255, 9, 1, 0, 0, 0]),
        ("a message that goes on from nothing", &[0xc7]),
    ] {
        attack(name, |world, client| client.send_bytes(world, bytes), faults);
    }
    let many: Vec<u8> = (0..100u8).flat_map(|id| [0, id, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0, 0]).collect();
    attack("chunk streams", |world, client| client.send_bytes(world, &many), faults);
    let open: Vec<u8> =
        (3..60u8).flat_map(|id| [&[id, 0, 0, 0, 0, 255, 0, 8, 1, 0, 0, 0][..], &[0; 128]].concat()).collect();
    attack("messages left open", |world, client| client.send_bytes(world, &open), faults);
}

#[test]
fn floods_end_the_connection() {
    let faults = |stats: &Stats| stats.faults_flood;
    let ping = Control::PingRequest(1).to_message();
    let create = rtmp::Command::call("createStream", 2.0, vec![]).to_message(0);
    let unknown = rtmp::Command::call("x", 0.0, vec![Value::Null]).to_message(0);
    let text = raw(MessageKind::Data, vec![2, 0, 1, b'x']);
    for (name, message) in [("pings", ping), ("createStream", create), ("commands", unknown), ("texts", text)] {
        attack(name, |world, client| (0..400).for_each(|_| client.send(world, &message)), faults);
    }
}

#[test]
fn order_is_kept() {
    for (name, message) in [
        ("publish", rtmp::Command::call("publish", 2.0, vec![AMY.into()]).to_message(1)),
        ("picture", raw(MessageKind::Video, vec![KEY, 1, 0, 0, 0, 0])),
        ("data", raw(MessageKind::Data, vec![2, 0, 1, b'x'])),
    ] {
        let mut world = World::new();
        let mut client = world.open();
        client.send_bytes(&mut world, &[&[3][..], &[0; 3072]].concat());
        client.send(&mut world, &message);
        assert!(world.is_closed(&client), "{name} before connect");
        assert_eq!(world.hub.stats().faults_order, 1);
    }
    let mut world = World::new();
    let mut encrypted = world.open();
    encrypted.send_bytes(&mut world, &[6]);
    assert!(world.is_closed(&encrypted));
    assert_eq!(world.hub.stats().faults_handshake, 1);
}

#[test]
fn harmless_oddities_are_borne() {
    let mut world = World::new();
    let mut client = world.connect();
    client.command(&mut world, "makeCoffee", vec![]);
    client.command(&mut world, "getStreamLength", vec![AMY.into()]);
    client.command(&mut world, "deleteStream", vec![f64::NAN.into()]);
    client.media(&mut world, crate::Flow::Video, 0, &[]);
    client.send(&mut world, &raw(MessageKind::SharedObject, vec![1, 2, 3]));
    client.send(&mut world, &raw(MessageKind::Other(77), vec![]));
    client.publish(&mut world, AMY);
    assert_eq!(client.codes(), ["NetStream.Publish.Start"]);
    client.publish(&mut world, AMY);
    assert_eq!(client.codes(), ["NetStream.Publish.BadName"], "one connection, one stream");
    client.play(&mut world, BEN);
    assert_eq!(client.codes(), ["NetStream.Play.Failed"]);
    client.media(&mut world, crate::Flow::Video, 0, &[]);
    client.media(&mut world, crate::Flow::Audio, 0, &[0xaf]);
    assert!(!world.is_closed(&client));
}

#[test]
fn acknowledgements_come_as_often_as_is_sensible() {
    let mut world = World::new();
    let mut publisher = world.publisher();
    publisher.control(&mut world, Control::WindowAckSize(1));
    publisher.headers(&mut world);
    for n in 0..400 {
        publisher.media(&mut world, crate::Flow::Video, n, &[&[INTER, 1, 0, 0, 0][..], &[0; 1_000]].concat());
    }
    publisher.read(&mut world);
    let acks = publisher.heard.iter().filter(|m| m.kind == MessageKind::Acknowledgement).count();
    assert!((4..=7).contains(&acks), "{acks} for 400 kB");
}
