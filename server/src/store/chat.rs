//! The chat engine's rows in SQLite.

use super::{SqliteStore, corrupt, from_json, to_json, unavailable};
use carillon_chat::{
    GroupKind, GroupRow, Mark, MemberRow, OpenInvitation, Store, StoreError, StoreResult, Thread, ThreadState,
    is_counted,
};
use carillon_proto::gateway::{Message, Profile, Role};
use carillon_proto::id::{AppId, GroupId, InviteId, MessageId, UserId};
use rusqlite::{Row, params};
use std::collections::BTreeMap;

/// SQLite's integers are signed; `u64::MAX` stands for "no bound" here.
fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn user(text: String) -> StoreResult<UserId> {
    UserId::new(text).ok_or_else(|| corrupt("a user id of a wrong form"))
}

fn group_id(text: String) -> StoreResult<GroupId> {
    GroupId::new(text).ok_or_else(|| corrupt("a group id of a wrong form"))
}

fn mark_of(row: &Row<'_>) -> rusqlite::Result<Mark> {
    Ok(Mark { read_seq: row.get::<_, i64>(0)? as u64, listed: row.get(1)?, shown_ms: row.get::<_, i64>(2)? as u64 })
}

fn member_of(row: &Row<'_>) -> rusqlite::Result<MemberRow> {
    Ok(MemberRow {
        role: if row.get(0)? { Role::Owner } else { Role::Member },
        joined_ms: row.get::<_, i64>(1)? as u64,
        from_seq: row.get::<_, i64>(2)? as u64,
        read_seq: row.get::<_, i64>(3)? as u64,
        hidden_seq: row.get::<_, i64>(4)? as u64,
    })
}

impl SqliteStore {
    fn message_where(&self, sql: &str, values: impl rusqlite::Params) -> StoreResult<Option<Message>> {
        let body = self.one(sql, values, |row| row.get::<_, String>(0))?;
        body.map(|text| from_json(&text)).transpose()
    }
}

impl Store for SqliteStore {
    fn mark_command(&mut self) -> StoreResult<()> {
        self.begin()?;
        self.connection.execute_batch("SAVEPOINT command").map_err(unavailable)?;
        self.redo.begin_command();
        Ok(())
    }

    fn keep_command(&mut self) -> StoreResult<()> {
        self.connection.execute_batch("RELEASE command").map_err(unavailable)?;
        self.redo.keep_command();
        Ok(())
    }

    fn undo_command(&mut self) -> StoreResult<()> {
        self.redo.undo_command();
        // SQLite has taken back more than that, which is made up for.
        if self.is_lost() {
            return Ok(());
        }
        self.connection.execute_batch("ROLLBACK TO command; RELEASE command").map_err(unavailable)
    }

    fn profile(&self, app: AppId, user: &UserId) -> StoreResult<Option<Profile>> {
        let sql = "SELECT nick, avatar FROM profiles WHERE app = ?1 AND user = ?2";
        self.one(sql, params![app.0, user.as_str()], |row| {
            Ok(Profile { user: user.clone(), nick: row.get(0)?, avatar: row.get(1)? })
        })
    }

    fn put_profile(&mut self, app: AppId, profile: &Profile) -> StoreResult<()> {
        let sql = "INSERT OR REPLACE INTO profiles VALUES (?1, ?2, ?3, ?4)";
        self.run(sql, params![app.0, profile.user.as_str(), profile.nick, profile.avatar])
    }

    fn thread(&self, app: AppId, thread: &Thread) -> StoreResult<ThreadState> {
        let sql = "SELECT last_seq, shown_seq, shown_ms FROM threads WHERE app = ?1 AND thread = ?2";
        let state = self.one(sql, params![app.0, thread.to_string()], |row| {
            Ok(ThreadState {
                last_seq: row.get::<_, i64>(0)? as u64,
                shown_seq: row.get::<_, i64>(1)? as u64,
                shown_ms: row.get::<_, i64>(2)? as u64,
            })
        });
        Ok(state?.unwrap_or_default())
    }

