//! Accounts and tokens over HTTP: `/auth/*` for everybody, `/api/users` and `/api/tokens` for the
//! operator (spec: relay.md 10).

mod admin;
mod answers;
mod errors;
mod sessions;
mod sign_in;

use std::num::NonZero;
use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};
use clasp_auth::accounts::{AccountError, Accounts};

use crate::api::Section;
use crate::api_error::ApiError;
use crate::work::Lane;

/// Requests that may wait for a password to be hashed.
const HASHING_WAITING_MAX: usize = 64;

/// Requests that use the database at once; it has one connection, so more would only wait.
const STORING_MAX: usize = 2;

/// Requests that may wait for the database.
const STORING_WAITING_MAX: usize = 256;

/// The service, and the lanes in which it works.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    accounts: Arc<Accounts>,
    hashing: Lane,
    storing: Lane,
}

/// The routes. As many passwords are hashed at once as there are processors, but for one that is
/// left to sessions.
pub fn section(accounts: Arc<Accounts>) -> Section {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let service = Service {
        accounts,
        hashing: Lane::new(processors.saturating_sub(1).clamp(1, 4), HASHING_WAITING_MAX),
        storing: Lane::new(STORING_MAX, STORING_WAITING_MAX),
    };
    let pages = Router::new()
        .route("/auth/register", post(sign_in::register))
        .route("/auth/login", post(sign_in::login))
        .route("/auth/guest", post(sign_in::guest))
        .route("/auth/refresh", post(sessions::refresh))
        .route("/auth/logout", post(sessions::logout))
        .route("/auth/me", get(sessions::me))
        .route("/auth/tokens", get(sessions::tokens))
        .route("/auth/tokens/{id}", delete(sessions::revoke))
        .route("/auth/password", post(sessions::password))
        .route("/auth/account", delete(sessions::leave))
        .route("/api/users", get(admin::users))
        .route("/api/users/{id}", get(admin::user).delete(admin::remove_user))
        .route("/api/tokens", get(admin::tokens))
        .route("/api/tokens/{id}", delete(admin::revoke))
        .with_state(service);
    Section { pages, description: include_str!("openapi/accounts.json") }
}

impl Service {
    /// Work that hashes passwords.
    async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Accounts) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let accounts = Arc::clone(&self.accounts);
        Ok(self.hashing.run(move || work(&accounts)).await??)
    }

    /// Work that asks or changes the database only.
    async fn store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Accounts) -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let accounts = Arc::clone(&self.accounts);
        Ok(self.storing.run(move || work(&accounts)).await??)
    }
}
