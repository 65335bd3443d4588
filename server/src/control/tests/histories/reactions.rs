//! What the engines do when something comes: an invitation, an answer, somebody in the room.

use super::Generation;
use super::device::Device;
use super::engine::{Call, RING_SECONDS, Status};
use super::link::Cx;
use super::signal::Signal;

impl Device {
    pub(super) fn invited(&mut self, cx: &mut Cx<'_>, signal: Signal) {
        let group = !signal.group.is_empty();
        if signal.inviter == self.user || self.is_web() && !group && signal.data["data"]["consumed"] == true {
            return;
        }
        if signal.is_hang_up() {
            if !self.call.is_idle() {
                self.hung_up(cx, &signal);
            }
        } else if !group && signal.is_switch() {
            if !self.call.is_idle() && signal.room() == self.call.room {
                self.agree_to_switch(cx, &signal);
                self.call.switches.push(signal.invite);
            }
        } else if self.call.is_idle() {
            self.ring(cx, signal);
        } else {
            self.busy(cx, &signal);
        }
    }

    fn ring(&mut self, cx: &mut Cx<'_>, signal: Signal) {
        debug_assert_eq!(signal.timeout, RING_SECONDS);
        let (invite, inviter) = (signal.invite.clone(), signal.inviter.clone());
        self.call = Call {
            status: Status::Calling,
            inviter: false,
            group: signal.group.clone(),
            invite: invite.clone(),
            invited_by: inviter.clone(),
            media: signal.media(),
            room: signal.room(),
            handled: vec![inviter.clone()],
            unhandled: signal.invitees.clone(),
            invites: vec![(invite.clone(), [inviter.clone()].into_iter().chain(signal.invitees).collect())],
            ..Call::default()
        };
        for user in signal.data["inCallUserIDs"].as_array().into_iter().flatten().filter_map(|user| user.as_str()) {
            self.call.unhandled.push(user.to_owned());
        }
        if self.generation != Generation::Wx110 {
            self.call.accepted.insert(invite.clone(), vec![inviter.clone()]);
        }
        self.rung.push(invite);
        self.say(cx, "INVITED", &inviter);
    }

    fn hung_up(&mut self, cx: &mut Cx<'_>, signal: &Signal) {
        let (from, old) = (&signal.inviter, self.generation == Generation::Wx110);
        let was_in = self.call.handled.contains(from);
        let calling = self.call.status == Status::Calling;
        if calling {
            if !old {
                self.call.unhandled.retain(|user| user != from);
            }
            if !was_in {
                return;
            }
        } else {
            let before = self.call.handled.len();
            self.call.handled.retain(|user| user != from);
            let others = if old { before > 1 && !was_in } else { self.call.handled.len() > 1 };
            if others {
                return;
            }
        }
        let about = if old { from.clone() } else { self.user.clone() };
        if self.call.group.is_empty() {
            return self.over(cx, "CALL_END", &about);
        }
        self.call.handled.retain(|user| user != from);
        if self.call.inviter || !calling {
            if self.alone() {
                self.over(cx, "CALL_END", &about);
            }
            return;
        }
        if old || signal.invitees.contains(&self.user) {
            self.say(cx, "USER_LEAVE", from);
        }
        if self.call.handled.is_empty() && self.call.unhandled.len() == 1 {
            self.cancel(cx);
        }
    }

    pub(super) fn accepted(&mut self, cx: &mut Cx<'_>, signal: &Signal) {
        let Some(invitee) = signal.invitees.first() else { return };
        let switch = self.generation != Generation::Wx110 && self.call.switches.contains(&signal.invite);
        if self.call.is_idle() || !self.call.knows(&signal.invite) && !switch {
            return;
        }
        if self.call.group.is_empty() && signal.is_switch() && !self.call.switch_ok {
            self.call.switch_ok = true;
            self.call.media = 1;
            return;
        }
        if *invitee == self.user && self.call.status == Status::Calling {
            return self.cancel(cx);
        }
        if self.call.inviter {
            self.call.status = Status::Connected;
        }
        self.call.came(invitee);
        self.call.accepted.entry(signal.invite.clone()).or_default().push(invitee.clone());
        self.say(cx, "USER_ACCEPT", invitee);
    }

    pub(super) fn rejected(&mut self, cx: &mut Cx<'_>, signal: &Signal) {
        let Some(invitee) = signal.invitees.first() else { return };
        if self.call.group.is_empty() && !self.call.switch_ok && self.call.switches.contains(&signal.invite) {
            self.call.switch_ok = true;
            return;
        }
        let known = self.call.knows(&signal.invite);
        if known && self.call.is_idle() || !known && self.generation == Generation::Wx110 {
            return;
        }
        if known && *invitee == self.user && self.call.status == Status::Calling {
            return self.cancel(cx);
        }
        self.call.unhandled.retain(|user| user != invitee);
        let connected = self.call.status == Status::Connected;
        if !known || connected && self.call.handled.contains(invitee) {
            return;
        }
        let group = !self.call.group.is_empty();
        if signal.is_busy() {
            if signal.inviter == self.call.invited_by {
                self.say(cx, "LINE_BUSY", invitee);
            }
            if !group || self.alone() {
                self.cancel(cx);
            }
            return;
        }
        self.say(cx, "REJECT", invitee);
        if !group {
            return self.cancel(cx);
        }
        if connected {
            if self.alone() {
                let about = if self.generation == Generation::Wx110 { invitee } else { &self.user.clone() };
                self.over(cx, "CALL_END", about);
            }
        } else if if self.call.inviter { self.alone() } else { self.left_behind() } {
            self.cancel(cx);
        }
    }

