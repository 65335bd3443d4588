//! Who may sign in, which of its other devices must go, and what it gets to know first.

use crate::chat::{Chat, Failure, Presence, Session};
use crate::limit::{Bucket, Tries};
use crate::{Output, SessionId, Store};
use carillon_config::DevicePolicy;
use carillon_proto::gateway::{ByeReason, Device, ErrorBody, Profile, Snapshot, code};
use carillon_proto::id::{AppId, UserId};
use carillon_proto::time::{Now, UnixMillis};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

impl Chat {
    #[expect(clippy::too_many_arguments, reason = "a sign-in is all of these")]
    pub(crate) fn sign_in(
        &mut self,
        now: Now,
        store: &mut dyn Store,
        session: SessionId,
        app: AppId,
        user: &str,
        user_sig: &str,
        device: Device,
    ) {
        let checked = self.check_sig(now, app, user, user_sig);
        let (user, sig) = match checked {
            Ok(checked) => checked,
            Err(error) => return self.refuse(now, session, app, user, error),
        };
        let last = UnixMillis::from_secs(sig.time).plus(self.config.user_sig_life_max());
        let life = sig.expires().min(last).since(now.wall);
        let snapshot = self.whole(store, |chat, store| chat.snapshot(now, store, app, &user));
        match snapshot {
            Err(error) => self.outputs.push_back(Output::Refused { session, error }),
            Ok(snapshot) => {
                let ended = self.give_way(app, &user, &device);
                self.open(now, session, app, &user, device.clone(), life);
                // Only now: a user who changes devices was never gone.
                for (old, reason) in ended {
                    self.end(old, reason);
                }
                self.stats.sign_ins += 1;
                let snapshot = Box::new(snapshot);
                self.outputs.push_back(Output::SignedIn { session, app, user, device, snapshot });
            }
        }
    }

    /// The session is over for a reason outside this engine.
    pub(crate) fn sign_out(&mut self, session: SessionId) {
        let Some(Session { app, user, expires, watched, .. }) = self.sessions.remove(&session) else { return };
        self.expiries.remove(&(expires, session));
        for watched in watched {
            self.forget_watcher(app, watched, session);
        }
        let key = (app, user);
        let Some(presence) = self.users.get_mut(&key) else { return };
        presence.sessions.retain(|s| *s != session);
        // A device says what it is doing: gone, it says nothing, or "in a call" would stay for as long as another is on.
        let said = presence.custom.take_if(|(by, _)| *by == session).is_some();
        if presence.sessions.is_empty() {
            self.users.remove(&key);
            self.outputs.push_back(Output::Presence { app, user: key.1.clone(), online: false });
            self.tell_watchers(app, &key.1);
        } else if said {
            self.tell_status(app, &key.1, None);
        }
    }

    pub(crate) fn end(&mut self, session: SessionId, reason: ByeReason) {
        self.sign_out(session);
        self.outputs.push_back(Output::End { session, reason });
    }

    fn refuse(&mut self, now: Now, session: SessionId, app: AppId, user: &str, error: ErrorBody) {
        self.stats.sign_ins_refused += 1;
        let error = if self.count_bad_sig(now, app, user) {
            ErrorBody::new(code::TOO_MANY_TRIES, format!("too many refused tries, wait a minute; {}", error.message))
        } else {
            error
        };
        self.outputs.push_back(Output::Refused { session, error });
    }

    /// `true`: there were too many within this minute. A good UserSig passes all the same.
    fn count_bad_sig(&mut self, now: Now, app: AppId, user: &str) -> bool {
        let key = (app, user.chars().take(32).collect::<String>());
        if self.bad_sigs.len() >= self.config.bad_user_sig_users_max && !self.bad_sigs.contains_key(&key) {
            self.bad_sigs.retain(|_, t| now.instant.saturating_duration_since(t.since) < MINUTE);
            if self.bad_sigs.len() >= self.config.bad_user_sig_users_max {
                self.bad_sigs.pop_first();
            }
        }
        let tries = self.bad_sigs.entry(key).or_insert(Tries { since: now.instant, count: 0 });
        if now.instant.saturating_duration_since(tries.since) >= MINUTE {
            *tries = Tries { since: now.instant, count: 0 };
        }
        tries.count += 1;
        tries.count > self.config.bad_user_sigs_per_minute
    }

    /// Those sessions of the user that the policy lets give way to a new device.
    fn give_way(&mut self, app: AppId, user: &UserId, device: &Device) -> Vec<(SessionId, ByeReason)> {
        let mut ended = Vec::new();
        let policy = self.apps.get(&app).map(|rules| rules.devices).unwrap_or_default();
        let mut staying = 0;
        for old in self.sessions_of(app, user).into_iter().rev() {
            let Some(known) = self.sessions.get(&old) else { continue };
            let gives_way = match policy {
                DevicePolicy::All => false,
                DevicePolicy::OnePerPlatform => known.device.platform == device.platform,
                DevicePolicy::NewestWins => true,
            };
            if known.device.id == device.id {
                ended.push((old, ByeReason::KickedBySameDevice));
            } else if gives_way || staying + 1 >= self.config.devices_per_user_max {
                self.stats.sessions_kicked += 1;
                ended.push((old, ByeReason::KickedByDevice));
            } else {
                staying += 1;
            }
        }
        ended
    }

    fn open(&mut self, now: Now, session: SessionId, app: AppId, user: &UserId, device: Device, life: Duration) {
        let expires = now.instant + life;
        self.expiries.insert((expires, session));
        let watched = BTreeSet::new();
        self.sessions.insert(session, Session { app, user: user.clone(), device, expires, watched });
        let key = (app, user.clone());
        let is_first = !self.users.contains_key(&key);
        let presence = self.users.entry(key).or_insert_with(|| Presence {
            sessions: Vec::new(),
            custom: None,
            messages: Bucket::new(),
            invitations: Bucket::new(),
            unstored: VecDeque::new(),
        });
        presence.sessions.push(session);
        if is_first {
            self.outputs.push_back(Output::Presence { app, user: user.clone(), online: true });
            self.tell_watchers(app, user);
        }
    }

    fn snapshot(&mut self, now: Now, store: &mut dyn Store, app: AppId, user: &UserId) -> Result<Snapshot, Failure> {
        let profile = match store.profile(app, user)? {
            Some(profile) => profile,
            None => {
                let fresh = Profile { user: user.clone(), nick: String::new(), avatar: String::new() };
                store.put_profile(app, &fresh)?;
                fresh
            }
        };
        let mut open_invitations = Vec::new();
        for open in store.open_invitations(app, user, now.wall.0, self.config.open_invitations_max)? {
            let message = store.message(app, &open.message)?;
            open_invitations.extend(message.filter(|m| !m.revoked));
        }
        let conversations = self.conversations(store, app, user)?;
        Ok(Snapshot { profile, conversations, open_invitations, rooms: Vec::new(), calls: Vec::new() })
    }
}
