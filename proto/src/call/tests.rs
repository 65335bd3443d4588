use super::*;
use crate::gateway::MediaType;
use crate::id::{CallId, GroupId, InviteId, RoomId, UserId};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn envelope(action: u8, data: &str) -> String {
    json!({"businessID": 1, "inviteID": "9b0d6a52-1c1e-4f7a-8a55-0d2f3b6c7e10", "inviter": "amy", "actionType": action,
        "inviteeList": ["ben"], "data": data, "timeout": if action == 1 { 30 } else { 0 }, "groupID": ""})
    .to_string()
}

fn parse(action: u8, data: &str) -> CallData {
    Signal::parse(&envelope(action, data)).unwrap().data
}

const WX_INVITE: &str = r#"{"extInfo":"{\"k\":1}","version":4,"call_type":2,"room_id":52011,"businessID":"av_call","platform":"MiniApp","data":{"cmd":"videoCall","room_id":52011,"message":""}}"#;
const WX_ACCEPT: &str = r#"{"extInfo":"","version":4,"call_type":2,"businessID":"av_call","platform":"MiniApp","data":{"cmd":"videoCall","message":""}}"#;
const WX_BUSY: &str = r#"{"extInfo":"","version":4,"line_busy":"line_busy","businessID":"av_call","platform":"MiniApp","data":{"message":"lineBusy"}}"#;
const WX_HANG_UP: &str = r#"{"extInfo":"","version":4,"call_type":2,"call_end":37,"businessID":"av_call","platform":"MiniApp","data":{"cmd":"hangup","message":""}}"#;
const WX_SWITCH: &str = r#"{"extInfo":"","version":4,"call_type":2,"room_id":52011,"switch_to_audio_call":"switch_to_audio_call","businessID":"av_call","platform":"MiniApp","data":{"cmd":"switchToAudio","room_id":52011,"message":""}}"#;
const WX_SWITCH_OK: &str = r#"{"extInfo":"","version":4,"call_type":2,"switch_to_audio_call":"switch_to_audio_call","businessID":"av_call","platform":"MiniApp","data":{"cmd":"switchToAudio","message":""}}"#;
const WEB_INVITE: &str = r#"{"userData":"","version":4,"call_type":2,"room_id":52011,"businessID":"av_call","platform":"Web","data":{"cmd":"videoCall","room_id":52011,"str_room_id":"","inviter":"amy","message":"","userIDs":["ben"],"excludeFromHistoryMessage":true}}"#;
const WEB_BUSY: &str = r#"{"userData":"","version":4,"call_type":2,"line_busy":"line_busy","businessID":"av_call","platform":"Web","data":{"cmd":"videoCall","inviter":"zoe","message":"lineBusy"}}"#;
const WEB_GROUP_INVITE: &str = r#"{"userData":"","version":4,"call_type":2,"room_id":52011,"businessID":"av_call","platform":"Web","data":{"cmd":"videoCall","room_id":52011,"str_room_id":"","inviter":"amy","message":"","initialCallId":""}}"#;
const WEB_HANG_UP: &str = r#"{"userData":"","version":4,"call_type":2,"call_end":37,"businessID":"av_call","platform":"Web","data":{"cmd":"hangup","inviter":"amy","message":""}}"#;
const WEB_INVITE_USER: &str = r#"{"userData":"","version":4,"call_type":2,"room_id":52011,"inCallUserIDs":["ben"],"businessID":"av_call","platform":"Web","data":{"cmd":"videoCall","room_id":52011,"str_room_id":"","inviter":"amy","message":"","initialCallId":"9b0d6a52-1c1e-4f7a-8a55-0d2f3b6c7e10"}}"#;

#[test]
fn envelope_is_read() {
    let text = r#"{"businessID":1,"inviteID":"9b0d6a52-1c1e-4f7a-8a55-0d2f3b6c7e10","inviter":"amy","actionType":1,
        "inviteeList":["ben","cat"],"data":"{\"businessID\":\"av_call\"}","timeout":30,"groupID":"team"}"#;
    let signal = Signal::parse(text).unwrap();
    assert_eq!(signal.envelope.invite, InviteId::new("9b0d6a52-1c1e-4f7a-8a55-0d2f3b6c7e10").unwrap());
    assert_eq!(signal.envelope.inviter, user("amy"));
    assert_eq!(signal.envelope.invitees, [user("ben"), user("cat")]);
    assert_eq!(signal.envelope.action, Action::Invite);
    assert_eq!(signal.envelope.timeout, Timeout(30));
    assert_eq!(signal.envelope.group, GroupId::new("team"));
    assert_eq!(signal.data, CallData::default());
}

