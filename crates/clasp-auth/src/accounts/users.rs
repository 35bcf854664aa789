//! Registering and logging in (spec: relay.md 10.3, 10.4).

use crate::account::{self, Account};
use crate::password::Verdict;
use crate::token::Holder;
use crate::{Grant, Now};

use super::{AccountError, Accounts, Attempt, Issued, narrowed};

/// What somebody registers with.
#[derive(Clone, Default)]
pub struct Registration {
    /// The name, perhaps with space around it.
    pub username: String,
    /// The password as typed.
    pub password: String,
    /// The identity to be; blank or absent: a new one.
    pub user_id: Option<String>,
    /// Fewer scopes than one is entitled to.
    pub scopes: Option<Vec<String>>,
}

const TAKEN: AccountError = AccountError::Taken("Username or identity already taken");

impl Accounts {
    /// Makes an account and issues its first token. `grant` is of the token that the caller showed,
    /// if any: a guest may keep the identity by showing its token. Hashes a password, unless the
    /// request is refused.
    ///
    /// # Errors
    /// The first rule that is broken; nothing is kept then.
    pub fn register(
        &self,
        registration: &Registration,
        grant: Option<&Grant>,
        now: Now,
    ) -> Result<Issued, AccountError> {
        let Some(username) = account::username(&registration.username) else {
            return Err(AccountError::Invalid("Username must be 2-32 characters"));
        };
        let password = &registration.password;
        if !account::password_is_fit(password) {
            let text = match password.len() {
                0..6 => "Password must be at least 6 characters",
                _ => "Password must be at most 1024 bytes",
            };
            return Err(AccountError::Invalid(text));
        }
        let chosen = registration.user_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
        if chosen.is_some_and(|id| !account::id_is_fit(id)) {
            let text = "Invalid user_id format (alphanumeric, hyphens, underscores; max 64 chars)";
            return Err(AccountError::Invalid(text));
        }
        let id = chosen.map_or_else(|| account::new_id('u', now), str::to_owned);
        let entitled = self.entitlements.user(&id);
        let scopes = narrowed(entitled, registration.scopes.as_deref())?;
        // Asked before the costly hash, and again by the store when the account is made.
        let is_taken = |id: &str| -> Result<bool, AccountError> {
            Ok(self.is_held_by_another(id, grant, now) || self.users.knows(id)?)
        };
        if is_taken(&id)? || self.users.by_name(username)?.is_some() {
            return Err(TAKEN);
        }
        let account = Account {
            username: username.to_owned(),
            password_hash: self.passwords.hash(password),
            created_unix_s: now.unix_s(),
            id,
        };
        let _claim = self.claims.lock().expect("no holder panics");
        if is_taken(&account.id)? {
            return Err(TAKEN);
        }
        self.users.insert(&account)?;
        self.issue_to((Holder::User, &account.id, &account.username), scopes, now)
    }

    /// Issues a token for the right password; the work is the same whether the name exists or not.
    ///
    /// # Errors
    /// Name and password do not go together, or no token can be issued.
    pub fn login(
        &self,
        attempt: &Attempt,
        (username, password): (&str, &str),
        scopes: Option<&[String]>,
        now: Now,
    ) -> Result<Issued, AccountError> {
        let account = self.proven(attempt, username, password)?;
        let scopes = narrowed(self.entitlements.user(&account.id), scopes)?;
        self.issue_to((Holder::User, &account.id, &account.username), scopes, now)
    }

    /// The account whose password this is.
    pub(super) fn proven(
        &self,
        attempt: &Attempt,
        username: &str,
        password: &str,
    ) -> Result<Account, AccountError> {
        let found = self.users.by_name(username.trim())?;
        let stored = found.as_ref().map(|account| account.password_hash.as_str());
        let verdict = self.passwords.verify(password, stored);
        let (Some(account), Verdict::Right | Verdict::RightButCheap) = (found, verdict) else {
            return Err(AccountError::WrongPassword);
        };
        self.attempts.succeeded(attempt);
        if verdict == Verdict::RightButCheap {
            self.users.set_password_hash(&account.id, &self.passwords.hash(password))?;
        }
        Ok(account)
    }
}
