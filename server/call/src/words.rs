//! What the server says in users' names: invitations that it writes, and words about what is done here already.

use crate::Output;
use crate::call::{Call, Phase};
use crate::invitation::Invitation;
use crate::service::Served;
use crate::switchboard::{CallKey, Switchboard};
use crate::timers::Moment;
use carillon_proto::call::{Action, Engine, Signal, Writer};
use carillon_proto::gateway::{Peer, SendMessage, SendOptions};
use carillon_proto::id::{AppId, InviteId, UserId};
use serde_json::{Map, Value};

/// A message on its way through chat.
#[derive(Debug)]
pub(crate) enum Sending {
    /// It tells others what is done here already.
    Word,
    /// Its call begins when it is back.
    Invitation(Box<Served>),
}

impl Switchboard {
    /// An invitation of the server's own is over in time: its devices are told in its inviter's name.
    pub(crate) fn tell_timed_out(&mut self, t: Moment, key: &CallKey, invite: &InviteId, users: Vec<UserId>) {
        let Some(call) = self.calls.get(key) else { return };
        let Some(invitation) = call.invitations.get(invite).filter(|invitation| invitation.served) else { return };
        let word = signal_of(call, invite, invitation).time_out(users);
        let inviter = invitation.inviter.clone();
        self.say(t, (key.0, &inviter), &word, None, Sending::Word);
    }

    /// A talk of two is over, and who is left by the other has an engine that writes nothing itself: the history's line
    /// of how long it was.
    pub(crate) fn tell_length(&mut self, t: Moment, call: &Call) {
        let (None, Some(accepted), Phase::Ended(_)) = (&call.group, call.accepted, call.phase) else { return };
        let stayed = |user: &&UserId| call.is_in(user) && call.watchers.contains(user);
        let Some(by) = call.parties.keys().find(stayed) else { return };
        let others = call.parties.keys().filter(|user| *user != by).cloned().collect();
        let Some(invite) = InviteId::new(format!("{}-end", call.id)) else { return };
        let seconds = t.wall.since(accepted).as_secs();
        let word = Signal::hang_up(invite, by.clone(), others, None, call.media, seconds);
        self.say(t, (call.app, by), &word, None, Sending::Word);
    }

    pub(crate) fn say(
        &mut self,
        t: Moment,
        (app, user): (AppId, &UserId),
        signal: &Signal,
        offline_push: Option<Value>,
        sending: Sending,
    ) {
        let Some(to) = receiver(signal) else { return };
        // The time, so that none is used again after a restart.
        let client_id = format!("call-{}-{}", t.wall.0, self.next_message);
        self.next_message += 1;
        let fields = [("data", written(signal)), ("description", String::new()), ("extension", String::new())];
        let payload: Map<String, Value> =
            fields.into_iter().map(|(key, text)| (key.to_owned(), Value::String(text))).collect();
        let exclude_from_history = signal.envelope.action == Action::Accept
            || (signal.envelope.action == Action::Invite && signal.data.exclude_from_history);
        let message = SendMessage {
            to,
            kind: "custom".to_owned(),
            payload,
            client_id: client_id.clone(),
            priority: Some("High".to_owned()),
            cloud_custom_data: String::new(),
            options: SendOptions { exclude_from_history, offline_push, ..SendOptions::default() },
        };
        // An engine that reads its own invitation takes it for another's; all else its history shows.
        let session = match &sending {
            Sending::Word => None,
            Sending::Invitation(served) => Some(served.asker.session),
        };
        self.sending.insert((app, user.clone(), client_id), sending);
        let (user, message) = (user.clone(), Box::new(message));
        self.outputs.push_back(Output::Send { app, user, session, message });
    }
}

pub(crate) fn written(signal: &Signal) -> String {
    Writer::new(Engine::Web).write(signal)
}

/// Whom a word goes to: an answer to the inviter, all else to who is asked, or all to the group.
fn receiver(signal: &Signal) -> Option<Peer> {
    let envelope = &signal.envelope;
    match (&envelope.group, envelope.action) {
        (Some(group), _) => Some(Peer::Group(group.clone())),
        (None, Action::Accept | Action::Reject) => Some(Peer::User(envelope.inviter.clone())),
        (None, Action::Invite | Action::Cancel | Action::TimeOut) => envelope.invitees.first().cloned().map(Peer::User),
    }
}

/// The invitation as it was written, as far as answers to it repeat it.
pub(crate) fn signal_of(call: &Call, invite: &InviteId, invitation: &Invitation) -> Signal {
    let invitees = invitation.shares.keys().cloned().collect();
    let (inviter, group) = (invitation.inviter.clone(), call.group.clone());
    Signal::invite(invite.clone(), inviter, invitees, group, call.media, call.room.clone())
}
