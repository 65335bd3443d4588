//! Bad input at the real server's signalling doors: it costs who sent it, and the others' call goes on.

mod apps;
mod authority;
mod doors;
mod frames;
mod offers;
mod sign_in;
#[path = "../support/mod.rs"]
mod support;

use support::call::Call;
use support::{Folder, Server};

/// A server with a call on it.
struct Scene {
    server: Server,
    call: Call,
    _folder: Folder,
}

impl Scene {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let server = Server::start(&folder, settings);
        let call = Call::connect(&server).await;
        Self { server, call, _folder: folder }
    }
}
