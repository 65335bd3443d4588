//! A client by hand: what it sends, and what it was told.

use super::World;
use crate::command::{Command, ConnectionId};
use crate::media::Flow;
use carillon_proto::amf0::Value;
use carillon_proto::rtmp::chunk::{ChunkReader, ChunkWriter};
use carillon_proto::rtmp::handshake::ClientHandshake;
use carillon_proto::rtmp::{self, Body, Control, Data, Message, MessageKind};

pub(super) const KEY: u8 = 0x17;
pub(super) const INTER: u8 = 0x27;

pub(in super::super) struct Client {
    pub(super) id: ConnectionId,
    handshake: Option<ClientHandshake>,
    writer: ChunkWriter,
    reader: ChunkReader,
    /// Everything the server said, in order.
    pub(super) heard: Vec<Message>,
}

impl Client {
    pub(super) fn new(id: ConnectionId) -> Self {
        Self { id, handshake: None, writer: ChunkWriter::new(), reader: ChunkReader::new(), heard: Vec::new() }
    }

    /// The bytes of the handshake and of `connect`, and those of everything up to `createStream`.
    pub(super) fn connect(&mut self, world: &mut World) {
        let mut hello = Vec::new();
        self.handshake = Some(ClientHandshake::new(1, None, &mut hello));
        self.send_bytes(world, &hello);
        self.read(world);
        self.send(world, &connect_command(None));
        self.send(world, &rtmp::Command::call("createStream", 2.0, vec![]).to_message(0));
        self.read(world);
        assert!(self.heard.iter().any(|m| matches!(Body::read(m), Ok(Body::Command(c)) if c.name == "_result")));
        self.heard.clear();
    }

    pub(super) fn publish(&mut self, world: &mut World, name: &str) {
        self.command(world, "publish", vec![name.into(), "live".into()]);
        self.read(world);
    }

    pub(super) fn play(&mut self, world: &mut World, name: &str) {
        self.command(world, "play", vec![name.into()]);
        self.read(world);
    }

    pub(super) fn command(&mut self, world: &mut World, name: &str, arguments: Vec<Value>) {
        self.send(world, &rtmp::Command::call(name, 4.0, arguments).to_message(1));
    }

    pub(super) fn control(&mut self, world: &mut World, control: Control) {
        self.send(world, &control.to_message());
    }

    pub(super) fn metadata(&mut self, world: &mut World) {
        let facts = Value::object([("width", 640.0.into()), ("videocodecid", 7.0.into())]);
        let data = Data { name: "@setDataFrame".into(), values: vec!["onMetaData".into(), facts] };
        let payload = data.to_bytes().into();
        self.send(world, &Message { kind: MessageKind::Data, stream: 1, timestamp: 0, payload });
    }

    pub(super) fn headers(&mut self, world: &mut World) {
        self.media(world, Flow::Video, 0, &[KEY, 0, 0, 0, 0, 1, 2, 3]);
        self.media(world, Flow::Audio, 0, &[0xaf, 0, 0x12, 0x10]);
    }

    /// One picture of ten bytes, the last of which is `mark`.
    pub(super) fn picture(&mut self, world: &mut World, kind: u8, time: u32, mark: u8) {
        self.media(world, Flow::Video, time, &[kind, 1, 0, 0, 0, 0, 0, 0, 1, mark]);
    }

    pub(super) fn sound(&mut self, world: &mut World, time: u32, mark: u8) {
        self.media(world, Flow::Audio, time, &[0xaf, 1, mark]);
    }

    pub(super) fn media(&mut self, world: &mut World, flow: Flow, time: u32, payload: &[u8]) {
        let kind = MessageKind::from_id(flow.type_id());
        self.send(world, &Message { kind, stream: 1, timestamp: time, payload: payload.to_vec().into() });
    }

    pub(super) fn send(&mut self, world: &mut World, message: &Message) {
        let mut bytes = Vec::new();
        self.writer.write(message, &mut bytes);
        self.send_bytes(world, &bytes);
    }

    pub(super) fn send_bytes(&mut self, world: &mut World, bytes: &[u8]) {
        world.hub.handle_bytes(world.now, self.id, bytes);
        world.drain();
    }

    /// Takes everything that waits.
    pub(super) fn read(&mut self, world: &mut World) {
        self.read_some(world, usize::MAX);
    }

    pub(super) fn read_some(&mut self, world: &mut World, bytes_max: usize) {
        let bytes = world.read(self.id, bytes_max);
        let mut input = &bytes[..];
        if let Some(handshake) = &mut self.handshake {
            let mut answer = Vec::new();
            if handshake.read(&mut input, &mut answer).expect("a handshake") {
                self.handshake = None;
            }
            self.send_bytes(world, &answer);
        }
        while let Some(message) = self.reader.read(&mut input).expect("chunks") {
            self.heard.push(message);
        }
    }

    pub(super) fn close(self, world: &mut World) {
        world.tell(Command::Closed { connection: self.id });
    }

    /// The codes of all statuses heard, which are then forgotten.
    pub(super) fn codes(&mut self) -> Vec<String> {
        let mut codes = Vec::new();
        for message in self.heard.extract_if(.., |m| m.kind == MessageKind::Command) {
            let Ok(Body::Command(command)) = Body::read(&message) else { continue };
            let code = command.arguments.first().and_then(|value| value.get("code")).and_then(Value::as_str);
            codes.extend(code.filter(|_| command.name == "onStatus").map(str::to_owned));
        }
        codes
    }

    /// `v17.0@20` for a header or the like: flow, first bytes, time. Pictures and sound by their mark: `v5@20`, `a6@20`.
    pub(super) fn media_heard(&mut self) -> Vec<String> {
        let heard = std::mem::take(&mut self.heard).into_iter();
        let told = heard.filter_map(|message| {
            let (payload, at) = (&message.payload, message.timestamp);
            Some(match message.kind {
                MessageKind::Video if payload[1] == 0 => format!("video header @{at}"),
                MessageKind::Video => format!("v{}@{at}", payload.last()?),
                MessageKind::Audio if payload[1] == 0 => format!("audio header @{at}"),
                MessageKind::Audio => format!("a{}@{at}", payload.last()?),
                MessageKind::Data if payload.windows(10).any(|w| w == b"onMetaData") => format!("metadata @{at}"),
                _ => return None,
            })
        });
        told.collect()
    }
}

pub(super) fn connect_command(caps: Option<f64>) -> Message {
    let app = [("app", "live/1".into()), ("tcUrl", "rtmp://example.com/live/1".into())];
    let caps = caps.map(|caps| ("capsEx", caps.into()));
    let object = Value::object(app.into_iter().chain(caps));
    rtmp::Command { name: "connect".into(), transaction: 1.0, object, arguments: vec![] }.to_message(0)
}
