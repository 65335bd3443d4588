//! A store in memory, for tests: plain maps, and on demand a fault.

use super::is_counted;
use super::{GroupRow, Mark, MemberRow, OpenInvitation, Store, StoreError, StoreResult, Thread, ThreadState};
use carillon_proto::gateway::{Message, Profile};
use carillon_proto::id::{AppId, GroupId, InviteId, MessageId, UserId};
use std::cmp::Reverse;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Rows,
    /// What `undo_command` goes back to.
    before: Option<Rows>,
    writes_until_fault: Option<u32>,
}

#[derive(Debug, Clone, Default)]
struct Rows {
    profiles: BTreeMap<(AppId, UserId), Profile>,
    threads: BTreeMap<(AppId, Thread), ThreadState>,
    messages: BTreeMap<(AppId, Thread, u64), Message>,
    places: BTreeMap<(AppId, MessageId), (Thread, u64)>,
    client_ids: BTreeMap<(AppId, UserId, String), (Thread, u64)>,
    marks: BTreeMap<(AppId, UserId, UserId), Mark>,
    groups: BTreeMap<(AppId, GroupId), GroupRow>,
    members: BTreeMap<(AppId, GroupId, UserId), MemberRow>,
    attributes: BTreeMap<(AppId, GroupId), BTreeMap<String, String>>,
    invitations: BTreeMap<(AppId, InviteId, UserId), OpenInvitation>,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// `writes` more writes succeed, then all fail until this is called again; `None`: no fault.
    pub fn fail_after(&mut self, writes: Option<u32>) {
        self.writes_until_fault = writes;
    }

    fn write(&mut self) -> StoreResult<&mut Rows> {
        match &mut self.writes_until_fault {
            Some(0) => return Err(StoreError::Unavailable("a fault was asked for".to_owned())),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(&mut self.rows)
    }
}

impl Store for MemoryStore {
    fn mark_command(&mut self) -> StoreResult<()> {
        assert!(self.before.is_none(), "commands are not nested");
        self.before = Some(self.rows.clone());
        Ok(())
    }

    fn keep_command(&mut self) -> StoreResult<()> {
        self.before.take().map(|_| ()).ok_or_else(|| StoreError::Unavailable("no command is open".to_owned()))
    }

    fn undo_command(&mut self) -> StoreResult<()> {
        let before = self.before.take();
        self.rows = before.ok_or_else(|| StoreError::Unavailable("no command is open".to_owned()))?;
        Ok(())
    }

    fn profile(&self, app: AppId, user: &UserId) -> StoreResult<Option<Profile>> {
        Ok(self.rows.profiles.get(&(app, user.clone())).cloned())
    }

    fn put_profile(&mut self, app: AppId, profile: &Profile) -> StoreResult<()> {
        self.write()?.profiles.insert((app, profile.user.clone()), profile.clone());
        Ok(())
    }

    fn thread(&self, app: AppId, thread: &Thread) -> StoreResult<ThreadState> {
        Ok(self.rows.threads.get(&(app, thread.clone())).copied().unwrap_or_default())
    }

    fn append(&mut self, app: AppId, message: &Message) -> StoreResult<()> {
        let rows = self.write()?;
        let thread = Thread::of(message);
        let state = rows.threads.get(&(app, thread.clone())).copied().unwrap_or_default().with(message)?;
        let client_id = (app, message.from.clone(), message.client_id.clone());
        if rows.places.contains_key(&(app, message.id.clone())) || rows.client_ids.contains_key(&client_id) {
            return Err(StoreError::Corrupt("a message or client id twice".to_owned()));
        }
        let place = (thread.clone(), message.seq);
        if !message.client_id.is_empty() {
            rows.client_ids.insert(client_id, place.clone());
        }
        rows.places.insert((app, message.id.clone()), place);
        rows.threads.insert((app, thread.clone()), state);
        rows.messages.insert((app, thread, message.seq), message.clone());
        Ok(())
    }

    fn update_message(&mut self, app: AppId, message: &Message) -> StoreResult<()> {
        let key = (app, Thread::of(message), message.seq);
        if let Some(row) = self.write()?.messages.get_mut(&key) {
            row.payload.clone_from(&message.payload);
            row.cloud_custom_data.clone_from(&message.cloud_custom_data);
            row.modified = message.modified;
            row.revoked = message.revoked;
        }
        Ok(())
    }

