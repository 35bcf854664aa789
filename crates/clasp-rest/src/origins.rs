//! Which web pages may use the API: the same as may open a WebSocket, since both are the same port
//! and the same tokens.

use std::time::Duration;

use axum::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, IF_MATCH, IF_NONE_MATCH, ORIGIN, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use clasp_protocol::ErrorCode;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::problem::Problem;

/// How long a browser may remember what a preflight said.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// What EventSource sends when it comes back.
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The origins that may; none means all.
#[derive(Debug, Clone)]
pub(crate) struct Origins(Vec<HeaderValue>);

impl Origins {
    /// From a list of origins as browsers send them.
    pub(crate) fn new(listed: &[String]) -> Origins {
        let lower = listed.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase());
        Origins(lower.filter_map(|origin| HeaderValue::try_from(origin).ok()).collect())
    }

    /// The headers that tell browsers.
    pub(crate) fn layer(&self) -> CorsLayer {
        let origin = match self.0.is_empty() {
            true => AllowOrigin::any(),
            false => AllowOrigin::list(self.0.clone()),
        };
        CorsLayer::new()
            .allow_origin(origin)
            .allow_methods([Method::GET, Method::PUT, Method::PATCH, Method::POST, Method::DELETE])
            .allow_headers([AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, LAST_EVENT_ID])
            .expose_headers([ETAG, RETRY_AFTER, WWW_AUTHENTICATE])
            .max_age(PREFLIGHT_AGE)
    }

    /// The refusal of a request that a page of another origin makes.
    pub(crate) fn refuse(&self, headers: &HeaderMap) -> Option<Problem> {
        let origin = headers.get(ORIGIN)?;
        let is_allowed =
            self.0.is_empty() || self.0.contains(origin) || is_own(origin, headers.get(HOST));
        let text = "this server does not accept pages of your origin; see --origin";
        (!is_allowed).then(|| Problem::new(ErrorCode::Forbidden, text))
    }
}

/// Whether a page came from the host that is asked.
fn is_own(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let own = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let asked = host.and_then(|host| host.to_str().ok());
    matches!((own, asked), (Some((_, own)), Some(asked)) if own.eq_ignore_ascii_case(asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(listed: &[&str], origin: &'static str) -> bool {
        let listed: Vec<String> = listed.iter().map(|&origin| origin.into()).collect();
        let headers = HeaderMap::from_iter([
            (HOST, HeaderValue::from_static("relay.example:7330")),
            (ORIGIN, HeaderValue::from_static(origin)),
        ]);
        Origins::new(&listed).refuse(&headers).is_some()
    }

    #[test]
    fn pages_may_unless_there_is_a_list_without_them() {
        assert!(!refuses(&[], "https://any.example"));
        assert!(!refuses(&["https://App.example/"], "https://app.example"));
        assert!(!refuses(&["https://app.example"], "http://relay.example:7330"));
        assert!(refuses(&["https://app.example"], "https://other.example"));
        assert!(Origins::new(&["https://a.b".into()]).refuse(&HeaderMap::new()).is_none());
    }
}
