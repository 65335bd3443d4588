//! What messages mean: control, commands, data, media (RTMP 1.0 sections 5.4 and 7).

use crate::amf0::{self, Value};
use crate::rtmp::{Control, Message, MessageKind};
use crate::wire::{Malformed, Parsed, u8_at, u24_at};
use bytes::Bytes;

/// The content of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Control(Control),
    /// AMF0, bare or in the wrapper of AMF3 that old encoders use.
    Command(Command),
    Data(Data),
    /// An FLV audio tag without its head; may be empty.
    Audio(Bytes),
    /// An FLV video tag without its head; may be empty.
    Video(Bytes),
    /// Several messages in one: `split_aggregate`.
    Aggregate,
    /// AMF3 data, shared objects and unknown kinds, which have no use here and do no harm.
    Ignored,
}

impl Body {
    /// Errors: a control message that is too short, AMF0 beyond its bounds, a command without a name.
    pub fn read(message: &Message) -> Parsed<Self> {
        let payload = &message.payload;
        Ok(match message.kind {
            MessageKind::SetChunkSize
            | MessageKind::Abort
            | MessageKind::Acknowledgement
            | MessageKind::UserControl
            | MessageKind::WindowAckSize
            | MessageKind::SetPeerBandwidth => Self::Control(Control::read(message.kind, payload)?),
            MessageKind::Command => Self::Command(Command::read(payload)?),
            // A zero stands before the AMF0 of a command that is sent as AMF3. No command starts with one otherwise.
            MessageKind::CommandAmf3 => Self::Command(Command::read(payload.strip_prefix(&[0]).unwrap_or(payload))?),
            MessageKind::Data => Self::Data(Data::read(payload)?),
            MessageKind::Audio => Self::Audio(payload.clone()),
            MessageKind::Video => Self::Video(payload.clone()),
            MessageKind::Aggregate => Self::Aggregate,
            MessageKind::DataAmf3
            | MessageKind::SharedObjectAmf3
            | MessageKind::SharedObject
            | MessageKind::Other(_) => Self::Ignored,
        })
    }
}

/// A command, or the answer to one (section 7.1.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    pub name: String,
    /// What the answer refers to; 0 where none is expected. Any number, also NaN: to be sent back and not computed with.
    pub transaction: f64,
    /// The command object: of `connect` and its answer an object, else mostly null.
    pub object: Value,
    pub arguments: Vec<Value>,
}

impl Command {
    /// What a sender leaves out at the end is 0 and null.
    pub fn read(payload: &[u8]) -> Parsed<Self> {
        let mut values = amf0::read_all(payload)?.into_iter();
        let Some(Value::String(name)) = values.next() else { return Err(Malformed::Value) };
        let transaction = values.next().and_then(|value| value.as_number()).unwrap_or(0.0);
        Ok(Self { name, transaction, object: values.next().unwrap_or(Value::Null), arguments: values.collect() })
    }

    /// The text of one argument: the stream name of `publish` and `play` is number 0.
    pub fn text(&self, argument: usize) -> Option<&str> {
        self.arguments.get(argument).and_then(Value::as_str)
    }

    /// The number of one argument: the message stream of `deleteStream` and of the answer to `createStream` is number 0.
    pub fn number(&self, argument: usize) -> Option<f64> {
        self.arguments.get(argument).and_then(Value::as_number)
    }

    /// `_result`, the answer to the command that had this transaction.
    pub fn result(transaction: f64, object: Value, arguments: Vec<Value>) -> Self {
        Self { name: "_result".to_owned(), transaction, object, arguments }
    }

    /// `_error`, the refusal of the command that had this transaction.
    pub fn error(transaction: f64, status: Status, description: &str) -> Self {
        let arguments = vec![status.information(description)];
        Self { name: "_error".to_owned(), transaction, object: Value::Null, arguments }
    }

    /// `onStatus`.
    pub fn status(status: Status, description: &str) -> Self {
        Self::call("onStatus", 0.0, vec![status.information(description)])
    }

    /// A command without an object.
    pub fn call(name: &str, transaction: f64, arguments: Vec<Value>) -> Self {
        Self { name: name.to_owned(), transaction, object: Value::Null, arguments }
    }

    pub fn to_message(&self, stream: u32) -> Message {
        let mut payload = Vec::new();
        let head = [Value::String(self.name.clone()), self.transaction.into()];
        amf0::write_all(head.iter().chain([&self.object]).chain(&self.arguments), &mut payload);
        Message { kind: MessageKind::Command, stream, timestamp: 0, payload: payload.into() }
    }
}

/// What `onStatus` and the answers to `connect` tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    ConnectSuccess,
    ConnectRejected,
    ConnectClosed,
    /// Enhanced RTMP v2: come back, perhaps to another `tcUrl`, which the caller adds to the information.
    ConnectReconnectRequest,
    CallFailed,
    PublishStart,
    PublishBadName,
    PublishDenied,
    UnpublishSuccess,
    PlayReset,
    PlayStart,
    PlayStop,
    PlayPublishNotify,
    PlayUnpublishNotify,
    PlayStreamNotFound,
    PlayFailed,
    DataStart,
    PauseNotify,
    UnpauseNotify,
}

