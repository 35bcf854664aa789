//! Whether a capability token is what it claims to be (spec: relay.md 11.9).
//!
//! Every grant of the chain is rebuilt and its signature checked, from the root on, before anything
//! else is believed; so only what an anchor has signed costs more than one signature check.

use ed25519_dalek::VerifyingKey;

use super::encode::signed_bytes;
use super::{Capability, LinkTerms, Parents, Proof, PublicKey, Revocations, Signature};
use crate::anchor::TrustAnchors;
use crate::attenuation::{parse_all, uncovered};
use crate::scope::Scope;

/// The only version of the format.
const VERSION: u64 = 1;

/// Why a token is not accepted, for the relay's own log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Another version.
    #[error("version {0} of the token format is unknown")]
    Version(u64),
    /// Delegated too often.
    #[error("it was delegated {links} times, --cap-max-depth allows {links_max}")]
    TooDeep {
        /// Grants before its own.
        links: usize,
        /// The limit.
        links_max: usize,
    },
    /// The root is not signed by an anchor.
    #[error("its root issuer {0} is no trust anchor")]
    UntrustedIssuer(String),
    /// A signature is wrong.
    #[error("the signature of grant {0} is wrong, the root being 0")]
    BadSignature(usize),
    /// It was made by a tool that does not tell what its parents signed.
    #[error("it has 'proofs' without 'chain', so they cannot be verified; see --cap-parent")]
    Unverifiable,
    /// A grant was delegated by a key that it does not name.
    #[error("grant {0} was delegated by a key that it does not name as audience")]
    WrongDelegate(usize),
    /// It names an audience.
    #[error("it names an audience: it may be delegated, but not presented")]
    ForDelegation,
    /// A scope cannot be read.
    #[error("it has an unreadable scope: {0}")]
    BadScope(String),
    /// A scope goes beyond what was granted before.
    #[error("the scope {scope:?} of grant {link} goes beyond the grant before")]
    Beyond {
        /// Place of the grant, the root being 0.
        link: usize,
        /// The scope.
        scope: String,
    },
    /// It or one of its parents was revoked.
    #[error("nonce {0} is revoked")]
    Revoked(String),
    /// It or one of its parents has expired.
    #[error("it expired at {0}")]
    Expired(u64),
}

/// What an accepted token gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it grants.
    pub scopes: Vec<Scope>,
    /// When it or the first of its parents ends, seconds since 1970-01-01 UTC.
    pub expires_at: u64,
    /// Its nonce, and those of its parents.
    pub nonces: Vec<String>,
}

/// What tokens are held against.
pub(super) struct Rules<'a> {
    pub(super) anchors: &'a TrustAnchors,
    pub(super) parents: &'a Parents,
    pub(super) revocations: &'a Revocations,
    pub(super) links_max: usize,
}

impl Rules<'_> {
    /// Verifies a token that somebody presents; `now_s` is the wall clock in seconds.
    pub(super) fn verify(&self, token: &Capability, now_s: u64) -> Result<Verified, Rejection> {
        let links = token.proofs.len();
        if links > self.links_max {
            return Err(Rejection::TooDeep { links, links_max: self.links_max });
        }
        let root = token.proofs.first().map_or(token.grant.issuer, |proof| proof.issuer);
        if !self.anchors.contains(&root) {
            return Err(Rejection::UntrustedIssuer(crate::hex(&root)));
        }
        let before = self.parents_of(token)?;
        check_own_signature(token)?;
        check_delegates(token, &before)?;
        if token.grant.terms.audience.is_some() {
            return Err(Rejection::ForDelegation);
        }
        let terms = || before.iter().copied().chain([&token.grant.terms]);
        if let Some(terms) = terms().find(|terms| self.revocations.contains(&terms.nonce)) {
            return Err(Rejection::Revoked(terms.nonce.clone()));
        }
        let expires_at = terms().map(|terms| terms.expires_at).min().unwrap_or_default();
        if now_s >= expires_at {
            return Err(Rejection::Expired(expires_at));
        }
        let scopes = narrowed(token)?;
        let nonces = terms().rev().map(|terms| terms.nonce.clone()).collect();
        Ok(Verified { scopes, expires_at, nonces })
    }

    /// The verified terms of the grants before the token's own. Of a token without `chain` only the
    /// root's can be known, from the operator.
    fn parents_of<'t>(&'t self, token: &'t Capability) -> Result<Vec<&'t LinkTerms>, Rejection> {
        let Some(root) = token.proofs.first() else { return Ok(Vec::new()) };
        let known: Option<Vec<&LinkTerms>> =
            token.proofs.iter().map(|proof| proof.terms.as_ref()).collect();
        if let Some(known) = known {
            check_proofs(&token.proofs)?;
            return Ok(known);
        }
        self.parents.terms_of(root).map(|terms| vec![terms]).ok_or(Rejection::Unverifiable)
    }
}

