//! One function per request.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use clasp_auth::{Entities, EntitiesError, EntityStatus, EntityToken, RevocationError, SigningKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Registry;
use super::body::{self, Body};
use super::create::{NewEntity, now_s};
use super::reply::{Answer, Refusal, Reply, entity};

pub(super) async fn create(State(registry): State<Registry>, body: Body) -> Answer {
    let entities = entities(&registry)?;
    let (new, secrets) = body::json::<NewEntity>(body)?.complete()?;
    let created = blocking(move || entities.create(new)).await??;
    let mut told = entity(&created);
    for (name, value) in secrets {
        told[name] = value;
    }
    Ok(Reply(StatusCode::CREATED, told))
}

pub(super) async fn list(State(registry): State<Registry>, RawQuery(query): RawQuery) -> Answer {
    let (offset, limit) = body::page(query.as_deref())?;
    let listed = entities(&registry)?.list(offset, limit);
    Ok(Reply::ok(listed.iter().map(|it| entity(it)).collect()))
}

pub(super) async fn show(State(registry): State<Registry>, Path(id): Path<String>) -> Answer {
    let found = entities(&registry)?.get(&body::id(&id)?).ok_or(EntitiesError::Unknown)?;
    Ok(Reply::ok(entity(&found)))
}

pub(super) async fn delete(State(registry): State<Registry>, Path(id): Path<String>) -> Answer {
    let (entities, id) = (entities(&registry)?, body::id(&id)?);
    let told = json!({ "id": id.as_str(), "deleted": true });
    blocking(move || entities.delete(&id)).await??;
    Ok(Reply::ok(told))
}

#[derive(Deserialize)]
struct NewStatus {
    status: String,
}

pub(super) async fn set_status(
    State(registry): State<Registry>,
    Path(id): Path<String>,
    body: Body,
) -> Answer {
    let (entities, id) = (entities(&registry)?, body::id(&id)?);
    let status: EntityStatus = body::json::<NewStatus>(body)?
        .status
        .parse()
        .map_err(|error| Refusal::bad_request(format!("status: {error}")))?;
    let changed = blocking(move || entities.set_status(&id, status)).await??;
    Ok(Reply::ok(entity(&changed)))
}

#[derive(Deserialize, Default)]
struct TokenRequest {
    keypair_hex: Option<String>,
}

/// A token signed with the entity's key, if the request brings it; else one of this relay's own.
pub(super) async fn token(
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
        return Err(Refusal::new(StatusCode::FORBIDDEN, text));
    }
    let token = match (request.keypair_hex, registry.issue) {
        (Some(hex), _) => {
            let key = SigningKey::from_bytes(&body::key(&hex, "keypair_hex")?);
            if key.verifying_key().to_bytes() != found.public_key {
                let text = "signing key does not match entity's registered public key";
                return Err(Refusal::new(StatusCode::FORBIDDEN, text));
            }
            EntityToken::sign(&key, now_s()).to_text()
        }
        (None, Some(issue)) => {
            let failed = |text| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text);
            let found = Arc::clone(&found);
            blocking(move || issue(&found)).await?.map_err(failed)?
        }
        (None, None) => {
            let text = "this relay issues no tokens of its own; sign one with the entity's key";
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, text));
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

pub(super) async fn revoke(State(registry): State<Registry>, body: Body) -> Answer {
    let Revocation { nonce } = body::json(body)?;
    let is_new = registry.revocations.revoke(&nonce).map_err(|error| match error {
        RevocationError::Full(_) => {
            Refusal::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string())
        }
        _ => Refusal::bad_request(error.to_string()),
    })?;
    if is_new {
        tracing::info!("capability token {nonce} is revoked until the relay ends");
    }
    Ok(Reply::ok(json!({ "nonce": nonce, "revoked": true, "new": is_new })))
}

pub(super) async fn wrong_method() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not know this method")
}

fn entities(registry: &Registry) -> Result<Arc<Entities>, Refusal> {
    let absent = "this relay keeps no registry; start it with --registry-db PATH";
    registry.entities.clone().ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, absent))
}

/// Runs what may wait for the disk beside the runtime.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let crashed = |error| {
        tracing::error!("registry: {error}");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the registry crashed; see the log")
    };
    tokio::task::spawn_blocking(work).await.map_err(crashed)
}
