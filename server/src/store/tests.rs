//! What SQLite adds to the suite: what lasts, what is deleted when old, which databases are taken.

mod random;
mod suite;

use super::*;
use carillon_chat::{Store, Thread};
use carillon_config::chat::Chat as Config;
use carillon_proto::gateway::{CallResult, MediaType, Message, Peer};
use carillon_proto::id::{CallId, GroupId, RoomId};
use std::path::PathBuf;

const APP: AppId = AppId(1);
const OTHER: AppId = AppId(2);
const DAY_MS: u64 = 86_400_000;

fn user(name: &str) -> UserId {
    UserId::new(name).expect("a valid name")
}

fn group(name: &str) -> GroupId {
    GroupId::new(name).expect("a valid name")
}

fn prepare(connection: Connection, config: &Config) -> Result<SqliteStore, StoreError> {
    SqliteStore::prepare(connection, vec![APP, OTHER], Retention::from(config))
}

fn in_memory() -> SqliteStore {
    prepare(Connection::open_in_memory().expect("opens"), &Config::default()).expect("is made")
}

/// A database of its own for one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("carillon-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.0, vec![APP, OTHER], Retention::from(&Config::default())).expect("opens")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
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

fn calls(store: &SqliteStore, name: &str, before: Option<u64>, limit: u16) -> Vec<String> {
    let records = store.records(APP, &user(name), before, None, limit).expect("reads");
    records.into_iter().map(|r| r.call.as_str().to_owned()).collect()
}

#[test]
fn what_was_committed_is_there_after_a_restart_and_what_was_not_is_gone() {
    let folder = Folder::new("restart");
    let mut store = folder.open();
    store.begin().expect("begins");
    store.append(APP, &message(1, "amy", "ben")).expect("appends");
    store.save("call", Some("state"));
    store.add_record(APP, &record("x", 5));
    assert_eq!(store.commit(), Ok(true));
    store.begin().expect("begins");
    assert_eq!(store.commit(), Ok(false), "nothing was written");
    store.begin().expect("begins");
    store.append(APP, &message(2, "amy", "ben")).expect("appends");
    store.save("call", None);
    drop(store);
    let store = folder.open();
    let thread = Thread::between(&user("amy"), &user("ben"));
    assert_eq!(store.messages(APP, &thread, 0, u64::MAX, 10), Ok(vec![message(1, "amy", "ben")]));
    assert_eq!(store.saved().expect("reads"), [("call".to_owned(), "state".to_owned())]);
    assert_eq!(store.records(APP, &user("ben"), None, None, 10), Ok(vec![record("x", 5)]));
}

#[test]
fn saved_state_is_replaced_and_forgotten_by_its_key() {
    let mut store = in_memory();
    for (key, value) in [("seat/1", Some("a")), ("call/1/x", Some("b")), ("seat/1", Some("c")), ("call/1/x", None)] {
        store.save(key, value);
    }
    store.save("never", None);
    assert_eq!(store.saved(), Ok(vec![("seat/1".to_owned(), "c".to_owned())]));
}

#[test]
fn records_come_newest_first_in_pages_to_those_who_were_in_the_call() {
    let mut store = in_memory();
    for (call, ended) in [("a", 5), ("b", 9), ("c", 7)] {
        store.add_record(APP, &record(call, ended));
    }
    assert_eq!((calls(&store, "ben", None, 9), calls(&store, "amy", None, 2)), (named("bca"), named("bc")));
    assert_eq!((calls(&store, "amy", Some(7), 9), calls(&store, "cat", None, 9)), (named("a"), named("")));
    assert_eq!(store.records(OTHER, &user("amy"), None, None, 9), Ok(Vec::new()));
}

#[test]
fn records_of_one_millisecond_are_told_apart_over_pages() {
    let mut store = in_memory();
    for call in ["a", "b", "c", "d", "e"] {
        store.add_record(APP, &record(call, 7));
    }
    let (mut seen, mut last) = (Vec::new(), None::<CallRecord>);
    loop {
        let before = last.as_ref().map(|r| (r.ended_ms, &r.call));
        let page = store.records(APP, &user("amy"), before.map(|b| b.0), before.map(|b| b.1), 2).expect("reads");
        let Some(end) = page.last() else { break };
        seen.extend(page.iter().map(|r| r.call.as_str().to_owned()));
        last = Some(end.clone());
    }
    assert_eq!(seen, named("edcba"));
}

fn named(calls: &str) -> Vec<String> {
    calls.chars().map(String::from).collect()
}

#[test]
fn the_id_of_anothers_call_shows_nothing_of_it() {
    let mut store = in_memory();
    store.add_record(APP, &record("a", 5));
    store.add_record(APP, &CallRecord { caller: user("eve"), callees: vec![user("dan")], ..record("a", 6) });
    assert_eq!((calls(&store, "eve", None, 9), calls(&store, "dan", None, 9)), (named(""), named("")));
    assert_eq!(store.records(APP, &user("amy"), None, None, 9), Ok(vec![record("a", 5)]));
}

