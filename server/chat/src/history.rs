//! Conversations, pages of history, and how far each user has read.

use crate::chat::{Answer, Asked, Chat, Failure, refuse};
use crate::{Mark, MemberRow, Store, Thread};
use carillon_proto::gateway::{Conversation, Event, Peer, code};
use carillon_proto::id::{AppId, UserId};
use serde_json::json;
use std::cmp::Reverse;

/// A page where the client names no size.
const PAGE: u16 = 20;

impl Chat {
    pub(crate) fn list(
        &mut self,
        store: &dyn Store,
        asked: &Asked,
        with: &Peer,
        before: Option<u64>,
        limit: Option<u16>,
    ) -> Answer {
        let from = match with {
            Peer::User(_) => 1,
            Peer::Group(_) => self.member_of(store, asked, with)?.from_seq,
        };
        let limit = limit.unwrap_or(PAGE).clamp(1, self.config.history_page_max);
        let thread = Thread::with(&asked.user, with);
        let page = store.messages(asked.app, &thread, from, before.unwrap_or(u64::MAX), limit)?;
        let complete = page.len() < usize::from(limit) || page.first().is_none_or(|m| m.seq <= from);
        Ok(json!({ "messages": page, "complete": complete }))
    }

    pub(crate) fn mark_read(&mut self, store: &mut dyn Store, asked: &Asked, with: &Peer, seq: Option<u64>) -> Answer {
        let last = store.thread(asked.app, &Thread::with(&asked.user, with))?.last_seq;
        let seq = seq.unwrap_or(last).min(last);
        let before = self.read_seq(store, asked, with)?;
        if seq <= before {
            return Ok(json!({}));
        }
        match with {
            Peer::User(peer) => {
                let mark = store.mark(asked.app, &asked.user, peer)?.unwrap_or_default();
                store.put_mark(asked.app, &asked.user, peer, &Mark { read_seq: seq, ..mark })?;
                let me = Peer::User(asked.user.clone());
                let event = Event::MessageRead { with: me, by: asked.user.clone(), seq };
                if *peer != asked.user {
                    self.push_user(asked.app, peer, None, &event);
                }
            }
            Peer::Group(group) => {
                let row = self.member_of(store, asked, with)?;
                store.put_member(asked.app, group, &asked.user, &MemberRow { read_seq: seq, ..row })?;
            }
        }
        let event = Event::MessageRead { with: with.clone(), by: asked.user.clone(), seq };
        self.push_user(asked.app, &asked.user, Some(asked.session), &event);
        Ok(json!({}))
    }

    pub(crate) fn list_conversations(&mut self, store: &dyn Store, asked: &Asked) -> Answer {
        Ok(json!({ "conversations": self.conversations(store, asked.app, &asked.user)? }))
    }

    pub(crate) fn delete_conversation(&mut self, store: &mut dyn Store, asked: &Asked, with: &Peer) -> Answer {
        match with {
            Peer::User(peer) => {
                if let Some(mark) = store.mark(asked.app, &asked.user, peer)? {
                    store.put_mark(asked.app, &asked.user, peer, &Mark { listed: false, ..mark })?;
                }
            }
            Peer::Group(group) => {
                let hidden_seq = store.thread(asked.app, &Thread::Group(group.clone()))?.shown_seq;
                let row = self.member_of(store, asked, with)?;
                store.put_member(asked.app, group, &asked.user, &MemberRow { hidden_seq, ..row })?;
            }
        }
        Ok(json!({}))
    }

    /// The newest conversations of a user, newest first.
    pub(crate) fn conversations(
        &self,
        store: &dyn Store,
        app: AppId,
        user: &UserId,
    ) -> Result<Vec<Conversation>, Failure> {
        let max = self.config.conversations_max;
        let mut found: Vec<(u64, Conversation)> = Vec::new();
        for (peer, mark) in store.newest_marks(app, user, max)? {
            let thread = Thread::between(user, &peer);
            let theirs = store.mark(app, &peer, user)?.unwrap_or_default();
            let side = Side { read_seq: mark.read_seq, peer_read_seq: theirs.read_seq };
            let conversation = self.conversation(store, app, user, &thread, Peer::User(peer), side)?;
            found.push((mark.shown_ms, conversation));
        }
        for group in store.groups_of(app, user)? {
            let Some(row) = store.member(app, &group, user)? else { continue };
            let thread = Thread::Group(group.clone());
            let state = store.thread(app, &thread)?;
            if state.shown_seq < row.from_seq.max(1) || state.shown_seq <= row.hidden_seq {
                continue;
            }
            let side = Side { read_seq: row.read_seq.max(row.from_seq.saturating_sub(1)), peer_read_seq: 0 };
            let conversation = self.conversation(store, app, user, &thread, Peer::Group(group), side)?;
            found.push((state.shown_ms, conversation));
        }
        found.sort_by_key(|(shown_ms, _)| Reverse(*shown_ms));
        found.truncate(max);
        Ok(found.into_iter().map(|(_, conversation)| conversation).collect())
    }

    fn conversation(
        &self,
        store: &dyn Store,
        app: AppId,
        user: &UserId,
        thread: &Thread,
        with: Peer,
        side: Side,
    ) -> Result<Conversation, Failure> {
        let shown_seq = store.thread(app, thread)?.shown_seq;
        Ok(Conversation {
            with,
            unread: store.unread(app, thread, user, side.read_seq, self.config.unread_max)?,
            read_seq: side.read_seq,
            peer_read_seq: side.peer_read_seq,
            last_message: store.message_at(app, thread, shown_seq)?,
        })
    }

    fn read_seq(&self, store: &dyn Store, asked: &Asked, with: &Peer) -> Result<u64, Failure> {
        match with {
            Peer::User(peer) => Ok(store.mark(asked.app, &asked.user, peer)?.unwrap_or_default().read_seq),
            Peer::Group(_) => Ok(self.member_of(store, asked, with)?.read_seq),
        }
    }

    fn member_of(&self, store: &dyn Store, asked: &Asked, with: &Peer) -> Result<MemberRow, Failure> {
        let row = match with {
            Peer::Group(group) => store.member(asked.app, group, &asked.user)?,
            Peer::User(_) => None,
        };
        row.map_or_else(|| refuse(code::NOT_MEMBER, "you are not in this group, or there is none"), Ok)
    }
}

#[derive(Clone, Copy)]
struct Side {
    read_seq: u64,
    peer_read_seq: u64,
}
