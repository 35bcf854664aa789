//! Whose request it is: the peer of the connection, or who stands behind a proxy that the
//! operator trusts (spec: relay.md 10.7).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use clasp_auth::TrustedProxies;

use crate::api_error::ApiError;

/// The other end of the connection; `serve` puts it into each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// The address that quotas count for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<ClientAddress, ApiError> {
        Ok(of(parts))
    }
}

/// The client's address; whoever cannot be told apart shares one.
pub(crate) fn of(parts: &Parts) -> ClientAddress {
    let nobody = ClientAddress(IpAddr::from([0, 0, 0, 0]));
    parts.extensions.get().copied().unwrap_or(nobody)
}

/// Finds the client's address and leaves it with the request.
pub(crate) async fn find(
    proxies: Arc<TrustedProxies>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(Peer(peer)) = request.extensions().get().copied() {
        let headers = request.headers().get_all("x-forwarded-for");
        let forwarded: Vec<&str> =
            headers.iter().map(|value| value.to_str().unwrap_or("unreadable")).collect();
        let client = proxies.client(peer.ip(), forwarded.into_iter());
        request.extensions_mut().insert(ClientAddress(client));
    }
    next.run(request).await
}
