//! The weathers that a call must live through, what must come of it there (the target), and what does (held by the tests).

use self::Bound::{Least, Most};
use crate::judge::Figure::{self, *};
use crate::sender::encoder::Camera;
use carillon_loadtest::impair::Profile;

/// What every half of a link takes besides its weather.
pub const DELAY_MS: f64 = 20.0;

/// The four halves of the way from a publisher to a player.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub uplink: Profile,
    pub uplink_feedback: Profile,
    pub downlink: Profile,
    pub downlink_feedback: Profile,
}

/// Who is in the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// One publishes, one plays; another one joins at the end.
    Pair,
    /// As `Pair`, six times as long.
    Long,
    /// As `Pair`; the rate limit is lifted at the end.
    Lift,
    /// Two publishers share the uplink, each has a player.
    SharedUplink,
    /// Four who send and see each other; the weather is the first one's. The figures are the worst among the others.
    Four,
}

/// A figure's bound: at least or at most.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    Least(Figure, f64),
    Most(Figure, f64),
}

pub struct Cell {
    pub name: String,
    pub weather: Weather,
    pub camera: Camera,
    pub scene: Scene,
    pub target: Vec<Bound>,
    /// Holds in every run of the tests.
    pub held: Vec<Bound>,
}

pub fn cells() -> Vec<Cell> {
    let mut all = vec![cell("clean", clear()).least(&[(Fps, 29.0), (Stoi, 0.96), (VideoKbps, 700.0)]).most(&[
        (Freeze, 0.0),
        (UplinkTimes, 1.05),
        (DownlinkTimes, 1.05),
    ])];
    all.extend(losses());
    for ms in [200.0, 500.0, 1_000.0] {
        all.extend(jitters(ms));
    }
    all.extend(bursts());
    all.extend(far_and_wide());
    all.extend(caps());
    all.extend(large_pictures());
    for cell in &mut all {
        cell.held = held(&cell.name);
    }
    all
}

/// What the tests hold: what is reached with room to spare. A cell that is not here misses its target today.
fn held(name: &str) -> Vec<Bound> {
    match name {
        "clean" => vec![Least(Fps, 29.0), Most(Freeze, 0.0), Least(Stoi, 0.96), Most(DownlinkTimes, 1.05)],
        "oneoffour70" | "oneoffourcap600" => vec![Least(Fps, 29.0), Most(Freeze, 0.0), Least(Stoi, 0.96)],
        "loss10" | "loss30" => vec![Least(Fps, 27.0), Most(Freeze, 2.0), Least(Stoi, 0.93), Most(DownlinkTimes, 5.0)],
        "loss50" => vec![Least(Fps, 25.0), Most(Freeze, 3.0), Least(Stoi, 0.93), Most(DownlinkTimes, 8.0)],
        "loss70" => vec![Least(Fps, 24.0), Most(Freeze, 5.0), Least(Stoi, 0.90), Most(DownlinkTimes, 9.5)],
        "loss80" => vec![Least(Fps, 15.0), Least(Stoi, 0.85), Most(DownlinkTimes, 22.0)],
        "jitter200down" | "jitter500down" | "jitter1000down" => {
            vec![Least(Fps, 27.0), Least(Stoi, 0.93), Most(DownlinkTimes, 1.3)]
        }
        "jitter200inorder" | "jitter200upinorder" | "jitter200downinorder" => {
            vec![Least(Fps, 27.0), Least(Stoi, 0.93), Most(DownlinkTimes, 1.3)]
        }
        // Stretched by lip sync for its first half minute: 0.94 as a median of seeds.
        "jitter500downinorder" => {
            vec![Least(Fps, 27.0), Least(Stoi, 0.92), Most(DownlinkTimes, 1.3)]
        }
        "loss80long" => vec![Least(Fps, 15.0), Least(Stoi, 0.85), Most(Drops, 0.0)],
        "burst30" => vec![Least(Fps, 22.0), Least(Stoi, 0.93), Most(Concealed, 3.0)],
        "outages" => vec![Least(Fps, 22.0)],
        "all50" => vec![Least(Fps, 20.0), Least(Stoi, 0.90)],
        "rtt200loss30" => vec![Least(Fps, 25.0), Least(Stoi, 0.90)],
        "rtt200loss50" => vec![Least(Fps, 20.0), Least(Stoi, 0.90)],
        "hd30" | "hd50" | "hd70" => vec![Least(Fps, 13.0), Most(Freeze, 4.0), Least(Stoi, 0.90)],
        "fullhd30" => vec![Least(Fps, 25.0), Least(Stoi, 0.90)],
        "policed600down" => vec![Least(Fps, 20.0), Least(Stoi, 0.90), Most(DownlinkTimes, 3.0)],
        // Its 6 to 9 ms/s of stretch count for more here than in Chromium, which reached 0.97 and 0.99.
        "cap600up" | "cap600down" => vec![
            Least(Fps, 25.0),
            Least(Stoi, 0.92),
            Most(LongestMs, 1_000.0),
            Most(QueueP95Ms, 150.0),
            Most(BackMs, 10_000.0),
        ],
        "cap500loss20down" => vec![Least(Fps, 13.0), Least(Stoi, 0.90), Most(DownlinkTimes, 2.0)],
        "cap1200of2" => vec![Least(Fps, 25.0), Most(QueueP95Ms, 150.0), Most(Share, 2.5)],
        "cap500loss20up" => vec![Least(Fps, 15.0), Least(Stoi, 0.90), Most(UplinkTimes, 2.5)],
        // Lip sync moves the sound for half a minute (docs/weather.md).
        "jitter1000up" => vec![Least(Fps, 27.0), Least(Stoi, 0.85), Most(UplinkTimes, 1.25), Most(DownlinkTimes, 1.25)],
        "jitter500" => vec![Least(Fps, 27.0), Least(Stoi, 0.93), Most(DownlinkTimes, 1.2)],
        // 0.90 to 0.93 by the dice of handshakes; 0.91 to 0.98 in Chromium.
        "jitter1000" => vec![Least(Fps, 27.0), Least(Stoi, 0.87), Most(DownlinkTimes, 1.2)],
        "jitter200up" | "jitter500up" => {
            vec![Least(Fps, 27.0), Least(Stoi, 0.93), Most(UplinkTimes, 1.25), Most(DownlinkTimes, 1.25)]
        }
        _ => Vec::new(),
    }
}

