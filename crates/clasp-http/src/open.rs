//! Pages for everybody, also from other origins: what they all share but their routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, RETRY_AFTER};
use axum::middleware::{self, Next};
use clasp_auth::TrustedProxies;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::{api, api_error, client_address};

/// Adds the client's address behind `proxies`, a bound on time, errors in JSON, and CORS for these
/// origins, or for all if there are none, with these headers of requests.
pub fn pages(
    pages: Router,
    (proxies, origins): (TrustedProxies, &[String]),
    headers: impl IntoIterator<Item = HeaderName>,
) -> Router {
    let proxies = Arc::new(proxies);
    let find = move |request: Request, next: Next| {
        client_address::find(Arc::clone(&proxies), request, next)
    };
    let headers: Vec<_> = headers.into_iter().chain([AUTHORIZATION, CONTENT_TYPE]).collect();
    let cors = CorsLayer::new()
        .allow_origin(match origins {
            [] => AllowOrigin::any(),
            some => AllowOrigin::list(some.iter().filter_map(|origin| origin.parse().ok())),
        })
        .allow_methods(Any)
        .allow_headers(headers)
        .expose_headers([ETAG, RETRY_AFTER]);
    pages
        .layer(middleware::from_fn(api::in_time))
        .layer(middleware::from_fn(find))
        .layer(middleware::from_fn(api_error::as_json))
        .layer(cors)
}
