//! REST: an administrator's verbs, one after another with everything else, answered when they are durable.

pub(super) mod show;

use super::thread::{Control, Release};
use crate::postman::Post;
use crate::store::CallbackAddress;
use carillon_call::Command;
use carillon_chat::StoreError;
use carillon_proto::gateway::{
    CreateGroup, ErrorBody, LeaveReason, Peer, Profile, Request, SendMessage, SendOptions, code,
};
use carillon_proto::id::{AppId, CallId, GroupId, RoomId, UserId};
use carillon_proto::rest::{Account, Ask, Element, Filter, NewGroup, ProfileItem, Send, TAG_IMAGE, TAG_NICK};
use carillon_proto::time::Now;
use carillon_rtmp::StreamKey;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::oneshot;

/// Requests of one app in a second; those about rooms are also counted by themselves.
const PER_SECOND: u32 = 200;
const ROOMS_PER_SECOND: u32 = 20;
/// The user is not there.
const NO_ACCOUNT: i32 = 70107;
/// The user is there and is no administrator.
const NO_ADMIN: i32 = 60010;

/// An authenticated verb is asked by one of these.
#[derive(Debug)]
pub struct RestRequest {
    pub app: AppId,
    pub admin: String,
    pub user_sig: String,
    pub ask: Ask,
}

pub(crate) type RestReply = oneshot::Sender<Answer>;
pub(crate) type Answer = Result<Value, ErrorBody>;

/// Who may ask, and how often each app asked in the running second.
#[derive(Debug, Default)]
pub(super) struct Admins {
    pub(super) of: BTreeMap<AppId, Vec<String>>,
    asked: BTreeMap<AppId, Asked>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Asked {
    second: u64,
    all: u32,
    rooms: u32,
}

impl Admins {
    pub(super) fn new(apps: &carillon_config::Apps) -> Self {
        Self { of: apps.iter().map(|app| (AppId(app.id), app.admins.clone())).collect(), asked: BTreeMap::new() }
    }

    fn count(&mut self, now: Now, app: AppId, is_room: bool) -> Result<(), ErrorBody> {
        let asked = self.asked.entry(app).or_default();
        if asked.second != now.wall.as_secs() {
            *asked = Asked { second: now.wall.as_secs(), ..Asked::default() };
        }
        asked.all += 1;
        asked.rooms += u32::from(is_room);
        if asked.all > PER_SECOND || (is_room && asked.rooms > ROOMS_PER_SECOND) {
            return Err(ErrorBody::new(code::OVERLOADED, "too many requests in this second; try again"));
        }
        Ok(())
    }
}

impl Control {
    pub(super) fn handle_rest(&mut self, now: Now, request: RestRequest, reply: RestReply) {
        let result = self.rest(now, request);
        self.release.push(Release::Rest(reply, result));
    }

