//! RTMP and FLV.

use super::{Seed, built};
use carillon_proto::amf0::{self, Value};
use carillon_proto::rtmp::handshake::{ClientHandshake, Schema};

pub(crate) fn seeds() -> Vec<Seed> {
    [amf0_seeds(), handshake_seeds(), chunk_seeds(), message_seeds()].concat()
}

/// A head of type 0 on chunk stream `id`.
fn head(id: u8, time: u32, length: u32, kind: u8) -> Vec<u8> {
    built(|out| {
        out.push(id);
        out.extend(&time.min(0x00ff_ffff).to_be_bytes()[1..]);
        out.extend(&length.to_be_bytes()[1..]);
        out.extend([kind, 1, 0, 0, 0]);
        if time >= 0x00ff_ffff {
            out.extend(time.to_be_bytes());
        }
    })
}

fn set_chunk_size(bytes: u32) -> Vec<u8> {
    [head(2, 0, 4, 1), bytes.to_be_bytes().to_vec()].concat()
}

fn chunk_seeds() -> Vec<Seed> {
    let open = |id: u8, length: u32| [head(id, 0, length, 9), vec![id; 128]].concat();
    let late: u32 = 0x0131_2d00;
    let extended = |next: &[u8]| {
        let next = [&[0xc6], next].concat();
        [head(6, late, 300, 9), vec![5; 128], next.clone(), vec![6; 128], next, vec![7; 44]].concat()
    };
    let streams = |count: usize| -> Vec<u8> {
        (0..count).flat_map(|id| [&[0, id as u8], &head(0, 0, 0x00ff_ffff, 20)[1..]].concat()).collect()
    };
    let empties: Vec<u8> = (0..65).flat_map(|id| [&[0, id], &head(0, 0, 0, 8)[1..]].concat()).collect();
    let starts = [head(4, 100, 1, 8), vec![0, 0x44, 0, 0, 20, 0, 0, 1, 8, 1, 0xc4, 2, 0x84, 0, 0, 9, 3, 0xc4, 4]];
    vec![
        ("rtmp_chunk", "abort", [open(6, 300), head(2, 0, 4, 2), vec![0, 0, 0, 6, 0xc6], vec![1; 128]].concat()),
        ("rtmp_chunk", "aggregate_of_4_mib", [head(6, 0, 4 << 20, 22), vec![9; 300]].concat()),
        ("rtmp_chunk", "chunk_size_0", set_chunk_size(0)),
        ("rtmp_chunk", "chunk_size_1", [set_chunk_size(1), head(6, 0, 3, 9), vec![1, 0xc6, 2, 0xc6, 3]].concat()),
        ("rtmp_chunk", "chunk_size_2_31", set_chunk_size(0x8000_0000)),
        ("rtmp_chunk", "chunk_size_all_ones", set_chunk_size(u32::MAX)),
        ("rtmp_chunk", "chunk_size_largest", [set_chunk_size(0x7fff_ffff), head(6, 0, 999, 9), vec![1; 999]].concat()),
        (
            "rtmp_chunk",
            "delta_extended",
            [head(4, 0, 1, 8), vec![0, 0x44, 255, 255, 255, 0, 0, 1, 8, 1, 49, 45, 0, 7]].concat(),
        ),
        ("rtmp_chunk", "empty_messages_on_65_streams", empties),
        ("rtmp_chunk", "extended_absent", extended(&[])),
        ("rtmp_chunk", "extended_different", extended(&[1, 0x31, 0x2e, 0])),
        ("rtmp_chunk", "extended_repeated", extended(&late.to_be_bytes())),
        (
            "rtmp_chunk",
            "interleaved",
            [open(6, 300), head(4, 9, 2, 8), vec![1; 2], vec![0xc6], vec![2; 128], vec![0xc6], vec![3; 44]].concat(),
        ),
        ("rtmp_chunk", "nine_open", (3..12).flat_map(|id| open(id, 1000)).collect()),
        ("rtmp_chunk", "sixteen_mb_on_64_streams", streams(64)),
        (
            "rtmp_chunk",
            "time_wraps",
            [head(4, u32::MAX, 1, 8), vec![0, 0x44, 0, 0, 20, 0, 0, 1, 8, 1, 0xc4, 2]].concat(),
        ),
        ("rtmp_chunk", "type_0_inside_a_message", [open(6, 300), open(6, 130), vec![0xc6, 1, 1]].concat()),
        ("rtmp_chunk", "type_1_first", vec![0x42, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 1]),
        ("rtmp_chunk", "type_3_first", vec![0xc6, 0, 0, 0]),
        ("rtmp_chunk", "type_3_starts", starts.concat()),
    ]
}

