//! The server's side of one RTMP connection: handshake, commands, acknowledgements. What a client wants comes out as
//! events; what is to be said to it waits in `take_words`.

use crate::address::{Address, BadAddress};
use crate::command::{Refusal, Warning};
use crate::media::Flow;
use crate::packet::FIRST_STREAM;
use bytes::Bytes;
use carillon_proto::amf0::Value;
use carillon_proto::flv::FourCc;
use carillon_proto::rtmp::chunk::{ChunkError, ChunkReader, ChunkWriter, Framing};
use carillon_proto::rtmp::handshake::{HandshakeError, ServerHandshake};
use carillon_proto::rtmp::{
    BandwidthLimit, Body, CAPS_RECONNECT, Command, Connect, Control, Data, Enhanced, Message, MessageKind, Status,
    split_aggregate,
};
use std::collections::VecDeque;
use std::time::Instant;

/// Bytes between two acknowledgements, in either direction: what common servers ask for.
const WINDOW: u32 = 2_500_000;
/// A peer that wants to hear more often is not obeyed beyond this.
const WINDOW_MIN: u32 = 131_072;
/// Message streams of one connection. Known clients make one.
const STREAMS_MAX: u32 = 8;
/// Commands, control and data messages: so many at once, then so many a second. A publisher of captions has 60.
const WORDS_BURST: f64 = 300.0;
const WORDS_PER_SECOND: f64 = 100.0;

/// What a client wants.
#[derive(Debug)]
pub(crate) enum Event {
    Connected,
    Publish(Result<Box<Address>, BadAddress>),
    Play(Result<Box<Address>, BadAddress>),
    Media {
        flow: Flow,
        time: u32,
        payload: Bytes,
    },
    Metadata(Data),
    /// It does not publish or play any more.
    Stop,
    Pause(bool),
    Want {
        flow: Flow,
        on: bool,
    },
}

/// Why a connection cannot go on: the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Handshake(HandshakeError),
    Chunks(ChunkError),
    /// A message that is none.
    Message,
    /// A command before `connect`, or media before `publish`.
    Order,
    /// Too many commands.
    Flood,
    /// The server that we publish on does not want it.
    Refused,
}

#[derive(Debug)]
enum Phase {
    Handshake(Box<ServerHandshake>),
    Connecting,
    Connected,
}

#[derive(Debug)]
pub(crate) struct Session {
    phase: Phase,
    reader: ChunkReader,
    writer: ChunkWriter,
    chunk_bytes: u32,
    words: Vec<u8>,
    /// Parts of an aggregate that are yet to be looked at.
    parts: VecDeque<Message>,
    received: u64,
    acknowledged: u64,
    window: u32,
    /// What `connect` said.
    app: String,
    tc_url: String,
    enhanced: Enhanced,
    streams: u32,
    /// The message stream that it publishes or plays on.
    on: Option<u32>,
    tokens: f64,
    filled: Option<Instant>,
}

impl Session {
    /// `random`: fills the handshake, and is no secret.
    pub(crate) fn new(random: u64, chunk_bytes: u32) -> Self {
        Self {
            phase: Phase::Handshake(Box::new(ServerHandshake::new(random))),
            reader: ChunkReader::new(),
            writer: ChunkWriter::new(),
            chunk_bytes,
            words: Vec::new(),
            parts: VecDeque::new(),
            received: 0,
            acknowledged: 0,
            window: WINDOW,
            app: String::new(),
            tc_url: String::new(),
            enhanced: Enhanced::default(),
            streams: 0,
            on: None,
            tokens: WORDS_BURST,
            filled: None,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected)
    }

