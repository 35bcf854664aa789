//! The metrics page: `/metrics` in Prometheus text, collected anew for each request
//! (relay.md 7.5).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::routing::get;
use clasp_router::metrics::Family;

use crate::api::Section;
use crate::bearer::Admin;
use crate::exposition;

type Collect = Arc<dyn Fn() -> Vec<Family> + Send + Sync>;

/// The metrics page. `collect` is called on every request and must not block for long.
pub fn pages(collect: impl Fn() -> Vec<Family> + Send + Sync + 'static) -> Router {
    let collect: Collect = Arc::new(collect);
    Router::new().route("/metrics", get(metrics)).with_state(collect)
}

/// The metrics page beside the API, for the operator's token only.
pub fn section(collect: impl Fn() -> Vec<Family> + Send + Sync + 'static) -> Section {
    Section {
        pages: pages(collect).route_layer(middleware::from_extractor::<Admin>()),
        description: include_str!("openapi/metrics.json"),
    }
}

async fn metrics(State(collect): State<Collect>) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], exposition::render(&collect()))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, Response};
    use http_body_util::BodyExt as _;
    use tower_service::Service as _;

    use super::*;
    use crate::process::gauge;

    async fn ask(method: &str, path: &str) -> Response<Body> {
        let one = || vec![gauge("one", "One.", 1.0)];
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        pages(one).call(request).await.unwrap()
    }

    #[tokio::test]
    async fn metrics_are_text_of_the_announced_version() {
        let response = ask("GET", "/metrics").await;
        assert_eq!(response.status().as_u16(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], b"# HELP one One.\n# TYPE one gauge\none 1\n");
    }

    #[tokio::test]
    async fn only_the_metrics_path_answers() {
        assert_eq!(ask("GET", "/").await.status().as_u16(), 404);
        assert_eq!(ask("GET", "/healthz").await.status().as_u16(), 404);
        assert_eq!(ask("POST", "/metrics").await.status().as_u16(), 405);
    }
}
