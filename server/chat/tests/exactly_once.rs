//! Random histories: what a device gets live, after what it could read when it signed in, is the conversation.

#![allow(clippy::unwrap_used)]

mod world;

use carillon_chat::SessionId;
use carillon_config::chat::Chat as Config;
use carillon_proto::id::MessageId;
use std::collections::BTreeMap;
use world::*;

const USERS: [&str; 2] = ["amy", "ben"];
const STEPS: u32 = 300;

/// A small generator: the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// A signed-in device and what it has of the conversation.
struct Seat {
    session: SessionId,
    who: usize,
    seen: Vec<MessageId>,
}

fn come(w: &mut World, seats: &mut Vec<Seat>, who: usize) {
    let session = w.sign_in(USERS[who]);
    let seen = w.history(session, to(USERS[1 - who])).into_iter().map(|m| m.id).collect();
    seats.push(Seat { session, who, seen });
}

/// Sends the user's next message, or one of its last again; the device has it by the reply.
fn send(w: &mut World, dice: &mut Dice, seats: &mut [Seat], at: usize, sent: &mut BTreeMap<(usize, usize), MessageId>) {
    let Seat { session, who, .. } = seats[at];
    let next = sent.keys().filter(|(sender, _)| *sender == who).count();
    let number = if dice.roll(3) == 0 { next.saturating_sub(dice.roll(3)) } else { next };
    let message = w.send(session, text(to(USERS[1 - who]), &format!("c{number}")));
    let first = sent.insert((who, number), message.id.clone());
    assert!(first.is_none_or(|first| first == message.id), "the same clientId, another message");
    // A repeated send answers with what the device has already.
    if !seats[at].seen.contains(&message.id) {
        assert!(number == next, "a message of another device was never pushed");
        seats[at].seen.push(message.id);
    }
}

fn history(seed: u64) {
    let config = Config { messages_per_second: 10_000, ..Config::default() };
    let mut w = World::with(Default::default(), config);
    let mut dice = Dice(seed);
    let (mut seats, mut sent) = (Vec::new(), BTreeMap::new());
    (0..USERS.len()).for_each(|who| come(&mut w, &mut seats, who));
    for _ in 0..STEPS {
        match dice.roll(10) {
            0 if seats.len() < 8 => {
                let who = dice.roll(2);
                come(&mut w, &mut seats, who);
            }
            1 if seats.len() > 1 => {
                let gone = seats.swap_remove(dice.roll(seats.len()));
                w.sign_out(gone.session);
            }
            _ if sent.len() < 90 => {
                let at = dice.roll(seats.len());
                send(&mut w, &mut dice, &mut seats, at, &mut sent);
            }
            _ => {}
        }
        for seat in &mut seats {
            seat.seen.extend(w.ids(seat.session));
        }
    }
    for seat in &seats {
        let whole: Vec<MessageId> =
            w.history(seat.session, to(USERS[1 - seat.who])).into_iter().map(|m| m.id).collect();
        assert_eq!(seat.seen, whole, "seed {seed}");
        assert_eq!(whole.len(), sent.len(), "seed {seed}");
    }
}

#[test]
fn each_device_has_each_message_exactly_once_and_in_order() {
    (0..60).for_each(history);
}
