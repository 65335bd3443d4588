//! Groups: who is in, what they are called, their attributes. Changes are told as `tip` messages.

use crate::chat::{Answer, Asked, Chat, Failure, refuse};
use crate::{GroupKind, GroupRow, MemberRow, Store, TIP, Thread};
use carillon_proto::gateway::{CreateGroup, Event, Group, Member, Message, Peer, Request, Role, code};
use carillon_proto::id::{AppId, GroupId, UserId};
use serde_json::{Map, json};
use std::collections::BTreeMap;

/// Written by the server alone: the running group call.
const SERVER_ATTRIBUTE_PREFIX: &str = "inner_attr_";
const PAGE: u16 = 100;

impl Chat {
    #[expect(clippy::wildcard_enum_match_arm, reason = "verbs of rooms and calls are the call engine's")]
    pub(crate) fn group_request(&mut self, store: &mut dyn Store, asked: &Asked, request: Request) -> Answer {
        match request {
            Request::CreateGroup(create) => self.create_group(store, asked, create),
            Request::JoinGroup { group } => self.join(store, asked, &group),
            Request::LeaveGroup { group } => self.leave(store, asked, &group),
            Request::DismissGroup { group } => self.dismiss(store, asked, &group),
            Request::GetGroup { group } => {
                self.member_row(store, asked, &group)?;
                Ok(json!({ "group": self.info(store, asked.app, &group, true)? }))
            }
            Request::FindGroup { group } => {
                let found = GroupId::new(group).map(|id| self.info(store, asked.app, &id, false)).transpose()?;
                Ok(json!({ "group": found.flatten() }))
            }
            Request::ListGroups {} => {
                let ids = store.groups_of(asked.app, &asked.user)?;
                let all: Result<Vec<_>, _> = ids.iter().map(|id| self.info(store, asked.app, id, true)).collect();
                Ok(json!({ "groups": all?.into_iter().flatten().collect::<Vec<_>>() }))
            }
            Request::SetGroup { group, name, avatar, introduction, notification } => {
                let set = [name, avatar, introduction, notification];
                self.set_group(store, asked, &group, set)
            }
            Request::ListMembers { group, offset, limit } => self.list_members(store, asked, &group, offset, limit),
            Request::GetMembers { group, users } => self.get_members(store, asked, &group, &users),
            Request::InviteToGroup { group, users } => self.invite(store, asked, &group, users),
            Request::RemoveFromGroup { group, users } => self.remove(store, asked, &group, users),
            Request::GetAttributes { group, keys } => {
                self.member_row(store, asked, &group)?;
                let mut all = store.attributes(asked.app, &group)?;
                all.retain(|key, _| keys.is_empty() || keys.contains(key));
                Ok(json!({ "attributes": all }))
            }
            Request::SetAttributes { group, attributes, replace } => {
                self.set_attributes(store, asked, &group, attributes, replace)
            }
            Request::DeleteAttributes { group, keys } => self.delete_attributes(store, asked, &group, keys),
            other => {
                tracing::error!(?other, "a verb came to the wrong engine");
                refuse(code::INTERNAL, "the server cannot do this")
            }
        }
    }

    /// The server's own attribute; `None` removes it. A group that is gone needs none.
    pub(crate) fn set_server_attribute(
        &mut self,
        store: &mut dyn Store,
        app: AppId,
        group: &GroupId,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), Failure> {
        if store.group(app, group)?.is_some() {
            store.put_attribute(app, group, key, value)?;
            self.tell_attributes(store, app, group)?;
        }
        Ok(())
    }

