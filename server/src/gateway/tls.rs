//! HTTPS and WSS: certificates that are read again when their files change.

use carillon_config::listen::Listen;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use std::fmt::Display;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, SystemTime};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// The certificate in use, for each handshake anew.
#[derive(Clone)]
pub(super) struct Tls(Current);

impl Tls {
    /// Reads the certificate, and again whenever it changes, as long as anybody can make handshakes by it. Errors name
    /// the file.
    pub(super) fn start(listen: &Listen) -> io::Result<Self> {
        let files = Files::of(listen);
        // Before they are read: a change in between is seen at the first look.
        let used = files.changed();
        let current = Arc::new(RwLock::new(files.load()?));
        let follower = Arc::downgrade(&current);
        let every = listen.tls_reload();
        tokio::spawn(async move { files.reload(every, used, &follower).await });
        Ok(Self(current))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current())
    }

    pub(super) fn current(&self) -> Arc<ServerConfig> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) fn check(listen: &Listen) -> io::Result<()> {
    Files::of(listen).load().map(drop)
}

type Current = Arc<RwLock<Arc<ServerConfig>>>;

/// When certificate and key were written. `None`: the file is not there.
type Changed = [Option<SystemTime>; 2];

struct Files {
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn of(listen: &Listen) -> Self {
        Self { cert: listen.tls_cert.clone(), key: listen.tls_key.clone() }
    }

    /// A pair that does not fit (half written) leaves the old one in use and is tried again; it is told of once.
    async fn reload(&self, every: Duration, mut used: Changed, current: &Weak<RwLock<Arc<ServerConfig>>>) {
        let mut refused = None;
        loop {
            sleep(every).await;
            let Some(current) = current.upgrade() else { return };
            let seen = self.changed();
            if seen == used {
                continue;
            }
            match self.load() {
                Ok(fresh) => {
                    *current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
                    used = seen;
                    tracing::info!("the certificate was read again");
                }
                Err(error) => {
                    if refused.replace(seen) != Some(seen) {
                        tracing::error!(%error, "the new certificate is not usable: the old one stays");
                    }
                }
            }
        }
    }

    fn changed(&self) -> Changed {
        [&self.cert, &self.key].map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
    }

    fn load(&self) -> io::Result<Arc<ServerConfig>> {
        let wrong_cert = |e: &dyn Display| blame("listen.tls_cert", &self.cert, e);
        let wrong_key = |e: &dyn Display| blame("listen.tls_key", &self.key, e);
        let chain = open(&self.cert)
            .and_then(|mut pem| rustls_pemfile::certs(&mut pem).collect::<io::Result<Vec<_>>>())
            .map_err(|e| wrong_cert(&e))?;
        if chain.is_empty() {
            return Err(wrong_cert(&"no certificate in it"));
        }
        let key: PrivateKeyDer<'static> = open(&self.key)
            .and_then(|mut pem| rustls_pemfile::private_key(&mut pem))
            .map_err(|e| wrong_key(&e))?
            .ok_or_else(|| wrong_key(&"no private key in it"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|e| wrong_cert(&e))?;
        // WebSockets need HTTP/1.1.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn blame(name: &str, path: &Path, error: &dyn Display) -> io::Error {
    io::Error::other(format!("{name} = {:?}: {error}", path.display().to_string()))
}

fn open(path: &Path) -> io::Result<BufReader<std::fs::File>> {
    std::fs::File::open(path).map(BufReader::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_blamed_on_its_key() {
        let listen = Listen { tls_cert: "no-such.pem".into(), tls_key: "no-key.pem".into(), ..Listen::default() };
        let error = check(&listen).expect_err("there is no such file").to_string();
        assert!(error.starts_with("listen.tls_cert = \"no-such.pem\": "), "{error}");
    }
}
