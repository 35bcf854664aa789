//! Several kinds of tokens behind one door (spec: relay.md 8.3).

use std::sync::Arc;

use crate::{Authenticator, Denied, Grant, Scopes};

/// Checks one kind of token.
pub trait Verifier: Send + Sync {
    /// What the token gives; `None` if it is not of this kind, so that others are asked.
    /// `now_unix_us` is the wall clock in microseconds.
    fn verify(&self, token: &str, now_unix_us: u64) -> Option<Result<Grant, Denied>>;

    /// Rises whenever something that was granted may have been taken back.
    fn revision(&self) -> u64 {
        0
    }

    /// Whether a grant of this verifier still holds, its time aside; `true` for grants of others.
    fn still_holds(&self, _grant: &Grant) -> bool {
        true
    }
}

/// Asks verifiers in turn until one knows the token.
pub struct Chain {
    verifiers: Vec<Arc<dyn Verifier>>,
    anonymous: Option<Scopes>,
}

impl Chain {
    /// Without `anonymous` scopes a token is demanded; with them whoever brings none gets these.
    pub fn new(verifiers: Vec<Arc<dyn Verifier>>, anonymous: Option<Scopes>) -> Chain {
        Chain { verifiers, anonymous }
    }
}

impl Authenticator for Chain {
    fn authenticate(&self, token: Option<&str>, now_unix_us: u64) -> Result<Grant, Denied> {
        let Some(token) = token else {
            let scopes = self.anonymous.clone().ok_or(Denied::Missing)?;
            return Ok(Grant { scopes: Some(scopes), ..Grant::default() });
        };
        let grant = self
            .verifiers
            .iter()
            .find_map(|verifier| verifier.verify(token, now_unix_us))
            .unwrap_or_else(|| Err(Denied::Invalid("unknown token".into())))?;
        if grant.is_expired(now_unix_us) { Err(Denied::Expired) } else { Ok(grant) }
    }

    fn revision(&self) -> u64 {
        self.verifiers.iter().map(|verifier| verifier.revision()).sum()
    }

    fn still_holds(&self, grant: &Grant) -> bool {
        self.verifiers.iter().all(|verifier| verifier.still_holds(grant))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Knows tokens by a prefix; what follows is the subject, "gone" is one that was revoked.
    struct Prefix(&'static str, AtomicU64);

    impl Verifier for Prefix {
        fn verify(&self, token: &str, _: u64) -> Option<Result<Grant, Denied>> {
            let subject = token.strip_prefix(self.0)?;
            let expires_unix_us = (subject == "old").then_some(5);
            let subject = Some(subject.into());
            Some(Ok(Grant { subject, expires_unix_us, ..Grant::default() }))
        }

        fn revision(&self) -> u64 {
            self.1.load(Ordering::Relaxed)
        }

        fn still_holds(&self, grant: &Grant) -> bool {
            grant.subject.as_deref() != Some("gone")
        }
    }

    fn chain(anonymous: Option<&str>) -> Chain {
        let verifiers: Vec<Arc<dyn Verifier>> = vec![
            Arc::new(Prefix("a_", AtomicU64::new(1))),
            Arc::new(Prefix("b_", AtomicU64::new(2))),
        ];
        Chain::new(verifiers, anonymous.map(|list| Scopes::parse_list(list).unwrap()))
    }

    #[test]
    fn the_verifier_that_knows_the_token_decides() {
        let chain = chain(None);
        assert_eq!(chain.authenticate(Some("b_x"), 0).unwrap().subject.as_deref(), Some("x"));
        assert!(matches!(chain.authenticate(Some("c_x"), 0), Err(Denied::Invalid(_))));
    }

    #[test]
    fn an_expired_grant_is_no_grant() {
        assert!(chain(None).authenticate(Some("a_old"), 4).is_ok());
        assert_eq!(chain(None).authenticate(Some("a_old"), 5), Err(Denied::Expired));
    }

    #[test]
    fn without_a_token_there_is_only_what_the_operator_gives_everybody() {
        assert_eq!(chain(None).authenticate(None, 0), Err(Denied::Missing));
        let grant = chain(Some("read:/public/**")).authenticate(None, 0).unwrap();
        assert!(grant.may_read("/public/a") && !grant.may_read("/a"));
        assert!(!grant.may_write("/public/a"));
    }

    #[test]
    fn a_bad_token_does_not_fall_back_to_what_everybody_gets() {
        assert!(chain(Some("read:/**")).authenticate(Some("nope"), 0).is_err());
    }

    #[test]
    fn every_verifier_may_take_its_grants_back() {
        let chain = chain(None);
        assert_eq!(chain.revision(), 3);
        let of = |subject: &str| Grant { subject: Some(subject.into()), ..Grant::default() };
        assert!(chain.still_holds(&of("x")) && !chain.still_holds(&of("gone")));
    }
}