    fn rest(&mut self, now: Now, request: RestRequest) -> Answer {
        let RestRequest { app, admin, user_sig, ask } = request;
        let admin = self.chat.check_user_sig(now, app, &admin, &user_sig)?;
        if !self.admins.of.get(&app).is_some_and(|admins| admins.iter().any(|name| name == admin.as_str())) {
            return Err(ErrorBody::new(NO_ADMIN, format!("{admin} is no administrator of app {}", app.0)));
        }
        self.admins.count(
            now,
            app,
            matches!(ask, Ask::RemoveUsers { .. } | Ask::DismissRoom(_) | Ask::StartPush { .. }),
        )?;
        match ask {
            Ask::Import { accounts, many } => self.import(now, app, accounts, many),
            Ask::Check(users) => Ok(self.check(app, &users)),
            Ask::Kick(user) => {
                self.account(app, &user)?;
                self.chat.kick(app, &user);
                Ok(json!({}))
            }
            Ask::Online { users, detail } => Ok(self.online(app, users, detail)),
            Ask::Send(send) => self.send(now, app, admin, send),
            Ask::SetPortrait { user, items } => self.set_portrait(now, app, user, items),
            Ask::GetPortrait { users, tags } => Ok(self.get_portrait(app, users, &tags)),
            Ask::CreateGroup(group) => self.create_group(now, app, admin, group),
            Ask::AddMembers { group, users } => self.add_members(now, app, &group, users),
            Ask::CallInfo(call) => self.call_info(app, &call),
            Ask::Record(call) => self.record(app, &call),
            Ask::Records(filter) => self.find_records(app, &filter),
            Ask::SetCallback { url, commands } => {
                let address = CallbackAddress { url, commands };
                self.set_callback(app, Some(address))
            }
            Ask::GetCallback => match self.store.callback(app).map_err(stored)? {
                Some(to) => Ok(json!({ "Response": { "Url": to.url, "CallbackCommandList": to.commands } })),
                None => Err(ErrorBody::new(code::NOT_FOUND, "no callback is set")),
            },
            Ask::DeleteCallback => self.set_callback(app, None),
            Ask::RemoveUsers { room, users } => self.remove_users(now, app, &room, users),
            Ask::DismissRoom(room) => self.dismiss_room(now, app, room),
            Ask::StartPush { room, user, screen, url } => {
                self.room(app, &room)?;
                self.start_push(StreamKey { app, room, publisher: user, screen }, &url)
            }
            Ask::StopPush { task } => self.stop_push(app, &task),
        }
    }

    /// `Err`: nobody of this name.
    fn account(&self, app: AppId, user: &UserId) -> Result<Profile, ErrorBody> {
        let unknown = || ErrorBody::new(NO_ACCOUNT, format!("there is no account {user}"));
        self.chat.profile(&self.store, app, user).ok_or_else(unknown)
    }

    fn act(&mut self, now: Now, app: AppId, user: &UserId, request: Request) -> Answer {
        self.chat.act_for(now, &mut self.store, app, user.clone(), request)
    }

    fn import(&mut self, now: Now, app: AppId, accounts: Vec<Account>, many: bool) -> Answer {
        let mut failed = Vec::new();
        for Account { user, nick, face_url } in accounts {
            match self.act(now, app, &user, Request::SetProfile { nick, avatar: face_url }) {
                Ok(_) => {}
                Err(_) if many => failed.push(user),
                Err(error) => return Err(error),
            }
        }
        Ok(if many { json!({ "FailAccounts": failed }) } else { json!({}) })
    }

    fn check(&self, app: AppId, users: &[UserId]) -> Value {
        let status = |user| if self.account(app, user).is_ok() { "Imported" } else { "NotImported" };
        let show = |user| json!({ "UserID": user, "ResultCode": 0, "ResultInfo": "", "AccountStatus": status(user) });
        json!({ "ResultItem": users.iter().map(show).collect::<Vec<_>>() })
    }

    fn online(&self, app: AppId, users: Vec<String>, detail: bool) -> Value {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for name in users {
            match UserId::new(name.as_str()).filter(|user| self.account(app, user).is_ok()) {
                Some(user) => known.push(self.status(app, &user, detail)),
                None => unknown.push(json!({ "To_Account": name, "ErrorCode": NO_ACCOUNT })),
            }
        }
        let mut answer = json!({ "QueryResult": known });
        if !unknown.is_empty() {
            answer["ErrorList"] = Value::Array(unknown);
        }
        answer
    }

    fn status(&self, app: AppId, user: &UserId, detail: bool) -> Value {
        let platforms = self.chat.platforms_of(app, user);
        let mut status =
            json!({ "To_Account": user, "Status": if platforms.is_empty() { "Offline" } else { "Online" } });
        if detail && !platforms.is_empty() {
            let shown = platforms.iter().map(|p| json!({ "Platform": show::platform(*p), "Status": "Online" }));
            status["Detail"] = shown.collect();
        }
        status
    }

