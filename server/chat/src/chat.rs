//! The engine's face, and who is signed in with what.

use crate::limit::{Bucket, Tries};
use crate::{Command, Output, SessionId, Stats, Store, StoreError};
use carillon_config::chat::Chat as Config;
use carillon_config::{App, Apps, DevicePolicy, Secret};
use carillon_proto::gateway::{Device, ErrorBody, Event, Message, Profile, Request, code};
use carillon_proto::id::{AppId, GroupId, RoomId, UserId};
use carillon_proto::time::{Now, UnixMillis};
use carillon_proto::user_sig::{PrivateMapKey, SigError, UserSig};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// Why the engine wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    UserSigExpires,
}

/// Accounts, devices, messages, groups of all apps.
#[derive(Debug)]
pub struct Chat {
    pub(crate) config: Config,
    pub(crate) apps: BTreeMap<AppId, AppRules>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) users: BTreeMap<(AppId, UserId), Presence>,
    pub(crate) watchers: BTreeMap<(AppId, UserId), BTreeSet<SessionId>>,
    pub(crate) expiries: BTreeSet<(Instant, SessionId)>,
    pub(crate) bad_sigs: BTreeMap<(AppId, String), Tries>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) stats: Stats,
    seed: u64,
    drawn: u64,
}

#[derive(Debug)]
pub(crate) struct AppRules {
    pub(crate) keys: Vec<Secret>,
    pub(crate) devices: DevicePolicy,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) app: AppId,
    pub(crate) user: UserId,
    pub(crate) device: Device,
    pub(crate) expires: Instant,
    pub(crate) watched: BTreeSet<UserId>,
}

/// A user with at least one session.
#[derive(Debug)]
pub(crate) struct Presence {
    /// Oldest first.
    pub(crate) sessions: Vec<SessionId>,
    /// The custom status and the session that set it, with which it ends.
    pub(crate) custom: Option<(SessionId, String)>,
    pub(crate) messages: Bucket,
    pub(crate) invitations: Bucket,
    /// The last messages that were not stored, so that a repeated send is known.
    pub(crate) unstored: VecDeque<Message>,
}

/// What a verb answers: JSON, the client's fault, or the store's.
pub(crate) type Answer = Result<Value, Failure>;

#[derive(Debug)]
pub(crate) enum Failure {
    Client(ErrorBody),
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(crate) fn refuse<T>(code: i32, message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Client(ErrorBody::new(code, message)))
}

impl Chat {
    /// `seed` keeps message ids of two runs apart.
    pub fn new(config: Config, apps: &Apps, seed: u64) -> Self {
        let rules = |app: &App| (AppId(app.id), AppRules { keys: app.keys.clone(), devices: app.devices });
        Self {
            config,
            apps: apps.iter().map(rules).collect(),
            sessions: BTreeMap::new(),
            users: BTreeMap::new(),
            watchers: BTreeMap::new(),
            expiries: BTreeSet::new(),
            bad_sigs: BTreeMap::new(),
            outputs: VecDeque::new(),
            stats: Stats::default(),
            seed,
            drawn: 0,
        }
    }

    pub fn handle_command(&mut self, now: Now, store: &mut dyn Store, command: Command) {
        match command {
            Command::SignIn { session, app, user, user_sig, device } => {
                self.sign_in(now, store, session, app, &user, &user_sig, device);
            }
            Command::SignOut { session } => self.sign_out(session),
            Command::Request { session, re, request } => {
                let Some(who) = self.sessions.get(&session).map(|s| (s.app, s.user.clone())) else { return };
                let asked = Asked { now, session, app: who.0, user: who.1 };
                let result = self.answer(store, &asked, request);
                self.outputs.push_back(Output::Reply { session, re, result });
            }
            Command::SetGroupAttribute { app, group, key, value } => {
                let set = |chat: &mut Self, store: &mut dyn Store| {
                    chat.set_server_attribute(store, app, &group, &key, value.as_deref())
                };
                if let Err(error) = self.whole(store, set) {
                    tracing::warn!(?error, "a group attribute of a call was not set");
                }
            }
        }
    }

