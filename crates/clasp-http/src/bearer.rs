//! Who asks: the bearer token of a request, checked by the relay's own authenticator. Handlers take
//! a [`Caller`] or an [`Admin`]; routers of any state may (spec: relay.md 10.12).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use clasp_auth::{Authenticator, Denied, Grant, Network, Quota, Throttle};

use crate::api_error::ApiError;
use crate::{client_address, clock};

const NO_TOKEN: &str = "Bearer realm=\"clasp\"";
const BAD_TOKEN: &str = "Bearer realm=\"clasp\", error=\"invalid_token\"";
const NOT_ENOUGH: &str = "Bearer realm=\"clasp\", error=\"insufficient_scope\"";

/// What tokens are checked with.
pub struct Access {
    authenticator: Arc<dyn Authenticator>,
    failures: Throttle<Network>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("failures", &self.failures.len()).finish_non_exhaustive()
    }
}

impl Access {
    /// Asks the authenticator that HELLO asks; one client may fail as often as `failures` says.
    pub fn new(authenticator: Arc<dyn Authenticator>, failures: Quota) -> Access {
        Access { authenticator, failures: Throttle::new(failures) }
    }

    /// The grant of a token. Good tokens are never refused for what others behind the same
    /// address do: only failures count.
    ///
    /// # Errors
    /// 401, or 429 for who has failed too often.
    pub fn check(&self, token: &str, client: IpAddr) -> Result<Grant, ApiError> {
        let now = clock::now();
        let unauthorized = |text| ApiError::new(StatusCode::UNAUTHORIZED, text);
        let denied = match self.authenticator.authenticate(Some(token), now.unix_us) {
            Ok(grant) if !token.is_empty() => return Ok(grant),
            Ok(_) => Denied::Missing,
            Err(denied) => denied,
        };
        self.failures.take(&client.into(), now.mono_us).map_err(|wait_us| {
            let text = "Too many invalid tokens. Please wait and try again.";
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, text)
                .retry_after(wait_us.div_ceil(1_000_000))
        })?;
        Err(match denied {
            Denied::Expired => unauthorized("token expired"),
            _ => unauthorized("invalid token"),
        }
        .challenge(BAD_TOKEN))
    }
}

/// Whoever brings a good token.
#[derive(Debug, Clone)]
pub struct Caller(pub Grant);

/// A token that truly covers everything: an admin scope that includes `/**`.
#[derive(Debug, Clone)]
pub struct Admin(pub Grant);

/// A token if one is brought; a bad one is refused.
#[derive(Debug, Clone)]
pub struct MaybeCaller(pub Option<Grant>);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, ApiError> {
        let missing = || {
            let text = "missing Authorization header";
            ApiError::new(StatusCode::UNAUTHORIZED, text).challenge(NO_TOKEN)
        };
        grant(parts)?.map(Caller).ok_or_else(missing)
    }
}

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Admin, ApiError> {
        Caller::from_request_parts(parts, state).await?.into_admin()
    }
}

impl Caller {
    /// Whether this is an [`Admin`], too.
    pub(crate) fn is_admin(&self) -> bool {
        self.0.scopes.as_ref().is_some_and(clasp_auth::Scopes::rules_everything)
    }

    /// The same as an [`Admin`].
    ///
    /// # Errors
    /// 403.
    pub(crate) fn into_admin(self) -> Result<Admin, ApiError> {
        if self.is_admin() {
            return Ok(Admin(self.0));
        }
        let text = "admin scope required";
        Err(ApiError::new(StatusCode::FORBIDDEN, text).challenge(NOT_ENOUGH))
    }
}

impl<S: Sync> FromRequestParts<S> for MaybeCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<MaybeCaller, ApiError> {
        grant(parts).map(MaybeCaller)
    }
}

fn grant(parts: &Parts) -> Result<Option<Grant>, ApiError> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(None) };
    let token = header.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let Some(token) = token else {
        let text = "expected Bearer token";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, text).challenge(NO_TOKEN));
    };
    let access = parts.extensions.get::<Arc<Access>>();
    let access = access.expect("every router of the API is served with its Access");
    access.check(token, client_address::of(parts).0).map(Some)
}
