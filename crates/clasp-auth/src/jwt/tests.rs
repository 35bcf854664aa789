//! Which JWTs are accepted. Those of RSA are vectors made by OpenSSL, the others are signed here.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::*;
use crate::{Denied, Grant, Verifier as _};

const NOW_S: u64 = 1_800_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn base64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn claims() -> Value {
    json!({ "sub": "alice", "exp": NOW_S + 60, "scopes": ["read:/a/**", "write:/a/b"] })
}

/// What is signed of a token: head and content.
fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()))
}

fn with_secret(claims: &Value) -> String {
    let message = message(&json!({ "alg": "HS256", "typ": "JWT" }), claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    format!("{message}.{}", base64(hmac::sign(&key, message.as_bytes()).as_ref()))
}

fn ed25519() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn ed25519_set(id: &str) -> Value {
    let x = base64(ed25519().verifying_key().as_bytes());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x }] })
}

fn with_ed25519(id: &str, claims: &Value) -> String {
    let message = message(&json!({ "alg": "EdDSA", "kid": id }), claims);
    format!("{message}.{}", base64(&ed25519().sign(message.as_bytes()).to_bytes()))
}

fn set(json: &Value) -> JwtKeys {
    JwtKeys::parse_set(json.to_string().as_bytes()).unwrap()
}

fn secret() -> JwtVerifier {
    JwtVerifier::new(JwtRules::default(), JwtKeys::secret(SECRET).unwrap())
}

fn present(verifier: &JwtVerifier, token: &str) -> Result<Grant, Denied> {
    verifier.verify(token, NOW_S * 1_000_000).expect("the token is claimed")
}

fn changed(name: &str, value: impl Into<Value>) -> String {
    let mut claims = claims();
    claims[name] = value.into();
    with_secret(&claims)
}

fn not_accepted() -> Denied {
    Denied::Invalid("token not accepted".into())
}

#[test]
fn a_token_gives_its_scopes_and_subject_until_it_ends() {
    let grant = present(&secret(), &with_secret(&claims())).unwrap();
    assert_eq!(grant.subject.as_deref(), Some("jwt:alice"));
    assert_eq!(grant.expires_unix_us, Some((NOW_S + 60) * 1_000_000));
    assert!(grant.may_listen("/a/x") && grant.may_write("/a/b") && !grant.may_write("/a/c"));
    assert!(!grant.credential.unwrap().id.contains("alice"));
}

#[test]
fn scopes_may_be_a_text_and_what_is_no_scope_is_passed_over() {
    let grant = present(&secret(), &changed("scopes", "openid read:/x profile")).unwrap();
    assert!(grant.may_read("/x") && !grant.may_read("/a/b"));
    for useless in [json!("openid"), json!(7), json!([]), Value::Null] {
        assert_eq!(present(&secret(), &changed("scopes", useless)), Err(not_accepted()));
    }
}

#[test]
fn times_are_held_against_the_clock() {
    let at = |name, value| present(&secret(), &changed(name, value)).map(drop);
    assert_eq!(at("exp", json!(NOW_S)), Err(Denied::Expired));
    assert_eq!(at("exp", json!(NOW_S + 1)), Ok(()));
    assert_eq!(at("exp", json!(NOW_S as f64 + 1.5)), Ok(()));
    for name in ["nbf", "iat"] {
        assert_eq!(at(name, json!(NOW_S + 60)), Ok(()), "{name}");
        let early = Denied::Invalid("token not valid yet".into());
        assert_eq!(at(name, json!(NOW_S + 61)), Err(early), "{name}");
        assert!(at(name, json!("soon")).is_err(), "{name}");
    }
}

#[test]
fn a_token_without_end_or_subject_is_refused() {
    for name in ["exp", "sub"] {
        let mut less = claims();
        less.as_object_mut().unwrap().remove(name);
        assert!(present(&secret(), &with_secret(&less)).is_err(), "{name}");
    }
    for wrong in [json!(""), json!("a\nb"), json!("x".repeat(257)), json!(5)] {
        assert!(present(&secret(), &changed("sub", wrong)).is_err());
    }
}

#[test]
fn issuer_and_audience_have_to_be_those_asked_for() {
    let rules = JwtRules {
        issuer: Some("https://id".to_owned()),
        audience: Some("clasp".to_owned()),
        ..JwtRules::default()
    };
    let verifier = JwtVerifier::new(rules, JwtKeys::secret(SECRET).unwrap());
    let with = |issuer: Option<&str>, audience: Value| {
        let mut claims = claims();
        if let Some(issuer) = issuer {
            claims["iss"] = issuer.into();
        }
        if !audience.is_null() {
            claims["aud"] = audience;
        }
        present(&verifier, &with_secret(&claims)).is_ok()
    };
    assert!(with(Some("https://id"), json!("clasp")));
    assert!(with(Some("https://id"), json!(["other", "clasp"])));
    assert!(!with(Some("https://other"), json!("clasp")) && !with(None, json!("clasp")));
    assert!(!with(Some("https://id"), json!("other")) && !with(Some("https://id"), Value::Null));
    let for_somebody_else = changed("aud", "other");
    assert_eq!(present(&secret(), &for_somebody_else), Err(not_accepted()));
}

