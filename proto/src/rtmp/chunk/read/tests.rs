use super::*;

/// A head of type 0 on chunk stream `id`, time as it stands in the field.
fn full(id: u8, time: u32, length: u32, kind: u8) -> Vec<u8> {
    let mut head = vec![id];
    head.extend(&time.min(EXTENDED).to_be_bytes()[1..]);
    head.extend(&length.to_be_bytes()[1..]);
    head.extend([kind, 1, 0, 0, 0]);
    if time >= EXTENDED {
        head.extend(time.to_be_bytes());
    }
    head
}

/// A head of type 1.
fn same_stream(id: u8, delta: u32, length: u32, kind: u8) -> Vec<u8> {
    let mut head = vec![0x40 | id];
    head.extend(&delta.min(EXTENDED).to_be_bytes()[1..]);
    head.extend(&length.to_be_bytes()[1..]);
    head.push(kind);
    if delta >= EXTENDED {
        head.extend(delta.to_be_bytes());
    }
    head
}

fn control(kind: u8, value: u32) -> Vec<u8> {
    [full(2, 0, 4, kind), value.to_be_bytes().to_vec()].concat()
}

/// All messages, read at once and in segments of each size, which must make no difference.
fn read(wire: &[u8]) -> Result<Vec<Message>, ChunkError> {
    let whole = in_segments(wire, wire.len().max(1));
    for bytes in [1, 2, 7, 1460] {
        assert_eq!(in_segments(wire, bytes), whole, "segments of {bytes}");
    }
    for at in 0..wire.len().min(600) {
        let (first, second) = wire.split_at(at);
        assert_eq!(in_pieces([first, second]), whole, "cut at {at}");
    }
    whole
}

fn in_segments(wire: &[u8], bytes: usize) -> Result<Vec<Message>, ChunkError> {
    in_pieces(wire.chunks(bytes))
}

fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Message>, ChunkError> {
    let mut reader = ChunkReader::new();
    let mut messages = Vec::new();
    for mut piece in pieces {
        while let Some(message) = reader.read(&mut piece)? {
            messages.push(message);
        }
        assert!(piece.is_empty());
    }
    Ok(messages)
}

fn times(wire: &[u8]) -> Vec<u32> {
    read(wire).expect("chunks").iter().map(|message| message.timestamp).collect()
}

fn payloads(wire: &[u8]) -> Vec<Vec<u8>> {
    read(wire).expect("chunks").iter().map(|message| message.payload.to_vec()).collect()
}

#[test]
fn sound_passes_inside_a_picture() {
    let wire = [
        full(6, 40, 300, 9),
        vec![1; 128],
        full(4, 33, 3, 8),
        vec![7; 3],
        vec![0xc6],
        vec![2; 128],
        same_stream(4, 21, 2, 8),
        vec![8; 2],
        vec![0xc6],
        vec![3; 44],
    ]
    .concat();
    let messages = read(&wire).expect("chunks");
    let seen: Vec<_> = messages.iter().map(|m| (m.kind, m.timestamp, m.payload.len())).collect();
    assert_eq!(seen, [(MessageKind::Audio, 33, 3), (MessageKind::Audio, 54, 2), (MessageKind::Video, 40, 300)]);
    assert_eq!(messages[2].payload, [vec![1; 128], vec![2; 128], vec![3; 44]].concat());
}

#[test]
fn type_3_starts_a_message_with_the_last_delta() {
    let wire = [full(4, 100, 1, 8), vec![0], same_stream(4, 20, 1, 8), vec![1, 0xc4, 2, 0xc4, 3]].concat();
    assert_eq!(times(&wire), [100, 120, 140, 160]);
    let wire = [full(4, 100, 1, 8), vec![0, 0xc4, 1, 0x84, 0, 0, 5, 2, 0xc4, 3]].concat();
    assert_eq!(times(&wire), [100, 200, 205, 210], "after type 0 the timestamp is the delta");
}

#[test]
fn the_three_forms_of_an_id_name_their_streams() {
    let head = |basic: &[u8], format: u8| [basic, &full(0, 9, 1, 8)[1..], &[format]].concat();
    let wire = [head(&[63], 1), head(&[0, 0], 2), head(&[0, 255], 3), head(&[1, 0, 1], 4), head(&[1, 255, 255], 5)];
    assert_eq!(payloads(&wire.concat()), [[1], [2], [3], [4], [5]]);
    let again = [wire.concat(), vec![0xff, 6, 0xc0, 255, 7, 0xc1, 255, 255, 8, 0xc1, 255, 0, 9]].concat();
    assert_eq!(payloads(&again), [[1], [2], [3], [4], [5], [6], [7], [8], [9]], "319 in either long form");
}

#[test]
fn an_extended_timestamp_may_be_repeated_or_not() {
    let time: u32 = 0x0131_2d00;
    for repeated in [true, false] {
        let mut next = vec![0xc6];
        if repeated {
            next.extend(time.to_be_bytes());
        }
        let wire = [full(6, time, 300, 9), vec![5; 128], next.clone(), vec![6; 128], next, vec![7; 44]].concat();
        assert_eq!(times(&wire), [time], "repeated: {repeated}");
        assert_eq!(payloads(&wire), [[vec![5; 128], vec![6; 128], vec![7; 44]].concat()]);
    }
}

