//! Protocol control messages (RTMP 1.0 section 5.4) and user control messages (section 7.1.7).

use crate::rtmp::{Message, MessageKind};
use crate::wire::{Malformed, Parsed, u8_at, u16_at, u32_at};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Bytes of payload per chunk from now on. `ChunkReader` obeys it, so it is only ever written.
    SetChunkSize(u32),
    /// Drop what is open on this chunk stream. `ChunkReader` obeys it, so it is only ever written.
    Abort(u32),
    /// Bytes received so far, modulo 2^32.
    Acknowledgement(u32),
    /// The peer shall acknowledge after so many bytes.
    WindowAckSize(u32),
    /// The peer shall have no more than so many bytes under way.
    SetPeerBandwidth(u32, BandwidthLimit),
    /// Message stream: media follows.
    StreamBegin(u32),
    /// Message stream: no more media.
    StreamEof(u32),
    /// Message stream: nothing at the moment.
    StreamDry(u32),
    /// Message stream and milliseconds that the player holds before it plays.
    SetBufferLength(u32, u32),
    StreamIsRecorded(u32),
    /// To be answered with the same number.
    PingRequest(u32),
    PingResponse(u32),
    /// An event that has no meaning here: players send their own for seeking, verification and the like.
    OtherEvent(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandwidthLimit {
    Hard,
    Soft,
    Dynamic,
}

impl Control {
    /// Reads a control message. Bytes past the fields are ignored.
    pub fn read(kind: MessageKind, payload: &[u8]) -> Parsed<Self> {
        let value = || u32_at(payload, 0);
        Ok(match kind.id() {
            SET_CHUNK_SIZE => Self::SetChunkSize(value()?),
            ABORT => Self::Abort(value()?),
            ACKNOWLEDGEMENT => Self::Acknowledgement(value()?),
            USER_CONTROL => Self::read_event(payload)?,
            WINDOW_ACK_SIZE => Self::WindowAckSize(value()?),
            // Some encoders leave the type of limit out.
            SET_PEER_BANDWIDTH => Self::SetPeerBandwidth(
                value()?,
                match u8_at(payload, 4) {
                    Ok(0) => BandwidthLimit::Hard,
                    Ok(1) => BandwidthLimit::Soft,
                    Ok(_) | Err(_) => BandwidthLimit::Dynamic,
                },
            ),
            _ => return Err(Malformed::Value),
        })
    }

    /// As it goes on the wire: message stream 0, timestamp 0 (section 5.4).
    pub fn to_message(self) -> Message {
        let mut payload = Vec::with_capacity(10);
        let kind = match self {
            Self::SetChunkSize(value) => plain(SET_CHUNK_SIZE, value, &mut payload),
            Self::Abort(value) => plain(ABORT, value, &mut payload),
            Self::Acknowledgement(value) => plain(ACKNOWLEDGEMENT, value, &mut payload),
            Self::WindowAckSize(value) => plain(WINDOW_ACK_SIZE, value, &mut payload),
            Self::SetPeerBandwidth(value, limit) => {
                let kind = plain(SET_PEER_BANDWIDTH, value, &mut payload);
                payload.push(match limit {
                    BandwidthLimit::Hard => 0,
                    BandwidthLimit::Soft => 1,
                    BandwidthLimit::Dynamic => 2,
                });
                kind
            }
            Self::StreamBegin(stream) => event(STREAM_BEGIN, &[stream], &mut payload),
            Self::StreamEof(stream) => event(STREAM_EOF, &[stream], &mut payload),
            Self::StreamDry(stream) => event(STREAM_DRY, &[stream], &mut payload),
            Self::SetBufferLength(stream, ms) => event(SET_BUFFER_LENGTH, &[stream, ms], &mut payload),
            Self::StreamIsRecorded(stream) => event(STREAM_IS_RECORDED, &[stream], &mut payload),
            Self::PingRequest(number) => event(PING_REQUEST, &[number], &mut payload),
            Self::PingResponse(number) => event(PING_RESPONSE, &[number], &mut payload),
            Self::OtherEvent(id) => event(id, &[], &mut payload),
        };
        Message { kind: MessageKind::from_id(kind), stream: 0, timestamp: 0, payload: payload.into() }
    }

    fn read_event(payload: &[u8]) -> Parsed<Self> {
        let value = || u32_at(payload, 2);
        Ok(match u16_at(payload, 0)? {
            STREAM_BEGIN => Self::StreamBegin(value()?),
            STREAM_EOF => Self::StreamEof(value()?),
            STREAM_DRY => Self::StreamDry(value()?),
            SET_BUFFER_LENGTH => Self::SetBufferLength(value()?, u32_at(payload, 6)?),
            STREAM_IS_RECORDED => Self::StreamIsRecorded(value()?),
            PING_REQUEST => Self::PingRequest(value()?),
            PING_RESPONSE => Self::PingResponse(value()?),
            id => Self::OtherEvent(id),
        })
    }
}

const SET_CHUNK_SIZE: u8 = 1;
const ABORT: u8 = 2;
const ACKNOWLEDGEMENT: u8 = 3;
const USER_CONTROL: u8 = 4;
const WINDOW_ACK_SIZE: u8 = 5;
const SET_PEER_BANDWIDTH: u8 = 6;

const STREAM_BEGIN: u16 = 0;
const STREAM_EOF: u16 = 1;
const STREAM_DRY: u16 = 2;
const SET_BUFFER_LENGTH: u16 = 3;
const STREAM_IS_RECORDED: u16 = 4;
const PING_REQUEST: u16 = 6;
const PING_RESPONSE: u16 = 7;

fn plain(kind: u8, value: u32, payload: &mut Vec<u8>) -> u8 {
    payload.extend(value.to_be_bytes());
    kind
}

fn event(id: u16, values: &[u32], payload: &mut Vec<u8>) -> u8 {
    payload.extend(id.to_be_bytes());
    values.iter().for_each(|value| payload.extend(value.to_be_bytes()));
    USER_CONTROL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_message_comes_back() {
        for control in [
            Control::SetChunkSize(4096),
            Control::Abort(6),
            Control::Acknowledgement(u32::MAX),
            Control::WindowAckSize(2_500_000),
            Control::SetPeerBandwidth(1, BandwidthLimit::Hard),
            Control::SetPeerBandwidth(1, BandwidthLimit::Soft),
            Control::SetPeerBandwidth(1, BandwidthLimit::Dynamic),
            Control::StreamBegin(1),
            Control::StreamEof(1),
            Control::StreamDry(1),
            Control::SetBufferLength(1, 3000),
            Control::StreamIsRecorded(1),
            Control::PingRequest(7),
            Control::PingResponse(7),
            Control::OtherEvent(31),
        ] {
            let message = control.to_message();
            assert_eq!(Control::read(message.kind, &message.payload), Ok(control));
            let cut = &message.payload[..message.payload.len() - 1];
            let want = if let Control::SetPeerBandwidth(bytes, _) = control {
                Ok(Control::SetPeerBandwidth(bytes, BandwidthLimit::Dynamic))
            } else {
                Err(Malformed::Truncated)
            };
            assert_eq!(Control::read(message.kind, cut), want, "{control:?}");
        }
    }

    #[test]
    fn other_kinds_are_no_control_messages() {
        assert_eq!(Control::read(MessageKind::Video, &[0; 8]), Err(Malformed::Value));
    }
}
