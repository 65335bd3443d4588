//! str0m clients in bad weather: whatever the network does, the server neither fails nor floods nor seals a number twice
//! (the world's ledger), and who has good weather notices nothing.

mod support;

use carillon_config::media::Media;
use carillon_loadtest::impair::{Link, Profile};
use carillon_proto::gateway::TrackName::{Camera, Microphone};
use carillon_sfu::ParticipantId;
use str0m::media::Mid;
use support::{A, Want, World, ms};

/// Bytes that leave for each that comes in, whatever is asked for: 20 sendings at 80 % of loss, and the reports.
const TIMES_MAX: u64 = 25;
/// The publisher whose uplink is bad too.
const STORMY: ParticipantId = ParticipantId(4);

/// Who sends what, and who sees it.
struct Call {
    world: World,
    sent: [[Mid; 2]; 2],
    /// Of the calm publisher, seen in calm and in bad weather.
    calm: Mid,
    stormy: Mid,
}

impl Call {
    /// 0 publishes, 1 sees it in calm and 2 in bad weather, 3 publishes in bad weather and is seen by 2.
    fn new() -> Self {
        let mut world = World::new(Media::default());
        (0..4).for_each(|_| _ = world.add_peer());
        let tracks = [Want::Send(Microphone), Want::Send(Camera)];
        let sent = [0, 3].map(|n| world.offer(n, &tracks)).map(|mids| [mids[0], mids[1]]);
        let wants = |from| [Want::Receive(from, Microphone), Want::Receive(from, Camera)];
        let calm = world.offer(1, &wants(A))[1];
        let stormy = world.offer(2, &[wants(A), wants(STORMY)].concat())[1];
        world.run(ms(500));
        assert!(world.peers.iter().all(|peer| peer.connected));
        Self { world, sent, calm, stormy }
    }

    /// 50 sounds and 25 pictures a second of both publishers.
    fn talk(&mut self, seconds: u64) {
        for tick in 0..seconds * 50 {
            for (n, [audio, video]) in [0, 3].into_iter().zip(self.sent) {
                self.world.send_audio(n, audio);
                if tick % 2 == 0 {
                    let keyframe = tick % 100 == 0;
                    self.world.send_frame(n, video, keyframe, if keyframe { 5 } else { 2 });
                }
            }
            self.world.run(ms(20));
        }
    }

    fn set(&mut self, profile: Option<Profile>) {
        self.world.weather.clear();
        let ways = [(false, 2), (true, 2), (false, 3), (true, 3)];
        for (seed, way) in (1..).zip(ways).filter(|_| profile.is_some()) {
            self.world.weather.insert(way, Link::new(profile.unwrap_or_default(), seed));
        }
    }

    /// Numbers of pictures' packets from that one on: first, last, how many.
    fn seen(&self, n: usize, mid: Mid, from: usize) -> Option<(u64, u64, u64)> {
        let numbers = self.world.numbers(n, mid);
        let mut numbers = numbers.get(from..).unwrap_or_default().to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        Some((*numbers.first()?, *numbers.last()?, numbers.len() as u64))
    }
}

fn lives_through(name: &str, profile: Profile) {
    let mut call = Call::new();
    call.talk(2);
    call.set(Some(Profile { delay_ms: 20.0, ..profile }));
    call.talk(10);
    let stats = call.world.worker.stats();
    assert!(stats.bytes_out <= TIMES_MAX * stats.bytes_in, "{name}: {} for {}", stats.bytes_out, stats.bytes_in);
    let (first, last, count) = call.seen(1, call.calm, 0).expect("a picture");
    assert_eq!(count, last - first + 1, "{name}: who has good weather misses nothing");
    assert_eq!(call.world.numbers(1, call.calm).len() as u64, count, "{name}: and gets nothing twice");
    call.set(None);
    call.talk(4);
    let before = call.world.numbers(2, call.stormy).len();
    call.talk(2);
    call.world.run(ms(500));
    let (first, last, count) = call.seen(2, call.stormy, before).expect("a picture again");
    assert_eq!(count, last - first + 1, "{name}: after the weather all comes again");
    assert!(count >= 90, "{name}: {count}");
    let stats = call.world.worker.stats();
    assert_eq!((stats.transports, stats.publications, stats.subscriptions), (4, 4, 6), "{name}");
}

#[test]
fn loss_and_bursts_of_it_do_no_harm() {
    for loss in [30.0, 50.0, 70.0, 80.0] {
        lives_through(&format!("loss {loss}"), Profile { loss, ..Profile::default() });
    }
    lives_through("bursts", Profile { loss: 30.0, burst: 8.0, ..Profile::default() });
    let outages = Profile { outage_every_ms: 5_000.0, outage_ms: 1_000.0, ..Profile::default() };
    lives_through("outages", outages);
}

#[test]
fn jitter_and_repeats_do_no_harm() {
    for (jitter_ms, reorder) in [(200.0, true), (1_000.0, true), (1_000.0, false)] {
        lives_through(&format!("jitter {jitter_ms} {reorder}"), Profile { jitter_ms, reorder, ..Profile::default() });
    }
    lives_through("repeats", Profile { dup: 50.0, jitter_ms: 100.0, ..Profile::default() });
}

#[test]
fn narrow_links_do_no_harm() {
    lives_through("narrow", Profile { kbps: 300.0, queue_ms: 200.0, ..Profile::default() });
    lives_through("narrow and lossy", Profile { kbps: 300.0, queue_ms: 200.0, loss: 20.0, ..Profile::default() });
}
