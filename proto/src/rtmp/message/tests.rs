use super::*;

fn message(kind: MessageKind, payload: &[u8]) -> Message {
    Message { kind, stream: 1, timestamp: 1000, payload: Bytes::copy_from_slice(payload) }
}

/// One part of an aggregate.
fn part(kind: u8, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend(&timestamp.to_be_bytes()[1..]);
    out.extend([(timestamp >> 24) as u8, 0, 0, 0]);
    out.extend(payload);
    out.extend((payload.len() as u32 + 11).to_be_bytes());
    out
}

#[test]
fn a_command_comes_back_bare_and_wrapped() {
    let command = Command::call("publish", 5.0, vec!["name?token=x".into(), "live".into()]);
    let bare = command.to_message(1);
    assert_eq!(Body::read(&bare), Ok(Body::Command(command.clone())));
    let wrapped = message(MessageKind::CommandAmf3, &[&[0], &bare.payload[..]].concat());
    assert_eq!(Body::read(&wrapped), Ok(Body::Command(command.clone())));
    let unwrapped = message(MessageKind::CommandAmf3, &bare.payload);
    assert_eq!(Body::read(&unwrapped), Ok(Body::Command(command.clone())));
    assert_eq!((command.text(0), command.text(1), command.text(2)), (Some("name?token=x"), Some("live"), None));
    assert_eq!(Command::call("deleteStream", 0.0, vec![1.0.into()]).number(0), Some(1.0));
}

#[test]
fn a_command_may_end_early_but_has_a_name() {
    let read = |payload: &[u8]| Command::read(payload);
    let named = [&[2, 0, 2][..], b"hi"].concat();
    let want = Command { name: "hi".to_owned(), transaction: 0.0, object: Value::Null, arguments: vec![] };
    assert_eq!(read(&named), Ok(want));
    assert_eq!(read(&[]), Err(Malformed::Value));
    assert_eq!(read(&[5]), Err(Malformed::Value));
    assert_eq!(read(&named[..4]), Err(Malformed::Truncated));
}

#[test]
fn a_status_tells_level_code_and_description() {
    let refused = Command::status(Status::PublishBadName, "in use");
    assert_eq!((refused.name.as_str(), refused.transaction), ("onStatus", 0.0));
    let information = &refused.arguments[0];
    assert_eq!(information.get("level"), Some(&"error".into()));
    assert_eq!(information.get("code"), Some(&"NetStream.Publish.BadName".into()));
    assert_eq!(information.get("description"), Some(&"in use".into()));
    assert_eq!(Status::PlayStart.information("").get("level"), Some(&"status".into()));
}

#[test]
fn metadata_is_found_with_and_without_its_wrapper() {
    let value = Value::EcmaArray(vec![("width".to_owned(), 1280.0.into())]);
    let plain = Data { name: "onMetaData".to_owned(), values: vec![value] };
    let mut wrapped = Vec::new();
    Value::from("@setDataFrame").write(&mut wrapped);
    wrapped.extend(plain.to_bytes());
    for payload in [wrapped, plain.to_bytes()] {
        assert_eq!(Body::read(&message(MessageKind::Data, &payload)), Ok(Body::Data(plain.clone())));
    }
    assert_eq!(Data::read(&[5]), Err(Malformed::Value));
}

#[test]
fn media_shares_the_bytes_of_its_message() {
    let video = message(MessageKind::Video, &[0x17, 1, 0, 0, 0]);
    let Ok(Body::Video(payload)) = Body::read(&video) else { panic!("video") };
    assert_eq!(payload.as_ptr(), video.payload.as_ptr());
    assert_eq!(Body::read(&message(MessageKind::Audio, &[])), Ok(Body::Audio(Bytes::new())));
}

#[test]
fn what_has_no_use_is_ignored_unread() {
    for kind in [15, 16, 19, 0, 7, 99] {
        assert_eq!(Body::read(&message(MessageKind::from_id(kind), &[0xff; 9])), Ok(Body::Ignored), "{kind}");
    }
}

#[test]
fn kinds_and_ids_are_one_to_one() {
    for id in 0..=255 {
        assert_eq!(MessageKind::from_id(id).id(), id);
    }
}

#[test]
fn an_aggregate_is_split_and_its_clock_moved() {
    for start in [0, 5000, 0xff00_0000] {
        let mut payload = [part(8, start, &[1]), part(9, start + 21, &[2, 2]), part(8, start + 42, &[])].concat();
        for _ in 0..2 {
            let parts: Vec<_> =
                split_aggregate(&message(MessageKind::Aggregate, &payload)).map(Result::unwrap).collect();
            let seen: Vec<_> = parts.iter().map(|p| (p.kind.id(), p.stream, p.timestamp, p.payload.len())).collect();
            assert_eq!(seen, [(8, 1, 1000, 1), (9, 1, 1021, 2), (8, 1, 1042, 0)]);
            payload.truncate(payload.len() - 4);
        }
    }
}

#[test]
fn a_malformed_aggregate_ends_at_its_first_error() {
    let split = |payload: &[u8]| split_aggregate(&message(MessageKind::Aggregate, payload)).collect::<Vec<_>>();
    let nested = [part(8, 0, &[1]), part(22, 0, &part(8, 0, &[1])), part(8, 0, &[1])].concat();
    let errors: Vec<_> = split(&nested).into_iter().map(|part| part.map(|_| ())).collect();
    assert_eq!(errors, [Ok(()), Err(Malformed::Value)]);
    let mut lies = part(9, 0, &[1]);
    lies[3] = 200;
    assert_eq!(split(&lies), [Err(Malformed::Truncated)]);
    assert_eq!(split(&[9, 0]), [Err(Malformed::Truncated)]);
    assert_eq!(split(&[]), []);
}
