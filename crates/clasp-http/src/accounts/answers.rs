//! The JSON that tells of tokens and accounts.

use clasp_auth::account::Account;
use clasp_auth::accounts::Issued;
use clasp_auth::token::Token;
use clasp_auth::{Grant, Now};
use serde::Serialize;

/// A token that was just issued (spec: relay.md 10.2, 10.9).
#[derive(Serialize)]
pub(super) struct IssuedAnswer<'a> {
    token: &'a str,
    user_id: &'a str,
    username: &'a str,
    session_id: &'a str,
    scopes: Vec<String>,
    /// Unix seconds; absent if it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
}

impl<'a> IssuedAnswer<'a> {
    pub(super) fn new(issued: &'a Issued, now: Now) -> IssuedAnswer<'a> {
        let token = &issued.token;
        IssuedAnswer {
            token: issued.secret.reveal(),
            user_id: &token.subject,
            username: &token.name,
            session_id: &token.subject,
            scopes: token.scopes.texts(),
            expires_at: token.expires_unix_s,
            expires_in: token.expires_unix_s.map(|end| end.saturating_sub(now.unix_s())),
        }
    }
}

/// What a token says of who holds it.
#[derive(Serialize)]
pub(super) struct MeAnswer<'a> {
    user_id: Option<&'a str>,
    username: Option<&'a str>,
    session_id: Option<&'a str>,
    kind: &'a str,
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

impl<'a> MeAnswer<'a> {
    /// `token` is known if this relay issued it.
    pub(super) fn new(grant: &'a Grant, token: Option<&'a Token>) -> MeAnswer<'a> {
        let subject = grant.subject.as_deref();
        MeAnswer {
            user_id: subject,
            username: token.map(|token| &*token.name).or(subject),
            session_id: subject,
            kind: token.map_or("other", |token| token.holder.name()),
            scopes: grant.scopes.as_ref().map(clasp_auth::Scopes::texts).unwrap_or_default(),
            expires_at: grant.expires_unix_us.map(|end| end / 1_000_000),
        }
    }
}

/// A token in a list; its id is no secret.
#[derive(Serialize)]
pub(super) struct TokenAnswer {
    id: String,
    user_id: String,
    username: String,
    kind: &'static str,
    scopes: Vec<String>,
    issued_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

impl From<&Token> for TokenAnswer {
    fn from(token: &Token) -> TokenAnswer {
        TokenAnswer {
            id: token.hash.to_string(),
            user_id: token.subject.to_string(),
            username: token.name.to_string(),
            kind: token.holder.name(),
            scopes: token.scopes.texts(),
            issued_at: token.issued_unix_s,
            expires_at: token.expires_unix_s,
            owner: token.owner.as_deref().map(str::to_owned),
        }
    }
}

/// An account in a list.
#[derive(Serialize)]
pub(super) struct UserAnswer {
    user_id: String,
    username: String,
    created_at: u64,
}

impl From<Account> for UserAnswer {
    fn from(account: Account) -> UserAnswer {
        UserAnswer {
            user_id: account.id,
            username: account.username,
            created_at: account.created_unix_s,
        }
    }
}
