//! What happened, as the vendor's callbacks: written into the outbox with the state they tell of, and handed to the
//! postman when both are durable.

use super::rest::show;
use super::thread::{Control, Release};
use crate::postman::{Post, Posted};
use crate::store::Letter;
use carillon_call::{Happening, MemberChange};
use carillon_chat::StoreError;
use carillon_config::Apps;
use carillon_proto::gateway::{LeaveReason, Track, TrackName, TrackState};
use carillon_proto::id::{AppId, RoomId, UserId};
use carillon_proto::time::Now;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::mpsc::UnboundedSender;

/// Callbacks of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    pub waiting: u64,
    pub queued: u64,
    pub delivered: u64,
    /// Tries that were not taken; each is repeated.
    pub failed: u64,
    /// The outbox was full.
    pub dropped: u64,
    /// Nobody took them in all their life, or nobody wants them any more.
    pub expired: u64,
}

pub(super) struct Callbacks {
    /// Bounded by `waiting_max`: what is in it is in the outbox too.
    postman: UnboundedSender<Post>,
    config: BTreeMap<AppId, carillon_config::Callbacks>,
    waiting_max: usize,
    last: i64,
    /// Who sends what: start and stop are told apart by it. An entry a seat at most.
    live: BTreeMap<(AppId, RoomId, UserId), BTreeSet<TrackName>>,
    pub(super) stats: Stats,
}

impl Callbacks {
    pub(super) fn new(apps: &Apps, waiting_max: usize, postman: UnboundedSender<Post>) -> Self {
        let config = apps.iter().map(|app| (AppId(app.id), app.callbacks.clone())).collect();
        Self { postman, config, waiting_max, last: 0, live: BTreeMap::new(), stats: Stats::default() }
    }

    pub(super) fn send(&self, post: Post) {
        // The postman ends with the process alone; what it did not take is in the outbox.
        let _ = self.postman.send(post);
    }
}

impl Control {
    /// What waited when the process ended.
    pub(super) fn restore_callbacks(&mut self) -> Result<(), StoreError> {
        for app in self.callbacks.config.keys().copied().collect::<Vec<_>>() {
            let url = self.store.callback(app)?.map(|address| address.url);
            self.callbacks.send(Post::Address(app, url));
        }
        for letter in self.store.outbox()? {
            self.callbacks.last = self.callbacks.last.max(letter.id);
            self.callbacks.stats.waiting += 1;
            self.callbacks.send(Post::Letter(letter));
        }
        Ok(())
    }

    pub(super) fn handle_posted(&mut self, posted: Posted) {
        let stats = &mut self.callbacks.stats;
        let id = match posted {
            Posted::Failed => {
                stats.failed += 1;
                return;
            }
            Posted::Delivered(id) => {
                stats.delivered += 1;
                id
            }
            Posted::Expired(id) => {
                stats.expired += 1;
                id
            }
        };
        stats.waiting = stats.waiting.saturating_sub(1);
        self.store.posted(id);
    }

    pub(super) fn presence(&mut self, now: Now, app: AppId, user: &UserId, online: bool) {
        let (action, reason) = if online { ("Login", "Register") } else { ("Logout", "Unregister") };
        let body = json!({ "Info": { "Action": action, "To_Account": user, "Reason": reason } });
        self.post_call(now, app, format!("user:{user}"), "State.StateChange", body);
    }

    pub(super) fn happened(&mut self, now: Now, app: AppId, what: Happening) {
        match what {
            Happening::CallStarted(state) => {
                let topic = format!("call:{}", state.call);
                self.post_call(now, app, topic, "Call.CallbackAfterStartCall", show::call(&state));
            }
            Happening::MemberChanged { call, user, change } => {
                // Empty where the same moment ended the call.
                let users =
                    self.calls.call(app, &call).map_or_else(|| json!([]), |s| show::call(&s)["UserList"].take());
                let changed = json!([{ "User_Account": user, "ActionType": action(change) }]);
                let body = json!({ "CallId": call, "UserList": users, "ChangedUserList": changed });
                self.post_call(now, app, format!("call:{call}"), "Call.CallbackAfterMemberChanged", body);
            }
            Happening::CallEnded(record) => {
                let body = json!({ "CallRecord": show::record(&record) });
                self.post_call(now, app, format!("call:{}", record.call), "Call.CallbackAfterEndCall", body);
            }
            Happening::RoomOpened { room } => self.post_room(now, app, &room, None, 101, json!({})),
            Happening::RoomClosed { room } => {
                self.stop_pushes_of(app, &room);
                self.post_room(now, app, &room, None, 102, json!({}));
            }
            Happening::Entered { room, user } => {
                self.post_room(now, app, &room, Some(&user), 103, json!({ "Role": 20 }))
            }
            Happening::Left { room, user, reason } => {
                self.callbacks.live.remove(&(app, room.clone(), user.clone()));
                let info = json!({ "Role": 20, "Reason": leave_reason(reason) });
                self.post_room(now, app, &room, Some(&user), 104, info);
            }
            Happening::TracksChanged { room, user, tracks } => self.tracks_changed(now, app, room, user, &tracks),
        }
    }

