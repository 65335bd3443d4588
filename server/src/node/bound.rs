//! What the node needs of the system, and has before any thread starts: its files, its sockets, its certificates.

use super::Failure;
use crate::postman::Client;
use crate::store::{Retention, SqliteStore};
use crate::udp::UdpSocket;
use crate::{gateway, rtmp};
use carillon_config::Config;
use carillon_proto::id::AppId;
use carillon_sfu::{LocalCandidate, Protocol};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;

pub(super) struct Bound {
    /// What the threads take.
    pub resources: Resources,
    pub http: TcpListener,
    pub admin: TcpListener,
    /// Of ICE-TCP.
    pub tcp: TcpListener,
    /// Posts callbacks.
    pub client: Client,
}

pub(super) struct Resources {
    pub store: SqliteStore,
    pub streams: rtmp::Listeners,
    pub rtmp: rtmp::Prepared,
    pub media: Media,
}

impl Bound {
    /// Errors name the address or file that could not be had.
    pub(super) async fn bind(config: &Config) -> Result<Self, Failure> {
        let store = open_store(config)?;
        let http = listen(config.listen.http, "listen.http").await?;
        let admin = listen(config.listen.admin, "listen.admin").await?;
        let streams = bind_rtmp(config)?;
        let rtmp = rtmp::prepare().map_err(|error| format!("rtmp: {error}"))?;
        let (media, tcp) = Media::bind(config).await?;
        let client = Client::new(&config.callbacks.ca_file).map_err(|error| format!("callbacks.ca_file: {error}"))?;
        Ok(Self { resources: Resources { store, streams, rtmp, media }, http, admin, tcp, client })
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

/// What media passes through.
pub(super) struct Media {
    pub workers: Vec<Ports>,
    /// Whether each worker has a core of its own.
    pub pin: bool,
}

/// Of one media worker.
pub(super) struct Ports {
    /// One of each address family.
    pub sockets: Vec<UdpSocket>,
    pub candidates: Vec<LocalCandidate>,
}

impl Media {
    /// Yields the listener of ICE-TCP, too, which all workers share.
    async fn bind(config: &Config) -> Result<(Self, TcpListener), Failure> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = if config.listen.media_workers == 0 { cores } else { config.listen.media_workers };
        let addresses = advertised(&config.listen.advertise)?;
        let v6 = addresses.iter().any(IpAddr::is_ipv6);
        let sockets = bind_workers(config.listen.udp_port, workers, v6)?;
        let any = if v6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
        let tcp = listen(SocketAddr::new(any, config.listen.tcp_port), "listen.tcp_port").await?;
        let tcp_port = tcp.local_addr()?.port();
        let ports = |sockets: Vec<_>| Ports { candidates: candidates(&addresses, &sockets, tcp_port), sockets };
        Ok((Self { workers: sockets.into_iter().map(ports).collect(), pin: workers <= cores }, tcp))
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

/// Ports in a row from `first`; where that is 0, whichever are free.
fn bind_workers(first: u16, workers: usize, v6: bool) -> Result<Vec<Vec<UdpSocket>>, Failure> {
    let mut sockets = Vec::new();
    for worker in 0..workers {
        let port = match first {
            0 => 0,
            base => base.checked_add(u16::try_from(worker)?).ok_or("listen.udp_port: no port for each worker")?,
        };
        sockets.push(bind_udp(port, v6).map_err(|e| format!("listen.udp_port: UDP port {port}: {e}"))?);
    }
    Ok(sockets)
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