fn losses() -> [Cell; 6] {
    let at = |percent: f64| cell(&format!("loss{percent}"), both(loss(percent)));
    [
        at(10.0).least(&[(Fps, 28.0), (Stoi, 0.95)]).most(&[(Freeze, 1.0), (LatencyMs, 200.0)]),
        at(30.0).least(&[(Fps, 28.0), (Stoi, 0.95)]).most(&[(Freeze, 1.0), (LatencyMs, 200.0)]),
        at(50.0).least(&[(Fps, 25.0), (Stoi, 0.93)]).most(&[(Freeze, 3.0), (FirstFrameMs, 2_000.0)]),
        at(70.0).least(&[(Fps, 24.0), (Stoi, 0.90)]).most(&[
            (Freeze, 5.0),
            (LatencyMs, 300.0),
            (FirstFrameMs, 5_000.0),
            (UplinkTimes, 10.0),
            (DownlinkTimes, 10.0),
        ]),
        at(80.0).least(&[(Fps, 15.0), (Stoi, 0.85)]).most(&[
            (FirstFrameMs, 10_000.0),
            (UplinkTimes, 20.0),
            (DownlinkTimes, 20.0),
        ]),
        cell("loss80long", both(loss(80.0)))
            .scene(Scene::Long)
            .least(&[(Fps, 15.0), (Stoi, 0.85)])
            .most(&[(Drops, 0.0)]),
    ]
}

/// Nothing is lost, so that copies would be made for nothing.
fn jitters(jitter_ms: f64) -> Vec<Cell> {
    let mut all = Vec::new();
    for (order, reorder) in [("", true), ("inorder", false)] {
        let profile = Profile { jitter_ms, reorder, ..plain() };
        let ways = [
            ("", both(profile), 2.0 * jitter_ms + 300.0),
            ("up", Weather { uplink: profile, ..clear() }, jitter_ms + 400.0),
            ("down", Weather { downlink: profile, ..clear() }, jitter_ms + 400.0),
        ];
        for (way, weather, late) in ways {
            let at = cell(&format!("jitter{jitter_ms}{way}{order}"), weather).least(&[(Fps, 28.0), (Stoi, 0.93)]);
            all.push(at.most(&[(Freeze, 2.0), (LatencyMs, late), (UplinkTimes, 1.2), (DownlinkTimes, 1.2)]));
        }
    }
    all
}

fn bursts() -> [Cell; 2] {
    let burst = Profile { burst: 8.0, ..loss(30.0) };
    let outage = Profile { outage_every_ms: 10_000.0, outage_ms: 1_000.0, ..plain() };
    [
        cell("burst30", both(burst)).least(&[(Fps, 25.0)]),
        // 25 pictures a second while there is a network; back half a second after it is.
        cell("outages", both(outage)).least(&[(Fps, 22.0)]).most(&[(LongestMs, 1_500.0)]),
    ]
}

fn far_and_wide() -> [Cell; 3] {
    let all_four = loss(50.0);
    let all_four = Weather { uplink_feedback: all_four, downlink_feedback: all_four, ..both(all_four) };
    // 50 ms each way on each link: 200 ms from end to end and back.
    let far = |percent| {
        let plain = Profile { delay_ms: 50.0, ..plain() };
        let lossy = Profile { delay_ms: 50.0, ..loss(percent) };
        Weather { uplink: lossy, uplink_feedback: plain, downlink: lossy, downlink_feedback: plain }
    };
    [
        cell("all50", all_four).least(&[(Fps, 20.0), (Stoi, 0.90)]),
        cell("rtt200loss30", far(30.0)).least(&[(Fps, 25.0), (Stoi, 0.93)]),
        cell("rtt200loss50", far(50.0)).least(&[(Fps, 20.0), (Stoi, 0.90)]),
    ]
}

