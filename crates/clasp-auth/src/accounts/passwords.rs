//! Changing the password, and leaving for good (spec: relay.md 10.16).

use crate::account::{self, Account};
use crate::token::{Holder, Token};
use crate::{Grant, Now};

use super::{AccountError, Accounts, Attempt, Issued, narrowed};

impl Accounts {
    /// The account behind the token that was shown: what an [`Attempt`] has to name.
    ///
    /// # Errors
    /// The token is not a registered user's.
    pub fn account_of(&self, grant: &Grant) -> Result<Account, AccountError> {
        let token = self.token_of(grant)?;
        if token.holder != Holder::User {
            return Err(AccountError::Forbidden("this needs the token of a registered user"));
        }
        self.account(&token.subject)
    }

    /// Changes the password, ends all tokens of the account and issues a new one.
    ///
    /// # Errors
    /// The old password is wrong or the new one unfit.
    pub fn change_password(
        &self,
        attempt: &Attempt,
        grant: &Grant,
        (old, new): (&str, &str),
        now: Now,
    ) -> Result<Issued, AccountError> {
        if !account::password_is_fit(new) {
            let text = "Password must be 6 to 1024 characters";
            return Err(AccountError::Invalid(text));
        }
        let shown: Token = Token::clone(&*self.token_of(grant)?);
        let account = self.account_of(grant)?;
        let account = self.proven(attempt, &account.username, old)?;
        self.users.set_password_hash(&account.id, &self.passwords.hash(new))?;
        self.tokens.revoke_subject(&account.id, None)?;
        let scopes = self.entitlements.user(&account.id).narrowed(&shown.scopes);
        let scopes = narrowed(scopes, None)?;
        self.issue_to((Holder::User, &account.id, &account.username), scopes, now)
    }

    /// Removes the account of the token that was shown, for the right password; how many tokens
    /// ended.
    ///
    /// # Errors
    /// The password is wrong.
    pub fn leave(
        &self,
        attempt: &Attempt,
        grant: &Grant,
        password: &str,
    ) -> Result<usize, AccountError> {
        let account = self.account_of(grant)?;
        let account = self.proven(attempt, &account.username, password)?;
        self.remove(&account.id)
    }
}
