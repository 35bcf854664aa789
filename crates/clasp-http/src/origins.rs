//! Which web pages may use the API: CORS, and no change on behalf of another page
//! (spec: relay.md 10.11).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER};
use axum::http::header::{HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::api_error::ApiError;

/// How long a browser may remember what a preflight said.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// Web origins that may use the API; pages of the API's own host always may.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins {
    any: bool,
    listed: Vec<HeaderValue>,
}

impl<'a> FromIterator<&'a str> for Origins {
    /// Takes `*` for all, and origins in lower case, as browsers send them.
    fn from_iter<I: IntoIterator<Item = &'a str>>(entries: I) -> Origins {
        let mut origins = Origins::default();
        for entry in entries {
            match entry {
                "*" => origins.any = true,
                origin => origins.listed.extend(HeaderValue::from_str(origin)),
            }
        }
        origins
    }
}

impl Origins {
    /// Whether a page of this origin may, by the list alone.
    fn lists(&self, origin: &HeaderValue) -> bool {
        self.any || self.listed.contains(origin)
    }

    /// The headers that tell browsers.
    pub(crate) fn layer(&self) -> CorsLayer {
        let origin = match self.any {
            true => AllowOrigin::any(),
            false => AllowOrigin::list(self.listed.clone()),
        };
        CorsLayer::new()
            .allow_origin(origin)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers([AUTHORIZATION, CONTENT_TYPE])
            .expose_headers([RETRY_AFTER, WWW_AUTHENTICATE, crate::journal::LIMIT])
            .max_age(PREFLIGHT_AGE)
    }
}

/// Refuses changes that a page of a foreign origin asks for: hiding the answer would be too late.
pub(crate) async fn guard(origins: Arc<Origins>, request: Request, next: Next) -> Response {
    let harmless = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let headers = request.headers();
    let foreign = |origin: &HeaderValue| !origins.lists(origin) && !is_own(origin, headers);
    if !harmless && headers.get(ORIGIN).is_some_and(foreign) {
        let text = "origin not allowed; the operator lists origins with --cors-origin";
        return ApiError::new(StatusCode::FORBIDDEN, text).into_response();
    }
    next.run(request).await
}

/// Whether the page came from the host that is asked; behind a proxy only the host can be told.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    matches!((host, text(HOST)), (Some((_, own)), Some(asked)) if own.eq_ignore_ascii_case(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_the_same_host_is_at_home() {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("a.example:7350"))]);
        assert!(is_own(&HeaderValue::from_static("https://a.example:7350"), &headers));
        assert!(!is_own(&HeaderValue::from_static("https://a.example"), &headers));
        assert!(!is_own(&HeaderValue::from_static("null"), &headers));
    }
}
