//! One issued token, as it is kept: by its hash (spec: relay.md 9.2, 10.10).

use std::sync::Arc;

use crate::Scopes;
use crate::cpsk::TokenHash;

/// Whom a token was issued to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A registered user.
    User,
    /// Somebody without an account.
    Guest,
    /// A device or program that another holder provisioned.
    Child,
    /// A registered entity; as good as the entity is, see [`crate::EntityLeases`].
    Entity,
    /// Somebody in the operator's list of tokens; not stored by the relay.
    Listed,
}

impl Holder {
    /// The word that stands for it in files and answers.
    pub fn name(self) -> &'static str {
        match self {
            Holder::User => "user",
            Holder::Guest => "guest",
            Holder::Child => "child",
            Holder::Entity => "entity",
            Holder::Listed => "listed",
        }
    }

    /// What [`Holder::name`] says.
    pub fn from_name(name: &str) -> Option<Holder> {
        [Holder::User, Holder::Guest, Holder::Child, Holder::Entity, Holder::Listed]
            .into_iter()
            .find(|holder| holder.name() == name)
    }
}

/// A token that was issued and not taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its secret's hash.
    pub hash: TokenHash,
    /// Whom sessions of it are.
    pub subject: Arc<str>,
    /// The subject's name for people.
    pub name: Arc<str>,
    /// Kind of subject.
    pub holder: Holder,
    /// What it allows.
    pub scopes: Scopes,
    /// The token it hangs on; it ends with that one.
    pub parent: Option<TokenHash>,
    /// Who provisioned it, and may list it and take it back.
    pub owner: Option<Arc<str>>,
    /// Seconds since 1970-01-01 UTC.
    pub issued_unix_s: u64,
    /// Seconds since 1970-01-01 UTC; absent means never.
    pub expires_unix_s: Option<u64>,
}

impl Token {
    /// Whether its time is over.
    pub fn is_expired(&self, now_unix_s: u64) -> bool {
        self.expires_unix_s.is_some_and(|end| now_unix_s >= end)
    }
}