#[test]
fn payload_that_starts_like_the_timestamp_is_payload() {
    let time: u32 = 0x0131_2d00;
    // Not repeated, and the message ends within the bytes that could have been the timestamp.
    for rest in [&[0x01u8, 0x99][..], &[0x01, 0x31, 0x99], &[0x01, 0x31, 0x2d, 0x99], &[0x99]] {
        let wire = [full(6, time, 128 + rest.len() as u32, 9), vec![5; 128], vec![0xc6], rest.to_vec(), control(3, 9)];
        let got = payloads(&wire.concat());
        assert_eq!(got, [[&[5; 128], rest].concat(), vec![0, 0, 0, 9]], "{rest:x?}");
    }
}

#[test]
fn a_repeated_timestamp_may_lack_its_highest_bit_or_be_the_sum() {
    let time: u32 = 0x8131_2d00;
    let wire = [full(6, time, 130, 9), vec![5; 128], vec![0xc6, 0x01, 0x31, 0x2d, 0, 6, 6]].concat();
    assert_eq!(payloads(&wire), [[vec![5; 128], vec![6; 2]].concat()]);
    let delta: u32 = 0x0131_2d00;
    let sum = [vec![0xc6], (delta + 1000).to_be_bytes().to_vec(), vec![6; 2]].concat();
    let wire = [full(6, 1000, 1, 9), vec![0], same_stream(6, delta, 130, 9), vec![5; 128], sum].concat();
    assert_eq!(times(&wire), [1000, delta + 1000]);
    assert_eq!(payloads(&wire)[1].len(), 130);
}

#[test]
fn an_extended_field_of_type_1_is_a_delta() {
    let delta: u32 = 20_000_000;
    let wire = [full(4, 0, 1, 8), vec![0], same_stream(4, delta, 1, 8), vec![1], same_stream(4, 21, 1, 8), vec![2]];
    assert_eq!(times(&wire.concat()), [0, delta, delta + 21]);
    let small = [&[0x44, 0xff, 0xff, 0xff, 0, 0, 1, 8, 0, 0, 0, 20][..], &[3]].concat();
    let wire = [full(4, 100, 1, 8), vec![0], small].concat();
    assert_eq!(times(&wire), [100, 120], "a field that says extended may hold a small value");
}

#[test]
fn type_3_that_starts_a_message_always_repeats_the_field() {
    let time: u32 = 0x0131_2d00;
    let next = |value: u32, byte: u8| [&[0xc4][..], &value.to_be_bytes(), &[byte]].concat();
    let wire = [full(4, time, 1, 8), vec![0], next(time, 1), next(time + 21, 2)].concat();
    assert_eq!(times(&wire), [time, time, time + 21], "after type 0 it is a timestamp");
    let wire = [full(4, 0, 1, 8), vec![0], same_stream(4, time, 1, 8), vec![1], next(time, 2), next(7, 3)].concat();
    assert_eq!(times(&wire), [0, time, 2 * time, 2 * time + 7], "after type 1 it is a delta");
}

#[test]
fn timestamps_wrap() {
    let wire = [full(4, u32::MAX - 9, 1, 8), vec![0], same_stream(4, 20, 1, 8), vec![1]].concat();
    assert_eq!(times(&wire), [u32::MAX - 9, 10]);
}

#[test]
fn a_new_header_drops_the_message_that_is_open() {
    for head in [full(6, 7, 2, 9), same_stream(6, 7, 2, 9)] {
        let wire = [full(6, 0, 300, 9), vec![1; 128], head, vec![2; 2]].concat();
        assert_eq!(payloads(&wire), [[2, 2]]);
    }
}

#[test]
fn abort_drops_the_message_that_is_open() {
    let wire = [full(6, 0, 300, 9), vec![1; 128], control(2, 6), full(6, 7, 2, 9), vec![2; 2]].concat();
    assert_eq!(payloads(&wire), [[2, 2]]);
    let wire = [control(2, 77), full(6, 7, 2, 9), vec![2; 2]].concat();
    assert_eq!(payloads(&wire), [[2, 2]], "of an unknown stream: nothing to drop");
    // Type 3 after it starts anew, with the shape of what was dropped.
    let wire = [full(6, 5, 130, 9), vec![1; 128], control(2, 6), vec![0xc6], vec![2; 128], vec![0xc6, 3, 3]].concat();
    assert_eq!(times(&wire), [10]);
}

