use super::*;
use carillon_chat::{Mark, Store, Thread};
use carillon_proto::gateway::{CallResult, MediaType, Message, Peer, Profile};
use carillon_proto::id::{CallId, MessageId, RoomId};

const APP: AppId = AppId(1);
const OTHER: AppId = AppId(2);

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a valid name")
}

fn memory() -> SqliteStore {
    let connection = Connection::open_in_memory().expect("opens");
    SqliteStore::prepare(connection, vec![APP, OTHER], Retention::default()).expect("is made")
}

fn message(seq: u64, from: &str, to: &str) -> Message {
    let value = serde_json::json!({
        "id": format!("m{seq}"), "from": from, "to": {"user": to}, "kind": "text", "payload": {"text": "hi"},
        "seq": seq, "timeMs": 1000 + seq, "clientId": format!("c{seq}"),
    });
    serde_json::from_value(value).expect("a message")
}

fn record(call: &str, ended_ms: u64) -> CallRecord {
    CallRecord {
        call: CallId::new(call).expect("a call id"),
        room: RoomId::Number(7),
        group: None,
        media: MediaType::Video,
        caller: user("amy"),
        callees: vec![user("ben")],
        result: CallResult::NormalEnd,
        started_ms: 1,
        accepted_ms: Some(2),
        ended_ms,
    }
}

#[test]
fn what_was_committed_is_there_after_a_restart_and_what_was_not_is_gone() {
    let folder = std::env::temp_dir().join(format!("carillon-store-{}", std::process::id()));
    let open = || SqliteStore::open(&folder, vec![APP], Retention::default()).expect("opens");
    let mut store = open();
    store.begin().expect("begins");
    store.append(APP, &message(1, "amy", "ben")).expect("appends");
    store.save("call", Some("state"));
    store.add_record(APP, &record("x", 5));
    assert_eq!(store.commit(), Ok(true));
    store.begin().expect("begins");
    store.append(APP, &message(2, "amy", "ben")).expect("appends");
    drop(store);
    let store = open();
    let thread = Thread::between(&user("amy"), &user("ben"));
    let kept = store.messages(APP, &thread, 0, u64::MAX, 10).expect("reads");
    assert_eq!(kept, [message(1, "amy", "ben")]);
    assert_eq!(store.saved().expect("reads"), [("call".to_owned(), "state".to_owned())]);
    assert_eq!(store.records(APP, &user("ben"), None, 10).expect("reads").len(), 1);
    std::fs::remove_dir_all(&folder).expect("is removed");
}

#[test]
fn undone_command_leaves_nothing() {
    let mut store = memory();
    store.mark_command().expect("begins");
    let profile = Profile { user: user("amy"), nick: "A".into(), avatar: String::new() };
    store.put_profile(APP, &profile).expect("writes");
    store.undo_command().expect("undoes");
    assert_eq!(store.profile(APP, &user("amy")), Ok(None));
}

#[test]
fn apps_see_nothing_of_each_other() {
    let mut store = memory();
    store.append(APP, &message(1, "amy", "ben")).expect("appends");
    store.put_mark(APP, &user("amy"), &user("ben"), &Mark { read_seq: 1, listed: true, shown_ms: 5 }).expect("writes");
    store.add_record(APP, &record("x", 5));
    let thread = Thread::between(&user("amy"), &user("ben"));
    assert_eq!(store.thread(OTHER, &thread).expect("reads").last_seq, 0);
    assert_eq!(store.message(OTHER, &MessageId::new("m1").expect("an id")), Ok(None));
    assert_eq!(store.newest_marks(OTHER, &user("amy"), 10), Ok(Vec::new()));
    assert_eq!(store.records(OTHER, &user("amy"), None, 10), Ok(Vec::new()));
}

#[test]
fn pages_unread_and_repeated_client_ids() {
    let mut store = memory();
    for seq in 1..=5 {
        store.append(APP, &message(seq, "amy", "ben")).expect("appends");
    }
    let thread = Thread::between(&user("amy"), &user("ben"));
    let page = store.messages(APP, &thread, 2, 5, 2).expect("reads");
    assert_eq!(page.iter().map(|m| m.seq).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(store.unread(APP, &thread, &user("ben"), 1, 999), Ok(4));
    assert_eq!(store.unread(APP, &thread, &user("ben"), 1, 3), Ok(3));
    assert_eq!(store.unread(APP, &thread, &user("amy"), 0, 999), Ok(0));
    let again = Message { seq: 6, ..message(5, "amy", "ben") };
    assert!(store.append(APP, &again).is_err(), "one client id makes one message");
    assert!(store.append(APP, &message(9, "amy", "ben")).is_err(), "no hole in the numbers");
    assert!(matches!(store.message_at(APP, &thread, 5), Ok(Some(m)) if m.to == Peer::User(user("ben"))));
}

#[test]
fn newer_database_than_this_server_is_refused() {
    let connection = Connection::open_in_memory().expect("opens");
    connection.pragma_update(None, "user_version", 99).expect("sets");
    let refused = SqliteStore::prepare(connection, vec![APP], Retention::default());
    assert!(refused.is_err_and(|e| e.to_string().contains("version 99")));
}
