//! Sending, modifying and revoking: each message once, in order, to each device of each receiver.

use crate::chat::{Answer, Asked, Chat, Failure, refuse};
use crate::{Mark, MemberRow, OpenInvitation, Output, SessionId, Store, Thread};
use carillon_proto::call::{Action, Meaning, Signal};
use carillon_proto::gateway::{Event, Message, ModifyMessage, Peer, Profile, SendMessage, Sync, code};
use carillon_proto::id::{AppId, MessageId, UserId};
use serde_json::{Map, Value, json};
use std::time::Duration;

const KIND_BYTES_MAX: usize = 32;
const CLIENT_ID_BYTES_MAX: usize = 64;
const PRIORITY_BYTES_MAX: usize = 16;

impl Chat {
    pub(crate) fn send(&mut self, store: &mut dyn Store, asked: &Asked, send: SendMessage) -> Answer {
        self.check_form(&send)?;
        if let Some(known) = self.sent_before(store, asked, &send.client_id)? {
            self.stats.messages_repeated += 1;
            return Ok(json!({ "message": known }));
        }
        let signal = signal_of(&send.kind, &send.payload);
        self.check_rate(asked, signal.as_ref())?;
        self.check_receiver(store, asked, &send.to)?;
        let message = self.make(store, asked, send)?;
        if message.online_only {
            self.remember_unstored(asked, &message);
        } else {
            self.keep(store, asked.app, &message)?;
        }
        self.note_invitation(store, asked, &message, signal.as_ref())?;
        self.stats.messages_accepted += 1;
        self.deliver(store, asked, &message, signal.as_ref())?;
        let reply = json!({ "message": message });
        self.outputs.push_back(Output::Accepted { app: asked.app, message: Box::new(message) });
        Ok(reply)
    }

    pub(crate) fn modify(&mut self, store: &mut dyn Store, asked: &Asked, modify: ModifyMessage) -> Answer {
        let mut message = self.readable(store, asked, &modify.id)?;
        let is_receiver = message.to == Peer::User(asked.user.clone());
        if message.from != asked.user && !is_receiver {
            return refuse(code::FORBIDDEN, "only its sender, or the receiver of a C2C message, may modify it");
        }
        if message.revoked {
            return refuse(code::NOT_FOUND, "the message was revoked");
        }
        if let Some(payload) = modify.payload {
            self.check_payload(&payload)?;
            message.payload = payload;
        }
        if let Some(data) = modify.cloud_custom_data {
            self.check_cloud_data(&data)?;
            message.cloud_custom_data = data;
        }
        message.modified += 1;
        store.update_message(asked.app, &message)?;
        // Clients mark an invitation so before they answer it; an answer that never comes must not leave it ringing.
        if let Some(Signal { envelope, data }) = signal_of(&message.kind, &message.payload)
            && data.consumed
        {
            store.close_invitation(asked.app, &envelope.invite, &asked.user)?;
        }
        let event = Event::MessageModified(Box::new(message.clone()));
        self.tell_all(store, asked.app, &message, Some(asked.session), |_| event.clone())?;
        Ok(json!({ "message": message }))
    }

    pub(crate) fn revoke(&mut self, store: &mut dyn Store, asked: &Asked, id: &MessageId) -> Answer {
        let mut message = self.readable(store, asked, id)?;
        if message.from != asked.user {
            return refuse(code::FORBIDDEN, "only its sender may revoke a message");
        }
        if !message.revoked {
            message.revoked = true;
            message.payload = Map::new();
            message.cloud_custom_data.clear();
            store.update_message(asked.app, &message)?;
            let event = |user: &UserId| Event::MessageRevoked { id: id.clone(), with: seen_by(&message, user) };
            self.tell_all(store, asked.app, &message, Some(asked.session), event)?;
        }
        Ok(json!({}))
    }

    /// A message that the asker takes part in.
    fn readable(&self, store: &dyn Store, asked: &Asked, id: &MessageId) -> Result<Message, Failure> {
        let found = store.message(asked.app, id)?;
        let Some(message) = found else { return refuse(code::NOT_FOUND, "there is no such message") };
        let is_mine = message.from == asked.user || message.to == Peer::User(asked.user.clone());
        let may = match &message.to {
            Peer::User(_) => is_mine,
            Peer::Group(group) => store.member(asked.app, group, &asked.user)?.is_some(),
        };
        if may { Ok(message) } else { refuse(code::NOT_FOUND, "there is no such message") }
    }

    fn check_form(&self, send: &SendMessage) -> Result<(), Failure> {
        let kind = &send.kind;
        if kind.is_empty() || kind.len() > KIND_BYTES_MAX || kind == crate::TIP {
            return refuse(code::BAD_REQUEST, "kind: 1 to 32 bytes, and not `tip`, which is the server's");
        }
        if send.client_id.is_empty() || send.client_id.len() > CLIENT_ID_BYTES_MAX {
            return refuse(code::BAD_REQUEST, "clientId: 1 to 64 bytes");
        }
        if send.priority.as_ref().is_some_and(|p| p.len() > PRIORITY_BYTES_MAX) {
            return refuse(code::BAD_REQUEST, "priority: 16 bytes at most");
        }
        self.check_payload(&send.payload)?;
        self.check_cloud_data(&send.cloud_custom_data)
    }