    pub(crate) fn take_words(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.words)
    }

    /// It follows a request to connect again.
    pub(crate) fn reconnects(&self) -> bool {
        self.enhanced.caps & CAPS_RECONNECT != 0
    }

    /// Whether the client takes tags of this codec, which plain FLV has no number for.
    pub(crate) fn receives(&self, flow: Flow, codec: FourCc) -> bool {
        match flow {
            Flow::Audio => self.enhanced.receives_audio(codec),
            Flow::Video => self.enhanced.receives_video(codec),
            Flow::Data => true,
        }
    }

    pub(crate) fn playing_on(&self) -> u32 {
        self.on.unwrap_or(FIRST_STREAM)
    }

    /// Bytes came in.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.received += bytes as u64;
        if self.is_connected() && self.received - self.acknowledged >= u64::from(self.window / 2) {
            self.acknowledged = self.received;
            self.control(Control::Acknowledgement((self.received & 0xffff_ffff) as u32));
        }
    }

    /// Takes from the front of `input` up to the next thing the client wants. `None`: there is none in it.
    pub(crate) fn next(&mut self, now: Instant, input: &mut &[u8]) -> Result<Option<Event>, Fault> {
        loop {
            if let Phase::Handshake(handshake) = &mut self.phase {
                let done = handshake.read(input, &mut self.words).map_err(Fault::Handshake)?;
                if !done {
                    return Ok(None);
                }
                self.phase = Phase::Connecting;
            }
            let message = match self.parts.pop_front() {
                Some(part) => part,
                None => match self.reader.read(input).map_err(Fault::Chunks)? {
                    Some(message) => message,
                    None => return Ok(None),
                },
            };
            if let Some(event) = self.message(now, &message)? {
                return Ok(Some(event));
            }
        }
    }

    pub(crate) fn publish_started(&mut self) {
        self.status(Status::PublishStart, "publishing");
    }

    pub(crate) fn publish_refused(&mut self, refusal: Refusal) {
        let status = match refusal {
            Refusal::Address | Refusal::NotFound => Status::PublishBadName,
            Refusal::Unauthorized | Refusal::Denied | Refusal::Overloaded => Status::PublishDenied,
        };
        self.status(status, refusal.text());
    }

    /// Another connection of the same publisher goes on with the stream.
    pub(crate) fn taken_over(&mut self) {
        self.status(Status::PublishBadName, "taken over by another connection of the same publisher");
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        let information =
            [("level", "warning".into()), ("code", warning.code().into()), ("description", warning.text().into())];
        self.command(self.playing_on(), &Command::call("onStatus", 0.0, vec![Value::object(information)]));
    }

    pub(crate) fn play_started(&mut self) {
        let stream = self.playing_on();
        self.control(Control::StreamBegin(stream));
        self.status(Status::PlayReset, "playing and resetting");
        self.status(Status::PlayStart, "playing");
        let access = Data { name: "|RtmpSampleAccess".to_owned(), values: vec![true.into(), true.into()] };
        let payload = access.to_bytes();
        // In full, as all media is: it shares the chunk stream of metadata.
        let framing = Framing::full(MessageKind::Data, stream, 0, payload.len(), self.chunk_bytes);
        framing.slices(&payload, 0).for_each(|slice| self.words.extend_from_slice(slice));
    }

    pub(crate) fn play_refused(&mut self, refusal: Refusal) {
        let status = match refusal {
            Refusal::Address | Refusal::NotFound => Status::PlayStreamNotFound,
            Refusal::Unauthorized | Refusal::Denied | Refusal::Overloaded => Status::PlayFailed,
        };
        self.status(status, refusal.text());
    }

    /// The stream that it plays has a publisher again, or has none any more.
    pub(crate) fn publisher(&mut self, here: bool) {
        if here {
            self.status(Status::PlayPublishNotify, "the stream is published");
        } else {
            self.control(Control::StreamEof(self.playing_on()));
            self.status(Status::PlayUnpublishNotify, "the stream is not published any more");
        }
    }

    pub(crate) fn stopped(&mut self, publishing: bool) {
        let status = if publishing { Status::UnpublishSuccess } else { Status::PlayStop };
        self.status(status, "stopped");
        self.on = None;
    }

    pub(crate) fn ping(&mut self, number: u32) {
        self.control(Control::PingRequest(number));
    }

    /// The node stops: come again, to `tc_url` where one is given.
    pub(crate) fn reconnect(&mut self, tc_url: Option<&str>) {
        let mut information = Status::ConnectReconnectRequest.information("the server stops; connect again");
        if let (Value::Object(properties), Some(url)) = (&mut information, tc_url) {
            properties.push(("tcUrl".to_owned(), url.into()));
        }
        self.command(0, &Command::call("onStatus", 0.0, vec![information]));
    }

    fn message(&mut self, now: Instant, message: &Message) -> Result<Option<Event>, Fault> {
        let body = Body::read(message).map_err(|_| Fault::Message)?;
        if !self.is_connected() && !matches!(body, Body::Command(_) | Body::Control(_) | Body::Ignored) {
            return Err(Fault::Order);
        }
        let time = message.timestamp;
        match body {
            Body::Audio(payload) => Ok(Some(Event::Media { flow: Flow::Audio, time, payload })),
            Body::Video(payload) => Ok(Some(Event::Media { flow: Flow::Video, time, payload })),
            Body::Aggregate => {
                for part in split_aggregate(message) {
                    self.parts.push_back(part.map_err(|_| Fault::Message)?);
                }
                Ok(None)
            }
            Body::Control(control) => {
                self.spend(now)?;
                self.heed(control);
                Ok(None)
            }
            Body::Data(data) => {
                self.spend(now)?;
                Ok(Some(data_event(data, time)))
            }
            Body::Command(command) => {
                self.spend(now)?;
                self.obey(message.stream, command)
            }
            Body::Ignored => self.spend(now).map(|()| None),
        }
    }

    fn spend(&mut self, now: Instant) -> Result<(), Fault> {
        let passed = self.filled.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.filled = Some(now);
        self.tokens = (self.tokens + passed * WORDS_PER_SECOND).min(WORDS_BURST) - 1.0;
        if self.tokens < 0.0 { Err(Fault::Flood) } else { Ok(()) }
    }

    fn heed(&mut self, control: Control) {
        match control {
            Control::PingRequest(number) => self.control(Control::PingResponse(number)),
            Control::WindowAckSize(bytes) => self.window = bytes.clamp(WINDOW_MIN, WINDOW),
            Control::SetChunkSize(_)
            | Control::Abort(_)
            | Control::Acknowledgement(_)
            | Control::SetPeerBandwidth(..)
            | Control::StreamBegin(_)
            | Control::StreamEof(_)
            | Control::StreamDry(_)
            | Control::SetBufferLength(..)
            | Control::StreamIsRecorded(_)
            | Control::PingResponse(_)
            | Control::OtherEvent(_) => {}
        }
    }

    fn obey(&mut self, stream: u32, command: Command) -> Result<Option<Event>, Fault> {
        if !self.is_connected() {
            return if command.name == "connect" { self.connect(&command) } else { Err(Fault::Order) };
        }
        let transaction = command.transaction;
        match command.name.as_str() {
            "createStream" => self.create_stream(transaction),
            "releaseStream" | "_checkbw" | "getStreamLength" => self.result(transaction, 0.0.into()),
            "FCPublish" => self.announce("onFCPublish", transaction, Status::PublishStart),
            "FCSubscribe" => self.announce("onFCSubscribe", transaction, Status::PlayStart),
            "FCUnpublish" => {
                self.announce("onFCUnpublish", transaction, Status::UnpublishSuccess);
                return Ok(self.on.map(|_| Event::Stop));
            }
            "publish" => return Ok(self.begin(stream, &command, Status::PublishBadName).map(Event::Publish)),
            "play" => return Ok(self.begin(stream, &command, Status::PlayFailed).map(Event::Play)),
            "closeStream" => return Ok(self.on.map(|_| Event::Stop)),
            "deleteStream" => {
                let meant = command.number(0).is_none_or(|number| Some(number) == self.on.map(f64::from));
                return Ok(self.on.filter(|_| meant).map(|_| Event::Stop));
            }
            "pause" | "pauseRaw" => return Ok(self.pause(&command)),
            "receiveAudio" => return Ok(Some(want(Flow::Audio, &command))),
            "receiveVideo" => return Ok(Some(want(Flow::Video, &command))),
            // Answers, and what players of recordings ask.
            "_result" | "_error" | "onStatus" | "onBWDone" | "seek" => {}
            // A transaction of 0 wants no answer; what is no number cannot be told apart from it.
            _ if transaction != 0.0 => {
                self.command(0, &Command::error(transaction, Status::CallFailed, "there is no such command"));
            }
            _ => {}
        }
        Ok(None)
    }

    fn connect(&mut self, command: &Command) -> Result<Option<Event>, Fault> {
        let connect = Connect::of(command).ok_or(Fault::Message)?;
        self.phase = Phase::Connected;
        self.control(Control::WindowAckSize(WINDOW));
        self.control(Control::SetPeerBandwidth(WINDOW, BandwidthLimit::Dynamic));
        self.control(Control::SetChunkSize(self.chunk_bytes));
        self.writer.set_chunk_bytes(self.chunk_bytes);
        let properties = Value::object([("fmsVer", "FMS/3,5,7,7009".into()), ("capabilities", 31.0.into())]);
        let information = connected(&connect.enhanced);
        self.command(0, &Command::result(command.transaction, properties, vec![information]));
        self.app = connect.app;
        self.tc_url = connect.tc_url.unwrap_or_default();
        self.enhanced = connect.enhanced;
        Ok(Some(Event::Connected))
    }

    fn create_stream(&mut self, transaction: f64) {
        if self.streams >= STREAMS_MAX {
            return self.command(0, &Command::error(transaction, Status::CallFailed, "too many streams"));
        }
        self.streams += 1;
        self.command(0, &Command::result(transaction, Value::Null, vec![f64::from(self.streams).into()]));
    }

    fn result(&mut self, transaction: f64, value: Value) {
        if transaction != 0.0 {
            self.command(0, &Command::result(transaction, Value::Null, vec![value]));
        }
    }

    fn announce(&mut self, name: &str, transaction: f64, status: Status) {
        self.result(transaction, Value::Undefined);
        self.command(0, &Command::call(name, 0.0, vec![status.information("")]));
    }

    /// `publish` or `play`. Some encoders use the message stream 0. `None`: it does something already.
    fn begin(&mut self, stream: u32, command: &Command, busy: Status) -> Option<Result<Box<Address>, BadAddress>> {
        if self.on.is_some() {
            let refused = Command::status(busy, "one connection publishes or plays one stream");
            self.command(stream, &refused);
            return None;
        }
        self.on = Some(stream);
        Some(Address::parse(&self.app, &self.tc_url, command.text(0).unwrap_or_default()).map(Box::new))
    }

    fn pause(&mut self, command: &Command) -> Option<Event> {
        let pause = command.arguments.first().and_then(Value::as_bool)?;
        self.on?;
        let status = if pause { Status::PauseNotify } else { Status::UnpauseNotify };
        self.status(status, if pause { "paused" } else { "playing" });
        Some(Event::Pause(pause))
    }

    fn status(&mut self, status: Status, description: &str) {
        self.command(self.playing_on(), &Command::status(status, description));
    }

    fn control(&mut self, control: Control) {
        self.write(&control.to_message());
    }

    fn command(&mut self, stream: u32, command: &Command) {
        self.write(&command.to_message(stream));
    }

    fn write(&mut self, message: &Message) {
        self.writer.write(message, &mut self.words);
    }
}

