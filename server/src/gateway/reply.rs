//! Errors as HTTP: a status for machines in between, a code and a message as JSON for developers.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use carillon_proto::gateway::{ErrorBody, code};

pub(super) fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, ErrorBody::new(code::NOT_FOUND, "there is nothing at this address"))
}

pub(super) fn error(status: StatusCode, body: ErrorBody) -> Response {
    (status, Json(body)).into_response()
}

pub(super) fn refuse(body: ErrorBody) -> Response {
    error(status(body.code), body)
}

fn status(code: i32) -> StatusCode {
    match code {
        code::USER_SIG_EXPIRED..=code::NO_APP | code::TOO_MANY_TRIES | code::INVALID_USER => StatusCode::UNAUTHORIZED,
        code::ENTER_REFUSED | code::FORBIDDEN => StatusCode::FORBIDDEN,
        code::BAD_OFFER | code::BAD_REQUEST => StatusCode::BAD_REQUEST,
        code::NOT_FOUND | code::NOT_IN_ROOM => StatusCode::NOT_FOUND,
        code::TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        code::OVERLOADED | code::LIMIT_REACHED => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_the_status_of_whose_it_is() {
        for (code, expected) in [
            (code::USER_SIG_WRONG_KEY, 401),
            (code::NO_APP, 401),
            (code::ENTER_REFUSED, 403),
            (code::BAD_OFFER, 400),
            (code::NOT_IN_ROOM, 404),
            (code::OVERLOADED, 503),
            (code::INTERNAL, 500),
        ] {
            assert_eq!(status(code).as_u16(), expected, "{code}");
        }
    }
}
