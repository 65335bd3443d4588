//! Profiles, who is online, custom status, and who watches whom.

use crate::SessionId;
use crate::Store;
use crate::chat::{Answer, Asked, Chat, refuse};
use carillon_proto::gateway::{Event, Profile, Status, code};
use carillon_proto::id::{AppId, UserId};
use serde_json::json;

impl Chat {
    pub(crate) fn get_profiles(&mut self, store: &dyn Store, asked: &Asked, users: &[String]) -> Answer {
        self.check_count(users.len())?;
        let mut profiles = Vec::new();
        for user in users {
            profiles.push(match UserId::new(user.as_str()) {
                Some(user) => store.profile(asked.app, &user)?,
                None => None,
            });
        }
        Ok(json!({ "profiles": profiles }))
    }

    pub(crate) fn find_user(&mut self, store: &dyn Store, asked: &Asked, user: &str) -> Answer {
        let profile = match UserId::new(user) {
            Some(user) => store.profile(asked.app, &user)?,
            None => None,
        };
        Ok(json!({ "profile": profile }))
    }

    pub(crate) fn set_profile(
        &mut self,
        store: &mut dyn Store,
        asked: &Asked,
        nick: Option<String>,
        avatar: Option<String>,
    ) -> Answer {
        if nick.as_ref().is_some_and(|n| n.len() > self.config.nick_bytes_max) {
            return refuse(code::TOO_LARGE, format!("nick: {} bytes at most", self.config.nick_bytes_max));
        }
        if avatar.as_ref().is_some_and(|a| a.len() > self.config.avatar_bytes_max) {
            return refuse(code::TOO_LARGE, format!("avatar: {} bytes at most", self.config.avatar_bytes_max));
        }
        let before = store.profile(asked.app, &asked.user)?;
        let (old_nick, old_avatar) = before.map(|p| (p.nick, p.avatar)).unwrap_or_default();
        let profile =
            Profile { user: asked.user.clone(), nick: nick.unwrap_or(old_nick), avatar: avatar.unwrap_or(old_avatar) };
        store.put_profile(asked.app, &profile)?;
        let event = Event::ProfileChanged(profile.clone());
        self.push_user(asked.app, &asked.user, Some(asked.session), &event);
        for session in self.watchers_of(asked.app, &asked.user) {
            self.push(session, event.clone());
        }
        Ok(json!({ "profile": profile }))
    }

    pub(crate) fn set_status(&mut self, asked: &Asked, custom: String) -> Answer {
        if custom.len() > self.config.custom_status_bytes_max {
            return refuse(code::TOO_LARGE, format!("status: {} bytes at most", self.config.custom_status_bytes_max));
        }
        if let Some(presence) = self.users.get_mut(&(asked.app, asked.user.clone())) {
            presence.custom = (!custom.is_empty()).then_some((asked.session, custom));
        }
        self.tell_status(asked.app, &asked.user, Some(asked.session));
        Ok(json!({}))
    }

    pub(crate) fn get_status(&mut self, asked: &Asked, users: &[UserId]) -> Answer {
        self.check_count(users.len())?;
        let statuses: Vec<Status> = users.iter().map(|u| self.status(asked.app, u)).collect();
        Ok(json!({ "statuses": statuses }))
    }

    pub(crate) fn watch(&mut self, asked: &Asked, users: Vec<UserId>) -> Answer {
        self.check_count(users.len())?;
        let Some(session) = self.sessions.get_mut(&asked.session) else { return Ok(json!({})) };
        let fresh = users.iter().filter(|u| !session.watched.contains(*u)).count();
        if session.watched.len() + fresh > self.config.watched_users_max {
            let max = self.config.watched_users_max;
            return refuse(code::LIMIT_REACHED, format!("one device may watch {max} users"));
        }
        session.watched.extend(users.iter().cloned());
        for user in &users {
            self.watchers.entry((asked.app, user.clone())).or_default().insert(asked.session);
        }
        let statuses: Vec<Status> = users.iter().map(|u| self.status(asked.app, u)).collect();
        Ok(json!({ "statuses": statuses }))
    }

    pub(crate) fn unwatch(&mut self, asked: &Asked, users: Vec<UserId>) -> Answer {
        let Some(session) = self.sessions.get_mut(&asked.session) else { return Ok(json!({})) };
        let users: Vec<UserId> = if users.is_empty() { session.watched.iter().cloned().collect() } else { users };
        for user in users {
            if let Some(session) = self.sessions.get_mut(&asked.session) {
                session.watched.remove(&user);
            }
            self.forget_watcher(asked.app, user, asked.session);
        }
        Ok(json!({}))
    }

    pub(crate) fn forget_watcher(&mut self, app: AppId, user: UserId, session: SessionId) {
        let key = (app, user);
        if let Some(watchers) = self.watchers.get_mut(&key) {
            watchers.remove(&session);
            if watchers.is_empty() {
                self.watchers.remove(&key);
            }
        }
    }

    /// To the user's watchers, and to its sessions but one.
    pub(crate) fn tell_status(&mut self, app: AppId, user: &UserId, but: Option<SessionId>) {
        self.tell_watchers(app, user);
        let event = Event::StatusChanged(self.status(app, user));
        self.push_user(app, user, but, &event);
    }

    pub(crate) fn tell_watchers(&mut self, app: AppId, user: &UserId) {
        let event = Event::StatusChanged(self.status(app, user));
        for session in self.watchers_of(app, user) {
            self.push(session, event.clone());
        }
    }

    pub(crate) fn check_count(&self, count: usize) -> Result<(), crate::chat::Failure> {
        let max = self.config.users_per_request_max;
        if count > max { refuse(code::LIMIT_REACHED, format!("{max} users at most in one request")) } else { Ok(()) }
    }

    fn watchers_of(&self, app: AppId, user: &UserId) -> Vec<SessionId> {
        self.watchers.get(&(app, user.clone())).map(|w| w.iter().copied().collect()).unwrap_or_default()
    }

    fn status(&self, app: AppId, user: &UserId) -> Status {
        let presence = self.users.get(&(app, user.clone()));
        let custom = presence.and_then(|p| p.custom.clone()).map(|(_, text)| text).unwrap_or_default();
        Status { user: user.clone(), online: presence.is_some(), custom }
    }
}
