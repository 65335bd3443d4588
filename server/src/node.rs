//! Builds the node from its configuration, in order; stops it in the reverse order.

use crate::clock::{self, Clock};
use crate::control;
use crate::gateway::session::Sessions;
use crate::gateway::{self, Shared};
use crate::postman::{Client, Postman};
use crate::store::{Retention, SqliteStore};
use crate::udp::UdpSocket;
use crate::{admin, bridge, rtmp, tcp, worker};
use carillon_call::Switchboard;
use carillon_chat::{Chat, StoreError};
use carillon_config::{App, Config, DEVELOPMENT_APP, Secret};
use carillon_proto::id::AppId;
use carillon_sfu::{LocalCandidate, Protocol, Worker};
use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

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
    let store = open_store(&config)?;
    let http = listen(config.listen.http, "listen.http").await?;
    let admin = listen(config.listen.admin, "listen.admin").await?;
    let streams = bind_rtmp(&config)?;
    let rtmp_address = streams.plain.local_addr()?;
    let rtmp = rtmp::prepare().map_err(|error| format!("rtmp: {error}"))?;
    let rtmp_handle = rtmp.handle.clone();
    let mut media = Media::bind(&config).await?;
    let (handle, inputs) = control::channel(config.limits.control_queue);
    let (postman, posts) = mpsc::unbounded_channel();
    let client = Client::new(&config.callbacks.ca_file).map_err(|error| format!("callbacks.ca_file: {error}"))?;
    let mut its_clock = clock;
    let time = move || {
        its_clock.resync();
        its_clock.now()
    };
    let delivery = Postman::new(config.callbacks.clone(), &config.apps, client.into_send(), handle.clone(), time);
    let (bridge_handle, bridge_mailbox) = bridge::channels();
    let (workers, worker_threads) = media.start(&config, &handle, &bridge_handle.inputs(), clock)?;
    let control_thread = control::start(control::Parts {
        clock,
        inputs,
        sessions: Sessions::new(config.gateway.clone(), Box::new(fill_random)),
        chat: Chat::new(config.chat.clone(), &config.apps, clock::random_u64()),
        calls: Switchboard::new(
            carillon_call::Config { call: config.call.clone(), rooms: config.rooms.clone() },
            clock::random_u64(),
        ),
        store,
        apps: config.apps.clone(),
        postman,
        callbacks_waiting_max: config.callbacks.waiting_max,
        give_up_within: config.store.give_up_within(),
        workers: workers.to_vec(),
        rtmp: rtmp_handle.clone(),
        bridge: bridge_handle.clone(),
        signed_life_max: config.rtmp.signed_life_max(),
        pushes_per_room: config.rtmp.pushes_per_room,
        random: Box::new(|| u128::from_ne_bytes(clock::random_bytes())),
    })?;
    let bridge_thread = bridge::start(bridge_mailbox, workers.to_vec(), rtmp_handle.clone(), clock)?;
    let to_bridge = bridge_handle.clone();
    let rtmp_thread = rtmp::start(rtmp, streams, &config.rtmp, handle.clone(), to_bridge, clock, clock::random_u64())?;
    let delivery = tokio::spawn(delivery.run(posts));
    let tcp = tokio::spawn(tcp::serve(media.tcp, workers.clone(), config.limits.http_connections_per_address));
    let shared = Arc::new(Shared {
        control: handle.clone(),
        rtmp: rtmp_handle.clone(),
        development: development.map(|key| (AppId(DEVELOPMENT_APP), key)),
        sockets: AtomicU64::new(1),
        clock,
        config: Arc::new(config),
    });
    announce(&shared, http.local_addr()?);
    tracing::info!(
        http = %http.local_addr()?, admin = %admin.local_addr()?, rtmp = %rtmp_address, "listening"
    );
    let (stop, stopped) = watch::channel(false);
    let sources = admin::Sources {
        control: handle.clone(),
        workers: workers.clone(),
        rtmp: rtmp_handle,
        bridge: bridge_handle.clone(),
    };
    let admin = tokio::spawn(admin::serve(admin, sources));
    let mut http = tokio::spawn(gateway::serve(http, shared.clone(), until(stopped)));
    // On a thread of its own: nothing else says that the control thread has ended.
    let mut control_ended = tokio::task::spawn_blocking(move || control_thread.join());
    let over = tokio::select! {
        signal = wait_for_signal() => signal.map_err(Failure::from),
        ended = &mut control_ended => Err(lost_control(ended)),
        ended = &mut http => Err(lost_http(ended)),
    };
    tracing::info!("stopping");
    let parts = Parts {
        shared: &shared,
        stop,
        http,
        control_ended,
        workers: &workers,
        worker_threads,
        rtmp_thread,
        bridge: bridge_handle,
        bridge_thread,
    };
    parts.shut_down().await;
    tcp.abort();
    delivery.abort();
    admin.abort();
    tracing::info!("stopped");
    over
}