    fn check_payload(&self, payload: &Map<String, Value>) -> Result<(), Failure> {
        let bytes = serde_json::to_vec(payload).map_or(usize::MAX, |b| b.len());
        if bytes > self.config.payload_bytes_max {
            let max = self.config.payload_bytes_max;
            return refuse(code::TOO_LARGE, format!("the payload has {bytes} bytes, {max} are allowed"));
        }
        Ok(())
    }

    fn check_cloud_data(&self, data: &str) -> Result<(), Failure> {
        if data.len() > self.config.cloud_custom_data_bytes_max {
            return refuse(code::TOO_LARGE, "cloudCustomData is too long");
        }
        Ok(())
    }

    fn check_rate(&mut self, asked: &Asked, signal: Option<&Signal>) -> Result<(), Failure> {
        let messages = f64::from(self.config.messages_per_second);
        let invitations = f64::from(self.config.invitations_per_minute);
        let Some(presence) = self.users.get_mut(&(asked.app, asked.user.clone())) else { return Ok(()) };
        let now = asked.now.instant;
        let invites = signal.is_some_and(|s| s.envelope.action == Action::Invite);
        let in_rate = presence.messages.take(now, messages, 2.0 * messages)
            && (!invites || presence.invitations.take(now, invitations / 60.0, invitations));
        if in_rate {
            return Ok(());
        }
        self.stats.messages_refused += 1;
        refuse(code::OVERLOADED, "messages are sent too fast; wait a moment")
    }

    fn check_receiver(&mut self, store: &mut dyn Store, asked: &Asked, to: &Peer) -> Result<(), Failure> {
        match to {
            Peer::User(user) if store.profile(asked.app, user)?.is_some() => Ok(()),
            Peer::User(user) if self.config.create_users_on_message => {
                let fresh = Profile { user: user.clone(), nick: String::new(), avatar: String::new() };
                Ok(store.put_profile(asked.app, &fresh)?)
            }
            Peer::User(user) => {
                self.stats.messages_refused += 1;
                refuse(code::INVALID_USER, format!("user {user} is unknown: it has never signed in"))
            }
            Peer::Group(group) if store.member(asked.app, group, &asked.user)?.is_some() => Ok(()),
            Peer::Group(group) => {
                self.stats.messages_refused += 1;
                refuse(code::NOT_MEMBER, format!("you are not in group {group}, or there is none"))
            }
        }
    }

    /// The message that this client id made before.
    fn sent_before(&self, store: &dyn Store, asked: &Asked, client_id: &str) -> Result<Option<Message>, Failure> {
        let presence = self.users.get(&(asked.app, asked.user.clone()));
        let unstored = presence.and_then(|p| p.unstored.iter().find(|m| m.client_id == client_id));
        match unstored {
            Some(message) => Ok(Some(message.clone())),
            None => Ok(store.message_by_client_id(asked.app, &asked.user, client_id)?),
        }
    }

    fn make(&mut self, store: &dyn Store, asked: &Asked, send: SendMessage) -> Result<Message, Failure> {
        let profile = store.profile(asked.app, &asked.user)?;
        let seq = match send.options.online_only {
            true => 0,
            false => store.thread(asked.app, &Thread::with(&asked.user, &send.to))?.last_seq + 1,
        };
        Ok(Message {
            id: self.draw_message_id(asked),
            from: asked.user.clone(),
            to: send.to,
            kind: send.kind,
            payload: send.payload,
            seq,
            time_ms: asked.now.wall.0,
            client_id: send.client_id,
            priority: send.priority,
            cloud_custom_data: send.cloud_custom_data,
            nick: profile.as_ref().map(|p| p.nick.clone()).unwrap_or_default(),
            avatar: profile.map(|p| p.avatar).unwrap_or_default(),
            online_only: send.options.online_only,
            exclude_from_history: send.options.exclude_from_history,
            modified: 0,
            revoked: false,
        })
    }

    pub(crate) fn draw_message_id(&mut self, asked: &Asked) -> MessageId {
        MessageId::new(self.draw(asked.now)).expect("hexadecimal and dashes are a message id")
    }

    /// Stores a message and brings its conversation to the top for both users.
    pub(crate) fn keep(&mut self, store: &mut dyn Store, app: AppId, message: &Message) -> Result<(), Failure> {
        store.append(app, message)?;
        let Peer::User(to) = &message.to else { return Ok(()) };
        if !crate::is_shown(message) {
            return Ok(());
        }
        for (user, peer) in [(&message.from, to), (to, &message.from)] {
            let mark = store.mark(app, user, peer)?.unwrap_or_default();
            store.put_mark(app, user, peer, &Mark { listed: true, shown_ms: message.time_ms, ..mark })?;
        }
        Ok(())
    }

