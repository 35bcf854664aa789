//! Where accounts and tokens are kept: the ports that a database implements, and a store in memory
//! that obeys the same rules.

use std::sync::Mutex;

use crate::account::{Account, name_key};
use crate::cpsk::TokenHash;
use crate::token::Token;

/// Why a store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The id, or a name that reads alike, belongs to somebody.
    #[error("the id or the name is taken")]
    Taken,
    /// The store itself failed; for the log, not for clients.
    #[error("{0}")]
    Failed(String),
}

/// Keeps accounts. Calls may block.
pub trait AccountStore: Send + Sync {
    /// Adds an account.
    ///
    /// # Errors
    /// [`StoreError::Taken`], or the store failed.
    fn insert(&self, account: &Account) -> Result<(), StoreError>;

    /// The account with this id.
    ///
    /// # Errors
    /// The store failed.
    fn by_id(&self, id: &str) -> Result<Option<Account>, StoreError>;

    /// The account with exactly this name, or else one that reads alike.
    ///
    /// # Errors
    /// The store failed.
    fn by_name(&self, name: &str) -> Result<Option<Account>, StoreError>;

    /// Puts another password hash in place; nothing if there is no such account.
    ///
    /// # Errors
    /// The store failed.
    fn set_password_hash(&self, id: &str, password_hash: &str) -> Result<(), StoreError>;

    /// Whether an account has this id, or had it before it was removed.
    ///
    /// # Errors
    /// The store failed.
    fn knows(&self, id: &str) -> Result<bool, StoreError>;

    /// Removes an account, but remembers its id; whether there was one.
    ///
    /// # Errors
    /// The store failed.
    fn remove(&self, id: &str) -> Result<bool, StoreError>;

    /// Accounts from the oldest, and how many there are in all.
    ///
    /// # Errors
    /// The store failed.
    fn list(&self, offset: u64, limit: u64) -> Result<(Vec<Account>, u64), StoreError>;
}

/// Keeps tokens. Calls may block.
pub trait TokenStore: Send + Sync {
    /// All tokens whose time is not over.
    ///
    /// # Errors
    /// The store failed.
    fn load(&self, now_unix_s: u64) -> Result<Vec<Token>, StoreError>;

    /// Adds a token.
    ///
    /// # Errors
    /// The store failed.
    fn insert(&self, token: &Token) -> Result<(), StoreError>;

    /// Removes tokens that may be there, all or none.
    ///
    /// # Errors
    /// The store failed.
    fn remove(&self, hashes: &[TokenHash]) -> Result<(), StoreError>;
}

/// Keeps everything until the process ends.
#[derive(Debug, Default)]
pub struct MemoryStore {
    accounts: Mutex<Vec<Account>>,
    removed: Mutex<Vec<String>>,
    tokens: Mutex<Vec<Token>>,
}

impl AccountStore for MemoryStore {
    fn insert(&self, account: &Account) -> Result<(), StoreError> {
        let mut accounts = self.accounts.lock().expect("no holder panics");
        let key = name_key(&account.username);
        let alike = |other: &Account| other.id == account.id || name_key(&other.username) == key;
        if accounts.iter().any(alike) {
            return Err(StoreError::Taken);
        }
        accounts.push(account.clone());
        Ok(())
    }

    fn by_id(&self, id: &str) -> Result<Option<Account>, StoreError> {
        let accounts = self.accounts.lock().expect("no holder panics");
        Ok(accounts.iter().find(|account| account.id == id).cloned())
    }

    fn by_name(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let accounts = self.accounts.lock().expect("no holder panics");
        let key = name_key(name);
        Ok(accounts.iter().find(|account| name_key(&account.username) == key).cloned())
    }

    fn set_password_hash(&self, id: &str, password_hash: &str) -> Result<(), StoreError> {
        let mut accounts = self.accounts.lock().expect("no holder panics");
        if let Some(account) = accounts.iter_mut().find(|account| account.id == id) {
            password_hash.clone_into(&mut account.password_hash);
        }
        Ok(())
    }

    fn knows(&self, id: &str) -> Result<bool, StoreError> {
        let removed = self.removed.lock().expect("no holder panics").iter().any(|it| it == id);
        Ok(removed || self.by_id(id)?.is_some())
    }

    fn remove(&self, id: &str) -> Result<bool, StoreError> {
        let mut accounts = self.accounts.lock().expect("no holder panics");
        let before = accounts.len();
        accounts.retain(|account| account.id != id);
        let was_there = accounts.len() < before;
        if was_there {
            self.removed.lock().expect("no holder panics").push(id.to_owned());
        }
        Ok(was_there)
    }

    fn list(&self, offset: u64, limit: u64) -> Result<(Vec<Account>, u64), StoreError> {
        let accounts = self.accounts.lock().expect("no holder panics");
        let part = accounts.iter().skip(offset as usize).take(limit as usize).cloned().collect();
        Ok((part, accounts.len() as u64))
    }
}

impl TokenStore for MemoryStore {
    fn load(&self, now_unix_s: u64) -> Result<Vec<Token>, StoreError> {
        let tokens = self.tokens.lock().expect("no holder panics");
        Ok(tokens.iter().filter(|token| !token.is_expired(now_unix_s)).cloned().collect())
    }

    fn insert(&self, token: &Token) -> Result<(), StoreError> {
        self.tokens.lock().expect("no holder panics").push(token.clone());
        Ok(())
    }

    fn remove(&self, hashes: &[TokenHash]) -> Result<(), StoreError> {
        let mut tokens = self.tokens.lock().expect("no holder panics");
        tokens.retain(|token| !hashes.contains(&token.hash));
        Ok(())
    }
}
