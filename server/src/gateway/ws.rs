//! `/ws`: text frames between a client and the control thread. Nothing is decided here but sizes and pace.

use super::Shared;
use super::door::Remote;
use super::reply::error;
use crate::control::{Input, SocketId, SocketOut};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use carillon_config::gateway::Gateway;
use carillon_proto::gateway::{ClientFrame, ErrorBody, code};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Frames waiting for a client. One that falls further behind is closed and resumes.
const QUEUE: usize = 256;
/// A frame that the kernel does not take for so long goes to nobody.
const WRITE_WITHIN: Duration = Duration::from_secs(20);
/// How long the client's half of the closing handshake is awaited.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Frames per request that its rate allows: acks and pings come besides. Faster clients are read more slowly.
const FRAMES_PER_REQUEST: u32 = 4;
/// RFC 6455's registry: try again later.
const TRY_LATER: u16 = 1013;

pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Remote(from)): ConnectInfo<Remote>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let origin = headers.get(header::ORIGIN).map(|o| o.as_bytes());
    if !origin_allowed(&shared.config.listen.origins, origin) {
        let message = "pages of this origin may not connect: add it to listen.origins";
        return error(StatusCode::FORBIDDEN, ErrorBody::new(code::FORBIDDEN, message));
    }
    // Above by one, so that what is a little too large is still read and answered.
    let bytes = shared.config.gateway.offer_bytes + shared.config.gateway.message_bytes;
    let upgrade = upgrade.max_message_size(bytes).max_frame_size(bytes);
    upgrade.on_upgrade(move |ws| run(shared, ws, from.ip().to_canonical()))
}

/// Programs send no Origin; a list is about pages.
fn origin_allowed(allowed: &[String], origin: Option<&[u8]>) -> bool {
    let Some(origin) = origin else { return true };
    allowed.is_empty() || allowed.iter().any(|a| a.as_bytes().eq_ignore_ascii_case(origin))
}

async fn run(shared: Arc<Shared>, mut ws: WebSocket, from: IpAddr) {
    let socket = SocketId(shared.sockets.fetch_add(1, Ordering::Relaxed) + 1);
    let (out, queue) = mpsc::channel(QUEUE);
    if shared.control.send(Input::SocketOpened { socket, from, out }).is_err() {
        return close(ws, try_later("the server is overloaded")).await;
    }
    let reason = carry(&shared, socket, &mut ws, queue).await;
    if let Some(reason) = reason {
        close(ws, reason).await;
    }
    tell_closed(&shared, socket).await;
}

/// Both directions until one ends. `None`: the client is gone.
async fn carry(
    shared: &Shared,
    socket: SocketId,
    ws: &mut WebSocket,
    mut queue: mpsc::Receiver<SocketOut>,
) -> Option<CloseFrame> {
    let mut reader = Reader::new(&shared.config.gateway);
    loop {
        let ready_at = reader.ready_at;
        let next = async {
            sleep_until(ready_at).await;
            ws.recv().await
        };
        tokio::select! {
            out = queue.recv() => match out {
                Some(SocketOut::Text(text)) => timeout(WRITE_WITHIN, ws.send(Message::text(text))).await.ok()?.ok()?,
                Some(SocketOut::Close { code, reason }) => return Some(CloseFrame { code, reason: reason.into() }),
                None => return Some(try_later("the client reads too slowly")),
            },
            message = next => {
                let Some(frame) = reader.take(message?.ok()?) else { continue };
                if shared.control.send(Input::SocketFrame { socket, frame }).is_err() {
                    return Some(try_later("the server is overloaded"));
                }
            }
        }
    }
}

fn try_later(reason: &'static str) -> CloseFrame {
    CloseFrame { code: TRY_LATER, reason: reason.into() }
}

async fn close(mut ws: WebSocket, reason: CloseFrame) {
    let handshake = async {
        ws.send(Message::Close(Some(reason))).await?;
        while let Some(Ok(_)) = ws.recv().await {}
        Ok::<_, axum::Error>(())
    };
    if timeout(CLOSE_WITHIN, handshake).await.is_err() {
        tracing::debug!("a client did not answer a close");
    }
}