    fn append(&mut self, app: AppId, message: &Message) -> StoreResult<()> {
        let thread = Thread::of(message);
        let state = self.thread(app, &thread)?.with(message)?;
        let key = thread.to_string();
        let client_id = (!message.client_id.is_empty()).then_some(message.client_id.as_str());
        let (id, sender, body) = (message.id.as_str(), message.from.as_str(), to_json(message)?);
        let counted = is_counted(message);
        let row = params![app.0, key, int(message.seq), id, sender, client_id, int(message.time_ms), counted, body];
        self.run("INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", row)?;
        let row = params![app.0, key, int(state.last_seq), int(state.shown_seq), int(state.shown_ms)];
        self.run("INSERT OR REPLACE INTO threads VALUES (?1, ?2, ?3, ?4, ?5)", row)
    }

    fn update_message(&mut self, app: AppId, message: &Message) -> StoreResult<()> {
        let sql = "UPDATE messages SET body = ?3, counted = ?4 WHERE app = ?1 AND id = ?2";
        self.run(sql, params![app.0, message.id.as_str(), to_json(message)?, is_counted(message)])
    }

    fn message(&self, app: AppId, id: &MessageId) -> StoreResult<Option<Message>> {
        self.message_where("SELECT body FROM messages WHERE app = ?1 AND id = ?2", params![app.0, id.as_str()])
    }

    fn message_at(&self, app: AppId, thread: &Thread, seq: u64) -> StoreResult<Option<Message>> {
        let sql = "SELECT body FROM messages WHERE app = ?1 AND thread = ?2 AND seq = ?3";
        self.message_where(sql, params![app.0, thread.to_string(), int(seq)])
    }

    fn message_by_client_id(&self, app: AppId, from: &UserId, client_id: &str) -> StoreResult<Option<Message>> {
        let sql = "SELECT body FROM messages WHERE app = ?1 AND sender = ?2 AND client_id = ?3";
        self.message_where(sql, params![app.0, from.as_str(), client_id])
    }

    fn messages(&self, app: AppId, thread: &Thread, from: u64, before: u64, limit: u16) -> StoreResult<Vec<Message>> {
        let sql = "SELECT body FROM messages WHERE app = ?1 AND thread = ?2 AND seq >= ?3 AND seq < ?4
            ORDER BY seq DESC LIMIT ?5";
        let values = params![app.0, thread.to_string(), int(from), int(before), limit];
        let bodies = self.all(sql, values, |row| row.get::<_, String>(0))?;
        bodies.iter().rev().map(|body| from_json(body)).collect()
    }

