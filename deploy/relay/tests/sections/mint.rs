//! Tokens as issuers elsewhere make them, and the files that a relay is given to check them.

use std::time::SystemTime;

use clasp_auth::SigningKey;
use clasp_auth::capability::{Capability, Terms};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::folder::Folder;

/// A secret that relay and issuer share.
pub(crate) const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The wall clock, seconds.
pub(crate) fn now_s() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// Somebody with a key.
pub(crate) fn holder(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// What to grant for an hour.
pub(crate) fn terms(scopes: &[&str], audience: Option<&SigningKey>, nonce: &str) -> Terms {
    Terms {
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        audience: audience.map(|key| key.verifying_key().to_bytes()),
        expires_at: now_s() + 3_600,
        nonce: nonce.to_owned(),
    }
}

/// A token of the anchor for whoever holds it.
pub(crate) fn root(scopes: &[&str], nonce: &str) -> String {
    Capability::mint(&holder(1), terms(scopes, None, nonce)).unwrap().to_text()
}

/// Puts the anchor's public key where `--trust-anchor` finds it.
pub(crate) fn put_anchor(folder: &Folder) -> String {
    let key = HEXLOWER.encode(&holder(1).verifying_key().to_bytes());
    put(folder, "anchor.pub", key)
}

/// A file; its path.
pub(crate) fn put(folder: &Folder, name: &str, content: impl AsRef<[u8]>) -> String {
    std::fs::write(folder.path().join(name), content).unwrap();
    folder.file(name)
}

/// What a good JWT says.
pub(crate) fn claims() -> Value {
    json!({
        "iss": "https://id.example",
        "aud": "clasp",
        "sub": "alice",
        "exp": now_s() + 3_600,
        "scopes": "openid read:/stage/** write:/stage/alice/*",
    })
}

fn base64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// Head and content of a JWT, as they are signed.
pub(crate) fn unsigned(head: &Value, claims: &Value) -> String {
    format!("{}.{}", base64(head.to_string().as_bytes()), base64(claims.to_string().as_bytes()))
}

/// A JWT with HS256 by this secret.
pub(crate) fn hs256(secret: &[u8], claims: &Value) -> String {
    let message = unsigned(&json!({ "alg": "HS256", "typ": "JWT" }), claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{message}.{}", base64(hmac::sign(&key, message.as_bytes()).as_ref()))
}

fn ed25519(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// A JWT with EdDSA by the key called `key-SEED`.
pub(crate) fn eddsa(seed: u8, claims: &Value) -> String {
    let message = unsigned(&json!({ "alg": "EdDSA", "kid": format!("key-{seed}") }), claims);
    format!("{message}.{}", base64(ed25519(seed).sign(message.as_bytes()).as_ref()))
}

/// A JSON Web Key Set of these keys.
pub(crate) fn key_set(seeds: &[u8]) -> String {
    let key = |seed: &u8| {
        let x = base64(ed25519(*seed).public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": format!("key-{seed}"), "x": x })
    };
    json!({ "keys": seeds.iter().map(key).collect::<Vec<_>>() }).to_string()
}
