//! Why a request about accounts was refused, in the words that published clients look for
//! (spec: relay.md 10.3 to 10.6).

use crate::ScopeError;
use crate::store::StoreError;
use crate::tokens::IssueError;

/// A refusal; its text goes to the client, but for [`AccountError::Store`]'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Too many attempts.
    #[error("{text}")]
    Throttled {
        /// Of what.
        text: &'static str,
        /// Microseconds until there are new ones.
        wait_us: u64,
    },
    /// Something in the request is malformed.
    #[error("{0}")]
    Invalid(&'static str),
    /// A requested scope is malformed.
    #[error("{0}")]
    BadScope(ScopeError),
    /// The identity or the name belongs to somebody.
    #[error("{0}")]
    Taken(&'static str),
    /// Name and password do not go together.
    #[error("Invalid username or password")]
    WrongPassword,
    /// None of the requested scopes may be had.
    #[error("scope not allowed: {0}")]
    ScopeNotAllowed(String),
    /// This token may not do that.
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is nothing of this name.
    #[error("not found")]
    NotFound,
    /// Too many tokens are in use.
    #[error("Too many tokens are in use. Please wait and try again.")]
    Full,
    /// The store failed; the text is for the log.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> AccountError {
        match error {
            StoreError::Taken => AccountError::Taken("Username or identity already taken"),
            StoreError::Failed(text) => AccountError::Store(text),
        }
    }
}

impl From<IssueError> for AccountError {
    fn from(error: IssueError) -> AccountError {
        match error {
            IssueError::Full => AccountError::Full,
            IssueError::Store(error) => error.into(),
        }
    }
}
