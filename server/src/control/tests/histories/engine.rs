//! The call engines 1.1.0 and 1.4.9 of mini-programs and 3.1.7 of the Vue kit, as they behave on the wire: what a user
//! may do, and what they send for it. Their quirks are theirs; `sequences.rs` holds these scripts to what the real ones did.

use super::Generation;
use super::device::{Device, Then};
use super::link::Cx;
use super::signal::{ACCEPT, CANCEL, INVITE, REJECT, Said, Signal};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

pub(super) const RING_SECONDS: u64 = 30;
pub(super) const VIDEO: u64 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Idle,
    Calling,
    Connected,
}

/// What an engine knows of its call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) status: Status,
    pub(super) inviter: bool,
    /// "" between two.
    pub(super) group: String,
    pub(super) invite: String,
    pub(super) invited_by: String,
    pub(super) media: u64,
    pub(super) room: u64,
    pub(super) handled: Vec<String>,
    pub(super) unhandled: Vec<String>,
    /// Every invitation of this call, in order, and whom it names.
    pub(super) invites: Vec<(String, Vec<String>)>,
    pub(super) accepted: BTreeMap<String, Vec<String>>,
    pub(super) switches: Vec<String>,
    pub(super) switch_ok: bool,
    pub(super) talks_since: Option<Instant>,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            status: Status::Idle,
            inviter: true,
            group: String::new(),
            invite: String::new(),
            invited_by: String::new(),
            media: 1,
            room: 0,
            handled: Vec::new(),
            unhandled: Vec::new(),
            invites: Vec::new(),
            accepted: BTreeMap::new(),
            switches: Vec::new(),
            switch_ok: true,
            talks_since: None,
        }
    }
}

impl Call {
    pub(super) fn is_idle(&self) -> bool {
        self.status == Status::Idle
    }

    pub(super) fn knows(&self, invite: &str) -> bool {
        self.invites.iter().any(|(known, _)| known == invite)
    }

    pub(super) fn came(&mut self, user: &str) {
        self.unhandled.retain(|other| other != user);
        if !self.handled.iter().any(|other| other == user) {
            self.handled.push(user.to_owned());
        }
    }

    fn accepted_by(&mut self, invite: &str, user: &str) {
        self.accepted.entry(invite.to_owned()).or_default().push(user.to_owned());
    }
}

/// What an engine does one after the other, each when the one before was answered.
pub(super) struct Flow {
    steps: VecDeque<Step>,
    failed: Failed,
    /// A button began it.
    pressed: bool,
}

enum Step {
    Send(Signal),
    Answer {
        action: u64,
        invite: String,
        data: serde_json::Value,
    },
    /// Marks the invitation as consumed, for devices that come later.
    Consume(String),
    Enter {
        room: u64,
        wait: bool,
    },
    Leave,
    Do(Do),
}

