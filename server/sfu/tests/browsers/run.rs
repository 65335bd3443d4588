//! One run of one cell: a call that is set up in clear weather, then the weather, then what is measured.

use crate::cells::{Cell, Scene, Weather, plain};
use crate::judge::{Figure, Figures, judge_picture, judge_sound, quantile};
use crate::media::Ms;
use crate::peer::Peer;
use crate::player::{Asked, Heard};
use crate::sender::{Sender, Totals};
use crate::world::{Passed, World};
use carillon_sfu::ParticipantId;

/// Clear weather at the start: 4 s after the first join.
const CLEAR_MS: Ms = 3_500.0;
/// A long call lasts this much longer than the others.
const LONG_TIMES: f64 = 6.0;
/// In the weather before anything is measured.
const SETTLE_MS: Ms = 10_000.0;
/// A joiner is given up after this time.
const JOIN_MS: Ms = 20_000.0;

/// Of the camera's rate.
const BACK_SHARE: f64 = 0.9;

/// Halves of one link: from a browser, to it.
#[derive(Debug, Clone, Copy)]
struct Halves {
    up: usize,
    down: usize,
}

/// Totals at one moment.
struct Snapshot {
    heard: Heard,
    asked: Asked,
    totals: Totals,
}

pub fn run(cell: &Cell, seed: u64, measure_ms: Ms) -> Figures {
    match cell.scene {
        Scene::Pair | Scene::Lift => run_pair(cell, seed, measure_ms),
        Scene::Long => run_pair(cell, seed, LONG_TIMES * measure_ms),
        Scene::SharedUplink => run_shared(cell, seed, measure_ms),
        Scene::Four => run_four(cell, seed, measure_ms),
    }
}

fn run_pair(cell: &Cell, seed: u64, measure_ms: Ms) -> Figures {
    let mut world = World::new(seed);
    let (publishing, playing) = (add_link(&mut world), add_link(&mut world));
    let publisher = publish(&mut world, publishing, cell, seed);
    world.run(500.0);
    let player = play(&mut world, playing, cell, publisher);
    world.run(CLEAR_MS);
    set_weather(&mut world, publishing, playing, &cell.weather, seed);
    pass(&mut world, publisher, player, SETTLE_MS);
    let mut figures = Figures::new();
    let measured = Measured::start(&mut world, &[(publisher, player, 0)]);
    pass(&mut world, publisher, player, measure_ms);
    measured.judge(&world, 0, &mut figures);
    measured.judge_traffic(&world, publishing, playing, &mut figures);
    figures.insert(Figure::Drops, world.drops() as f64);
    if cell.scene == Scene::Lift {
        figures.insert(Figure::BackMs, lift(&mut world, publishing, playing, publisher));
    } else {
        figures.insert(Figure::FirstFrameMs, join(&mut world, playing, cell, publisher));
    }
    figures
}

/// Time goes by; `WEATHER_TRACE` tells of each half second of it.
fn pass(world: &mut World, publisher: usize, player: usize, span: Ms) {
    if std::env::var_os("WEATHER_TRACE").is_none() {
        return world.run(span);
    }
    let end = world.moment().ms + span;
    while world.moment().ms < end {
        world.run(500.0);
        let sender = world.peers[publisher].sender.as_ref().expect("publishes");
        let seen = &world.peers[player].players[0];
        println!("{:6.0} {}; {}", world.moment().ms, sender.state(), seen.state());
    }
}

/// Two calls of two: the publishers sit behind one uplink.
fn run_shared(cell: &Cell, seed: u64, measure_ms: Ms) -> Figures {
    let mut world = World::new(seed);
    let (shared, playing) = (add_link(&mut world), add_link(&mut world));
    let mut pairs = Vec::new();
    for n in 0..2 {
        let publisher = publish(&mut world, shared, cell, seed + n);
        world.run(500.0);
        pairs.push((publisher, play(&mut world, playing, cell, publisher), 0));
    }
    world.run(CLEAR_MS);
    set_weather(&mut world, shared, playing, &cell.weather, seed);
    world.run(SETTLE_MS);
    let measured = Measured::start(&mut world, &pairs);
    world.run(measure_ms);
    let mut each = [Figures::new(), Figures::new()];
    each.iter_mut().enumerate().for_each(|(n, figures)| measured.judge(&world, n, figures));
    let rates = each.each_ref().map(|figures| figures.get(&Figure::VideoKbps).copied().unwrap_or_default());
    let mut figures = worst(&each);
    figures.insert(Figure::Share, rates[0].max(rates[1]) / rates[0].min(rates[1]));
    measured.judge_traffic(&world, shared, playing, &mut figures);
    figures
}

/// Four who see each other. The weather is the first one's; judged is what the others see of each other.
fn run_four(cell: &Cell, seed: u64, measure_ms: Ms) -> Figures {
    let mut world = World::new(seed);
    let links: Vec<Halves> = (0..4).map(|_| add_link(&mut world)).collect();
    let ids: Vec<ParticipantId> = (1..=4).map(ParticipantId).collect();
    for (n, halves) in links.iter().enumerate() {
        let (camera, me) = (cell.camera, ids[n]);
        world.join(halves.up, halves.down, camera.fps, |now, peer: &mut Peer| {
            peer.sender = Some(Sender::new(now.ms, 0x1000 * (n as u32 + 1), camera, seed + n as u64));
            peer.wants = ids.iter().copied().filter(|id| *id != me).collect();
        });
    }
    world.run(CLEAR_MS);
    world.set_half(links[0].up, cell.weather.uplink, seed);
    world.set_half(links[0].down, cell.weather.downlink, seed + 1);
    world.run(SETTLE_MS);
    // What each of the others wants is the first one, then the rest.
    let pairs: Vec<_> = (1..4).flat_map(|to| (1..3).map(move |n| (n + usize::from(n >= to), to, n))).collect();
    let measured = Measured::start(&mut world, &pairs);
    world.run(measure_ms);
    let mut each = vec![Figures::new(); pairs.len()];
    each.iter_mut().enumerate().for_each(|(n, figures)| measured.judge(&world, n, figures));
    worst(&each)
}

