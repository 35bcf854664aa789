//! JSON in and out: bounded bodies that are read whatever their content type says, and answers
//! that no cache keeps (spec: relay.md 10.2).

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE as KIND};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time;

use crate::api_error::ApiError;

/// What the answers are.
pub(crate) const CONTENT_TYPE: &str = "application/json";

/// Longest body of a request, bytes.
pub const BODY_BYTES_MAX: usize = 16 << 10;

/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Reads a whole body of at most [`BODY_BYTES_MAX`] bytes as JSON.
///
/// # Errors
/// 400 if it is too long, broken off or not of the expected shape; 408 if it takes too long.
pub async fn read<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    parse(&bytes(request).await?)
}

/// Like [`read`], with a value for an empty body.
///
/// # Errors
/// As for [`read`].
pub async fn read_or<T: DeserializeOwned>(request: Request, empty: T) -> Result<T, ApiError> {
    match bytes(request).await? {
        body if body.is_empty() => Ok(empty),
        body => parse(&body),
    }
}

async fn bytes(request: Request) -> Result<Bytes, ApiError> {
    let body = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX);
    let Ok(body) = time::timeout(BODY_TIME_MAX, body).await else {
        let text = "the request body took too long";
        return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, text));
    };
    body.map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "Invalid request body"))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let invalid = |_| ApiError::new(StatusCode::BAD_REQUEST, "Invalid JSON");
    serde_json::from_slice(body).map_err(invalid)
}

/// An answer with a JSON body.
pub fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(body) else {
        let text = "the answer cannot be written as JSON";
        return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    };
    let headers = [
        (KIND, HeaderValue::from_static(CONTENT_TYPE)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

/// An answer with status 200 and a JSON body.
pub fn ok(body: &impl Serialize) -> Response {
    answer(StatusCode::OK, body)
}
