//! The three ways to a first token (spec: relay.md 10.3 to 10.5, 10.10).

use axum::extract::{Request, State};
use axum::response::Response;
use clasp_auth::Grant;
use clasp_auth::accounts::{NewChild, Registration, Visit};
use serde::Deserialize;

use super::Service;
use super::answers::IssuedAnswer;
use crate::api_error::ApiError;
use crate::bearer::MaybeCaller;
use crate::client_address::ClientAddress;
use crate::{clock, json};

#[derive(Deserialize)]
struct RegisterBody {
    username: Option<String>,
    name: Option<String>,
    password: Option<String>,
    user_id: Option<String>,
    scopes: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct LoginBody {
    username: String,
    password: String,
    scopes: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct GuestBody {
    name: Option<String>,
    user_id: Option<String>,
    scopes: Option<Vec<String>>,
}

/// A new account; or, with a token and without a password, a device of the token's holder.
pub(super) async fn register(
    State(service): State<Service>,
    ClientAddress(client): ClientAddress,
    MaybeCaller(grant): MaybeCaller,
    request: Request,
) -> Result<Response, ApiError> {
    let now = clock::now();
    // A holder of a token is known, so its devices do not use up the address's registrations.
    match grant {
        Some(_) => service.accounts.count_child(client.into(), now)?,
        None => service.accounts.count_registration(client.into(), now)?,
    }
    let body: RegisterBody = json::read(request).await?;
    let malformed = || ApiError::new(axum::http::StatusCode::BAD_REQUEST, "Invalid JSON");
    let Some(password) = body.password else {
        let grant = grant.ok_or_else(malformed)?;
        let name = body.name.or(body.username).ok_or_else(malformed)?;
        return provision(&service, NewChild { name, scopes: body.scopes }, grant).await;
    };
    if grant.is_some() {
        service.accounts.count_registration(client.into(), now)?;
    }
    let registration = Registration {
        username: body.username.ok_or_else(malformed)?,
        password,
        user_id: body.user_id,
        scopes: body.scopes,
    };
    let work = service.hash(move |accounts| accounts.register(&registration, grant.as_ref(), now));
    let issued = work.await?;
    tracing::debug!(user = %issued.token.subject, %client, "registered");
    Ok(json::ok(&IssuedAnswer::new(&issued, now)))
}

async fn provision(service: &Service, child: NewChild, grant: Grant) -> Result<Response, ApiError> {
    let now = clock::now();
    let issued = service.store(move |accounts| accounts.provision(&child, &grant, now)).await?;
    tracing::debug!(subject = %issued.token.subject, "provisioned");
    Ok(json::ok(&IssuedAnswer::new(&issued, now)))
}

/// A token for name and password.
pub(super) async fn login(
    State(service): State<Service>,
    ClientAddress(client): ClientAddress,
    request: Request,
) -> Result<Response, ApiError> {
    let LoginBody { username, password, scopes } = json::read(request).await?;
    let now = clock::now();
    let attempt = service.accounts.attempt(client.into(), &username, now)?;
    let work = {
        let attempt = attempt.clone();
        move |accounts: &clasp_auth::accounts::Accounts| {
            accounts.login(&attempt, (&username, &password), scopes.as_deref(), now)
        }
    };
    let issued = service.hash_for(&attempt, work).await;
    match &issued {
        Ok(issued) => tracing::debug!(user = %issued.token.subject, %client, "logged in"),
        Err(refusal) => tracing::debug!(%client, "login refused: {}", refusal.message),
    }
    Ok(json::ok(&IssuedAnswer::new(&issued?, now)))
}

/// A token for somebody without an account.
pub(super) async fn guest(
    State(service): State<Service>,
    ClientAddress(client): ClientAddress,
    MaybeCaller(grant): MaybeCaller,
    request: Request,
) -> Result<Response, ApiError> {
    let now = clock::now();
    service.accounts.count_visit(client.into(), now)?;
    let GuestBody { name, user_id, scopes } = json::read(request).await?;
    let visit = Visit { name, user_id, scopes };
    let work = service.store(move |accounts| accounts.visit(&visit, grant.as_ref(), now));
    let issued = work.await?;
    tracing::debug!(guest = %issued.token.subject, %client, "visits");
    Ok(json::ok(&IssuedAnswer::new(&issued, now)))
}
