//! Tokens that the relay issues to its entities, `cpsk_`: they give what the entity may do, for as
//! long as it is active (spec: relay.md 12.6).

use std::sync::Arc;

use super::{Entities, Entity, EntityId, EntityStatus, rights};
use crate::cpsk::{self, Secret, TokenHash};
use crate::denial::{self, microseconds};
use crate::store::StoreError;
use crate::token::{Holder, Token};
use crate::tokens::{IssueError, Tokens};
use crate::{Credential, CredentialKind, Denied, Grant, Now, Verifier};

/// Issues and checks tokens of entities. Has to be asked before [`Tokens`], which refuses them.
#[derive(Debug)]
pub struct EntityLeases {
    tokens: Arc<Tokens>,
    entities: Arc<Entities>,
    ttl_s: u64,
}

impl EntityLeases {
    /// Tokens among `tokens` that are good for `ttl_s` seconds; 0 means without end.
    pub fn new(tokens: Arc<Tokens>, entities: Arc<Entities>, ttl_s: u64) -> EntityLeases {
        EntityLeases { tokens, entities, ttl_s }
    }

    /// The registry.
    pub fn entities(&self) -> &Arc<Entities> {
        &self.entities
    }

    /// A token for an entity; may block. It is refused while the entity is not active.
    ///
    /// # Errors
    /// Too many tokens are in use, or the store failed.
    pub fn issue(&self, entity: &Entity, now: Now) -> Result<Secret, IssueError> {
        let end = (self.ttl_s > 0).then(|| now.unix_s().saturating_add(self.ttl_s));
        let (secret, _) = self.tokens.issue(Token {
            hash: TokenHash::from_bytes([0; 32]),
            subject: entity.id.as_str().into(),
            name: entity.name.as_str().into(),
            holder: Holder::Entity,
            scopes: rights::of(entity).unwrap_or_default(),
            parent: None,
            owner: None,
            issued_unix_s: now.unix_s(),
            expires_unix_s: end,
        })?;
        Ok(secret)
    }

    /// Ends all tokens that were issued to an entity, for good; may block. How many there were.
    ///
    /// # Errors
    /// The store failed; nothing has changed then.
    pub fn end(&self, id: &EntityId) -> Result<usize, StoreError> {
        self.tokens.revoke_subject(id.as_str(), None)
    }

    fn check(&self, token: &Token, now_unix_s: u64) -> Result<Grant, Denied> {
        if token.is_expired(now_unix_s) {
            return Err(Denied::Expired);
        }
        let refuse = |why: &str| denial::not_accepted("entity", &why);
        let id: Option<EntityId> = token.subject.parse().ok();
        let entity = id.and_then(|id| self.entities.get(&id));
        let entity = entity.ok_or_else(|| refuse("its entity is not registered"))?;
        if entity.status != EntityStatus::Active {
            return Err(Denied::Revoked);
        }
        let scopes =
            rights::of(&entity).map_err(|_| refuse("its entity's rights are unreadable"))?;
        let credential =
            Credential { kind: CredentialKind::Cpsk, id: token.hash.to_string().into() };
        Ok(Grant {
            subject: Some(Arc::clone(&token.subject)),
            scopes: Some(scopes.with_listening()),
            expires_unix_us: token.expires_unix_s.map(microseconds),
            credential: Some(Arc::new(credential)),
        })
    }

    fn of_an_entity(&self, hash: &TokenHash) -> Option<Arc<Token>> {
        self.tokens.get(hash).filter(|token| token.holder == Holder::Entity)
    }
}

impl Verifier for EntityLeases {
    fn verify(&self, token: &str, now_unix_us: u64) -> Option<Result<Grant, Denied>> {
        token.strip_prefix(cpsk::PREFIX)?;
        let token = self.of_an_entity(&TokenHash::of(token))?;
        Some(self.check(&token, now_unix_us / 1_000_000))
    }

    fn revision(&self) -> u64 {
        self.entities.revision()
    }

