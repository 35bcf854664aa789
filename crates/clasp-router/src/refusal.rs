//! Why a request is not carried out: the only table from cause to wire code (routing.md 14).

use std::borrow::Cow;

use clasp_auth::Denied;
use clasp_protocol::message::ErrorMessage;
use clasp_protocol::{ErrorCode, Message};

use crate::outbox::Close;

/// A refused request: what the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: Cow<'static, str>,
    pub(crate) address: Option<Box<str>>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { code, message: message.into(), address: None }
    }

    /// Names what the refusal is about.
    pub(crate) fn at(mut self, address: &str) -> Refusal {
        // An address that is refused for its length is not sent back whole.
        let end = address.floor_char_boundary(1_024);
        self.address = Some(address[..end].into());
        self
    }

    pub(crate) fn out_of_scope(action: &str, address: &str) -> Refusal {
        let text = format!("your token does not allow to {action} this");
        Refusal::new(ErrorCode::Forbidden, text).at(address)
    }

    pub(crate) fn lock_held(address: &str) -> Refusal {
        Refusal::new(ErrorCode::LockHeld, "another session holds the lock").at(address)
    }

    pub(crate) fn revision_conflict(address: &str, expected: u64, current: u64) -> Refusal {
        let text = match current {
            0 => format!("revision {expected} was expected, but the param does not exist"),
            _ => format!("revision {expected} was expected, but the current one is {current}"),
        };
        Refusal::new(ErrorCode::RevisionConflict, text).at(address)
    }

    pub(crate) fn denied(denied: &Denied) -> Refusal {
        let code = match denied {
            Denied::Missing | Denied::Invalid(_) | Denied::Revoked => ErrorCode::Unauthorized,
            Denied::Expired => ErrorCode::TokenExpired,
            Denied::Misconfigured => ErrorCode::InternalError,
        };
        Refusal::new(code, denied.to_string())
    }

    /// The refusal, which has gone out as an ERROR, as the reason of a close.
    pub(crate) fn to_close(&self, code: u16) -> Close {
        Close { told: true, ..Close::new(code, self.message.clone()) }
    }

    /// As what a caller is told who did not ask by a message.
    pub(crate) fn into_error(self) -> ErrorMessage<'static> {
        ErrorMessage {
            code: self.code.code(),
            message: self.message,
            address: self.address.map(|address| Cow::Owned(address.into())),
            correlation: None,
        }
    }

    /// As the answer to the request with this number.
    pub(crate) fn to_message(&self, correlation: Option<u32>) -> Message<'_> {
        Message::Error(ErrorMessage {
            code: self.code.code(),
            message: Cow::Borrowed(&self.message),
            address: self.address.as_deref().map(Cow::Borrowed),
            correlation,
        })
    }
}
