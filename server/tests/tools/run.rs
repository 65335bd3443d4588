//! One publication and everybody who plays it, on a server of its own; several at a time.

use crate::judge;
use crate::nginx::Nginx;
use crate::players::{End, Player};
use crate::publishers::{Publisher, SECONDS};
use crate::support::prometheus::Page;
use crate::support::streams::{flv_address, rtmp_address};
use crate::support::{Folder, PATIENCE, Server, http, now};
use crate::tool::Tool;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

const ROOM: u32 = 7;
/// At once: mostly they wait for the next picture.
const SIDE_BY_SIDE: usize = 3;

pub(crate) struct Cell {
    name: String,
    publisher: Publisher,
    /// Of the server.
    settings: Vec<(&'static str, &'static str)>,
}

impl Cell {
    pub(crate) fn new(name: &str, publisher: Publisher) -> Self {
        Self { name: name.to_owned(), publisher, settings: Vec::new() }
    }

    pub(crate) fn with(mut self, key: &'static str, value: &'static str) -> Self {
        self.settings.push((key, value));
        self
    }
}

/// # Panics
/// Where a player of one of them did not get what it should.
pub(crate) fn run(cells: Vec<Cell>) {
    let (cells, failures) = (Mutex::new(cells.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(cell) = { cells.lock().expect("nobody panics with it").next() } {
                    let failed = play_all(&cell);
                    failures.lock().expect("nobody panics with it").extend(failed);
                }
            });
        }
    });
    let failures = failures.into_inner().expect("nobody panicked with it");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

struct Playing {
    player: Player,
    tool: Tool,
    file: PathBuf,
    relay: Option<Nginx>,
}

/// What went wrong.
fn play_all(cell: &Cell) -> Vec<String> {
    let folder = Folder::new();
    let server = Server::start(&folder, &cell.settings);
    let (early, late): (Vec<_>, Vec<_>) = Player::ALL.into_iter().partition(|player| !player.is_flv());
    let mut playing: Vec<_> = early.into_iter().map(|player| play(player, &server, folder.path())).collect();
    await_metric(&server, "rtmp_players", |players| players == playing.len() as f64);
    let sent = folder.path().join("sent.flv");
    let mut publication = cell.publisher.start(&rtmp_address(&server, ROOM, "amy", "amy"), &sent, folder.path());
    await_metric(&server, "rtmp_publishers", |publishers| publishers == 1.0);
    playing.extend(late.into_iter().map(|player| play(player, &server, folder.path())));
    let mut failures = Vec::new();
    failures.extend(publication.tool.end().err());
    failures.extend(Some(publication.tool.complaints()).filter(|said| !said.is_empty()));
    drop(publication);
    await_metric(&server, "rtmp_publishers", |publishers| publishers == 0.0);
    let mut row = Vec::new();
    for player in &mut playing {
        match judged(player, &sent, cell.publisher.is_relayed()) {
            Ok(text) => row.push(text),
            Err(failure) => failures.push(format!("{}: {failure}", player.player.name())),
        }
    }
    drop(playing);
    await_metric(&server, "rtmp_connections", |connections| connections == 0.0);
    eprintln!("{:44} {}", cell.name, row.join("  "));
    failures.into_iter().map(|failure| format!("{}: {failure}", cell.name)).collect()
}

fn play(player: Player, server: &Server, folder: &Path) -> Playing {
    let file = folder.join(format!("{}.flv", player.name()));
    let address = if player.is_flv() { flv_address } else { rtmp_address }(server, ROOM, "amy", "ben");
    let relay = (player == Player::NginxPull).then(|| Nginx::pulling(folder, &address));
    let address = relay.as_ref().map_or(address, |relay| relay.address("out"));
    let tool = player.start(&address, &file, folder);
    Playing { player, tool, file, relay }
}

/// Once it has ended: how much it got.
fn judged(playing: &mut Playing, sent: &Path, relayed: bool) -> Result<String, String> {
    end(playing)?;
    let may_miss = playing.player.may_miss();
    let mut counts = Vec::new();
    for (kind, share) in judge::compare(sent, &playing.file)? {
        let late = share.missed_at_start > 0 && !may_miss.at_start && !relayed;
        // A keyframe comes each second of five.
        if late || share.missed_at_start > share.sent / 2 || share.missed_at_end > may_miss.at_end {
            let (start, end) = (share.missed_at_start, share.missed_at_end);
            return Err(format!("{kind}: {start} packets are missing at the start and {end} at the end"));
        }
        counts.push(format!("{}/{}", share.sent - share.missed_at_start - share.missed_at_end, share.sent));
    }
    Ok(format!("{} {}", playing.player.name(), counts.join(" ")))
}

fn end(playing: &mut Playing) -> Result<(), String> {
    match playing.player.ends_by() {
        End::Itself => playing.tool.end()?,
        End::Killed => await_stillness(&playing.file),
        End::Relay => {
            await_stillness(&playing.file);
            playing.relay = None;
            // It complains that its connection broke off.
            let _ = playing.tool.end();
            return Ok(());
        }
    }
    let complaints = playing.tool.complaints();
    if complaints.is_empty() { Ok(()) } else { Err(complaints) }
}

/// Until nothing is written to the file any more.
fn await_stillness(file: &Path) {
    let size = || std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let mut before = u64::MAX;
    while before != size() {
        before = size();
        std::thread::sleep(Duration::from_millis(1_000));
    }
}

fn await_metric(server: &Server, series: &str, wanted: impl Fn(f64) -> bool) {
    let deadline = now() + PATIENCE + Duration::from_secs(SECONDS.into());
    loop {
        let reply = http::get(server.admin, "/metrics");
        // On a busy machine a thread may not have answered in time.
        if reply.status == 200 && wanted(Page::parse(&reply.body).get(series)) {
            return;
        }
        assert!(now() < deadline, "{series} is not as it should be: {}", reply.body);
        std::thread::sleep(Duration::from_millis(50));
    }
}