fn check_proofs(proofs: &[Proof]) -> Result<(), Rejection> {
    for (place, proof) in proofs.iter().enumerate() {
        let terms = proof.terms.as_ref().ok_or(Rejection::Unverifiable)?;
        check_version(terms)?;
        let signed = signed_bytes(&proof.issuer, &proof.scopes, terms, &proofs[..place]);
        if !is_signed(&proof.issuer, &signed, &proof.signature) {
            return Err(Rejection::BadSignature(place));
        }
    }
    Ok(())
}

/// Checks the version and the signature of the token's own grant.
pub(super) fn check_own_signature(token: &Capability) -> Result<(), Rejection> {
    let grant = &token.grant;
    check_version(&grant.terms)?;
    let signed = signed_bytes(&grant.issuer, &grant.scopes, &grant.terms, &token.proofs);
    if is_signed(&grant.issuer, &signed, &token.signature) {
        Ok(())
    } else {
        Err(Rejection::BadSignature(token.proofs.len()))
    }
}

fn check_version(terms: &LinkTerms) -> Result<(), Rejection> {
    if terms.version == VERSION { Ok(()) } else { Err(Rejection::Version(terms.version)) }
}

/// Every grant with a `chain` item was delegated by its audience. An operator's parent may lack
/// one: that is why it takes the operator to accept it.
fn check_delegates(token: &Capability, before: &[&LinkTerms]) -> Result<(), Rejection> {
    let is_legacy = token.proofs.iter().any(|proof| proof.terms.is_none());
    for (place, terms) in before.iter().enumerate() {
        let next = token.proofs.get(place + 1).map_or(token.grant.issuer, |proof| proof.issuer);
        let is_named = terms.audience.map_or(is_legacy, |audience| audience == next);
        if !is_named {
            return Err(Rejection::WrongDelegate(place));
        }
    }
    Ok(())
}

/// The scopes of the last grant, each grant being within the one before.
fn narrowed(token: &Capability) -> Result<Vec<Scope>, Rejection> {
    let grants = token.proofs.iter().map(|proof| &proof.scopes).chain([&token.grant.scopes]);
    let mut wider: Option<Vec<Scope>> = None;
    for (link, scopes) in grants.enumerate() {
        let scopes = parse_all(scopes).map_err(|error| Rejection::BadScope(error.to_string()))?;
        if let Some(wider) = wider
            && let Some(scope) = uncovered(&wider, &scopes)
        {
            return Err(Rejection::Beyond { link, scope: scope.to_string() });
        }
        wider = Some(scopes);
    }
    Ok(wider.unwrap_or_default())
}

fn is_signed(issuer: &PublicKey, bytes: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    VerifyingKey::from_bytes(issuer).is_ok_and(|key| key.verify_strict(bytes, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Verifier as _;

    use super::*;

    #[test]
    fn a_key_for_which_one_signature_fits_every_message_is_no_issuer() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        let key = VerifyingKey::from_bytes(&neutral).unwrap();
        let lenient = ed25519_dalek::Signature::from_bytes(&signature);
        assert!(key.verify(b"anything", &lenient).is_ok(), "lenient verification is taken in");
        assert!(!is_signed(&neutral, b"anything", &signature));
    }
}