    fn unread(&self, app: AppId, thread: &Thread, user: &UserId, after_seq: u64, max: u32) -> StoreResult<u32> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM messages WHERE app = ?1 AND thread = ?2 AND seq > ?3
            AND counted = 1 AND sender <> ?4 LIMIT ?5)";
        let values = params![app.0, thread.to_string(), int(after_seq), user.as_str(), max];
        Ok(self.one(sql, values, |row| row.get(0))?.unwrap_or_default())
    }

    fn mark(&self, app: AppId, user: &UserId, peer: &UserId) -> StoreResult<Option<Mark>> {
        let sql = "SELECT read_seq, listed, shown_ms FROM marks WHERE app = ?1 AND user = ?2 AND peer = ?3";
        self.one(sql, params![app.0, user.as_str(), peer.as_str()], mark_of)
    }

    fn put_mark(&mut self, app: AppId, user: &UserId, peer: &UserId, mark: &Mark) -> StoreResult<()> {
        let (read, shown) = (int(mark.read_seq), int(mark.shown_ms));
        let row = params![app.0, user.as_str(), peer.as_str(), read, mark.listed, shown];
        self.run("INSERT OR REPLACE INTO marks VALUES (?1, ?2, ?3, ?4, ?5, ?6)", row)
    }

    fn newest_marks(&self, app: AppId, of: &UserId, limit: usize) -> StoreResult<Vec<(UserId, Mark)>> {
        let sql = "SELECT read_seq, listed, shown_ms, peer FROM marks WHERE app = ?1 AND user = ?2 AND listed = 1
            ORDER BY shown_ms DESC, peer DESC LIMIT ?3";
        let values = params![app.0, of.as_str(), int(limit as u64)];
        let rows = self.all(sql, values, |row| Ok((row.get::<_, String>(3)?, mark_of(row)?)))?;
        rows.into_iter().map(|(peer, mark)| Ok((user(peer)?, mark))).collect()
    }

    fn group(&self, app: AppId, group: &GroupId) -> StoreResult<Option<GroupRow>> {
        let sql = "SELECT kind, owner, name, avatar, introduction, notification, created_ms, first_seq, member_count
            FROM groups WHERE app = ?1 AND id = ?2";
        let read = |row: &Row<'_>| {
            let texts: [String; 6] = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
            Ok((texts, row.get::<_, i64>(6)? as u64, row.get::<_, i64>(7)? as u64, row.get(8)?))
        };
        let Some((texts, created_ms, first_seq, member_count)) = self.one(sql, params![app.0, group.as_str()], read)?
        else {
            return Ok(None);
        };
        let [kind, owner, name, avatar, introduction, notification] = texts;
        let kind = GroupKind::from_name(&kind).ok_or_else(|| corrupt("a group of an unknown type"))?;
        let owner = user(owner)?;
        Ok(Some(GroupRow {
            kind,
            name,
            avatar,
            introduction,
            notification,
            owner,
            created_ms,
            first_seq,
            member_count,
        }))
    }

    fn put_group(&mut self, app: AppId, group: &GroupId, row: &GroupRow) -> StoreResult<()> {
        let sql = "INSERT INTO groups VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0)
            ON CONFLICT DO UPDATE SET kind = ?3, name = ?4, avatar = ?5, introduction = ?6, notification = ?7,
            owner = ?8, created_ms = ?9, first_seq = ?10";
        let (created, first) = (int(row.created_ms), int(row.first_seq));
        let GroupRow { name, avatar, introduction, notification, .. } = row;
        let (kind, owner) = (row.kind.name(), row.owner.as_str());
        let id = group.as_str();
        self.run(sql, params![app.0, id, kind, name, avatar, introduction, notification, owner, created, first])
    }

    fn delete_group(&mut self, app: AppId, group: &GroupId) -> StoreResult<()> {
        self.run("DELETE FROM groups WHERE app = ?1 AND id = ?2", params![app.0, group.as_str()])?;
        self.run("DELETE FROM members WHERE app = ?1 AND grp = ?2", params![app.0, group.as_str()])?;
        self.run("DELETE FROM attributes WHERE app = ?1 AND grp = ?2", params![app.0, group.as_str()])
    }

    fn member(&self, app: AppId, group: &GroupId, user: &UserId) -> StoreResult<Option<MemberRow>> {
        let sql = "SELECT owner, joined_ms, from_seq, read_seq, hidden_seq FROM members
            WHERE app = ?1 AND grp = ?2 AND user = ?3";
        self.one(sql, params![app.0, group.as_str(), user.as_str()], member_of)
    }

    fn put_member(&mut self, app: AppId, group: &GroupId, user: &UserId, row: &MemberRow) -> StoreResult<()> {
        if self.member(app, group, user)?.is_none() {
            let sql = "UPDATE groups SET member_count = member_count + 1 WHERE app = ?1 AND id = ?2";
            self.run(sql, params![app.0, group.as_str()])?;
        }
        let owner = row.role == Role::Owner;
        let (joined, from, read, hidden) =
            (int(row.joined_ms), int(row.from_seq), int(row.read_seq), int(row.hidden_seq));
        let values = params![app.0, group.as_str(), user.as_str(), owner, joined, from, read, hidden];
        self.run("INSERT OR REPLACE INTO members VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", values)
    }

    fn delete_member(&mut self, app: AppId, group: &GroupId, user: &UserId) -> StoreResult<()> {
        if self.member(app, group, user)?.is_some() {
            let sql = "UPDATE groups SET member_count = member_count - 1 WHERE app = ?1 AND id = ?2";
            self.run(sql, params![app.0, group.as_str()])?;
        }
        let values = params![app.0, group.as_str(), user.as_str()];
        self.run("DELETE FROM members WHERE app = ?1 AND grp = ?2 AND user = ?3", values)
    }

    fn members(&self, app: AppId, group: &GroupId, offset: u32, limit: u32) -> StoreResult<Vec<(UserId, MemberRow)>> {
        let sql = "SELECT owner, joined_ms, from_seq, read_seq, hidden_seq, user FROM members
            WHERE app = ?1 AND grp = ?2 ORDER BY joined_ms, user LIMIT ?4 OFFSET ?3";
        let values = params![app.0, group.as_str(), offset, limit];
        let rows = self.all(sql, values, |row| Ok((row.get::<_, String>(5)?, member_of(row)?)))?;
        rows.into_iter().map(|(name, row)| Ok((user(name)?, row))).collect()
    }

    fn groups_of(&self, app: AppId, user: &UserId) -> StoreResult<Vec<GroupId>> {
        let sql = "SELECT grp FROM members WHERE app = ?1 AND user = ?2 ORDER BY grp";
        let rows = self.all(sql, params![app.0, user.as_str()], |row| row.get::<_, String>(0))?;
        rows.into_iter().map(group_id).collect()
    }

    fn attributes(&self, app: AppId, group: &GroupId) -> StoreResult<BTreeMap<String, String>> {
        let sql = "SELECT key, value FROM attributes WHERE app = ?1 AND grp = ?2";
        let rows = self.all(sql, params![app.0, group.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.into_iter().collect())
    }

    fn put_attribute(&mut self, app: AppId, group: &GroupId, key: &str, value: Option<&str>) -> StoreResult<()> {
        let id = group.as_str();
        match value {
            Some(value) => {
                self.run("INSERT OR REPLACE INTO attributes VALUES (?1, ?2, ?3, ?4)", params![app.0, id, key, value])
            }
            None => {
                self.run("DELETE FROM attributes WHERE app = ?1 AND grp = ?2 AND key = ?3", params![app.0, id, key])
            }
        }
    }

    fn open_invitation(&mut self, app: AppId, invitation: &OpenInvitation) -> StoreResult<()> {
        let OpenInvitation { invite, message, inviter, invitee, until_ms } = invitation;
        let (invite, invitee, inviter) = (invite.as_str(), invitee.as_str(), inviter.as_str());
        let row = params![app.0, invite, invitee, inviter, message.as_str(), int(*until_ms)];
        self.run("INSERT OR IGNORE INTO invitations VALUES (?1, ?2, ?3, ?4, ?5, ?6)", row)
    }

    fn close_invitation(&mut self, app: AppId, invite: &InviteId, by: &UserId) -> StoreResult<()> {
        let sql = "DELETE FROM invitations WHERE app = ?1 AND invite = ?2 AND (inviter = ?3 OR invitee = ?3)";
        self.run(sql, params![app.0, invite.as_str(), by.as_str()])
    }

    fn open_invitations(
        &self,
        app: AppId,
        invitee: &UserId,
        now_ms: u64,
        limit: usize,
    ) -> StoreResult<Vec<OpenInvitation>> {
        let sql = "SELECT invite, message, inviter, until_ms FROM invitations
            WHERE app = ?1 AND invitee = ?2 AND until_ms > ?3 ORDER BY until_ms DESC, invite DESC LIMIT ?4";
        let values = params![app.0, invitee.as_str(), int(now_ms), int(limit as u64)];
        let rows = self.all(sql, values, |row| {
            let texts: [String; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
            Ok((texts, row.get::<_, i64>(3)? as u64))
        })?;
        let read = |([invite, message, inviter], until_ms): ([String; 3], u64)| -> Result<_, StoreError> {
            Ok(OpenInvitation {
                invite: InviteId::new(invite).ok_or_else(|| corrupt("an invite id of a wrong form"))?,
                message: MessageId::new(message).ok_or_else(|| corrupt("a message id of a wrong form"))?,
                inviter: user(inviter)?,
                invitee: invitee.clone(),
                until_ms,
            })
        };
        rows.into_iter().rev().map(read).collect()
    }

    fn expire(&mut self, app: AppId, messages_before_ms: u64, now_ms: u64, limit: u32) -> StoreResult<u32> {
        let messages = "DELETE FROM messages WHERE (app, thread, seq) IN (SELECT app, thread, seq FROM messages
            WHERE app = ?1 AND time_ms < ?2 ORDER BY time_ms, thread, seq LIMIT ?3)";
        let messages = self.change(messages, params![app.0, int(messages_before_ms), limit])?;
        let invitations = "DELETE FROM invitations WHERE (app, invite, invitee) IN (SELECT app, invite, invitee
            FROM invitations WHERE app = ?1 AND until_ms <= ?2 ORDER BY until_ms, invite, invitee LIMIT ?3)";
        let invitations = self.change(invitations, params![app.0, int(now_ms), limit])?;
        Ok(u32::try_from(messages + invitations).unwrap_or(u32::MAX))
    }
}