    fn create_group(&mut self, store: &mut dyn Store, asked: &Asked, create: CreateGroup) -> Answer {
        let kind = match create.kind.as_deref() {
            None => GroupKind::Private,
            Some(name) => match GroupKind::from_name(name) {
                Some(kind) => kind,
                None => return refuse(code::BAD_REQUEST, "type: Private, Public, ChatRoom, AVChatRoom or Community"),
            },
        };
        self.check_texts(&create.name, &create.avatar, "", "")?;
        let group = match create.group {
            Some(group) => group,
            None => GroupId::new(format!("g-{}", self.draw(asked.now))).expect("hexadecimal is a group id"),
        };
        if store.group(asked.app, &group)?.is_some() {
            return refuse(code::ALREADY_EXISTS, format!("there is a group {group} already"));
        }
        let first_seq = store.thread(asked.app, &Thread::Group(group.clone()))?.last_seq + 1;
        let row = GroupRow {
            kind,
            name: create.name,
            avatar: create.avatar,
            introduction: String::new(),
            notification: String::new(),
            owner: asked.user.clone(),
            created_ms: asked.now.wall.0,
            first_seq,
            member_count: 0,
        };
        store.put_group(asked.app, &group, &row)?;
        self.add(store, asked, &group, &asked.user.clone(), Role::Owner)?;
        let (mut added, _) = self.add_all(store, asked, &group, create.members)?;
        self.tip(store, asked, &group, "join", &added)?;
        added.push(asked.user.clone());
        self.announce(store, asked, &group, &added)
    }

    fn join(&mut self, store: &mut dyn Store, asked: &Asked, group: &GroupId) -> Answer {
        let row = self.group_row(store, asked, group)?;
        if store.member(asked.app, group, &asked.user)?.is_some() {
            return Ok(json!({ "group": self.info(store, asked.app, group, true)? }));
        }
        if !row.kind.is_open() {
            return refuse(code::FORBIDDEN, "a private group is joined by a member's invitation");
        }
        let me = std::slice::from_ref(&asked.user);
        self.add(store, asked, group, &asked.user.clone(), Role::Member)?;
        self.tip(store, asked, group, "join", me)?;
        self.announce(store, asked, group, me)
    }

    fn leave(&mut self, store: &mut dyn Store, asked: &Asked, group: &GroupId) -> Answer {
        self.member_row(store, asked, group)?;
        let mut row = self.group_row(store, asked, group)?;
        self.tip(store, asked, group, "leave", std::slice::from_ref(&asked.user))?;
        store.delete_member(asked.app, group, &asked.user)?;
        let gone = Event::GroupChanged { group: group.clone(), info: None };
        self.push_user(asked.app, &asked.user, Some(asked.session), &gone);
        if row.owner == asked.user {
            match store.members(asked.app, group, 0, 1)?.pop() {
                Some((heir, member)) => {
                    row.owner = heir.clone();
                    store.put_group(asked.app, group, &row)?;
                    store.put_member(asked.app, group, &heir, &MemberRow { role: Role::Owner, ..member })?;
                    self.tell_members(store, asked, group)?;
                }
                None => store.delete_group(asked.app, group)?,
            }
        }
        Ok(json!({}))
    }

    fn dismiss(&mut self, store: &mut dyn Store, asked: &Asked, group: &GroupId) -> Answer {
        self.owned(store, asked, group)?;
        let members = store.members(asked.app, group, 0, self.config.group_members_max)?;
        store.delete_group(asked.app, group)?;
        let gone = Event::GroupChanged { group: group.clone(), info: None };
        for (user, _) in members {
            self.push_user(asked.app, &user, Some(asked.session), &gone);
        }
        Ok(json!({}))
    }

    fn set_group(&mut self, store: &mut dyn Store, asked: &Asked, group: &GroupId, set: [Option<String>; 4]) -> Answer {
        let mut row = self.owned(store, asked, group)?;
        let places = [&mut row.name, &mut row.avatar, &mut row.introduction, &mut row.notification];
        for (place, value) in places.into_iter().zip(set) {
            if let Some(value) = value {
                *place = value;
            }
        }
        self.check_texts(&row.name, &row.avatar, &row.introduction, &row.notification)?;
        store.put_group(asked.app, group, &row)?;
        self.tell_members(store, asked, group)
    }

