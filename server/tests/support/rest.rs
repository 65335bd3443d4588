//! The REST face as an administrator's program uses it.

use super::client::signature;
use super::{APP, KEY, Server, http};
use serde_json::{Value, json};

pub const ADMIN: &str = "administrator";

pub fn ask(server: &Server, command: &str, body: Value) -> Value {
    let sig = signature(APP, KEY, ADMIN);
    ask_as(server, command, &format!("sdkappid={APP}&identifier={ADMIN}&usersig={sig}"), &body.to_string())
}

/// `query`: who asks.
pub fn ask_as(server: &Server, command: &str, query: &str, body: &str) -> Value {
    let query = query.replace('*', "%2A");
    let head = format!("POST /v4/{command}?{query}&random=7&contenttype=json HTTP/1.1");
    let reply = http::ask(server.http, &head, body);
    assert_eq!(reply.status, 200, "{reply:?}");
    let answer: Value = serde_json::from_str(&reply.body).expect("JSON");
    assert_eq!(answer["ActionStatus"] == "OK", answer["ErrorCode"] == 0, "{answer}");
    answer
}

pub fn ok(server: &Server, command: &str, body: Value) -> Value {
    let answer = ask(server, command, body);
    assert_eq!(answer["ErrorCode"], 0, "{command}: {answer}");
    answer
}

/// The code that it is refused with.
pub fn refused(server: &Server, command: &str, body: Value) -> i64 {
    let answer = ask(server, command, body);
    assert_ne!(answer["ErrorCode"], json!(0), "{command}: {answer}");
    assert_ne!(answer["ErrorInfo"], "", "{command}: {answer}");
    answer["ErrorCode"].as_i64().expect("a code")
}
