//! Streams that are sent on to other servers: as long as each is wanted its connection is made anew whenever it ends.

use carillon_rtmp::{ConnectionId, StreamKey, Target};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How soon a connection that ended is made anew, doubled at each failure.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_LAST: Duration = Duration::from_secs(30);
/// A connection that held for so long was no failure.
const HELD: Duration = Duration::from_secs(20);

/// One stream on one other server, by the number that the control side gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PushId(pub u64);

#[derive(Debug)]
struct Push {
    stream: StreamKey,
    target: Target,
    state: State,
    wait: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Resolving,
    Connected { connection: ConnectionId, since: Instant },
    Waiting { until: Instant },
}

#[derive(Debug, Default)]
pub(super) struct Pushes {
    by_id: BTreeMap<PushId, Push>,
}

impl Pushes {
    /// The host is to be looked up.
    pub(super) fn start(&mut self, id: PushId, stream: StreamKey, target: Target) -> Target {
        let push = Push { stream, target: target.clone(), state: State::Resolving, wait: AGAIN_FIRST };
        self.by_id.insert(id, push);
        target
    }

    /// The connection to close, if there is one.
    pub(super) fn stop(&mut self, id: PushId) -> Option<ConnectionId> {
        match self.by_id.remove(&id)?.state {
            State::Connected { connection, .. } => Some(connection),
            State::Resolving | State::Waiting { .. } => None,
        }
    }

    /// The host was looked up, and `connect` began a connection. What is to be published there, and as what.
    pub(super) fn resolved(
        &mut self,
        now: Instant,
        id: PushId,
        address: Option<SocketAddr>,
        connect: impl FnOnce(SocketAddr) -> Option<ConnectionId>,
    ) -> Option<(ConnectionId, StreamKey, Target)> {
        let push = self.by_id.get_mut(&id).filter(|push| push.state == State::Resolving)?;
        match address.and_then(connect) {
            Some(connection) => {
                push.state = State::Connected { connection, since: now };
                Some((connection, push.stream.clone(), push.target.clone()))
            }
            None => {
                push.fail(now);
                None
            }
        }
    }

    /// A connection ended; it may be none of these.
    pub(super) fn closed(&mut self, now: Instant, connection: ConnectionId) {
        let is_it =
            |push: &&mut Push| matches!(push.state, State::Connected { connection: held, .. } if held == connection);
        let Some(push) = self.by_id.values_mut().find(is_it) else { return };
        if let State::Connected { since, .. } = push.state
            && now.saturating_duration_since(since) >= HELD
        {
            push.wait = AGAIN_FIRST;
        }
        push.fail(now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.by_id.values().filter_map(|push| push.until()).min()
    }

    /// Hosts to be looked up again.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(PushId, Target)> {
        let due = self.by_id.iter_mut().filter(|(_, push)| push.until().is_some_and(|at| at <= now));
        let mut all = Vec::new();
        for (id, push) in due {
            push.state = State::Resolving;
            all.push((*id, push.target.clone()));
        }
        all
    }
}

impl Push {
    fn until(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Resolving | State::Connected { .. } => None,
        }
    }

    fn fail(&mut self, now: Instant) {
        self.state = State::Waiting { until: now + self.wait };
        self.wait = (self.wait * 2).min(AGAIN_LAST);
    }
}
