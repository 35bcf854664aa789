//! Health probes: `/healthz` says that the process answers, `/readyz` that it takes work
//! (relay.md 7.1).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

type Readiness = Arc<dyn Fn() -> bool + Send + Sync>;

/// The health page. `ready` is asked on every `/readyz` request and must not block.
pub fn pages(ready: impl Fn() -> bool + Send + Sync + 'static) -> Router {
    let ready: Readiness = Arc::new(ready);
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(ready)
}

/// The health page, and `/health` as an alias that the published guides probe (relay.md 7.3).
pub(crate) fn probes(ready: impl Fn() -> bool + Send + Sync + 'static) -> Router {
    pages(ready).route("/health", get(healthz))
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(ready): State<Readiness>) -> (StatusCode, &'static str) {
    if ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use tower_service::Service as _;

    use super::*;

    async fn ask(ready: bool, method: &str, path: &str) -> (u16, Vec<(String, String)>, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = pages(move || ready).call(request).await.unwrap();
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_string()))
            .collect();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, String::from_utf8(body.to_vec()).unwrap())
    }

    fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
        headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[tokio::test]
    async fn healthz_answers_ok_as_text_whatever_the_readiness() {
        for ready in [true, false] {
            let (status, headers, body) = ask(ready, "GET", "/healthz").await;
            assert_eq!((status, body.as_str()), (200, "ok\n"));
            assert_eq!(header(&headers, "content-type"), Some("text/plain; charset=utf-8"));
            assert_eq!(header(&headers, "content-length"), Some("3"));
        }
    }

    #[tokio::test]
    async fn readyz_follows_the_readiness() {
        let (status, _, body) = ask(true, "GET", "/readyz").await;
        assert_eq!((status, body.as_str()), (200, "ready\n"));
        let (status, headers, body) = ask(false, "GET", "/readyz").await;
        assert_eq!((status, body.as_str()), (503, "not ready\n"));
        assert_eq!(header(&headers, "content-type"), Some("text/plain; charset=utf-8"));
    }

    #[tokio::test]
    async fn head_has_the_status_and_no_body() {
        let (status, headers, body) = ask(false, "HEAD", "/readyz").await;
        assert_eq!((status, body.as_str()), (503, ""));
        assert_eq!(header(&headers, "content-length"), Some("10"));
    }

    #[tokio::test]
    async fn another_method_is_refused_with_the_allowed_ones() {
        let (status, headers, body) = ask(true, "POST", "/healthz").await;
        assert_eq!((status, body.as_str()), (405, ""));
        assert_eq!(header(&headers, "allow"), Some("GET,HEAD"));
    }

    #[tokio::test]
    async fn another_path_is_not_found_and_empty() {
        for path in ["/", "/metrics", "/healthz/x"] {
            let (status, _, body) = ask(true, "GET", path).await;
            assert_eq!((status, body.as_str()), (404, ""));
        }
    }
}
