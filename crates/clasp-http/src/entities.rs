//! The registry over HTTP: entities, their status and tokens, trust anchors, and revoked capability
//! tokens (spec: relay.md 12.5, 12.6). Operators do all of it; who has provisioned devices finds
//! them in the same place (spec: relay.md 10.10), and the anchors are no secret.

mod body;
mod create;
mod devices;
mod handlers;
mod reply;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use clasp_auth::accounts::Accounts;
use clasp_auth::{Entities, EntityLeases, Revocations, TrustAnchors};

use crate::api::Section;

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What the pages work on.
#[derive(Clone)]
pub struct Registry {
    /// Who is registered; `None` if the relay keeps no registry.
    pub entities: Option<Arc<Entities>>,
    /// Whose capability tokens are accepted.
    pub anchors: TrustAnchors,
    /// Grants that a capability token may be delegated from.
    pub links_max: usize,
    /// Capability tokens that were taken back.
    pub revocations: Arc<Revocations>,
    /// Issues the relay's own tokens to entities; `None` if it keeps no registry.
    pub leases: Option<Arc<EntityLeases>>,
    /// Whose devices are told and ended here; `None` if nobody can have any.
    pub accounts: Option<Arc<Accounts>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("entities", &self.entities).finish_non_exhaustive()
    }
}

/// The pages below `/api` that this module owns. Every answer is JSON.
pub fn section(registry: Registry) -> Section {
    let pages = Router::new()
        .route("/api/entities", post(handlers::create).get(handlers::list))
        .route("/api/entities/{id}", get(handlers::show).delete(handlers::delete))
        .route("/api/entities/{id}/status", put(handlers::set_status))
        .route("/api/entities/{id}/token", post(handlers::token))
        .route("/api/trust-anchors", get(handlers::trust_anchors))
        .route("/api/capabilities/revoke", post(handlers::revoke))
        .method_not_allowed_fallback(handlers::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(registry);
    Section { pages, description: include_str!("openapi/entities.json") }
}
