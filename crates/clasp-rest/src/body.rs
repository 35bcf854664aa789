//! Bodies of requests as values: bounded in size and time, read as their content type says.

use std::error::Error as _;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use clasp_protocol::{ErrorCode, RawValue, Value};
use http_body_util::LengthLimitError;
use serde_json::Value as Json;
use tokio::time;

use crate::problem::Problem;

/// Longest body, bytes. A value takes more as JSON than in a frame, up to four times where numbers
/// and escapes are many.
const BODY_BYTES_MAX: usize = 256 << 10;

/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Text,
    Bytes,
}

/// JSON is what counts where nothing is said, and where `curl -d` says something by default.
fn kind(headers: &HeaderMap) -> Result<Kind, Problem> {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return Ok(Kind::Json) };
    let text = kind.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" | "application/x-www-form-urlencoded" => Ok(Kind::Json),
        "text/plain" => Ok(Kind::Text),
        "application/octet-stream" => Ok(Kind::Bytes),
        essence if essence.ends_with("+json") => Ok(Kind::Json),
        _ => {
            let text = "the body must be application/json, text/plain or application/octet-stream";
            Err(Problem::bad(text).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
        }
    }
}

async fn bytes(body: Body) -> Result<Bytes, Problem> {
    let long = || too_large(format!("a body may have at most {BODY_BYTES_MAX} bytes"));
    // What is announced need not be waited for.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(long());
    }
    let read = axum::body::to_bytes(body, BODY_BYTES_MAX);
    let Ok(read) = time::timeout(BODY_TIME_MAX, read).await else {
        let problem = Problem::new(ErrorCode::Timeout, "the request body took too long");
        return Err(problem.with_status(StatusCode::REQUEST_TIMEOUT));
    };
    read.map_err(|error| {
        let is_long = error.source().is_some_and(|source| source.is::<LengthLimitError>());
        match is_long {
            true => long(),
            false => Problem::bad("the request body broke off"),
        }
    })
}

/// What does not fit a frame.
pub(crate) fn too_large(message: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(ErrorCode::InvalidValue, message)
}

/// The value that a body stands for; `None` if it is empty.
///
/// # Errors
/// 400, 408, 413 or 415.
pub(crate) async fn value(
    headers: &HeaderMap,
    body: Body,
) -> Result<Option<RawValue<'static>>, Problem> {
    let kind = kind(headers)?;
    let bytes = bytes(body).await?;
    if bytes.is_empty() && kind == Kind::Json {
        return Ok(None);
    }
    let value = match kind {
        Kind::Json => clasp_json::from_json(&parse(&bytes)?),
        Kind::Bytes => Value::Bytes(bytes.into()),
        Kind::Text => match String::from_utf8(bytes.into()) {
            Ok(text) => Value::String(text),
            Err(_) => return Err(Problem::bad("the text is not UTF-8")),
        },
    };
    raw(&value).map(Some)
}

/// A body of JSON, whatever its parts stand for.
///
/// # Errors
/// 400, 408, 413 or 415.
pub(crate) async fn json(headers: &HeaderMap, body: Body) -> Result<Json, Problem> {
    if kind(headers)? != Kind::Json {
        let problem = Problem::bad("the body must be application/json");
        return Err(problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    parse(&bytes(body).await?)
}

/// A value in the encoding of the wire.
///
/// # Errors
/// 413.
pub(crate) fn raw(value: &Value) -> Result<RawValue<'static>, Problem> {
    RawValue::try_from(value).map_err(|error| too_large(error.to_string()))
}

fn parse(bytes: &[u8]) -> Result<Json, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::bad(format!("the body is not JSON: {error}")))
}
