//! What those get who ask the relay for a token: the port through which an application's own
//! configuration decides (spec: relay.md 10.9).

use crate::{Action, Scope, Scopes};

/// Decides what users and guests are entitled to.
pub trait Entitlements: Send + Sync {
    /// Scopes of a registered user with this id.
    fn user(&self, id: &str) -> Scopes;

    /// Scopes of a guest with this id.
    fn guest(&self, id: &str) -> Scopes;
}

/// The same for every user, and the same for every guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedEntitlements {
    /// For users.
    pub users: Scopes,
    /// For guests.
    pub guests: Scopes,
}

impl Default for FixedEntitlements {
    /// Users read and write everything, guests read everything.
    fn default() -> FixedEntitlements {
        let read = Scope::everywhere(Action::Read);
        let write = Scope::everywhere(Action::Write);
        FixedEntitlements {
            users: Scopes::from_iter([read.clone(), write]),
            guests: Scopes::from_iter([read]),
        }
    }
}

impl Entitlements for FixedEntitlements {
    fn user(&self, _: &str) -> Scopes {
        self.users.clone()
    }

    fn guest(&self, _: &str) -> Scopes {
        self.guests.clone()
    }
}
