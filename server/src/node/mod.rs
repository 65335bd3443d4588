//! Builds the node from its configuration, in order; stops it in the reverse order.

mod bound;
mod threads;

use self::bound::Bound;
use self::threads::{Handles, Threads};
use crate::clock::Clock;
use crate::gateway::{self, Shared};
use crate::postman::Postman;
use crate::{admin, control, rtmp, tcp, worker};
use carillon_chat::StoreError;
use carillon_config::{App, Config, DEVELOPMENT_APP, Secret};
use carillon_proto::id::AppId;
use carillon_proto::time::Now;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinError, JoinHandle};

type Failure = Box<dyn Error + Send + Sync>;

/// Runs until SIGTERM or SIGINT. `development_key` signs for the development app where the configuration names no app.
///
/// Errors name the address or file that could not be had.
pub async fn run(mut config: Config, development_key: Option<String>) -> Result<(), Failure> {
    let development = development_key.filter(|_| config.is_development());
    if let Some(key) = &development {
        config.apps = vec![App::new(DEVELOPMENT_APP, Secret::new(key.clone()))];
    }
    let clock = Clock::start();
    let bound = Bound::bind(&config).await?;
    let mut node = Node::start(config, development, bound, clock)?;
    let over = node.serve().await;
    tracing::info!("stopping");
    node.shut_down().await;
    tracing::info!("stopped");
    over
}

/// All that runs.
struct Node {
    config: Arc<Config>,
    handles: Handles,
    /// The end of the control thread.
    control: JoinHandle<ControlThread>,
    threads: Vec<std::thread::JoinHandle<()>>,
    http: JoinHandle<io::Result<()>>,
    stop_http: watch::Sender<bool>,
    /// These go on while the rest stops.
    background: [AbortHandle; 3],
}

type ControlThread = std::thread::Result<Result<(), StoreError>>;

impl Node {
    fn start(config: Config, development: Option<String>, bound: Bound, clock: Clock) -> Result<Self, Failure> {
        let Bound { resources, http, admin, tcp, client } = bound;
        let rtmp_address = resources.streams.plain.local_addr()?;
        let rtmps_address = resources.streams.tls.as_ref().map(|(listener, _)| listener.local_addr()).transpose()?;
        let (to_postman, posts) = mpsc::unbounded_channel();
        let Threads { handles, control, others } = Threads::start(&config, resources, to_postman, clock)?;
        let (callbacks, to_control) = (config.callbacks.clone(), handles.control.clone());
        let postman = Postman::new(callbacks, &config.apps, client.into_send(), to_control, ticking(clock));
        let shared = share(config, development, &handles, clock);
        announce(&shared, http.local_addr()?);
        tracing::info!(
            http = %http.local_addr()?, admin = %admin.local_addr()?, rtmp = %rtmp_address, "listening"
        );
        if let Some(address) = rtmps_address {
            tracing::info!(rtmps = %address, "listening for RTMPS");
        }
        let (stop_http, stopped) = watch::channel(false);
        let tcp = tcp::serve(tcp, handles.workers.clone(), shared.config.limits.http_connections_per_address);
        Ok(Self {
            config: shared.config.clone(),
            // On a thread of its own: nothing else says that the control thread has ended.
            control: tokio::task::spawn_blocking(move || control.join()),
            threads: others,
            http: tokio::spawn(gateway::serve(http, shared, until(stopped))),
            stop_http,
            background: [
                tokio::spawn(postman.run(posts)).abort_handle(),
                tokio::spawn(tcp).abort_handle(),
                tokio::spawn(admin::serve(admin, sources(&handles))).abort_handle(),
            ],
            handles,
        })
    }

    /// Until a signal, or the end of what nothing goes on without.
    async fn serve(&mut self) -> Result<(), Failure> {
        tokio::select! {
            signal = wait_for_signal() => signal.map_err(Failure::from),
            ended = &mut self.control => Err(lost_control(ended)),
            ended = &mut self.http => Err(lost_http(ended)),
        }
    }

    /// Clients are told first, then HTTP ends, then media: all within the configured time.
    async fn shut_down(self) {
        let (within, background) = (self.config.listen.stop_within(), self.background.clone());
        if tokio::time::timeout(within, self.stop_in_order()).await.is_err() {
            tracing::warn!("not everything ended within listen.stop_within_ms");
        }
        background.iter().for_each(AbortHandle::abort);
    }

    async fn stop_in_order(self) {
        let Handles { control, workers, rtmp, bridge } = self.handles;
        rtmp.send(rtmp::Input::Hub(carillon_rtmp::Command::Drain { tc_url: None }));
        // Neither is asked again once it has ended.
        if !self.control.is_finished() {
            if control.send(control::Input::Stop).is_err() {
                tracing::warn!("the control thread was too busy to be stopped in order");
            }
            let _ = self.control.await;
        }
        rtmp.send(rtmp::Input::Stop);
        let _ = self.stop_http.send(true);
        if !self.http.is_finished() {
            let _ = self.http.await;
        }
        for worker in workers.iter() {
            let _ = worker.send(worker::Input::Stop);
        }
        bridge.stop();
        let threads = self.threads;
        let _ = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| drop(t.join()))).await;
    }
}

fn ticking(mut clock: Clock) -> impl FnMut() -> Now {
    move || {
        clock.resync();
        clock.now()
    }
}

fn share(config: Config, development: Option<String>, handles: &Handles, clock: Clock) -> Arc<Shared> {
    Arc::new(Shared {
        control: handles.control.clone(),
        rtmp: handles.rtmp.clone(),
        development: development.map(|key| (AppId(DEVELOPMENT_APP), key)),
        sockets: AtomicU64::new(1),
        clock,
        config: Arc::new(config),
    })
}

fn sources(handles: &Handles) -> admin::Sources {
    let Handles { control, workers, rtmp, bridge } = handles.clone();
    admin::Sources { control, workers, rtmp, bridge }
}

#[expect(clippy::print_stdout, reason = "the address is what `carillon serve` is started for")]
fn announce(shared: &Shared, http: SocketAddr) {
    let scheme = if shared.config.listen.tls() { "https" } else { "http" };
    let host =
        if http.ip().is_loopback() || http.ip().is_unspecified() { "localhost".into() } else { http.ip().to_string() };
    let address = match shared.config.listen.public_url.as_str() {
        "" => format!("{scheme}://{host}:{}", http.port()),
        url => url.to_owned(),
    };
    println!("Carillon {} is ready: {address}", env!("CARGO_PKG_VERSION"));
    match shared.development {
        Some(_) => println!("Development mode: open it in two tabs, sign in under two names, call one from the other."),
        None => println!(
            "Sign in with a UserSig: `carillon user-sig --user NAME`, with the configuration of this server, makes one."
        ),
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn wait_for_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    Ok(())
}

/// The control thread ends by itself only where it cannot go on.
fn lost_control(ended: Result<ControlThread, JoinError>) -> Failure {
    match ended {
        Ok(Ok(Err(error))) => format!("the store is lost, nothing more can be promised to clients: {error}").into(),
        Ok(Ok(Ok(())) | Err(_)) | Err(_) => "the control thread has died; this is a fault of the server".into(),
    }
}

fn lost_http(ended: Result<io::Result<()>, JoinError>) -> Failure {
    match ended {
        Ok(Err(error)) => format!("listen.http: {error}").into(),
        Ok(Ok(())) | Err(_) => "the HTTP task has died; this is a fault of the server".into(),
    }
}
