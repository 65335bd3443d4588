use super::*;

fn read(bytes: &[u8]) -> Parsed<Vec<Value>> {
    read_all(bytes)
}

fn written(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    value.write(&mut out);
    out
}

#[test]
fn a_connect_of_a_real_client_is_read() {
    let mut bytes = vec![STRING, 0, 7];
    bytes.extend(b"connect");
    bytes.extend([NUMBER, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, OBJECT, 0, 3]);
    bytes.extend(b"app");
    bytes.extend([STRING, 0, 4]);
    bytes.extend(b"live");
    bytes.extend([0, 0, OBJECT_END]);
    let values = read(&bytes).expect("a command");
    assert_eq!(values[0].as_str(), Some("connect"));
    assert_eq!(values[1].as_number(), Some(1.0));
    assert_eq!(values[2].get("app").and_then(Value::as_str), Some("live"));
    assert_eq!(values[2].get("tcUrl"), None);
    let mut out = Vec::new();
    write_all(&values, &mut out);
    assert_eq!(out, bytes);
}

#[test]
fn every_value_comes_back() {
    let values = [
        Value::Number(-0.5),
        Value::Number(f64::INFINITY),
        Value::Boolean(true),
        Value::String("Zürich".to_owned()),
        Value::String("x".repeat(STRING_BYTES_MAX)),
        Value::object([("a", Value::Null), ("", Value::Undefined), ("a", true.into())]),
        Value::EcmaArray(vec![("width".to_owned(), 1280.0.into())]),
        Value::StrictArray(vec![Value::StrictArray(vec![]), "x".into()]),
        Value::Date(1e12),
        Value::Null,
        Value::Undefined,
    ];
    for value in &values {
        assert_eq!(read(&written(value)).as_deref(), Ok(std::slice::from_ref(value)));
    }
    let nan = read(&written(&f64::NAN.into())).expect("a number");
    assert!(nan[0].as_number().is_some_and(f64::is_nan));
}

#[test]
fn nesting_ends_at_the_bound() {
    for (marker, head) in
        [(OBJECT, &[0u8, 1, b'a'][..]), (STRICT_ARRAY, &[0, 0, 0, 1]), (ECMA_ARRAY, &[0, 0, 0, 1, 0, 0])]
    {
        let nested = |depth: usize| {
            let mut bytes = [&[marker], head].concat().repeat(depth);
            bytes.push(NULL);
            read(&bytes)
        };
        assert!(nested(DEPTH_MAX).is_ok(), "{marker:x}");
        assert_eq!(nested(DEPTH_MAX + 1), Err(Malformed::TooMany), "{marker:x}");
        assert_eq!(nested(1_000_000), Err(Malformed::TooMany), "{marker:x}");
    }
}

#[test]
fn elements_end_at_the_bound() {
    assert_eq!(read(&vec![NULL; ELEMENTS_MAX]).map(|v| v.len()), Ok(ELEMENTS_MAX));
    assert_eq!(read(&vec![NULL; ELEMENTS_MAX + 1]), Err(Malformed::TooMany));
    let mut array = vec![STRICT_ARRAY];
    array.extend((ELEMENTS_MAX as u32).to_be_bytes());
    array.extend(vec![NULL; ELEMENTS_MAX]);
    assert_eq!(read(&array), Err(Malformed::TooMany), "the array counts too");
    assert_eq!(read(&[STRICT_ARRAY, 0xff, 0xff, 0xff, 0xff]), Err(Malformed::TooMany));
    let property = [0, 1, b'x', NULL];
    let object = [&[OBJECT][..], &property.repeat(ELEMENTS_MAX)].concat();
    assert_eq!(read(&object), Err(Malformed::TooMany));
}

#[test]
fn the_count_of_an_ecma_array_is_a_hint() {
    let body = [0, 1, b'w', BOOLEAN, 1, 0, 0, OBJECT_END];
    for count in [[0, 0, 0, 0], [0, 0, 0, 1], [0xff, 0xff, 0xff, 0xff]] {
        let bytes = [&[ECMA_ARRAY], &count[..], &body].concat();
        let want = Value::EcmaArray(vec![("w".to_owned(), true.into())]);
        assert_eq!(read(&bytes), Ok(vec![want.clone()]));
        assert_eq!(read(&bytes[..bytes.len() - 3]), Ok(vec![want]), "the end marker forgotten");
    }
}

#[test]
fn what_is_no_utf8_is_read_with_replacements() {
    assert_eq!(read(&[STRING, 0, 3, b'a', 0xff, b'b']), Ok(vec!["a\u{fffd}b".into()]));
}

#[test]
fn strings_and_names_have_bounds() {
    let mut long = vec![LONG_STRING];
    long.extend((STRING_BYTES_MAX as u32 + 1).to_be_bytes());
    long.extend(vec![b'x'; STRING_BYTES_MAX + 1]);
    assert_eq!(read(&long), Err(Malformed::TooMany));
    assert_eq!(read(&[LONG_STRING, 0xff, 0xff, 0xff, 0xff]), Err(Malformed::TooMany));
    let mut named = vec![OBJECT];
    named.extend((NAME_BYTES_MAX as u16 + 1).to_be_bytes());
    named.extend(vec![b'x'; NAME_BYTES_MAX + 1]);
    assert_eq!(read(&named), Err(Malformed::TooMany));
}

#[test]
fn references_movie_clips_and_amf3_are_refused() {
    for marker in [0x04, 0x07, 0x09, 0x0e, 0x11, 0x12, 0xff] {
        assert_eq!(read(&[marker, 0, 1]), Err(Malformed::Value), "{marker:x}");
    }
}

#[test]
fn a_typed_object_loses_its_class_and_a_date_its_zone() {
    let bytes =
        [&[TYPED_OBJECT, 0, 1, b'C', 0, 1, b'a', NULL, 0, 0, OBJECT_END][..], &[DATE], &[0; 8], &[0xff, 0xff]].concat();
    assert_eq!(read(&bytes), Ok(vec![Value::object([("a", Value::Null)]), Value::Date(0.0)]));
}

#[test]
fn a_cut_is_an_error_at_every_byte_but_between_values() {
    let value = Value::StrictArray(vec![1.0.into(), "text".into(), true.into(), Value::Date(7.0)]);
    let bytes = written(&value);
    for end in 1..bytes.len() {
        assert_eq!(read(&bytes[..end]), Err(Malformed::Truncated), "{end}");
    }
}
