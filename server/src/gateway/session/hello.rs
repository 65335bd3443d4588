//! The first frame of a socket: it opens a session, or resumes one that lost its socket.

use super::limit::Bucket;
use super::outbox::Outbox;
use super::{Phase, Session, SessionOutput, Sessions, State, Timer};
use crate::control::SocketId;
use carillon_chat::SessionId;
use carillon_proto::gateway::{
    Credentials, ErrorBody, Resume, ServerFrame, SignIn, Snapshot, VERSION, Welcome, close, code,
};
use carillon_proto::time::Now;
use std::collections::BTreeSet;

impl Sessions {
    pub(super) fn handle_hello(&mut self, now: Now, socket: SocketId, version: u32, credentials: Credentials) {
        if version != VERSION {
            let message = format!("version {version} is not spoken here, version {VERSION} is");
            return self.refuse_socket(socket, ErrorBody::new(code::UNSUPPORTED_VERSION, message));
        }
        match credentials {
            Credentials::SignIn(sign_in) => self.sign_in(now, socket, sign_in),
            Credentials::Resume { resume } => self.resume(now, socket, &resume),
        }
    }

    fn sign_in(&mut self, now: Now, socket: SocketId, sign_in: SignIn) {
        let from = self.sockets[&socket].from;
        if self.refusals.too_many(now.instant, from, self.config.refused_sign_ins_per_min) {
            let message = "too many refused sign-ins from this address, wait a minute";
            return self.refuse_socket(socket, ErrorBody::new(code::TOO_MANY_TRIES, message));
        }
        if self.sessions.len() >= self.config.sessions {
            return self.refuse_socket(socket, ErrorBody::new(code::OVERLOADED, "the server is full"));
        }
        let session = self.open_session(now, socket);
        self.set_phase(socket, Phase::SigningIn(session));
        self.output.push_back(SessionOutput::SignIn { session, sign_in: Box::new(sign_in) });
    }

    fn open_session(&mut self, now: Now, socket: SocketId) -> SessionId {
        self.last_session += 1;
        let session = Session {
            state: State::SigningIn(socket),
            secret: self.draw_secret(),
            previous: None,
            attempt: 0,
            user: None,
            last_request: 0,
            in_flight: BTreeSet::new(),
            outbox: Outbox::default(),
            bucket: Bucket::full(now.instant, self.config.requests_burst),
        };
        let id = SessionId(self.last_session);
        self.sessions.insert(id, session);
        id
    }

    fn draw_secret(&mut self) -> [u8; 16] {
        let mut secret = [0; 16];
        (self.random)(&mut secret);
        secret
    }

    fn resume(&mut self, now: Now, socket: SocketId, resume: &Resume) {
        let Some(session) = self.find_resumable(resume) else {
            self.stats.resumes_refused += 1;
            let message = "the session is over or cannot be continued from there, sign in anew";
            return self.refuse_socket(socket, ErrorBody::new(code::RESUME_FAILED, message));
        };
        if !self.renew(session, resume) {
            self.forget_socket(socket);
            return self.close(socket, close::SUPERSEDED, "a later try has resumed the session");
        }
        self.stats.resumes += 1;
        let state = self.sessions.get_mut(&session).map(|s| std::mem::replace(&mut s.state, State::Online(socket)));
        match state {
            Some(State::Online(old)) => {
                self.forget_socket(old);
                self.close(old, close::SUPERSEDED, "the session was resumed on another socket");
            }
            Some(State::Lost { until }) => {
                self.timers.remove(&(until, Timer::Session(session)));
                self.output.push_back(SessionOutput::Back { session });
            }
            Some(State::SigningIn(_)) | None => {}
        }
        self.set_phase(socket, Phase::Open(session));
        self.welcome(now, session, socket, None);
        self.replay(session, socket, resume.ack);
    }

    /// Counts the try and draws the next secret. `false`: a later try came first. The secret that was shown stays good
    /// for now: this `welcome` may be lost with its socket.
    fn renew(&mut self, session: SessionId, resume: &Resume) -> bool {
        let secret = self.draw_secret();
        let Some(known) = self.sessions.get_mut(&session) else { return false };
        if resume.attempt != 0 && resume.attempt < known.attempt {
            return false;
        }
        known.attempt = known.attempt.max(resume.attempt);
        let shown = parse_secret(&resume.session).map(|(_, secret)| secret);
        known.previous = shown;
        known.secret = secret;
        true
    }

    /// The signed-in session with this secret, if everything after `ack` is still there.
    fn find_resumable(&self, resume: &Resume) -> Option<SessionId> {
        let (id, secret) = parse_secret(&resume.session)?;
        let session = self.sessions.get(&id)?;
        let is = |known: &[u8; 16]| aws_lc_rs::constant_time::verify_slices_are_equal(known, &secret).is_ok();
        let known = is(&session.secret) || session.previous.as_ref().is_some_and(is);
        let resumable = known && session.user.is_some() && session.outbox.after(resume.ack).is_some();
        resumable.then_some(id)
    }

    pub(super) fn welcome(&mut self, now: Now, session: SessionId, socket: SocketId, snapshot: Option<Box<Snapshot>>) {
        let Some(known) = self.sessions.get(&session) else { return };
        let Some(user) = known.user.clone() else { return };
        let welcome = ServerFrame::Welcome(Box::new(Welcome {
            version: VERSION,
            session: secret_text(session, &known.secret),
            user,
            resumed: snapshot.is_none(),
            ack: known.last_request,
            server_time_ms: now.wall.0,
            ping_interval_ms: self.config.ping_interval_ms,
            resume_within_ms: self.config.resume_within_ms,
            snapshot,
        }));
        self.send(socket, &welcome);
    }

    pub(super) fn replay(&mut self, session: SessionId, socket: SocketId, ack: u64) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        known.outbox.acknowledge(ack);
        for text in known.outbox.after(ack).into_iter().flatten() {
            self.stats.frames_replayed += 1;
            self.output.push_back(SessionOutput::Send { socket, text: text.to_owned() });
        }
    }
}

pub(super) fn secret_text(session: SessionId, secret: &[u8; 16]) -> String {
    format!("{:x}-{:032x}", session.0, u128::from_be_bytes(*secret))
}

pub(super) fn parse_secret(text: &str) -> Option<(SessionId, [u8; 16])> {
    let (id, secret) = text.split_once('-')?;
    let canonical = secret.len() == 32 && secret.bytes().all(|b| b.is_ascii_hexdigit());
    let secret = canonical.then(|| u128::from_str_radix(secret, 16).ok()).flatten()?;
    Some((SessionId(u64::from_str_radix(id, 16).ok()?), secret.to_be_bytes()))
}
