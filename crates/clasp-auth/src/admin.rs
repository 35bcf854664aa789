//! The operator's own token: any text from a file, for everything and for ever
//! (spec: relay.md 9.4).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use subtle::ConstantTimeEq as _;

use crate::account::ADMIN_SUBJECT;
use crate::cpsk::{self, TokenHash};
use crate::{Action, Credential, CredentialKind, Denied, Grant, Scope, Scopes, Verifier};

/// Fewest characters of the operator's token.
pub const ADMIN_TOKEN_CHARS_MIN: usize = 16;

/// Knows the operator's token by its hash; the prefix `cpsk_` is optional on both sides.
#[derive(Debug)]
pub struct AdminToken {
    hash: RwLock<TokenHash>,
    replaced: AtomicU64,
}

/// Why a text is no token for an operator; it does not show the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an admin token has at least {ADMIN_TOKEN_CHARS_MIN} characters and no white space within, \
     such as: openssl rand -hex 32"
)]
pub struct WeakToken;

impl AdminToken {
    /// Takes the text of the file; space around it does not count.
    ///
    /// # Errors
    /// The text is empty, too short, or more than one word.
    pub fn new(text: &str) -> Result<AdminToken, WeakToken> {
        Ok(AdminToken { hash: RwLock::new(hash_of(text)?), replaced: AtomicU64::new(0) })
    }

    /// Puts another token in place of this one; sessions that used the old one end.
    ///
    /// # Errors
    /// As for [`AdminToken::new`]; the old token stays then.
    pub fn replace(&self, text: &str) -> Result<(), WeakToken> {
        let hash = hash_of(text)?;
        let mut current = self.hash.write().expect("no holder panics");
        if *current != hash {
            *current = hash;
            self.replaced.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn current(&self) -> TokenHash {
        *self.hash.read().expect("no holder panics")
    }
}

fn bare(token: &str) -> &str {
    token.strip_prefix(cpsk::PREFIX).unwrap_or(token)
}

fn hash_of(text: &str) -> Result<TokenHash, WeakToken> {
    let text = bare(text.trim());
    let is_word = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if text.chars().count() < ADMIN_TOKEN_CHARS_MIN || !is_word {
        return Err(WeakToken);
    }
    Ok(TokenHash::of(text))
}

impl Verifier for AdminToken {
    fn verify(&self, token: &str, _: u64) -> Option<Result<Grant, Denied>> {
        let (own, brought) = (self.current(), TokenHash::of(bare(token)));
        if !bool::from(own.as_bytes().ct_eq(brought.as_bytes())) {
            return None;
        }
        let everything = Scope::everywhere(Action::Admin);
        let credential = Credential { kind: CredentialKind::Admin, id: own.to_string().into() };
        Some(Ok(Grant {
            subject: Some(ADMIN_SUBJECT.into()),
            scopes: Some(Scopes::from_iter([everything])),
            expires_unix_us: None,
            credential: Some(Arc::new(credential)),
        }))
    }

    fn revision(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    fn still_holds(&self, grant: &Grant) -> bool {
        match grant.credential.as_deref() {
            Some(Credential { kind: CredentialKind::Admin, id }) => {
                **id == *self.current().to_string()
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use clasp_protocol::Pattern;

    use super::*;

    const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn grant(token: &AdminToken, text: &str) -> Option<Grant> {
        token.verify(text, 0).map(Result::unwrap)
    }

    #[test]
    fn the_guides_token_works_with_and_without_prefix() {
        for file in [format!("{HEX}\n"), format!("cpsk_{HEX}")] {
            let token = AdminToken::new(&file).unwrap();
            for text in [HEX.to_owned(), format!("cpsk_{HEX}")] {
                let grant = grant(&token, &text).unwrap();
                assert_eq!(grant.subject.as_deref(), Some("admin-bootstrap"));
                assert_eq!(grant.expires_unix_us, None);
                assert!(grant.may_subscribe(&Pattern::parse("/**").unwrap()));
                assert!(grant.scopes.unwrap().rules_everything());
            }
            assert_eq!(grant(&token, &HEX[1..]), None);
            assert_eq!(grant(&token, ""), None);
        }
    }

    #[test]
    fn what_could_be_guessed_is_refused() {
        for weak in ["", " \n", "cpsk_", "cpsk_a", "123456789012345", "two words 1234567890"] {
            assert!(AdminToken::new(weak).is_err(), "{weak:?}");
        }
        assert!(AdminToken::new("1234567890123456").is_ok());
    }

    #[test]
    fn another_token_in_the_file_ends_what_the_old_one_began() {
        let token = AdminToken::new(HEX).unwrap();
        let old = grant(&token, HEX).unwrap();
        assert!(token.replace("short").is_err());
        token.replace(HEX).unwrap();
        assert_eq!((token.revision(), token.still_holds(&old)), (0, true));
        token.replace("another-token-of-the-operator").unwrap();
        assert_eq!((token.revision(), token.still_holds(&old)), (1, false));
        assert_eq!(grant(&token, HEX), None);
        assert!(token.still_holds(&Grant::default()), "other tokens are not its business");
    }
}
