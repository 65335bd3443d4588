//! HTTP-FLV: a stream as a file without an end, for players that have no RTMP.

use super::Shared;
use super::door::Remote;
use super::reply::error;
use crate::rtmp::FlvBody;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use carillon_proto::gateway::{ErrorBody, code};
use carillon_rtmp::{Address, BadAddress, Refusal};
use std::sync::Arc;

/// Pages of any origin may play it: what counts is the signature in the address.
const CROSS_ORIGIN: [(HeaderName, &str); 1] = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
const FILE: [(HeaderName, &str); 2] = [(header::CONTENT_TYPE, "video/x-flv"), (header::CACHE_CONTROL, "no-store")];

/// `/live/{app}/{room}/{publisher}.flv` with the query of the RTMP address.
pub(super) async fn play(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(Remote(remote)): ConnectInfo<Remote>,
    uri: Uri,
) -> Response {
    let answer = match shared.rtmp.play_flv(remote.ip(), address(&uri)).await {
        Ok(body) => (FILE, Body::from_stream::<FlvBody>(body)).into_response(),
        Err(refusal) => refuse(refusal),
    };
    (CROSS_ORIGIN, answer).into_response()
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