    pub fn handle_timeout(&mut self, now: Now, _store: &mut dyn Store) {
        while let Some(&(at, session)) = self.expiries.first()
            && at <= now.instant
        {
            self.stats.sessions_expired += 1;
            self.end(session, carillon_proto::gateway::ByeReason::UserSigExpired);
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        self.expiries.first().map(|(at, _)| (*at, Reason::UserSigExpires))
    }

    pub fn stats(&self) -> Stats {
        Stats { sessions: self.sessions.len() as u64, users_online: self.users.len() as u64, ..self.stats }
    }

    pub fn is_member(&self, store: &dyn Store, app: AppId, group: &GroupId, user: &UserId) -> bool {
        matches!(store.member(app, group, user), Ok(Some(_)))
    }

    pub fn is_online(&self, app: AppId, user: &UserId) -> bool {
        self.users.contains_key(&(app, user.clone()))
    }

    pub fn profile(&self, store: &dyn Store, app: AppId, user: &UserId) -> Option<Profile> {
        store.profile(app, user).ok().flatten()
    }

    /// A user's sessions, oldest first.
    pub fn sessions_of(&self, app: AppId, user: &UserId) -> Vec<SessionId> {
        self.users.get(&(app, user.clone())).map(|p| p.sessions.clone()).unwrap_or_default()
    }

    /// For clients that show a UserSig without opening a session.
    pub fn check_user_sig(&self, now: Now, app: AppId, user: &str, sig: &str) -> Result<UserId, ErrorBody> {
        self.check_sig(now, app, user, sig).map(|(user, _)| user)
    }

    /// The privilege bits of a PrivateMapKey.
    pub fn check_private_map_key(
        &self,
        now: Now,
        app: AppId,
        user: &UserId,
        room: &RoomId,
        key: &str,
    ) -> Result<u32, ErrorBody> {
        let keys = self.keys(app)?;
        let checked = PrivateMapKey::check(key, app, user, room, &keys, now.wall);
        checked.map(|key| key.privileges.0).map_err(|error| error.body())
    }

    pub(crate) fn check_sig(
        &self,
        now: Now,
        app: AppId,
        user: &str,
        sig: &str,
    ) -> Result<(UserId, UserSig), ErrorBody> {
        let keys = self.keys(app)?;
        let bad = || ErrorBody::new(code::INVALID_USER, "a userID has 1 to 32 letters, digits, - or _");
        let user = UserId::new(user).ok_or_else(bad)?;
        let checked = UserSig::check(sig, app, &user, &keys, now.wall).map_err(|error| error.body())?;
        let last = UnixMillis::from_secs(checked.time).plus(self.config.user_sig_life_max());
        if now.wall > last {
            return Err(SigError::Expired.body());
        }
        Ok((user, checked))
    }

    fn keys(&self, app: AppId) -> Result<Vec<&str>, ErrorBody> {
        let unknown = || ErrorBody::new(code::NO_APP, format!("there is no app {}", app.0));
        let rules = self.apps.get(&app).ok_or_else(unknown)?;
        Ok(rules.keys.iter().map(Secret::reveal).collect())
    }

    /// Runs one command whole or not at all: what it wrote and said is taken back where the store fails.
    pub(crate) fn whole<T>(
        &mut self,
        store: &mut dyn Store,
        run: impl FnOnce(&mut Self, &mut dyn Store) -> Result<T, Failure>,
    ) -> Result<T, ErrorBody> {
        let said = self.outputs.len();
        let done = match store.mark_command() {
            Ok(()) => run(self, store),
            Err(error) => Err(Failure::Store(error)),
        };
        let done = done.and_then(|value| Ok(store.keep_command().map(|()| value)?));
        done.map_err(|failure| {
            self.outputs.truncate(said);
            if let Err(error) = store.undo_command() {
                tracing::error!(%error, "a command could not be taken back");
            }
            match failure {
                Failure::Client(error) => error,
                Failure::Store(error) => {
                    self.stats.store_failures += 1;
                    tracing::error!(%error, "a command was taken back");
                    ErrorBody::new(code::INTERNAL, "the server could not store this; try again")
                }
            }
        })
    }

    pub(crate) fn push(&mut self, session: SessionId, event: Event) {
        self.outputs.push_back(Output::Push { session, event });
    }

    /// To all sessions of a user but one.
    pub(crate) fn push_user(&mut self, app: AppId, user: &UserId, but: Option<SessionId>, event: &Event) {
        for session in self.sessions_of(app, user).into_iter().filter(|s| Some(*s) != but) {
            self.push(session, event.clone());
        }
    }

    pub(crate) fn answer(
        &mut self,
        store: &mut dyn Store,
        asked: &Asked,
        request: Request,
    ) -> Result<Value, ErrorBody> {
        let sent = if let Request::SendMessage(send) = &request { Some(send.client_id.clone()) } else { None };
        let failures = self.stats.store_failures;
        let result = self.whole(store, |chat, store| chat.request(store, asked, request));
        if let Some(client_id) = sent.filter(|_| self.stats.store_failures > failures) {
            self.forget_unstored(asked, &client_id);
        }
        result
    }

    /// A text that no other run of this server draws.
    pub(crate) fn draw(&mut self, now: Now) -> String {
        self.drawn += 1;
        format!("{:x}-{:x}-{:x}", now.wall.0, self.seed & 0xFFFF_FFFF, self.drawn)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the other verbs are the groups' or, at last, nobody's here")]
    fn request(&mut self, store: &mut dyn Store, asked: &Asked, request: Request) -> Answer {
        match request {
            Request::SendMessage(send) => self.send(store, asked, send),
            Request::ModifyMessage(modify) => self.modify(store, asked, modify),
            Request::RevokeMessage { id } => self.revoke(store, asked, &id),
            Request::ListMessages { with, before, limit } => self.list(store, asked, &with, before, limit),
            Request::MarkRead { with, seq } => self.mark_read(store, asked, &with, seq),
            Request::ListConversations {} => self.list_conversations(store, asked),
            Request::DeleteConversation { with } => self.delete_conversation(store, asked, &with),
            Request::GetProfiles { users } => self.get_profiles(store, asked, &users),
            Request::SetProfile { nick, avatar } => self.set_profile(store, asked, nick, avatar),
            Request::FindUser { user } => self.find_user(store, asked, &user),
            Request::SetStatus { custom } => self.set_status(asked, custom),
            Request::GetStatus { users } => self.get_status(asked, &users),
            Request::WatchStatus { users } => self.watch(asked, users),
            Request::UnwatchStatus { users } => self.unwatch(asked, users),
            group => self.group_request(store, asked, group),
        }
    }
}

/// Who asks, and when.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) now: Now,
    pub(crate) session: SessionId,
    pub(crate) app: AppId,
    pub(crate) user: UserId,
}