    fn remember_unstored(&mut self, asked: &Asked, message: &Message) {
        let max = self.config.unstored_remembered_max;
        if let Some(presence) = self.users.get_mut(&(asked.app, asked.user.clone())) {
            if presence.unstored.len() >= max {
                presence.unstored.pop_front();
            }
            presence.unstored.push_back(message.clone());
        }
    }

    /// Its command was taken back: sent again, it is a first time.
    pub(crate) fn forget_unstored(&mut self, asked: &Asked, client_id: &str) {
        if let Some(presence) = self.users.get_mut(&(asked.app, asked.user.clone())) {
            presence.unstored.retain(|m| m.client_id != client_id);
        }
    }

    /// An invitation may ring devices that sign in late; an answer to it ends that.
    fn note_invitation(
        &mut self,
        store: &mut dyn Store,
        asked: &Asked,
        message: &Message,
        signal: Option<&Signal>,
    ) -> Result<(), Failure> {
        let Some(Signal { envelope, data }) = signal else { return Ok(()) };
        if envelope.action != Action::Invite {
            return Ok(store.close_invitation(asked.app, &envelope.invite, &asked.user)?);
        }
        // What is not stored cannot be shown to a late device.
        if message.online_only || data.meaning() != Meaning::Call || envelope.inviter != asked.user {
            return Ok(());
        }
        let life = envelope.timeout.ring().min(Duration::from_secs(self.config.invitation_seconds_max));
        for invitee in envelope.invitees.iter().filter(|i| **i != asked.user) {
            let reaches = match &message.to {
                Peer::User(to) => to == invitee,
                Peer::Group(group) => store.member(asked.app, group, invitee)?.is_some(),
            };
            if reaches {
                let open = OpenInvitation {
                    invite: envelope.invite.clone(),
                    message: message.id.clone(),
                    inviter: asked.user.clone(),
                    invitee: invitee.clone(),
                    until_ms: asked.now.wall.plus(life).0,
                };
                store.open_invitation(asked.app, &open)?;
            }
        }
        Ok(())
    }

    /// Pushes a new message to all who take part, and to those of the sender's other devices that want it.
    fn deliver(
        &mut self,
        store: &dyn Store,
        asked: &Asked,
        message: &Message,
        signal: Option<&Signal>,
    ) -> Result<(), Failure> {
        let invites = signal.is_some_and(|s| s.envelope.action == Action::Invite);
        let event = Event::MessageNew(Box::new(message.clone()));
        for user in self.parties(store, asked.app, message)? {
            for session in self.sessions_of(asked.app, &user).into_iter().filter(|s| *s != asked.session) {
                // Some engines start a callee's timer on an echoed invite and end the call by it.
                let own = user == asked.user && message.to != Peer::User(user.clone());
                if own && invites && self.sync_of(session) == Sync::Answers {
                    continue;
                }
                self.stats.messages_pushed += 1;
                self.push(session, event.clone());
            }
        }
        Ok(())
    }

    pub(crate) fn tell_all(
        &mut self,
        store: &dyn Store,
        app: AppId,
        message: &Message,
        but: Option<SessionId>,
        event: impl Fn(&UserId) -> Event,
    ) -> Result<(), Failure> {
        for user in self.parties(store, app, message)? {
            let event = event(&user);
            self.push_user(app, &user, but, &event);
        }
        Ok(())
    }

    fn parties(&self, store: &dyn Store, app: AppId, message: &Message) -> Result<Vec<UserId>, Failure> {
        match &message.to {
            Peer::User(to) if *to == message.from => Ok(vec![to.clone()]),
            Peer::User(to) => Ok(vec![message.from.clone(), to.clone()]),
            Peer::Group(group) => {
                let members = store.members(app, group, 0, self.config.group_members_max)?;
                // Who came later is not told of changes to what it may not read; 0 is a message that is not stored.
                let reads = |row: &MemberRow| message.seq == 0 || row.from_seq <= message.seq;
                Ok(members.into_iter().filter(|(_, row)| reads(row)).map(|(user, _)| user).collect())
            }
        }
    }

    fn sync_of(&self, session: SessionId) -> Sync {
        self.sessions.get(&session).map(|s| s.device.sync).unwrap_or_default()
    }
}

/// Whom the conversation is with, as `user` sees it.
fn seen_by(message: &Message, user: &UserId) -> Peer {
    match &message.to {
        Peer::User(to) if to == user => Peer::User(message.from.clone()),
        Peer::User(_) | Peer::Group(_) => message.to.clone(),
    }
}

fn signal_of(kind: &str, payload: &Map<String, Value>) -> Option<Signal> {
    let data = payload.get("data").and_then(Value::as_str).filter(|_| kind == "custom")?;
    Signal::parse(data).ok()
}
