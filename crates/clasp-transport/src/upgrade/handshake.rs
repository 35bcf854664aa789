//! The WebSocket handshake: which requests ask for it and how they are answered (RFC 6455 4.2).

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderValue, ORIGIN, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use tungstenite::error::{Error, ProtocolError};
use tungstenite::handshake::server::create_response_with_body;

use crate::config::Config;
use crate::pages::{Body, boxed, text};
use crate::talk::Dialect;

/// Whether a request asks for a WebSocket, well or badly.
pub(super) fn is_wanted<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET
        && tokens(request, &UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket"))
}

/// The answer to a request that asks for a WebSocket.
pub(super) fn respond<B>(request: &Request<B>, config: &Config) -> Response<Body> {
    if !is_origin_allowed(request, &config.origins) {
        return text(StatusCode::FORBIDDEN, "this server does not accept pages of your origin\n");
    }
    match create_response_with_body(request, || boxed(Full::new(Bytes::new()))) {
        Ok(mut response) => {
            if let Some(protocol) = subprotocol(request, &config.dialects) {
                let protocol = HeaderValue::from_static(protocol);
                response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
            }
            response
        }
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &Error) -> Response<Body> {
    let sentence = match error {
        Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => {
            let mut refusal = text(
                StatusCode::UPGRADE_REQUIRED,
                "this server speaks version 13 of the WebSocket protocol only\n",
            );
            let version = HeaderValue::from_static("13");
            refusal.headers_mut().insert(SEC_WEBSOCKET_VERSION, version);
            return refusal;
        }
        Error::Protocol(ProtocolError::WrongHttpVersion) => "a WebSocket needs HTTP/1.1\n",
        Error::Protocol(ProtocolError::MissingConnectionUpgradeHeader) => {
            "a WebSocket request needs the header Connection: Upgrade\n"
        }
        Error::Protocol(ProtocolError::MissingUpgradeWebSocketHeader) => {
            "a WebSocket request needs the header Upgrade: websocket\n"
        }
        _ => "a WebSocket request needs a Sec-WebSocket-Key of 16 bytes in base 64\n",
    };
    text(StatusCode::BAD_REQUEST, sentence)
}

/// `clasp` must be echoed for JavaScript clients; the legacy name does no harm (wire.md 15.1).
fn subprotocol<B>(request: &Request<B>, dialects: &[Arc<dyn Dialect>]) -> Option<&'static str> {
    let offered = |name: &str| tokens(request, &SEC_WEBSOCKET_PROTOCOL).any(|token| token == name);
    let others = dialects.iter().flat_map(|dialect| dialect.subprotocols().iter().copied());
    ["clasp", "clasp.v2"].into_iter().chain(others).find(|name| offered(name))
}

/// Whose subprotocol was agreed upon; CLASP if nobody's.
pub(super) fn dialect<B>(
    response: &Response<B>,
    dialects: &[Arc<dyn Dialect>],
) -> Option<Arc<dyn Dialect>> {
    let agreed = response.headers().get(SEC_WEBSOCKET_PROTOCOL)?;
    let speaks =
        |dialect: &&Arc<dyn Dialect>| dialect.subprotocols().iter().any(|name| agreed == name);
    dialects.iter().find(speaks).cloned()
}

fn is_origin_allowed<B>(request: &Request<B>, origins: &[String]) -> bool {
    let Some(origin) = request.headers().get(ORIGIN) else {
        return true;
    };
    origins.is_empty() || origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
}

/// Members of a comma-separated header, over all its lines.
fn tokens<'a, B>(
    request: &'a Request<B>,
    name: &hyper::header::HeaderName,
) -> impl Iterator<Item = &'a str> {
    let lines = request.headers().get_all(name).into_iter();
    lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).map(str::trim)
}
