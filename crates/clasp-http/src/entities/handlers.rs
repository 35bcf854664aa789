//! One function per request.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use clasp_auth::accounts::AccountError;
use clasp_auth::{
    Entities, EntitiesError, EntityId, EntityStatus, EntityToken, RevocationError, SigningKey,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Registry;
use super::body::{self, Body};
use super::create::{NewEntity, now_s};
use super::devices;
use super::reply::{Answer, Reply, bad_request, entity};
use crate::api_error::ApiError;
use crate::bearer::{Admin, Caller};
use crate::clock;

pub(super) async fn create(_: Admin, State(registry): State<Registry>, body: Body) -> Answer {
    let entities = entities(&registry)?;
    let (new, secrets) = body::json::<NewEntity>(body)?.complete()?;
    let created = blocking(move || entities.create(new)).await??;
    let mut told = entity(&created);
    for (name, value) in secrets {
        told[name] = value;
    }
    Ok(Reply(StatusCode::CREATED, told))
}

pub(super) async fn list(
    caller: Caller,
    State(registry): State<Registry>,
    RawQuery(query): RawQuery,
) -> Answer {
    let (offset, limit) = body::page(query.as_deref())?;
    if !caller.is_admin() {
        return Ok(Reply::ok(devices::list(&registry, &caller.0, (offset, limit))));
    }
    let listed = entities(&registry)?.list(offset, limit);
    Ok(Reply::ok(listed.iter().map(|it| entity(it)).collect()))
}

pub(super) async fn show(
    _: Admin,
    State(registry): State<Registry>,
    Path(id): Path<String>,
) -> Answer {
    let found = entities(&registry)?.get(&body::id(&id)?).ok_or(EntitiesError::Unknown)?;
    Ok(Reply::ok(entity(&found)))
}

pub(super) async fn delete(
    _: Admin,
    State(registry): State<Registry>,
    Path(id): Path<String>,
) -> Answer {
    let (entities, id) = (entities(&registry)?, body::id(&id)?);
    let told = json!({ "id": id.as_str(), "deleted": true });
    let work = move || {
        let deleted = entities.delete(&id);
        end_leases(&registry, &id);
        deleted
    };
    blocking(work).await??;
    Ok(Reply::ok(told))
}

#[derive(Deserialize)]
struct NewStatus {
    status: String,
}

pub(super) async fn set_status(
    caller: Caller,
    State(registry): State<Registry>,
    Path(id): Path<String>,
    body: Body,
) -> Answer {
    let status: EntityStatus = body::json::<NewStatus>(body)?
        .status
        .parse()
        .map_err(|error| bad_request(format!("status: {error}")))?;
    let id = match body::id(&id) {
        Ok(id) => id,
        Err(no_entity) => {
            let is_admin = caller.is_admin();
            let changed = devices::set_status(&registry, (caller.0, id), status).await;
            return changed.map(Reply::ok).map_err(|error| {
                if is_admin && devices::is_unknown(&error) { no_entity } else { error }
            });
        }
    };
    caller.into_admin()?;
    let entities = entities(&registry)?;
    let work = move || {
        let changed = entities.set_status(&id, status)?;
        if status != EntityStatus::Active {
            end_leases(&registry, &id);
        }
        Ok::<_, EntitiesError>(changed)
    };
    Ok(Reply::ok(entity(&*blocking(work).await??)))
}

/// Ends what was issued to an entity that is active no more; may block.
fn end_leases(registry: &Registry, id: &EntityId) {
    let Some(leases) = &registry.leases else { return };
    match leases.end(id) {
        Ok(0) => {}
        Ok(count) => tracing::info!("registry: {count} tokens of {id} are ended"),
        // They are refused all the same, for as long as it is not active.
        Err(error) => tracing::error!("registry: the tokens of {id} cannot be removed: {error}"),
    }
}

#[derive(Deserialize, Default)]
struct TokenRequest {
    keypair_hex: Option<String>,
}

/// A token signed with the entity's key, if the request brings it; else one of this relay's own.
pub(super) async fn token(
    _: Admin,
    State(registry): State<Registry>,
    Path(id): Path<String>,
    body: Body,
) -> Answer {
    let found = entities(&registry)?.get(&body::id(&id)?).ok_or(EntitiesError::Unknown)?;
    let is_empty = body.as_ref().is_ok_and(|bytes| bytes.is_empty());
    let request = if is_empty { TokenRequest::default() } else { body::json(body)? };
    if found.status != EntityStatus::Active {
        let status = found.status;
        let text = format!("entity is {status}, must be active to mint tokens");
        return Err(ApiError::new(StatusCode::FORBIDDEN, text));
    }
    let token = match (request.keypair_hex, registry.leases) {
        (Some(hex), _) => {
            let key = SigningKey::from_bytes(&body::key(&hex, "keypair_hex")?);
            if key.verifying_key().to_bytes() != found.public_key {
                let text = "signing key does not match entity's registered public key";
                return Err(ApiError::new(StatusCode::FORBIDDEN, text));
            }
            EntityToken::sign(&key, now_s()).to_text()
        }
        (None, Some(leases)) => {
            let found = Arc::clone(&found);
            let secret = blocking(move || leases.issue(&found, clock::now())).await?;
            secret.map_err(AccountError::from)?.reveal().to_owned()
        }
        (None, None) => {
            let text = "this relay issues no tokens of its own; sign one with the entity's key";
            return Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, text));
        }
    };
    Ok(Reply::ok(json!({ "token": token, "entity_id": found.id.as_str() })))
}

pub(super) async fn trust_anchors(State(registry): State<Registry>) -> Answer {
    let keys = registry.anchors.keys();
    let keys: Vec<Value> = keys.map(|key| data_encoding::HEXLOWER.encode(key).into()).collect();
    Ok(Reply::ok(json!({ "anchors": keys, "cap_max_depth": registry.links_max })))
}

#[derive(Deserialize)]
struct Revocation {
    nonce: String,
}

pub(super) async fn revoke(_: Admin, State(registry): State<Registry>, body: Body) -> Answer {
    let Revocation { nonce } = body::json(body)?;
    let is_new = registry.revocations.revoke(&nonce).map_err(|error| match error {
        RevocationError::Full(_) => {
            ApiError::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string())
        }
        _ => bad_request(error.to_string()),
    })?;
    if is_new {
        tracing::info!("capability token {nonce} is revoked until the relay ends");
    }
    Ok(Reply::ok(json!({ "nonce": nonce, "revoked": true, "new": is_new })))
}

pub(super) async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not know this method")
}

fn entities(registry: &Registry) -> Result<Arc<Entities>, ApiError> {
    let absent = "this relay keeps no registry; start it with --registry-db PATH";
    registry.entities.clone().ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, absent))
}

/// Runs what may wait for the disk beside the runtime.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let crashed = |error| {
        tracing::error!("registry: {error}");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the registry crashed; see the log")
    };
    tokio::task::spawn_blocking(work).await.map_err(crashed)
}
