//! JSON Web Tokens: what is accepted, and what attackers try.

use serde_json::{Value, json};

use crate::api::{join, refusal, start};
use crate::folder::Folder;
use crate::mint::{SECRET, claims, eddsa, hs256, key_set, now_s, put, unsigned};
use crate::{ended, may_not_write, may_write};

const RSA: &str = include_str!("../../../../crates/clasp-auth/tests/vectors/jwt-rsa.json");
const FOR_US: [&str; 4] = ["--jwt-issuer", "https://id.example", "--jwt-audience", "clasp"];

/// Claims with one of them changed.
fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

#[tokio::test]
async fn a_shared_secret_opens_sessions_for_what_is_meant_for_this_relay() {
    let folder = Folder::new();
    let secret = put(&folder, "secret", SECRET);
    let options = [&["--jwt-secret", &secret], &FOR_US[..]].concat();
    let (relay, api) = start(&folder, &options).await;
    let token = hs256(SECRET, &claims());
    let mut session = join(relay.address, &token).await;
    may_write(&mut session, "/stage/alice/x").await;
    may_not_write(&mut session, "/stage/bob/x").await;
    assert_eq!(api.get("/auth/me", &token).await.text("user_id"), "jwt:alice");

    let none = unsigned(&json!({ "alg": "none" }), &claims());
    for (name, bad) in [
        ("issuer", hs256(SECRET, &with("iss", "https://evil.example"))),
        ("audience", hs256(SECRET, &with("aud", "other"))),
        ("no audience", hs256(SECRET, &with("aud", Value::Null))),
        ("not yet", hs256(SECRET, &with("nbf", now_s() + 600))),
        ("no scopes", hs256(SECRET, &with("scopes", "openid"))),
        ("secret", hs256(b"another secret, which is as long", &claims())),
        ("alg none", format!("{none}.")),
        ("no signature", none),
    ] {
        assert_eq!(refusal(relay.address, Some(&bad)).await, 300, "{name}");
    }
    let old = hs256(SECRET, &with("exp", now_s() - 1));
    assert_eq!(refusal(relay.address, Some(&old)).await, 302);
}

#[tokio::test]
async fn a_jwt_that_expires_ends_its_session() {
    let folder = Folder::new();
    let secret = put(&folder, "secret", SECRET);
    let options = [&["--jwt-secret", &secret], &FOR_US[..]].concat();
    let (relay, _) = start(&folder, &options).await;
    let token = hs256(SECRET, &with("exp", now_s() + 2));
    ended(&mut join(relay.address, &token).await, 302).await;
}

#[tokio::test]
async fn keys_of_a_set_decide_the_algorithm() {
    let folder = Folder::new();
    let vectors: Value = serde_json::from_str(RSA).unwrap();
    let mut keys = vectors["jwks"].clone();
    let more: Value = serde_json::from_str(&key_set(&[7])).unwrap();
    keys["keys"].as_array_mut().unwrap().extend(more["keys"].as_array().unwrap().clone());
    let set = put(&folder, "keys.json", keys.to_string());
    let (relay, _) = start(&folder, &[&["--jwt-jwks", &set], &FOR_US[..]].concat()).await;
    let rs256 = vectors["RS256"].as_str().unwrap();
    for good in [rs256, &eddsa(7, &claims())] {
        may_write(&mut join(relay.address, good).await, "/stage/alice/x").await;
    }
    let modulus = keys["keys"][0]["n"].as_str().unwrap();
    let raw = data_encoding::BASE64URL_NOPAD.decode(modulus.as_bytes()).unwrap();
    let set_bytes = keys.to_string();
    for public in [modulus.as_bytes(), &raw, set_bytes.as_bytes()] {
        let confused = hs256(public, &claims());
        assert_eq!(refusal(relay.address, Some(&confused)).await, 300, "HS for RS");
    }
    let (message, _) = rs256.rsplit_once('.').unwrap();
    let (_, signature) = rs256.rsplit_once('.').unwrap();
    let unknown = eddsa(8, &claims());
    let as_root = format!("{}.{signature}", unsigned(&json!({ "alg": "RS256" }), &claims()));
    for bad in [format!("{message}."), unknown, as_root] {
        assert_eq!(refusal(relay.address, Some(&bad)).await, 300);
    }
}