fn amf0_seeds() -> Vec<Seed> {
    let connect = Value::object([
        ("app", "live".into()),
        ("tcUrl", "rtmp://127.0.0.1/live".into()),
        ("capabilities", 239.0.into()),
        ("fourCcList", Value::StrictArray(vec!["av01".into(), "Opus".into()])),
        ("videoFourCcInfoMap", Value::object([("*", 4.0.into())])),
        ("fpad", false.into()),
    ]);
    let command = built(|out| amf0::write_all(&["connect".into(), 1.0.into(), connect], out));
    let metadata = Value::EcmaArray(vec![
        ("duration".to_owned(), 0.0.into()),
        ("width".to_owned(), 1280.0.into()),
        ("encoder".to_owned(), "Lavf".into()),
        ("at".to_owned(), Value::Date(1e12)),
    ]);
    let data = built(|out| amf0::write_all(&["@setDataFrame".into(), "onMetaData".into(), metadata], out));
    let every = [f64::NAN.into(), f64::INFINITY.into(), Value::Null, Value::Undefined, true.into(), "é".into()];
    vec![
        ("amf0", "array_count_lies", vec![0x0a, 0xff, 0xff, 0xff, 0xff]),
        ("amf0", "command", command.clone()),
        ("amf0", "command_cut", command[..command.len() - 9].to_vec()),
        ("amf0", "data", data.clone()),
        ("amf0", "depth_bomb_arrays", [0x0a, 0, 0, 0, 1].repeat(600)),
        ("amf0", "depth_bomb_objects", [0x03, 0, 1, b'a'].repeat(900)),
        ("amf0", "ecma_array_without_end", data[..data.len() - 3].to_vec()),
        ("amf0", "every_value", built(|out| amf0::write_all(&every, out))),
        ("amf0", "element_flood", vec![0x05; 2000]),
        ("amf0", "long_string", [&[0x0c, 0, 0, 0x0f, 0][..], &[b'x'; 0x0f00]].concat()),
        ("amf0", "long_string_lies", vec![0x0c, 0xff, 0xff, 0xff, 0xff, b'x']),
        ("amf0", "name_too_long", [&[0x03, 4, 1][..], &[b'x'; 1025], &[5, 0, 0, 9]].concat()),
        ("amf0", "not_utf8", [&[0x03, 0, 2, 0xff, 0xfe, 0x02, 0, 2, 0xc3, 0x28, 0, 0, 9][..]].concat()),
        ("amf0", "reference", vec![0x03, 0, 1, b'a', 0x07, 0, 0, 0, 0, 9]),
        ("amf0", "string_65535_cut", [&[0x02, 0xff, 0xff][..], &[b'x'; 100]].concat()),
        ("amf0", "switch_to_amf3", vec![0x11, 0x0a, 0x0b, 1]),
        ("amf0", "typed_object", [&[0x10, 0, 1, b'C', 0, 1, b'a', 5, 0, 0, 9][..]].concat()),
    ]
}

/// One part of an aggregate.
fn part(kind: u8, time: u32, payload: &[u8]) -> Vec<u8> {
    let bytes = payload.len() as u32;
    let time = time.to_be_bytes();
    let head = [&[kind], &bytes.to_be_bytes()[1..], &time[1..], &time[..1], &[0; 3]].concat();
    [&head, payload, &(bytes + 11).to_be_bytes()].concat()
}

