//! What a refused request is answered: a status and `{"error": …}`, whoever refused it
//! (spec: relay.md 10.2, 10.13).

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Longest text of a framework's refusal that is passed on, bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// A refusal of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Status of the answer.
    pub status: StatusCode,
    /// The text of `error`, for people; published clients look for words in it.
    pub message: Cow<'static, str>,
    /// When to try again, seconds.
    pub retry_after_s: Option<u64>,
    /// The value of `WWW-Authenticate`.
    pub challenge: Option<&'static str>,
}

impl ApiError {
    /// A refusal without further headers.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError { status, message: message.into(), retry_after_s: None, challenge: None }
    }

    /// The same with `Retry-After`, seconds.
    pub fn retry_after(self, seconds: u64) -> ApiError {
        ApiError { retry_after_s: Some(seconds.max(1)), ..self }
    }

    /// The same with `WWW-Authenticate`.
    pub(crate) fn challenge(self, challenge: &'static str) -> ApiError {
        ApiError { challenge: Some(challenge), ..self }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.message }).to_string();
        let json = [(CONTENT_TYPE, HeaderValue::from_static(crate::json::CONTENT_TYPE))];
        let mut response = (self.status, json, body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.challenge {
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Gives refusals that the framework worded, or left empty, a JSON body.
pub(crate) async fn as_json(request: Request, next: Next) -> Response {
    let is_head = request.method() == Method::HEAD;
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_json = kind.is_some_and(|kind| kind.starts_with(crate::json::CONTENT_TYPE));
    if is_head || !is_error || is_json {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let text = axum::body::to_bytes(body, TEXT_BYTES_MAX).await.unwrap_or_default();
    let message = match std::str::from_utf8(&text).map(str::trim) {
        Ok(text) if !text.is_empty() => text.to_owned(),
        _ => status.canonical_reason().unwrap_or("refused").to_lowercase(),
    };
    let body = serde_json::json!({ "error": message }).to_string();
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(crate::json::CONTENT_TYPE));
    Response::from_parts(head, Body::from(body))
}
