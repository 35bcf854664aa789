//! Registering an entity: by its public key, or with a key pair made here and told once.

use std::collections::BTreeMap;
use std::time::SystemTime;

use clasp_auth::{Entity, EntityId, EntityKind, EntityStatus, EntityToken, SigningKey};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body;
use super::reply::bad_request;
use crate::api_error::ApiError;

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 256;

/// Members of the answer that are told once: a key pair that was made here.
pub(super) type Secrets = Vec<(&'static str, Value)>;

/// What to register, under the names that any published client uses.
#[derive(Deserialize)]
pub(super) struct NewEntity {
    #[serde(alias = "type")]
    entity_type: String,
    name: String,
    public_key: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    namespaces: Vec<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl NewEntity {
    /// The entity, and what to tell besides it: the key pair, if it was made here.
    pub(super) fn complete(self) -> Result<(Entity, Secrets), ApiError> {
        let kind: EntityKind = self
            .entity_type
            .parse()
            .map_err(|error| bad_request(format!("entity_type: {error}")))?;
        if self.name.len() > NAME_BYTES_MAX || self.name.chars().any(char::is_control) {
            let text = format!("name: at most {NAME_BYTES_MAX} bytes without control characters");
            return Err(bad_request(text));
        }
        let created_at = now_s();
        let (public_key, secrets) = match &self.public_key {
            Some(hex) => (known_key(hex)?, Vec::new()),
            None => fresh_key(created_at)?,
        };
        let entity = Entity {
            id: EntityId::of(&public_key),
            kind,
            name: self.name,
            public_key,
            created_at,
            metadata: self.metadata,
            tags: self.tags,
            namespaces: self.namespaces,
            scopes: self.scopes,
            status: EntityStatus::Active,
        };
        Ok((entity, secrets))
    }
}

fn known_key(hex: &str) -> Result<[u8; 32], ApiError> {
    let key = body::key(hex, "public_key")?;
    if clasp_auth::is_public_key(&key) {
        return Ok(key);
    }
    Err(bad_request("invalid public key: these bytes are no Ed25519 public key"))
}

fn fresh_key(now_s: u64) -> Result<([u8; 32], Secrets), ApiError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| {
        let text = format!("the system gives no random numbers: {error}");
        ApiError::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, text)
    })?;
    let key = SigningKey::from_bytes(&seed);
    let token = EntityToken::sign(&key, now_s).to_text();
    let secret = data_encoding::HEXLOWER.encode(&seed);
    let secrets = vec![("secret_key", json!(secret)), ("token", json!(token))];
    Ok((key.verifying_key().to_bytes(), secrets))
}

/// The wall clock, seconds since 1970-01-01 UTC.
pub(super) fn now_s() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs())
}
