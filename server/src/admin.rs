//! The operator's side door: `/metrics`, `/healthz`, `/readyz`. Nobody is asked for a password here.

use crate::metrics;
use crate::{bridge, control, rtmp, worker};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// A thread that does not answer for so long is not well.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Whom the numbers come from.
#[derive(Debug, Clone)]
pub struct Sources {
    pub control: control::Handle,
    pub workers: Arc<[worker::Handle]>,
    pub rtmp: rtmp::Handle,
    pub bridge: bridge::Handle,
}

pub fn router(sources: Sources) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(sources)
}

/// Serves for as long as the process lives.
pub async fn serve(listener: TcpListener, sources: Sources) -> io::Result<()> {
    axum::serve(listener, router(sources)).await
}

async fn metrics(State(sources): State<Sources>) -> Response {
    match gather(&sources).await {
        Some((stats, reports, streams, bridge)) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (kind, metrics::render(&stats, &reports, &streams, &bridge)).into_response()
        }
        None => silent(),
    }
}

/// Ready: every thread answers.
async fn ready(State(sources): State<Sources>) -> Response {
    match gather(&sources).await {
        Some(_) => "ready\n".into_response(),
        None => silent(),
    }
}

fn silent() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "a thread does not answer\n").into_response()
}

async fn gather(
    sources: &Sources,
) -> Option<(control::Stats, Vec<worker::Report>, carillon_rtmp::Stats, bridge::Stats)> {
    timeout(ANSWER_WITHIN, async {
        let (reply, stats) = oneshot::channel();
        sources.control.send(control::Input::Stats(reply)).ok()?;
        let (reply, streams) = oneshot::channel();
        sources.rtmp.send(rtmp::Input::Stats(reply));
        let bridged = sources.bridge.stats();
        let mut waiting = Vec::with_capacity(sources.workers.len());
        for worker in sources.workers.iter() {
            let (reply, report) = oneshot::channel();
            worker.send(worker::Input::Stats(reply)).ok()?;
            waiting.push(report);
        }
        let mut reports = Vec::with_capacity(waiting.len());
        for report in waiting {
            reports.push(report.await.ok()?);
        }
        Some((stats.await.ok()?, reports, streams.await.ok()?, bridged.await?))
    })
    .await
    .ok()?
}