/// Of each figure what is worst in any.
fn worst(each: &[Figures]) -> Figures {
    let mut all = Figures::new();
    for (figure, value) in each.iter().flatten() {
        let worse = |before: f64| if figure.grows_worse() { before.max(*value) } else { before.min(*value) };
        let entry = all.entry(*figure).or_insert(*value);
        *entry = worse(*entry);
    }
    all
}

/// What is compared with the end.
struct Measured {
    from: Ms,
    /// Publisher, player, and which of that one's streams.
    pairs: Vec<(usize, usize, usize)>,
    before: Vec<Snapshot>,
}

impl Measured {
    fn start(world: &mut World, pairs: &[(usize, usize, usize)]) -> Self {
        for half in &mut world.halves {
            half.passed = Passed::default();
        }
        let before = pairs.iter().map(|pair| look(world, *pair)).collect();
        Self { from: world.moment().ms, pairs: pairs.to_vec(), before }
    }

    fn judge(&self, world: &World, n: usize, figures: &mut Figures) {
        let (before, pair, to) = (&self.before[n], self.pairs[n], world.moment().ms);
        let after = look(world, pair);
        let sent = after.totals.video_bytes - before.totals.video_bytes;
        judge_picture(&world.peers[pair.1].players[pair.2].video.shown, self.from, to, figures);
        judge_sound(before.heard, after.heard, figures);
        let sender = world.peers[pair.0].sender.as_ref().expect("publishes");
        figures.insert(Figure::TargetKbps, sender.target_bps() / 1_000.0);
        figures.insert(Figure::VideoKbps, sent * 8.0 / (to - self.from));
        figures.insert(Figure::Nacks, f64::from(after.asked.nacks - before.asked.nacks));
        figures.insert(Figure::Plis, f64::from(after.asked.keyframes - before.asked.keyframes));
    }

    fn judge_traffic(&self, world: &World, publishing: Halves, playing: Halves, figures: &mut Figures) {
        let (up, down) = (&world.halves[publishing.up].passed, &world.halves[playing.down].passed);
        let reds = self.pairs.iter().zip(&self.before);
        let red: f64 = reds.map(|(pair, before)| look(world, *pair).totals.red_bytes - before.totals.red_bytes).sum();
        figures.insert(Figure::UplinkTimes, (up.bytes - red) / (up.once - red));
        figures.insert(Figure::DownlinkTimes, down.bytes / down.once);
        let mut queued: Vec<f64> = up.queued.iter().chain(&down.queued).map(|ms| f64::from(*ms)).collect();
        if !queued.is_empty() {
            figures.insert(Figure::QueueP95Ms, quantile(&mut queued, 0.95));
        }
    }
}

fn add_link(world: &mut World) -> Halves {
    Halves { up: world.add_half(plain(), 1), down: world.add_half(plain(), 2) }
}

fn publish(world: &mut World, halves: Halves, cell: &Cell, seed: u64) -> usize {
    let ssrc = 0x1000 * (1 + world.peers.len() as u32);
    let camera = cell.camera;
    world.join(halves.up, halves.down, camera.fps, |now, peer: &mut Peer| {
        peer.sender = Some(Sender::new(now.ms, ssrc, camera, seed));
    })
}

fn play(world: &mut World, halves: Halves, cell: &Cell, publisher: usize) -> usize {
    let from = world.peers[publisher].participant;
    world.join(halves.up, halves.down, cell.camera.fps, |_, peer: &mut Peer| peer.wants.push(from))
}

fn set_weather(world: &mut World, publishing: Halves, playing: Halves, weather: &Weather, seed: u64) {
    let halves = [
        (publishing.up, weather.uplink),
        (publishing.down, weather.uplink_feedback),
        (playing.down, weather.downlink),
        (playing.up, weather.downlink_feedback),
    ];
    for (n, (half, profile)) in (0..).zip(halves) {
        world.set_half(half, profile, 1_000 * seed + n);
    }
}

fn look(world: &World, (publisher, player, stream): (usize, usize, usize)) -> Snapshot {
    let totals = world.peers[publisher].sender.as_ref().expect("publishes").totals;
    let seen = &world.peers[player].players[stream];
    Snapshot { heard: seen.audio.heard, asked: seen.asked, totals }
}

/// The rate limit goes: until the encoder makes nine tenths of what it may.
fn lift(world: &mut World, publishing: Halves, playing: Halves, publisher: usize) -> Ms {
    for half in [publishing.up, playing.down] {
        world.set_half(half, plain(), 1);
    }
    let start = world.moment().ms;
    while world.moment().ms < start + JOIN_MS {
        world.run(50.0);
        let sender = world.peers[publisher].sender.as_ref().expect("publishes");
        if sender.encoder_bps() >= BACK_SHARE * sender.max_bps() {
            return world.moment().ms - start;
        }
    }
    f64::INFINITY
}

/// Another player comes in this weather: until its first picture.
fn join(world: &mut World, playing: Halves, cell: &Cell, publisher: usize) -> Ms {
    let start = world.moment().ms;
    let joiner = play(world, playing, cell, publisher);
    while world.moment().ms < start + JOIN_MS {
        world.run(50.0);
        if let Some(first) = world.peers[joiner].players[0].video.shown.first() {
            return first.at - start;
        }
    }
    f64::INFINITY
}
