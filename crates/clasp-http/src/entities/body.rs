//! Reading requests: JSON bodies, hexadecimal keys, ids and pages, with JSON refusals.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use clasp_auth::EntityId;
use serde::de::DeserializeOwned;

use super::reply::bad_request;
use crate::api_error::ApiError;

/// Entities of one answer, if not said otherwise and at most.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// A body as it arrived.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// Reads a JSON object.
pub(super) fn json<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let bytes =
        body.map_err(|rejection| ApiError::new(rejection.status(), rejection.body_text()))?;
    let wrong = |error| {
        ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("the body is not as needed: {error}"),
        )
    };
    serde_json::from_slice(&bytes).map_err(wrong)
}

/// Reads 32 bytes in hexadecimal; `name` is the member they came in.
pub(super) fn key(text: &str, name: &str) -> Result<[u8; 32], ApiError> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
    let wrong = || {
        let what = if name == "public_key" { "Ed25519 public key" } else { "Ed25519 seed" };
        bad_request(format!("{name} must be hex-encoded {what} (64 hex chars)"))
    };
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(wrong)
}

/// Reads an entity's id.
pub(super) fn id(text: &str) -> Result<EntityId, ApiError> {
    text.parse().map_err(|error| bad_request(format!("invalid entity ID: {error}")))
}

/// Reads `offset` and `limit`; other members do not matter.
pub(super) fn page(query: Option<&str>) -> Result<(usize, usize), ApiError> {
    let (mut offset, mut limit) = (0, LIMIT_DEFAULT);
    for member in query.unwrap_or_default().split('&') {
        let (name, value) = member.split_once('=').unwrap_or((member, ""));
        let number = || {
            let wrong = || bad_request(format!("{name} must be a whole number"));
            value.parse::<usize>().map_err(|_| wrong())
        };
        match name {
            "offset" => offset = number()?,
            "limit" => limit = number()?.min(LIMIT_MAX),
            _ => {}
        }
    }
    Ok((offset, limit))
}