#[test]
fn what_is_older_than_is_kept_goes_piece_by_piece() {
    let config = Config { message_days: 2, record_days: 1, expire_rows_max: 2, ..Config::default() };
    let mut store = prepare(Connection::open_in_memory().expect("opens"), &config).expect("is made");
    for n in 1..=4 {
        store.append(APP, &Message { time_ms: n * DAY_MS, ..message(n, "amy", "ben") }).expect("appends");
        store.add_record(APP, &record(&n.to_string(), n * DAY_MS));
    }
    let thread = Thread::between(&user("amy"), &user("ben"));
    let left = |store: &SqliteStore| {
        let messages = store.messages(APP, &thread, 0, 9, 9).expect("reads");
        (messages.into_iter().map(|m| m.seq).collect::<Vec<_>>(), calls(store, "ben", None, 9))
    };
    let now = UnixMillis(5 * DAY_MS);
    store.delete_old(now);
    assert_eq!(left(&store), (vec![3, 4], named("43")), "two rows of each in one round, the oldest");
    store.delete_old(now.plus(CLEAN_EVERY - Duration::from_millis(1)));
    assert_eq!(left(&store).1, named("43"), "not so soon again");
    store.delete_old(now.plus(CLEAN_EVERY));
    assert_eq!(left(&store), (vec![4], named("")), "the rest in the next");
    let rows: i64 = store.connection.query_row("SELECT count(*) FROM record_users", [], |r| r.get(0)).expect("counts");
    assert_eq!(rows, 0);
    store.append(APP, &message(5, "ben", "amy")).expect("numbers go on");
}

#[test]
fn by_default_messages_are_kept_for_ever_and_records_a_week() {
    let mut store = in_memory();
    store.append(APP, &message(1, "amy", "ben")).expect("appends");
    store.add_record(APP, &record("a", DAY_MS));
    store.delete_old(UnixMillis(8 * DAY_MS));
    assert_eq!(calls(&store, "amy", None, 9), named("a"));
    store.delete_old(UnixMillis(9 * DAY_MS));
    assert_eq!(calls(&store, "amy", None, 9), named(""));
    assert!(store.message_at(APP, &Thread::between(&user("amy"), &user("ben")), 1).is_ok_and(|m| m.is_some()));
}

#[test]
fn a_write_that_failed_is_made_up_for_before_the_commit() {
    let mut store = in_memory();
    store.begin().expect("begins");
    store.connection.execute_batch("ALTER TABLE saved RENAME TO away").expect("breaks");
    store.save("a", Some("1"));
    store.add_record(APP, &record("x", 5));
    store.save("a", Some("2"));
    assert!(store.commit().is_err() && store.commit().is_err(), "not without it");
    store.connection.execute_batch("ALTER TABLE away RENAME TO saved").expect("mends");
    assert_eq!(store.commit(), Ok(true));
    assert_eq!(store.saved(), Ok(vec![("a".to_owned(), "2".to_owned())]), "in their order");
    assert_eq!(calls(&store, "amy", None, 9), named("x"));
}

