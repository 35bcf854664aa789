//! The API server on the auth port: sections of routes, made elsewhere, behind one set of bounds,
//! one bearer check, one CORS rule and one shape of errors (spec: relay.md 10).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use clasp_auth::TrustedProxies;
use tokio::time;

use crate::api_error::{self, ApiError};
use crate::bearer::{Access, Admin};
use crate::origins::{self, Origins};
use crate::{client_address, health, openapi};

/// How long one request may take, from its head to its answer.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// Routes that belong together, and what the API's description says of them.
#[derive(Debug)]
pub struct Section {
    /// The routes. Handlers may take [`Caller`](crate::bearer::Caller),
    /// [`Admin`] and
    /// [`ClientAddress`](crate::client_address::ClientAddress), whatever the state.
    pub pages: Router,
    /// An OpenAPI 3.1 document with the `paths` and `components` of these routes.
    pub description: &'static str,
}

impl Section {
    /// Routes whose handlers do not ask who is calling: they are for operators only.
    pub(crate) fn for_operators(pages: Router, description: &'static str) -> Section {
        let pages = pages.route_layer(middleware::from_extractor::<Admin>());
        Section { pages, description }
    }
}

/// What all sections share.
#[derive(Debug)]
pub struct Api {
    /// Checks bearer tokens.
    pub access: Arc<Access>,
    /// Pages that may use the API from a browser.
    pub origins: Origins,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
}

impl Api {
    /// All routes: the sections', `/openapi.json`, and the probes, for which `ready` is asked.
    pub fn pages(
        self,
        sections: Vec<Section>,
        ready: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Router {
        let (origins, proxies) = (Arc::new(self.origins), Arc::new(self.proxies));
        let cors = origins.layer();
        let mut pages = Router::new().merge(health::probes(ready));
        pages = pages.merge(openapi::pages(sections.iter().map(|section| section.description)));
        for section in sections {
            pages = pages.merge(section.pages);
        }
        let guard =
            move |request: Request, next: Next| origins::guard(Arc::clone(&origins), request, next);
        let find = move |request: Request, next: Next| {
            client_address::find(Arc::clone(&proxies), request, next)
        };
        pages
            .fallback(|| async { ApiError::new(StatusCode::NOT_FOUND, "not found") })
            .layer(middleware::from_fn(in_time))
            .layer(middleware::from_fn(guard))
            .layer(middleware::from_fn(find))
            .layer(Extension(self.access))
            .layer(middleware::from_fn(api_error::as_json))
            .layer(cors)
    }
}

pub(crate) async fn in_time(request: Request, next: Next) -> Response {
    match time::timeout(REQUEST_TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the request took too long")
            .retry_after(5)
            .into_response(),
    }
}
