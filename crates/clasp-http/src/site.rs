//! Pages that another listener serves, one request at a time.

use std::error::Error;
use std::net::SocketAddr;

pub use axum::Router;
use axum::body::{Body, Bytes};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::Service as _;
use hyper::{Request, Response};
use hyper_util::service::TowerToHyperService;

use crate::client_address::Peer;

/// Body of an answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Pages without a listener.
#[derive(Debug, Clone, Default)]
pub struct Site(Router);

impl Site {
    /// A site with these pages.
    pub fn new(pages: Router) -> Site {
        Site(pages)
    }

    /// Answers a request of `peer`; what has no page is answered with 404.
    pub async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<AnswerBody> {
        request.extensions_mut().insert(Peer(peer));
        let pages = TowerToHyperService::new(self.0.clone());
        let Ok(response) = pages.call(request.map(Body::new)).await;
        response.map(|body| body.map_err(Into::into).boxed_unsync())
    }
}
