//! The demo page and the client modules: in the binary, or from disk while somebody works on them.

use super::reply::not_found;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

/// Paths within `web`, sorted.
static FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Names the `web` folder to read from instead of the binary.
const FOLDER_VARIABLE: &str = "CARILLON_WEB_DIR";

/// Scripts and styles of our own only; avatars come from anywhere.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob: https:; media-src 'self' blob:; \
    connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

pub(super) async fn index(headers: HeaderMap) -> Response {
    serve("demo/index.html", &headers).await
}

pub(super) async fn demo(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("demo/{path}"), &headers).await
}

pub(super) async fn core(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("core/{path}"), &headers).await
}

pub(super) async fn call(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&format!("call/{path}"), &headers).await
}

async fn serve(path: &str, asked: &HeaderMap) -> Response {
    let Some(bytes) = read(path).await else { return not_found() };
    let tag = etag(&bytes);
    let fresh = asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let headers = [
        (header::CONTENT_TYPE, mime(path)),
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    match fresh {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, bytes).into_response(),
    }
}

async fn read(path: &str) -> Option<Cow<'static, [u8]>> {
    match std::env::var_os(FOLDER_VARIABLE) {
        Some(folder) if is_plain(path) => tokio::fs::read(PathBuf::from(folder).join(path)).await.ok().map(Cow::Owned),
        Some(_) => None,
        None => embedded(path).map(Cow::Borrowed),
    }
}

fn embedded(path: &str) -> Option<&'static [u8]> {
    let found = FILES.binary_search_by(|(name, _)| (*name).cmp(path));
    found.ok().and_then(|i| FILES.get(i)).map(|(_, bytes)| *bytes)
}

/// No way out of the folder, and no hidden files.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|name| !name.is_empty() && !name.starts_with('.') && !name.contains(['\\', '\0', ':']))
}

/// Tells contents apart, nothing more.
fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

fn mime(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_both_modules_are_in_the_binary() {
        for path in ["demo/index.html", "demo/main.js", "core/gateway.js", "call/index.js"] {
            assert!(embedded(path).is_some(), "{path}");
        }
        assert!(embedded("demo/README.md").is_none());
        assert!(FILES.is_sorted_by_key(|(name, _)| *name));
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        assert!(is_plain("demo/views/stage.js"));
        for bad in ["demo/../../etc/passwd", "demo//x", "demo/.git", "demo/", "demo/a\\..\\b"] {
            assert!(!is_plain(bad), "{bad}");
        }
    }
}
