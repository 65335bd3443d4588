//! The client's side of one RTMP connection: it publishes one of our streams on another server.

use crate::packet::{Packet, told_time};
use crate::session::Fault;
use bytes::Bytes;
use carillon_proto::amf0::Value;
use carillon_proto::rtmp::chunk::{ChunkReader, ChunkWriter, Framing};
use carillon_proto::rtmp::handshake::ClientHandshake;
use carillon_proto::rtmp::{Body, Command, Connect, Control, Data, Enhanced, Message, MessageKind};

const CONNECT: f64 = 1.0;
const CREATE: f64 = 4.0;

/// Where to: `rtmp://host[:port]/app/name`. The query stays with the name.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub host: String,
    pub port: u16,
    pub app: String,
    /// What it is published as; it may hold a key, and is never printed.
    pub name: String,
}

impl Target {
    /// `None`: not of that form.
    pub fn parse(url: &str) -> Option<Self> {
        const PORT: u16 = 1935;
        let (authority, path) = url.strip_prefix("rtmp://")?.split_once('/')?;
        let bracket = authority.rfind(']').unwrap_or(0);
        let (host, port) = match authority[bracket..].rfind(':') {
            Some(at) => (&authority[..bracket + at], authority[bracket + at + 1..].parse().ok()?),
            None => (authority, PORT),
        };
        let (plain, query) = path.split_at(path.find('?').unwrap_or(path.len()));
        let (app, name) = plain.trim_matches('/').rsplit_once('/')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let good = !host.is_empty() && !app.is_empty() && !name.is_empty() && url.len() <= 1_024;
        let name = format!("{name}{query}");
        good.then(|| Self { host: host.to_owned(), port, app: app.to_owned(), name })
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rtmp://{}:{}/{}/…", self.host, self.port, self.app)
    }
}

#[derive(Debug)]
enum Phase {
    Handshake(ClientHandshake),
    Connecting,
    Creating,
    Asking,
    Publishing,
}

#[derive(Debug)]
pub(crate) struct Client {
    phase: Phase,
    target: Target,
    reader: ChunkReader,
    writer: ChunkWriter,
    chunk_bytes: u32,
    words: Vec<u8>,
    stream: u32,
}

impl Client {
    pub(crate) fn new(random: u64, target: Target, chunk_bytes: u32) -> Self {
        let mut words = Vec::new();
        let phase = Phase::Handshake(ClientHandshake::new(random, None, &mut words));
        let (reader, writer) = (ChunkReader::new(), ChunkWriter::new());
        Self { phase, target, reader, writer, chunk_bytes, words, stream: 0 }
    }

