//! Who asks: the address, as far as trusted proxies tell it, and the token.

use std::net::SocketAddr;

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use clasp_auth::TrustedProxies;
use clasp_http::client_address::Peer;
use clasp_protocol::ErrorCode;

use crate::problem::Problem;

/// Whoever asks, as the router has to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Client {
    /// With port 0 if only a proxy knows that.
    pub(crate) remote: SocketAddr,
    pub(crate) token: Option<Box<str>>,
}

impl Client {
    /// Reads the head of a request. `by_query` is a token from elsewhere than the header, for
    /// pages that cannot set one.
    ///
    /// # Errors
    /// 401 for a header that holds no bearer token.
    pub(crate) fn of(
        parts: &Parts,
        proxies: &TrustedProxies,
        by_query: Option<&str>,
    ) -> Result<Client, Problem> {
        let nobody = Peer(SocketAddr::from(([0, 0, 0, 0], 0)));
        let Peer(peer) = parts.extensions.get().copied().unwrap_or(nobody);
        let forwarded = parts.headers.get_all("x-forwarded-for").iter();
        let forwarded = forwarded.map(|value| value.to_str().unwrap_or("?"));
        let address = proxies.client(peer.ip(), forwarded);
        let remote = match address == peer.ip().to_canonical() {
            true => peer,
            false => SocketAddr::new(address, 0),
        };
        let token = token(parts)?.or(by_query).filter(|token| !token.is_empty());
        Ok(Client { remote, token: token.map(Into::into) })
    }
}

fn token(parts: &Parts) -> Result<Option<&str>, Problem> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(None) };
    let bearer = header.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let text = "the header Authorization must be: Bearer and a token";
    bearer.map(Some).ok_or_else(|| Problem::new(ErrorCode::Unauthorized, text))
}
