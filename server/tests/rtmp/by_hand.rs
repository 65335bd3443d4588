//! What a client says up to `publish` or `play`, all at once, and what it is told.

use crate::support::{APP, PATIENCE};
use carillon_proto::amf0::Value;
use carillon_proto::rtmp::chunk::ChunkWriter;
use carillon_proto::rtmp::{self, Message};
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
