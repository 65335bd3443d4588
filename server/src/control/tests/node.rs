//! A control thread without its thread: sockets that are played, a clock that is moved, a database on disk.

use crate::clock::Clock;
use crate::control::thread::{Control, Parts, Release};
use crate::control::{Input, SocketId, SocketOut, channel};
use crate::gateway::session::Sessions;
use crate::store::{Retention, SqliteStore};
use crate::worker;
use carillon_call::Switchboard;
use carillon_chat::Chat;
use carillon_config::{App, Callbacks, Config, Secret};
use carillon_proto::call::{Engine, Signal, Writer};
use carillon_proto::gateway::ClientFrame;
use carillon_proto::id::{AppId, UserId};
use carillon_proto::time::{Now, UnixMillis};
use carillon_proto::user_sig::UserSig;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub(super) const APP: AppId = AppId(1);
pub(super) const KEY: &str = "0123456789abcdef0123456789abcdef";
/// Less than the interval that the server asks for.
const PING: Duration = Duration::from_secs(10);

/// Where one test's database lies; gone with it.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("carillon-control-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    /// What somebody else does to the database meanwhile.
    pub(super) fn meddle(&self, sql: &str) {
        rusqlite::Connection::open(self.0.join("carillon.db")).unwrap().execute_batch(sql).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) struct Node {
    control: Control,
    config: Config,
    pub(super) now: Now,
    sockets: BTreeMap<u64, Socket>,
    last_socket: u64,
}

struct Socket {
    out: mpsc::Receiver<SocketOut>,
    requests: u64,
    welcome: Value,
    events: Vec<Value>,
}

/// The one app of the tests.
pub(super) fn with_app(mut config: Config) -> Config {
    config.apps = vec![App::new(APP.0, Secret::new(KEY))];
    config
}

/// What the control thread would be, over this store.
pub(super) fn control(config: &Config, store: SqliteStore, now: Now, workers: Vec<worker::Handle>) -> Control {
    let calls = carillon_call::Config { call: config.call.clone(), rooms: config.rooms.clone() };
    let seed = now.wall.0;
    let mut secrets = 0_u8;
    let random = move |out: &mut [u8]| {
        secrets = secrets.wrapping_add(1);
        out.fill(secrets);
    };
    let mut control = Control::new(Parts {
        clock: Clock::start(),
        inputs: channel(1).1,
        sessions: Sessions::new(config.gateway.clone(), Box::new(random)),
        chat: Chat::new(config.chat.clone(), &config.apps, seed),
        calls: Switchboard::new(calls, seed),
        store,
        apps: config.apps.clone(),
        postman: mpsc::unbounded_channel().0,
        callbacks_waiting_max: 100,
        give_up_within: Duration::ZERO,
        workers,
        rtmp: crate::rtmp::prepare().expect("an epoll").handle,
        bridge: crate::bridge::channels().0,
        signed_life_max: Duration::from_secs(3600),
        pushes_per_room: 1,
        random: Box::new(|| 7),
    });
    control.restore(now).unwrap();
    control
}

pub(super) fn user_sig(name: &str, now: Now) -> String {
    let (user, time) = (UserId::new(name).unwrap(), now.wall.as_secs());
    UserSig { app: APP, user, time, expire: 86_400, userbuf: None }.make(KEY)
}

impl Node {
    pub(super) fn start(folder: &Folder, config: Config) -> Self {
        Self::start_at(folder, config, a_day(), Vec::new())
    }

    pub(super) fn start_with(folder: &Folder, worker: worker::Handle) -> Self {
        Self::start_at(folder, Config::default(), a_day(), vec![worker])
    }

    fn start_at(folder: &Folder, config: Config, now: Now, workers: Vec<worker::Handle>) -> Self {
        let mut config = with_app(config);
        let room_url = "http://127.0.0.1:9/".into();
        config.apps[0].callbacks = Callbacks { room_url, ..Callbacks::default() };
        let store = SqliteStore::open(&folder.0, vec![APP], Retention::from(&config.chat)).unwrap();
        let control = control(&config, store, now, workers);
        Self { control, config, now, sockets: BTreeMap::new(), last_socket: 0 }
    }

    /// Dies without a word, and starts again `down` later with what is on disk.
    pub(super) fn kill_and_start(self, folder: &Folder, down: Duration) -> Self {
        let Self { control, config, now, .. } = self;
        drop(control);
        Self::start_at(folder, config, now.plus(down), Vec::new())
    }

    /// A turn that has this many commands for the worker. How many wait for it afterwards.
    pub(super) fn flood(&mut self, commands: usize) -> usize {
        let command = carillon_sfu::Command::Leave { participant: carillon_sfu::ParticipantId(u64::MAX) };
        self.control.release.extend((0..commands).map(|_| Release::Worker(0, command.clone())));
        self.input(Input::SocketClosed { socket: SocketId(u64::MAX) });
        self.control.waiting()
    }

