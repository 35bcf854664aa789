//! What the operator sees and ends: users and tokens (spec: relay.md 10.16).

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use clasp_auth::accounts::AccountError;
use clasp_auth::cpsk::TokenHash;
use serde::Deserialize;
use serde_json::json;

use super::Service;
use super::answers::{TokenAnswer, UserAnswer};
use crate::api_error::ApiError;
use crate::bearer::Admin;
use crate::json::ok;

/// Entries of one page of a list.
const PAGE_DEFAULT: u64 = 100;
const PAGE_MAX: u64 = 1_000;

/// Which part of a list; all of it may be left out.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    offset: u64,
    limit: Option<u64>,
    user_id: Option<String>,
}

impl Page {
    fn limit(&self) -> u64 {
        self.limit.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX)
    }
}

pub(super) async fn users(
    _: Admin,
    State(service): State<Service>,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(page) = page.map_err(malformed)?;
    let listing = service.store(move |accounts| accounts.list(page.offset, page.limit()));
    let (users, total) = listing.await?;
    let users: Vec<UserAnswer> = users.into_iter().map(UserAnswer::from).collect();
    Ok(ok(&json!({ "users": users, "total": total })))
}

pub(super) async fn user(
    _: Admin,
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let account = service.store(move |accounts| accounts.account(&id)).await?;
    Ok(ok(&UserAnswer::from(account)))
}

pub(super) async fn remove_user(
    _: Admin,
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let user_id = id.clone();
    let ended = service.store(move |accounts| accounts.remove(&id)).await?;
    tracing::info!(user = %user_id, "the operator removed an account");
    Ok(ok(&json!({ "user_id": user_id, "deleted": true, "revoked": ended })))
}

pub(super) async fn tokens(
    _: Admin,
    State(service): State<Service>,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(page) = page.map_err(malformed)?;
    let listing = service.store(move |accounts| {
        let tokens = match &page.user_id {
            Some(subject) => accounts.tokens().of(subject),
            None => accounts.tokens().list(|_| true),
        };
        let total = tokens.len();
        let part = tokens.iter().skip(page.offset as usize).take(page.limit() as usize);
        let part: Vec<TokenAnswer> = part.map(|token| (&**token).into()).collect();
        Ok((part, total))
    });
    let (tokens, total) = listing.await?;
    Ok(ok(&json!({ "tokens": tokens, "total": total })))
}

pub(super) async fn revoke(
    _: Admin,
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let hash: TokenHash = id.parse().map_err(|_| AccountError::NotFound)?;
    service.store(move |accounts| accounts.revoke_any(hash)).await?;
    tracing::info!("the operator revoked a token");
    Ok(ok(&json!({ "id": id, "deleted": true })))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn malformed(rejection: axum::extract::rejection::QueryRejection) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, rejection.body_text())
}