    fn send(&mut self, now: Now, app: AppId, admin: UserId, send: Send) -> Answer {
        let from = self.actor(now, app, admin, send.from)?;
        let element = <[Element; 1]>::try_from(send.body);
        let [element] = element.map_err(|_| ErrorBody::new(code::BAD_REQUEST, "MsgBody: exactly one element"))?;
        let (kind, payload) = match element {
            Element::Text { text } => ("text", json!({ "text": text })),
            Element::Custom { data, description, extension } => {
                ("custom", json!({ "data": data, "description": description, "extension": extension }))
            }
        };
        let mut content = DefaultHasher::new();
        (kind, payload.to_string(), &send.cloud_custom_data).hash(&mut content);
        let message = SendMessage {
            client_id: format!("r{}-{}-{:x}", send.random, send.to, content.finish()),
            to: Peer::User(send.to),
            kind: kind.to_owned(),
            payload: payload.as_object().cloned().unwrap_or_else(Map::new),
            priority: None,
            cloud_custom_data: send.cloud_custom_data,
            options: SendOptions { online_only: send.life == Some(0), ..SendOptions::default() },
        };
        let sent = self.act(now, app, &from, Request::SendMessage(message))?;
        let seconds = sent["message"]["timeMs"].as_u64().unwrap_or_default() / 1000;
        Ok(json!({ "MsgTime": seconds, "MsgKey": sent["message"]["id"], "MsgId": sent["message"]["id"] }))
    }

    /// In whose name: an account, or the administrator, who needs not be one before.
    fn actor(&mut self, now: Now, app: AppId, admin: UserId, named: Option<UserId>) -> Result<UserId, ErrorBody> {
        let user = named.unwrap_or_else(|| admin.clone());
        if self.account(app, &user).is_err() && user == admin {
            self.act(now, app, &user, Request::SetProfile { nick: None, avatar: None })?;
        }
        self.account(app, &user).map(|profile| profile.user)
    }

    fn set_portrait(&mut self, now: Now, app: AppId, user: UserId, items: Vec<ProfileItem>) -> Answer {
        self.account(app, &user)?;
        let (mut nick, mut avatar) = (None, None);
        for ProfileItem { tag, value } in items {
            let place = match tag.as_str() {
                TAG_NICK => &mut nick,
                TAG_IMAGE => &mut avatar,
                _ => return Err(ErrorBody::new(code::BAD_REQUEST, format!("{tag:.64} is not kept here"))),
            };
            let Value::String(text) = value else {
                return Err(ErrorBody::new(code::BAD_REQUEST, format!("{tag} is a text")));
            };
            *place = Some(text);
        }
        self.act(now, app, &user, Request::SetProfile { nick, avatar }).map(|_| json!({}))
    }

    fn get_portrait(&self, app: AppId, users: Vec<UserId>, tags: &[String]) -> Value {
        let (mut found, mut failed) = (Vec::new(), Vec::new());
        for user in users {
            match self.account(app, &user) {
                Ok(profile) => found.push(show::portrait(&profile, tags)),
                Err(error) => {
                    let (code, info) = (error.code, error.message);
                    found.push(json!({ "To_Account": user, "ResultCode": code, "ResultInfo": info }));
                    failed.push(user);
                }
            }
        }
        let mut answer = json!({ "UserProfileItem": found });
        if !failed.is_empty() {
            answer["Fail_Account"] = json!(failed);
        }
        answer
    }

