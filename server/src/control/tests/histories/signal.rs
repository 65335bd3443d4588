//! Invitations as a client's signalling layer sees them: the envelope, the data of each generation of engines, and the
//! map of those that are open here.

use super::Generation;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const INVITE: u64 = 1;
pub(super) const CANCEL: u64 = 2;
pub(super) const ACCEPT: u64 = 3;
pub(super) const REJECT: u64 = 4;
pub(super) const TIMED_OUT: u64 = 5;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Signal {
    pub(super) invite: String,
    pub(super) inviter: String,
    pub(super) invitees: Vec<String>,
    pub(super) action: u64,
    pub(super) timeout: u64,
    /// "" between two users.
    pub(super) group: String,
    pub(super) data: Value,
}

impl Signal {
    pub(super) fn text(&self) -> String {
        json!({
            "businessID": 1, "inviteID": self.invite, "inviter": self.inviter, "actionType": self.action,
            "inviteeList": self.invitees, "data": self.data.to_string(), "timeout": self.timeout, "groupID": self.group,
        })
        .to_string()
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let all: Value = serde_json::from_str(text).ok()?;
        let word = |name: &str| all[name].as_str().unwrap_or_default().to_owned();
        Some(Self {
            invite: all["inviteID"].as_str()?.to_owned(),
            inviter: word("inviter"),
            invitees: all["inviteeList"].as_array()?.iter().filter_map(|u| Some(u.as_str()?.to_owned())).collect(),
            action: all["actionType"].as_u64()?,
            timeout: all["timeout"].as_u64()?,
            group: word("groupID"),
            data: serde_json::from_str(all["data"].as_str()?).ok()?,
        })
    }

    pub(super) fn is_hang_up(&self) -> bool {
        self.data["data"]["cmd"] == "hangup"
    }

    pub(super) fn is_switch(&self) -> bool {
        self.data["switch_to_audio_call"] == "switch_to_audio_call"
            || self.data["data"]["cmd"] == "switchToAudio"
            || self.data["data"]["cmd"] == "switchToVideo"
    }

    pub(super) fn is_busy(&self) -> bool {
        self.data["line_busy"] == "line_busy" || self.data["data"]["message"] == "lineBusy"
    }

    pub(super) fn room(&self) -> u64 {
        self.data["room_id"].as_u64().unwrap_or(0)
    }

    pub(super) fn media(&self) -> u64 {
        self.data["call_type"].as_u64().unwrap_or(1)
    }

    fn has_no_room(&self) -> bool {
        self.room() == 0
    }
}

/// The data that an engine writes. What a message does not say is `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) media: Option<u64>,
    pub(super) room: Option<u64>,
    pub(super) call_end: Option<u64>,
    pub(super) busy: bool,
    pub(super) switch: bool,
    pub(super) hang_up: bool,
    /// The web engine's: who invited to the call one is in, whom a call asks, the first invitation, who is in it.
    pub(super) inviter: String,
    pub(super) callees: Option<Vec<String>>,
    pub(super) initial: Option<String>,
    pub(super) in_call: Option<Vec<String>>,
    pub(super) hidden: bool,
}

