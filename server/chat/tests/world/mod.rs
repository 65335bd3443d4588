//! A chat engine with its store and devices around it, in virtual time.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

use carillon_chat::{Chat, Command, MemoryStore, Output, SessionId};
use carillon_config::chat::Chat as Config;
use carillon_config::{App, DevicePolicy, Secret};
use carillon_proto::call::{Engine, Signal, Writer};
use carillon_proto::gateway::{
    ByeReason, Device, ErrorBody, Event, MediaType, Message, Peer, Platform, Request, SendMessage, SendOptions,
    Snapshot, Sync,
};
use carillon_proto::id::{AppId, DeviceId, GroupId, InviteId, MessageId, RoomId, UserId};
use carillon_proto::time::{Now, UnixMillis};
use carillon_proto::user_sig::UserSig;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub const APP: AppId = AppId(1);
pub const OTHER_APP: AppId = AppId(2);
pub const KEYLESS_APP: AppId = AppId(3);
pub const KEY: &str = "0123456789abcdef0123456789abcdef";
pub const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210";
pub const DAY: u64 = 86_400;

pub fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

pub fn group(name: &str) -> GroupId {
    GroupId::new(name).unwrap()
}

pub fn to(name: &str) -> Peer {
    Peer::User(user(name))
}

pub fn to_group(name: &str) -> Peer {
    Peer::Group(group(name))
}

pub fn device(id: &str) -> Device {
    Device { id: DeviceId::new(id).unwrap(), platform: Platform::Web, sync: Sync::Answers }
}

pub fn text(to: Peer, client_id: &str) -> SendMessage {
    SendMessage {
        to,
        kind: "text".into(),
        payload: json!({ "text": client_id }).as_object().unwrap().clone(),
        client_id: client_id.into(),
        priority: None,
        cloud_custom_data: String::new(),
        options: SendOptions::default(),
    }
}

pub fn signal(to: Peer, client_id: &str, signal: &Signal) -> SendMessage {
    let payload = json!({ "data": Writer::new(Engine::Web).write(signal), "description": "", "extension": "" });
    SendMessage { kind: "custom".into(), payload: payload.as_object().unwrap().clone(), ..text(to, client_id) }
}

pub fn invitation(id: &str, from: &str, to: &[&str], group: Option<GroupId>) -> Signal {
    let to = to.iter().map(|name| user(name)).collect();
    Signal::invite(InviteId::new(id).unwrap(), user(from), to, group, MediaType::Video, RoomId::Number(7))
}

pub struct World {
    pub chat: Chat,
    pub store: MemoryStore,
    pub now: Now,
    pub said: Vec<Output>,
    pub inbox: BTreeMap<SessionId, Vec<Event>>,
    sessions: u64,
}

impl World {
    pub fn new() -> Self {
        Self::with(DevicePolicy::All, Config::default())
    }

    pub fn with(devices: DevicePolicy, config: Config) -> Self {
        let app = |id: AppId, keys: &[&str]| App {
            id: id.0,
            keys: keys.iter().map(|key| Secret::new(*key)).collect(),
            devices,
            ..App::new(id.0, Secret::default())
        };
        let apps = vec![app(APP, &[KEY]), app(OTHER_APP, &[OTHER_KEY]), app(KEYLESS_APP, &[])];
        Self {
            chat: Chat::new(config, &apps, 7),
            store: MemoryStore::new(),
            now: Now { instant: Instant::now(), wall: UnixMillis(1_700_000_000_000) },
            said: Vec::new(),
            inbox: BTreeMap::new(),
            sessions: 0,
        }
    }

    pub fn sig(&self, app: AppId, name: &str, key: &str, expire: u64) -> String {
        UserSig { app, user: user(name), time: self.now.wall.as_secs(), expire, userbuf: None }.make(key)
    }

    pub fn command(&mut self, command: Command) {
        self.said.clear();
        self.chat.handle_command(self.now, &mut self.store, command);
        self.drain();
    }

