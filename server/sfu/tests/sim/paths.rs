//! What networks do to a connection: addresses change, ICE restarts, handshakes are lost.

use crate::call::{check_whole, hush, mesh, ms};
use crate::network::{Dice, Leg};
use crate::world::{Way, World};
use carillon_sfu::{Event, RoomKey};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

const ROOM: RoomKey = RoomKey(1);

fn elsewhere() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], 61_000))
}

fn is_handshake(bytes: &[u8]) -> bool {
    matches!(bytes[0], 0..=3 | 20..=63)
}

/// The types of the DTLS records in a datagram (RFC 6347 section 4.1).
fn records(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = Vec::new();
    while let [kind @ 20..=23, _, _, _, _, _, _, _, _, _, _, high, low, rest @ ..] = bytes {
        types.push(*kind);
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        bytes = rest.get(len..).unwrap_or_default();
    }
    types
}

#[test]
fn an_ice_restart_loses_no_frame() {
    let mut world = World::new(20, Leg::BAD, Leg::BAD);
    mesh(&mut world, ROOM, 2);
    world.run(ms(3_000));
    for round in 0..4 {
        world.clients[round % 2].link.restart();
        world.offer(round % 2);
        world.run(ms(2_000));
    }
    hush(&mut world);
    check_whole(&world, 20);
}

#[test]
fn a_client_whose_address_changed_is_found_again_by_an_ice_restart() {
    let mut world = World::new(21, Leg::GOOD, Leg::GOOD);
    mesh(&mut world, ROOM, 2);
    world.run(ms(3_000));
    world.readdress(1, elsewhere());
    world.run(ms(300));
    world.clients[1].link.restart();
    world.offer(1);
    world.run(ms(5_000));
    hush(&mut world);
    check_whole(&world, 21);
}

#[test]
fn a_client_whose_address_changed_unseen_is_found_again_by_its_checks() {
    let mut world = World::new(22, Leg::GOOD, Leg::GOOD);
    mesh(&mut world, ROOM, 2);
    world.run(ms(3_000));
    world.readdress(1, elsewhere());
    world.run(ms(8_000));
    let told = world.stray.len();
    world.run(ms(2_000));
    assert_eq!(world.stray.len(), told, "nothing goes to the old address any more");
    world.clients.iter_mut().for_each(|client| client.talks = false);
    world.run(ms(2_000));
    for (n, other) in [(0, 1), (1, 0)] {
        for (_, player) in world.clients[n].players() {
            assert_eq!(player.faults, Vec::<String>::new());
            let publisher = world.clients[other].publishers().find(|p| p.video == player.video).expect("publishes");
            let played = player.played[&publisher.tag];
            assert_eq!(played.1 + 1, publisher.frames, "client {n}: {}", player.state());
        }
    }
    let lost = |e: &Event| matches!(e, Event::TransportLost { .. } | Event::TransportClosed { .. });
    assert!(!world.stage.events.iter().any(lost));
}

#[test]
fn a_last_flight_that_is_lost_three_times_still_connects() {
    let mut world = World::new(23, Leg::GOOD, Leg::GOOD);
    let lost = Rc::new(Cell::new(0));
    let count = Rc::clone(&lost);
    world.filter = Box::new(move |way, n, bytes| {
        // ChangeCipherSpec opens the server's last flight.
        let drop = way == Way::Down && n == 1 && records(bytes).contains(&20) && count.get() < 3;
        count.set(count.get() + u32::from(drop));
        drop
    });
    mesh(&mut world, ROOM, 2);
    world.run(ms(5_000));
    assert_eq!(lost.get(), 3);
    assert!(world.clients[1].connected_at.is_some());
    hush(&mut world);
    check_whole(&world, 23);
}

/// One page that connects anew whenever its connection failed, while STUN and DTLS are lost on the ways that `lossy` says.
/// Yields how long it took and how many connections.
fn connect_through(seed: u64, loss_percent: usize, lossy: fn(Way) -> bool) -> (Duration, usize) {
    let mut world = World::new(seed, Leg::GOOD, Leg::GOOD);
    let mut dice = Dice(seed + 1_000);
    world.filter = Box::new(move |way, _, bytes| is_handshake(bytes) && lossy(way) && dice.below(100) < loss_percent);
    let start = world.stage.now.instant;
    for attempt in 1..=20 {
        let n = world.join(ROOM, true);
        world.offer(n);
        for _ in 0..350 {
            world.run(ms(100));
            if let Some(at) = world.clients[n].connected_at {
                return (at - start, attempt);
            }
        }
        world.leave(n);
    }
    panic!("seed {seed}: never");
}

#[test]
fn a_handshake_that_loses_half_of_its_datagrams_seldom_needs_a_second_connection() {
    let attempts: usize = (0..20).map(|seed| connect_through(seed, 50, |_| true).1).sum();
    // About one page in a hundred does: a flight may be lost ten times in the 30 s that a connection has.
    assert!(attempts <= 24, "{attempts} connections for 20 pages");
}

#[test]
fn a_handshake_that_loses_four_of_five_datagrams_connects_in_the_end() {
    let mut attempts = 0;
    for seed in 0..20 {
        attempts += connect_through(seed, 80, |_| true).1;
    }
    assert!(attempts <= 80, "{attempts} connections for 20 pages");
}

#[test]
fn a_handshake_whose_answers_are_lost_four_times_of_five_is_through_within_seconds() {
    let mut took: Vec<(Duration, usize)> =
        (0..20).map(|seed| connect_through(seed, 80, |way| way == Way::Down)).collect();
    assert!(took.iter().all(|(_, attempts)| *attempts == 1), "{took:?}");
    took.sort_unstable();
    assert!(took[10].0 <= ms(5_000) && took[17].0 <= ms(15_000), "{took:?}");
}
