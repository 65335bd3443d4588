//! What the demo page asks of its own server: facts, and in development mode a signature.

use super::Shared;
use super::reply::{error, refuse};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use carillon_proto::gateway::{ErrorBody, code};
use carillon_proto::id::UserId;
use carillon_proto::user_sig::UserSig;
use serde::Deserialize;
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;

/// Seconds that a signature of development mode lasts: a week of tries in one tab.
const EXPIRE: u64 = 7 * 24 * 3600;

pub(super) async fn config(State(shared): State<Arc<Shared>>) -> Response {
    let app = match &shared.development {
        Some((app, _)) => Some(app.0),
        None => shared.config.apps.first().map(|app| app.id),
    };
    let version = env!("CARGO_PKG_VERSION");
    let body = Json(json!({ "app": app, "development": shared.development.is_some(), "version": version }));
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

#[derive(Deserialize)]
pub(super) struct Sign {
    user: String,
}

/// The JSON content type is demanded: a foreign page cannot send it without asking first, and is not answered.
pub(super) async fn sign(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Json<Sign>, JsonRejection>,
) -> Response {
    let Some((app, key)) = &shared.development else {
        let message = "this server signs nobody in by itself: make a UserSig with `carillon user-sig`";
        return error(StatusCode::FORBIDDEN, ErrorBody::new(code::FORBIDDEN, message));
    };
    if !headers.get(header::HOST).is_some_and(|host| is_local(host.as_bytes())) {
        let message = "development mode signs in on localhost or an address, not under a name";
        return error(StatusCode::FORBIDDEN, ErrorBody::new(code::FORBIDDEN, message));
    }
    let user = match body {
        Ok(Json(Sign { user })) => user,
        Err(rejection) => {
            return error(rejection.status(), ErrorBody::new(code::BAD_REQUEST, rejection.body_text()));
        }
    };
    let Some(user) = UserId::new(user) else {
        return refuse(ErrorBody::new(code::BAD_REQUEST, "a user is 1 to 32 letters, digits, - or _"));
    };
    let mut clock = shared.clock;
    clock.resync();
    let sig = UserSig { app: *app, user, time: clock.now().wall.0 / 1000, expire: EXPIRE, userbuf: None };
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "userSig": sig.make(key) }))).into_response()
}

/// A foreign name that was made to point here (DNS rebinding) would make a foreign page our own.
fn is_local(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_are_not_local() {
        for good in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]", "amy.localhost:80"] {
            assert!(is_local(good.as_bytes()), "{good}");
        }
        for bad in ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example:80", ""] {
            assert!(!is_local(bad.as_bytes()), "{bad}");
        }
    }
}