    pub(crate) fn take_words(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.words)
    }

    /// `true`: the other server takes media from now on. Errors: it refused, or speaks no RTMP.
    pub(crate) fn read(&mut self, input: &mut &[u8]) -> Result<bool, Fault> {
        if let Phase::Handshake(handshake) = &mut self.phase {
            if !handshake.read(input, &mut self.words).map_err(Fault::Handshake)? {
                return Ok(false);
            }
            self.phase = Phase::Connecting;
            self.connect();
        }
        let mut started = false;
        while let Some(message) = self.reader.read(input).map_err(Fault::Chunks)? {
            match Body::read(&message).map_err(|_| Fault::Message)? {
                Body::Command(command) => started |= self.heed(&command)?,
                Body::Control(Control::PingRequest(number)) => self.write(&Control::PingResponse(number).to_message()),
                Body::Control(_)
                | Body::Data(_)
                | Body::Audio(_)
                | Body::Video(_)
                | Body::Aggregate
                | Body::Ignored => {}
            }
        }
        Ok(started)
    }

    /// A message of the stream for this server. Metadata has another envelope here.
    pub(crate) fn chunks(&self, packet: &Packet) -> Bytes {
        if packet.media.flow != crate::Flow::Data {
            return packet.chunks(self.stream, self.chunk_bytes);
        }
        let Ok(mut data) = Data::read(&packet.media.payload) else { return Bytes::new() };
        data.values.insert(0, Value::String(std::mem::replace(&mut data.name, "@setDataFrame".to_owned())));
        let payload = data.to_bytes();
        let framing =
            Framing::full(MessageKind::Data, self.stream, told_time(&packet.media), payload.len(), self.chunk_bytes);
        framing
            .slices(&payload, 0)
            .fold(Vec::new(), |mut out, slice| {
                out.extend_from_slice(slice);
                out
            })
            .into()
    }

    pub(crate) fn stop(&mut self) {
        if matches!(self.phase, Phase::Publishing) {
            let name = self.target.name.as_str().into();
            self.call("FCUnpublish", 6.0, vec![name]);
            self.call("deleteStream", 7.0, vec![f64::from(self.stream).into()]);
        }
    }

    fn connect(&mut self) {
        self.write(&Control::SetChunkSize(self.chunk_bytes).to_message());
        self.writer.set_chunk_bytes(self.chunk_bytes);
        let Target { host, port, app, .. } = &self.target;
        let connect = Connect {
            transaction: CONNECT,
            app: app.clone(),
            tc_url: Some(format!("rtmp://{host}:{port}/{app}")),
            flash_version: Some("FMLE/3.0 (compatible; Carillon)".to_owned()),
            object_encoding: 0.0,
            enhanced: Enhanced::default(),
        };
        self.write(&connect.to_command().to_message(0));
    }

    /// `true`: published.
    fn heed(&mut self, command: &Command) -> Result<bool, Fault> {
        let refused = command.arguments.iter().any(|value| value.get("level").and_then(Value::as_str) == Some("error"));
        match (&self.phase, command.name.as_str()) {
            (Phase::Connecting, "_result") if command.transaction == CONNECT => {
                self.phase = Phase::Creating;
                for (number, name) in [(2.0, "releaseStream"), (3.0, "FCPublish")] {
                    let stream = self.target.name.as_str().into();
                    self.call(name, number, vec![stream]);
                }
                self.call("createStream", CREATE, vec![]);
            }
            (Phase::Creating, "_result") if command.transaction == CREATE => {
                self.stream = command.number(0).filter(|n| (1.0..1e6).contains(n)).ok_or(Fault::Message)? as u32;
                self.phase = Phase::Asking;
                let publish = vec![self.target.name.as_str().into(), "live".into()];
                let publish = Command::call("publish", 5.0, publish).to_message(self.stream);
                self.write(&publish);
            }
            (Phase::Connecting, "_error") => return Err(Fault::Refused),
            (Phase::Creating, "_error") if command.transaction == CREATE => return Err(Fault::Refused),
            (_, "onStatus") if refused => return Err(Fault::Refused),
            (Phase::Asking, "onStatus") => {
                self.phase = Phase::Publishing;
                return Ok(true);
            }
            // Refusing releaseStream and FCPublish is what servers do that have none.
            (Phase::Handshake(_) | Phase::Connecting | Phase::Creating | Phase::Asking | Phase::Publishing, _) => {}
        }
        Ok(false)
    }

    fn call(&mut self, name: &str, transaction: f64, arguments: Vec<Value>) {
        self.write(&Command::call(name, transaction, arguments).to_message(0));
    }

    fn write(&mut self, message: &Message) {
        self.writer.write(message, &mut self.words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_is_server_app_and_name() {
        let target = |host: &str, port, app: &str, name: &str| {
            Some(Target { host: host.into(), port, app: app.into(), name: name.into() })
        };
        for (url, expected) in [
            ("rtmp://origin/live/abc", target("origin", 1935, "live", "abc")),
            ("rtmp://origin:19350/a/b/abc?key=a/b", target("origin", 19350, "a/b", "abc?key=a/b")),
            ("rtmp://[2001:db8::1]:1936/live/abc", target("2001:db8::1", 1936, "live", "abc")),
            ("rtmp://[2001:db8::1]/live/abc", target("2001:db8::1", 1935, "live", "abc")),
            ("rtmp://origin/abc", None),
            ("rtmp://origin:x/live/abc", None),
            ("http://origin/live/abc", None),
            ("rtmp:///live/abc", None),
        ] {
            assert_eq!(Target::parse(url), expected, "{url}");
        }
        let shown = format!("{:?}", Target::parse("rtmp://origin/live/secret"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
