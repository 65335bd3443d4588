//! `/v4/{service}/{command}`: the vendor's REST face. Always HTTP 200; what went wrong is in `ErrorCode`.

use super::Shared;
use crate::clock;
use crate::control::{Input, RestRequest};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use carillon_proto::gateway::{ErrorBody, code};
use carillon_proto::id::AppId;
use carillon_proto::rest;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// No SDKAppID in the address.
const NO_SDK_APP_ID: i32 = 60012;

#[derive(Deserialize)]
pub(super) struct Asking {
    sdkappid: Option<String>,
    identifier: Option<String>,
    usersig: Option<String>,
}

pub(super) async fn ask(
    State(shared): State<Arc<Shared>>,
    Path((service, command)): Path<(String, String)>,
    Query(asking): Query<Asking>,
    body: Body,
) -> Response {
    let answer = take(&shared, &format!("{service}/{command}"), asking, body).await;
    Json(shape(answer)).into_response()
}

async fn take(shared: &Shared, command: &str, asking: Asking, body: Body) -> Result<Value, ErrorBody> {
    let app = asking.sdkappid.and_then(|app| app.parse().ok()).map(AppId);
    let app = app.ok_or_else(|| ErrorBody::new(NO_SDK_APP_ID, "the address has no sdkappid, or it is no number"))?;
    let admin = asking.identifier.ok_or_else(|| ErrorBody::new(code::USER_SIG_OTHER_USER, "no identifier"))?;
    let user_sig = asking.usersig.unwrap_or_default();
    let limits = &shared.config.limits;
    let body = timeout(limits.body_within(), to_bytes(body, limits.body_bytes)).await;
    let body = body
        .map_err(|_| ErrorBody::new(code::BAD_FRAME, "the body came too slowly"))?
        .map_err(|_| ErrorBody::new(code::TOO_LARGE, format!("a body has at most {} bytes", limits.body_bytes)))?;
    let ask = rest::parse(command, &body)?;
    let (reply, answered) = oneshot::channel();
    let request = RestRequest { app, admin, user_sig, ask };
    shared.control.send(Input::Rest(request, reply)).map_err(|_| overloaded())?;
    answered.await.map_err(|_| overloaded())?
}

fn overloaded() -> ErrorBody {
    ErrorBody::new(code::OVERLOADED, "the server is overloaded; try again")
}

fn shape(answer: Result<Value, ErrorBody>) -> Value {
    let (mut shaped, status, code, info) = match answer {
        Ok(answer) => (answer, "OK", 0, String::new()),
        Err(error) => (json!({}), "FAIL", error.code, error.message),
    };
    shaped["ActionStatus"] = json!(status);
    shaped["ErrorCode"] = json!(code);
    shaped["ErrorInfo"] = json!(info);
    shaped["RequestId"] = json!(format!("Id-{:016x}", clock::random_u64()));
    shaped
}
