//! The keys of an identity provider, and which algorithms each of them is for.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::provider;

/// Keys of a set.
const KEYS_MAX: usize = 64;

/// Bytes of a set.
const SET_BYTES_MAX: usize = 256 * 1024;

/// Bytes that a shared secret needs, as many as SHA-256 gives (RFC 7518, 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// What tokens are verified with.
#[derive(Debug, Clone, Default)]
pub struct JwtKeys(Vec<Key>);

/// One key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    /// The same for the same key, whatever its id is; gives nothing of a secret away.
    pub(super) fingerprint: Box<str>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
}

/// Why keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtKeysError {
    /// It is not a set of keys.
    #[error("it is no JSON Web Key Set, {{\"keys\": [...]}}: {0}")]
    NotASet(String),
    /// There are too many, or too many bytes.
    #[error("a key set has at most {KEYS_MAX} keys and {SET_BYTES_MAX} bytes")]
    TooLarge,
    /// None of the keys is for verifying signatures.
    #[error(
        "it has no key that can be used: RSA from 2048 bits on, EC P-256 or P-384, or Ed25519, \
         meant for signatures"
    )]
    NoKey,
    /// The secret is too short to be one.
    #[error("the secret has {0} bytes, at least {SECRET_BYTES_MIN} random ones are needed")]
    ShortSecret(usize),
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

impl JwtKeys {
    /// Reads a JSON Web Key Set (RFC 7517). Keys of unknown kinds and for other uses are passed
    /// over, and so are shared secrets: a set is public.
    ///
    /// # Errors
    /// It is none, or has no key that can be used.
    pub fn parse_set(json: &[u8]) -> Result<JwtKeys, JwtKeysError> {
        if json.len() > SET_BYTES_MAX {
            return Err(JwtKeysError::TooLarge);
        }
        let not_a_set = |error: serde_json::Error| JwtKeysError::NotASet(error.to_string());
        let set: Set = serde_json::from_slice(json).map_err(not_a_set)?;
        if set.keys.len() > KEYS_MAX {
            return Err(JwtKeysError::TooLarge);
        }
        let keys: Vec<Key> = set.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() { Err(JwtKeysError::NoKey) } else { Ok(JwtKeys(keys)) }
    }

    /// A secret that the issuer shares; space around it does not belong to it.
    ///
    /// # Errors
    /// It is too short.
    pub fn secret(bytes: &[u8]) -> Result<JwtKeys, JwtKeysError> {
        let bytes = bytes.trim_ascii();
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(JwtKeysError::ShortSecret(bytes.len()));
        }
        let algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        let decoding = DecodingKey::from_secret(bytes);
        // Keyed by the secret itself: what is known of the mark is of no use for guessing it.
        let fingerprint = provider::mark(bytes, b"clasp-relay: fingerprint of a shared secret");
        Ok(JwtKeys(vec![Key { id: None, fingerprint, algorithms, decoding }]))
    }

    /// Whether a key with this fingerprint is among them.
    pub(super) fn has(&self, fingerprint: &str) -> bool {
        self.0.iter().any(|key| *key.fingerprint == *fingerprint)
    }

    /// Whether every key is also among `others`.
    pub(super) fn are_all_in(&self, others: &JwtKeys) -> bool {
        self.0.iter().all(|key| others.has(&key.fingerprint))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key has this id; keys without id may have any.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref().is_none_or(|known| known == id))
    }

    /// The keys that a token with this head may be signed with.
    pub(super) fn matching<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a Key> {
        self.0.iter().filter(move |key| {
            let is_named = match (id, key.id.as_deref()) {
                (Some(wanted), Some(known)) => wanted == known,
                _ => true,
            };
            is_named && key.algorithms.contains(&algorithm)
        })
    }
}

fn usable(json: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    let is_for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
    if !is_for_signatures {
        return None;
    }
    let fitting: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            &[Algorithm::ES256]
        }
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => {
            &[Algorithm::ES384]
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => return None,
    };
    let algorithms: Vec<Algorithm> = match jwk.common.key_algorithm {
        None => fitting.to_vec(),
        Some(only) => fitting.iter().copied().filter(|it| is_same(*it, only)).collect(),
    };
    let decoding = DecodingKey::from_jwk(&jwk).ok()?;
    let public = serde_json::to_vec(&jwk.algorithm).ok()?;
    let fingerprint = provider::short_sha256(&public);
    let key = Key { id: jwk.common.key_id, fingerprint, algorithms, decoding };
    (!key.algorithms.is_empty()).then_some(key)
}

fn is_same(algorithm: Algorithm, named: KeyAlgorithm) -> bool {
    named.to_string().parse() == Ok(algorithm)
}
