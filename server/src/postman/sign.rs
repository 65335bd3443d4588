//! A callback as an HTTP request, signed as the vendor signs it.

use crate::store::Letter;
use aws_lc_rs::{digest, hmac};
use axum::body::Body;
use axum::http::{self, Request, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use carillon_config::Callbacks;
use carillon_proto::time::UnixMillis;
use std::fmt::Write;

pub(super) fn request(
    url: &str,
    letter: &Letter,
    callbacks: &Callbacks,
    now: UnixMillis,
) -> Result<Request<Body>, http::Error> {
    let request = Request::post(if letter.room { url.to_owned() } else { call_url(url, letter, callbacks, now) });
    let request = request.header(header::CONTENT_TYPE, "application/json").header(header::CONNECTION, "close");
    let request = request.header(header::CONTENT_LENGTH, letter.body.len());
    let request = if letter.room { room_headers(request, letter, callbacks) } else { request };
    request.body(Body::from(letter.body.clone()))
}

/// `Sign` is good for a minute of `RequestTime`: it is made anew at each try.
fn call_url(url: &str, letter: &Letter, callbacks: &Callbacks, now: UnixMillis) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    let (app, command) = (letter.app.0, &letter.command);
    let mut full = format!("{url}{joint}SdkAppid={app}&CallbackCommand={command}&contenttype=json");
    full.push_str("&ClientIP=&OptPlatform=Unknown");
    let token = callbacks.token.reveal();
    if !token.is_empty() {
        let time = now.as_secs();
        let sign = digest::digest(&digest::SHA256, format!("{token}{time}").as_bytes());
        full.push_str("&Sign=");
        for byte in sign.as_ref() {
            // Writing to a String does not fail.
            let _ = write!(full, "{byte:02x}");
        }
        let _ = write!(full, "&RequestTime={time}");
    }
    full
}

fn room_headers(request: http::request::Builder, letter: &Letter, callbacks: &Callbacks) -> http::request::Builder {
    let request = request.header("SdkAppId", letter.app.0);
    let key = callbacks.room_key.reveal();
    if key.is_empty() {
        return request;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    request.header("Sign", STANDARD.encode(hmac::sign(&key, letter.body.as_bytes())))
}
