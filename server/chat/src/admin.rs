//! What an administrator does without a session: verbs in a user's name, and the end of a user's sessions.

use crate::chat::{Asked, Chat};
use crate::{SessionId, Store};
use carillon_proto::gateway::{ByeReason, ErrorBody, Platform, Request, SendMessage};
use carillon_proto::id::{AppId, GroupId, UserId};
use carillon_proto::time::Now;
use serde_json::Value;

/// No session is this one: everybody is told, the user's own devices too.
const NO_SESSION: SessionId = SessionId(u64::MAX);

impl Chat {
    /// One of the chat verbs as if `user` had asked it, whole or not at all. What others are told comes as output.
    pub fn act_for(
        &mut self,
        now: Now,
        store: &mut dyn Store,
        app: AppId,
        user: UserId,
        request: Request,
    ) -> Result<Value, ErrorBody> {
        self.answer(store, &Asked { now, session: NO_SESSION, app, user }, request)
    }

    /// A message that the server writes in `user`'s name; `session`, which had it do so, is not told.
    pub fn send_for(
        &mut self,
        now: Now,
        store: &mut dyn Store,
        app: AppId,
        (user, session): (UserId, Option<SessionId>),
        message: SendMessage,
    ) -> Result<(), ErrorBody> {
        let asked = Asked { now, session: session.unwrap_or(NO_SESSION), app, user };
        self.answer(store, &asked, Request::SendMessage(message)).map(drop)
    }

    /// Ends all sessions of a user.
    pub fn kick(&mut self, app: AppId, user: &UserId) {
        for session in self.sessions_of(app, user) {
            self.stats.sessions_kicked += 1;
            self.end(session, ByeReason::KickedByAdmin);
        }
    }

    /// Of a user's sessions, oldest first.
    pub fn platforms_of(&self, app: AppId, user: &UserId) -> Vec<Platform> {
        let sessions = self.sessions_of(app, user).into_iter();
        sessions.filter_map(|session| Some(self.sessions.get(&session)?.device.platform)).collect()
    }

    pub fn owner_of(&self, store: &dyn Store, app: AppId, group: &GroupId) -> Option<UserId> {
        store.group(app, group).ok().flatten().map(|row| row.owner)
    }
}
