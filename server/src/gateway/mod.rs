//! HTTP and WebSocket: the demo page, the client modules, `/ws`, WHIP, WHEP and HTTP-FLV.

mod assets;
mod demo;
mod door;
mod flv;
mod handover;
mod reply;
mod rest;
pub mod session;
#[cfg(test)]
mod tests;
mod tls;
mod whip;
mod ws;

use crate::clock::Clock;
use crate::{control, rtmp};
use axum::Router;
use axum::routing::{delete, get, post};
use carillon_config::Config;
use carillon_proto::id::AppId;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tls::Tls;
use tokio::net::TcpListener;

/// What every request may need.
#[derive(Debug)]
pub struct Shared {
    pub control: control::Handle,
    pub rtmp: rtmp::Handle,
    pub config: Arc<Config>,
    /// In development mode the one app and its key: the demo page signs users in by it.
    pub development: Option<(AppId, String)>,
    /// The last socket's number.
    pub sockets: AtomicU64,
    pub clock: Clock,
}

pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/ws", get(ws::upgrade))
        .route("/demo/config.json", get(demo::config))
        .route("/demo/sign", post(demo::sign))
        .route("/whip/{app}/{room}/{user}", post(whip::publish).options(whip::preflight))
        .route("/whep/{app}/{room}/{user}", post(whip::play).options(whip::preflight))
        .route("/resource/{id}", delete(whip::end).options(whip::preflight).fallback(whip::no_patch))
        .route("/live/{app}/{room}/{file}", get(flv::play))
        .route("/v4/{service}/{command}", post(rest::ask))
        .route("/", get(assets::index))
        .route("/demo/", get(assets::index))
        .route("/demo/{*path}", get(assets::demo))
        .route("/sdk/core/{*path}", get(assets::core))
        .route("/sdk/call/{*path}", get(assets::call))
        .with_state(shared)
}

/// Whether certificate and key, if any are named, can be used. Errors name the file.
pub fn check_certificate(config: &Config) -> io::Result<()> {
    if config.listen.tls() { tls::check(&config.listen) } else { Ok(()) }
}

/// The certificate for RTMPS, followed as HTTPS follows it. Errors name the file.
pub fn follow_certificate(config: &Config) -> io::Result<rtmp::TlsConfig> {
    let tls = Tls::start(&config.listen)?;
    Ok(Box::new(move || tls.current()))
}

/// Serves until `stop`; then what is under way is finished. WebSockets are closed by the control thread, and waited for.
pub async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let config = shared.config.clone();
    let tls = config.listen.tls().then(|| Tls::start(&config.listen)).transpose()?;
    door::serve(listener, tls, &config.limits, router(shared), stop).await
}
