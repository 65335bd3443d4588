//! HTTP-FLV: a stream as a file without an end, for players that have no RTMP.

use super::Shared;
use super::door::Remote;
use super::handover::Handover;
use super::reply::error;
use crate::rtmp::FlvSeat;
use axum::Extension;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderName, Method, StatusCode, Uri, Version, header};
use axum::response::{IntoResponse, Response};
use carillon_proto::gateway::{ErrorBody, code};
use carillon_rtmp::{Address, BadAddress, Refusal};
use std::io::Write;
use std::sync::Arc;

/// Pages of any origin may play it: what counts is the signature in the address.
const CROSS_ORIGIN: [(HeaderName, &str); 1] = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
const FILE: [(HeaderName, &str); 2] = [(header::CONTENT_TYPE, "video/x-flv"), (header::CACHE_CONTROL, "no-store")];

/// The same for a socket that is written without hyper, and what follows for HTTP/1.1 and 1.0.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: video/x-flv\r\ncache-control: no-store\r\n\
    access-control-allow-origin: *\r\nconnection: close\r\n";
const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n";
const BARE: &str = "\r\n";

/// `/live/{app}/{room}/{publisher}.flv` with the query of the RTMP address.
///
/// The socket goes over to RTMP's thread where there is a way to it. Under TLS, and behind another request on the same
/// connection, hyper keeps it and is handed the file in parts.
pub(super) async fn play(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Remote(remote)): ConnectInfo<Remote>,
    handover: Option<Extension<Handover>>,
    (method, version): (Method, Version),
    uri: Uri,
) -> Response {
    let (from, address) = (remote.ip(), address(&uri));
    let answer = match handover.filter(|_| method == Method::GET) {
        Some(Extension(handover)) => {
            let chunked = version == Version::HTTP_11;
            let seat = shared.rtmp.seat_flv(from, address, chunked).await;
            seat.map(|seat| hand_over(seat, &handover, chunked))
        }
        None => shared.rtmp.play_flv(from, address).await.map(|body| (FILE, Body::from_stream(body)).into_response()),
    };
    (CROSS_ORIGIN, answer.unwrap_or_else(refuse)).into_response()
}

/// What it returns goes nowhere, as hyper has no socket any more.
fn hand_over(seat: FlvSeat, handover: &Handover, chunked: bool) -> Response {
    let taken = handover.take().and_then(|(stream, place)| Some((stream.into_std().ok()?, place)));
    let head = [HEAD, if chunked { CHUNKED } else { BARE }].concat();
    if let Some((mut stream, place)) = taken
        // Nothing was written to this socket before: there is room.
        && stream.write_all(head.as_bytes()).is_ok()
    {
        seat.hand_over(stream, Box::new(place));
    }
    ([(header::CONNECTION, "close")], Body::empty()).into_response()
}

/// As it came: a room's text is decoded once, where the address is read.
fn address(uri: &Uri) -> Result<Address, BadAddress> {
    let path = uri.path().strip_suffix(".flv").ok_or(BadAddress::Path)?;
    Address::parse("", "", &format!("{path}?{}", uri.query().unwrap_or_default()))
}

fn refuse(refusal: Refusal) -> Response {
    let (status, code) = match refusal {
        Refusal::Address | Refusal::NotFound => (StatusCode::NOT_FOUND, code::NOT_FOUND),
        Refusal::Unauthorized | Refusal::Denied => (StatusCode::FORBIDDEN, code::FORBIDDEN),
        Refusal::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, code::OVERLOADED),
    };
    error(status, ErrorBody::new(code, refusal.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_named_by_its_stream() {
        let uri: Uri = "/live/1/str:a%2Fb/amy.flv?user=ben&token=x".parse().expect("a URI");
        assert_eq!(address(&uri).expect("an address").stream.path(), "1/str:a%2Fb/amy");
        let uri: Uri = "/live/1/7/amy?user=ben&token=x".parse().expect("a URI");
        assert_eq!(address(&uri), Err(BadAddress::Path));
    }
}
