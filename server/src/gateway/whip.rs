//! WHIP (RFC 9725) and WHEP: an SDP offer by POST, the answer in its reply, DELETE ends it. The UserSig is the Bearer.

use super::Shared;
use super::reply::{error, not_found, refuse};
use crate::control::{Input, WhipAnswer, WhipDirection, WhipRequest};
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use carillon_proto::gateway::{ErrorBody, code};
use carillon_proto::id::{AppId, RoomId, UserId};
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::timeout;

const SDP: &str = "application/sdp";

/// Pages of any origin may use it: what counts is the Bearer, and no cookie is ever read.
const CROSS_ORIGIN: [(HeaderName, &str); 2] =
    [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Location, ETag, Link")];

#[derive(Deserialize)]
pub(super) struct Options {
    /// WHEP: one publisher; without it, everybody in the room.
    from: Option<String>,
    #[serde(rename = "privateMapKey")]
    private_map_key: Option<String>,
    /// Offers again for a seat that is there.
    resource: Option<String>,
}

type Address = Path<(String, String, String)>;

pub(super) async fn publish(
    State(shared): State<Arc<Shared>>,
    Path(address): Address,
    Query(options): Query<Options>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = offer(&shared, address, WhipDirection::Publish, options, &headers, body).await;
    (CROSS_ORIGIN, answer.unwrap_or_else(|refusal| refusal)).into_response()
}

pub(super) async fn play(
    State(shared): State<Arc<Shared>>,
    Path(address): Address,
    Query(mut options): Query<Options>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let from = options.from.take().map(UserId::new);
    let answer = match from {
        Some(None) => Err(refuse(ErrorBody::new(code::BAD_REQUEST, "`from` is no user's name"))),
        from => {
            let direction = WhipDirection::Play { from: from.flatten() };
            offer(&shared, address, direction, options, &headers, body).await
        }
    };
    (CROSS_ORIGIN, answer.unwrap_or_else(|refusal| refusal)).into_response()
}

pub(super) async fn end(State(shared): State<Arc<Shared>>, Path(resource): Path<String>) -> Response {
    let (done, told) = oneshot::channel();
    let answer = match shared.control.send(Input::WhipDelete { resource, done }) {
        Err(_) => overloaded(),
        Ok(()) => match told.await {
            Ok(true) => StatusCode::OK.into_response(),
            Ok(false) => not_found(),
            Err(_) => overloaded(),
        },
    };
    (CROSS_ORIGIN, answer).into_response()
}

pub(super) async fn preflight() -> Response {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, DELETE, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, If-Match"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        (HeaderName::from_static("accept-post"), SDP),
    ];
    (StatusCode::NO_CONTENT, CROSS_ORIGIN, allowed).into_response()
}

/// Answers name every candidate and our side is ICE-lite: there is nothing to trickle, and a client that must restart
/// offers again (RFC 9725 section 4.3 has 405 for such servers).
pub(super) async fn no_patch() -> Response {
    let allow = [(header::ALLOW, "DELETE, OPTIONS")];
    let message = "a resource can be ended by DELETE; for an ICE restart offer again";
    (CROSS_ORIGIN, allow, error(StatusCode::METHOD_NOT_ALLOWED, ErrorBody::new(code::BAD_REQUEST, message)))
        .into_response()
}

/// `Err`: the reply that refuses.
async fn offer(
    shared: &Shared,
    (app, room, user): (String, String, String),
    direction: WhipDirection,
    options: Options,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Response> {
    let app = app.parse().map(AppId).map_err(|_| bad("the app in the address is no number"))?;
    let room = RoomId::parse_canonical(&room)
        .ok_or_else(|| bad("the room in the address is neither 1 to 4294967295 nor `str:` and a text"))?;
    let user_sig = bearer(headers).ok_or_else(unsigned)?.to_owned();
    let sdp = read_sdp(shared, headers, body).await?;
    let Options { private_map_key, resource, .. } = options;
    let request = WhipRequest { app, room, user, user_sig, private_map_key, direction, sdp, resource };
    let (reply, answered) = oneshot::channel();
    shared.control.send(Input::Whip(request, reply)).map_err(|_| overloaded())?;
    match answered.await {
        Ok(Ok(WhipAnswer { resource, sdp })) => {
            let location = format!("/resource/{resource}");
            let headers = [(header::CONTENT_TYPE, SDP), (header::LOCATION, location.as_str())];
            Ok((StatusCode::CREATED, headers, sdp).into_response())
        }
        Ok(Err(body)) => Err(refuse(body)),
        Err(_) => Err(overloaded()),
    }
}

/// A UserSig holds `*`, which is outside of RFC 6750's alphabet: everything visible is taken.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let visible = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    (scheme.eq_ignore_ascii_case("bearer") && visible).then_some(token)
}

async fn read_sdp(shared: &Shared, headers: &HeaderMap, body: Body) -> Result<String, Response> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|t| t.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(SDP)) {
        let message = "an offer has the Content-Type application/sdp";
        return Err(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorBody::new(code::BAD_REQUEST, message)));
    }
    let bytes_max = shared.config.limits.body_bytes.min(shared.config.gateway.offer_bytes);
    let read = timeout(shared.config.limits.body_within(), to_bytes(body, bytes_max)).await;
    let bytes = read
        .map_err(|_| error(StatusCode::REQUEST_TIMEOUT, ErrorBody::new(code::BAD_REQUEST, "the body came too slowly")))?
        .map_err(|_| refuse(ErrorBody::new(code::TOO_LARGE, format!("an offer has at most {bytes_max} bytes"))))?;
    String::from_utf8(bytes.into()).map_err(|_| bad("the offer is no UTF-8"))
}

fn bad(message: &str) -> Response {
    refuse(ErrorBody::new(code::BAD_REQUEST, message))
}

fn unsigned() -> Response {
    let message = "send the UserSig as `Authorization: Bearer`";
    let refusal = refuse(ErrorBody::new(code::USER_SIG_EMPTY, message));
    ([(header::WWW_AUTHENTICATE, "Bearer")], refusal).into_response()
}

fn overloaded() -> Response {
    refuse(ErrorBody::new(code::OVERLOADED, "the server is overloaded; try again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_may_hold_what_a_user_sig_holds() {
        let headers = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().expect("a header"));
            headers
        };
        assert_eq!(bearer(&headers("Bearer eJw*-_aB9=")), Some("eJw*-_aB9="));
        assert_eq!(bearer(&headers("bearer  x")), Some("x"));
        for bad in ["Basic x", "Bearer", "Bearer ", "Bearer a b"] {
            assert_eq!(bearer(&headers(bad)), None, "{bad}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
