//! What the holder of a token may do with it: look at it, renew it, end it, change the password
//! behind it (spec: relay.md 10.16).

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use clasp_auth::Grant;
use clasp_auth::accounts::{AccountError, Accounts, Attempt};
use clasp_auth::cpsk::TokenHash;
use serde::Deserialize;
use serde_json::json;

use super::Service;
use super::answers::{IssuedAnswer, MeAnswer, TokenAnswer};
use crate::api_error::ApiError;
use crate::bearer::Caller;
use crate::client_address::ClientAddress;
use crate::clock;
use crate::json::{self, ok};

#[derive(Deserialize)]
struct PasswordBody {
    #[serde(alias = "current_password")]
    old_password: String,
    new_password: String,
}

#[derive(Deserialize)]
struct LeaveBody {
    password: String,
}

#[derive(Deserialize)]
struct LogoutBody {
    #[serde(default)]
    all: bool,
}

impl Service {
    /// Work on a password; an attempt that found no room is given back.
    pub(super) async fn hash_for<T: Send + 'static>(
        &self,
        attempt: &Attempt,
        work: impl FnOnce(&Accounts) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let done = self.hash(work).await;
        if matches!(&done, Err(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE) {
            self.accounts.withdraw(attempt);
        }
        done
    }

    /// The right to try the password of the account behind a token.
    async fn attempt(
        &self,
        grant: &Grant,
        ClientAddress(client): ClientAddress,
    ) -> Result<Attempt, ApiError> {
        let shown = grant.clone();
        let account = self.store(move |accounts| accounts.account_of(&shown)).await?;
        Ok(self.accounts.attempt(client.into(), &account.username, clock::now())?)
    }
}

pub(super) async fn refresh(
    State(service): State<Service>,
    Caller(grant): Caller,
) -> Result<Response, ApiError> {
    let now = clock::now();
    let issued = service.store(move |accounts| accounts.refresh(&grant, now)).await?;
    Ok(ok(&IssuedAnswer::new(&issued, now)))
}

/// Ends the token, or with `{"all":true}` all tokens of its subject; an empty body will do.
pub(super) async fn logout(
    State(service): State<Service>,
    Caller(grant): Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let body = json::read_or(request, LogoutBody { all: false }).await?;
    let ended = service.store(move |accounts| accounts.logout(&grant, body.all)).await?;
    Ok(ok(&json!({ "revoked": ended })))
}

pub(super) async fn me(State(service): State<Service>, Caller(grant): Caller) -> Response {
    let token = service.accounts.token_of(&grant).ok();
    ok(&MeAnswer::new(&grant, token.as_deref()))
}

/// The tokens of the caller's subject and of its devices.
pub(super) async fn tokens(State(service): State<Service>, Caller(grant): Caller) -> Response {
    let subject = grant.subject.as_deref().unwrap_or_default();
    let tokens = service.accounts.tokens().of(subject);
    let tokens: Vec<TokenAnswer> = tokens.iter().map(|token| (&**token).into()).collect();
    ok(&json!({ "tokens": tokens }))
}

pub(super) async fn revoke(
    State(service): State<Service>,
    Caller(grant): Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let hash: TokenHash = id.parse().map_err(|_| AccountError::NotFound)?;
    service.store(move |accounts| accounts.revoke_own(&grant, hash)).await?;
    Ok(ok(&json!({ "id": id, "deleted": true })))
}

/// A new password; all tokens of the account end, and a new one is issued.
pub(super) async fn password(
    State(service): State<Service>,
    client: ClientAddress,
    Caller(grant): Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let PasswordBody { old_password, new_password } = json::read(request).await?;
    let attempt = service.attempt(&grant, client).await?;
    let now = clock::now();
    let work = {
        let attempt = attempt.clone();
        move |accounts: &Accounts| {
            accounts.change_password(&attempt, &grant, (&old_password, &new_password), now)
        }
    };
    let issued = service.hash_for(&attempt, work).await?;
    Ok(ok(&IssuedAnswer::new(&issued, now)))
}

pub(super) async fn leave(
    State(service): State<Service>,
    client: ClientAddress,
    Caller(grant): Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let LeaveBody { password } = json::read(request).await?;
    let attempt = service.attempt(&grant, client).await?;
    let user_id = grant.subject.as_deref().map(str::to_owned);
    let work = {
        let attempt = attempt.clone();
        move |accounts: &Accounts| accounts.leave(&attempt, &grant, &password)
    };
    let ended = service.hash_for(&attempt, work).await?;
    Ok(ok(&json!({ "user_id": user_id, "deleted": true, "revoked": ended })))
}
