//! Rooms of 2 to 50 on bad paths, people coming and going by seed.

use crate::call::{check_whole, hush, ms};
use crate::network::{Dice, Leg};
use crate::world::World;
use carillon_sfu::{Event, RoomKey};

const ROOM: RoomKey = RoomKey(1);

struct Plan {
    participants: usize,
    /// Publishers that each one watches at most.
    watched: usize,
    seconds: u64,
    /// Chance in percent that somebody comes or goes in one second.
    changes: usize,
}

/// Somebody comes, watches some who are there, and is watched by some of them.
fn enter(world: &mut World, dice: &mut Dice, watched: usize) {
    let n = world.join(ROOM, true);
    let mut others: Vec<usize> = world.present().into_iter().filter(|other| *other != n).collect();
    while others.len() > watched {
        others.swap_remove(dice.below(others.len()));
    }
    for other in &others {
        let from = world.clients[*other].participant;
        world.clients[n].add_wish(from);
    }
    world.offer(n);
    let me = world.clients[n].participant;
    for other in others {
        if world.clients[other].players().count() < 2 * watched {
            world.clients[other].add_wish(me);
            world.offer(other);
        }
    }
}

/// Somebody goes: first the camera, then the page.
fn go(world: &mut World, n: usize) {
    world.clients[n].talks = false;
    world.run(ms(1_500));
    world.leave(n);
}

fn live(seed: u64, plan: &Plan) {
    let mut world = World::new(seed, Leg::BAD, Leg::BAD);
    let mut dice = Dice(seed ^ 0x5eed);
    for _ in 0..plan.participants {
        enter(&mut world, &mut dice, plan.watched);
        world.run(ms(50));
    }
    for _ in 0..plan.seconds {
        world.run(ms(1_000));
        if dice.below(100) < plan.changes {
            let present = world.present();
            go(&mut world, present[dice.below(present.len())]);
            enter(&mut world, &mut dice, plan.watched);
        }
    }
    hush(&mut world);
    check_whole(&world, seed);
    check_requests(&world, seed);
    check_nothing_left(&mut world);
}

/// At most two requests a second for each layer, whatever was wished; a path of 50 ms jitter may push two together.
fn check_requests(world: &World, seed: u64) {
    for publisher in world.clients.iter().flat_map(|client| client.publishers()) {
        let asked = &publisher.keyframes_asked;
        let near = asked.windows(2).filter(|pair| pair[1] - pair[0] < ms(449)).count();
        assert_eq!(near, 0, "seed {seed}: {} was asked too often: {asked:?}", publisher.tag);
    }
}

fn check_nothing_left(world: &mut World) {
    for n in world.present() {
        world.leave(n);
    }
    world.run(ms(40_000));
    let stats = world.stage.worker.stats();
    assert_eq!((stats.rooms, stats.participants, stats.transports), (0, 0, 0));
    assert_eq!((stats.publications, stats.subscriptions), (0, 0));
    assert_eq!(world.stage.worker.poll_timeout(), None);
    let started = world.stage.events.iter().filter(|e| matches!(e, Event::TrackStarted { .. })).count();
    let ended = world.stage.events.iter().filter(|e| matches!(e, Event::TrackEnded { .. })).count();
    assert_eq!(started, ended);
}

#[test]
fn two_who_come_and_go_get_every_frame_once() {
    let plan = Plan { participants: 2, watched: 8, seconds: 60, changes: 20 };
    (0..10).for_each(|seed| live(seed, &plan));
}

#[test]
fn five_who_come_and_go_get_every_frame_once() {
    let plan = Plan { participants: 5, watched: 8, seconds: 60, changes: 20 };
    (100..104).for_each(|seed| live(seed, &plan));
}

#[test]
fn ten_who_come_and_go_get_every_frame_once() {
    let plan = Plan { participants: 10, watched: 9, seconds: 40, changes: 20 };
    (200..202).for_each(|seed| live(seed, &plan));
}

#[test]
fn twenty_five_who_come_and_go_get_every_frame_once() {
    live(300, &Plan { participants: 25, watched: 8, seconds: 30, changes: 20 });
}

#[test]
fn fifty_who_come_and_go_get_every_frame_once() {
    live(400, &Plan { participants: 50, watched: 8, seconds: 20, changes: 20 });
}
