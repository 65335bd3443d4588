//! The client's side of an RTMP session, up to the media.

use super::chunks::{self, CHUNK_BYTES_OUT, Head, Message, Reader};
use std::io;

const PACKET_BYTES: usize = 1536;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Publish,
    Play,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Script {
    role: Role,
    app: String,
    name: String,
    tc_url: String,
    /// S0 and S1, then what is left of S2.
    greeting: Vec<u8>,
    reader: Reader,
    /// The message stream, once publishing or playing was asked for.
    stream: u32,
    is_ready: bool,
}

/// Transactions of our commands.
const CONNECT: f64 = 1.0;
const CREATE_STREAM: f64 = 4.0;
const START: f64 = 5.0;

impl Script {
    /// Appends C0 and C1 to `out`.
    pub(crate) fn new(role: Role, app: &str, name: &str, tc_url: &str, out: &mut Vec<u8>) -> Self {
        out.push(3);
        out.extend([0; 8]);
        out.extend((8..PACKET_BYTES).map(|n| (n * 31) as u8));
        Self {
            role,
            app: app.to_owned(),
            name: name.to_owned(),
            tc_url: tc_url.to_owned(),
            greeting: Vec::new(),
            reader: Reader::default(),
            stream: 0,
            is_ready: false,
        }
    }

    /// True once the server has said that publishing or playing starts.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// The message stream that media belongs to.
    pub(crate) fn stream(&self) -> u32 {
        self.stream
    }

    /// Reads what the server sends, appends what it is to be answered, and shows sound and picture.
    ///
    /// Errors: a refusal, with the server's code for it.
    pub(crate) fn read(
        &mut self,
        mut input: &[u8],
        out: &mut Vec<u8>,
        mut on_media: impl FnMut(&Message),
    ) -> io::Result<()> {
        const GREETING_BYTES: usize = 1 + 2 * PACKET_BYTES;
        if self.greeting.len() < GREETING_BYTES {
            let had = self.greeting.len();
            let taken = input.len().min(GREETING_BYTES - had);
            self.greeting.extend_from_slice(&input[..taken]);
            input = &input[taken..];
            if had <= PACKET_BYTES && self.greeting.len() > PACKET_BYTES {
                out.extend_from_slice(&self.greeting[1..=PACKET_BYTES]);
                self.say_connect(out);
            }
        }
        let mut reader = std::mem::take(&mut self.reader);
        let mut refusal = None;
        reader.read(input, |message| match message.kind {
            8 | 9 => on_media(message),
            _ => refusal = refusal.take().or_else(|| self.answer(message, out).err()),
        })?;
        self.reader = reader;
        refusal.map_or(Ok(()), Err)
    }

    fn say_connect(&self, out: &mut Vec<u8>) {
        let chunk = (CHUNK_BYTES_OUT as u32).to_be_bytes();
        chunks::write(Head { chunk_stream: 2, kind: 1, stream: 0, timestamp: 0 }, &chunk, 128, out);
        let mut body = start("connect", CONNECT);
        body.push(3);
        for (key, value) in [("app", &self.app), ("tcUrl", &self.tc_url)] {
            body.extend((key.len() as u16).to_be_bytes());
            body.extend(key.bytes());
            text(value, &mut body);
        }
        body.extend([0, 0, 9]);
        self.say(0, &body, out);
    }

    fn say(&self, stream: u32, body: &[u8], out: &mut Vec<u8>) {
        chunks::write(Head { chunk_stream: 3, kind: 20, stream, timestamp: 0 }, body, CHUNK_BYTES_OUT, out);
    }

    fn answer(&mut self, message: &Message, out: &mut Vec<u8>) -> io::Result<()> {
        match (message.kind, &message.front[..]) {
            (4, [0, 6, number @ ..]) => {
                let body = [&[0, 7], number].concat();
                chunks::write(Head { chunk_stream: 2, kind: 4, stream: 0, timestamp: 0 }, &body, CHUNK_BYTES_OUT, out);
                Ok(())
            }
            (20, command) => self.on_command(command, out),
            _ => Ok(()),
        }
    }

    fn on_command(&mut self, command: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let Some((name, rest)) = string(command) else { return Ok(()) };
        let transaction = rest.get(1..9).and_then(|bytes| bytes.try_into().ok()).map_or(0.0, f64::from_be_bytes);
        let code = code(command).unwrap_or_default();
        match name {
            b"_error" if transaction == CONNECT || transaction == CREATE_STREAM => Err(refused(&code)),
            b"_result" if transaction == CONNECT => {
                if self.role == Role::Publish {
                    for (name, transaction) in [("releaseStream", 2.0), ("FCPublish", 3.0)] {
                        self.say_named(0, name, transaction, out);
                    }
                }
                let mut body = start("createStream", CREATE_STREAM);
                body.push(5);
                self.say(0, &body, out);
                Ok(())
            }
            b"_result" if transaction == CREATE_STREAM => {
                // Number, null, number.
                let id = rest.get(11..19).and_then(|bytes| bytes.try_into().ok()).map_or(1.0, f64::from_be_bytes);
                self.stream = id as u32;
                self.say_named(self.stream, if self.role == Role::Publish { "publish" } else { "play" }, START, out);
                Ok(())
            }
            b"onStatus" if code == "NetStream.Publish.Start" || code == "NetStream.Play.Start" => {
                self.is_ready = true;
                Ok(())
            }
            b"onStatus" if has(command, b"\x02\x00\x05error") => Err(refused(&code)),
            _ => Ok(()),
        }
    }

