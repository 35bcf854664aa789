//! Plain HTTP on a client port: who answers requests that do not ask for an upgrade.

use std::convert::Infallible;
use std::future::{self, Future};
use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
pub use hyper::Request;
pub use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};

/// Body of an answer.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// An answer to come.
pub type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Who answers plain HTTP requests on a client port.
pub trait Pages: Send + Sync {
    /// Answers one request of a peer; the connection is closed afterwards.
    fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answer;
}

/// What load balancers ask for (routing.md 2.1.5): `ok` on every path, and `/readyz`.
pub struct Probes<R> {
    ready: R,
}

impl<R: Fn() -> bool + Send + Sync> Probes<R> {
    /// `ready` is asked on each request for `/readyz` and must not block.
    pub fn new(ready: R) -> Probes<R> {
        Probes { ready }
    }

    fn page(&self, method: &Method, path: &str) -> Response<Body> {
        let known = [Method::GET, Method::HEAD, Method::POST, Method::OPTIONS];
        if !known.contains(method) {
            let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
            let allow = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");
            refusal.headers_mut().insert(ALLOW, allow);
            return refusal;
        }
        match path {
            "/readyz" if (self.ready)() => text(StatusCode::OK, "ready\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            _ => text(StatusCode::OK, "ok\n"),
        }
    }
}

impl<R: Fn() -> bool + Send + Sync> Pages for Probes<R> {
    fn answer(&self, request: Request<Incoming>, _: SocketAddr) -> Answer {
        Box::pin(future::ready(self.page(request.method(), request.uri().path())))
    }
}

impl<R> std::fmt::Debug for Probes<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probes").finish_non_exhaustive()
    }
}

/// Answers every request with status 400 and what is wrong with it, for ports without HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Sentence(&'static str);

impl Sentence {
    /// A sentence with its line end.
    pub fn new(sentence: &'static str) -> Sentence {
        Sentence(sentence)
    }
}

impl Pages for Sentence {
    fn answer(&self, _: Request<Incoming>, _: SocketAddr) -> Answer {
        Box::pin(future::ready(text(StatusCode::BAD_REQUEST, self.0)))
    }
}

/// A plain text answer.
pub(crate) fn text(status: StatusCode, sentence: &'static str) -> Response<Body> {
    let body = Full::new(Bytes::from_static(sentence.as_bytes()));
    let mut response = Response::new(boxed(body));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

pub(crate) fn boxed(body: Full<Bytes>) -> Body {
    body.map_err(|never: Infallible| match never {}).boxed_unsync()
}
