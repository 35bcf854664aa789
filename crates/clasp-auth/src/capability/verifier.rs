//! Capability tokens at HELLO (spec: relay.md 11.8 to 11.10).

use std::sync::Arc;

use super::verify::{Rejection, Rules};
use super::{Capability, PREFIX, Parents, Revocations, Verified};
use crate::anchor::TrustAnchors;
use crate::denial::{self, microseconds};
use crate::{Credential, CredentialKind, Denied, Grant, Scopes, Verifier};

/// What capability tokens are held against.
#[derive(Debug, Default)]
pub struct CapabilityConfig {
    /// Whose root tokens are accepted.
    pub anchors: TrustAnchors,
    /// Grants that a token may be delegated from.
    pub links_max: usize,
    /// What makes tokens acceptable that older tools delegated.
    pub parents: Parents,
}

/// Checks `cap_` tokens.
#[derive(Debug)]
pub struct CapabilityVerifier {
    config: CapabilityConfig,
    revocations: Arc<Revocations>,
}

impl CapabilityVerifier {
    /// Tokens are held against these; `revocations` may change at any time.
    pub fn new(config: CapabilityConfig, revocations: Arc<Revocations>) -> CapabilityVerifier {
        CapabilityVerifier { config, revocations }
    }

    /// Verifies a token that somebody presents; `now_s` is the wall clock in seconds.
    ///
    /// # Errors
    /// It is not accepted; says why, for the log.
    pub fn check(&self, token: &Capability, now_s: u64) -> Result<Verified, Rejection> {
        let CapabilityConfig { anchors, parents, links_max } = &self.config;
        let (links_max, revocations) = (*links_max, &*self.revocations);
        Rules { anchors, parents, revocations, links_max }.verify(token, now_s)
    }
}

impl Verifier for CapabilityVerifier {
    fn verify(&self, token: &str, now_unix_us: u64) -> Option<Result<Grant, Denied>> {
        if !token.starts_with(PREFIX) {
            return None;
        }
        let token = match Capability::parse(token) {
            Ok(token) => token,
            Err(error) => return Some(Err(denial::malformed("capability", &error))),
        };
        let verified = match self.check(&token, now_unix_us / 1_000_000) {
            Ok(verified) => verified,
            Err(rejection) => return Some(Err(deny(&rejection))),
        };
        let issuer = bs58::encode(&token.grant.issuer[..16]).into_string();
        let scopes: Scopes = verified.scopes.into_iter().collect();
        let id = verified.nonces.join(" ").into_boxed_str();
        Some(Ok(Grant {
            subject: Some(format!("cap:{issuer}").into()),
            scopes: Some(scopes.with_listening()),
            expires_unix_us: Some(microseconds(verified.expires_at)),
            credential: Some(Arc::new(Credential { kind: CredentialKind::Capability, id })),
        }))
    }

    fn revision(&self) -> u64 {
        self.revocations.revision()
    }

    fn still_holds(&self, grant: &Grant) -> bool {
        let credential = grant.credential.as_deref();
        let of_ours = credential.filter(|it| it.kind == CredentialKind::Capability);
        of_ours.is_none_or(|it| !it.id.split(' ').any(|nonce| self.revocations.contains(nonce)))
    }
}

fn deny(rejection: &Rejection) -> Denied {
    let denied = match rejection {
        Rejection::Expired(_) => Denied::Expired,
        Rejection::Revoked(_) => Denied::Revoked,
        Rejection::Unverifiable => Denied::Invalid(denial::NO_CHAIN.into()),
        Rejection::ForDelegation => Denied::Invalid(denial::FOR_DELEGATION.into()),
        _ => Denied::Invalid(denial::NOT_ACCEPTED.into()),
    };
    tracing::debug!("capability token refused: {rejection}");
    denied
}