#[test]
fn rsa_signatures_of_another_program_are_verified() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../tests/vectors/jwt-rsa.json")).unwrap();
    let rules = JwtRules { audience: Some("clasp".to_owned()), ..JwtRules::default() };
    let verifier = JwtVerifier::new(rules, set(&vectors["jwks"]));
    for algorithm in ["RS256", "PS256"] {
        let token = vectors[algorithm].as_str().unwrap();
        assert!(present(&verifier, token).unwrap().may_write("/stage/alice/x"), "{algorithm}");
        let other = if token.ends_with('A') { "B" } else { "A" };
        let tampered = format!("{}{other}", &token[..token.len() - 1]);
        let shorter = &token[..token.len() - 4];
        assert!(present(&verifier, &tampered).is_err() && present(&verifier, shorter).is_err());
    }
}

#[test]
fn elliptic_signatures_are_verified() {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let keys = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y) }] });
    let verifier = JwtVerifier::new(JwtRules::default(), set(&keys));
    let message = message(&json!({ "alg": "ES256" }), &claims());
    let signature = pair.sign(&random, message.as_bytes()).unwrap();
    let token = format!("{message}.{}", base64(signature.as_ref()));
    assert!(present(&verifier, &token).is_ok());
    let verifier = JwtVerifier::new(JwtRules::default(), set(&ed25519_set("one")));
    assert!(present(&verifier, &with_ed25519("one", &claims())).is_ok());
}

#[test]
fn the_key_decides_the_algorithm() {
    let unsigned = format!("{}.", message(&json!({ "alg": "none" }), &claims()));
    assert!(present(&secret(), &unsigned).is_err());
    // The classic: a public key taken for the secret of a MAC.
    let public = ed25519().verifying_key();
    let message = message(&json!({ "alg": "HS256", "kid": "one" }), &claims());
    let key = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
    let confused = format!("{message}.{}", base64(hmac::sign(&key, message.as_bytes()).as_ref()));
    let verifier = JwtVerifier::new(JwtRules::default(), set(&ed25519_set("one")));
    assert_eq!(present(&verifier, &confused), Err(not_accepted()));
    assert_eq!(present(&verifier, &with_secret(&claims())), Err(not_accepted()));
    let mut bound = ed25519_set("one");
    bound["keys"][0]["alg"] = "RS256".into();
    assert!(JwtKeys::parse_set(bound.to_string().as_bytes()).is_err());
}

#[test]
fn critical_extensions_are_not_ignored() {
    let header = json!({ "alg": "HS256", "crit": ["b64"], "b64": false });
    let message = message(&header, &claims());
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let token = format!("{message}.{}", base64(hmac::sign(&key, message.as_bytes()).as_ref()));
    assert!(present(&secret(), &token).is_err());
}

#[test]
fn an_unknown_key_is_reported_and_found_once_the_keys_are_new() {
    let verifier = JwtVerifier::new(JwtRules::default(), set(&ed25519_set("old")));
    let token = with_ed25519("new", &claims());
    assert!(!verifier.take_missed());
    assert_eq!(present(&verifier, &token), Err(not_accepted()));
    assert!(verifier.take_missed() && !verifier.take_missed());
    verifier.replace_keys(set(&ed25519_set("new")));
    assert!(present(&verifier, &token).is_ok() && !verifier.take_missed());
}

#[test]
fn a_key_that_disappears_takes_its_grants_along() {
    let verifier = JwtVerifier::new(JwtRules::default(), set(&ed25519_set("one")));
    let grant = present(&verifier, &with_ed25519("one", &claims())).unwrap();
    verifier.replace_keys(set(&ed25519_set("renamed")));
    assert!(verifier.still_holds(&grant) && verifier.revision() == 0, "the same key");
    let other = SigningKey::from_bytes(&[8; 32]).verifying_key();
    let mut keys = ed25519_set("one");
    keys["keys"][0]["x"] = base64(other.as_bytes()).into();
    verifier.replace_keys(set(&keys));
    assert!(!verifier.still_holds(&grant) && verifier.revision() == 1);
    verifier.replace_keys(JwtKeys::secret(SECRET).unwrap());
    let grant = present(&verifier, &with_secret(&claims())).unwrap();
    verifier.replace_keys(JwtKeys::secret(SECRET).unwrap());
    assert!(verifier.still_holds(&grant) && verifier.revision() == 2);
    verifier.replace_keys(JwtKeys::secret(&[b'x'; 32]).unwrap());
    assert!(!verifier.still_holds(&grant));
}

#[test]
fn useless_key_sets_are_refused() {
    let parse = |json: Value| JwtKeys::parse_set(json.to_string().as_bytes()).unwrap_err();
    assert!(matches!(parse(json!({ "key": [] })), JwtKeysError::NotASet(_)));
    let secret = json!({ "kty": "oct", "k": base64(SECRET) });
    let mut encrypting = ed25519_set("e")["keys"][0].clone();
    encrypting["use"] = "enc".into();
    let strange = json!({ "kty": "new" });
    assert_eq!(parse(json!({ "keys": [secret, encrypting, strange] })), JwtKeysError::NoKey);
    let many: Vec<Value> = (0..65).map(|_| ed25519_set("x")["keys"][0].clone()).collect();
    assert_eq!(parse(json!({ "keys": many })), JwtKeysError::TooLarge);
    assert_eq!(JwtKeys::secret(b" short \n").unwrap_err(), JwtKeysError::ShortSecret(5));
}

#[test]
fn other_tokens_are_left_to_others() {
    for other in ["cpsk_a", "cap_a.b.c", "eyJ.a", "eyJ.a.b.c", "eyJ.a.b=", "ey J.a.b"] {
        assert!(secret().verify(other, 0).is_none(), "{other}");
    }
    let junk = present(&secret(), "eyJ.a.b");
    assert_eq!(junk, Err(Denied::Invalid("malformed token".into())));
}