enum Do {
    Called(Box<Call>),
    InvitedMore { invite: String, users: Vec<String> },
    Accepted { invite: String },
    Say(&'static str, String),
    TimedOut(Signal),
    Switching(String),
    Switched,
    Reset,
}

#[derive(Clone, Copy)]
enum Failed {
    Stop,
    GoOn,
    Reset,
}

impl Flow {
    /// In `web/tim/v3_signalling.js` it is over in any case; `tsignaling-wx` says nothing where its notice was not sent.
    pub(super) fn timed_out(signal: Signal, web: bool) -> Self {
        let failed = if web { Failed::GoOn } else { Failed::Stop };
        Self { steps: [Step::Do(Do::TimedOut(signal))].into(), failed, pressed: false }
    }
}

// ---- what a user does ----
impl Device {
    pub(super) fn call(&mut self, cx: &mut Cx<'_>, users: &[String], group: &str, media: u64) {
        let room = 1_000 + cx.dice.below(1_000_000_000);
        let invite = next_id(cx);
        let mut names = vec![self.user.clone()];
        names.extend_from_slice(users);
        let call = Call {
            status: Status::Calling,
            group: group.to_owned(),
            invite: invite.clone(),
            invited_by: self.user.clone(),
            media,
            room,
            handled: vec![self.user.clone()],
            unhandled: users.to_vec(),
            invites: vec![(invite.clone(), names)],
            ..Call::default()
        };
        let web = self.is_web().then(|| group.is_empty().then(|| users.to_vec()));
        let said = Said {
            media: Some(media),
            room: Some(room),
            inviter: self.user.clone(),
            callees: web.clone().flatten(),
            initial: web.and_then(|callees| callees.is_none().then(String::new)),
            hidden: group.is_empty(),
            ..Said::default()
        };
        let signal = self.invitation(invite, users, group, RING_SECONDS, &said);
        let (enter, send) = (|wait| Step::Enter { room, wait }, Step::Send(signal));
        match self.generation {
            Generation::Wx110 => self.go(cx, [enter(false), send, called(call)], Failed::GoOn),
            Generation::Wx149 if group.is_empty() => self.go(cx, [send, enter(false), called(call)], Failed::Reset),
            Generation::Wx149 => self.go(cx, [enter(false), send, called(call)], Failed::Reset),
            Generation::Web317 => {
                // It is "calling" before anything is sent, and knows of its invitation afterwards.
                self.call = Call { invites: Vec::new(), ..call.clone() };
                self.go(cx, [enter(true), send, called(call)], Failed::Reset);
            }
        }
    }

    pub(super) fn accept(&mut self, cx: &mut Cx<'_>) {
        let (invite, room) = (self.call.invite.clone(), self.call.room);
        let said = Said { media: Some(self.call.media), hidden: true, ..self.said() };
        let answer = Step::Answer { action: ACCEPT, invite: invite.clone(), data: said.write(self.generation) };
        let accepted = Step::Do(Do::Accepted { invite: invite.clone() });
        match self.generation {
            Generation::Wx110 => {
                self.call.status = Status::Connected;
                self.go(cx, [Step::Enter { room, wait: false }, answer, accepted], Failed::Stop);
            }
            Generation::Wx149 => self.go(cx, [Step::Enter { room, wait: false }, answer, accepted], Failed::Stop),
            Generation::Web317 => {
                let enter = Step::Enter { room, wait: true };
                self.go(cx, [enter, accepted, Step::Consume(invite), answer], Failed::Reset);
            }
        }
    }

    pub(super) fn reject(&mut self, cx: &mut Cx<'_>) {
        let invite = self.call.invite.clone();
        let said = Said { media: Some(self.call.media), ..self.said() };
        let answer = Step::Answer { action: REJECT, invite: invite.clone(), data: said.write(self.generation) };
        let over = [say("CALLING_CANCEL", &self.user), Step::Do(Do::Reset)];
        let consume = self.is_web().then_some(Step::Consume(invite));
        let failed = if self.generation == Generation::Wx110 { Failed::GoOn } else { Failed::Stop };
        self.go(cx, consume.into_iter().chain([answer]).chain(over), failed);
    }

    /// Answers for a user who is in another call.
    pub(super) fn busy(&mut self, cx: &mut Cx<'_>, signal: &Signal) {
        let media = self.is_web().then(|| signal.media());
        let said = Said { media, busy: true, ..self.said() };
        let data = said.write(self.generation);
        let answer = Step::Answer { action: REJECT, invite: signal.invite.clone(), data };
        let consume = (self.is_web() && self.call.group.is_empty()).then(|| Step::Consume(signal.invite.clone()));
        self.react(cx, consume.into_iter().chain([answer]));
    }