#[test]
fn both_engines_calls_are_read() {
    let room = Some(RoomId::Number(52011));
    for data in [WX_INVITE, WEB_INVITE, WEB_GROUP_INVITE, WEB_INVITE_USER] {
        let data = parse(1, data);
        assert_eq!(data.meaning(), Meaning::Call);
        assert_eq!(data.media, Some(MediaType::Video));
        assert_eq!(data.room, room);
        assert!(!data.line_busy && !data.consumed);
    }
    assert_eq!(parse(1, WX_INVITE).user_data, "{\"k\":1}");
    assert!(parse(1, WEB_INVITE).exclude_from_history);
    assert_eq!(parse(1, WEB_GROUP_INVITE).initial_call, None);
    let more = parse(1, WEB_INVITE_USER);
    assert_eq!(more.initial_call, CallId::new("9b0d6a52-1c1e-4f7a-8a55-0d2f3b6c7e10"));
    assert_eq!(more.in_call, [user("ben")]);
}

#[test]
fn answers_are_read_without_a_room() {
    for action in [2, 3, 4] {
        let data = parse(action, WX_ACCEPT);
        assert_eq!((data.meaning(), data.room, data.line_busy), (Meaning::Call, None, false));
    }
}

#[test]
fn busy_is_said_in_three_ways() {
    assert_eq!(parse(4, WX_BUSY).media, None);
    let empty = r#"{"line_busy":"","businessID":"av_call","data":{"message":""}}"#;
    let message = r#"{"businessID":"av_call","data":{"message":"lineBusy"}}"#;
    for data in [WX_BUSY, WEB_BUSY, empty, message] {
        assert!(parse(4, data).line_busy, "{data}");
    }
    assert!(!parse(4, WX_ACCEPT).line_busy);
}

#[test]
fn hang_up_and_switch_are_no_calls() {
    for data in [WX_HANG_UP, WEB_HANG_UP] {
        let data = parse(1, data);
        assert_eq!((data.meaning(), data.call_end), (Meaning::HangUp, Some(37)));
    }
    for data in [WX_SWITCH, WX_SWITCH_OK] {
        assert_eq!(parse(1, data).meaning(), Meaning::Switch(MediaType::Audio));
    }
    let marker_only = r#"{"businessID":"av_call","switch_to_audio_call":"switch_to_audio_call","call_type":2}"#;
    assert_eq!(parse(1, marker_only).meaning(), Meaning::Switch(MediaType::Audio));
    let to_video = r#"{"businessID":"av_call","data":{"cmd":"switchToVideo"}}"#;
    assert_eq!(parse(1, to_video).meaning(), Meaning::Switch(MediaType::Video));
}

#[test]
fn zero_seconds_are_no_hang_up() {
    let wasm = r#"{"version":4,"call_type":1,"call_end":0,"room_id":7,"businessID":"av_call","platform":"Linux","data":{"cmd":"audioCall"}}"#;
    let data = parse(1, wasm);
    assert_eq!((data.meaning(), data.media, data.platform.as_str()), (Meaning::Call, Some(MediaType::Audio), "Linux"));
    let accept =
        r#"{"version":4,"call_type":1,"call_end":0,"businessID":"av_call","platform":"Linux","data":{"cmd":""}}"#;
    assert_eq!(parse(3, accept).meaning(), Meaning::Call);
}

#[test]
fn older_engines_fields_are_read_too() {
    let old = r#"{"extraInfo":"","version":4,"call_type":1,"room_id":9,"businessID":"av_call","platform":"MiniApp","data":{"cmd":"audioCall","room_id":9,"message":""}}"#;
    assert_eq!(parse(1, old).room, Some(RoomId::Number(9)));
    let consumed = WEB_INVITE.replace("\"userIDs\"", "\"consumed\":true,\"userIDs\"");
    assert!(parse(1, &consumed).consumed);
}

