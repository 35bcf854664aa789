//! What the auth API offers, without its wire: register, log in, visit as a guest, renew and end
//! tokens, change passwords, provision devices (spec: relay.md 10.2 to 10.16).
//!
//! Calls may block on the store, and those that take an [`Attempt`] also hash a password.

mod attempts;
mod children;
mod error;
mod guests;
mod passwords;
mod users;

use std::sync::{Arc, Mutex};

use crate::account::Account;
use crate::cpsk::{Secret, TokenHash};
use crate::entitlements::Entitlements;
use crate::password::{PasswordCost, Passwords};
use crate::store::AccountStore;
use crate::token::{Holder, Token};
use crate::tokens::Tokens;
use crate::{Credential, CredentialKind, Grant, Now, Scope, Scopes};

pub use attempts::{Attempt, Quotas};
pub use children::NewChild;
pub use error::AccountError;
pub use guests::Visit;
pub use users::Registration;

use attempts::Attempts;

/// How accounts are run.
#[derive(Debug, Clone, Copy)]
pub struct AccountConfig {
    /// Lifetime of tokens, seconds; 0 means that they do not end.
    pub token_ttl_s: u64,
    /// How often what may be tried.
    pub quotas: Quotas,
    /// What hashing a password costs.
    pub password_cost: PasswordCost,
}

impl Default for AccountConfig {
    fn default() -> AccountConfig {
        AccountConfig {
            token_ttl_s: 86_400,
            quotas: Quotas::default(),
            password_cost: PasswordCost::default(),
        }
    }
}

/// A token that was just issued, with its secret.
#[derive(Debug, Clone)]
pub struct Issued {
    /// For its owner's eyes only.
    pub secret: Secret,
    /// What the relay keeps of it.
    pub token: Arc<Token>,
}

/// Accounts and the tokens they get.
pub struct Accounts {
    users: Arc<dyn AccountStore>,
    tokens: Arc<Tokens>,
    entitlements: Arc<dyn Entitlements>,
    passwords: Passwords,
    attempts: Attempts,
    token_ttl_s: u64,
    /// Held while an identity is looked up and given away.
    claims: Mutex<()>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

impl Accounts {
    /// Accounts in `users`, whose tokens are among `tokens`.
    pub fn new(
        users: Arc<dyn AccountStore>,
        tokens: Arc<Tokens>,
        entitlements: Arc<dyn Entitlements>,
        config: AccountConfig,
    ) -> Accounts {
        Accounts {
            users,
            tokens,
            entitlements,
            passwords: Passwords::new(config.password_cost),
            attempts: Attempts::new(config.quotas),
            token_ttl_s: config.token_ttl_s,
            claims: Mutex::default(),
        }
    }

    /// The tokens in force.
    pub fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    /// How many times a password was hashed or compared.
    pub fn passwords_worked(&self) -> u64 {
        self.passwords.worked()
    }

    /// Gives a token to who has shown a good one: the same subject, a new time. The old one stays
    /// good until its own end, for sessions that are open.
    ///
    /// # Errors
    /// The token is not one that can be renewed.
    pub fn refresh(&self, grant: &Grant, now: Now) -> Result<Issued, AccountError> {
        let old = self.token_of(grant)?;
        let entitled = match old.holder {
            Holder::User => {
                self.account(&old.subject)?;
                self.entitlements.user(&old.subject)
            }
            Holder::Guest => self.entitlements.guest(&old.subject),
            Holder::Child | Holder::Entity | Holder::Listed => {
                let text = "this token cannot be renewed; ask who gave it";
                return Err(AccountError::Forbidden(text));
            }
        };
        let scopes = entitled.narrowed(&old.scopes);
        self.issue(Token { scopes, ..Token::clone(&old) }, now)
    }

    /// Ends the token that was shown, and what hangs on it; with `everywhere` all tokens of its
    /// subject. How many tokens ended.
    ///
    /// # Errors
    /// The token is none of those that this relay issued, or the store failed.
    pub fn logout(&self, grant: &Grant, everywhere: bool) -> Result<usize, AccountError> {
        let token = self.token_of(grant)?;
        if token.holder == Holder::Listed {
            let text = "this token is in the operator's list and ends there";
            return Err(AccountError::Forbidden(text));
        }
        Ok(match everywhere {
            true => self.tokens.revoke_subject(&token.subject, None)?,
            false => self.tokens.revoke(&[token.hash])?,
        })
    }

    /// Ends a token that the subject has or has provisioned.
    ///
    /// # Errors
    /// It has no such token, or the store failed.
    pub fn revoke_own(&self, grant: &Grant, hash: TokenHash) -> Result<(), AccountError> {
        let subject = grant.subject.as_deref().unwrap_or_default();
        let token = self.tokens.get(&hash).ok_or(AccountError::NotFound)?;
        let own = *token.subject == *subject || token.owner.as_deref() == Some(subject);
        if !own || token.holder == Holder::Listed {
            return Err(AccountError::NotFound);
        }
        self.tokens.revoke(&[hash])?;
        Ok(())
    }