    fn list_members(
        &mut self,
        store: &dyn Store,
        asked: &Asked,
        group: &GroupId,
        offset: u32,
        limit: Option<u16>,
    ) -> Answer {
        self.member_row(store, asked, group)?;
        let total = self.group_row(store, asked, group)?.member_count;
        let limit = u32::from(limit.unwrap_or(PAGE).clamp(1, PAGE));
        let rows = store.members(asked.app, group, offset, limit)?;
        let members: Result<Vec<Member>, Failure> =
            rows.into_iter().map(|(user, row)| member(store, asked.app, user, row)).collect();
        Ok(json!({ "members": members?, "total": total }))
    }

    fn get_members(&mut self, store: &dyn Store, asked: &Asked, group: &GroupId, users: &[String]) -> Answer {
        self.check_count(users.len())?;
        self.member_row(store, asked, group)?;
        let mut members = Vec::new();
        for user in users.iter().filter_map(|u| UserId::new(u.as_str())) {
            if let Some(row) = store.member(asked.app, group, &user)? {
                members.push(member(store, asked.app, user, row)?);
            }
        }
        Ok(json!({ "members": members }))
    }

    fn invite(&mut self, store: &mut dyn Store, asked: &Asked, group: &GroupId, users: Vec<UserId>) -> Answer {
        self.member_row(store, asked, group)?;
        let (added, failed) = self.add_all(store, asked, group, users)?;
        self.tip(store, asked, group, "join", &added)?;
        self.announce(store, asked, group, &added)?;
        Ok(json!({ "added": added, "failed": failed }))
    }

    fn remove(&mut self, store: &mut dyn Store, asked: &Asked, group: &GroupId, users: Vec<UserId>) -> Answer {
        self.owned(store, asked, group)?;
        self.check_members(users.len())?;
        let mut removed = Vec::new();
        for user in users.into_iter().filter(|u| *u != asked.user) {
            if store.member(asked.app, group, &user)?.is_some() {
                store.delete_member(asked.app, group, &user)?;
                let gone = Event::GroupChanged { group: group.clone(), info: None };
                self.push_user(asked.app, &user, None, &gone);
                removed.push(user);
            }
        }
        self.tip(store, asked, group, "remove", &removed)?;
        Ok(json!({ "removed": removed }))
    }

    fn set_attributes(
        &mut self,
        store: &mut dyn Store,
        asked: &Asked,
        group: &GroupId,
        attributes: BTreeMap<String, String>,
        replace: bool,
    ) -> Answer {
        self.member_row(store, asked, group)?;
        let mut all = store.attributes(asked.app, group)?;
        all.retain(|key, _| !key.starts_with(SERVER_ATTRIBUTE_PREFIX));
        let before = all.clone();
        if replace {
            all.clear();
        }
        all.extend(attributes);
        self.check_attributes(&all)?;
        for key in before.keys().filter(|key| !all.contains_key(*key)) {
            store.put_attribute(asked.app, group, key, None)?;
        }
        for (key, value) in all.iter().filter(|(key, value)| before.get(*key) != Some(value)) {
            store.put_attribute(asked.app, group, key, Some(value))?;
        }
        self.tell_attributes(store, asked.app, group)?;
        Ok(json!({ "attributes": store.attributes(asked.app, group)? }))
    }

    fn delete_attributes(
        &mut self,
        store: &mut dyn Store,
        asked: &Asked,
        group: &GroupId,
        keys: Vec<String>,
    ) -> Answer {
        self.member_row(store, asked, group)?;
        let all = store.attributes(asked.app, group)?;
        let mine = all.keys().filter(|key| !key.starts_with(SERVER_ATTRIBUTE_PREFIX));
        for key in mine.filter(|key| keys.is_empty() || keys.contains(*key)) {
            store.put_attribute(asked.app, group, key, None)?;
        }
        self.tell_attributes(store, asked.app, group)?;
        Ok(json!({ "attributes": store.attributes(asked.app, group)? }))
    }

