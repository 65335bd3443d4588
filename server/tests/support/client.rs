//! A client of the gateway, as proto/GATEWAY.md tells how to write one.

use super::{APP, KEY, PATIENCE, Server, unix_seconds};
use carillon_proto::id::{AppId, UserId};
use carillon_proto::user_sig::UserSig;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{WebSocketStream, client_async};

/// What a WebSocket runs over: TCP, or TLS.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<W: AsyncRead + AsyncWrite + Unpin + Send> Wire for W {}

/// One WebSocket, whatever is said on it.
pub struct Socket(WebSocketStream<Box<dyn Wire>>);

/// What a socket brings.
#[derive(Debug, Clone, PartialEq)]
pub enum Got {
    Frame(Value),
    /// The close code; 1006: none came.
    Closed(u16),
}

impl Socket {
    pub async fn open(server: &Server) -> Self {
        Self::try_open(server).await.expect("the gateway takes sockets")
    }

    pub async fn try_open(server: &Server) -> Result<Self, String> {
        let wire = TcpStream::connect(server.http).await.map_err(|e| e.to_string())?;
        Self::try_over(wire, format!("ws://{}/ws", server.http)).await
    }

    /// Over what is connected already.
    pub async fn try_over(wire: impl Wire + 'static, request: impl IntoClientRequest + Unpin) -> Result<Self, String> {
        let wire: Box<dyn Wire> = Box::new(wire);
        let opening = tokio::time::timeout(PATIENCE, client_async(request, wire));
        let opened = opening.await.map_err(|e| e.to_string())?;
        opened.map(|(ws, _)| Self(ws)).map_err(|e| e.to_string())
    }

    /// The server may have closed already: that shows in what is read.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        let _ = self.0.send(Message::text(text.into())).await;
    }

    pub async fn send(&mut self, frame: Value) {
        self.send_text(frame.to_string()).await;
    }

    pub async fn next(&mut self) -> Got {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("something comes in time");
            match message {
                Some(Ok(Message::Text(text))) => return Got::Frame(serde_json::from_str(&text).expect("JSON")),
                Some(Ok(Message::Close(frame))) => return Got::Closed(frame.map_or(1005, |f| f.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Got::Closed(1006),
            }
        }
    }

    pub async fn frame(&mut self) -> Value {
        match self.next().await {
            Got::Frame(frame) => frame,
            Got::Closed(code) => panic!("closed with {code}"),
        }
    }

    /// What a refused `hello` or a broken session is told: the frame, then how the socket was closed.
    pub async fn ending(&mut self) -> (Value, u16) {
        let frame = self.frame().await;
        match self.next().await {
            Got::Closed(code) => (frame, code),
            Got::Frame(more) => panic!("{frame} should end the socket, {more} came"),
        }
    }
}

pub fn signature(app: u32, key: &str, user: &str) -> String {
    let user = UserId::new(user).expect("a valid name");
    UserSig { app: AppId(app), user, time: unix_seconds(), expire: 3600, userbuf: None }.make(key)
}

pub fn hello(app: u32, user: &str, user_sig: &str, device: &str) -> Value {
    json!({
        "t": "hello", "version": 1, "app": app, "user": user, "userSig": user_sig,
        "device": {"id": device, "platform": "web"},
    })
}

pub type Answer = Result<Value, (i64, String)>;

/// A signed-in session on its socket.
pub struct Client {
    pub socket: Socket,
    pub user: String,
    /// The last `welcome`.
    pub welcome: Value,
    pub last_request: u64,
    /// The highest `seq` that was handled.
    pub handled: u64,
    /// Events nobody has asked for yet.
    pub events: VecDeque<(String, Value)>,
}

impl Client {
    pub async fn sign_in(server: &Server, user: &str) -> Self {
        Self::sign_in_to(server, APP, KEY, user, user).await
    }

    pub async fn sign_in_to(server: &Server, app: u32, key: &str, user: &str, device: &str) -> Self {
        Self::sign_in_on(Socket::open(server).await, app, key, user, device).await
    }