    /// Numbers of the callbacks that wait, in order.
    pub(super) fn posted(&self) -> Vec<String> {
        self.control.store.outbox().unwrap().into_iter().map(|letter| letter.command).collect()
    }

    /// A turn whose transaction the store does not take.
    pub(super) fn fail(&mut self, input: Input) {
        self.control.turn(self.now, Some(input)).unwrap_err();
    }

    pub(super) fn input(&mut self, input: Input) {
        assert_eq!(self.control.turn(self.now, Some(input)), Ok(true), "it goes on");
        for socket in self.sockets.values_mut() {
            while let Ok(out) = socket.out.try_recv() {
                let SocketOut::Text(text) = out else { continue };
                socket.events.push(serde_json::from_str(&text).unwrap());
            }
        }
    }

    /// Lets time pass, timer by timer; open sockets say now and then that they are there.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now.plus(time);
        while self.now.instant < end.instant {
            let left = end.instant - self.now.instant;
            let due = self.control.due().map(|at| at.saturating_duration_since(self.now.instant));
            self.now = self.now.plus(left.min(PING).min(due.unwrap_or(PING)));
            for socket in self.sockets() {
                self.frame(socket, &json!({ "t": "ping", "nonce": 1 }));
            }
            // Does nothing itself: what is due is done in any turn.
            self.input(Input::SocketClosed { socket: SocketId(u64::MAX) });
        }
    }

    fn frame(&mut self, socket: u64, frame: &Value) {
        let frame = ClientFrame::parse(&frame.to_string(), 65_536);
        self.input(Input::SocketFrame { socket: SocketId(socket), frame });
    }

    pub(super) fn sign_in(&mut self, name: &str, device: &str) -> u64 {
        self.last_socket += 1;
        let (socket, (sender, out)) = (self.last_socket, mpsc::channel(1_000));
        self.sockets.insert(socket, Socket { out, requests: 0, welcome: Value::Null, events: Vec::new() });
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.input(Input::SocketOpened { socket: SocketId(socket), from, out: sender });
        let device = json!({ "id": device.replace(' ', "-"), "platform": "web", "sync": "answers" });
        let hello = json!({
            "t": "hello", "version": 1, "app": APP.0, "user": name, "userSig": self.user_sig(name), "device": device,
        });
        self.frame(socket, &hello);
        let known = self.sockets.get_mut(&socket).unwrap();
        known.welcome = known.events.remove(0);
        assert_eq!(known.welcome["t"], "welcome");
        socket
    }

    pub(super) fn user_sig(&self, name: &str) -> String {
        user_sig(name, self.now)
    }

    pub(super) fn welcome(&self, socket: u64) -> &Value {
        &self.sockets[&socket].welcome
    }

    /// The answer's body, or its error's code.
    pub(super) fn ask(&mut self, socket: u64, verb: &str, body: Value) -> Result<Value, i32> {
        let known = self.sockets.get_mut(&socket).unwrap();
        known.requests += 1;
        let id = known.requests;
        self.frame(socket, &json!({ "t": "request", "id": id, "verb": verb, "body": body }));
        let known = self.sockets.get_mut(&socket).unwrap();
        let at = known.events.iter().position(|f| f["t"] == "reply" && f["re"] == id).expect("an answer");
        let mut reply = known.events.remove(at);
        match reply["error"]["code"].as_i64() {
            Some(code) => Err(i32::try_from(code).unwrap()),
            None => Ok(reply["body"].take()),
        }
    }

    pub(super) fn signal(&mut self, socket: u64, to: Value, signal: &Signal) {
        let payload = json!({ "data": Writer::new(Engine::Web).write(signal), "description": "", "extension": "" });
        let client_id = format!("c{}-{}", self.now.wall.0, socket);
        let send = json!({ "to": to, "kind": "custom", "payload": payload, "clientId": client_id });
        self.ask(socket, "message.send", send).unwrap();
    }

    /// The client is gone without a word.
    pub(super) fn close(&mut self, socket: u64) {
        self.input(Input::SocketClosed { socket: SocketId(socket) });
        self.sockets.remove(&socket);
    }

    pub(super) fn sockets(&self) -> Vec<u64> {
        self.sockets.keys().copied().collect()
    }

    /// What a socket was told unasked since the last look, shortly.
    pub(super) fn events(&mut self, socket: u64) -> Vec<String> {
        let frames = std::mem::take(&mut self.sockets.get_mut(&socket).unwrap().events);
        frames.iter().filter(|frame| frame["t"] == "event").map(short).collect()
    }
}

pub(super) fn a_day() -> Now {
    Now { instant: Instant::now(), wall: UnixMillis(1_700_000_000_000) }
}

fn short(frame: &Value) -> String {
    let (event, body) = (frame["event"].as_str().unwrap(), &frame["body"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match event {
        "room.left" => format!("{event} {} {}", text(&body["user"]), text(&body["reason"])),
        "call.changed" => format!("{event} {}", text(&body["result"])),
        _ => event.to_owned(),
    }
}