impl Said {
    pub(super) fn write(&self, by: Generation) -> Value {
        let cmd = match (self.hang_up, self.switch, self.media) {
            (true, _, _) => Some("hangup"),
            (false, true, _) => Some("switchToAudio"),
            (false, false, Some(1)) => Some("audioCall"),
            (false, false, Some(_)) => Some("videoCall"),
            (false, false, None) => None,
        };
        let mut inner = json!({ "message": if self.busy { "lineBusy" } else { "" } });
        set(&mut inner, "cmd", cmd);
        set(&mut inner, "room_id", self.room);
        let mut outer = json!({ "version": 4, "businessID": "av_call" });
        set(&mut outer, "call_type", self.media);
        set(&mut outer, "room_id", self.room);
        set(&mut outer, "call_end", self.call_end);
        set(&mut outer, "line_busy", self.busy.then_some("line_busy"));
        set(&mut outer, "switch_to_audio_call", self.switch.then_some("switch_to_audio_call"));
        match by {
            Generation::Wx110 => set(&mut outer, "extraInfo", Some("")),
            Generation::Wx149 => set(&mut outer, "extInfo", Some("")),
            Generation::Web317 => {
                set(&mut outer, "userData", Some(""));
                set(&mut outer, "inCallUserIDs", self.in_call.clone());
                set(&mut inner, "str_room_id", self.room.map(|_| ""));
                set(&mut inner, "inviter", Some(self.inviter.as_str()));
                set(&mut inner, "userIDs", self.callees.clone());
                set(&mut inner, "initialCallId", self.initial.clone());
                set(&mut inner, "excludeFromHistoryMessage", self.hidden.then_some(true));
            }
        }
        set(&mut outer, "platform", Some(if by == Generation::Web317 { "Web" } else { "MiniApp" }));
        set(&mut outer, "data", Some(inner));
        outer
    }
}

fn set(object: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        object[name] = value.into();
    }
}

/// What the layer passes up to the engine.
#[derive(Debug, Clone)]
pub(super) enum Heard {
    Invited(Signal),
    Accepted(Signal),
    Rejected(Signal),
    Cancelled(Signal),
    TimedOut(Signal),
}

pub(super) struct Open {
    pub(super) signal: Signal,
    /// The stored message, which the web engine changes.
    pub(super) message: String,
    busy: bool,
}

/// The invitations that are open here: as `tsignaling-wx` keeps them, or as `web/tim/v3_invites.js`.
pub(super) struct Invites {
    web: bool,
    me: String,
    open: BTreeMap<String, Open>,
    /// One answer at a time; it stays so for ever where sending one failed (`tsignaling-wx`).
    handling: bool,
}

impl Invites {
    pub(super) fn new(generation: Generation, me: &str) -> Self {
        Self { web: generation == Generation::Web317, me: me.to_owned(), open: BTreeMap::new(), handling: false }
    }

    pub(super) fn get(&self, invite: &str) -> Option<&Open> {
        self.open.get(invite)
    }

    /// One's own answer or cancel: the envelope to send, or nothing where it may not be said.
    pub(super) fn begin(&mut self, action: u64, invite: &str, data: Value) -> Option<Signal> {
        let blocked = self.handling && !self.web;
        let known = self.open.get_mut(invite).filter(|known| !blocked && !known.busy)?;
        let mine = known.signal.inviter == self.me;
        let allowed = if action == CANCEL { mine } else { known.signal.invitees.contains(&self.me) };
        if !allowed {
            return None;
        }
        let invitees = if action == CANCEL { known.signal.invitees.clone() } else { vec![self.me.clone()] };
        if self.web {
            known.busy = true
        } else {
            self.handling = true
        }
        Some(Signal { invitees, action, data, timeout: 0, ..known.signal.clone() })
    }

    /// What was begun was sent, or could not be.
    pub(super) fn done(&mut self, signal: &Signal, ok: bool) {
        if let Some(known) = self.open.get_mut(&signal.invite) {
            known.busy = false;
        }
        if signal.action != INVITE && signal.action != TIMED_OUT && !self.web {
            self.handling = !ok;
        }
        let over = signal.action == CANCEL || signal.action == TIMED_OUT && signal.inviter == self.me;
        if ok && over {
            self.open.remove(&signal.invite);
        } else if ok && signal.action != INVITE {
            self.answered(signal);
        }
    }

    /// An invitation of one's own was sent. How long its timer runs.
    pub(super) fn sent(&mut self, signal: Signal, message: String) -> Option<u64> {
        let timeout = signal.timeout;
        self.open.insert(signal.invite.clone(), Open { signal, message, busy: false });
        (timeout > 0).then_some(timeout + 5)
    }

