//! Delivers the outbox: each callback until its receiver takes it, those of one topic in order, those of different
//! topics side by side, so that one that nobody takes holds up its own call alone.

mod http;
mod sign;
#[cfg(test)]
mod tests;

use crate::control::{self, Input};
use crate::store::Letter;
use carillon_config::callbacks::Delivery;
use carillon_config::{Apps, Callbacks};
use carillon_proto::id::AppId;
use carillon_proto::time::{Now, UnixMillis};
pub use http::{Client, Send as SendRequest};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

/// Callbacks under way to one receiver. More would be a burst that it did not ask for.
const UNDER_WAY: usize = 8;
/// How soon the control thread is told again what it had no place for.
const TELL_AGAIN: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_secs(3600);

/// What the control thread hands over.
#[derive(Debug)]
pub enum Post {
    Letter(Letter),
    /// What `set_callback` said; `None`: the configuration's counts.
    Address(AppId, Option<String>),
}

/// What became of a callback.
#[derive(Debug, Clone, Copy)]
pub enum Posted {
    Delivered(i64),
    Expired(i64),
    Failed,
}

/// How one try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    Taken,
    /// The receiver is there and does not take this one: others may go.
    Refused,
    /// Nobody answered: nothing of it will be taken, so that one try at a time is enough.
    Silent,
}

/// An app's one or other address.
type Receiver = (AppId, bool);
type Lane = (Receiver, String);

#[derive(Default)]
struct Queue {
    letters: VecDeque<Letter>,
    failures: u32,
}

/// A receiver that does not answer.
struct Away {
    failures: u32,
    until: Instant,
}

pub struct Postman {
    config: Delivery,
    /// What time it is.
    clock: Box<dyn FnMut() -> Now + Send>,
    now: Now,
    control: control::Handle,
    send: SendRequest,
    apps: BTreeMap<AppId, Callbacks>,
    addresses: BTreeMap<AppId, String>,
    lanes: BTreeMap<Lane, Queue>,
    ready: BTreeMap<Receiver, VecDeque<String>>,
    under_way: BTreeMap<Receiver, usize>,
    later: BTreeSet<(Instant, Lane)>,
    away: BTreeMap<Receiver, Away>,
    sent: JoinSet<(Lane, Tried)>,
    /// What the control thread had no place for.
    untold: VecDeque<Posted>,
}

impl Postman {
    /// `clock` is asked between two steps, `send` carries a request out: tests have clocks and receivers of their own.
    pub fn new(
        config: Delivery,
        apps: &Apps,
        send: SendRequest,
        control: control::Handle,
        mut clock: impl FnMut() -> Now + Send + 'static,
    ) -> Self {
        Self {
            now: clock(),
            config,
            clock: Box::new(clock),
            control,
            send,
            apps: apps.iter().map(|app| (AppId(app.id), app.callbacks.clone())).collect(),
            addresses: BTreeMap::new(),
            lanes: BTreeMap::new(),
            ready: BTreeMap::new(),
            under_way: BTreeMap::new(),
            later: BTreeSet::new(),
            away: BTreeMap::new(),
            sent: JoinSet::new(),
            untold: VecDeque::new(),
        }
    }

    /// Runs until the control thread has ended.
    pub async fn run(mut self, mut posts: UnboundedReceiver<Post>) {
        loop {
            self.now = (self.clock)();
            self.tell_untold();
            self.wake();
            self.start();
            let now = self.now.instant;
            let again = if self.untold.is_empty() { IDLE } else { TELL_AGAIN };
            let next = self.due(now).unwrap_or(now + IDLE).min(now + again);
            tokio::select! {
                post = posts.recv() => match post {
                    Some(post) => self.take(post),
                    None => return,
                },
                Some(Ok((lane, tried))) = self.sent.join_next() => {
                    self.now = (self.clock)();
                    self.ended(lane, tried);
                }
                () = sleep_until(next.into()) => {}
            }
        }
    }

    /// The next try. A receiver that was away and has one under way is not waited for here.
    fn due(&self, now: Instant) -> Option<Instant> {
        let lane = self.later.first().map(|(at, _)| *at);
        let back = self.ready.keys().filter_map(|receiver| Some(self.away.get(receiver)?.until));
        back.filter(|until| *until > now).chain(lane).min()
    }

    fn take(&mut self, post: Post) {
        match post {
            Post::Address(app, Some(url)) => drop(self.addresses.insert(app, url)),
            Post::Address(app, None) => drop(self.addresses.remove(&app)),
            Post::Letter(letter) => {
                let lane = ((letter.app, letter.room), letter.topic.clone());
                let queue = self.lanes.entry(lane.clone()).or_default();
                queue.letters.push_back(letter);
                if queue.letters.len() == 1 {
                    self.ready.entry(lane.0).or_default().push_back(lane.1);
                }
            }
        }
    }

