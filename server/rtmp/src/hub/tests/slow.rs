//! Who does not read, or does not say what it wants.

use super::client::{INTER, KEY};
use super::*;

#[test]
fn stalled_player_changes_nobody_elses_stream_and_is_closed() {
    let mut world = World::new();
    let (mut publisher, mut good, mut stalled) = (world.publisher(), world.player(), world.player());
    publisher.headers(&mut world);
    let mut heard = 0;
    for n in 0..600u32 {
        publisher.picture(&mut world, if n % 50 == 0 { KEY } else { INTER }, n * 40, 1);
        publisher.sound(&mut world, n * 40, 2);
        world.pass(Duration::from_millis(40));
        good.read(&mut world);
        publisher.read(&mut world);
        heard += good.media_heard().iter().filter(|m| m.starts_with('v') && !m.starts_with("video")).count();
        let waiting = world.hub.gather(stalled.id, &mut [IoSlice::new(&[]); SLICES]);
        assert!(waiting < 2 * 55, "{waiting} messages wait");
    }
    assert_eq!(heard, 600);
    assert!(world.is_closed(&stalled));
    assert_eq!(world.hub.stats().given_up_stalled, 1);
    stalled.heard.clear();
    assert!(world.hub.connections[&good.id].is_playing());
}

#[test]
fn slow_player_gets_whole_pictures_from_a_keyframe_on() {
    let mut world = World::new();
    let (mut publisher, mut slow) = (world.publisher(), world.player());
    publisher.headers(&mut world);
    let mut heard = Vec::new();
    for n in 0..1_500u32 {
        publisher.picture(&mut world, if n % 25 == 0 { KEY } else { INTER }, n * 40, (n % 25) as u8);
        world.pass(Duration::from_millis(40));
        publisher.read(&mut world);
        // A picture takes 22 bytes on the wire: a third of them pass.
        slow.read_some(&mut world, 7);
        heard.extend(slow.media_heard());
    }
    let pictures = heard.iter().filter_map(|m| m.strip_prefix('v')?.split_once('@'));
    let pictures: Vec<(u32, u32)> =
        pictures.filter_map(|(mark, at)| Some((mark.parse().ok()?, at.parse().ok()?))).collect();
    assert!(pictures.len() > 200, "{} pictures", pictures.len());
    for pair in pictures.windows(2) {
        let [(_, before), (mark, at)] = pair else { unreachable!("windows of two") };
        assert!(*mark == 0 || at - before == 40, "after {before} comes {at}, which needs what was left out");
    }
    let dropped = world.hub.stats().messages_dropped;
    assert!(dropped > 900, "{dropped} left out, {} seen", pictures.len());
}

#[test]
fn each_phase_has_its_time() {
    let limit = |ms: u64| Duration::from_millis(ms + 2_000);
    let mut world = World::new();
    let mut silent = world.open();
    silent.send_bytes(&mut world, &[3]);
    let undecided = world.connect();
    world.pass(limit(5_000));
    assert!(world.is_closed(&undecided) && !world.is_closed(&silent));
    world.pass(limit(5_000));
    assert!(world.is_closed(&silent));
    assert_eq!(world.hub.stats().given_up_undecided, 2);
    let publisher = world.publisher();
    world.hesitant = true;
    let mut unanswered = world.connect();
    unanswered.publish(&mut world, "7/ben?user=ben&token=x");
    world.pass(limit(15_000));
    unanswered.read(&mut world);
    assert_eq!(unanswered.codes(), ["NetStream.Publish.Denied"]);
    world.pass(limit(45_000));
    assert!(world.is_closed(&publisher), "it said nothing for a minute");
}

#[test]
fn publishers_are_pinged_and_an_answer_keeps_them() {
    let mut world = World::new();
    let mut publisher = world.publisher();
    let mut pings = 0;
    for _ in 0..180 {
        world.pass(Duration::from_secs(1));
        publisher.read(&mut world);
        for _ in publisher.heard.drain(..).filter(|m| m.payload.starts_with(&[0, 6])) {
            pings += 1;
        }
        publisher.control(&mut world, carillon_proto::rtmp::Control::PingResponse(pings));
    }
    assert!((10..=12).contains(&pings), "{pings} in three minutes");
    assert!(!world.is_closed(&publisher));
}

#[test]
fn one_address_has_its_share_of_connections() {
    let mut world = World::with(Rtmp { connections_per_address: 3, connections: 5, ..Rtmp::default() });
    let clients: Vec<_> = (0..4).map(|_| world.open()).collect();
    assert!(world.is_closed(&clients[3]) && !world.is_closed(&clients[2]));
    for _ in 0..4 {
        let connection = world.next_id();
        world.tell(Command::Open { connection, remote: "127.0.0.1".parse().expect("an address") });
    }
    assert_eq!(world.hub.stats().connections, 5);
    assert_eq!(world.hub.stats().connections_refused, 3);
}
