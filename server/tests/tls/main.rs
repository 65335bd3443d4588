//! HTTPS and WSS at the real server: who it is, how it takes a new certificate, and what bad handshakes cost.

mod secure;
#[path = "../support/mod.rs"]
mod support;

use rustls::ClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use secure::{Pair, Site, pinned};
use std::sync::Arc;
use support::call::Call;
use support::{PATIENCE, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn call(site: &Site, cert: &CertificateDer<'static>) -> Call {
    Call::between(site.sign_in(cert, "amy").await, site.sign_in(cert, "ben").await).await
}

/// Whether a new connection gets this certificate, and works.
async fn is_served(site: &Site, cert: &CertificateDer<'static>) -> bool {
    if site.connect(cert).await.is_err() {
        return false;
    }
    site.get(cert, "/").await.status == 200
}

#[tokio::test]
async fn page_and_call_run_over_tls() {
    let pair = Pair::new();
    let site = Site::start(&pair, &[]);
    let page = site.get(&pair.cert, "/").await;
    assert!(page.status == 200 && page.body.contains("/demo/main.js"), "{}", page.head);
    let config = site.get(&pair.cert, "/demo/config.json").await;
    assert!(config.status == 200 && config.body.starts_with('{'), "{config:?}");
    assert_eq!(site.get(&pair.cert, "/no-such-page").await.status, 404);
    call(&site, &pair.cert).await.goes_on().await;
    assert!(!is_served(&site, &Pair::new().cert).await, "a client of another certificate is not fooled");
    assert_eq!(http::get(site.server.admin, "/healthz").status, 200, "the admin listener stays plain");
}

#[tokio::test]
async fn listed_origins_hold_over_wss() {
    let pair = Pair::new();
    let site = Site::start(&pair, &[("LISTEN_ORIGINS", "https://call.example,https://app.example")]);
    for origin in [None, Some("https://call.example"), Some("https://app.example")] {
        assert!(site.try_socket(&pair.cert, origin).await.is_ok(), "{origin:?}");
    }
    for origin in ["https://evil.example", "http://app.example", "https://app.example:8443", "null"] {
        let refused = site.try_socket(&pair.cert, Some(origin)).await.err().expect(origin);
        assert!(refused.contains("403"), "{origin}: {refused}");
    }
}

#[tokio::test]
async fn new_certificate_is_for_new_connections() {
    let (old, new) = (Pair::new(), Pair::new());
    let site = Site::start(&old, &[]);
    let mut call = call(&site, &old.cert).await;
    site.write_cert(&new.cert_pem);
    site.write_key(&new.key_pem);
    site.server.log_line("the certificate was read again");
    assert!(is_served(&site, &new.cert).await);
    assert!(!is_served(&site, &old.cert).await, "nobody gets the old one any more");
    call.goes_on().await;
    let mut eve = site.sign_in(&new.cert, "eve").await;
    eve.send_text("amy", "hello").await.expect("old and new meet");
    assert_eq!(call.amy.event("message.new").await["clientId"], "hello");
}

#[tokio::test]
async fn pair_that_does_not_fit_is_refused_until_it_does() {
    let (old, new) = (Pair::new(), Pair::new());
    let site = Site::start(&old, &[]);
    let mut call = call(&site, &old.cert).await;
    let half = &new.cert_pem[..new.cert_pem.len() / 2];
    for (what, key) in [(new.key_pem.as_str(), "listen.tls_cert"), ("", "listen.tls_key")] {
        site.write_key(what);
        let error = site.server.log_line("the old one stays");
        assert!(error.contains("ERROR") && error.contains(key), "{error}");
        assert!(is_served(&site, &old.cert).await);
    }
    site.write_cert(half);
    let error = site.server.log_line("the old one stays");
    assert!(error.contains("listen.tls_cert"), "{error}");
    assert!(is_served(&site, &old.cert).await);
    call.goes_on().await;
    site.write_key(&new.key_pem);
    site.write_cert(&new.cert_pem);
    site.server.log_line("the certificate was read again");
    assert!(is_served(&site, &new.cert).await);
    call.goes_on().await;
}

#[tokio::test]
async fn plain_http_gets_nothing_and_disturbs_nobody() {
    let pair = Pair::new();
    let site = Site::start(&pair, &[]);
    let mut call = call(&site, &pair.cert).await;
    for said in [&b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"[..], &[0xff; 4096]] {
        let mut stream = TcpStream::connect(site.server.http).await.expect("the kernel takes it");
        stream.write_all(said).await.expect("the kernel takes it");
        let got = until_closed(&mut stream).await;
        // At most a TLS alert (RFC 8446 section 5.1).
        assert!(got.is_empty() || got[0] == 21, "{got:?}");
        call.goes_on().await;
    }
    assert!(is_served(&site, &pair.cert).await);
}

#[tokio::test]
async fn handshake_that_never_ends_gives_its_place_back() {
    let pair = Pair::new();
    let site = Site::start(&pair, &[("LIMITS_HTTP_CONNECTIONS", "16"), ("LIMITS_HEADER_WITHIN_MS", "2000")]);
    let mut call = call(&site, &pair.cert).await;
    let hello = client_hello(&pair.cert);
    let mut stalled = Vec::new();
    // With the call's two: every place there is.
    for sent in [0, hello.len() / 2, hello.len()].into_iter().cycle().take(14) {
        let mut stream = TcpStream::connect(site.server.http).await.expect("the kernel takes it");
        stream.write_all(&hello[..sent]).await.expect("the kernel takes it");
        stalled.push(stream);
    }
    call.goes_on().await;
    assert!(is_served(&site, &pair.cert).await, "as soon as their time is over");
    for stream in &mut stalled {
        until_closed(stream).await;
    }
    call.goes_on().await;
}

/// What comes until the server closes.
async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    // A reset, for what it has not read, closes as well.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut got)).await.expect("closed in time");
    got
}

/// The first flight of a client that then says no more.
fn client_hello(cert: &CertificateDer<'static>) -> Vec<u8> {
    let name = ServerName::try_from("carillon.example").expect("a name");
    let mut client = ClientConnection::new(Arc::new(pinned(cert)), name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("memory takes it");
    bytes
}
