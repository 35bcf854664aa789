//! Tokens by hash, by subject, by owner and by parent.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use crate::cpsk::TokenHash;
use crate::token::{Holder, Token};

/// Every token once, and the ways to find it.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_hash: HashMap<TokenHash, Arc<Token>>,
    by_subject: Groups<Arc<str>>,
    by_owner: Groups<Arc<str>>,
    by_parent: Groups<TokenHash>,
    guests: usize,
}

type Groups<K> = HashMap<K, HashSet<TokenHash>>;

impl Index {
    pub(super) fn insert(&mut self, token: Token) {
        let token = Arc::new(token);
        self.remove(&token.hash);
        let hash = token.hash;
        self.by_subject.entry(Arc::clone(&token.subject)).or_default().insert(hash);
        if let Some(owner) = &token.owner {
            self.by_owner.entry(Arc::clone(owner)).or_default().insert(hash);
        }
        if let Some(parent) = token.parent {
            self.by_parent.entry(parent).or_default().insert(hash);
        }
        self.guests += usize::from(token.holder == Holder::Guest);
        self.by_hash.insert(hash, token);
    }

    pub(super) fn remove(&mut self, hash: &TokenHash) {
        let Some(token) = self.by_hash.remove(hash) else { return };
        leave(&mut self.by_subject, &token.subject, hash);
        if let Some(owner) = &token.owner {
            leave(&mut self.by_owner, owner, hash);
        }
        if let Some(parent) = &token.parent {
            leave(&mut self.by_parent, parent, hash);
        }
        self.guests -= usize::from(token.holder == Holder::Guest);
    }

    pub(super) fn get(&self, hash: &TokenHash) -> Option<&Arc<Token>> {
        self.by_hash.get(hash)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.by_hash.values()
    }

    pub(super) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(super) fn guests(&self) -> usize {
        self.guests
    }

    pub(super) fn of_subject(&self, subject: &str) -> impl Iterator<Item = &Arc<Token>> {
        self.found(self.by_subject.get(subject))
    }

    pub(super) fn of_owner(&self, owner: &str) -> impl Iterator<Item = &Arc<Token>> {
        self.found(self.by_owner.get(owner))
    }

    fn found(&self, hashes: Option<&HashSet<TokenHash>>) -> impl Iterator<Item = &Arc<Token>> {
        let hashes: Vec<TokenHash> = hashes.into_iter().flatten().copied().collect();
        hashes.into_iter().filter_map(|hash| self.by_hash.get(&hash))
    }

    /// Those of `hashes` that are here, and all that hang on them.
    pub(super) fn with_children(&self, hashes: &[TokenHash]) -> Vec<TokenHash> {
        let mut seen = HashSet::new();
        let mut open: Vec<TokenHash> = hashes.to_vec();
        while let Some(hash) = open.pop() {
            if self.by_hash.contains_key(&hash) && seen.insert(hash) {
                open.extend(self.by_parent.get(&hash).into_iter().flatten());
            }
        }
        seen.into_iter().collect()
    }

    pub(super) fn expired(&self, now_unix_s: u64) -> Vec<TokenHash> {
        let over = |token: &&Arc<Token>| token.is_expired(now_unix_s);
        self.by_hash.values().filter(over).map(|token| token.hash).collect()
    }
}

fn leave<K: Hash + Eq + Clone>(groups: &mut Groups<K>, key: &K, hash: &TokenHash) {
    if let Some(group) = groups.get_mut(key) {
        group.remove(hash);
        if group.is_empty() {
            groups.remove(key);
        }
    }
}