    fn tracks_changed(
        &mut self,
        now: Now,
        app: AppId,
        room: RoomId,
        user: UserId,
        tracks: &BTreeMap<TrackName, Track>,
    ) {
        if !self.wants_rooms(app) {
            return;
        }
        // What is off is no longer sent, whether or not its section stays.
        let sent = |track: &Track| track.live && track.state != TrackState::Off;
        let live: BTreeSet<_> = tracks.iter().filter(|(_, track)| sent(track)).map(|(name, _)| *name).collect();
        let before = self.callbacks.live.insert((app, room.clone(), user.clone()), live.clone()).unwrap_or_default();
        for name in before.symmetric_difference(&live) {
            let Some(start) = media_event(*name) else { continue };
            let event = if live.contains(name) { start } else { start + 1 };
            self.post_room(now, app, &room, Some(&user), event, json!({}));
        }
    }

    fn wants_rooms(&self, app: AppId) -> bool {
        self.callbacks.config.get(&app).is_some_and(|config| !config.room_url.is_empty())
    }

    fn wants(&self, app: AppId, command: &str) -> bool {
        match self.store.callback(app) {
            Ok(Some(to)) => to.commands.is_empty() || to.commands.iter().any(|name| name == command),
            Ok(None) => self.callbacks.config.get(&app).is_some_and(|config| !config.url.is_empty()),
            Err(error) => {
                tracing::error!(%error, "the address of callbacks could not be read");
                false
            }
        }
    }

    fn post_call(&mut self, now: Now, app: AppId, topic: String, command: &str, mut body: Value) {
        if self.wants(app, command) {
            body["CallbackCommand"] = json!(command);
            body["EventTime"] = json!(now.wall.0);
            self.post(now, Letter { app, topic, room: false, command: command.to_owned(), ..letter(&body) });
        }
    }

    fn post_room(&mut self, now: Now, app: AppId, room: &RoomId, user: Option<&UserId>, event: u16, mut info: Value) {
        if !self.wants_rooms(app) {
            return;
        }
        info["RoomId"] = json!(room);
        info["EventTs"] = json!(now.wall.as_secs());
        info["EventMsTs"] = json!(now.wall.0);
        if let Some(user) = user {
            info["UserId"] = json!(user);
        }
        let group = if event < 200 { 1 } else { 2 };
        let body = json!({ "EventGroupId": group, "EventType": event, "CallbackTs": now.wall.0, "EventInfo": info });
        let topic = format!("room:{room}");
        self.post(now, Letter { app, topic, room: true, command: event.to_string(), ..letter(&body) });
    }

    fn post(&mut self, now: Now, letter: Letter) {
        let callbacks = &mut self.callbacks;
        if callbacks.stats.waiting >= callbacks.waiting_max as u64 {
            callbacks.stats.dropped += 1;
            return;
        }
        callbacks.last += 1;
        callbacks.stats.queued += 1;
        callbacks.stats.waiting += 1;
        let letter = Letter { id: callbacks.last, created_ms: now.wall.0, ..letter };
        self.store.post(letter.clone());
        self.release.push(Release::Post(letter));
    }
}

fn letter(body: &Value) -> Letter {
    let (topic, command) = (String::new(), String::new());
    Letter { id: 0, app: AppId(0), topic, room: false, command, body: body.to_string(), created_ms: 0 }
}

/// The vendor has no word of its own for busy.
fn action(change: MemberChange) -> &'static str {
    match change {
        MemberChange::Answer => "Answer",
        MemberChange::Reject | MemberChange::Busy => "Reject",
        MemberChange::NotAnswer => "NotAnswer",
        MemberChange::HangUp => "Hangup",
        MemberChange::Join => "Join",
        MemberChange::Offline => "Offline",
        MemberChange::Invite => "Invite",
        MemberChange::CancelInvite => "Cancel_Invite",
    }
}

/// 1: by oneself, 2: lost, 3: removed.
fn leave_reason(reason: LeaveReason) -> u8 {
    match reason {
        LeaveReason::Left => 1,
        LeaveReason::Lost => 2,
        LeaveReason::Kicked | LeaveReason::Dissolved | LeaveReason::TakenOver | LeaveReason::EndedByServer => 3,
    }
}

/// The event of its start; the next number is that of its end. A screen's sound has none.
fn media_event(name: TrackName) -> Option<u16> {
    match name {
        TrackName::Camera => Some(201),
        TrackName::Microphone => Some(203),
        TrackName::Screen => Some(205),
        TrackName::ScreenAudio => None,
    }
}
