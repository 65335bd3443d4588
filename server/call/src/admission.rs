//! Who may enter a room. The one place of this policy.
//!
//! A room without a call belongs to its first entrant and, as long as `rooms.open` is on, takes any user of the app:
//! that is what conferences, WHIP and WHEP need. It becomes a call's room by an invitation that names it, sent by
//! somebody inside or by somebody who enters within `call.claim_within_ms`. Then only inviter, invitees and, for
//! group calls, the group's members may enter, until the last seat is empty and nobody is asked any more.
//!
//! Strangers inside are put out when the first entrant makes the room a call's. Somebody else's invitation closes an
//! open room only if nobody inside would have to go: else a stranger could take a conference over by one invitation.

use crate::RefuseReason;

/// What counts about somebody at a room's door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Visitor {
    /// Has a seat here already: a reload, another device.
    pub seated: bool,
    /// Was kicked, and not invited since.
    pub banned: bool,
    /// The room is a call's.
    pub claimed: bool,
    /// Inviter or invitee of the room's call, or a member of its group.
    pub invited: bool,
    /// Nobody is inside.
    pub empty: bool,
    /// `rooms.open`
    pub open: bool,
    /// Shows a valid PrivateMapKey.
    pub keyed: bool,
    /// Shares an open call that names this room with somebody inside.
    pub acquainted: bool,
}

impl Visitor {
    pub(crate) fn admit(self) -> Result<(), RefuseReason> {
        match self {
            Self { banned: true, .. } => Err(RefuseReason::Banned),
            Self { seated: true, .. } => Ok(()),
            Self { claimed: true, invited, .. } => invited.then_some(()).ok_or(RefuseReason::NotInvited),
            Self { empty, open, keyed, acquainted, .. } => {
                (empty || open || keyed || acquainted).then_some(()).ok_or(RefuseReason::NotOpen)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn door_follows_its_table() {
        let base = Visitor { open: true, ..Visitor::default() };
        let closed = Visitor::default();
        let table = [
            ("first entrant", Visitor { empty: true, ..closed }, Ok(())),
            ("second user of an open room", base, Ok(())),
            ("second user where rooms are not open", closed, Err(RefuseReason::NotOpen)),
            ("with a key", Visitor { keyed: true, ..closed }, Ok(())),
            ("of a call with somebody inside", Visitor { acquainted: true, ..closed }, Ok(())),
            ("stranger at a call", Visitor { claimed: true, ..base }, Err(RefuseReason::NotInvited)),
            ("stranger with a key", Visitor { claimed: true, keyed: true, ..base }, Err(RefuseReason::NotInvited)),
            ("stranger, all gone", Visitor { claimed: true, empty: true, ..base }, Err(RefuseReason::NotInvited)),
            ("invitee", Visitor { claimed: true, invited: true, ..base }, Ok(())),
            ("reload in a call", Visitor { claimed: true, seated: true, ..base }, Ok(())),
            (
                "kicked invitee",
                Visitor { claimed: true, invited: true, banned: true, ..base },
                Err(RefuseReason::Banned),
            ),
        ];
        for (what, visitor, want) in table {
            assert_eq!(visitor.admit(), want, "{what}");
        }
    }
}
