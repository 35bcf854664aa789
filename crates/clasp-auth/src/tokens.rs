//! All tokens that this relay issued and still honours: in memory by their hashes, every change
//! first in the store. Verifies them without I/O (spec: relay.md 9.1 to 9.3, 9.5).

mod index;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use crate::cpsk::{self, Secret, TokenHash};
use crate::store::{StoreError, TokenStore};
use crate::token::{Holder, Token};
use crate::{Credential, CredentialKind, Denied, Grant, Verifier};
use index::Index;

/// How many tokens may be alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLimits {
    /// Of one subject; a further one ends the oldest.
    pub per_subject: usize,
    /// Children of one owner; further ones are refused.
    pub children_per_owner: usize,
    /// Of all guests; further ones are refused.
    pub guests: usize,
    /// Of all; further ones are refused.
    pub all: usize,
}

impl Default for TokenLimits {
    fn default() -> TokenLimits {
        TokenLimits { per_subject: 50, children_per_owner: 1_000, guests: 100_000, all: 500_000 }
    }
}

/// Why a token was not issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// A limit of [`TokenLimits`] is reached.
    #[error("too many tokens are in use")]
    Full,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// The tokens in force.
pub struct Tokens {
    store: Arc<dyn TokenStore>,
    limits: TokenLimits,
    /// Held over a change of store and index, so that they change in the same order.
    changing: Mutex<()>,
    index: RwLock<Index>,
    revoked: AtomicU64,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("count", &self.len()).finish_non_exhaustive()
    }
}

impl Tokens {
    /// Takes over what the store holds.
    ///
    /// # Errors
    /// The store failed.
    pub fn open(
        store: Arc<dyn TokenStore>,
        limits: TokenLimits,
        now_unix_s: u64,
    ) -> Result<Tokens, StoreError> {
        let mut index = Index::default();
        store.load(now_unix_s)?.into_iter().for_each(|token| index.insert(token));
        let (changing, revoked) = (Mutex::default(), AtomicU64::new(0));
        Ok(Tokens { store, limits, changing, index: RwLock::new(index), revoked })
    }

    /// Honours the operator's own tokens; they are kept in memory only.
    pub fn add_listed(&self, tokens: impl IntoIterator<Item = Token>) {
        let mut index = self.index.write().expect("no holder panics");
        tokens.into_iter().for_each(|token| index.insert(token));
    }

    /// Makes a token like `template`, whose hash is replaced; the secret is told here only.
    ///
    /// # Errors
    /// Too many are in use, or the store failed.
    pub fn issue(&self, template: Token) -> Result<(Secret, Arc<Token>), IssueError> {
        let secret = cpsk::mint();
        let token = Token { hash: TokenHash::of(secret.reveal()), ..template };
        let _changing = self.changing.lock().expect("no holder panics");
        let surplus = self.room_for(&token)?;
        self.take_back(&surplus)?;
        self.store.insert(&token)?;
        let mut index = self.index.write().expect("no holder panics");
        index.insert(token.clone());
        Ok((secret, Arc::new(token)))
    }

    /// The tokens that have to end for this one.
    fn room_for(&self, token: &Token) -> Result<Vec<TokenHash>, IssueError> {
        let index = self.index.read().expect("no holder panics");
        let owned = token.owner.as_deref().map_or(0, |owner| index.of_owner(owner).count());
        let guests = usize::from(token.holder == Holder::Guest) * index.guests();
        if owned >= self.limits.children_per_owner
            || guests >= self.limits.guests
            || index.len() >= self.limits.all
        {
            return Err(IssueError::Full);
        }
        let mut own: Vec<&Arc<Token>> =
            index.of_subject(&token.subject).filter(|it| it.holder != Holder::Listed).collect();
        own.sort_by_key(|token| token.issued_unix_s);
        let surplus = (own.len() + 1).saturating_sub(self.limits.per_subject);
        Ok(own.iter().take(surplus).map(|token| token.hash).collect())
    }

    /// Takes tokens back, and those that hang on them; how many there were.
    ///
    /// # Errors
    /// The store failed; nothing has changed then.
    pub fn revoke(&self, hashes: &[TokenHash]) -> Result<usize, StoreError> {
        let _changing = self.changing.lock().expect("no holder panics");
        self.take_back(hashes)
    }

