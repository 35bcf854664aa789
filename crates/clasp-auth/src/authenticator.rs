//! From token to grant: the port that token stores implement (spec: routing.md 2.3).

use std::borrow::Cow;

use crate::Grant;

/// Decides at HELLO what a token gives.
pub trait Authenticator: Send + Sync {
    /// Looks the token up; `now_unix_us` is the wall clock in microseconds.
    ///
    /// # Errors
    /// The session must not be opened.
    fn authenticate(&self, token: Option<&str>, now_unix_us: u64) -> Result<Grant, Denied>;

    /// Rises whenever something that was granted may have been taken back; cheap, asked every
    /// second.
    fn revision(&self) -> u64 {
        0
    }

    /// Whether a grant still holds, its time aside. Asked about every session after
    /// [`Authenticator::revision`] has risen.
    fn still_holds(&self, _grant: &Grant) -> bool {
        true
    }
}

/// Why a session is not opened; the text goes to the client as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A token is needed and none came.
    #[error("Authentication required")]
    Missing,
    /// Nobody knows the token, or it was revoked; says in a few words why.
    #[error("Invalid token: {0}")]
    Invalid(Cow<'static, str>),
    /// The token was good when the session began and has been taken back.
    #[error("Invalid token: revoked")]
    Revoked,
    /// The token's time is over.
    #[error("Token has expired")]
    Expired,
    /// Tokens are demanded, but nothing is set up to check them.
    #[error("Server misconfiguration")]
    Misconfigured,
}

/// Open mode: whoever comes may do everything, and tokens are not looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

impl Authenticator for Open {
    fn authenticate(&self, _token: Option<&str>, _now_unix_us: u64) -> Result<Grant, Denied> {
        Ok(Grant::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_mode_ignores_tokens() {
        let grant = Open.authenticate(Some("cpsk_0"), 0).unwrap();
        assert_eq!(grant, Grant::default());
        assert_eq!(Open.authenticate(None, 0).unwrap().subject, None);
    }

    #[test]
    fn denials_speak_the_words_clients_are_used_to() {
        let texts = [
            (Denied::Missing, "Authentication required"),
            (Denied::Invalid("token not found".into()), "Invalid token: token not found"),
            (Denied::Expired, "Token has expired"),
            (Denied::Misconfigured, "Server misconfiguration"),
        ];
        for (denied, text) in texts {
            assert_eq!(denied.to_string(), text);
        }
    }
}
