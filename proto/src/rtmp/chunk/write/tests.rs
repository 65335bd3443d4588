use super::*;
use crate::rtmp::chunk::ChunkReader;

fn message(kind: MessageKind, timestamp: u32, bytes: usize) -> Message {
    let payload: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
    Message { kind, stream: 1, timestamp, payload: payload.into() }
}

fn read_back(wire: &[u8], chunk_bytes: u32) -> Vec<Message> {
    let mut reader = ChunkReader::new();
    let mut prelude = Vec::new();
    let payload = chunk_bytes.to_be_bytes().to_vec().into();
    let control = Message { kind: MessageKind::SetChunkSize, stream: 0, timestamp: 0, payload };
    ChunkWriter::new().write(&control, &mut prelude);
    assert_eq!(reader.read(&mut prelude.as_slice()), Ok(None));
    let mut rest = wire;
    std::iter::from_fn(|| reader.read(&mut rest).expect("chunks of our own")).collect()
}

#[test]
fn what_is_written_is_read() {
    let times = [0, 20, 40, 0x00ff_fffe, 0x00ff_ffff, 0x0100_0000, 0x8000_0000, u32::MAX, 5, 5];
    for chunk_bytes in [1, 2, 127, 128, 4096, 1 << 30] {
        let mut writer = ChunkWriter::new();
        writer.set_chunk_bytes(chunk_bytes);
        let kinds = [MessageKind::Video, MessageKind::Audio, MessageKind::Data, MessageKind::Command];
        let messages: Vec<_> = times
            .iter()
            .zip(kinds.iter().cycle())
            .zip([0, 1, 127, 128, 129, 300].iter().cycle())
            .map(|((time, kind), bytes)| message(*kind, *time, *bytes))
            .collect();
        let mut wire = Vec::new();
        messages.iter().for_each(|message| writer.write(message, &mut wire));
        assert_eq!(read_back(&wire, chunk_bytes), messages, "{chunk_bytes}");
    }
}

#[test]
fn heads_are_as_short_as_they_can_be() {
    let mut writer = ChunkWriter::new();
    let mut head = |kind, stream, time, bytes| writer.frame(kind, stream, time, bytes).first_bytes;
    assert_eq!(head(MessageKind::Video, 1, 0, 10), 12, "the first in full");
    assert_eq!(head(MessageKind::Video, 1, 20, 11), 8);
    assert_eq!(head(MessageKind::Video, 1, 40, 11), 4);
    assert_eq!(head(MessageKind::Video, 1, 39, 11), 12, "back in time");
    assert_eq!(head(MessageKind::Audio, 1, 40, 11), 12, "its own chunk stream");
    assert_eq!(head(MessageKind::Video, 2, 40, 11), 12, "another message stream");
    assert_eq!(head(MessageKind::Video, 2, 0x0200_0000, 11), 16, "a leap");
}

#[test]
fn a_write_may_stop_at_any_byte() {
    for (time, bytes, chunk_bytes) in
        [(0, 0, 128), (7, 1, 1), (7, 5, 2), (7, 256, 128), (0x0100_0000, 300, 128), (u32::MAX, 9, 3), (0, 9, 4096)]
    {
        let message = message(MessageKind::Video, time, bytes);
        let framing = Framing::full(message.kind, 1, time, bytes, chunk_bytes);
        let whole: Vec<u8> = framing.slices(&message.payload, 0).flatten().copied().collect();
        assert_eq!(whole.len(), framing.wire_bytes(), "{bytes} bytes in chunks of {chunk_bytes}");
        assert_eq!(read_back(&whole, chunk_bytes), std::slice::from_ref(&message));
        for skip in 0..=whole.len() {
            let rest: Vec<u8> = framing.slices(&message.payload, skip).flatten().copied().collect();
            assert_eq!(rest, whole[skip..], "{bytes} bytes in chunks of {chunk_bytes} from {skip}");
        }
    }
}

#[test]
fn pieces_lie_in_the_shared_payload() {
    let message = message(MessageKind::Video, 0, 10_000);
    let framing = Framing::full(message.kind, 1, 0, 10_000, 4096);
    let range = message.payload.as_ptr_range();
    let shared = framing.slices(&message.payload, 0).filter(|slice| range.contains(&slice.as_ptr()));
    assert_eq!(shared.map(<[u8]>::len).collect::<Vec<_>>(), [4096, 4096, 1808]);
}