#[test]
fn chunk_sizes_from_one_byte_up_are_obeyed() {
    let one = [control(1, 1), full(6, 0, 3, 9), vec![1, 0xc6, 2, 0xc6, 3]].concat();
    assert_eq!(payloads(&one), [[1, 2, 3]]);
    let all = [control(1, 0x7fff_ffff), full(6, 0, 5000, 9), vec![1; 5000]].concat();
    assert_eq!(payloads(&all), [vec![1; 5000]]);
    for refused in [0, 0x8000_0000, u32::MAX] {
        assert_eq!(read(&control(1, refused)), Err(ChunkError::Control), "{refused}");
    }
    assert_eq!(read(&[full(2, 0, 3, 1), vec![0, 0, 9]].concat()), Err(ChunkError::Control));
    assert_eq!(read(&[full(2, 0, 0, 2), vec![]].concat()), Err(ChunkError::Control));
}

#[test]
fn a_change_of_size_holds_for_messages_that_are_open() {
    let wire = [full(6, 0, 300, 9), vec![1; 128], control(1, 64), vec![0xc6], vec![2; 64], vec![0xc6], vec![3; 64]];
    let wire = [wire.concat(), vec![0xc6], vec![4; 44]].concat();
    assert_eq!(payloads(&wire), [[vec![1; 128], vec![2; 64], vec![3; 64], vec![4; 44]].concat()]);
}

#[test]
fn a_message_may_be_empty() {
    let wire = [full(4, 5, 0, 8), vec![0xc4], full(4, 5, 1, 8), vec![9]].concat();
    assert_eq!(payloads(&wire), [vec![], vec![], vec![9]]);
}

#[test]
fn a_first_header_may_lack_the_message_stream_and_no_more() {
    let wire = [same_stream(2, 7, 4, 3), vec![0, 0, 0, 1]].concat();
    let messages = read(&wire).expect("librtmp does this");
    assert_eq!((messages[0].stream, messages[0].timestamp), (0, 7));
    for head in [0x86, 0xc6] {
        assert_eq!(read(&[head, 0, 0, 0, 0]), Err(ChunkError::NoHeaderBefore), "{head:x}");
    }
}

#[test]
fn announced_lengths_have_bounds_and_take_no_memory() {
    let kind = |kind: u8, length: u32| read(&full(4, 0, length, kind));
    for (id, bytes_max) in [(9, 4 << 20), (22, 4 << 20), (8, 64 << 10), (20, 64 << 10), (18, 64 << 10), (77, 64 << 10)]
    {
        assert_eq!(kind(id, bytes_max), Ok(vec![]));
        let error = ChunkError::MessageTooLong { kind: MessageKind::from_id(id), bytes: bytes_max as usize + 1 };
        assert_eq!(kind(id, bytes_max + 1), Err(error));
    }
    let mut reader = ChunkReader::new();
    let wire = [full(6, 0, 4 << 20, 9), vec![1; 128]].concat();
    assert_eq!(reader.read(&mut wire.as_slice()), Ok(None));
    assert!(reader.streams.values().map(|s| s.payload.capacity()).sum::<usize>() <= 256);
    assert_eq!(reader.partial_bytes(), 128);
}

#[test]
fn partial_messages_have_bounds() {
    let open = |id: u8| [full(id, 0, 4 << 20, 9), vec![1; 128]].concat();
    let eight: Vec<u8> = (3..3 + PARTIALS_MAX as u8).flat_map(open).collect();
    assert_eq!(in_segments(&eight, eight.len()), Ok(vec![]));
    let nine = [eight, open(40)].concat();
    assert_eq!(in_segments(&nine, 7), Err(ChunkError::TooManyPartials));
    let mut reader = ChunkReader::new();
    let large = 0x7fff_ffff;
    assert_eq!(reader.read(&mut control(1, large).as_slice()), Ok(None));
    let bytes = (4 << 20) - 1;
    let piece = [full(3, 0, 4 << 20, 9), vec![1; bytes]].concat();
    assert_eq!(reader.read(&mut piece.as_slice()), Ok(None));
    assert_eq!(reader.partial_bytes(), bytes);
}

#[test]
fn chunk_streams_have_a_bound() {
    let head = |id: usize| [&[0, id as u8][..], &full(0, 0, 1, 8)[1..], &[0]].concat();
    let wire: Vec<u8> = (0..CHUNK_STREAMS_MAX).flat_map(head).collect();
    assert_eq!(in_segments(&wire, 1460).map(|m| m.len()), Ok(CHUNK_STREAMS_MAX));
    let wire = [wire, head(CHUNK_STREAMS_MAX)].concat();
    assert_eq!(in_segments(&wire, 1460), Err(ChunkError::TooManyChunkStreams));
}

#[test]
fn the_bytes_of_partials_are_counted_to_the_end() {
    let mut reader = ChunkReader::new();
    let wire = [full(6, 0, 200, 9), vec![1; 128], full(5, 0, 200, 9), vec![1; 128], control(2, 5), vec![0xc6]].concat();
    assert_eq!(reader.read(&mut wire.as_slice()), Ok(None));
    assert_eq!((reader.partials, reader.partial_bytes), (1, 128));
    assert!(reader.read(&mut [1; 72].as_slice()).is_ok_and(|m| m.is_some()));
    assert_eq!((reader.partials, reader.partial_bytes), (0, 0));
}