    /// Moves the clocks and lets the engine do what is due.
    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
        self.said.clear();
        self.chat.handle_timeout(self.now, &mut self.store);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.chat.poll_output() {
            if let Output::Push { session, event } = &output {
                self.inbox.entry(*session).or_default().push(event.clone());
            }
            self.said.push(output);
        }
    }

    pub fn try_sign_in(
        &mut self,
        app: AppId,
        name: &str,
        sig: &str,
        device: Device,
    ) -> Result<(SessionId, Snapshot), ErrorBody> {
        self.sessions += 1;
        let session = SessionId(self.sessions);
        let (user, user_sig) = (name.to_owned(), sig.to_owned());
        self.command(Command::SignIn { session, app, user, user_sig, device });
        let answer = self.said.iter().find_map(|output| match output {
            Output::SignedIn { session: s, snapshot, .. } if *s == session => Some(Ok((session, *snapshot.clone()))),
            Output::Refused { session: s, error } if *s == session => Some(Err(error.clone())),
            _ => None,
        });
        answer.expect("an answer to the sign-in")
    }

    pub fn join(&mut self, name: &str, device: Device) -> (SessionId, Snapshot) {
        let sig = self.sig(APP, name, KEY, DAY);
        self.try_sign_in(APP, name, &sig, device).expect("is let in")
    }

    pub fn sign_in(&mut self, name: &str) -> SessionId {
        let device = device(&format!("{name}-{}", self.sessions));
        self.join(name, device).0
    }

    pub fn foreigner(&mut self, name: &str) -> SessionId {
        let sig = self.sig(OTHER_APP, name, OTHER_KEY, DAY);
        self.try_sign_in(OTHER_APP, name, &sig, device("f")).expect("is let in").0
    }

    pub fn sign_out(&mut self, session: SessionId) {
        self.command(Command::SignOut { session });
    }

    pub fn ask(&mut self, session: SessionId, request: Request) -> Result<Value, ErrorBody> {
        self.command(Command::Request { session, re: 9, request });
        let reply = self.said.iter().find_map(|output| match output {
            Output::Reply { session: s, re: 9, result } if *s == session => Some(result.clone()),
            _ => None,
        });
        reply.expect("a reply")
    }

    pub fn code(&mut self, session: SessionId, request: Request) -> i32 {
        self.ask(session, request).expect_err("is refused").code
    }

    pub fn send(&mut self, session: SessionId, send: SendMessage) -> Message {
        let value = self.ask(session, Request::SendMessage(send)).expect("is sent");
        serde_json::from_value(value["message"].clone()).unwrap()
    }

    pub fn history(&mut self, session: SessionId, with: Peer) -> Vec<Message> {
        let value = self.ask(session, Request::ListMessages { with, before: None, limit: Some(100) }).expect("a page");
        serde_json::from_value(value["messages"].clone()).unwrap()
    }

    /// Empties a device's inbox.
    pub fn events(&mut self, session: SessionId) -> Vec<Event> {
        self.inbox.remove(&session).unwrap_or_default()
    }

    /// The new messages among them.
    pub fn messages(&mut self, session: SessionId) -> Vec<Message> {
        let new = |event| if let Event::MessageNew(message) = event { Some(*message) } else { None };
        self.events(session).into_iter().filter_map(new).collect()
    }

    pub fn ids(&mut self, session: SessionId) -> Vec<MessageId> {
        self.messages(session).into_iter().map(|m| m.id).collect()
    }

    /// Who was ended by the last command, and why.
    pub fn ended(&self) -> Vec<(SessionId, ByeReason)> {
        let end = |output: &Output| match output {
            Output::End { session, reason } => Some((*session, *reason)),
            _ => None,
        };
        self.said.iter().filter_map(end).collect()
    }

    /// Comings and goings told by the last command.
    pub fn presence(&self) -> Vec<(String, bool)> {
        let presence = |output: &Output| match output {
            Output::Presence { user, online, .. } => Some((user.to_string(), *online)),
            _ => None,
        };
        self.said.iter().filter_map(presence).collect()
    }
}
