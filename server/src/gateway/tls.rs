//! HTTPS and WSS: handshakes beside the accepting, certificates that are read again when their files change.

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use carillon_config::listen::Listen;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use std::io::{self, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Handshakes at once. Above, new connections wait in the kernel.
const HANDSHAKES: usize = 1024;
/// Connections that are ready and wait to be served.
const READY: usize = 64;
/// How soon a new certificate is seen.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote(pub(super) SocketAddr);

impl Connected<IncomingStream<'_, TcpListener>> for Remote {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Remote {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

type Ready = (TlsStream<TcpStream>, SocketAddr);

pub(super) struct TlsListener {
    ready: mpsc::Receiver<Ready>,
    local: SocketAddr,
}

impl TlsListener {
    /// Errors name the file.
    pub(super) fn start(listener: TcpListener, listen: &Listen, handshake_within: Duration) -> io::Result<Self> {
        let files = Files { cert: listen.tls_cert.clone(), key: listen.tls_key.clone() };
        let config = Arc::new(RwLock::new(files.load()?));
        let local = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(READY);
        tokio::spawn(accept(listener, config.clone(), handshake_within, sender.clone()));
        tokio::spawn(async move {
            tokio::select! {
                () = files.reload(&config) => {}
                () = sender.closed() => {}
            }
        });
        Ok(Self { ready, local })
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Ready {
        match self.ready.recv().await {
            Some(ready) => ready,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

pub(super) fn check(listen: &Listen) -> io::Result<()> {
    Files { cert: listen.tls_cert.clone(), key: listen.tls_key.clone() }.load().map(drop)
}

type Current = Arc<RwLock<Arc<ServerConfig>>>;

async fn accept(listener: TcpListener, config: Current, within: Duration, ready: mpsc::Sender<Ready>) {
    let slots = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ready.closed() => return,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "HTTPS: accepting failed");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let acceptor = TlsAcceptor::from(read(&config));
        let ready = ready.clone();
        tokio::spawn(async move {
            match timeout(within, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => drop(ready.send((stream, remote)).await),
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            }
            drop(slot);
        });
    }
}

fn read(config: &Current) -> Arc<ServerConfig> {
    config.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}

struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    /// A pair that does not fit (half written) leaves the old one in use and is tried again.
    async fn reload(&self, current: &Current) {
        let mut used = self.changed();
        loop {
            sleep(LOOK_EVERY).await;
            let seen = self.changed();
            if seen == used {
                continue;
            }
            match self.load() {
                Ok(fresh) => {
                    *current.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = fresh;
                    used = seen;
                    tracing::info!("the certificate was read again");
                }
                Err(error) => tracing::error!(%error, "the new certificate is not usable: the old one stays"),
            }
        }
    }

    fn changed(&self) -> [Option<SystemTime>; 2] {
        [&self.cert, &self.key].map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
    }

    fn load(&self) -> io::Result<Arc<ServerConfig>> {
        let blame = |path: &Path, e: &dyn std::fmt::Display| io::Error::other(format!("{}: {e}", path.display()));
        let chain = open(&self.cert)
            .and_then(|mut pem| rustls_pemfile::certs(&mut pem).collect::<io::Result<Vec<_>>>())
            .map_err(|e| blame(&self.cert, &e))?;
        let key: PrivateKeyDer<'static> = open(&self.key)
            .and_then(|mut pem| rustls_pemfile::private_key(&mut pem))
            .map_err(|e| blame(&self.key, &e))?
            .ok_or_else(|| blame(&self.key, &"no private key in it"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|e| blame(&self.cert, &e))?;
        // WebSockets need HTTP/1.1.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn open(path: &Path) -> io::Result<BufReader<std::fs::File>> {
    std::fs::File::open(path).map(BufReader::new)
}
