//! Making tokens: roots, and delegation to the key that a token names (spec: relay.md 11.6, 11.9).

use ed25519_dalek::{Signer as _, SigningKey};

use super::encode::signed_bytes;
use super::limits::CHAIN_LINKS_MAX;
use super::{Capability, Link, LinkTerms, Proof, PublicKey};
use crate::attenuation::{parse_all, uncovered};
use crate::scope::ScopeError;

/// What to grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What, each as `action:pattern`.
    pub scopes: Vec<String>,
    /// The key that may delegate further; `None` makes a token for whoever holds it.
    pub audience: Option<PublicKey>,
    /// When it ends, seconds since 1970-01-01 UTC.
    pub expires_at: u64,
    /// A fresh UUID, as text.
    pub nonce: String,
}

/// Why a token cannot be delegated so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DelegationError {
    /// The parent is for whoever holds it: its holders could pass for each other.
    #[error("this token names no audience, so it cannot be delegated; mint it for a key")]
    NoAudience,
    /// The parent is for another key.
    #[error("this token is for another key than the one that delegates")]
    OtherAudience,
    /// A scope goes beyond the parent's.
    #[error("the scope '{0}' goes beyond what this token grants")]
    Beyond(String),
    /// A scope cannot be read.
    #[error(transparent)]
    BadScope(#[from] ScopeError),
    /// The chain is as long as it may be.
    #[error("this token was delegated {CHAIN_LINKS_MAX} times already")]
    TooDeep,
}

impl Capability {
    /// A root token, signed by a trust anchor's key.
    ///
    /// # Errors
    /// A scope cannot be read.
    pub fn mint(key: &SigningKey, terms: Terms) -> Result<Capability, ScopeError> {
        parse_all(&terms.scopes)?;
        Ok(Self::sign(key, terms, Vec::new()))
    }

    /// A token with some of this one's scopes, signed by the key that this one names. It ends no
    /// later than this one.
    ///
    /// # Errors
    /// This token is not for that key, or does not grant so much.
    pub fn delegate(&self, key: &SigningKey, terms: Terms) -> Result<Capability, DelegationError> {
        let audience = self.grant.terms.audience.ok_or(DelegationError::NoAudience)?;
        if audience != key.verifying_key().to_bytes() {
            return Err(DelegationError::OtherAudience);
        }
        if self.proofs.len() >= CHAIN_LINKS_MAX {
            return Err(DelegationError::TooDeep);
        }
        let (ours, wanted) = (parse_all(&self.grant.scopes)?, parse_all(&terms.scopes)?);
        if let Some(scope) = uncovered(&ours, &wanted) {
            return Err(DelegationError::Beyond(scope.to_string()));
        }
        let mut proofs = self.proofs.clone();
        let Link { issuer, scopes, terms: own } = self.grant.clone();
        let expires_at = terms.expires_at.min(own.expires_at);
        proofs.push(Proof { issuer, scopes, signature: self.signature, terms: Some(own) });
        Ok(Self::sign(key, Terms { expires_at, ..terms }, proofs))
    }

    /// Signs whatever it is told to.
    pub(super) fn sign(key: &SigningKey, terms: Terms, proofs: Vec<Proof>) -> Capability {
        let Terms { scopes, audience, expires_at, nonce } = terms;
        let terms = LinkTerms { version: 1, audience, expires_at, nonce };
        let issuer = key.verifying_key().to_bytes();
        let signature = key.sign(&signed_bytes(&issuer, &scopes, &terms, &proofs)).to_bytes();
        Capability { grant: Link { issuer, scopes, terms }, proofs, signature }
    }
}
