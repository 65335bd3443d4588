//! RTMP and FLV.

use crate::amf0 as amf0_format;
use crate::rtmp::chunk::{ChunkError, ChunkReader, ChunkWriter, PARTIAL_BYTES_MAX};
use crate::rtmp::handshake::{ClientHandshake, HandshakeError, ServerHandshake};
use crate::rtmp::{Body, Command, Connect, Message, MessageKind, split_aggregate};
use crate::wire::Malformed;
use bytes::Bytes;

/// What is read can be written, and reads as the same again.
pub fn amf0(data: &[u8]) {
    let Ok(values) = amf0_format::read_all(data) else { return };
    let mut written = Vec::new();
    amf0_format::write_all(&values, &mut written);
    match amf0_format::read_all(&written) {
        // Bytes are compared, as NaN is no equal of itself.
        Ok(again) => {
            let mut twice = Vec::new();
            amf0_format::write_all(&again, &mut twice);
            assert_eq!(twice, written);
        }
        // A replacement character is longer than what it replaces, so a name can outgrow its bound.
        Err(error) => assert_eq!(error, Malformed::TooMany),
    }
}

/// Segments make no difference, bounds hold, and what was read can be written and read again.
pub fn rtmp_chunk(data: &[u8]) {
    let (messages, end) = read_chunks(data.chunks(data.len().max(1)));
    for bytes in [1, 7] {
        assert_eq!(read_chunks(data.chunks(bytes)), (messages.clone(), end), "segments of {bytes}");
    }
    let mut writer = ChunkWriter::new();
    let mut wire = Vec::new();
    messages.iter().for_each(|message| writer.write(message, &mut wire));
    assert_eq!(read_chunks(std::iter::once(wire.as_slice())), (messages, None));
}

fn read_chunks<'a>(segments: impl Iterator<Item = &'a [u8]>) -> (Vec<Message>, Option<ChunkError>) {
    let mut reader = ChunkReader::new();
    let mut messages = Vec::new();
    for mut segment in segments {
        while !segment.is_empty() {
            match reader.read(&mut segment) {
                Ok(message) => messages.extend(message),
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(reader.partial_bytes() <= PARTIAL_BYTES_MAX);
    }
    (messages, None)
}

/// The first byte is the kind, the rest the payload: what is read can be written and reads as the same again.
pub fn rtmp_message(data: &[u8]) {
    let Some((kind, payload)) = data.split_first() else { return };
    let payload = Bytes::copy_from_slice(payload);
    let message = Message { kind: MessageKind::from_id(*kind), stream: 1, timestamp: 1000, payload };
    match Body::read(&message) {
        Ok(Body::Control(control)) => {
            let written = control.to_message();
            assert_eq!(Body::read(&written), Ok(Body::Control(control)));
        }
        Ok(Body::Command(command)) => {
            let written = command.to_message(message.stream).payload;
            // NaN is no equal of itself; a name that grew out of its bound by replacement characters is refused.
            if let Ok(again) = Command::read(&written) {
                assert_eq!(again.to_message(message.stream).payload, written);
            }
            if let Some(connect) = Connect::of(&command) {
                let again = Connect::of(&connect.to_command()).expect("a connect");
                assert_eq!((again.app, again.tc_url), (connect.app, connect.tc_url));
            }
        }
        Ok(Body::Aggregate) => {
            let bytes: usize = split_aggregate(&message).flatten().map(|part| part.payload.len()).sum();
            assert!(bytes <= message.payload.len());
            assert!(split_aggregate(&message).filter(Result::is_err).count() <= 1);
        }
        Ok(Body::Data(_) | Body::Audio(_) | Body::Video(_) | Body::Ignored) | Err(_) => {}
    }
}

/// Segments make no difference, on either side, and what is not the handshake's is left.
pub fn rtmp_handshake(data: &[u8]) {
    assert_same_in_segments(data, || {
        let mut server = ServerHandshake::new(7);
        move |input, out| server.read(input, out)
    });
    assert_same_in_segments(data, || {
        let mut client = ClientHandshake::new(7, None, &mut Vec::new());
        move |input, out| client.read(input, out)
    });
}

fn assert_same_in_segments<F>(data: &[u8], mut side: impl FnMut() -> F)
where
    F: FnMut(&mut &[u8], &mut Vec<u8>) -> Result<bool, HandshakeError>,
{
    let mut run = |bytes: usize| {
        let mut read = side();
        let (mut out, mut end, mut left) = (Vec::new(), Ok(false), 0);
        for mut segment in data.chunks(bytes) {
            if end == Ok(false) {
                end = read(&mut segment, &mut out);
            }
            left += segment.len();
        }
        // After an error nobody asks what is left.
        (end, out, if end.is_ok() { left } else { 0 })
    };
    assert_eq!(run(data.len().max(1)), run(701));
}
