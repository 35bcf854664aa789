//! What one session may do, and until when.

use std::sync::Arc;

use clasp_protocol::Pattern;

use crate::{Action, Scopes};

/// What a token gives; without scopes there are no limits (open mode).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grant {
    /// Whom the token was issued to.
    pub subject: Option<Arc<str>>,
    /// What it allows; absent means everything.
    pub scopes: Option<Scopes>,
    /// When it ends, microseconds since 1970-01-01 UTC; absent means never.
    pub expires_unix_us: Option<u64>,
    /// The token it came from, as its verifier recognises it; never the secret itself.
    pub credential: Option<Arc<Credential>>,
}

/// Which token a grant came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Credential {
    /// Whose kind of token it is.
    pub kind: CredentialKind,
    /// Unique among the tokens of its kind: a hash, a nonce, an entity's id.
    pub id: Box<str>,
}

/// Kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// The operator's token file.
    Admin,
    /// `cpsk_`, issued by this relay.
    Cpsk,
    /// `cap_`, signed by a trust anchor or its delegates.
    Capability,
    /// `ent_`, signed by a registered entity.
    Entity,
    /// Signed by an identity provider.
    Jwt,
}

impl Grant {
    /// Whether SET, PUBLISH and ANNOUNCE of this address are allowed.
    pub fn may_write(&self, address: &str) -> bool {
        self.unlimited_or(|scopes| scopes.allows(Action::Write, address))
    }

    /// Whether GET of this address is allowed.
    pub fn may_read(&self, address: &str) -> bool {
        self.unlimited_or(|scopes| scopes.allows(Action::Read, address))
    }

    /// Whether this address may be told unasked: snapshots, replay (spec: routing.md 12.3).
    pub fn may_listen(&self, address: &str) -> bool {
        self.unlimited_or(|scopes| scopes.may_listen(address))
    }

    /// Whether SUBSCRIBE and REPLAY of this pattern are allowed (spec: routing.md 12.4).
    pub fn may_subscribe(&self, pattern: &Pattern) -> bool {
        self.unlimited_or(|scopes| scopes.may_subscribe(pattern))
    }

    /// Whether the grant has ended at this time.
    pub fn is_expired(&self, now_unix_us: u64) -> bool {
        self.expires_unix_us.is_some_and(|end| now_unix_us >= end)
    }

    fn unlimited_or(&self, check: impl FnOnce(&Scopes) -> bool) -> bool {
        self.scopes.as_ref().is_none_or(check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_scopes_everything_is_allowed() {
        let open = Grant::default();
        assert!(open.may_write("/a") && open.may_read("/a") && open.may_listen("/a"));
        assert!(open.may_subscribe(&Pattern::parse("/**").unwrap()));
        assert!(!open.is_expired(u64::MAX));
    }

    #[test]
    fn scopes_limit_each_operation_on_its_own() {
        let scopes = Scopes::parse_list("read:/in/**,write:/out/**").unwrap();
        let grant = Grant { scopes: Some(scopes), ..Grant::default() };
        assert!(grant.may_listen("/in/a") && !grant.may_write("/in/a"));
        assert!(grant.may_write("/out/a") && grant.may_read("/out/a"));
        assert!(!grant.may_listen("/out/a"));
        assert!(!grant.may_subscribe(&Pattern::parse("/out/**").unwrap()));
    }

    #[test]
    fn a_grant_ends_at_its_very_microsecond() {
        let grant = Grant { expires_unix_us: Some(10), ..Grant::default() };
        assert!(!grant.is_expired(9));
        assert!(grant.is_expired(10));
    }
}
