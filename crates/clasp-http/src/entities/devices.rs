//! Devices as their owners see them: published clients look for what they have provisioned in the
//! registry, and end it there (spec: relay.md 10.10).

use std::sync::Arc;

use axum::http::StatusCode;
use clasp_auth::accounts::AccountError;
use clasp_auth::{EntitiesError, EntityStatus, Grant};
use serde_json::Value;

use super::Registry;
use super::handlers::blocking;
use super::reply::{bad_request, device};
use crate::api_error::ApiError;
use crate::clock;

/// The devices of who shows this grant, the newest first.
pub(super) fn list(registry: &Registry, grant: &Grant, (offset, limit): (usize, usize)) -> Value {
    let Some(accounts) = &registry.accounts else { return Value::Array(Vec::new()) };
    let devices = accounts.children(grant, clock::now()).into_iter().skip(offset).take(limit);
    devices.map(|token| device(&token, EntityStatus::Active)).collect()
}

/// Sets the status of a device of who shows this grant: it can only be revoked, for good.
pub(super) async fn set_status(
    registry: &Registry,
    (grant, subject): (Grant, String),
    status: EntityStatus,
) -> Result<Value, ApiError> {
    let unknown = || ApiError::from(EntitiesError::Unknown);
    let accounts = registry.accounts.as_ref().map(Arc::clone).ok_or_else(unknown)?;
    if status != EntityStatus::Revoked {
        let owned = accounts.children(&grant, clock::now());
        let child = owned.iter().find(|child| *child.subject == *subject).ok_or_else(unknown)?;
        return match status {
            EntityStatus::Active => Ok(device(child, status)),
            _ => Err(bad_request("status: a device is active until it is revoked")),
        };
    }
    let ended = blocking(move || accounts.revoke_child(&grant, &subject, clock::now())).await?;
    match ended {
        Ok(child) => {
            tracing::info!(device = %child.subject, "a device was revoked by its owner");
            Ok(device(&child, status))
        }
        Err(AccountError::NotFound) => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}

/// Whether this says that there is no such device.
pub(super) fn is_unknown(error: &ApiError) -> bool {
    error.status == StatusCode::NOT_FOUND
}