    fn message(&self, app: AppId, id: &MessageId) -> StoreResult<Option<Message>> {
        let Some((thread, seq)) = self.rows.places.get(&(app, id.clone())) else { return Ok(None) };
        self.message_at(app, thread, *seq)
    }

    fn message_at(&self, app: AppId, thread: &Thread, seq: u64) -> StoreResult<Option<Message>> {
        Ok(self.rows.messages.get(&(app, thread.clone(), seq)).cloned())
    }

    fn message_by_client_id(&self, app: AppId, from: &UserId, client_id: &str) -> StoreResult<Option<Message>> {
        let place = self.rows.client_ids.get(&(app, from.clone(), client_id.to_owned()));
        let Some((thread, seq)) = place else { return Ok(None) };
        self.message_at(app, thread, *seq)
    }

    fn messages(&self, app: AppId, thread: &Thread, from: u64, before: u64, limit: u16) -> StoreResult<Vec<Message>> {
        if from >= before {
            return Ok(Vec::new());
        }
        let range = (app, thread.clone(), from)..(app, thread.clone(), before);
        let page = self.rows.messages.range(range).rev().take(usize::from(limit));
        let mut page: Vec<Message> = page.map(|(_, message)| message.clone()).collect();
        page.reverse();
        Ok(page)
    }

    fn unread(&self, app: AppId, thread: &Thread, user: &UserId, after_seq: u64, max: u32) -> StoreResult<u32> {
        let range = (app, thread.clone(), after_seq.saturating_add(1))..=(app, thread.clone(), u64::MAX);
        let counted = self.rows.messages.range(range).filter(|(_, m)| is_counted(m) && m.from != *user);
        Ok(u32::try_from(counted.count()).unwrap_or(u32::MAX).min(max))
    }

    fn mark(&self, app: AppId, user: &UserId, peer: &UserId) -> StoreResult<Option<Mark>> {
        Ok(self.rows.marks.get(&(app, user.clone(), peer.clone())).copied())
    }

    fn put_mark(&mut self, app: AppId, user: &UserId, peer: &UserId, mark: &Mark) -> StoreResult<()> {
        self.write()?.marks.insert((app, user.clone(), peer.clone()), *mark);
        Ok(())
    }

    fn newest_marks(&self, app: AppId, user: &UserId, limit: usize) -> StoreResult<Vec<(UserId, Mark)>> {
        let mine = self.rows.marks.iter().filter(|((a, u, _), mark)| *a == app && u == user && mark.listed);
        let mut mine: Vec<_> = mine.map(|((_, _, peer), mark)| (peer.clone(), *mark)).collect();
        mine.sort_by_key(|(peer, mark)| Reverse((mark.shown_ms, peer.clone())));
        mine.truncate(limit);
        Ok(mine)
    }

    fn group(&self, app: AppId, group: &GroupId) -> StoreResult<Option<GroupRow>> {
        Ok(self.rows.groups.get(&(app, group.clone())).cloned())
    }

    fn put_group(&mut self, app: AppId, group: &GroupId, row: &GroupRow) -> StoreResult<()> {
        let rows = self.write()?;
        let member_count = rows.groups.get(&(app, group.clone())).map_or(0, |old| old.member_count);
        rows.groups.insert((app, group.clone()), GroupRow { member_count, ..row.clone() });
        Ok(())
    }

    fn delete_group(&mut self, app: AppId, group: &GroupId) -> StoreResult<()> {
        let rows = self.write()?;
        rows.groups.remove(&(app, group.clone()));
        rows.attributes.remove(&(app, group.clone()));
        rows.members.retain(|(a, g, _), _| *a != app || g != group);
        Ok(())
    }

    fn member(&self, app: AppId, group: &GroupId, user: &UserId) -> StoreResult<Option<MemberRow>> {
        Ok(self.rows.members.get(&(app, group.clone(), user.clone())).copied())
    }

    fn put_member(&mut self, app: AppId, group: &GroupId, user: &UserId, row: &MemberRow) -> StoreResult<()> {
        let rows = self.write()?;
        let is_new = rows.members.insert((app, group.clone(), user.clone()), *row).is_none();
        if let Some(group) = rows.groups.get_mut(&(app, group.clone())).filter(|_| is_new) {
            group.member_count += 1;
        }
        Ok(())
    }

