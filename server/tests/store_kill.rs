//! The process dies at any moment: what was acknowledged is there afterwards, once, and history agrees with it.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use support::client::Client;
use support::{Folder, Server};
use tokio::time::{sleep, timeout};

/// How often the server is killed.
const KILLS: u64 = 5;
/// Messages asked for at once.
const WINDOW: u64 = 8;

/// What the writer knows to be durable.
#[derive(Default)]
struct Acknowledged {
    /// By client id: the message's id and number.
    messages: BTreeMap<String, (Value, u64)>,
    nick: Option<String>,
    attribute: Option<String>,
    modified: Option<(Value, String)>,
}

/// Settings that let one client write as fast as the store can.
const FAST: &[(&str, &str)] =
    &[("GATEWAY_REQUESTS_PER_S", "10000"), ("GATEWAY_REQUESTS_BURST", "10000"), ("CHAT_MESSAGES_PER_SECOND", "10000")];

fn message(client_id: &str) -> Value {
    json!({"to": {"user": "ben"}, "kind": "text", "payload": {"text": client_id}, "clientId": client_id})
}

/// Writes until the server is gone. `round` makes names unique.
async fn write(amy: &mut Client, round: u64, done: &mut Acknowledged) {
    let mut asked: BTreeMap<u64, (&str, String)> = BTreeMap::new();
    for step in 0.. {
        while asked.len() < WINDOW as usize {
            let name = format!("{round}-{step}-{}", asked.len());
            let (verb, body) = match asked.len() {
                0 => ("profile.set", json!({"nick": name})),
                1 => ("group.attributes.set", json!({"group": "@team", "attributes": {"last": name}})),
                2 if done.messages.contains_key("first") => {
                    ("message.modify", json!({"id": done.messages["first"].0, "cloudCustomData": name}))
                }
                _ => ("message.send", message(&name)),
            };
            asked.insert(amy.send_request(verb, body).await, (verb, name));
        }
        while !asked.is_empty() {
            let Ok(support::client::Got::Frame(frame)) = timeout(support::PATIENCE, amy.socket.next()).await else {
                return;
            };
            let Some((re, answer)) = amy.handle(frame) else { continue };
            let (verb, name) = asked.remove(&re).expect("it was asked once");
            done.take(verb, name, &answer.expect("taken"));
        }
    }
}

impl Acknowledged {
    fn take(&mut self, verb: &str, name: String, answer: &Value) {
        match verb {
            "profile.set" => self.nick = Some(name),
            "group.attributes.set" => self.attribute = Some(name),
            "message.modify" => self.modified = Some((answer["message"]["id"].clone(), name)),
            _ => {
                let message = &answer["message"];
                let number = message["seq"].as_u64().expect("a number");
                assert!(self.messages.insert(name, (message["id"].clone(), number)).is_none());
            }
        }
    }

    /// Everything is there as it was told, in one piece.
    async fn check(&self, amy: &mut Client) {
        let history = history(amy).await;
        let numbers: Vec<u64> = history.iter().map(|m| m["seq"].as_u64().expect("a number")).collect();
        assert_eq!(numbers, (1..=history.len() as u64).collect::<Vec<_>>(), "no hole and no repeat");
        let mut by_client_id = BTreeMap::new();
        for message in &history {
            let client_id = message["clientId"].as_str().expect("a name");
            assert!(by_client_id.insert(client_id, message).is_none(), "{client_id} is there twice");
        }
        for (client_id, (id, number)) in &self.messages {
            let kept = by_client_id.get(client_id.as_str()).unwrap_or_else(|| panic!("{client_id} is lost"));
            assert_eq!((&kept["id"], kept["seq"].as_u64()), (id, Some(*number)), "{client_id}");
        }
        // Later ones may have been written and not told.
        let nick = amy.ok("profile.get", json!({"users": ["amy"]})).await["profiles"][0]["nick"].clone();
        not_older(&nick, self.nick.as_deref());
        let attributes = amy.ok("group.attributes.get", json!({"group": "@team"})).await;
        not_older(&attributes["attributes"]["last"], self.attribute.as_deref());
        if let Some((id, text)) = &self.modified {
            let kept = history.iter().find(|m| m["id"] == *id).expect("it is there");
            not_older(&kept["cloudCustomData"], Some(text));
        }
    }
}