    /// Lanes whose time to be tried again has come.
    fn wake(&mut self) {
        let now = self.now.instant;
        while self.later.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, (receiver, topic))) = self.later.pop_first() else { return };
            self.ready.entry(receiver).or_default().push_back(topic);
        }
    }

    fn start(&mut self) {
        let now = self.now.instant;
        for receiver in self.ready.keys().copied().collect::<Vec<_>>() {
            let most = match self.away.get(&receiver) {
                None => UNDER_WAY,
                Some(away) if away.until <= now => 1,
                Some(_) => 0,
            };
            while self.under_way.get(&receiver).copied().unwrap_or_default() < most {
                let Some(topic) = self.ready.get_mut(&receiver).and_then(VecDeque::pop_front) else { break };
                self.start_lane((receiver, topic));
            }
        }
        self.ready.retain(|_, topics| !topics.is_empty());
    }

    fn start_lane(&mut self, lane: Lane) {
        let now = self.now;
        let Some(letter) = self.lanes.get(&lane).and_then(|queue| queue.letters.front()) else { return };
        let age = now.wall.since(UnixMillis(letter.created_ms));
        let callbacks = self.apps.get(&letter.app).cloned().unwrap_or_default();
        let url = match letter.room {
            true => callbacks.room_url.clone(),
            false => self.addresses.get(&letter.app).unwrap_or(&callbacks.url).clone(),
        };
        if url.is_empty() || age > self.config.life() {
            let id = letter.id;
            self.tell(Posted::Expired(id));
            return self.next_of(lane);
        }
        let request = sign::request(&url, letter, &callbacks, now.wall);
        let (send, within) = (self.send.clone(), self.config.answer_within());
        *self.under_way.entry(lane.0).or_default() += 1;
        self.sent.spawn(async move {
            // An address that makes no request is nobody's: as if nobody answered.
            let Ok(request) = request else { return (lane, Tried::Silent) };
            let tried = match timeout(within, send(request)).await {
                Ok(Ok(status)) if status.is_success() => Tried::Taken,
                Ok(Ok(status)) => {
                    tracing::debug!(%status, topic = lane.1, "a callback was not taken");
                    Tried::Refused
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a receiver of callbacks could not be reached");
                    Tried::Silent
                }
                Err(_) => {
                    tracing::debug!("a receiver of callbacks did not answer in time");
                    Tried::Silent
                }
            };
            (lane, tried)
        });
    }

    fn ended(&mut self, lane: Lane, tried: Tried) {
        if let Some(count) = self.under_way.get_mut(&lane.0) {
            *count -= 1;
            if *count == 0 {
                self.under_way.remove(&lane.0);
            }
        }
        let Some(queue) = self.lanes.get_mut(&lane) else { return };
        let Some(id) = queue.letters.front().map(|letter| letter.id) else { return };
        let now = self.now.instant;
        match tried {
            Tried::Taken => {
                queue.failures = 0;
                self.away.remove(&lane.0);
                self.tell(Posted::Delivered(id));
                self.next_of(lane);
            }
            Tried::Refused => {
                queue.failures = queue.failures.saturating_add(1);
                let at = now + self.config.retry_after(queue.failures);
                self.away.remove(&lane.0);
                self.later.insert((at, lane));
                self.tell(Posted::Failed);
            }
            Tried::Silent => {
                let away = self.away.entry(lane.0).or_insert(Away { failures: 0, until: now });
                // Those that were under way together are one failure.
                if away.until <= now {
                    away.failures = away.failures.saturating_add(1);
                    away.until = now + self.config.retry_after(away.failures);
                }
                // At the end: the next try is another's, should this one alone be what silences the receiver.
                self.ready.entry(lane.0).or_default().push_back(lane.1);
                self.tell(Posted::Failed);
            }
        }
    }

    /// The lane's first is done.
    fn next_of(&mut self, lane: Lane) {
        let Some(queue) = self.lanes.get_mut(&lane) else { return };
        queue.letters.pop_front();
        if queue.letters.is_empty() {
            self.lanes.remove(&lane);
        } else {
            self.ready.entry(lane.0).or_default().push_back(lane.1);
        }
    }

    fn tell(&mut self, posted: Posted) {
        let told = self.untold.is_empty() && self.control.send(Input::Posted(posted)).is_ok();
        if !told && !matches!(posted, Posted::Failed) {
            self.untold.push_back(posted);
        }
    }

    fn tell_untold(&mut self) {
        while let Some(posted) = self.untold.front().copied() {
            if self.control.send(Input::Posted(posted)).is_err() {
                return;
            }
            self.untold.pop_front();
        }
    }
}