impl Status {
    pub fn code(self) -> &'static str {
        match self {
            Self::ConnectSuccess => "NetConnection.Connect.Success",
            Self::ConnectRejected => "NetConnection.Connect.Rejected",
            Self::ConnectClosed => "NetConnection.Connect.Closed",
            Self::ConnectReconnectRequest => "NetConnection.Connect.ReconnectRequest",
            Self::CallFailed => "NetConnection.Call.Failed",
            Self::PublishStart => "NetStream.Publish.Start",
            Self::PublishBadName => "NetStream.Publish.BadName",
            Self::PublishDenied => "NetStream.Publish.Denied",
            Self::UnpublishSuccess => "NetStream.Unpublish.Success",
            Self::PlayReset => "NetStream.Play.Reset",
            Self::PlayStart => "NetStream.Play.Start",
            Self::PlayStop => "NetStream.Play.Stop",
            Self::PlayPublishNotify => "NetStream.Play.PublishNotify",
            Self::PlayUnpublishNotify => "NetStream.Play.UnpublishNotify",
            Self::PlayStreamNotFound => "NetStream.Play.StreamNotFound",
            Self::PlayFailed => "NetStream.Play.Failed",
            Self::DataStart => "NetStream.Data.Start",
            Self::PauseNotify => "NetStream.Pause.Notify",
            Self::UnpauseNotify => "NetStream.Unpause.Notify",
        }
    }

    fn is_error(self) -> bool {
        match self {
            Self::ConnectRejected
            | Self::CallFailed
            | Self::PublishBadName
            | Self::PublishDenied
            | Self::PlayStreamNotFound
            | Self::PlayFailed => true,
            Self::ConnectSuccess
            | Self::ConnectClosed
            | Self::ConnectReconnectRequest
            | Self::PublishStart
            | Self::UnpublishSuccess
            | Self::PlayReset
            | Self::PlayStart
            | Self::PlayStop
            | Self::PlayPublishNotify
            | Self::PlayUnpublishNotify
            | Self::DataStart
            | Self::PauseNotify
            | Self::UnpauseNotify => false,
        }
    }

    /// The information object: level, code, description.
    pub fn information(self, description: &str) -> Value {
        let level = if self.is_error() { "error" } else { "status" };
        Value::object([("level", level.into()), ("code", self.code().into()), ("description", description.into())])
    }
}

/// A data message (section 7.1.2): metadata, text, cue points.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// The handler: `onMetaData`, also where it came inside `@setDataFrame`.
    pub name: String,
    pub values: Vec<Value>,
}

impl Data {
    pub fn read(payload: &[u8]) -> Parsed<Self> {
        let mut values = amf0::read_all(payload)?;
        if values.first().and_then(Value::as_str) == Some("@setDataFrame") {
            values.remove(0);
        }
        let mut values = values.into_iter();
        let Some(Value::String(name)) = values.next() else { return Err(Malformed::Value) };
        Ok(Self { name, values: values.collect() })
    }

    /// AMF0, also the body of an FLV script tag.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        amf0::write_all([&Value::String(self.name.clone())].into_iter().chain(&self.values), &mut payload);
        payload
    }
}

/// The messages in an aggregate (section 7.1.6), their clock moved onto the aggregate's. Ends after the first error;
/// an aggregate in an aggregate is one.
pub fn split_aggregate(aggregate: &Message) -> impl Iterator<Item = Parsed<Message>> + use<> {
    let (mut rest, stream, timestamp) = (aggregate.payload.clone(), aggregate.stream, aggregate.timestamp);
    let mut shift = None;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let part = take_part(&mut rest).map(|mut part| {
            // Parts count from their own zero, or from the aggregate's time, as the sender likes.
            let shift = *shift.get_or_insert_with(|| timestamp.wrapping_sub(part.timestamp));
            part.timestamp = part.timestamp.wrapping_add(shift);
            part.stream = stream;
            part
        });
        if part.is_err() {
            rest = Bytes::new();
        }
        Some(part)
    })
}

/// Kind, length, timestamp, its highest byte, stream (unused), payload, length again (which the last part may lack).
fn take_part(rest: &mut Bytes) -> Parsed<Message> {
    const HEAD_BYTES: usize = 11;
    let kind = MessageKind::from_id(u8_at(rest, 0)?);
    let bytes = u24_at(rest, 1)? as usize;
    let timestamp = u24_at(rest, 4)? | u32::from(u8_at(rest, 7)?) << 24;
    if kind == MessageKind::Aggregate || bytes > kind.bytes_max() {
        return Err(Malformed::Value);
    }
    if rest.len() < HEAD_BYTES + bytes {
        return Err(Malformed::Truncated);
    }
    let payload = rest.slice(HEAD_BYTES..HEAD_BYTES + bytes);
    *rest = rest.slice((HEAD_BYTES + bytes + 4).min(rest.len())..);
    Ok(Message { kind, stream: 0, timestamp, payload })
}

#[cfg(test)]
mod tests;
