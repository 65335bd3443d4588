//! One invitation: what became of each user it asks, and whether it gives a right to the room.

use carillon_proto::gateway::CallResult;
use carillon_proto::id::UserId;
use carillon_proto::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One invitee's share of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum State {
    Pending,
    Accepted,
    Rejected,
    Busy,
    TimedOut,
    Canceled,
}

/// What can happen to a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Accept,
    Reject,
    Busy,
    TimeOut,
    Cancel,
}

impl State {
    /// The state after `event`; `None`: it comes too late and changes nothing. The first event decides.
    pub(crate) fn next(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Pending, Event::Accept) => Some(Self::Accepted),
            (Self::Pending, Event::Reject) => Some(Self::Rejected),
            (Self::Pending, Event::Busy) => Some(Self::Busy),
            (Self::Pending, Event::TimeOut) => Some(Self::TimedOut),
            (Self::Pending, Event::Cancel) => Some(Self::Canceled),
            (
                Self::Accepted | Self::Rejected | Self::Busy | Self::TimedOut | Self::Canceled,
                Event::Accept | Event::Reject | Event::Busy | Event::TimeOut | Event::Cancel,
            ) => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Share {
    pub state: State,
    /// A device of the invitee was signed in at some time while it was open.
    pub reached: bool,
}

impl Share {
    /// How a call ends in which nobody did better than this share. `None` while it is open or accepted.
    pub(crate) fn result(self) -> Option<CallResult> {
        match self.state {
            State::Pending | State::Accepted => None,
            State::Rejected => Some(CallResult::Reject),
            State::Busy => Some(CallResult::CallBusy),
            State::TimedOut if self.reached => Some(CallResult::NotAnswer),
            State::TimedOut => Some(CallResult::Offline),
            State::Canceled => Some(CallResult::Cancel),
        }
    }
}

/// Whether an invitation names its room as a call's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Claim {
    /// Its sender is in the room, or was: the invitees may enter.
    Vouched,
    /// Its sender must enter until then.
    Within(UnixMillis),
    /// It gives no right: sent by somebody outside, or into a room full of strangers.
    Void,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invitation {
    pub inviter: UserId,
    /// When the server closes what is still open.
    pub guard: UnixMillis,
    pub claim: Claim,
    pub shares: BTreeMap<UserId, Share>,
    /// Made by the server on its inviter's word: the server also says when it is over.
    #[serde(default)]
    pub served: bool,
}

impl Invitation {
    pub(crate) fn open(&self) -> impl Iterator<Item = &UserId> {
        self.shares.iter().filter(|(_, share)| share.state == State::Pending).map(|(user, _)| user)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open().next().is_some()
    }

    /// Invitees who may still come, or have.
    pub(crate) fn welcome(&self) -> impl Iterator<Item = &UserId> {
        let welcome = |share: &Share| matches!(share.state, State::Pending | State::Accepted);
        self.shares.iter().filter(move |(_, share)| welcome(share)).map(|(user, _)| user)
    }
}