fn message_seeds() -> Vec<Seed> {
    let named = |name: &str| [&[2, 0, name.len() as u8], name.as_bytes()].concat();
    let amf0 = |values: &[Value]| built(|out| amf0::write_all(values, out));
    let info = Value::object([("Opus", 7.0.into()), ("*", 4.0.into())]);
    let connect = Value::object([
        ("app", "live".into()),
        ("fourCcList", Value::StrictArray(vec!["*".into(), "av01".into(), 1.0.into()])),
        ("videoFourCcInfoMap", info.clone()),
        ("audioFourCcInfoMap", info),
        ("capsEx", f64::INFINITY.into()),
    ]);
    let publish = amf0(&["publish".into(), 5.0.into(), Value::Null, "/../a?token=x".into(), "live".into()]);
    let data = amf0(&["@setDataFrame".into(), "onMetaData".into(), Value::EcmaArray(vec![])]);
    let media = [part(8, 7000, &[0xaf, 1, 2]), part(9, 7021, &[0x27, 1, 0, 0, 0]), part(18, 7021, &data)].concat();
    let of = |kind: u8, payload: &[u8]| [&[kind], payload].concat();
    let mut lies = of(22, &media);
    lies[2] = 0xff;
    vec![
        ("rtmp_message", "acknowledgement", of(3, &[0xff; 4])),
        ("rtmp_message", "aggregate", of(22, &media)),
        ("rtmp_message", "aggregate_in_aggregate", of(22, &part(22, 0, &media))),
        ("rtmp_message", "aggregate_length_lies", lies),
        ("rtmp_message", "amf3_switch_inside", of(17, &[0, 0x11, 0x0a, 0x0b])),
        ("rtmp_message", "amf3_wrapped", of(17, &[&[0], &publish[..]].concat())),
        ("rtmp_message", "bandwidth", of(6, &[0, 1, 0, 0, 2])),
        ("rtmp_message", "bandwidth_without_limit", of(6, &[0, 1, 0, 0])),
        ("rtmp_message", "command_named_only", of(20, &named("hi"))),
        ("rtmp_message", "command_nameless", of(20, &[5, 5, 5])),
        ("rtmp_message", "connect_enhanced", of(20, &amf0(&["connect".into(), 1.0.into(), connect]))),
        ("rtmp_message", "data", of(18, &data)),
        ("rtmp_message", "empty_audio", of(8, &[])),
        ("rtmp_message", "empty_command", of(20, &[])),
        ("rtmp_message", "ping", of(4, &[0, 6, 0, 0, 0, 9])),
        ("rtmp_message", "publish", of(20, &publish)),
        ("rtmp_message", "set_buffer_length", of(4, &[0, 3, 0, 0, 0, 1, 0, 0, 0x0b, 0xb8])),
        ("rtmp_message", "set_buffer_length_cut", of(4, &[0, 3, 0, 0, 0, 1, 0, 0])),
        ("rtmp_message", "transaction_nan", of(20, &amf0(&["call".into(), f64::NAN.into()]))),
    ]
}

fn handshake_seeds() -> Vec<Seed> {
    let hello = |schema: Option<Schema>| {
        built(|out| {
            ClientHandshake::new(7, schema, out);
        })
    };
    let digest = hello(Some(Schema::DigestFirst));
    let mut wrong = digest.clone();
    wrong[1000] ^= 1;
    let glued = [hello(None), vec![0xaa; 1536], vec![2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 16, 0]].concat();
    vec![
        ("rtmp_handshake", "cut", hello(None)[..1536].to_vec()),
        ("rtmp_handshake", "digest_first", digest),
        ("rtmp_handshake", "digest_wrong", wrong),
        ("rtmp_handshake", "http", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("rtmp_handshake", "key_first", hello(Some(Schema::KeyFirst))),
        ("rtmp_handshake", "plain_glued_to_chunks", glued),
        ("rtmp_handshake", "rtmpe", vec![6; 1537]),
    ]
}
