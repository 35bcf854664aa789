//! Capability tokens, `cap_`: who signed what for whom, and until when (spec: relay.md 11).
//!
//! A [`Capability`] is what a token says; only a
//! [`CapabilityVerifier`] says whether that is true.

mod decode;
mod encode;
mod limits;
mod mint;
mod parents;
mod revoked;
mod verifier;
mod verify;

pub use decode::CapabilityError;
pub use limits::{CHAIN_LINKS_MAX, NONCE_BYTES_MAX, SCOPES_MAX, TOKEN_BYTES_MAX};
pub use mint::{DelegationError, Terms};
pub use parents::{Parents, ParentsError};
pub use revoked::{RevocationError, Revocations};
pub use verifier::{CapabilityConfig, CapabilityVerifier};
pub use verify::{Rejection, Verified};

/// What the text of a capability token begins with.
pub const PREFIX: &str = "cap_";

/// An Ed25519 public key.
pub type PublicKey = [u8; 32];

/// An Ed25519 signature.
pub type Signature = [u8; 64];

/// A token as it was read or made; nothing of it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// What this token itself grants.
    pub grant: Link,
    /// The grants that it was delegated from, the root first.
    pub proofs: Vec<Proof>,
    /// Signature of the issuer over everything else but `chain`.
    pub signature: Signature,
}

/// One grant, as its issuer signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Who grants.
    pub issuer: PublicKey,
    /// What, each as `action:pattern`.
    pub scopes: Vec<String>,
    /// What else was signed.
    pub terms: LinkTerms,
}

/// What a grant is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTerms {
    /// Version of the format; 1 is the only one.
    pub version: u64,
    /// Who may delegate further; without it the token is for whoever holds it.
    pub audience: Option<PublicKey>,
    /// When it ends, seconds since 1970-01-01 UTC.
    pub expires_at: u64,
    /// Tells it from other grants.
    pub nonce: String,
}

/// A grant that a token was delegated from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Who granted.
    pub issuer: PublicKey,
    /// What.
    pub scopes: Vec<String>,
    /// The issuer's signature.
    pub signature: Signature,
    /// What else was signed; absent in tokens of older tools, which cannot be verified then.
    pub terms: Option<LinkTerms>,
}

#[cfg(test)]
mod tests;