    /// A command whose argument is the stream's name.
    fn say_named(&self, stream: u32, name: &str, transaction: f64, out: &mut Vec<u8>) {
        let mut body = start(name, transaction);
        body.push(5);
        text(&self.name, &mut body);
        if name == "publish" {
            text("live", &mut body);
        }
        self.say(stream, &body, out);
    }
}

fn refused(code: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("the server says {code:?}"))
}

fn start(name: &str, transaction: f64) -> Vec<u8> {
    let mut body = Vec::new();
    text(name, &mut body);
    body.push(0);
    body.extend(transaction.to_be_bytes());
    body
}

fn text(text: &str, body: &mut Vec<u8>) {
    body.push(2);
    body.extend((text.len() as u16).to_be_bytes());
    body.extend(text.bytes());
}

/// A string at the front, and what follows it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [2, high, low, rest @ ..] = bytes else { return None };
    rest.split_at_checked(usize::from(*high) << 8 | usize::from(*low))
}

/// The property `code`, wherever it stands.
fn code(command: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\x00\x04code";
    let at = command.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    string(&command[at..]).map(|(code, _)| String::from_utf8_lossy(code).into_owned())
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S0, S1 and S2.
    fn greeting() -> Vec<u8> {
        let mut bytes = vec![7; 1 + 2 * PACKET_BYTES];
        bytes[0] = 3;
        bytes
    }

    fn command(name: &str, transaction: f64, rest: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let body = [&start(name, transaction), rest].concat();
        chunks::write(Head { chunk_stream: 3, kind: 20, stream: 0, timestamp: 0 }, &body, 128, &mut out);
        out
    }

    fn status(level: &str, code: &str) -> Vec<u8> {
        let mut rest = vec![5, 3, 0, 5];
        rest.extend(b"level");
        text(level, &mut rest);
        rest.extend(b"\x00\x04code");
        text(code, &mut rest);
        rest.extend([0, 0, 9]);
        command("onStatus", 0.0, &rest)
    }

    /// The names of the commands in what a client wrote, after its C0, C1 and C2.
    fn said(out: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        let mut reader = Reader::default();
        reader
            .read(&out[1 + 2 * PACKET_BYTES..], |message| {
                let name = string(&message.front).map(|(name, _)| String::from_utf8_lossy(name).into_owned());
                names.extend(name.filter(|_| message.kind == 20));
            })
            .expect("chunks");
        names
    }

    fn run(role: Role, ending: &[u8]) -> (io::Result<()>, Script, Vec<u8>) {
        let mut out = Vec::new();
        let mut script = Script::new(role, "live", "a", "rtmp://127.0.0.1/live", &mut out);
        let stream = [&[5, 0][..], &7.0_f64.to_be_bytes()].concat();
        let wire =
            [greeting(), command("_result", 1.0, &[5, 5]), command("_result", 4.0, &stream), ending.to_vec()].concat();
        let mut done = Ok(());
        for segment in wire.chunks(100) {
            done = done.and_then(|()| script.read(segment, &mut out, |_| ()));
        }
        (done, script, out)
    }

    #[test]
    fn a_publisher_gets_through_to_its_stream() {
        let (done, script, out) = run(Role::Publish, &status("status", "NetStream.Publish.Start"));
        assert!(done.is_ok() && script.is_ready());
        assert_eq!(script.stream(), 7);
        assert_eq!(said(&out), ["connect", "releaseStream", "FCPublish", "createStream", "publish"]);
    }

    #[test]
    fn a_player_asks_for_its_stream() {
        let (done, script, out) = run(Role::Play, &status("status", "NetStream.Play.Start"));
        assert!(done.is_ok() && script.is_ready());
        assert_eq!(said(&out), ["connect", "createStream", "play"]);
    }

    #[test]
    fn a_refusal_is_an_error_with_its_code() {
        let (done, script, _) = run(Role::Publish, &status("error", "NetStream.Publish.BadName"));
        assert!(done.is_err_and(|error| error.to_string().contains("NetStream.Publish.BadName")));
        assert!(!script.is_ready());
    }

    #[test]
    fn a_ping_is_answered() {
        let mut ping = Vec::new();
        let head = Head { chunk_stream: 2, kind: 4, stream: 0, timestamp: 0 };
        chunks::write(head, &[0, 6, 1, 2, 3, 4], 128, &mut ping);
        let (_, _, out) = run(Role::Play, &ping);
        assert_eq!(out[out.len() - 6..], [0, 7, 1, 2, 3, 4]);
    }
}