    fn check_attributes(&self, all: &BTreeMap<String, String>) -> Result<(), Failure> {
        let config = &self.config;
        if all.len() > config.attributes_max {
            return refuse(code::LIMIT_REACHED, format!("{} attributes at most", config.attributes_max));
        }
        let fits = |key: &str, value: &str| {
            (1..=config.attribute_key_bytes_max).contains(&key.len()) && value.len() <= config.attribute_value_bytes_max
        };
        if !all.iter().all(|(key, value)| fits(key, value)) {
            return refuse(code::TOO_LARGE, "an attribute's key or value is too long, or its key is empty");
        }
        if all.keys().any(|key| key.starts_with(SERVER_ATTRIBUTE_PREFIX)) {
            return refuse(code::FORBIDDEN, "attributes that begin with inner_attr_ are the server's");
        }
        if all.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > config.attributes_bytes_max {
            return refuse(code::TOO_LARGE, format!("{} bytes of attributes at most", config.attributes_bytes_max));
        }
        Ok(())
    }

    /// Adds those who exist and fit; returns who was added and who was not.
    fn add_all(
        &mut self,
        store: &mut dyn Store,
        asked: &Asked,
        group: &GroupId,
        users: Vec<UserId>,
    ) -> Result<(Vec<UserId>, Vec<UserId>), Failure> {
        self.check_members(users.len())?;
        let (mut added, mut failed) = (Vec::new(), Vec::new());
        for user in users {
            let known = store.profile(asked.app, &user)?.is_some();
            let already = store.member(asked.app, group, &user)?.is_some();
            if known && !already && self.fits(store, asked.app, group, &user)? {
                self.add(store, asked, group, &user, Role::Member)?;
                added.push(user);
            } else if !already {
                failed.push(user);
            }
        }
        Ok((added, failed))
    }

    fn add(
        &mut self,
        store: &mut dyn Store,
        asked: &Asked,
        group: &GroupId,
        user: &UserId,
        role: Role,
    ) -> Result<(), Failure> {
        if !self.fits(store, asked.app, group, user)? {
            return refuse(code::LIMIT_REACHED, "the group is full, or the user is in too many groups");
        }
        let row = self.group_row(store, asked, group)?;
        let last = store.thread(asked.app, &Thread::Group(group.clone()))?.last_seq;
        let from_seq = if row.kind.shows_the_past() { row.first_seq } else { last + 1 };
        let member = MemberRow { role, joined_ms: asked.now.wall.0, from_seq, read_seq: last, hidden_seq: 0 };
        Ok(store.put_member(asked.app, group, user, &member)?)
    }

    fn fits(&self, store: &dyn Store, app: AppId, group: &GroupId, user: &UserId) -> Result<bool, Failure> {
        let count = store.group(app, group)?.map_or(0, |row| row.member_count);
        let groups = store.groups_of(app, user)?.len();
        Ok(count < self.config.group_members_max && groups < self.config.groups_per_user_max)
    }

    fn check_members(&self, count: usize) -> Result<(), Failure> {
        let max = self.config.members_per_request_max;
        if count > max { refuse(code::LIMIT_REACHED, format!("{max} users at most in one request")) } else { Ok(()) }
    }

    fn check_texts(&self, name: &str, avatar: &str, introduction: &str, notification: &str) -> Result<(), Failure> {
        let text = self.config.group_text_bytes_max;
        let fits = name.len() <= self.config.group_name_bytes_max
            && avatar.len() <= self.config.avatar_bytes_max
            && introduction.len() <= text
            && notification.len() <= text;
        if fits { Ok(()) } else { refuse(code::TOO_LARGE, "a name or text of the group is too long") }
    }