    pub(super) fn cancelled(&mut self, cx: &mut Cx<'_>, signal: &Signal) {
        if self.call.invite == signal.invite && !self.call.is_idle() {
            self.over(cx, "CALLING_CANCEL", &signal.inviter);
        }
    }

    /// One's own timer, or another's notice.
    pub(super) fn timed_out(&mut self, cx: &mut Cx<'_>, signal: &Signal) {
        self.call.unhandled.retain(|user| !signal.invitees.contains(user));
        if self.call.is_idle() || !self.call.knows(&signal.invite) {
            return;
        }
        let about = signal.invitees.first().cloned().unwrap_or_default();
        let (inviter, mine) = (self.call.inviter, signal.invitees.contains(&self.user));
        if self.call.group.is_empty() {
            if inviter {
                self.say(cx, "NO_RESP", &about);
            }
            return self.cancel(cx);
        }
        match self.call.status {
            Status::Idle => {}
            Status::Calling if !inviter && mine => self.cancel(cx),
            Status::Calling => {
                self.say(cx, "NO_RESP", &about);
                if inviter && self.call.unhandled.is_empty() {
                    self.cancel(cx);
                }
            }
            Status::Connected => {
                self.say(cx, "NO_RESP", &about);
                if self.alone() {
                    let me = self.user.clone();
                    self.over(cx, "CALL_END", &me);
                }
            }
        }
    }

    // ---- the room ----

    pub(super) fn user_entered(&mut self, cx: &mut Cx<'_>, user: &str) {
        if self.is_web() && self.call.is_idle() {
            return;
        }
        self.call.came(user);
        match self.generation {
            Generation::Wx110 => {}
            Generation::Wx149 | Generation::Web317 => self.call.status = Status::Connected,
        }
        self.call.talks_since.get_or_insert(cx.now.instant);
        self.say(cx, "USER_ENTER", user);
    }

    pub(super) fn user_left(&mut self, cx: &mut Cx<'_>, user: &str) {
        let (old, group) = (self.generation == Generation::Wx110, !self.call.group.is_empty());
        if self.call.is_idle() && !old {
            return;
        }
        if old && !group {
            let me = self.user.clone();
            return self.after_notice(cx, user, [("USER_LEAVE", user), ("CALL_END", &me)]);
        }
        self.call.handled.retain(|other| other != user);
        self.say(cx, "USER_LEAVE", user);
        let me = self.user.clone();
        if !group {
            if !self.is_web() || self.call.handled.len() == 1 {
                self.after_notice(cx, user, [("", ""), ("CALL_END", &me)]);
            }
        } else if !old && self.call.handled == [me.as_str()] && self.call.unhandled.is_empty() {
            self.over(cx, "CALL_END", &me);
        }
    }

    /// The server put one out of the room. Mini-program engines do not listen to that.
    pub(super) fn removed(&mut self, cx: &mut Cx<'_>) {
        if !self.is_web() {
            return;
        }
        let me = self.user.clone();
        match self.call.status {
            Status::Idle => {}
            Status::Calling => self.cancel(cx),
            Status::Connected => self.over(cx, "CALL_END", &me),
        }
    }

    /// A newer device won.
    pub(super) fn kicked_out(&mut self, cx: &mut Cx<'_>) {
        let me = self.user.clone();
        match self.generation {
            Generation::Wx110 => {
                self.say(cx, "KICKED_OUT", "");
                self.hang_up(cx);
            }
            Generation::Wx149 | Generation::Web317 => match self.call.status {
                Status::Calling if !self.is_web() => self.say(cx, "CALLING_CANCEL", &me),
                Status::Connected if !self.is_web() => {
                    self.over(cx, "CALL_END", &me);
                    self.say(cx, "KICKED_OUT", "");
                }
                Status::Idle | Status::Calling | Status::Connected => {
                    self.reset(cx);
                    self.say(cx, "KICKED_OUT", "");
                }
            },
        }
    }

    // ---- ends ----

    /// Nobody else is in the call, and nobody is asked.
    fn alone(&self) -> bool {
        self.call.handled.len() == 1 && self.call.unhandled.is_empty()
    }

    /// One is asked, and nobody is in the call any more.
    fn left_behind(&self) -> bool {
        self.call.handled.is_empty() && self.call.unhandled.len() == 1
    }

    fn cancel(&mut self, cx: &mut Cx<'_>) {
        let me = self.user.clone();
        self.over(cx, "CALLING_CANCEL", &me);
    }

    fn over(&mut self, cx: &mut Cx<'_>, event: &'static str, about: &str) {
        self.say(cx, event, about);
        self.reset(cx);
    }
}
