//! From an accepted socket to a connection whose language is known, a WebSocket or another, or to
//! an HTTP answer and the end, under one deadline.

mod handshake;
mod recognise;

use std::convert::Infallible;
use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clasp_router::Framing;
use clasp_router::metrics::HandshakeFailure;
use clasp_tls::{Channel, Parts, Refused, Wire};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::admission::{Crowded, Visitor};
use crate::clock;
use crate::pages::{Answer, Body, text};
use crate::server::Shared;
pub(crate) use recognise::Spoken;

/// Most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Most bytes read and thrown away before a socket with a plain HTTP answer is closed; closing it
/// unread would make the system discard the answer.
const LINGER_BYTES_MAX: u64 = 256 << 10;

/// Longest time for the peer to close its side after a plain HTTP answer.
const LINGER_TIME_MAX: Duration = Duration::from_secs(1);

/// A socket that has said what it speaks.
#[derive(Debug)]
pub(crate) struct Upgraded {
    pub(crate) stream: TcpStream,
    /// Its TLS session; none on a plain connection.
    pub(crate) channel: Option<Box<Channel>>,
    pub(crate) visitor: Visitor,
    pub(crate) spoken: Spoken,
    /// Bytes that have been read already.
    pub(crate) early: Bytes,
}

/// Finds out what a fresh socket speaks, and answers its one request if that is HTTP. `None` if
/// that was all there is to it.
pub(crate) async fn upgrade(
    shared: Arc<Shared>,
    stream: TcpStream,
    visitor: Visitor,
) -> Option<Upgraded> {
    let begun = Instant::now();
    let longest = shared.config.answer_timeout.max(shared.config.upgrade_timeout);
    let answered = answer(&shared, (stream, begun), visitor);
    let Ok(answered) = tokio::time::timeout_at(begun + longest, answered).await else {
        shared.router.counters().handshake_failed(HandshakeFailure::Timeout);
        return None;
    };
    match answered? {
        Answered::Upgraded(upgraded) => Some(upgraded),
        Answered::Page(wire) => {
            let _ = tokio::time::timeout(LINGER_TIME_MAX, linger(wire)).await;
            None
        }
    }
}

enum Answered {
    Upgraded(Upgraded),
    Page(Wire),
}

async fn answer(
    shared: &Arc<Shared>,
    (stream, begun): (TcpStream, Instant),
    visitor: Visitor,
) -> Option<Answered> {
    let deadline = begun + shared.config.upgrade_timeout;
    let Ok(welcomed) = tokio::time::timeout_at(deadline, welcome(shared, stream, visitor)).await
    else {
        shared.router.counters().handshake_failed(HandshakeFailure::Timeout);
        return None;
    };
    let (wire, visitor, spoken) = welcomed?;
    if let Some(spoken) = spoken {
        let Parts { socket, channel, early } = wire.into_parts();
        let early = early.into();
        let upgraded = Upgraded { stream: socket, channel, visitor, spoken, early };
        return Some(Answered::Upgraded(upgraded));
    }
    let door =
        Door { shared: Arc::clone(shared), visitor: Mutex::new(visitor), spoken: Mutex::new(None) };
    let left = deadline.saturating_duration_since(Instant::now());
    Box::pin(serve(door, wire, left)).await
}

/// Reads what comes before the first request, or the first byte of something else.
async fn welcome(
    shared: &Arc<Shared>,
    mut stream: TcpStream,
    mut visitor: Visitor,
) -> Option<(Wire, Visitor, Option<Spoken>)> {
    match shared.admission.receive_header(&mut stream, &mut visitor).await {
        Some(Ok(())) => {}
        Some(Err(Crowded)) => {
            shared.turn_away(visitor.remote);
            return None;
        }
        None => {
            shared.router.counters().handshake_failed(HandshakeFailure::Transport);
            let remote = visitor.remote;
            tracing::debug!(%remote, "a trusted proxy sent no header of the PROXY protocol");
            return None;
        }
    }
    // A silent socket must not own the buffers of an HTTP connection; this waits for its words.
    let mut wire = match shared.config.acceptor.accept(stream).await {
        Ok(wire) => wire,
        Err(Refused::Socket(_)) => return None,
        Err(refused) => {
            shared.router.counters().handshake_failed(HandshakeFailure::Transport);
            let remote = visitor.remote;
            tracing::debug!(%remote, "{refused}");
            return None;
        }
    };
    let spoken = recognise::recognise(&shared.config, &mut wire).await.ok()?;
    Some((wire, visitor, spoken))
}

/// The head of the request has to be there in `head_time`.
async fn serve(door: Door, wire: Wire, head_time: Duration) -> Option<Answered> {
    let parts = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(wire), door)
        .without_shutdown()
        .await
        .ok()?;
    let wire = parts.io.into_inner();
    let Door { visitor, spoken, .. } = parts.service;
    let (visitor, read) = (visitor.into_inner(), parts.read_buf);
    let Some(spoken) = spoken.into_inner() else {
        return Some(Answered::Page(wire));
    };
    let Parts { socket, channel, early } = wire.into_parts();
    let early = if early.is_empty() { read } else { [&read[..], &early].concat().into() };
    Some(Answered::Upgraded(Upgraded { stream: socket, channel, visitor, spoken, early }))
}

/// Lets the peer read the answer before the socket goes.
async fn linger(mut wire: Wire) {
    if wire.shutdown().await.is_ok() {
        let mut rest = wire.take(LINGER_BYTES_MAX);
        let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
    }
}

/// Answers the requests of one socket.
struct Door {
    shared: Arc<Shared>,
    visitor: Mutex<Visitor>,
    /// After an upgrade.
    spoken: Mutex<Option<Spoken>>,
}

impl Service<Request<Incoming>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let upgrades = matches!(self.shared.config.wire, crate::wire::Wire::WebSocket);
        if upgrades && handshake::is_wanted(&request) {
            return Box::pin(future::ready(Ok(self.shake(&request))));
        }
        let peer = self.visitor.lock().remote;
        let answer: Answer = self.shared.pages.answer(request, peer);
        Box::pin(async move { Ok(last(answer.await)) })
    }
}

impl Door {
    fn shake(&self, request: &Request<Incoming>) -> Response<Body> {
        let response = if self.shared.is_draining() {
            text(StatusCode::SERVICE_UNAVAILABLE, "the server is shutting down\n")
        } else {
            handshake::respond(request, &self.shared.config)
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let mut visitor = self.visitor.lock();
            let known =
                self.shared.admission.identify(&mut visitor, request.headers(), clock::now());
            if let Err(Crowded) = known {
                self.shared.turn_away(visitor.remote);
                let sentence = "your address has too many connections\n";
                return last(text(StatusCode::TOO_MANY_REQUESTS, sentence));
            }
            let dialect = handshake::dialect(&response, &self.shared.config.dialects);
            *self.spoken.lock() = Some(Spoken { framing: Framing::WebSocket, dialect });
            return response;
        }
        self.shared.router.counters().handshake_failed(HandshakeFailure::Transport);
        last(response)
    }
}

/// Marks the last response of a connection. Not a setting of the HTTP library, which would say so
/// in an upgrade as well.
fn last(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
