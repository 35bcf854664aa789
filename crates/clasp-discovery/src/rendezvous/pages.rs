//! The directory's HTTP API (spec: relay.md 17.1 and 17.3).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{AUTHORIZATION, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use clasp_auth::TrustedProxies;
use clasp_http::api_error::ApiError;
use clasp_http::client_address::ClientAddress;
use clasp_http::{clock, json, open};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::SECRET_HEADER;
use super::directory::{Directory, Refusal};
use super::registration::Registration;

/// Longest body, bytes.
const BODY_BYTES_MAX: usize = 16 << 10;
/// Entries of one answer, if the request does not say how many.
const LIMIT_DEFAULT: usize = 100;
/// Entries of one answer at most.
const LIMIT_MAX: usize = 1_000;
/// Longest wait for a change, seconds.
const WAIT_S_MAX: u64 = 25;

struct Desk {
    directory: Arc<Directory>,
    /// Hash of the token that registering needs.
    token: Option<[u8; 32]>,
}

type Shared = State<Arc<Desk>>;

/// The pages; whoever registers needs `token`, if there is one.
pub fn pages(directory: Arc<Directory>, token: Option<&str>, proxies: TrustedProxies) -> Router {
    let mut pages = Router::new();
    // The published JavaScript client leaves the prefix out.
    for prefix in ["/api/v1", ""] {
        let at = |path: &str| format!("{prefix}{path}");
        pages = pages
            .route(&at("/register"), post(register))
            .route(&at("/discover"), get(discover))
            .route(&at("/refresh/{id}"), post(refresh))
            .route(&at("/unregister/{id}"), delete(unregister))
            .route(&at("/health"), get(|| async { "OK" }));
    }
    let token = token.map(digest);
    let pages = pages
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(Desk { directory, token }));
    let headers = [HeaderName::from_static(SECRET_HEADER), IF_NONE_MATCH];
    open::pages(pages, (proxies, &[]), headers)
}

async fn register(
    State(desk): Shared,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    body: Result<Json<Registration>, JsonRejection>,
) -> Response {
    if let Err(refused) = desk.admit(&headers) {
        return refused.into_response();
    }
    let Json(registration) = match body {
        Ok(body) => body,
        Err(rejection) => return rejection.into_response(),
    };
    match desk.directory.register(registration, from, clock::now()) {
        Ok(registered) => json::answer(StatusCode::CREATED, &registered),
        Err(refusal) => refused(&refusal),
    }
}

#[derive(Debug, Deserialize)]
struct Question {
    tag: Option<String>,
    feature: Option<String>,
    limit: Option<usize>,
    wait: Option<u64>,
}

async fn discover(
    State(desk): Shared,
    ClientAddress(from): ClientAddress,
    headers: HeaderMap,
    question: Result<Query<Question>, QueryRejection>,
) -> Response {
    let Question { tag, feature, limit, wait } = match question {
        Ok(Query(question)) => question,
        Err(rejection) => return rejection.into_response(),
    };
    let mut version = desk.directory.version();
    let known = |tag: &str| headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag);
    let mut etag = format!("\"{}\"", *version.borrow_and_update());
    if known(&etag) {
        let wait = Duration::from_secs(wait.unwrap_or_default().min(WAIT_S_MAX));
        let _ = tokio::time::timeout(wait, version.changed()).await;
        etag = format!("\"{}\"", *version.borrow());
        if known(&etag) {
            return (StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response();
        }
    }
    let limit = limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
    let sought = (tag.as_deref(), feature.as_deref());
    match desk.directory.discover(sought, limit, from, clock::now()) {
        Ok(listed) => ([(ETAG, etag)], json::ok(&listed)).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

async fn refresh(
    State(desk): Shared,
    ClientAddress(from): ClientAddress,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match desk.directory.refresh(&id, secret(&headers), from, clock::now()) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refused(&refusal),
    }
}

async fn unregister(
    State(desk): Shared,
    ClientAddress(from): ClientAddress,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match desk.directory.unregister(&id, secret(&headers), from, clock::now()) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refused(&refusal),
    }
}

impl Desk {
    /// Whether this request may register.
    fn admit(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let Some(expected) = self.token else { return Ok(()) };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
        match given.is_some_and(|given| digest(given).ct_eq(&expected).into()) {
            true => Ok(()),
            false => {
                let text = "registering here needs the operator's token as Authorization: Bearer";
                Err(ApiError::new(StatusCode::UNAUTHORIZED, text))
            }
        }
    }
}

fn secret(headers: &HeaderMap) -> Option<&str> {
    headers.get(SECRET_HEADER).and_then(|value| value.to_str().ok())
}

fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Unacceptable(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::Absent => StatusCode::NOT_FOUND,
        Refusal::Secret => StatusCode::FORBIDDEN,
        Refusal::Share(_) | Refusal::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Full => StatusCode::SERVICE_UNAVAILABLE,
    };
    let error = ApiError::new(status, refusal.to_string());
    match refusal {
        Refusal::Throttled(wait_us) => error.retry_after(wait_us.div_ceil(1_000_000)),
        Refusal::Share(_) | Refusal::Full => error.retry_after(60),
        _ => error,
    }
    .into_response()
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