    /// Nothing happens where the engine refuses: the invitation is not out yet.
    pub(super) fn hang_up(&mut self, cx: &mut Cx<'_>) {
        let (status, inviter) = (self.call.status, self.call.inviter);
        if status == Status::Idle {
            return;
        }
        if self.generation == Generation::Wx110 {
            return self.hang_up_110(cx);
        }
        if status == Status::Calling && self.call.invites.is_empty() {
            return;
        }
        let end = say("CALL_END", &self.user);
        let mut steps = Vec::new();
        if self.is_web() && status == Status::Connected {
            steps.push(Step::Leave);
        }
        if self.call.invites.is_empty() {
            steps.push(end);
        } else if self.call.group.is_empty() {
            if inviter && self.call.unhandled.len() == 1 {
                steps.extend(self.cancels());
                steps.push(say("CALLING_CANCEL", &self.user));
            } else {
                steps.push(end);
            }
        } else if inviter && status == Status::Calling {
            steps.extend(self.cancels());
            steps.push(say("CALLING_CANCEL", &self.user));
        } else {
            steps.extend(self.group_hang_ups(cx));
        }
        steps.push(Step::Do(Do::Reset));
        self.go(cx, steps, Failed::Stop);
    }

    fn hang_up_110(&mut self, cx: &mut Cx<'_>) {
        let reset = Step::Do(Do::Reset);
        if self.call.inviter && self.call.status == Status::Calling {
            let steps: Vec<Step> = self.cancels().into_iter().take(1).collect();
            return self.go(cx, steps.into_iter().chain([say("CALLING_CANCEL", &self.user), reset]), Failed::GoOn);
        }
        let others: Vec<String> = self.others().into_iter().chain(self.call.unhandled.clone()).collect();
        let notice = (!self.call.group.is_empty()).then(|| Step::Send(self.notice(cx, &others)));
        self.go(cx, notice.into_iter().chain([say("CALL_END", &self.user), reset]), Failed::Stop);
    }

    fn cancels(&self) -> Vec<Step> {
        let media = Some(self.call.media);
        let data = Said { media, ..self.said() }.write(self.generation);
        let consume =
            (self.is_web() && self.call.group.is_empty()).then(|| Step::Consume(self.call.invites[0].0.clone()));
        let cancel = |invite: &String| Step::Answer { action: CANCEL, invite: invite.clone(), data: data.clone() };
        consume.into_iter().chain(self.call.invites.iter().map(|(invite, _)| cancel(invite))).collect()
    }

    /// For each invitation that somebody accepted a notice, for each other one that is open a cancel.
    fn group_hang_ups(&self, cx: &mut Cx<'_>) -> Vec<Step> {
        let call = &self.call;
        let mut steps = Vec::new();
        for (invite, users) in &call.invites {
            let open: Vec<String> = users.iter().filter(|user| call.unhandled.contains(user)).cloned().collect();
            let accepted = call.accepted.get(invite).cloned().unwrap_or_default();
            if !accepted.is_empty() {
                let inside = accepted.into_iter().filter(|user| call.handled.contains(user));
                let mut to: Vec<String> = inside.chain(open).filter(|user| *user != self.user).collect();
                to.dedup();
                if self.is_web() && to.is_empty() {
                    continue;
                }
                if self.is_web() && !call.inviter {
                    to = self.others();
                }
                steps.push(Step::Send(self.notice(cx, &to)));
                steps.push(say("CALL_END", &self.user));
            } else if !open.is_empty() && call.inviter {
                let data = Said { media: Some(call.media), ..self.said() }.write(self.generation);
                steps.push(Step::Answer { action: CANCEL, invite: invite.clone(), data });
            }
        }
        steps
    }

    pub(super) fn switch_to_audio(&mut self, cx: &mut Cx<'_>) {
        let Some(peer) = self.others().first().cloned() else { return };
        let said = Said { media: Some(VIDEO), room: Some(self.call.room), switch: true, ..self.said() };
        let invite = next_id(cx);
        let signal = self.invitation(invite.clone(), &[peer], "", RING_SECONDS, &said);
        self.go(cx, [Step::Send(signal), Step::Do(Do::Switching(invite))], Failed::Stop);
    }

