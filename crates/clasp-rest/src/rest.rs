//! The pages as a whole: routes, what they share, and what runs beside them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router as Pages;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use clasp_auth::{Holdings, TrustedProxies};
use clasp_http::site::{AnswerBody, Site};
use clasp_protocol::ErrorCode;
use clasp_router::Router;
use clasp_transport::pages::{Incoming, Lasting};
use tokio::sync::watch;
use tokio::time;

use crate::client::Client;
use crate::lobby::Lobby;
use crate::origins::Origins;
use crate::problem::Problem;
use crate::visit::Visit;
use crate::{address, events, params, patch, signals, stream};

/// What every path of the pages begins with.
pub(crate) const PREFIX: &str = "/api/v1";

/// Between two looks for sessions that have waited for too long.
const SWEEP: Duration = Duration::from_secs(2);

/// An OpenAPI 3.1 document with the `paths` and `components` of the pages.
pub const DESCRIPTION: &str = include_str!("openapi.json");

/// Settings of the pages.
#[derive(Debug, Clone)]
pub struct Config {
    /// Origins whose pages may use them, as `https://host[:port]`; empty means all, as for
    /// WebSockets.
    pub origins: Vec<String>,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
    /// Most streams of one address at a time; 0 means no limit. Loopback is left out.
    pub streams_per_address_max: u32,
    /// Turns true when the relay drains and streams have to end.
    pub draining: watch::Receiver<bool>,
}

/// The pages, to be served by a listener.
#[derive(Debug, Clone)]
pub struct Rest {
    site: Site,
    hall: Arc<Hall>,
}

/// What all pages share.
#[derive(Debug)]
pub(crate) struct Hall {
    pub(crate) router: Arc<Router>,
    pub(crate) lobby: Arc<Lobby>,
    pub(crate) streams: Option<Arc<Holdings>>,
    pub(crate) config: Config,
}

impl Rest {
    /// Pages over this router.
    pub fn new(router: Arc<Router>, config: Config) -> Rest {
        let hall = Arc::new(Hall {
            lobby: Lobby::new(Arc::clone(&router)),
            router,
            streams: Holdings::new(config.streams_per_address_max),
            config,
        });
        Rest { site: Site::new(pages(&hall)), hall }
    }

    /// Whether a path is one of these pages.
    pub fn owns(path: &str) -> bool {
        path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Answers a request of `peer`.
    pub async fn answer(
        &self,
        request: axum::http::Request<Incoming>,
        peer: SocketAddr,
    ) -> axum::http::Response<AnswerBody> {
        self.site.answer(request, peer).await
    }

    /// What has to run beside the pages; ends the sessions that wait when the relay drains.
    pub async fn run(self) {
        let mut draining = self.hall.config.draining.clone();
        loop {
            tokio::select! {
                () = time::sleep(SWEEP) => self.hall.lobby.sweep(),
                _ = draining.wait_for(|draining| *draining) => break,
            }
        }
        loop {
            self.hall.lobby.clear();
            time::sleep(SWEEP).await;
        }
    }
}

impl Hall {
    /// A session for a request.
    pub(crate) fn enter(&self, parts: &Parts) -> Result<Visit, Problem> {
        self.lobby.enter(&Client::of(parts, &self.config.proxies, None)?)
    }
}

fn pages(hall: &Arc<Hall>) -> Pages {
    let origins = Origins::new(&hall.config.origins);
    let cors = origins.layer();
    let guard = move |request: Request, next: Next| {
        let refused = origins.refuse(request.headers());
        async move {
            match refused {
                Some(problem) => problem.into_response(),
                None => next.run(request).await,
            }
        }
    };
    let params = get(params::get).put(params::put).delete(params::delete).fallback(wrong_method);
    let pages = Pages::new()
        .route("/params", get(params::list).patch(patch::patch).fallback(wrong_method))
        .route("/params/{*address}", params)
        .route("/events", get(stream::subscribe).fallback(wrong_method))
        .route("/events/{*address}", post(events::post).fallback(wrong_method))
        .route("/subscribe", get(stream::subscribe).fallback(wrong_method))
        .route("/signals", get(signals::list).fallback(wrong_method));
    Pages::new()
        .nest(PREFIX, pages)
        .fallback(|| async {
            let text = "there is no such page; GET /openapi.json tells which there are";
            Problem::new(ErrorCode::NotFound, text)
        })
        .with_state(Arc::clone(hall))
        .layer(middleware::from_fn(guard))
        .layer(cors)
        .layer(middleware::map_response(lasting))
}

/// Lets the connection go on after an answer.
async fn lasting(mut response: Response) -> Result<Response, Infallible> {
    response.extensions_mut().insert(Lasting);
    Ok(response)
}

async fn wrong_method() -> Problem {
    let text = "this page does not do that; the header Allow tells what it does";
    Problem::bad(text).with_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// The address that the rest of a path behind a page's name stands for.
///
/// # Errors
/// 400.
pub(crate) fn address_behind(page: &str, path: &str) -> Result<String, Problem> {
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    let path = path.strip_prefix(page).unwrap_or(path);
    address::decode(path).map_err(|bad| Problem::new(ErrorCode::InvalidAddress, bad.reason()))
}
