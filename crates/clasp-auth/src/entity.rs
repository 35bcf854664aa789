//! Entities: devices, users, services and relays that sign tokens with a key of their own, `ent_`
//! (spec: relay.md 12).

mod id;
mod lease;
mod registry;
mod rights;
mod token;
mod verifier;

pub use id::{EntityId, NotAnId};
pub use lease::EntityLeases;
pub use registry::{Defect, Entities, EntitiesError, EntityStore, MemoryStore, RegistryError};
pub use token::{EntityToken, EntityTokenError};
pub use verifier::{EntityTokenRules, EntityVerifier};

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::capability::PublicKey;
use crate::scope::ScopeError;

/// Somebody who is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Made from the public key.
    pub id: EntityId,
    /// What it is.
    pub kind: EntityKind,
    /// What people call it.
    pub name: String,
    /// What its tokens are verified with.
    pub public_key: PublicKey,
    /// When it was registered, seconds since 1970-01-01 UTC.
    pub created_at: u64,
    /// Notes, by name.
    pub metadata: BTreeMap<String, String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Where it is at home, each an address or pattern.
    pub namespaces: Vec<String>,
    /// What it may do, each as `action:pattern`.
    pub scopes: Vec<String>,
    /// Whether its tokens are accepted.
    pub status: EntityStatus,
}

impl Entity {
    /// Checks what an entity may do.
    ///
    /// # Errors
    /// The first scope or namespace that cannot be read.
    pub fn check_rights(&self) -> Result<(), ScopeError> {
        rights::of(self).map(drop)
    }
}

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntityKind {
    /// A thing.
    Device,
    /// A person.
    User,
    /// A program.
    Service,
    /// A relay.
    Router,
}

/// Whether an entity's tokens are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntityStatus {
    /// They are.
    Active,
    /// They are not, for now.
    Suspended,
    /// They never will be again.
    Revoked,
}

/// A word that is none of those expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is none of {expected}")]
pub struct UnknownWord {
    /// The word.
    pub word: String,
    /// Those expected.
    pub expected: &'static str,
}

impl EntityKind {
    const NAMES: [(&str, EntityKind); 4] = [
        ("device", EntityKind::Device),
        ("user", EntityKind::User),
        ("service", EntityKind::Service),
        ("router", EntityKind::Router),
    ];

    /// Name in lower case.
    pub fn name(self) -> &'static str {
        name_of(self, &Self::NAMES)
    }
}

impl EntityStatus {
    const NAMES: [(&str, EntityStatus); 4] = [
        ("active", EntityStatus::Active),
        ("suspended", EntityStatus::Suspended),
        ("revoked", EntityStatus::Revoked),
        ("inactive", EntityStatus::Suspended),
    ];

    /// Name in lower case.
    pub fn name(self) -> &'static str {
        name_of(self, &Self::NAMES)
    }
}

impl FromStr for EntityKind {
    type Err = UnknownWord;

    /// Reads a name in any case.
    fn from_str(word: &str) -> Result<EntityKind, UnknownWord> {
        named(word, &Self::NAMES, "device, user, service, router")
    }
}

impl FromStr for EntityStatus {
    type Err = UnknownWord;

    /// Reads a name in any case; `inactive` means suspended.
    fn from_str(word: &str) -> Result<EntityStatus, UnknownWord> {
        named(word, &Self::NAMES, "active, suspended, revoked")
    }
}

impl fmt::Display for EntityStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn name_of<T: Copy + PartialEq>(it: T, names: &[(&'static str, T)]) -> &'static str {
    names.iter().find(|(_, one)| *one == it).map_or("", |(name, _)| name)
}

fn named<T: Copy>(
    word: &str,
    names: &[(&'static str, T)],
    expected: &'static str,
) -> Result<T, UnknownWord> {
    let found = names.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    let unknown = || UnknownWord { word: word.chars().take(32).collect(), expected };
    found.map(|(_, it)| *it).ok_or_else(unknown)
}

#[cfg(test)]
mod tests;
