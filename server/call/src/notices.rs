//! Ringing that ends without a client's word: the caller left the room, or is away, or the server closed the call. The
//! devices are told by a cancel in the inviter's name, which they would else have from its client. That one comes
//! together with the leave: for a moment it is waited for, as two would be two lines in the history.

use crate::Reason;
use crate::call::Call;
use crate::saved::notice_save_key;
use crate::switchboard::{CallKey, Switchboard};
use crate::timers::{Moment, Owner};
use crate::words::{Sending, signal_of};
use carillon_proto::call::{Action, Envelope, Signal};
use carillon_proto::gateway::MediaType;
use carillon_proto::id::{AppId, GroupId, InviteId, RoomId, UserId};
use carillon_proto::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long the inviter's own cancel is waited for. A client sends it in the same breath as its leave; on a bad network
/// that is seconds apart. Longer: somebody picks up a phone that nobody calls.
pub(crate) const CLIENT_FIRST: Duration = Duration::from_secs(2);

/// A cancel to come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub app: AppId,
    pub invite: InviteId,
    inviter: UserId,
    group: Option<GroupId>,
    media: MediaType,
    room: RoomId,
    /// Where it rang.
    users: BTreeSet<UserId>,
    pub due: UnixMillis,
}

impl Switchboard {
    /// Takes note of what `call` took back by itself since the last look.
    pub(crate) fn note_withdrawn(&mut self, t: Moment, key: &CallKey) {
        let Some(call) = self.calls.get_mut(key) else { return };
        let mut withdrawn: BTreeMap<InviteId, BTreeSet<UserId>> = BTreeMap::new();
        for (invite, user) in std::mem::take(&mut call.withdrawn) {
            withdrawn.entry(invite).or_default().insert(user);
        }
        let call: &Call = call;
        let notices: Vec<Notice> = withdrawn
            .into_iter()
            .filter_map(|(invite, users)| {
                let Signal { envelope: Envelope { inviter, group, .. }, .. } =
                    signal_of(call, &invite, call.invitations.get(&invite)?);
                let (media, room, due) = (call.media, call.room.clone(), t.at.plus(CLIENT_FIRST));
                Some(Notice { app: key.0, invite, inviter, group, media, room, users, due })
            })
            .collect();
        for notice in notices {
            self.keep_notice((key.0, notice.invite.clone()), Some(notice));
        }
    }

    /// Somebody answers an invitation after its end, or its maker ends it too: that much less is to be said.
    pub(crate) fn heard(&mut self, key: &(AppId, InviteId), from: &UserId, action: Action, named: &[UserId]) {
        let Some(mut notice) = self.notices.get(key).cloned() else { return };
        let ends = matches!(action, Action::Cancel | Action::TimeOut) && *from == notice.inviter;
        if ends && named.is_empty() {
            notice.users.clear();
        }
        notice.users.retain(|user| user != from && !(ends && named.contains(user)));
        let left = !notice.users.is_empty();
        self.keep_notice(key.clone(), left.then_some(notice));
    }

    pub(crate) fn expire_notice(&mut self, t: Moment, key: &(AppId, InviteId)) {
        let Some(notice) = self.notices.get(key).cloned() else { return };
        self.keep_notice(key.clone(), None);
        let Notice { app, invite, inviter, group, media, room, users, .. } = notice;
        let users: Vec<UserId> = users.into_iter().collect();
        let word = Signal::invite(invite, inviter.clone(), users.clone(), group, media, room).cancel(users);
        self.say(t, (app, &inviter), &word, None, Sending::Word);
    }

    pub(crate) fn keep_notice(&mut self, key: (AppId, InviteId), notice: Option<Notice>) {
        let due = notice.as_ref().map(|notice| (notice.due, Reason::Notice));
        self.timers.set(Owner::Notice(key.0, key.1.clone()), due);
        self.save(notice_save_key(&key), notice.as_ref().and_then(|notice| serde_json::to_string(notice).ok()));
        match notice {
            Some(notice) => drop(self.notices.insert(key, notice)),
            None => drop(self.notices.remove(&key)),
        }
    }
}