fn caps() -> [Cell; 6] {
    let wide = Camera { max_bps: 1_500_000.0, ..Camera::SD };
    let capped = |kbps, percent| Profile { kbps, queue_ms: 200.0, ..loss(percent) };
    let cap = |name: &str, weather| {
        let at = cell(name, weather).camera(wide).scene(Scene::Lift).least(&[(Stoi, 0.95)]);
        at.most(&[(LongestMs, 1_000.0), (QueueP95Ms, 150.0), (BackMs, 10_000.0)])
    };
    // No delay tells of this one.
    let policed = Weather { downlink: Profile { kbps: 600.0, queue_ms: 40.0, ..plain() }, ..clear() };
    let shared = Weather { uplink: capped(1_200.0, 0.0), ..clear() };
    [
        cap("cap600up", Weather { uplink: capped(600.0, 0.0), ..clear() }),
        cap("cap600down", Weather { downlink: capped(600.0, 0.0), ..clear() }),
        cell("cap500loss20up", Weather { uplink: capped(500.0, 20.0), ..clear() })
            .camera(wide)
            .least(&[(Fps, 15.0), (Stoi, 0.90)]),
        cell("cap500loss20down", Weather { downlink: capped(500.0, 20.0), ..clear() })
            .camera(wide)
            .least(&[(Fps, 15.0), (Stoi, 0.90)]),
        cell("policed600down", policed).least(&[(Fps, 15.0), (Stoi, 0.90)]).most(&[(DownlinkTimes, 2.0)]),
        cell("cap1200of2", shared).camera(wide).scene(Scene::SharedUplink).most(&[(Share, 2.0)]),
    ]
}

fn large_pictures() -> [Cell; 6] {
    let at = |name: &str, percent, camera: Camera| cell(name, both(loss(percent))).camera(camera);
    let smooth = [(Fps, 13.0), (Stoi, 0.93)];
    let one = Weather { uplink: loss(70.0), downlink: loss(70.0), ..clear() };
    // Three pictures of 800 kbit/s for one of four.
    let narrow = Weather { downlink: Profile { kbps: 600.0, queue_ms: 200.0, ..plain() }, ..clear() };
    [
        at("hd30", 30.0, Camera::HD).least(&smooth).most(&[(Freeze, 3.0)]),
        at("hd50", 50.0, Camera::HD).least(&smooth).most(&[(Freeze, 3.0)]),
        at("hd70", 70.0, Camera::HD).least(&smooth).most(&[(Freeze, 3.0)]),
        at("fullhd30", 30.0, Camera::FULL_HD).least(&[(Fps, 25.0), (Stoi, 0.93)]).most(&[(Freeze, 3.0)]),
        cell("oneoffour70", one).scene(Scene::Four).least(&[(Fps, 29.0), (Stoi, 0.96)]).most(&[(Freeze, 0.0)]),
        cell("oneoffourcap600", narrow)
            .scene(Scene::Four)
            .least(&[(Fps, 29.0), (Stoi, 0.96), (VideoKbps, 700.0)])
            .most(&[(Freeze, 0.0)]),
    ]
}

fn cell(name: &str, weather: Weather) -> Cell {
    let least = vec![Least(VideoKbps, 300.0)];
    Cell { name: name.into(), weather, camera: Camera::SD, scene: Scene::Pair, target: least, held: Vec::new() }
}

impl Cell {
    fn least(mut self, bounds: &[(Figure, f64)]) -> Self {
        self.target.extend(bounds.iter().map(|(figure, at)| Least(*figure, *at)));
        self
    }

    fn most(mut self, bounds: &[(Figure, f64)]) -> Self {
        self.target.extend(bounds.iter().map(|(figure, at)| Most(*figure, *at)));
        self
    }

    fn camera(mut self, camera: Camera) -> Self {
        self.camera = camera;
        self
    }

    fn scene(mut self, scene: Scene) -> Self {
        self.scene = scene;
        self
    }
}

pub fn plain() -> Profile {
    Profile { delay_ms: DELAY_MS, ..Profile::default() }
}

fn clear() -> Weather {
    Weather { uplink: plain(), uplink_feedback: plain(), downlink: plain(), downlink_feedback: plain() }
}

/// Media both ways; the feedback halves stay clean.
fn both(profile: Profile) -> Weather {
    Weather { uplink: profile, downlink: profile, ..clear() }
}

fn loss(percent: f64) -> Profile {
    Profile { loss: percent, ..plain() }
}