    fn delete_member(&mut self, app: AppId, group: &GroupId, user: &UserId) -> StoreResult<()> {
        let rows = self.write()?;
        let was_there = rows.members.remove(&(app, group.clone(), user.clone())).is_some();
        if let Some(group) = rows.groups.get_mut(&(app, group.clone())).filter(|_| was_there) {
            group.member_count -= 1;
        }
        Ok(())
    }

    fn members(&self, app: AppId, group: &GroupId, offset: u32, limit: u32) -> StoreResult<Vec<(UserId, MemberRow)>> {
        let all = self.rows.members.iter().filter(|((a, g, _), _)| *a == app && g == group);
        let mut all: Vec<_> = all.map(|((_, _, user), row)| (user.clone(), *row)).collect();
        all.sort_by_key(|(_, row)| row.joined_ms);
        Ok(all.into_iter().skip(offset as usize).take(limit as usize).collect())
    }

    fn groups_of(&self, app: AppId, user: &UserId) -> StoreResult<Vec<GroupId>> {
        let mine = self.rows.members.keys().filter(|(a, _, u)| *a == app && u == user);
        Ok(mine.map(|(_, group, _)| group.clone()).collect())
    }

    fn attributes(&self, app: AppId, group: &GroupId) -> StoreResult<BTreeMap<String, String>> {
        Ok(self.rows.attributes.get(&(app, group.clone())).cloned().unwrap_or_default())
    }

    fn put_attribute(&mut self, app: AppId, group: &GroupId, key: &str, value: Option<&str>) -> StoreResult<()> {
        let all = self.write()?.attributes.entry((app, group.clone())).or_default();
        match value {
            Some(value) => all.insert(key.to_owned(), value.to_owned()),
            None => all.remove(key),
        };
        Ok(())
    }

    fn open_invitation(&mut self, app: AppId, invitation: &OpenInvitation) -> StoreResult<()> {
        let key = (app, invitation.invite.clone(), invitation.invitee.clone());
        self.write()?.invitations.entry(key).or_insert_with(|| invitation.clone());
        Ok(())
    }

    fn close_invitation(&mut self, app: AppId, invite: &InviteId, by: &UserId) -> StoreResult<()> {
        let closes = |i: &OpenInvitation| i.invite == *invite && (i.inviter == *by || i.invitee == *by);
        self.write()?.invitations.retain(|(a, ..), invitation| *a != app || !closes(invitation));
        Ok(())
    }

    fn open_invitations(
        &self,
        app: AppId,
        invitee: &UserId,
        now_ms: u64,
        limit: usize,
    ) -> StoreResult<Vec<OpenInvitation>> {
        let open = |i: &OpenInvitation| i.invitee == *invitee && i.until_ms > now_ms;
        let all = self.rows.invitations.iter().filter(|((a, ..), i)| *a == app && open(i));
        let mut all: Vec<_> = all.map(|(_, invitation)| invitation.clone()).collect();
        all.sort_by_key(|i| (i.until_ms, i.invite.clone()));
        Ok(all[all.len().saturating_sub(limit)..].to_vec())
    }

    fn expire(&mut self, app: AppId, messages_before_ms: u64, now_ms: u64, limit: u32) -> StoreResult<u32> {
        let rows = self.write()?;
        let old = rows.messages.iter().filter(|((a, ..), m)| *a == app && m.time_ms < messages_before_ms);
        let old = oldest(old.map(|(key, m)| ((m.time_ms, key.1.to_string(), key.2), key.clone())), limit);
        for key in &old {
            let Some(message) = rows.messages.remove(key) else { continue };
            rows.places.remove(&(app, message.id));
            rows.client_ids.remove(&(app, message.from, message.client_id));
        }
        let over = rows.invitations.iter().filter(|((a, ..), i)| *a == app && i.until_ms <= now_ms);
        let over = oldest(over.map(|(key, i)| ((i.until_ms, key.clone()), key.clone())), limit);
        for key in &over {
            rows.invitations.remove(key);
        }
        Ok(u32::try_from(old.len() + over.len()).unwrap_or(u32::MAX))
    }
}

/// The keys of the `limit` rows that are first in the given order.
fn oldest<O: Ord, K>(rows: impl Iterator<Item = (O, K)>, limit: u32) -> Vec<K> {
    let mut rows: Vec<(O, K)> = rows.collect();
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    rows.into_iter().take(limit as usize).map(|(_, key)| key).collect()
}