    pub(super) fn invite_more(&mut self, cx: &mut Cx<'_>, users: &[String]) {
        let call = &self.call;
        let known = |user: &&String| !call.handled.contains(user) && !call.unhandled.contains(user);
        let users: Vec<String> = users.iter().filter(known).cloned().collect();
        if users.is_empty() {
            return;
        }
        let in_call = self.is_web().then(|| call.unhandled.iter().cloned().chain(self.others()).collect());
        let initial = self.is_web().then(|| call.invites.first().map(|(id, _)| id.clone()).unwrap_or_default());
        let said = Said { media: Some(call.media), room: Some(call.room), in_call, initial, ..self.said() };
        let invite = next_id(cx);
        let signal = self.invitation(invite.clone(), &users, &call.group, RING_SECONDS, &said);
        self.go(cx, [Step::Send(signal), Step::Do(Do::InvitedMore { invite, users })], Failed::Stop);
    }

    pub(super) fn join(&mut self, cx: &mut Cx<'_>, group: &str, room: u64) {
        let (media, group, handled) = (VIDEO, group.to_owned(), vec![self.user.clone()]);
        self.call = Call { status: Status::Calling, inviter: false, group, media, room, handled, ..Call::default() };
        self.go(cx, [Step::Enter { room, wait: false }], Failed::Reset);
    }

    /// The notice that one is gone; between two it becomes the history's "call lasted".
    pub(super) fn notice(&self, cx: &mut Cx<'_>, to: &[String]) -> Signal {
        let seconds = self.call.talks_since.map_or(0, |since| (cx.now.instant - since).as_secs());
        let said = Said { media: Some(self.call.media), call_end: Some(seconds), hang_up: true, ..self.said() };
        self.invitation(next_id(cx), to, &self.call.group, 0, &said)
    }

    pub(super) fn others(&self) -> Vec<String> {
        self.call.handled.iter().filter(|user| **user != self.user).cloned().collect()
    }

    fn said(&self) -> Said {
        Said { inviter: self.call.invited_by.clone(), ..Said::default() }
    }

    fn invitation(&self, invite: String, to: &[String], group: &str, timeout: u64, said: &Said) -> Signal {
        let (inviter, invitees, group) = (self.user.clone(), to.to_vec(), group.to_owned());
        Signal { invite, inviter, invitees, action: INVITE, timeout, group, data: said.write(self.generation) }
    }
}

// ---- one step after the other ----
impl Device {
    fn go(&mut self, cx: &mut Cx<'_>, steps: impl IntoIterator<Item = Step>, failed: Failed) {
        self.acting = true;
        self.run(cx, Flow { steps: steps.into_iter().collect(), failed, pressed: true });
    }

    /// What the engine does by itself.
    fn react(&mut self, cx: &mut Cx<'_>, steps: impl IntoIterator<Item = Step>) {
        self.run(cx, Flow { steps: steps.into_iter().collect(), failed: Failed::Stop, pressed: false });
    }