/// Names are round-step-place.
fn not_older(kept: &Value, told: Option<&str>) {
    let time = |name: &str| {
        let mut parts = name.split('-').map(|part| part.parse::<u64>().unwrap_or_default());
        (parts.next(), parts.next())
    };
    let Some(told) = told else { return };
    let kept = kept.as_str().unwrap_or_default();
    assert!(time(kept) >= time(told), "{told} was told, {kept:?} is kept");
}

/// All messages with Ben, oldest first, page by page.
async fn history(amy: &mut Client) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let mut body = json!({"with": {"user": "ben"}, "limit": 100});
        if let Some(first) = all.first() {
            body["before"] = first["seq"].clone();
        }
        let page = amy.ok("message.list", body).await;
        let messages = page["messages"].as_array().expect("a list").clone();
        all.splice(0..0, messages);
        if page["complete"] == true {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_by_a_kill() {
    let folder = Folder::new();
    let mut done = Acknowledged::default();
    for round in 0..KILLS {
        let server = Server::start(&folder, FAST);
        let _ben = Client::sign_in(&server, "ben").await;
        let mut amy = Client::sign_in(&server, "amy").await;
        if round == 0 {
            amy.ok("group.create", json!({"group": "@team", "type": "Public"})).await;
            let first = amy.ok("message.send", message("first")).await;
            done.take("message.send", "first".to_owned(), &first);
        }
        done.check(&mut amy).await;
        // Not at the same place of a batch each time.
        let killing = tokio::spawn(async move {
            sleep(Duration::from_millis(150 + 97 * round)).await;
            server.kill();
        });
        write(&mut amy, round + 1, &mut done).await;
        killing.await.expect("killed");
    }
    let server = Server::start(&folder, FAST);
    let mut amy = Client::sign_in(&server, "amy").await;
    done.check(&mut amy).await;
    assert!(done.messages.len() > 20, "{} were told: too calm", done.messages.len());
    // What a client sends again after a kill is the message that is there.
    let (client_id, (id, _)) = done.messages.last_key_value().expect("many");
    let again = amy.ok("message.send", message(client_id)).await;
    assert_eq!(again["message"]["id"], *id);
    done.check(&mut amy).await;
}

#[tokio::test]
async fn live_push_and_history_agree_over_lost_sockets() {
    let folder = Folder::new();
    let server = Server::start(&folder, FAST);
    let mut ben = Client::sign_in(&server, "ben").await;
    let mut amy = Client::sign_in(&server, "amy").await;
    let mut secrets = vec![ben.welcome["session"].clone()];
    for n in 0..60 {
        amy.send_text("ben", &format!("m-{n}")).await.expect("sent");
        if n % 7 == 0 {
            ben.resume(&server).await.expect("resumed");
            secrets.push(ben.welcome["session"].clone());
        }
    }
    let mut pushed = Vec::new();
    for _ in 0..60 {
        pushed.push(ben.event("message.new").await);
    }
    assert_eq!(pushed, history(&mut amy).await, "each once and in order");
    secrets.dedup();
    assert_eq!(secrets.len(), 10, "each resume drew a secret");
    ben.welcome["session"] = secrets[0].clone();
    assert_eq!(ben.resume(&server).await.expect_err("an old secret")["code"], 6017);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_that_takes_nothing_ends_the_process_with_an_error() {
    let folder = Folder::new();
    let mut server = Server::start(&folder, &[("STORE_GIVE_UP_WITHIN_MS", "1000")]);
    let mut amy = Client::sign_in(&server, "amy").await;
    amy.ok("profile.set", json!({"nick": "kept"})).await;
    // As a disk that takes nothing more: nobody else may write.
    let database = folder.path().join("data/carillon.db");
    let blocker = rusqlite::Connection::open(&database).expect("opens");
    blocker.busy_timeout(support::PATIENCE).expect("can wait");
    blocker.execute_batch("BEGIN IMMEDIATE").expect("locks");
    amy.send_request("room.enter", json!({"room": 5})).await;
    let status = tokio::task::spawn_blocking(move || (server.wait(), server)).await.expect("joined");
    assert_eq!(status.0.code(), Some(1));
    status.1.log_line("the store is lost");
}
