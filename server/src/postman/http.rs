//! One HTTP request on one connection, plain or over TLS. Nothing is kept open: callbacks are rare.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures_util::future::BoxFuture;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub(super) type Failure = Box<dyn Error + std::marker::Send + Sync>;

/// Where systems keep the certificates that they trust.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Carries one request out and says how it was answered. The caller bounds the time.
pub type Send =
    Arc<dyn Fn(Request<Body>) -> BoxFuture<'static, Result<StatusCode, Failure>> + std::marker::Send + Sync>;

pub struct Client(TlsConnector);

impl Client {
    /// `ca_file` empty: the system's. A system without any can post to http:// alone.
    ///
    /// Errors name the file.
    pub fn new(ca_file: &Path) -> io::Result<Self> {
        let system = || BUNDLES.iter().map(PathBuf::from).find(|path| path.exists());
        let named = (!ca_file.as_os_str().is_empty()).then(|| ca_file.to_owned());
        let mut roots = RootCertStore::empty();
        if let Some(path) = named.or_else(system) {
            let wrong = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
            for certificate in rustls_pemfile::certs(&mut BufReader::new(File::open(&path).map_err(wrong)?)) {
                // Bundles hold some that no verifier takes.
                let _ = roots.add(certificate.map_err(wrong)?);
            }
        }
        let config =
            ClientConfig::builder_with_provider(default_provider().into()).with_safe_default_protocol_versions();
        let config = config.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    pub fn into_send(self) -> Send {
        let client = Arc::new(self);
        Arc::new(move |request| {
            let client = client.clone();
            Box::pin(async move { client.send(request).await })
        })
    }

    /// The receiver's status.
    async fn send(&self, mut request: Request<Body>) -> Result<StatusCode, Failure> {
        let uri = request.uri().clone();
        let authority = uri.authority().ok_or("the address names no host")?.clone();
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_tls = uri.scheme_str() == Some("https");
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        request.headers_mut().insert(header::HOST, format!("{host}:{port}").parse()?);
        *request.uri_mut() = path.parse()?;
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        if is_tls {
            let name = ServerName::try_from(host)?;
            post(self.0.connect(name, stream).await?, request).await
        } else {
            post(stream, request).await
        }
    }
}

async fn post<S: AsyncRead + AsyncWrite + Unpin>(stream: S, request: Request<Body>) -> Result<StatusCode, Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(sender.send_request(request));
    let answer = tokio::select! {
        answer = &mut answer => answer?,
        ended = &mut connection => {
            ended?;
            answer.await?
        }
    };
    Ok(answer.status())
}