    /// Ends any token.
    ///
    /// # Errors
    /// There is none, it stands in the operator's list, or the store failed.
    pub fn revoke_any(&self, hash: TokenHash) -> Result<(), AccountError> {
        let token = self.tokens.get(&hash).ok_or(AccountError::NotFound)?;
        if token.holder == Holder::Listed {
            let text = "this token is in the operator's list and ends there";
            return Err(AccountError::Forbidden(text));
        }
        self.tokens.revoke(&[hash])?;
        Ok(())
    }

    /// Accounts from the oldest, and how many there are in all.
    ///
    /// # Errors
    /// The store failed.
    pub fn list(&self, offset: u64, limit: u64) -> Result<(Vec<Account>, u64), AccountError> {
        Ok(self.users.list(offset, limit)?)
    }

    /// The account with this id.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub fn account(&self, id: &str) -> Result<Account, AccountError> {
        self.users.by_id(id)?.ok_or(AccountError::NotFound)
    }

    /// Removes an account and ends its tokens and those of its devices; how many tokens ended.
    ///
    /// # Errors
    /// There is none, or the store failed.
    pub fn remove(&self, id: &str) -> Result<usize, AccountError> {
        let _claim = self.claims.lock().expect("no holder panics");
        if !self.users.remove(id)? {
            return Err(AccountError::NotFound);
        }
        let children: Vec<TokenHash> = self.tokens.of(id).iter().map(|it| it.hash).collect();
        Ok(self.tokens.revoke(&children)?)
    }

    /// Forgets tokens whose time is over; how many.
    ///
    /// # Errors
    /// The store failed; they are tried again next time.
    pub fn sweep(&self, now: Now) -> Result<usize, AccountError> {
        Ok(self.tokens.sweep(now.unix_s())?)
    }

    /// The stored token behind a grant.
    ///
    /// # Errors
    /// The grant came from elsewhere.
    pub fn token_of(&self, grant: &Grant) -> Result<Arc<Token>, AccountError> {
        match grant.credential.as_deref() {
            Some(Credential { kind: CredentialKind::Cpsk, id }) => {
                id.parse().ok().and_then(|hash| self.tokens.get(&hash))
            }
            _ => None,
        }
        .ok_or(AccountError::Forbidden("this needs a token that this relay issued"))
    }

    /// Issues a token like `template` that begins now.
    fn issue(&self, template: Token, now: Now) -> Result<Issued, AccountError> {
        let ttl_s = Some(self.token_ttl_s).filter(|ttl| *ttl > 0);
        let end = ttl_s.map(|ttl| now.unix_s().saturating_add(ttl));
        let capped = match (end, template.parent.and_then(|hash| self.tokens.get(&hash))) {
            (Some(end), Some(parent)) => Some(parent.expires_unix_s.map_or(end, |it| it.min(end))),
            (None, Some(parent)) => parent.expires_unix_s,
            (end, None) => end,
        };
        let issued_unix_s = now.unix_s();
        let template = Token { issued_unix_s, expires_unix_s: capped, ..template };
        let (secret, token) = self.tokens.issue(template)?;
        Ok(Issued { secret, token })
    }

    /// A token that belongs to nobody's device.
    fn issue_to(
        &self,
        (holder, subject, name): (Holder, &str, &str),
        scopes: Scopes,
        now: Now,
    ) -> Result<Issued, AccountError> {
        let template = Token {
            hash: TokenHash::from_bytes([0; 32]),
            subject: subject.into(),
            name: name.into(),
            holder,
            scopes,
            parent: None,
            owner: None,
            issued_unix_s: 0,
            expires_unix_s: None,
        };
        self.issue(template, now)
    }

    /// Whether somebody other than the holder of `grant` is this subject now.
    fn is_held_by_another(&self, subject: &str, grant: Option<&Grant>, now: Now) -> bool {
        let own = grant.and_then(|grant| grant.subject.as_deref()) == Some(subject);
        !own && self.tokens.holds(subject, now.unix_s())
    }
}

/// What of `entitled` a request leaves.
fn narrowed(entitled: Scopes, requested: Option<&[String]>) -> Result<Scopes, AccountError> {
    let Some(requested) = requested else { return Ok(entitled) };
    let left = entitled.narrowed(&parsed(requested)?);
    if left.is_empty() {
        return Err(AccountError::ScopeNotAllowed(requested.join(", ")));
    }
    Ok(left)
}

fn parsed(scopes: &[String]) -> Result<Scopes, AccountError> {
    let parse = |text: &String| Scope::parse(text);
    scopes.iter().map(parse).collect::<Result<_, _>>().map_err(AccountError::BadScope)
}