type ControlEnded = Result<std::thread::Result<Result<(), StoreError>>, JoinError>;

/// The control thread ends by itself only where it cannot go on.
fn lost_control(ended: ControlEnded) -> Failure {
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

fn open_store(config: &Config) -> Result<SqliteStore, Failure> {
    let apps = config.apps.iter().map(|app| AppId(app.id)).collect();
    let opened = SqliteStore::open(&config.store.path, apps, Retention::from(&config.chat));
    opened.map_err(|error| format!("store.path = {}: {error}", config.store.path.display()).into())
}

async fn listen(address: SocketAddr, key: &str) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("{key} = \"{address}\": {error}; is another carillon running?").into())
}

fn bind_rtmp(config: &Config) -> Result<rtmp::Listeners, Failure> {
    let bind = |address: SocketAddr, key: &str| {
        let bound = std::net::TcpListener::bind(address);
        bound.map_err(|error| format!("{key} = \"{address}\": {error}; is another RTMP server running?"))
    };
    let plain = bind(config.rtmp.listen, "rtmp.listen")?;
    let tls = match config.rtmp.tls_address() {
        Some(address) => Some((bind(address, "rtmp.listen_tls")?, gateway::follow_certificate(config)?)),
        None => None,
    };
    Ok(rtmp::Listeners { plain, tls })
}

fn fill_random(out: &mut [u8]) {
    for chunk in out.chunks_mut(8) {
        chunk.copy_from_slice(&clock::random_u64().to_ne_bytes()[..chunk.len()]);
    }
}

type Workers = Arc<[worker::Handle]>;

/// The media sockets, bound before anything else starts.
struct Media {
    /// Per worker: one socket of each address family.
    sockets: Vec<Vec<UdpSocket>>,
    addresses: Vec<IpAddr>,
    tcp: TcpListener,
    pin: bool,
}

impl Media {
    async fn bind(config: &Config) -> Result<Self, Failure> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = if config.listen.media_workers == 0 { cores } else { config.listen.media_workers };
        let addresses = advertised(&config.listen.advertise)?;
        let v6 = addresses.iter().any(IpAddr::is_ipv6);
        let mut sockets = Vec::new();
        for worker in 0..workers {
            let port = match config.listen.udp_port {
                0 => 0,
                base => base.checked_add(u16::try_from(worker)?).ok_or("listen.udp_port: no port for each worker")?,
            };
            sockets.push(bind_udp(port, v6).map_err(|e| format!("listen.udp_port: UDP port {port}: {e}"))?);
        }
        let any = if v6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
        let tcp = listen(SocketAddr::new(any, config.listen.tcp_port), "listen.tcp_port").await?;
        Ok(Self { sockets, addresses, tcp, pin: workers <= cores })
    }

    fn start(
        &mut self,
        config: &Config,
        control: &control::Handle,
        frames: &worker::FrameSink,
        clock: Clock,
    ) -> Result<(Workers, Vec<std::thread::JoinHandle<()>>), Failure> {
        let certificate = carillon_sfu::transport::generate_certificate().ok_or("no DTLS certificate could be made")?;
        let tcp_port = self.tcp.local_addr()?.port();
        let (mut handles, mut threads) = (Vec::new(), Vec::new());
        for (index, sockets) in std::mem::take(&mut self.sockets).into_iter().enumerate() {
            let locals = candidates(&self.addresses, &sockets, tcp_port);
            let seed = clock::random_bytes();
            let engine = Worker::new(config.media.clone(), locals, certificate.clone(), seed, clock.now());
            let (handle, thread) =
                worker::start(index, engine, sockets, control.clone(), frames.clone(), clock, self.pin)?;
            handles.push(handle);
            threads.push(thread);
        }
        Ok((handles.into(), threads))
    }
}