#[test]
fn a_transaction_that_sqlite_takes_back_is_begun_anew_with_all_that_was_written() {
    let mut store = in_memory();
    store.begin().expect("begins");
    store.append(APP, &message(1, "amy", "ben")).expect("appends");
    store.save("a", Some("1"));
    store.mark_command().expect("begins");
    store.append(APP, &message(2, "amy", "ben")).expect("appends");
    store.connection.execute_batch("ROLLBACK").expect("as SQLite does when the disk is full");
    assert!(store.append(APP, &message(3, "amy", "ben")).is_err(), "of this command there is less than it wrote");
    assert!(store.keep_command().is_err());
    store.undo_command().expect("takes the command back");
    store.mark_command().expect("begins");
    store.append(APP, &message(2, "amy", "cat")).expect_err("cat's first has number 1");
    store.undo_command().expect("takes the command back");
    store.connection.execute_batch("ROLLBACK").expect("once more");
    store.save("b", Some("2"));
    assert_eq!(store.commit(), Ok(true));
    let thread = Thread::between(&user("amy"), &user("ben"));
    assert_eq!(store.messages(APP, &thread, 0, 9, 9), Ok(vec![message(1, "amy", "ben")]));
    let saved = [("a", "1"), ("b", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(store.saved(), Ok(saved.into()));
}

#[test]
fn a_transaction_is_tried_again_until_the_disk_takes_it() {
    let folder = Folder::new("full");
    let mut store = folder.open();
    // A disk of so many pages.
    let pages: u32 = store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("reads");
    store.connection.pragma_update(None, "max_page_count", pages).expect("sets");
    store.begin().expect("begins");
    store.save("small", Some("1"));
    let large = "x".repeat(100_000);
    store.save("large", Some(&large));
    assert!(store.commit().is_err() && store.commit().is_err(), "it is full");
    store.connection.pragma_update(None, "max_page_count", 1_000_000).expect("sets");
    assert_eq!(store.commit(), Ok(true));
    drop(store);
    assert_eq!(folder.open().saved(), Ok(vec![("large".to_owned(), large), ("small".to_owned(), "1".to_owned())]));
}

/// A database as version 1 made it; this text is never changed.
const OF_VERSION_1: &str = include_str!("tests/version_1.sql");

#[test]
fn a_database_of_version_1_is_taken_with_all_that_is_in_it() {
    let connection = Connection::open_in_memory().expect("opens");
    connection.execute_batch(OF_VERSION_1).expect("is made");
    let store = prepare(connection, &Config::default()).expect("is brought to the newest version");
    let version: u32 = store.connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("reads");
    assert_eq!(version as usize, schema::MIGRATIONS.len());
    assert!(store.profile(APP, &user("amy")).is_ok_and(|p| p.is_some_and(|p| p.nick == "Amy")));
    let thread = Thread::between(&user("amy"), &user("ben"));
    assert_eq!(store.messages(APP, &thread, 0, 9, 9), Ok(vec![message(1, "amy", "ben")]));
    assert_eq!(store.thread(APP, &thread).map(|t| (t.last_seq, t.shown_ms)), Ok((1, 1001)));
    assert_eq!(store.unread(APP, &thread, &user("ben"), 0, 9), Ok(1));
    assert_eq!(store.newest_marks(APP, &user("ben"), 9).map(|m| m.len()), Ok(1));
    assert!(store.group(APP, &group("team")).is_ok_and(|g| g.is_some_and(|g| g.member_count == 1)));
    assert!(store.member(APP, &group("team"), &user("amy")).is_ok_and(|m| m.is_some_and(|m| m.joined_ms == 3)));
    assert!(store.attributes(APP, &group("team")).is_ok_and(|a| a["k"] == "v"));
    assert!(store.open_invitations(APP, &user("ben"), 0, 9).is_ok_and(|i| i[0].until_ms == 31_000));
    assert_eq!(store.records(APP, &user("ben"), None, None, 9), Ok(vec![record("x", 5)]));
    assert_eq!(store.saved(), Ok(vec![("seats".to_owned(), "9".to_owned())]));
    assert!(matches!(store.message_at(APP, &thread, 1), Ok(Some(m)) if m.to == Peer::User(user("ben"))));
}

#[test]
fn the_first_migration_still_makes_version_1() {
    let tables = |sql: &str| {
        let connection = Connection::open_in_memory().expect("opens");
        connection.execute_batch(sql).expect("is made");
        let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").expect("reads");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("reads");
        rows.collect::<rusqlite::Result<Vec<(String, Option<String>)>>>().expect("reads")
    };
    assert_eq!(tables(schema::MIGRATIONS[0]), tables(OF_VERSION_1), "a migration that was released is never changed");
}

#[test]
fn a_migration_that_fails_leaves_the_version_before() {
    let mut connection = Connection::open_in_memory().expect("opens");
    let bad = [schema::MIGRATIONS[0], "CREATE TABLE more (x INTEGER); INSERT INTO nowhere VALUES (1);"];
    assert!(schema::migrate(&mut connection, &bad).is_err());
    let tables: u32 = connection
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'more'", [], |row| row.get(0))
        .expect("reads");
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).expect("reads");
    assert_eq!((tables, version), (0, 1));
    schema::migrate(&mut connection, &[schema::MIGRATIONS[0], "CREATE TABLE more (x INTEGER);"])
        .expect("the mended one");
}

#[test]
fn newer_database_than_this_server_is_refused() {
    let connection = Connection::open_in_memory().expect("opens");
    connection.pragma_update(None, "user_version", 99).expect("sets");
    let refused = prepare(connection, &Config::default()).map(drop).map_err(|e| e.to_string());
    let expected =
        "the store is not available: the database has version 99, this server knows 2: it needs a newer carillon";
    assert_eq!(refused, Err(expected.to_owned()));
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = Folder::new("foreign");
    std::fs::create_dir_all(&folder.0).expect("is made");
    let file = folder.0.join("carillon.db");
    std::fs::write(&file, "x".repeat(4096)).expect("is written");
    let refused = SqliteStore::open(&folder.0, vec![APP], Retention::from(&Config::default()));
    assert!(refused.is_err_and(|e| e.to_string().contains("not a database")));
    assert_eq!(std::fs::read(&file).expect("reads"), "x".repeat(4096).into_bytes());
}
