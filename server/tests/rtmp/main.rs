//! Streams at the real server, by real ffmpeg: who may publish and play, what players see, and what others' faults cost.

mod by_hand;
mod files;
mod full_disk;
mod hostile;
mod lies;
mod rooms;
mod secure;
mod signed;
mod streams;
#[path = "../support/mod.rs"]
mod support;

use support::prometheus::Page;
use support::{Folder, PATIENCE, Server, http, now};

const ROOM: u32 = 7;

struct Scene {
    server: Server,
    _folder: Folder,
}

impl Scene {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(settings: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let server = Server::start(&folder, settings);
        Self { server, _folder: folder }
    }

    fn metric(&self, series: &str) -> f64 {
        Page::parse(&http::get(self.server.admin, "/metrics").body).get(series)
    }

    /// Awaits a value of /metrics.
    fn await_metric(&self, series: &str, wanted: impl Fn(f64) -> bool) {
        let deadline = now() + PATIENCE;
        while !wanted(self.metric(series)) {
            assert!(now() < deadline, "{series} stays {}", self.metric(series));
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}
