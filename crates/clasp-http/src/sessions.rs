//! The open sessions for operators: list, look at, end (spec: relay.md 10.16).

use std::sync::Arc;

use axum::Router as Pages;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use clasp_auth::CredentialKind;
use clasp_router::{Router, SessionInfo};
use serde::{Deserialize, Serialize};

use crate::api::Section;
use crate::api_error::ApiError;
use crate::json::ok;

/// Sessions of one answer, if the request does not say how many.
const LIMIT_DEFAULT: usize = 100;

/// Sessions of one answer at most.
const LIMIT_MAX: usize = 1_000;

/// Longest reason of an ending, which has to fit a WebSocket Close.
const REASON_BYTES_MAX: usize = 123;

/// `GET /api/sessions?offset=&limit=`, `GET` and `DELETE /api/sessions/{id}`.
pub fn section(router: Arc<Router>) -> Section {
    let pages = Pages::new()
        .route("/api/sessions", get(list))
        .route("/api/sessions/{id}", get(show).delete(end))
        .with_state(router);
    Section::for_operators(pages, include_str!("openapi/sessions.json"))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ending {
    reason: Option<String>,
}

/// A session in JSON. Bytes and counts are numbers, times are Unix seconds.
#[derive(Debug, Serialize)]
struct Session {
    id: Arc<str>,
    subject: Option<Arc<str>>,
    name: Box<str>,
    address: String,
    transport: &'static str,
    credential: Option<&'static str>,
    connected_at: u64,
    subscriptions: usize,
    messages_in: u64,
    queued_bytes: usize,
}

#[derive(Debug, Serialize)]
struct List {
    total: usize,
    offset: usize,
    limit: usize,
    sessions: Vec<Session>,
}

#[derive(Debug, Serialize)]
struct Ended {
    id: String,
    ended: bool,
}

impl From<SessionInfo> for Session {
    fn from(info: SessionInfo) -> Session {
        Session {
            address: info.link.whereabouts().to_string(),
            transport: info.link.transport,
            credential: info.credential.map(credential_word),
            connected_at: info.since_unix_us / 1_000_000,
            id: info.id,
            subject: info.subject,
            name: info.name,
            subscriptions: info.subscriptions,
            messages_in: info.messages_in,
            queued_bytes: info.queued_bytes,
        }
    }
}

fn credential_word(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Admin => "admin",
        CredentialKind::Cpsk => "cpsk",
        CredentialKind::Capability => "capability",
        CredentialKind::Entity => "entity",
        CredentialKind::Jwt => "jwt",
    }
}

type Asked<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

async fn list(State(router): State<Arc<Router>>, part: Asked<Part>) -> Response {
    let Ok(Query(Part { offset, limit })) = part else {
        return bad_request("offset and limit are whole numbers, and there is nothing else to say");
    };
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if limit > LIMIT_MAX {
        return bad_request(format!("limit is at most {LIMIT_MAX}"));
    }
    let page = router.sessions(offset, limit);
    let sessions = page.sessions.into_iter().map(Session::from).collect();
    ok(&List { total: page.total, offset, limit, sessions })
}

async fn show(State(router): State<Arc<Router>>, Path(id): Path<String>) -> Response {
    match router.session(&id) {
        Some(session) => ok(&Session::from(session)),
        None => absent(),
    }
}

async fn end(
    State(router): State<Arc<Router>>,
    Path(id): Path<String>,
    ending: Asked<Ending>,
) -> Response {
    let Ok(Query(Ending { reason })) = ending else {
        return bad_request("reason is a text, and there is nothing else to say");
    };
    let reason = reason.as_deref().unwrap_or("ended by an operator");
    if reason.len() > REASON_BYTES_MAX {
        return bad_request(format!("reason is at most {REASON_BYTES_MAX} bytes"));
    }
    if !router.end(&id, reason) {
        return absent();
    }
    tracing::info!(session = id, "ended by an operator: {reason:?}");
    ok(&Ended { id, ended: true })
}

fn absent() -> Response {
    ApiError::new(StatusCode::NOT_FOUND, "there is no session with this id").into_response()
}

fn bad_request(error: impl Into<String>) -> Response {
    ApiError::new(StatusCode::BAD_REQUEST, error.into()).into_response()
}