    /// A message of the server about the group; nothing where it concerns nobody.
    fn tip(
        &mut self,
        store: &mut dyn Store,
        asked: &Asked,
        group: &GroupId,
        what: &str,
        users: &[UserId],
    ) -> Result<(), Failure> {
        if users.is_empty() {
            return Ok(());
        }
        let seq = store.thread(asked.app, &Thread::Group(group.clone()))?.last_seq + 1;
        let payload = [("what".to_owned(), json!(what)), ("users".to_owned(), json!(users))];
        let message = Message {
            id: self.draw_message_id(asked),
            from: asked.user.clone(),
            to: Peer::Group(group.clone()),
            kind: TIP.to_owned(),
            payload: Map::from_iter(payload),
            seq,
            time_ms: asked.now.wall.0,
            client_id: String::new(),
            priority: None,
            cloud_custom_data: String::new(),
            nick: String::new(),
            avatar: String::new(),
            online_only: false,
            exclude_from_history: false,
            modified: 0,
            revoked: false,
        };
        self.keep(store, asked.app, &message)?;
        let event = Event::MessageNew(Box::new(message.clone()));
        self.tell_all(store, asked.app, &message, None, |_| event.clone())
    }

    /// Tells new members of their group, and answers with it.
    fn announce(&mut self, store: &dyn Store, asked: &Asked, group: &GroupId, added: &[UserId]) -> Answer {
        let info = self.info(store, asked.app, group, true)?;
        let event = Event::GroupChanged { group: group.clone(), info: info.clone() };
        added.iter().for_each(|user| self.push_user(asked.app, user, Some(asked.session), &event));
        Ok(json!({ "group": info }))
    }

    fn tell_attributes(&mut self, store: &dyn Store, app: AppId, group: &GroupId) -> Result<(), Failure> {
        let attributes = store.attributes(app, group)?;
        let event = Event::GroupAttributes { group: group.clone(), attributes };
        for (user, _) in store.members(app, group, 0, self.config.group_members_max)? {
            self.push_user(app, &user, None, &event);
        }
        Ok(())
    }

    /// Tells all members of their group as it is now, and answers with it.
    fn tell_members(&mut self, store: &dyn Store, asked: &Asked, group: &GroupId) -> Answer {
        let members = store.members(asked.app, group, 0, self.config.group_members_max)?;
        let members: Vec<UserId> = members.into_iter().map(|(user, _)| user).collect();
        self.announce(store, asked, group, &members)
    }

    fn info(&self, store: &dyn Store, app: AppId, id: &GroupId, whole: bool) -> Result<Option<Group>, Failure> {
        let Some(row) = store.group(app, id)? else { return Ok(None) };
        let attributes = if whole { store.attributes(app, id)? } else { BTreeMap::new() };
        Ok(Some(Group {
            id: id.clone(),
            kind: row.kind.name().to_owned(),
            name: row.name,
            avatar: row.avatar,
            introduction: row.introduction,
            notification: row.notification,
            owner: row.owner,
            member_count: row.member_count,
            created_ms: row.created_ms,
            attributes,
        }))
    }

    fn group_row(&self, store: &dyn Store, asked: &Asked, group: &GroupId) -> Result<GroupRow, Failure> {
        let row = store.group(asked.app, group)?;
        row.map_or_else(|| refuse(code::NOT_FOUND, format!("there is no group {group}")), Ok)
    }

    fn member_row(&self, store: &dyn Store, asked: &Asked, group: &GroupId) -> Result<MemberRow, Failure> {
        let row = store.member(asked.app, group, &asked.user)?;
        row.map_or_else(|| refuse(code::NOT_MEMBER, format!("you are not in group {group}, or there is none")), Ok)
    }

    fn owned(&self, store: &dyn Store, asked: &Asked, group: &GroupId) -> Result<GroupRow, Failure> {
        self.member_row(store, asked, group)?;
        let row = self.group_row(store, asked, group)?;
        if row.owner == asked.user { Ok(row) } else { refuse(code::FORBIDDEN, "only the group's owner may do this") }
    }
}

fn member(store: &dyn Store, app: AppId, user: UserId, row: MemberRow) -> Result<Member, Failure> {
    let profile = store.profile(app, &user)?;
    let (nick, avatar) = profile.map(|p| (p.nick, p.avatar)).unwrap_or_default();
    Ok(Member { user, nick, avatar, role: row.role, joined_ms: row.joined_ms })
}
