//! The envelope: one action on one invitation.

use super::Error;
use super::json::{object, text, users};
use crate::id::{GroupId, InviteId, UserId};
use serde_json::Value;
use std::time::Duration;

/// The outer layer. The eight wire fields, checked; `businessID` is always 1 and `data` is read apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub invite: InviteId,
    /// Who made the invitation, in answers too.
    pub inviter: UserId,
    /// Invite: all invited. Cancel and the inviter's time-out: those still open. Else: the user who answers.
    pub invitees: Vec<UserId>,
    pub action: Action,
    /// Counts in an invite only; 0 elsewhere.
    pub timeout: Timeout,
    /// `None`: one user to one user.
    pub group: Option<GroupId>,
}

/// What is done to the invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    Invite = 1,
    Cancel = 2,
    Accept = 3,
    Reject = 4,
    TimeOut = 5,
}

impl Action {
    pub const ALL: [Self; 5] = [Self::Invite, Self::Cancel, Self::Accept, Self::Reject, Self::TimeOut];

    fn from_wire(n: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|action| *action as i64 == n)
    }
}

/// Seconds until an unanswered invitation is over, as the client said them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeout(pub i64);

impl Timeout {
    /// Clients use 30. The upper bound keeps a forged invitation from holding its callee busy.
    pub const MIN: Duration = Duration::from_secs(1);
    pub const MAX: Duration = Duration::from_secs(120);

    /// The time an invitation may ring: between `MIN` and `MAX`; 0 means "no timer" to clients, here `MAX`.
    pub fn ring(self) -> Duration {
        let seconds = u64::try_from(self.0).unwrap_or_default();
        if self.0 == 0 { Self::MAX } else { Duration::from_secs(seconds).clamp(Self::MIN, Self::MAX) }
    }
}

impl Envelope {
    /// The envelope, and the text of the call data in it.
    pub(super) fn parse(json: &str) -> Result<(Self, String), Error> {
        let fields = object(json)?.ok_or(Error::NotSignalling)?;
        if fields.get("businessID").and_then(Value::as_i64) != Some(1) {
            return Err(Error::NotSignalling);
        }
        let action = fields.get("actionType").and_then(Value::as_i64).and_then(Action::from_wire);
        let group = match text(&fields, "groupID") {
            "" => None,
            id => Some(GroupId::new(id).ok_or(Error::Malformed("groupID"))?),
        };
        let envelope = Self {
            invite: InviteId::new(text(&fields, "inviteID")).ok_or(Error::Malformed("inviteID"))?,
            inviter: UserId::new(text(&fields, "inviter")).ok_or(Error::Malformed("inviter"))?,
            invitees: users(&fields, "inviteeList")?,
            action: action.ok_or(Error::Malformed("actionType"))?,
            timeout: timeout(fields.get("timeout"))?,
            group,
        };
        Ok((envelope, text(&fields, "data").to_owned()))
    }
}

/// A whole number of any size; clamped later. Missing is 0, as answers have it.
fn timeout(value: Option<&Value>) -> Result<Timeout, Error> {
    match value {
        None | Some(Value::Null) => Ok(Timeout(0)),
        Some(Value::Number(n)) => match (n.as_i64(), n.as_f64()) {
            (Some(seconds), _) => Ok(Timeout(seconds)),
            (None, Some(seconds)) if seconds > 0.0 => Ok(Timeout(i64::MAX)),
            (None, Some(_) | None) => Err(Error::Malformed("timeout")),
        },
        Some(Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
            Err(Error::Malformed("timeout"))
        }
    }
}
