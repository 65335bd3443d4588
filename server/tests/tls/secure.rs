//! Certificates, and clients that take one of them and no other.

use crate::support::client::{Client, Socket};
use crate::support::{APP, Folder, KEY, PATIENCE, Server, http};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A self-signed certificate with its key.
pub(crate) struct Pair {
    pub(crate) cert: CertificateDer<'static>,
    pub(crate) cert_pem: String,
    pub(crate) key_pem: String,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let made = carillon_sfu::transport::generate_certificate().expect("makes certificates");
        let (cert_pem, key_pem) = (pem("CERTIFICATE", &made.der), pem("PRIVATE KEY", &made.private_key));
        Self { cert: made.der.into(), cert_pem, key_pem }
    }
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A server with certificate files.
pub(crate) struct Site {
    pub(crate) server: Server,
    cert: PathBuf,
    key: PathBuf,
    _folder: Folder,
}

impl Site {
    pub(crate) fn start(pair: &Pair, settings: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        replace(&cert, &pair.cert_pem);
        replace(&key, &pair.key_pem);
        let paths = [&cert, &key].map(|path| path.to_str().expect("plain letters").to_owned());
        let files = [("LISTEN_TLS_CERT", &*paths[0]), ("LISTEN_TLS_KEY", &paths[1]), ("LISTEN_TLS_RELOAD_MS", "100")];
        let server = Server::start(&folder, &[&files, settings].concat());
        Self { server, cert, key, _folder: folder }
    }

    pub(crate) fn write_cert(&self, pem: &str) {
        replace(&self.cert, pem);
    }

    pub(crate) fn write_key(&self, pem: &str) {
        replace(&self.key, pem);
    }

    /// A handshake that takes this certificate alone.
    pub(crate) async fn connect(&self, cert: &CertificateDer<'static>) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.server.http).await?;
        let name = ServerName::try_from("carillon.example").expect("a name");
        let connector = TlsConnector::from(Arc::new(pinned(cert)));
        timeout(PATIENCE, connector.connect(name, stream)).await.map_err(io::Error::other)?
    }

    /// One request on a connection of its own, which must end as TLS tells it to: what is cut off is no reply.
    pub(crate) async fn get(&self, cert: &CertificateDer<'static>, path: &str) -> http::Reply {
        let mut stream = self.connect(cert).await.expect("a handshake");
        let request = format!("GET {path} HTTP/1.1\r\nhost: carillon.example\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut reply = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut reply)).await.expect("in time").expect("to its end");
        http::parse(&String::from_utf8_lossy(&reply))
    }

    pub(crate) async fn try_socket(
        &self,
        cert: &CertificateDer<'static>,
        origin: Option<&str>,
    ) -> Result<Socket, String> {
        let mut request = "wss://carillon.example/ws".into_client_request().expect("a request");
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().expect("a header"));
        }
        Socket::try_over(self.connect(cert).await.map_err(|e| e.to_string())?, request).await
    }

    pub(crate) async fn sign_in(&self, cert: &CertificateDer<'static>, user: &str) -> Client {
        let socket = self.try_socket(cert, None).await.expect("the gateway takes sockets");
        Client::sign_in_on(socket, APP, KEY, user, user).await
    }
}

/// At once, as those do who renew certificates well.
fn replace(path: &PathBuf, text: &str) {
    let fresh = path.with_extension("fresh");
    fs::write(&fresh, text).expect("it can be written");
    fs::rename(&fresh, path).expect("it can be moved");
}

pub(crate) fn pinned(cert: &CertificateDer<'static>) -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Pinned { cert: cert.clone(), provider: provider.clone() });
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions of TLS").dangerous().with_custom_certificate_verifier(verifier);
    config.with_no_client_auth()
}

/// Takes one certificate, whatever its name; that the server has its key is proved as ever.
#[derive(Debug)]
struct Pinned {
    cert: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let refused = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        if *end_entity == self.cert { Ok(ServerCertVerified::assertion()) } else { Err(refused) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
