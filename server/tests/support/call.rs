//! Two people in a call, by whom a test sees that nothing disturbs them.

use super::Server;
use super::client::Client;
use carillon_proto::call::{Engine, Signal, Writer};
use carillon_proto::gateway::MediaType;
use carillon_proto::id::{InviteId, RoomId, UserId};
use serde_json::{Value, json};

pub const ROOM: u32 = 4242;

/// Amy called Ben, and they talk.
pub struct Call {
    pub amy: Client,
    pub ben: Client,
    invite: Signal,
    said: u32,
}

impl Call {
    pub async fn connect(server: &Server) -> Self {
        Self::between(Client::sign_in(server, "amy").await, Client::sign_in(server, "ben").await).await
    }

    /// Amy and Ben are signed in, by whatever way.
    pub async fn between(mut amy: Client, mut ben: Client) -> Self {
        let invite = invitation("invite-1", "amy", "ben", ROOM);
        amy.ok("room.enter", json!({"room": ROOM})).await;
        send_signal(&mut amy, "ben", &invite).await;
        ben.event("message.new").await;
        ben.ok("room.enter", json!({"room": ROOM})).await;
        send_signal(&mut ben, "amy", &invite.accept(user("ben"))).await;
        amy.event("message.new").await;
        let mut call = Self { amy, ben, invite, said: 0 };
        call.goes_on().await;
        call
    }

    /// Both are in it, and each hears the other.
    pub async fn goes_on(&mut self) {
        for client in [&mut self.amy, &mut self.ben] {
            let calls = client.ok("call.current", json!({})).await;
            assert_eq!(calls["calls"][0]["state"], "connected", "{calls}");
            assert_eq!(calls["calls"][0]["connected"], json!(["amy", "ben"]), "{calls}");
        }
        self.said += 1;
        let said = format!("said-{}", self.said);
        self.amy.send_text("ben", &said).await.expect("amy is heard");
        assert_eq!(self.ben.event("message.new").await["clientId"], said);
        self.ben.send_text("amy", &said).await.expect("ben is heard");
        assert_eq!(self.amy.event("message.new").await["clientId"], said);
    }

    /// Ben hangs up, both leave.
    pub async fn hang_up(&mut self) {
        let invite = InviteId::new("invite-2").expect("an id");
        let notice = Signal::hang_up(invite, user("ben"), vec![user("amy")], None, MediaType::Video, 1);
        send_signal(&mut self.ben, "amy", &notice).await;
        for client in [&mut self.ben, &mut self.amy] {
            let _ = client.ask("room.leave", json!({"room": ROOM})).await;
        }
    }

    pub fn invite(&self) -> &Signal {
        &self.invite
    }
}

pub fn invitation(id: &str, from: &str, to: &str, room: u32) -> Signal {
    let invite = InviteId::new(id).expect("an id");
    Signal::invite(invite, user(from), vec![user(to)], None, MediaType::Video, RoomId::Number(room))
}

pub fn signal_body(to: &str, client_id: &str, signal: &Signal) -> Value {
    let payload = json!({"data": Writer::new(Engine::Web).write(signal), "description": "", "extension": ""});
    json!({"to": {"user": to}, "kind": "custom", "payload": payload, "clientId": client_id})
}

pub async fn send_signal(client: &mut Client, to: &str, signal: &Signal) {
    let client_id = format!("{}-{:?}", signal.envelope.invite.as_str(), signal.envelope.action);
    client.ok("message.send", signal_body(to, &client_id, signal)).await;
}

pub fn user(name: &str) -> UserId {
    UserId::new(name).expect("a valid name")
}
