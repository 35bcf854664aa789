//! Capability tokens that were taken back, by nonce (spec: relay.md 11.9): those of the operator's
//! list, and those revoked while the relay runs.

use std::collections::HashSet;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::decode::nonce as checked;

/// Nonces of tokens that are not accepted, nor is what was delegated from them.
#[derive(Debug, Default)]
pub struct Revocations {
    lists: RwLock<Lists>,
    revision: AtomicU64,
}

#[derive(Debug, Default)]
struct Lists {
    listed: HashSet<String>,
    added: HashSet<String>,
}

/// Why a nonce cannot be revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// A line of the list is not a nonce.
    #[error("line {0} is not a nonce: write one a line, '#' begins a comment")]
    BadLine(usize),
    /// This is not a nonce.
    #[error("a nonce has 1 to 64 printable ASCII characters")]
    BadNonce,
    /// Too many were revoked since the start.
    #[error("{0} nonces were revoked since the start; put them into the file of --cap-revoked")]
    Full(usize),
}

const POISONED: &str = "no holder panics";

impl Revocations {
    /// Nonces that can be revoked while the relay runs.
    pub const ADDED_MAX: usize = 100_000;

    /// Takes this list in place of the one before; tells how many nonces it has.
    ///
    /// # Errors
    /// A line is not a nonce; the list before stays.
    pub fn replace_listed(&self, list: &str) -> Result<usize, RevocationError> {
        let mut listed = HashSet::new();
        for (index, line) in list.lines().enumerate() {
            let text = line.split('#').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            listed.insert(checked(text).map_err(|_| RevocationError::BadLine(index + 1))?);
        }
        let count = listed.len();
        self.lists.write().expect(POISONED).listed = listed;
        self.revision.fetch_add(1, Ordering::AcqRel);
        Ok(count)
    }

    /// Revokes a token until the relay ends; tells whether it was not revoked before.
    ///
    /// # Errors
    /// This is not a nonce, or too many were revoked.
    pub fn revoke(&self, nonce: &str) -> Result<bool, RevocationError> {
        let nonce = checked(nonce).map_err(|_| RevocationError::BadNonce)?;
        let mut lists = self.lists.write().expect(POISONED);
        if lists.contains(&nonce) {
            return Ok(false);
        }
        if lists.added.len() >= Self::ADDED_MAX {
            return Err(RevocationError::Full(Self::ADDED_MAX));
        }
        lists.added.insert(nonce);
        drop(lists);
        self.revision.fetch_add(1, Ordering::AcqRel);
        Ok(true)
    }

    /// Whether a token was taken back.
    pub fn contains(&self, nonce: &str) -> bool {
        self.lists.read().expect(POISONED).contains(nonce)
    }

    /// Rises with every change.
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }
}

impl Lists {
    fn contains(&self, nonce: &str) -> bool {
        self.listed.contains(nonce) || self.added.contains(nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_list_replaces_the_old_one_and_keeps_what_was_revoked_since() {
        let revocations = Revocations::default();
        assert_eq!(revocations.replace_listed("# old\na\n\n b # theirs\n"), Ok(2));
        assert_eq!((revocations.revoke("c"), revocations.revoke("c")), (Ok(true), Ok(false)));
        assert_eq!(revocations.revision(), 2);
        assert_eq!(revocations.replace_listed("b"), Ok(1));
        let known = ["a", "b", "c"].map(|nonce| revocations.contains(nonce));
        assert_eq!((known, revocations.revision()), ([false, true, true], 3));
    }

    #[test]
    fn a_bad_list_changes_nothing() {
        let revocations = Revocations::default();
        revocations.replace_listed("a").unwrap();
        assert_eq!(revocations.replace_listed("b\nc d"), Err(RevocationError::BadLine(2)));
        assert!(revocations.contains("a") && !revocations.contains("b"));
        assert_eq!(revocations.revoke("two words"), Err(RevocationError::BadNonce));
    }
}
