//! What a refused request is answered: the only table from CLASP's codes to HTTP's.

use std::borrow::Cow;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use clasp_gateway::Refused;
use clasp_protocol::ErrorCode;
use serde_json::json;

/// Seconds after which a refusal that may pass is worth another try.
const RETRY_S: u64 = 1;

/// A refusal as JSON: `code`, `message` and, where there is one, `address`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: u16,
    message: Cow<'static, str>,
    address: Option<Box<str>>,
}

/// The status that says in HTTP what a code says in CLASP.
fn status(code: u16) -> StatusCode {
    let Some(code) = ErrorCode::from_code(code) else { return StatusCode::INTERNAL_SERVER_ERROR };
    match code {
        ErrorCode::InvalidFrame
        | ErrorCode::InvalidMessage
        | ErrorCode::UnsupportedVersion
        | ErrorCode::InvalidAddress
        | ErrorCode::PatternError => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized | ErrorCode::TokenExpired => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::Rejected => StatusCode::FORBIDDEN,
        ErrorCode::AddressNotFound | ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::RevisionConflict | ErrorCode::LockHeld => StatusCode::CONFLICT,
        ErrorCode::InvalidValue => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::ServiceUnavailable | ErrorCode::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
    }
}

impl Problem {
    /// A refusal by CLASP's table.
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Problem {
        let (code, message) = (code.code(), message.into());
        Problem { status: status(code), code, message, address: None }
    }

    /// A request that cannot be meant so.
    pub(crate) fn bad(message: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(ErrorCode::InvalidMessage, message)
    }

    /// The same with a status that CLASP has no code for.
    pub(crate) fn with_status(self, status: StatusCode) -> Problem {
        Problem { status, ..self }
    }

    /// Names what it is about.
    pub(crate) fn at(self, address: &str) -> Problem {
        Problem { address: Some(address.into()), ..self }
    }

    /// As an object of JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut body = json!({ "code": self.code, "message": self.message });
        if let Some(address) = &self.address {
            body["address"] = (**address).into();
        }
        body
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        let Refused { code, message, address } = refused;
        let address = address.map(Into::into);
        Problem { status: status(code), code, message: message.into(), address }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
        let mut response = (self.status, headers, self.to_json().to_string()).into_response();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Bearer realm=\"clasp\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(RETRY_AFTER, RETRY_S.into());
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_that_is_an_error() {
        for code in ErrorCode::ALL {
            let status = status(code.code());
            assert!(status.is_client_error() || status.is_server_error(), "{code:?}");
        }
        assert_eq!(status(0), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
