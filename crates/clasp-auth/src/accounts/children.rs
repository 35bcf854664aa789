//! Devices and programs that a holder provisions: tokens that hang on the holder's own
//! (spec: relay.md 10.10).

use std::sync::Arc;

use crate::account;
use crate::cpsk::TokenHash;
use crate::token::{Holder, Token};
use crate::{CredentialKind, Grant, Now};

use super::{AccountError, Accounts, Issued, parsed};

/// What is to be provisioned.
#[derive(Debug, Clone, Default)]
pub struct NewChild {
    /// A name to be shown.
    pub name: String,
    /// What it may do; absent: what its parent may.
    pub scopes: Option<Vec<String>>,
}

impl Accounts {
    /// Issues a token for a device: at most the parent's scopes, at most the parent's time. The
    /// operator's token may provision too.
    ///
    /// # Errors
    /// The token that was shown may not, or a scope goes beyond it.
    pub fn provision(
        &self,
        child: &NewChild,
        grant: &Grant,
        now: Now,
    ) -> Result<Issued, AccountError> {
        let by_operator =
            grant.credential.as_ref().map(|it| it.kind) == Some(CredentialKind::Admin);
        let parent = match by_operator {
            true => None,
            false => Some(self.token_of(grant)?),
        };
        match parent.as_ref().map(|parent| parent.holder) {
            Some(Holder::Child) => {
                return Err(AccountError::Forbidden("a child token cannot have children"));
            }
            Some(Holder::Entity) => {
                return Err(AccountError::Forbidden("an entity's token cannot have children"));
            }
            _ => {}
        }
        let Some(name) = account::username(&child.name) else {
            return Err(AccountError::Invalid("Name must be 2-32 visible characters"));
        };
        let own = grant.scopes.clone().unwrap_or_default();
        let scopes = match &child.scopes {
            Some(scopes) => parsed(scopes)?,
            None if by_operator => {
                return Err(AccountError::Invalid("say which scopes the token is to have"));
            }
            None => own.clone(),
        };
        if let Some(beyond) = scopes.iter().find(|scope| !own.iter().any(|it| it.includes(scope))) {
            return Err(AccountError::ScopeNotAllowed(beyond.to_string()));
        }
        let template = Token {
            hash: TokenHash::from_bytes([0; 32]),
            subject: account::new_id('d', now).into(),
            name: name.into(),
            holder: Holder::Child,
            scopes,
            parent: parent.map(|parent| parent.hash),
            owner: grant.subject.clone(),
            issued_unix_s: 0,
            expires_unix_s: None,
        };
        self.issue(template, now)
    }

    /// The devices that the holder of a grant has provisioned, the newest first. A device is told
    /// by its token.
    pub fn children(&self, grant: &Grant, now: Now) -> Vec<Arc<Token>> {
        let Some(owner) = grant.subject.as_deref() else { return Vec::new() };
        let owned = |token: &&Arc<Token>| {
            token.owner.as_deref() == Some(owner) && !token.is_expired(now.unix_s())
        };
        self.tokens.of(owner).iter().rev().filter(owned).cloned().collect()
    }

    /// Ends a device of the holder of a grant, for good; what it was.
    ///
    /// # Errors
    /// The holder has no such device, or the store failed.
    pub fn revoke_child(
        &self,
        grant: &Grant,
        subject: &str,
        now: Now,
    ) -> Result<Arc<Token>, AccountError> {
        let mut children = self.children(grant, now).into_iter();
        let child = children.find(|child| *child.subject == *subject);
        let child = child.ok_or(AccountError::NotFound)?;
        self.tokens.revoke_subject(subject, None)?;
        Ok(child)
    }
}
