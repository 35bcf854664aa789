//! Entity tokens at HELLO (spec: relay.md 12.3, 12.4).

use std::sync::Arc;

use super::token::PREFIX;
use super::{Entities, EntityId, EntityStatus, EntityToken, rights};
use crate::denial::{self, microseconds};
use crate::{Credential, CredentialKind, Denied, Grant, Verifier};

/// When an entity's token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityTokenRules {
    /// Seconds after its signature that it may be presented; 0 means for ever.
    pub age_s_max: u64,
    /// Seconds that an entity's clock may be ahead.
    pub ahead_s_max: u64,
}

impl Default for EntityTokenRules {
    fn default() -> EntityTokenRules {
        EntityTokenRules { age_s_max: 0, ahead_s_max: 300 }
    }
}

/// Checks `ent_` tokens.
#[derive(Debug)]
pub struct EntityVerifier {
    entities: Arc<Entities>,
    rules: EntityTokenRules,
}

/// Why a token is not accepted, for the log.
#[derive(Debug, thiserror::Error)]
enum Rejection {
    #[error("entity {0} is not registered")]
    Unknown(EntityId),
    #[error("it is not signed with the key of entity {0}")]
    BadSignature(EntityId),
    #[error("what entity {0} may do cannot be read")]
    BadRights(EntityId),
}

impl EntityVerifier {
    /// Accepts tokens of these entities.
    pub fn new(entities: Arc<Entities>, rules: EntityTokenRules) -> EntityVerifier {
        EntityVerifier { entities, rules }
    }

    fn check(&self, token: &EntityToken, now_s: u64) -> Result<Grant, Denied> {
        let refuse = |rejection: Rejection| denial::not_accepted("entity", &rejection);
        let id = &token.id;
        let entity = self.entities.get(id).ok_or_else(|| refuse(Rejection::Unknown(id.clone())))?;
        if !token.is_signed_by(&entity.public_key) {
            return Err(refuse(Rejection::BadSignature(id.clone())));
        }
        if token.signed_at > now_s.saturating_add(self.rules.ahead_s_max) {
            let ahead = format!("it was signed {} s from now", token.signed_at - now_s);
            return Err(denial::not_yet("entity", &ahead));
        }
        let limited = self.rules.age_s_max > 0;
        let end = limited.then(|| token.signed_at.saturating_add(self.rules.age_s_max));
        if end.is_some_and(|end| now_s >= end) {
            tracing::debug!("entity token refused: entity {id} signed it at {}", token.signed_at);
            return Err(Denied::Expired);
        }
        if entity.status != EntityStatus::Active {
            tracing::debug!("entity token refused: entity {id} is {}", entity.status);
            return Err(Denied::Revoked);
        }
        let scopes = rights::of(&entity).map_err(|_| refuse(Rejection::BadRights(id.clone())))?;
        let credential = Credential { kind: CredentialKind::Entity, id: id.as_str().into() };
        Ok(Grant {
            subject: Some(id.as_str().into()),
            scopes: Some(scopes.with_listening()),
            expires_unix_us: end.map(microseconds),
            credential: Some(Arc::new(credential)),
        })
    }
}

impl Verifier for EntityVerifier {
    fn verify(&self, token: &str, now_unix_us: u64) -> Option<Result<Grant, Denied>> {
        if !token.starts_with(PREFIX) {
            return None;
        }
        Some(match EntityToken::parse(token) {
            Ok(token) => self.check(&token, now_unix_us / 1_000_000),
            Err(error) => Err(denial::malformed("entity", &error)),
        })
    }

    fn revision(&self) -> u64 {
        self.entities.revision()
    }

    fn still_holds(&self, grant: &Grant) -> bool {
        let credential = grant.credential.as_deref();
        let Some(ours) = credential.filter(|it| it.kind == CredentialKind::Entity) else {
            return true;
        };
        let entity = ours.id.parse().ok().and_then(|id| self.entities.get(&id));
        entity.is_some_and(|entity| entity.status == EntityStatus::Active)
    }
}
