//! Calls made by verbs.

use super::*;

impl Reference {
    /// Who is asked, and whether busy; none: refused.
    pub fn start(
        &mut self,
        number: usize,
        from: User,
        to: &[User],
        group: bool,
        room: u32,
    ) -> Option<Vec<(User, bool)>> {
        let to: BTreeSet<User> = to.iter().copied().filter(|user| *user != from).collect();
        let running = self.calls.iter().any(|c| c.room == room && c.group == group && c.is_in(from));
        let members = to.iter().chain([&from]).all(|user| self.members.contains(user));
        if running || to.is_empty() || (group && !members) || (!group && to.len() > 1) {
            return None;
        }
        let busy = |user: &User| self.calls.iter().any(|call| call.is_in(*user) || call.asked().contains(user));
        let asked: Vec<(User, bool)> = to.iter().map(|user| (*user, busy(user))).collect();
        self.used.insert(number);
        let index = self.begin(number, from, group, room);
        let share = |busy: bool| if busy { Share::Closed(CallResult::CallBusy) } else { Share::Open };
        let shares = asked.iter().map(|(user, busy)| (*user, (share(*busy), !self.offline.contains(user)))).collect();
        self.calls[index].closed.extend(asked.iter().filter(|(_, busy)| *busy).map(|(user, _)| *user));
        self.add(index, number, from, SERVED_RING, shares);
        Some(asked)
    }

    /// The number of the open call that this invitation is of.
    pub fn call_of(&self, invite: usize) -> Option<usize> {
        self.calls.iter().find(|call| call.invites.iter().any(|one| one.number == invite)).map(|call| call.number)
    }

    fn of_number(&self, number: usize, is_mine: impl Fn(&Call) -> bool) -> Option<usize> {
        self.calls.iter().position(|call| call.number == number && is_mine(call))
    }

    pub fn say(&mut self, call: usize, by: User, answer: Answer) -> bool {
        let Some(c) = self.of_number(call, |call| call.asked().contains(&by)) else { return false };
        let (inside, online) = (self.seat(by, self.calls[c].room).is_some(), !self.offline.contains(&by));
        for i in 0..self.calls[c].invites.len() {
            self.calls[c].answer(i, by, answer, self.now, inside, online);
        }
        self.settle();
        true
    }

    pub fn join(&mut self, call: usize, by: User) -> bool {
        let member = |call: &Call| call.group && self.members.contains(&by);
        let mine = self.of_number(call, |call| call.is_in(by) || call.asked().contains(&by) || member(call));
        self.say(call, by, Answer::Accept) || mine.is_some()
    }

    /// One's own invitations are over, and with `leaves` so is one's part in the call.
    pub fn take_back(&mut self, call: usize, by: User, leaves: bool) -> bool {
        let Some(c) = self.of_number(call, |call| call.is_in(by)) else { return false };
        let call = &mut self.calls[c];
        for i in 0..call.invites.len() {
            for user in call.invites[i].open() {
                if call.invites[i].inviter == by {
                    call.answer(i, user, Answer::Cancel, self.now, false, !self.offline.contains(&user));
                }
            }
        }
        if leaves {
            call.left(by, true);
        }
        self.settle();
        true
    }
}
