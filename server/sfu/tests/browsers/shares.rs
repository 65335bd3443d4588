//! A publisher and several viewers: whose path the picture is fitted to.

use crate::cells::plain;
use crate::peer::Peer;
use crate::sender::{Sender, encoder::Camera};
use crate::world::World;
use carillon_loadtest::impair::Profile;
use carillon_sfu::ParticipantId;

/// One camera of 1.5 Mbit/s, and viewers who name so many others beside it that send nothing.
struct Scene {
    world: World,
    publisher: usize,
    down: Vec<usize>,
}

impl Scene {
    fn new(viewers: u64, silent: u64) -> Self {
        let mut world = World::new(3);
        let (up, down) = (world.add_half(plain(), 1), world.add_half(plain(), 2));
        let camera = Camera { max_bps: 1_500_000.0, ..Camera::SD };
        let publisher = world.join(up, down, 30.0, |now, peer: &mut Peer| {
            peer.sender = Some(Sender::new(now.ms, 0x1000, camera, 3));
        });
        let mut scene = Self { world, publisher, down: Vec::new() };
        let from = scene.world.peers[publisher].participant;
        for n in 0..viewers {
            let (up, down) = (scene.world.add_half(plain(), 3 + 2 * n), scene.world.add_half(plain(), 4 + 2 * n));
            scene.world.join(up, down, 30.0, |_, peer: &mut Peer| {
                peer.wants.push(from);
                peer.wants.extend((0..silent).map(|k| ParticipantId(100 + k)));
            });
            scene.down.push(down);
        }
        scene.world.run(5_000.0);
        scene
    }

    fn set_down(&mut self, profile: Profile) {
        for half in &self.down {
            self.world.set_half(*half, profile, 7);
        }
    }

    fn kbps_after(&mut self, ms: f64) -> f64 {
        self.world.run(ms);
        self.world.peers[self.publisher].sender.as_ref().expect("publishes").target_bps() / 1e3
    }
}

fn narrow() -> Profile {
    Profile { kbps: 600.0, queue_ms: 200.0, ..plain() }
}

#[test]
fn cameras_that_send_nothing_take_no_share_of_a_path() {
    let mut scene = Scene::new(2, 5);
    scene.set_down(narrow());
    let capped = scene.kbps_after(5_000.0);
    assert!((300.0..650.0).contains(&capped), "{capped} kbit/s");
    scene.set_down(plain());
    let lifted = scene.kbps_after(10_000.0);
    assert!(lifted >= 1_500.0, "{lifted} kbit/s");
}

#[test]
fn a_publisher_hears_soon_that_all_paths_got_narrow() {
    let mut scene = Scene::new(4, 0);
    let before = scene.kbps_after(0.0);
    scene.set_down(narrow());
    let narrowed = scene.kbps_after(1_500.0);
    assert!(before >= 1_500.0 && narrowed <= 650.0, "{before}, then {narrowed} kbit/s");
}

#[test]
fn players_by_another_wire_are_not_held_to_a_browsers_path() {
    let mut scene = Scene::new(1, 0);
    let publisher = scene.world.peers[scene.publisher].participant;
    scene.set_down(narrow());
    let alone = scene.kbps_after(5_000.0);
    assert!(alone <= 650.0, "{alone} kbit/s");
    scene.world.tap(publisher);
    let tapped = scene.kbps_after(10_000.0);
    assert!(tapped >= 1_500.0, "{tapped} kbit/s");
}

#[test]
fn who_is_gone_is_not_counted() {
    let mut scene = Scene::new(2, 0);
    let gone = scene.publisher + 1;
    let up = scene.world.peers[gone].up;
    scene.world.set_half(up, Profile { loss: 100.0, ..plain() }, 9);
    scene.world.run(10_000.0);
    assert!(scene.world.drops() > 0, "it was noticed");
    scene.set_down(narrow());
    let narrowed = scene.kbps_after(5_000.0);
    assert!(narrowed <= 650.0, "{narrowed} kbit/s");
}