    fn create_group(&mut self, now: Now, app: AppId, admin: UserId, new: NewGroup) -> Answer {
        let owner = self.actor(now, app, admin, new.owner)?;
        // The newer names of two types.
        let kind = match new.kind.as_str() {
            "Work" => "Private",
            "Meeting" => "ChatRoom",
            other => other,
        };
        let members = new.member_list.into_iter().map(|member| member.user).filter(|user| *user != owner).collect();
        let (group, name, avatar) = (new.group_id, new.name, new.face_url);
        let create = CreateGroup { group, kind: Some(kind.to_owned()), name, avatar, members };
        let made = self.act(now, app, &owner, Request::CreateGroup(create))?;
        let group = made["group"]["id"].as_str().and_then(GroupId::new);
        let group = group.ok_or_else(|| ErrorBody::new(code::INTERNAL, "the group has no name"))?;
        if new.introduction.is_some() || new.notification.is_some() {
            let (introduction, notification) = (new.introduction, new.notification);
            let set = Request::SetGroup { group: group.clone(), name: None, avatar: None, introduction, notification };
            if let Err(error) = self.act(now, app, &owner, set) {
                self.act(now, app, &owner, Request::DismissGroup { group })?;
                return Err(error);
            }
        }
        Ok(json!({ "GroupId": group }))
    }

    fn add_members(&mut self, now: Now, app: AppId, group: &GroupId, users: Vec<UserId>) -> Answer {
        let unknown = || ErrorBody::new(code::NOT_FOUND, format!("there is no group {group}"));
        let owner = self.chat.owner_of(&self.store, app, group).ok_or_else(unknown)?;
        let invite = Request::InviteToGroup { group: group.clone(), users: users.clone() };
        let done = self.act(now, app, &owner, invite)?;
        let is_in = |list: &str, user: &UserId| {
            done[list].as_array().is_some_and(|all| all.iter().any(|name| name == user.as_str()))
        };
        let result = |user: &UserId| match (is_in("added", user), is_in("failed", user)) {
            (true, _) => 1,
            (false, true) => 0,
            (false, false) => 2,
        };
        let shown = users.iter().map(|user| json!({ "Member_Account": user, "Result": result(user) }));
        Ok(json!({ "MemberList": shown.collect::<Vec<_>>() }))
    }

    fn set_callback(&mut self, app: AppId, address: Option<CallbackAddress>) -> Answer {
        self.store.set_callback(app, address.as_ref()).map_err(stored)?;
        self.callbacks.send(Post::Address(app, address.map(|address| address.url)));
        Ok(json!({}))
    }

    fn call_info(&self, app: AppId, call: &CallId) -> Answer {
        let state = self.calls.call(app, call);
        state.map(|state| json!({ "Response": show::call(&state) })).ok_or_else(no_call)
    }

    fn record(&self, app: AppId, call: &CallId) -> Answer {
        let record = self.store.record(app, call).map_err(stored)?;
        record.map(|record| json!({ "Response": { "CallRecord": show::record(&record) } })).ok_or_else(no_call)
    }

    fn find_records(&self, app: AppId, filter: &Filter) -> Answer {
        let (total, records) = self.store.find_records(app, filter).map_err(stored)?;
        let list: Vec<Value> = records.iter().map(show::record).collect();
        Ok(json!({ "Response": { "TotalNum": total, "Page": filter.page, "CallRecordList": list } }))
    }

    fn remove_users(&mut self, now: Now, app: AppId, room: &RoomId, users: Vec<UserId>) -> Answer {
        self.room(app, room)?;
        for user in users {
            self.tell_calls(now, Command::Remove { app, user, room: room.clone(), reason: LeaveReason::Kicked });
        }
        Ok(json!({}))
    }

    fn dismiss_room(&mut self, now: Now, app: AppId, room: RoomId) -> Answer {
        self.room(app, &room)?;
        self.tell_calls(now, Command::Close { app, room, reason: LeaveReason::Dissolved });
        Ok(json!({}))
    }

    fn room(&self, app: AppId, room: &RoomId) -> Result<(), ErrorBody> {
        let unknown = || ErrorBody::new(code::NOT_FOUND, "there is no such room");
        self.calls.is_room(app, room).then_some(()).ok_or_else(unknown)
    }
}

fn no_call() -> ErrorBody {
    ErrorBody::new(code::NOT_FOUND, "there is no such call")
}

fn stored(error: StoreError) -> ErrorBody {
    tracing::error!(%error, "a REST request could not be answered from the store");
    ErrorBody::new(code::INTERNAL, "the server could not read or store this; try again")
}
