//! Datagrams meant ill, while a call goes on: they are counted and disturb nobody.

use crate::call::{check_whole, hush, mesh, ms};
use crate::network::{Dice, Leg};
use crate::world::{Way, World};
use carillon_sfu::{DropReason, Event, RoomKey};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

const ROOM: RoomKey = RoomKey(1);
const STRANGER: &str = "203.0.113.66:4444";

fn stranger() -> SocketAddr {
    STRANGER.parse().expect("an address")
}

/// A call of two, and what client 0 sent so far.
fn call() -> (World, Rc<RefCell<Vec<Vec<u8>>>>) {
    let mut world = World::new(9, Leg::GOOD, Leg::GOOD);
    let heard = Rc::new(RefCell::new(Vec::new()));
    let tap = Rc::clone(&heard);
    world.filter = Box::new(move |way, n, bytes| {
        if way == Way::Up && n == 0 {
            tap.borrow_mut().push(bytes.to_vec());
        }
        false
    });
    mesh(&mut world, ROOM, 2);
    world.run(ms(2_000));
    (world, heard)
}

/// The attack runs in the middle of the call; nobody notices, and the attacker hears nothing.
fn undisturbed(attack: impl FnOnce(&mut World, &[Vec<u8>])) -> World {
    let (mut world, heard) = call();
    world.filter = Box::new(|_, _, _| false);
    let heard = heard.borrow().clone();
    attack(&mut world, &heard);
    world.run(ms(2_000));
    hush(&mut world);
    check_whole(&world, 9);
    assert!(world.stray.is_empty(), "{} datagrams went to strangers", world.stray.len());
    let over = |e: &&Event| matches!(e, Event::TransportLost { .. } | Event::TransportClosed { .. });
    assert_eq!(world.stage.events.iter().find(over), None);
    world
}

fn drops(world: &World, reason: DropReason) -> u64 {
    world.stage.worker.stats().drop_count(reason)
}

fn of_kind(heard: &[Vec<u8>], first: std::ops::RangeInclusive<u8>) -> Vec<Vec<u8>> {
    heard.iter().filter(|bytes| first.contains(&bytes[0])).cloned().collect()
}

/// A check without FINGERPRINT whose integrity is wrong in one bit.
fn forged(check: &[u8]) -> Vec<u8> {
    let mut bytes = check[..check.len() - 8].to_vec();
    let len = (bytes.len() - 20) as u16;
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
    *bytes.last_mut().expect("long") ^= 1;
    bytes
}

#[test]
fn stun_with_bad_integrity_gets_no_answer() {
    let world = undisturbed(|world, heard| {
        let client = world.clients[0].address;
        for check in of_kind(heard, 0..=3) {
            let before = world.stage.worker.stats().datagrams_out;
            for from in [stranger(), client, world.clients[1].address] {
                world.inject(from, forged(&check));
                let mut cut = check.clone();
                cut.truncate(check.len() - 9);
                world.inject(from, cut);
            }
            assert_eq!(world.stage.worker.stats().datagrams_out, before, "nothing is sent back");
        }
    });
    assert!(drops(&world, DropReason::Stun) >= 4);
}

#[test]
fn media_from_a_wrong_address_is_not_taken() {
    let world = undisturbed(|world, heard| {
        let media = of_kind(heard, 128..=191);
        assert!(media.len() > 50);
        for packet in media {
            world.inject(stranger(), packet.clone());
            // As if the other client sent it: its keys are others.
            let other = world.clients[1].address;
            world.inject(other, packet);
        }
    });
    assert!(drops(&world, DropReason::NoTransport) > 50 && drops(&world, DropReason::Srtp) > 50);
}

#[test]
fn media_sent_again_is_taken_once() {
    let world = undisturbed(|world, heard| {
        for packet in of_kind(heard, 128..=191) {
            let client = world.clients[0].address;
            world.inject(client, packet);
        }
    });
    assert!(drops(&world, DropReason::Duplicate) + drops(&world, DropReason::Late) > 50);
}

/// 2,000 datagrams from a client's own address that start with one of `firsts`, random from `fixed` on.
fn garble(firsts: &[u8], fixed: &[u8]) -> World {
    undisturbed(|world, _| {
        let mut dice = Dice(77);
        let client = world.clients[0].address;
        for _ in 0..2_000 {
            let mut bytes = vec![firsts[dice.below(firsts.len())]];
            bytes.extend_from_slice(fixed);
            bytes.extend((0..dice.below(300)).map(|_| dice.roll() as u8));
            world.inject(client, bytes);
            if dice.below(10) == 0 {
                world.run(ms(1));
            }
        }
    })
}

#[test]
fn random_rtp_is_dropped() {
    let world = garble(&[0x80, 0x90, 0xa0, 0x9f], &[96]);
    assert!(drops(&world, DropReason::Srtp) > 1_500);
}

#[test]
fn random_rtcp_is_dropped() {
    let world = garble(&[0x80, 0x81, 0x9f], &[201]);
    assert!(drops(&world, DropReason::Srtp) > 1_500);
}

#[test]
fn random_dtls_is_dropped() {
    garble(&[20, 21, 22, 23, 25, 63], &[]);
}

#[test]
fn dtls_records_with_a_good_header_and_random_bytes_are_dropped() {
    undisturbed(|world, _| {
        let mut dice = Dice(78);
        let client = world.clients[0].address;
        for _ in 0..2_000 {
            let body: Vec<u8> = (0..dice.below(200)).map(|_| dice.roll() as u8).collect();
            let epoch = dice.below(3) as u8;
            let mut bytes = vec![20 + dice.below(4) as u8, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0];
            bytes.extend_from_slice(&(dice.below(500) as u16).to_be_bytes());
            bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
            bytes.extend(body);
            world.inject(client, bytes);
        }
    });
}

#[test]
fn a_forged_alert_does_not_end_the_call() {
    undisturbed(|world, _| {
        let client = world.clients[0].address;
        for (level, what) in [(1, 0), (2, 0), (2, 40), (2, 80)] {
            world.inject(client, vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, level, what]);
            world.inject(client, vec![21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, level, what]);
            world.run(ms(100));
        }
    });
}

#[test]
fn a_replayed_handshake_does_not_disturb_the_call() {
    undisturbed(|world, heard| {
        let client = world.clients[0].address;
        for record in of_kind(heard, 20..=63) {
            world.inject(client, record);
            world.run(ms(20));
        }
    });
}

#[test]
fn dtls_from_an_unknown_address_gets_no_answer() {
    let world = undisturbed(|world, heard| {
        let records = of_kind(heard, 20..=63);
        assert!(!records.is_empty());
        for record in records {
            world.inject(stranger(), record);
        }
    });
    assert!(drops(&world, DropReason::NoTransport) >= 2);
}

#[test]
fn oversized_and_empty_datagrams_are_dropped() {
    let world = undisturbed(|world, _| {
        let client = world.clients[0].address;
        for first in [0, 1, 22, 128, 144, 255] {
            for len in [2_001, 9_000, 65_507] {
                let mut bytes = vec![0xff; len];
                bytes[0] = first;
                world.inject(client, bytes.clone());
                world.inject(stranger(), bytes);
            }
        }
        world.inject(client, Vec::new());
    });
    assert_eq!(drops(&world, DropReason::Size), 37);
}