    /// The timer fired: the notice to send, where the invitation is still open here.
    pub(super) fn time_out(&mut self, invite: &str) -> Option<Signal> {
        let known = self.open.get_mut(invite)?;
        let mine = known.signal.inviter == self.me;
        let still = if mine { !known.signal.invitees.is_empty() } else { known.signal.invitees.contains(&self.me) };
        if !still && !known.signal.group.is_empty() {
            return None;
        }
        let invitees = if mine { known.signal.invitees.clone() } else { vec![self.me.clone()] };
        known.busy = self.web;
        Some(Signal { action: TIMED_OUT, invitees, timeout: 0, ..known.signal.clone() })
    }

    /// A message came: what the engine hears of it, and how long a timer is to run.
    pub(super) fn came(&mut self, signal: Signal, message: &str, age: u64) -> (Option<Heard>, Option<u64>) {
        if self.web { self.came_to_web(signal, message, age) } else { self.came_to_wx(signal, message) }
    }

    fn came_to_wx(&mut self, signal: Signal, message: &str) -> (Option<Heard>, Option<u64>) {
        let (group, known) = (!signal.group.is_empty(), self.open.contains_key(&signal.invite));
        let call_end = signal.data["call_end"].as_u64();
        let notice = signal.has_no_room() && (group || call_end > Some(0));
        match signal.action {
            INVITE if notice => (Some(Heard::Invited(signal)), None),
            INVITE if !group || signal.invitees.contains(&self.me) => {
                let timer = (signal.timeout > 0).then_some(signal.timeout);
                let open = Open { signal: signal.clone(), message: message.to_owned(), busy: false };
                self.open.insert(signal.invite.clone(), open);
                (Some(Heard::Invited(signal)), timer)
            }
            CANCEL if !group || known => {
                self.open.remove(&signal.invite);
                (Some(Heard::Cancelled(signal)), None)
            }
            ACCEPT if !group || known => {
                self.answered(&signal);
                (Some(Heard::Accepted(signal)), None)
            }
            REJECT => {
                self.answered(&signal);
                (Some(Heard::Rejected(signal)), None)
            }
            TIMED_OUT if !notice && (!group || known && call_end != Some(0)) => {
                self.answered(&signal);
                (Some(Heard::TimedOut(signal)), None)
            }
            _ => (None, None),
        }
    }

    fn came_to_web(&mut self, signal: Signal, message: &str, age: u64) -> (Option<Heard>, Option<u64>) {
        if signal.action == INVITE {
            if !signal.group.is_empty() && !signal.invitees.contains(&self.me) {
                return (None, None);
            }
            let timer = (signal.timeout > 0).then(|| signal.timeout.saturating_sub(age));
            let open = Open { signal: signal.clone(), message: message.to_owned(), busy: false };
            let new = self.open.contains_key(&signal.invite);
            self.open.entry(signal.invite.clone()).or_insert(open);
            return (Some(Heard::Invited(signal)), timer.filter(|_| !new));
        }
        if !self.open.contains_key(&signal.invite) {
            return (None, None);
        }
        if signal.action == CANCEL {
            self.open.remove(&signal.invite);
        } else {
            self.answered(&signal);
        }
        let heard = match signal.action {
            CANCEL => Heard::Cancelled(signal),
            ACCEPT => Heard::Accepted(signal),
            REJECT => Heard::Rejected(signal),
            _ => Heard::TimedOut(signal),
        };
        (Some(heard), None)
    }

    /// Another one changed what an invitation says.
    pub(super) fn modified(&mut self, signal: &Signal) {
        if let Some(known) = self.open.get_mut(&signal.invite) {
            known.signal.data = signal.data.clone();
        }
    }

    fn answered(&mut self, signal: &Signal) {
        let Some(known) = self.open.get_mut(&signal.invite) else { return };
        // `tsignaling-wx` looks at the first one alone.
        let who = if self.web { signal.invitees.len() } else { 1 };
        known.signal.invitees.retain(|user| !signal.invitees.iter().take(who).any(|other| other == user));
        if signal.group.is_empty() || known.signal.invitees.is_empty() {
            self.open.remove(&signal.invite);
        }
    }
}
