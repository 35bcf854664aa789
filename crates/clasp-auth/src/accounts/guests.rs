//! Guests: an identity for who has no account. A chosen identity belongs to its first holder as
//! long as a token of it is good (spec: relay.md 10.5, 10.15).

use crate::account;
use crate::token::Holder;
use crate::{Grant, Now};

use super::{AccountError, Accounts, Issued, narrowed};

/// What a guest asks for.
#[derive(Debug, Clone, Default)]
pub struct Visit {
    /// A name to be shown.
    pub name: Option<String>,
    /// The identity; blank or absent: a new one.
    pub user_id: Option<String>,
    /// Fewer scopes than a guest is entitled to.
    pub scopes: Option<Vec<String>>,
}

/// Published clients look for "identity belongs to a registered user" and then choose another one.
const HELD: &str = "This identity belongs to a registered user. Please sign in.";

impl Accounts {
    /// Issues a token to a guest. `grant` is of the token that the caller showed, if any: it lets
    /// a guest come back under the same identity.
    ///
    /// # Errors
    /// The identity or the name belongs to somebody, or something is malformed.
    pub fn visit(
        &self,
        visit: &Visit,
        grant: Option<&Grant>,
        now: Now,
    ) -> Result<Issued, AccountError> {
        let chosen = visit.user_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
        if chosen.is_some_and(|id| !account::id_is_fit(id)) {
            return Err(AccountError::Invalid("Invalid user_id format"));
        }
        let name = visit.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        if let Some(name) = name {
            if account::username(name).is_none() && name.chars().count() != 1 {
                return Err(AccountError::Invalid("Name must be 1-32 visible characters"));
            }
            if self.users.by_name(name)?.is_some() {
                let text = "That name belongs to a registered user. \
                            Sign in or pick a different name.";
                return Err(AccountError::Taken(text));
            }
        }
        let id = chosen.map_or_else(|| account::new_id('u', now), str::to_owned);
        let name = name.map_or_else(|| format!("guest-{}", ending(&id)), str::to_owned);
        let scopes = narrowed(self.entitlements.guest(&id), visit.scopes.as_deref())?;
        let _claim = self.claims.lock().expect("no holder panics");
        if self.users.knows(&id)? || self.is_held_by_another(&id, grant, now) {
            return Err(AccountError::Taken(HELD));
        }
        self.issue_to((Holder::Guest, &id, &name), scopes, now)
    }
}

/// The last six characters of an id, or all of a shorter one.
fn ending(id: &str) -> &str {
    &id[id.len().saturating_sub(6)..]
}