    pub async fn sign_in_on(mut socket: Socket, app: u32, key: &str, user: &str, device: &str) -> Self {
        socket.send(hello(app, user, &signature(app, key, user), device)).await;
        let welcome = socket.frame().await;
        assert_eq!(welcome["t"], "welcome", "{welcome}");
        Self { socket, user: user.to_owned(), welcome, last_request: 0, handled: 0, events: VecDeque::new() }
    }

    /// Goes on with the session on another socket. `Err`: what was refused.
    pub async fn resume(&mut self, server: &Server) -> Result<(), Value> {
        self.socket = Socket::open(server).await;
        let resume = json!({"session": self.welcome["session"], "ack": self.handled});
        self.socket.send(json!({"t": "hello", "version": 1, "resume": resume})).await;
        let welcome = self.socket.frame().await;
        if welcome["t"] != "welcome" {
            return Err(welcome);
        }
        self.welcome = welcome;
        Ok(())
    }

    pub async fn send_request(&mut self, verb: &str, body: Value) -> u64 {
        self.last_request += 1;
        let id = self.last_request;
        self.socket.send(json!({"t": "request", "id": id, "verb": verb, "body": body, "ack": self.handled})).await;
        id
    }

    /// Asks and awaits the answer; events that come before it are kept.
    pub async fn ask(&mut self, verb: &str, body: Value) -> Answer {
        let id = self.send_request(verb, body).await;
        self.answer(id).await
    }

    pub async fn ok(&mut self, verb: &str, body: Value) -> Value {
        let shown = body.to_string();
        self.ask(verb, body).await.unwrap_or_else(|e| panic!("{verb} {shown:.200}: {e:?}"))
    }

    /// The code that a request is refused with.
    pub async fn refused(&mut self, verb: &str, body: Value) -> i64 {
        let shown = body.to_string();
        match self.ask(verb, body).await {
            Ok(reply) => panic!("{verb} {shown:.200} was taken: {reply}"),
            Err((code, _)) => code,
        }
    }

    pub async fn answer(&mut self, id: u64) -> Answer {
        loop {
            let frame = self.socket.frame().await;
            if let Some((re, answer)) = self.handle(frame)
                && re == id
            {
                return answer;
            }
        }
    }

    /// The next event of this name; others before it are kept.
    pub async fn event(&mut self, name: &str) -> Value {
        if let Some(at) = self.events.iter().position(|(event, _)| event == name) {
            return self.events.remove(at).expect("it is there").1;
        }
        loop {
            let frame = self.socket.frame().await;
            self.handle(frame);
            if self.events.back().is_some_and(|(event, _)| event == name) {
                return self.events.pop_back().expect("it is there").1;
            }
        }
    }

    /// Keeps the sequence; yields the answer in a reply.
    pub fn handle(&mut self, frame: Value) -> Option<(u64, Answer)> {
        match frame["t"].as_str() {
            Some("reply") => {
                self.count(&frame);
                let answer = match frame.get("error") {
                    Some(e) => Err((e["code"].as_i64().expect("a code"), e["message"].to_string())),
                    None => Ok(frame["body"].clone()),
                };
                Some((frame["re"].as_u64().expect("a number"), answer))
            }
            Some("event") => {
                self.count(&frame);
                let name = frame["event"].as_str().expect("a name").to_owned();
                self.events.push_back((name, frame["body"].clone()));
                None
            }
            Some("pong" | "ack") => None,
            _ => panic!("{}: {frame}", self.user),
        }
    }

    fn count(&mut self, frame: &Value) {
        assert_eq!(frame["seq"], self.handled + 1, "{}: every frame once and in order", self.user);
        self.handled += 1;
    }

    pub async fn send_text(&mut self, to: &str, client_id: &str) -> Answer {
        let body = json!({"to": {"user": to}, "kind": "text", "payload": {"text": client_id}, "clientId": client_id});
        self.ask("message.send", body).await
    }
}