    /// The engine reacts to what it heard.
    pub(super) fn after_notice(&mut self, cx: &mut Cx<'_>, to: &str, events: [(&'static str, &str); 2]) {
        let notice = self.notice(cx, &[to.to_owned()]);
        let said = events.into_iter().filter(|(event, _)| !event.is_empty()).map(|(event, about)| say(event, about));
        let steps: Vec<Step> = [Step::Send(notice)].into_iter().chain(said).chain([Step::Do(Do::Reset)]).collect();
        self.react(cx, steps);
    }

    /// Accepts that the call goes on as an audio call.
    pub(super) fn agree_to_switch(&mut self, cx: &mut Cx<'_>, signal: &Signal) {
        let said = Said { media: Some(signal.media()), switch: true, hidden: true, ..self.said() };
        let data = said.write(self.generation);
        let answer = Step::Answer { action: ACCEPT, invite: signal.invite.clone(), data };
        self.react(cx, [answer, Step::Do(Do::Switched)]);
    }

    pub(super) fn run(&mut self, cx: &mut Cx<'_>, mut flow: Flow) {
        while let Some(step) = flow.steps.pop_front() {
            match step {
                Step::Send(signal) => return self.send(cx, signal, flow),
                Step::Answer { action, invite, data } => match self.invites.begin(action, &invite, data) {
                    Some(signal) => return self.send(cx, signal, flow),
                    None => return self.failed(cx, flow),
                },
                Step::Consume(invite) => {
                    let Some(open) = self.invites.get(&invite) else { continue };
                    let mut signal = open.signal.clone();
                    signal.data["data"]["consumed"] = json!(true);
                    let payload = json!({ "data": signal.text(), "description": "", "extension": "" });
                    let body = json!({ "id": open.message, "payload": payload });
                    return self.ask(cx, "message.modify", body, Then::Changed { flow });
                }
                Step::Enter { room, wait: false } => self.enter(cx, room, None),
                Step::Enter { room, wait: true } => return self.enter(cx, room, Some(flow)),
                Step::Leave => self.leave(cx),
                Step::Do(what) => self.perform(cx, what),
            }
        }
        self.acting &= !flow.pressed;
    }

    pub(super) fn failed(&mut self, cx: &mut Cx<'_>, flow: Flow) {
        match flow.failed {
            Failed::Stop => self.acting &= !flow.pressed,
            Failed::GoOn => self.run(cx, flow),
            Failed::Reset => {
                self.acting &= !flow.pressed;
                self.reset(cx);
            }
        }
    }

    fn perform(&mut self, cx: &mut Cx<'_>, what: Do) {
        match what {
            Do::Called(call) if self.is_web() => self.call.invites = call.invites,
            Do::Called(call) => self.take(*call),
            Do::InvitedMore { invite, users } => {
                self.call.unhandled.extend(users.iter().cloned());
                let names = [self.user.clone()].into_iter().chain(users).collect();
                self.call.invites.push((invite, names));
            }
            Do::Accepted { invite } => {
                let me = self.user.clone();
                self.call.came(&me);
                self.call.accepted_by(&invite, &me);
                self.call.status = Status::Connected;
            }
            Do::Say(event, about) => self.say(cx, event, &about),
            Do::TimedOut(signal) => self.timed_out(cx, &signal),
            Do::Switching(invite) => {
                self.call.switch_ok = false;
                if self.is_web() {
                    self.call.switches.push(invite);
                }
            }
            Do::Switched => {
                self.call.media = 1;
                self.say(cx, "CALL_MODE", "");
            }
            Do::Reset => self.reset(cx),
        }
    }

    /// An invitation was sent. What came in that moment is not forgotten: two calls are mixed in one.
    fn take(&mut self, call: Call) {
        let before = std::mem::replace(&mut self.call, call);
        for user in before.handled {
            if !self.call.handled.contains(&user) {
                self.call.handled.push(user);
            }
        }
        self.call.unhandled.extend(before.unhandled);
        self.call.invites.splice(0..0, before.invites);
        self.call.accepted.extend(before.accepted);
    }

    pub(super) fn reset(&mut self, cx: &mut Cx<'_>) {
        self.call = Call::default();
        self.leave(cx);
    }
}

fn called(call: Call) -> Step {
    Step::Do(Do::Called(Box::new(call)))
}

fn say(event: &'static str, about: &str) -> Step {
    Step::Do(Do::Say(event, about.to_owned()))
}

/// Ids in the order in which they are made, so that the call model's numbers and the server's ids sort alike.
fn next_id(cx: &mut Cx<'_>) -> String {
    *cx.ids += 1;
    format!("i{:06}", cx.ids)
}
