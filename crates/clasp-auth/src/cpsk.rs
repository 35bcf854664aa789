//! `cpsk_` tokens: a random secret that is known by its hash only (spec: relay.md 9.1, 9.2).

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// What every such token begins with.
pub const PREFIX: &str = "cpsk_";

/// A text that no log line may hold; its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that is secret from now on.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text, to hand to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Makes a token: the prefix and 122 random bits as 32 hex digits.
pub fn mint() -> Secret {
    Secret(format!("{PREFIX}{}", Uuid::new_v4().simple()))
}

/// SHA-256 of a token; written as 64 hex digits it is the token's public name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token as its owner writes it.
    pub fn of(token: &str) -> TokenHash {
        TokenHash(Sha256::digest(token.as_bytes()).into())
    }

    /// A hash that was stored.
    pub fn from_bytes(bytes: [u8; 32]) -> TokenHash {
        TokenHash(bytes)
    }

    /// To store it.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for TokenHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<TokenHash, Self::Err> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(TokenHash)
            .ok_or("expected 64 lower-case hex digits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_look_as_published_clients_know_them_and_differ() {
        let (one, other) = (mint(), mint());
        let digits = one.reveal().strip_prefix(PREFIX).unwrap();
        assert_eq!(digits.len(), 32);
        assert!(digits.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c)));
        assert_ne!(one, other);
    }

    #[test]
    fn a_secret_does_not_show() {
        let secret = mint();
        assert!(!format!("{secret:?}").contains(&secret.reveal()[5..]));
    }

    #[test]
    fn the_public_name_reads_back() {
        let hash = TokenHash::of("abc");
        let name = hash.to_string();
        assert!(name.starts_with("ba7816bf"), "the published vector of SHA-256");
        assert_eq!(name.parse(), Ok(hash));
        assert!("xyz".parse::<TokenHash>().is_err());
        assert!("é".parse::<TokenHash>().is_err());
    }
}
