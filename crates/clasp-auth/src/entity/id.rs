//! An entity's id: `clasp:` and base58 of the first half of its public key (spec: relay.md 12.1).

use std::fmt;
use std::str::FromStr;

use crate::capability::PublicKey;

const PREFIX: &str = "clasp:";

/// Characters of an id that was made elsewhere.
const CHARS_MAX: usize = 128;

/// An entity's id, as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(Box<str>);

/// A text that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an entity's id is 'clasp:' and base58 digits")]
pub struct NotAnId;

impl EntityId {
    /// The id of whoever holds this key.
    pub fn of(key: &PublicKey) -> EntityId {
        let digits = bs58::encode(&key[..16]).into_string();
        EntityId(format!("{PREFIX}{digits}").into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EntityId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<EntityId, NotAnId> {
        let digits = text.strip_prefix(PREFIX).ok_or(NotAnId)?;
        if digits.is_empty() || text.len() > CHARS_MAX {
            return Err(NotAnId);
        }
        bs58::decode(digits).into_vec().map_err(|_| NotAnId)?;
        Ok(EntityId(text.into()))
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