/// The information of the answer to `connect`: codecs with a FourCC are passed on as they are, to those who know some.
fn connected(client: &Enhanced) -> Value {
    const PASSED_ON: [FourCc; 6] = [FourCc::AVC, FourCc::HEVC, FourCc::AV1, FourCc::VP8, FourCc::VP9, FourCc::OPUS];
    let mut information = Status::ConnectSuccess.information("connected");
    if let Value::Object(properties) = &mut information {
        properties.push(("objectEncoding".to_owned(), 0.0.into()));
        if *client != Enhanced::default() {
            properties.extend(Enhanced::forwarding(PASSED_ON, CAPS_RECONNECT).properties());
        }
    }
    information
}

fn want(flow: Flow, command: &Command) -> Event {
    Event::Want { flow, on: command.arguments.first().and_then(Value::as_bool).unwrap_or(true) }
}

fn data_event(data: Data, time: u32) -> Event {
    if data.name == "onMetaData" || data.name == "@clearDataFrame" {
        return Event::Metadata(data);
    }
    Event::Media { flow: Flow::Data, time, payload: data.to_bytes().into() }
}

impl Refusal {
    /// For developers.
    pub fn text(self) -> &'static str {
        match self {
            Self::Address => "the address is not /live/{app}/{room}/{publisher}?user=…&token=…",
            Self::Unauthorized => "the signature is not good for this stream",
            Self::Denied => "the room does not take this user",
            Self::NotFound => "there is no such stream",
            Self::Overloaded => "the server is overloaded; try again",
        }
    }
}
