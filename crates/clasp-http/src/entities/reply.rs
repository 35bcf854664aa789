//! Answers: always JSON, and the one table from what went wrong to a status.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use clasp_auth::{EntitiesError, Entity};
use serde_json::{Value, json};

/// A status and a JSON body.
#[derive(Debug)]
pub(super) struct Reply(pub(super) StatusCode, pub(super) Value);

/// Why a request is not served.
#[derive(Debug)]
pub(super) struct Refusal(StatusCode, String);

/// What a handler gives.
pub(super) type Answer = Result<Reply, Refusal>;

impl Reply {
    pub(super) fn ok(body: Value) -> Reply {
        Reply(StatusCode::OK, body)
    }
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Refusal {
        Refusal(status, text.into())
    }

    pub(super) fn bad_request(text: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, text)
    }
}

impl From<EntitiesError> for Refusal {
    fn from(error: EntitiesError) -> Refusal {
        let text = error.to_string();
        match error {
            EntitiesError::Exists(_) => {
                Refusal::new(StatusCode::CONFLICT, format!("failed to create entity: {text}"))
            }
            EntitiesError::Unknown => Refusal::new(StatusCode::NOT_FOUND, text),
            EntitiesError::Revoked => Refusal::new(StatusCode::CONFLICT, text),
            EntitiesError::BadRights(_) => Refusal::bad_request(text),
            EntitiesError::Full(_) => Refusal::new(StatusCode::INSUFFICIENT_STORAGE, text),
            EntitiesError::Store(_) => {
                tracing::error!("registry: {text}");
                let told = "the registry cannot be written; the relay's log says why";
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, told)
            }
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        (self.0, [(CONTENT_TYPE, "application/json")], self.1.to_string()).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Reply(self.0, json!({ "error": self.1 })).into_response()
    }
}

/// An entity as clients of every kind expect it.
pub(super) fn entity(entity: &Entity) -> Value {
    json!({
        "id": entity.id.as_str(),
        "entity_type": entity.kind.name(),
        "type": entity.kind.name(),
        "name": entity.name,
        "public_key": data_encoding::HEXLOWER.encode(&entity.public_key),
        "status": entity.status.name(),
        "tags": entity.tags,
        "namespaces": entity.namespaces,
        "scopes": entity.scopes,
        "metadata": entity.metadata,
        "created_at": timestamp(entity.created_at),
    })
}

/// RFC 3339, UTC.
fn timestamp(seconds: u64) -> String {
    const YEAR_9999: u64 = 253_402_300_799;
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.min(YEAR_9999));
    humantime::format_rfc3339_seconds(time).to_string()
}
