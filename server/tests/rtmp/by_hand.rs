//! What a client says up to `publish` or `play`, all at once, and what it is told.

use crate::support::{APP, PATIENCE};
use carillon_proto::amf0::Value;
use carillon_proto::rtmp::chunk::ChunkWriter;
use carillon_proto::rtmp::{self, Message, MessageKind};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A handshake, and `command` with this name behind the app's part of the address.
pub(crate) fn session(command: &str, name: &str) -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend([0; 3072]);
    let mut writer = ChunkWriter::new();
    let app = Value::object([("app", format!("live/{APP}").as_str().into())]);
    let connect = rtmp::Command { name: "connect".into(), transaction: 1.0, object: app, arguments: vec![] };
    let chosen = |arguments: Vec<Value>| -> Message { rtmp::Command::call(command, 3.0, arguments).to_message(1) };
    for message in [
        connect.to_message(0),
        rtmp::Command::call("createStream", 2.0, vec![]).to_message(0),
        chosen(vec![name.into(), "live".into()]),
    ] {
        writer.write(&message, &mut bytes);
    }
    bytes
}

/// A publisher that sends what it likes.
pub(crate) struct Publisher {
    stream: TcpStream,
    writer: ChunkWriter,
}

impl Publisher {
    /// Asks to publish; whoever wants to send waits for the server's metric first.
    pub(crate) fn start(server: SocketAddr, name: &str) -> Self {
        let mut stream = TcpStream::connect(server).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        stream.write_all(&session("publish", name)).expect("it is taken");
        Self { stream, writer: ChunkWriter::new() }
    }

    pub(crate) fn send(&mut self, kind: MessageKind, timestamp: u32, payload: Vec<u8>) {
        let mut bytes = Vec::new();
        self.writer.write(&Message { kind, stream: 1, timestamp, payload: payload.into() }, &mut bytes);
        self.stream.write_all(&bytes).expect("it is taken");
    }

    /// Until the server has said this text.
    pub(crate) fn await_text(&mut self, text: &str) {
        let (mut heard, mut piece) = (Vec::new(), [0; 1_024]);
        while !String::from_utf8_lossy(&heard).contains(text) {
            let length = self.stream.read(&mut piece).unwrap_or_default();
            assert!(length > 0, "{text} was not said");
            heard.extend_from_slice(&piece[..length]);
        }
    }
}

/// The code of the status that the server sends before it closes.
pub(crate) fn refusal(server: SocketAddr, command: &str, name: &str) -> String {
    let mut stream = TcpStream::connect(server).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream.write_all(&session(command, name)).expect("it is taken");
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).expect("it is closed, and in order");
    let at = |text: &[u8]| heard.windows(text.len()).rposition(|window| window == text);
    let status = at(b"onStatus").unwrap_or_else(|| panic!("{command} {name} is not answered"));
    let text = String::from_utf8_lossy(&heard[status..]).into_owned();
    let code = text.split("NetStream.").nth(1).unwrap_or_else(|| panic!("no code in {text:?}"));
    code.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '.').collect()
}