/// Not lost when the control thread is busy. After a minute its own heartbeat has found the silent socket.
async fn tell_closed(shared: &Shared, socket: SocketId) {
    for _ in 0..600 {
        if shared.control.send(Input::SocketClosed { socket }).is_ok() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Judges size and form of what comes, and how soon more may come.
struct Reader {
    hello_bytes: usize,
    message_bytes: usize,
    offer_bytes: usize,
    greeted: bool,
    /// The next frame is read then.
    ready_at: Instant,
    /// When the allowance would be full again; each frame pushes it on.
    full_at: Instant,
    per_frame: Duration,
    burst: Duration,
}

impl Reader {
    fn new(config: &Gateway) -> Self {
        let now = Instant::now();
        let per_frame = Duration::from_secs(1) / (config.requests_per_s * FRAMES_PER_REQUEST);
        Self {
            hello_bytes: config.hello_bytes,
            message_bytes: config.message_bytes,
            offer_bytes: config.offer_bytes,
            greeted: false,
            ready_at: now,
            full_at: now,
            per_frame,
            burst: per_frame * config.requests_burst * FRAMES_PER_REQUEST,
        }
    }

    /// `None`: nothing for the control thread.
    fn take(&mut self, message: Message) -> Option<Result<ClientFrame, ErrorBody>> {
        self.pace(Instant::now());
        match message {
            Message::Text(text) => Some(self.parse(&text)),
            Message::Binary(_) => Some(Err(ErrorBody::new(code::BAD_FRAME, "frames are text, not binary"))),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
        }
    }

    fn pace(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + self.per_frame;
        self.ready_at = self.full_at.checked_sub(self.burst).map_or(now, |at| at.max(now));
    }

    fn parse(&mut self, text: &str) -> Result<ClientFrame, ErrorBody> {
        if !std::mem::replace(&mut self.greeted, true) {
            return ClientFrame::parse(text, self.hello_bytes);
        }
        let frame = ClientFrame::parse(text, self.offer_bytes.max(self.message_bytes))?;
        let offer = matches!(&frame, ClientFrame::Request { verb, .. } if verb == "room.offer");
        if text.len() > self.message_bytes && !offer {
            let message = format!("the frame has {} bytes, {} are allowed", text.len(), self.message_bytes);
            return Err(ErrorBody::new(code::TOO_LARGE, message));
        }
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_origins_is_about_pages_only() {
        let list = ["https://app.example".to_owned()];
        assert!(origin_allowed(&[], Some(b"https://evil.example")));
        assert!(origin_allowed(&list, None));
        assert!(origin_allowed(&list, Some(b"https://APP.example")));
        assert!(!origin_allowed(&list, Some(b"https://evil.example")));
        assert!(!origin_allowed(&list, Some(b"null")));
    }

    #[tokio::test]
    async fn only_offers_may_be_large() {
        let mut reader = Reader::new(&Gateway::default());
        let large = |verb: &str| format!(r#"{{"t":"request","id":1,"verb":"{verb}","body":"{}"}}"#, "x".repeat(70_000));
        let refused = |frame: Result<ClientFrame, ErrorBody>| frame.is_err_and(|e| e.code == code::TOO_LARGE);
        assert!(refused(reader.parse(&large("room.offer"))), "the first frame is a hello");
        assert!(reader.parse(&large("room.offer")).is_ok());
        assert!(refused(reader.parse(&large("message.send"))));
    }

    #[tokio::test]
    async fn a_flood_is_read_at_the_allowed_pace() {
        let mut reader = Reader::new(&Gateway::default());
        let now = reader.ready_at;
        for _ in 0..800 {
            reader.pace(now);
        }
        assert_eq!(reader.ready_at, now, "a burst is taken at once");
        for _ in 0..200 {
            reader.pace(now);
        }
        assert_eq!(reader.ready_at - now, Duration::from_secs(1));
    }
}