/// What answers offer: the configured addresses, else every address of this host but loopback and link-local ones.
/// Browsers gather no loopback candidates, but send to 127.0.0.1 when it is all there is.
fn advertised(configured: &[IpAddr]) -> Result<Vec<IpAddr>, Failure> {
    if !configured.is_empty() {
        return Ok(configured.to_vec());
    }
    let found = if_addrs::get_if_addrs().map_err(|e| format!("the host's addresses could not be listed: {e}"))?;
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
    };
    let mut addresses: Vec<IpAddr> = found.into_iter().map(|i| i.ip()).filter(usable).collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    addresses.push(Ipv4Addr::LOCALHOST.into());
    Ok(addresses)
}

/// Both families on one port where IPv6 is wanted.
fn bind_udp(port: u16, v6: bool) -> io::Result<Vec<UdpSocket>> {
    let v4 = UdpSocket::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))?;
    let port = v4.local().port();
    let mut sockets = vec![v4];
    if v6 {
        sockets.push(UdpSocket::bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port))?);
    }
    Ok(sockets)
}

fn candidates(addresses: &[IpAddr], sockets: &[UdpSocket], tcp_port: u16) -> Vec<LocalCandidate> {
    let udp_port = sockets.first().map_or(0, |s| s.local().port());
    let with = |port, protocol| move |ip: &IpAddr| LocalCandidate { address: SocketAddr::new(*ip, port), protocol };
    let udp = addresses.iter().map(with(udp_port, Protocol::Udp));
    udp.chain(addresses.iter().map(with(tcp_port, Protocol::Tcp))).collect()
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

/// What a stop ends.
struct Parts<'a> {
    shared: &'a Shared,
    stop: watch::Sender<bool>,
    http: JoinHandle<io::Result<()>>,
    control_ended: JoinHandle<std::thread::Result<Result<(), StoreError>>>,
    workers: &'a [worker::Handle],
    worker_threads: Vec<std::thread::JoinHandle<()>>,
    rtmp_thread: std::thread::JoinHandle<()>,
    bridge: bridge::Handle,
    bridge_thread: std::thread::JoinHandle<()>,
}

impl Parts<'_> {
    /// Clients are told first, then HTTP ends, then media: all within the configured time.
    async fn shut_down(self) {
        let within = self.shared.config.listen.stop_within();
        if tokio::time::timeout(within, self.in_order()).await.is_err() {
            tracing::warn!("not everything ended within listen.stop_within_ms");
        }
    }

    async fn in_order(self) {
        self.shared.rtmp.send(rtmp::Input::Drain);
        // Neither is asked again once it has ended.
        if !self.control_ended.is_finished() {
            if self.shared.control.send(control::Input::Stop).is_err() {
                tracing::warn!("the control thread was too busy to be stopped in order");
            }
            let _ = self.control_ended.await;
        }
        self.shared.rtmp.send(rtmp::Input::Stop);
        let _ = self.stop.send(true);
        if !self.http.is_finished() {
            let _ = self.http.await;
        }
        for worker in self.workers {
            let _ = worker.send(worker::Input::Stop);
        }
        self.bridge.order(bridge::Order::Stop);
        let mut threads = self.worker_threads;
        threads.extend([self.rtmp_thread, self.bridge_thread]);
        let _ = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| drop(t.join()))).await;
    }
}