    /// Takes back all tokens of a subject but `except`, and what hangs on them.
    ///
    /// # Errors
    /// The store failed; nothing has changed then.
    pub fn revoke_subject(
        &self,
        subject: &str,
        except: Option<TokenHash>,
    ) -> Result<usize, StoreError> {
        let _changing = self.changing.lock().expect("no holder panics");
        let hashes: Vec<TokenHash> = {
            let index = self.index.read().expect("no holder panics");
            index.of_subject(subject).map(|it| it.hash).filter(|it| Some(*it) != except).collect()
        };
        self.take_back(&hashes)
    }

    fn take_back(&self, hashes: &[TokenHash]) -> Result<usize, StoreError> {
        let hashes = self.index.read().expect("no holder panics").with_children(hashes);
        if hashes.is_empty() {
            return Ok(0);
        }
        self.store.remove(&hashes)?;
        let mut index = self.index.write().expect("no holder panics");
        hashes.iter().for_each(|hash| index.remove(hash));
        drop(index);
        self.revoked.fetch_add(1, Ordering::Release);
        Ok(hashes.len())
    }

    /// Forgets tokens whose time is over; how many.
    ///
    /// # Errors
    /// The store failed; they are tried again next time.
    pub fn sweep(&self, now_unix_s: u64) -> Result<usize, StoreError> {
        let _changing = self.changing.lock().expect("no holder panics");
        let over = self.index.read().expect("no holder panics").expired(now_unix_s);
        if !over.is_empty() {
            self.store.remove(&over)?;
            let mut index = self.index.write().expect("no holder panics");
            over.iter().for_each(|hash| index.remove(hash));
        }
        Ok(over.len())
    }

    /// The token with this hash, whether its time is over or not.
    pub fn get(&self, hash: &TokenHash) -> Option<Arc<Token>> {
        self.index.read().expect("no holder panics").get(hash).cloned()
    }

    /// Whether a token in force is this subject's.
    pub fn holds(&self, subject: &str, now_unix_s: u64) -> bool {
        let index = self.index.read().expect("no holder panics");
        index.of_subject(subject).any(|token| !token.is_expired(now_unix_s))
    }

    /// Tokens that `pick` picks, oldest first.
    pub fn list(&self, pick: impl Fn(&Token) -> bool) -> Vec<Arc<Token>> {
        let index = self.index.read().expect("no holder panics");
        let mut found: Vec<_> = index.all().filter(|token| pick(token)).cloned().collect();
        drop(index);
        found.sort_by_key(|token| (token.issued_unix_s, token.hash));
        found
    }

    /// Tokens that a subject has, or has provisioned, oldest first.
    pub fn of(&self, subject: &str) -> Vec<Arc<Token>> {
        let index = self.index.read().expect("no holder panics");
        let owned = index.of_owner(subject);
        let mut found: Vec<_> = index.of_subject(subject).chain(owned).cloned().collect();
        drop(index);
        found.sort_by_key(|token| (token.issued_unix_s, token.hash));
        found.dedup_by_key(|token| token.hash);
        found
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.index.read().expect("no holder panics").len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Verifier for Tokens {
    fn verify(&self, token: &str, now_unix_us: u64) -> Option<Result<Grant, Denied>> {
        token.strip_prefix(cpsk::PREFIX)?;
        let hash = TokenHash::of(token);
        let Some(token) = self.get(&hash) else {
            return Some(Err(Denied::Invalid("token not found".into())));
        };
        if token.is_expired(now_unix_us / 1_000_000) {
            return Some(Err(Denied::Expired));
        }
        if token.holder == Holder::Entity {
            // Only `EntityLeases` knows what it is worth, and it is asked first.
            return Some(Err(Denied::Invalid("this relay keeps no registry".into())));
        }
        let id = hash.to_string().into();
        Some(Ok(Grant {
            subject: Some(Arc::clone(&token.subject)),
            scopes: Some(token.scopes.clone()),
            expires_unix_us: token.expires_unix_s.map(|end| end.saturating_mul(1_000_000)),
            credential: Some(Arc::new(Credential { kind: CredentialKind::Cpsk, id })),
        }))
    }

    fn revision(&self) -> u64 {
        self.revoked.load(Ordering::Acquire)
    }

    fn still_holds(&self, grant: &Grant) -> bool {
        match grant.credential.as_deref() {
            Some(Credential { kind: CredentialKind::Cpsk, id }) => {
                id.parse().is_ok_and(|hash| self.get(&hash).is_some())
            }
            _ => true,
        }
    }
}