#[test]
fn room_is_found_in_either_place() {
    let table = [
        (r#""room_id":5,"data":{"room_id":6}"#, RoomId::number(5)),
        (r#""room_id":0,"data":{"room_id":6}"#, RoomId::number(6)),
        (r#""room_id":0,"data":{"room_id":0,"str_room_id":"a b"}"#, RoomId::text("a b")),
        (r#""str_room_id":"x","data":{}"#, RoomId::text("x")),
        (r#""room_id":4294967295,"data":{}"#, RoomId::number(4_294_967_295)),
        (r#""room_id":0,"data":{"str_room_id":""}"#, None),
        (r#""data":{}"#, None),
    ];
    for (fields, want) in table {
        assert_eq!(parse(1, &format!(r#"{{"businessID":"av_call",{fields}}}"#)).room, want, "{fields}");
    }
}

#[test]
fn other_messages_are_nobodys_fault() {
    let texts = ["", "hello", "[1]", "{}", r#"{"businessID":"av_call"}"#, r#"{"businessID":"text_link","x":1}"#];
    for text in texts {
        assert_eq!(Signal::parse(text), Err(Error::NotSignalling), "{text}");
    }
    for data in ["", "not json", "{}", r#"{"businessID":"live"}"#, r#"{"businessID":1}"#] {
        assert_eq!(Signal::parse(&envelope(1, data)), Err(Error::NotCall), "{data}");
    }
}

#[test]
fn wrong_forms_name_their_field() {
    let change = |key: &str, value: Value| {
        let mut json: Value = serde_json::from_str(&envelope(1, WX_INVITE)).unwrap();
        json[key] = value;
        Signal::parse(&json.to_string()).map(drop)
    };
    let table = [
        ("inviteID", json!(7)),
        ("inviteID", json!("")),
        ("inviteID", json!("x".repeat(65))),
        ("inviter", json!("a b")),
        ("actionType", json!(0)),
        ("actionType", json!(6)),
        ("actionType", json!("1")),
        ("inviteeList", json!("ben")),
        ("inviteeList", json!(["ben", 1])),
        ("timeout", json!("30")),
        ("groupID", json!("a/b")),
    ];
    for (key, value) in table {
        assert_eq!(change(key, value.clone()), Err(Error::Malformed(key)), "{key} {value}");
    }
    for data in [r#""call_type":3"#, r#""call_type":"1""#] {
        let text = envelope(1, &format!(r#"{{"businessID":"av_call",{data}}}"#));
        assert_eq!(Signal::parse(&text), Err(Error::Malformed("call_type")));
    }
    for data in [r#""room_id":-1"#, r#""room_id":4294967296"#, r#""room_id":"5""#, r#""room_id":1.5"#] {
        let text = envelope(1, &format!(r#"{{"businessID":"av_call",{data}}}"#));
        assert_eq!(Signal::parse(&text), Err(Error::Malformed("room_id")), "{data}");
    }
}

#[test]
fn lists_and_texts_have_bounds() {
    let many: Vec<String> = (0..=MAX_USERS).map(|n| format!("u{n}")).collect();
    let mut json: Value = serde_json::from_str(&envelope(1, WX_INVITE)).unwrap();
    json["inviteeList"] = json!(many);
    assert_eq!(Signal::parse(&json.to_string()), Err(Error::TooLarge));
    let deep = format!(r#"{{"businessID":"av_call","data":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    assert_eq!(Signal::parse(&envelope(1, &deep)), Err(Error::TooLarge));
    assert_eq!(Signal::parse(&envelope(1, &" ".repeat(MAX_TEXT))), Err(Error::TooLarge));
}

#[test]
fn ringing_time_is_clamped() {
    let table = [(0, 120), (1, 1), (30, 30), (120, 120), (121, 120), (-1, 1), (i64::MAX, 120), (i64::MIN, 1)];
    for (seconds, want) in table {
        assert_eq!(Timeout(seconds).ring(), Duration::from_secs(want), "{seconds}");
    }
    let mut json: Value = serde_json::from_str(&envelope(1, WX_INVITE)).unwrap();
    json["timeout"] = json!(1e300);
    assert_eq!(Signal::parse(&json.to_string()).unwrap().envelope.timeout.ring(), Timeout::MAX);
}

#[test]
fn what_is_written_is_read_the_same() {
    let invite = InviteId::new("i1").unwrap();
    let (amy, ben) = (user("amy"), user("ben"));
    for room in [RoomId::Number(52011), RoomId::Text("lobby".into())] {
        let call = Signal::invite(
            invite.clone(),
            amy.clone(),
            vec![ben.clone()],
            GroupId::new("team"),
            MediaType::Video,
            room.clone(),
        );
        let mut all = vec![
            call.clone(),
            call.clone().adding_to(CallId::new("i0").unwrap(), vec![ben.clone()]),
            call.accept(ben.clone()),
            call.reject(ben.clone()),
            call.busy(ben.clone()),
            call.cancel(vec![ben.clone()]),
            call.time_out(vec![ben.clone()]),
            Signal::hang_up(invite.clone(), ben.clone(), vec![], None, MediaType::Video, 37),
            Signal::switch_to_audio(invite.clone(), ben.clone(), amy.clone(), room),
        ];
        for engine in [Engine::MiniApp, Engine::Web] {
            for signal in &mut all {
                signal.data.platform = if engine == Engine::Web { "Web" } else { "MiniApp" }.to_owned();
                let text = Writer::new(engine).write(signal);
                assert_eq!(Signal::parse(&text).as_ref(), Ok(&*signal), "{text}");
            }
        }
    }
}

#[test]
fn written_invite_has_all_eight_fields() {
    let call = Signal::invite(
        InviteId::new("i1").unwrap(),
        user("amy"),
        vec![user("ben")],
        None,
        MediaType::Audio,
        RoomId::Number(7),
    );
    let json: Value = serde_json::from_str(&Writer::new(Engine::MiniApp).write(&call)).unwrap();
    let data: Value = serde_json::from_str(json["data"].as_str().unwrap()).unwrap();
    assert_eq!(json.as_object().unwrap().len(), 8);
    assert_eq!((&json["timeout"], &json["groupID"], &json["actionType"]), (&json!(30), &json!(""), &json!(1)));
    assert_eq!(
        data,
        json!({"extInfo": "", "version": 4, "call_type": 1, "room_id": 7, "businessID": "av_call",
            "platform": "MiniApp", "data": {"cmd": "audioCall", "room_id": 7, "message": ""}})
    );
}

#[test]
fn corpus_is_survived() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/call");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        fuzz_call(&std::fs::read(entry.unwrap().path()).unwrap());
        seen += 1;
    }
    assert!(seen > 10, "only {seen} texts in the corpus");
}
