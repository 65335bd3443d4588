//! RTMP and FLV.

use super::{Seed, built};
use carillon_proto::amf0::{self, Value};

pub(crate) fn seeds() -> Vec<Seed> {
    amf0_seeds()
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