    fn still_holds(&self, grant: &Grant) -> bool {
        let Some(ours) = grant.credential.as_deref() else { return true };
        if ours.kind != CredentialKind::Cpsk {
            return true;
        }
        // A token that is gone is `Tokens`' business.
        let token = ours.id.parse().ok().and_then(|hash| self.of_an_entity(&hash));
        token.is_none_or(|token| self.check(&token, 0).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EntityKind, MemoryStore};
    use super::*;
    use crate::tokens::TokenLimits;
    use crate::{Authenticator as _, Chain, store};

    const NOW: Now = Now { unix_us: 1_000_000_000, mono_us: 0 };

    struct Desk {
        entities: Arc<Entities>,
        tokens: Arc<Tokens>,
        leases: Arc<EntityLeases>,
        chain: Chain,
    }

    fn desk() -> Desk {
        let kept = Arc::new(store::MemoryStore::default());
        let tokens = Arc::new(Tokens::open(kept, TokenLimits::default(), 0).unwrap());
        let entities = Arc::new(Entities::open(Box::<MemoryStore>::default()).unwrap());
        let leases = EntityLeases::new(Arc::clone(&tokens), Arc::clone(&entities), 60);
        let leases = Arc::new(leases);
        let chain = Chain::new(vec![Arc::clone(&leases) as _, Arc::clone(&tokens) as _], None);
        Desk { entities, tokens, leases, chain }
    }

    fn lamp() -> Entity {
        Entity {
            id: EntityId::of(&[7; 32]),
            kind: EntityKind::Device,
            name: "lamp".to_owned(),
            public_key: [7; 32],
            created_at: 0,
            metadata: Default::default(),
            tags: Vec::new(),
            namespaces: Vec::new(),
            scopes: vec!["write:/lamp/**".to_owned()],
            status: EntityStatus::Active,
        }
    }

    #[test]
    fn a_lease_gives_what_the_entity_may_do_until_it_ends() {
        let desk = desk();
        let lamp = desk.entities.create(lamp()).unwrap();
        let secret = desk.leases.issue(&lamp, NOW).unwrap();
        let grant = desk.chain.authenticate(Some(secret.reveal()), NOW.unix_us).unwrap();
        assert_eq!(grant.subject.as_deref(), Some(lamp.id.as_str()));
        assert!(grant.may_write("/lamp/on") && grant.may_listen("/lamp/on"));
        assert!(!grant.may_write("/other") && desk.chain.still_holds(&grant));
        assert_eq!(grant.expires_unix_us, Some(NOW.unix_us + 60_000_000));
        let late = desk.chain.authenticate(Some(secret.reveal()), NOW.unix_us + 60_000_000);
        assert_eq!(late, Err(Denied::Expired));
    }

    #[test]
    fn a_lease_is_as_good_as_its_entity() {
        let desk = desk();
        let lamp = desk.entities.create(lamp()).unwrap();
        let secret = desk.leases.issue(&lamp, NOW).unwrap();
        let ask = || desk.chain.authenticate(Some(secret.reveal()), NOW.unix_us);
        let (grant, before) = (ask().unwrap(), desk.chain.revision());
        desk.entities.set_status(&lamp.id, EntityStatus::Suspended).unwrap();
        assert!(desk.chain.revision() > before && !desk.chain.still_holds(&grant));
        assert_eq!(ask(), Err(Denied::Revoked));
        desk.entities.delete(&lamp.id).unwrap();
        assert!(!desk.chain.still_holds(&grant) && matches!(ask(), Err(Denied::Invalid(_))));
    }

    #[test]
    fn an_ended_lease_does_not_come_back() {
        let desk = desk();
        let lamp = desk.entities.create(lamp()).unwrap();
        let secret = desk.leases.issue(&lamp, NOW).unwrap();
        let grant = desk.chain.authenticate(Some(secret.reveal()), NOW.unix_us).unwrap();
        assert_eq!(desk.leases.end(&lamp.id), Ok(1));
        assert!(!desk.chain.still_holds(&grant));
        assert!(desk.chain.authenticate(Some(secret.reveal()), NOW.unix_us).is_err());
    }

    #[test]
    fn without_the_registry_a_lease_is_worth_nothing() {
        let desk = desk();
        let lamp = desk.entities.create(lamp()).unwrap();
        let secret = desk.leases.issue(&lamp, NOW).unwrap();
        let alone = Chain::new(vec![desk.tokens as _], None);
        assert!(alone.authenticate(Some(secret.reveal()), NOW.unix_us).is_err());
    }
}
