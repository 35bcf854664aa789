//! Answers: always JSON, and the one table from what went wrong to a status.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use clasp_auth::token::Token;
use clasp_auth::{EntitiesError, Entity, EntityStatus};
use serde_json::{Value, json};

use crate::api_error::ApiError;

/// A status and a JSON body.
#[derive(Debug)]
pub(super) struct Reply(pub(super) StatusCode, pub(super) Value);

/// What a handler gives.
pub(super) type Answer = Result<Reply, ApiError>;

impl Reply {
    pub(super) fn ok(body: Value) -> Reply {
        Reply(StatusCode::OK, body)
    }
}

/// The request cannot be meant so.
pub(super) fn bad_request(text: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, text.into())
}

impl From<EntitiesError> for ApiError {
    fn from(error: EntitiesError) -> ApiError {
        let text = error.to_string();
        match error {
            EntitiesError::Exists(_) => {
                ApiError::new(StatusCode::CONFLICT, format!("failed to create entity: {text}"))
            }
            EntitiesError::Unknown => ApiError::new(StatusCode::NOT_FOUND, text),
            EntitiesError::Revoked => ApiError::new(StatusCode::CONFLICT, text),
            EntitiesError::BadRights(_) => bad_request(text),
            EntitiesError::Full(_) => ApiError::new(StatusCode::INSUFFICIENT_STORAGE, text),
            EntitiesError::Store(_) => {
                tracing::error!("registry: {text}");
                let told = "the registry cannot be written; the relay's log says why";
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, told)
            }
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        crate::json::answer(self.0, &self.1)
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

/// A device that a holder has provisioned, in the same words; it has no key.
pub(super) fn device(token: &Token, status: EntityStatus) -> Value {
    json!({
        "id": token.subject,
        "entity_type": "device",
        "type": "device",
        "name": token.name,
        "public_key": null,
        "status": status.name(),
        "tags": [],
        "namespaces": [],
        "scopes": token.scopes.texts(),
        "metadata": {},
        "created_at": timestamp(token.issued_unix_s),
    })
}

/// RFC 3339, UTC.
fn timestamp(seconds: u64) -> String {
    const YEAR_9999: u64 = 253_402_300_799;
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.min(YEAR_9999));
    humantime::format_rfc3339_seconds(time).to_string()
}
