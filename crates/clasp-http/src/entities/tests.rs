//! The registry's pages as clients call them.

use axum::Extension;
use axum::body::Body;
use axum::http::Request;
use clasp_auth::tokens::{TokenLimits, Tokens};
use clasp_auth::{AdminToken, Chain, MemoryStore, PublicKey, Quota, store};
use data_encoding::HEXLOWER;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower_service::Service as _;

use super::*;
use crate::bearer::Access;

const PUBLIC: &str = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
const ADMIN: &str = "the-token-of-an-operator";
const ID: &str = "clasp:SzW383y2F1hUUW5tt2vBi";
const SEED: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

struct Api {
    pages: Router,
    registry: Registry,
}

/// The pages as operators get at them.
fn pages(registry: Registry) -> Router {
    let admin = Arc::new(AdminToken::new(ADMIN).unwrap());
    let chain = Chain::new(vec![admin], None);
    let access = Access::new(Arc::new(chain), Quota::per_seconds(0, 1));
    section(registry).pages.layer(Extension(Arc::new(access)))
}

fn api() -> Api {
    let entities = Arc::new(Entities::open(Box::<MemoryStore>::default()).unwrap());
    let tokens = Arc::<store::MemoryStore>::default();
    let tokens = Arc::new(Tokens::open(tokens, TokenLimits::default(), 0).unwrap());
    let leases = EntityLeases::new(tokens, Arc::clone(&entities), 60);
    let anchor: PublicKey = HEXLOWER.decode(PUBLIC.as_bytes()).unwrap().try_into().unwrap();
    let registry = Registry {
        entities: Some(entities),
        anchors: TrustAnchors::from_iter([anchor]),
        links_max: 2,
        revocations: Arc::default(),
        leases: Some(Arc::new(leases)),
        accounts: None,
    };
    Api { pages: pages(registry.clone()), registry }
}

impl Api {
    /// Status and JSON of the answer; whatever it is, it is JSON.
    async fn ask(&mut self, method: &str, path: &str, body: impl Into<Body>) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {ADMIN}"));
        let request = request.body(body.into()).unwrap();
        let response = self.pages.call(request).await.unwrap();
        let status = response.status().as_u16();
        assert_eq!(response.headers()["content-type"], "application/json", "{method} {path}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn send(&mut self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask(method, path, body.to_string()).await
    }

    async fn create_temp(&mut self) -> Value {
        let (status, entity) = self
            .send(
                "POST",
                "/api/entities",
                json!({
                    "entity_type": "device", "name": "Temp", "public_key": PUBLIC,
                    "tags": ["sensor"], "namespaces": ["/sensors"],
                    "scopes": ["write:/sensors/**"], "metadata": { "loc": "roof" },
                }),
            )
            .await;
        assert_eq!(status, 201, "{entity}");
        entity
    }
}

fn error(answer: &(u16, Value)) -> &str {
    answer.1["error"].as_str().unwrap()
}

#[tokio::test]
async fn an_entity_is_created_shown_listed_and_deleted() {
    let mut api = api();
    let created = api.create_temp().await;
    assert_eq!(created["id"], ID);
    assert_eq!((&created["type"], &created["entity_type"]), (&json!("device"), &json!("device")));
    assert_eq!((&created["public_key"], &created["status"]), (&json!(PUBLIC), &json!("active")));
    assert!(created["created_at"].as_str().unwrap().ends_with('Z') && created["token"].is_null());
    let path = format!("/api/entities/{ID}");
    assert_eq!(api.ask("GET", &path, "").await, (200, created.clone()));
    assert_eq!(api.ask("GET", "/api/entities", "").await, (200, json!([created])));
    assert_eq!(api.ask("DELETE", &path, "").await, (200, json!({ "id": ID, "deleted": true })));
    for method in ["GET", "DELETE"] {
        let answer = api.ask(method, &path, "").await;
        assert_eq!((answer.0, error(&answer)), (404, "entity not found"));
    }
}

#[tokio::test]
async fn a_client_without_key_gets_a_pair_and_a_token_once() {
    let mut api = api();
    let request = json!({ "name": "T", "type": "Device", "scopes": ["read:/a"] });
    let (status, created) = api.send("POST", "/api/entities", request).await;
    assert_eq!(status, 201);
    let secret = created["secret_key"].as_str().unwrap().to_owned();
    assert!(created["token"].as_str().unwrap().starts_with("ent_"));
    let path = format!("/api/entities/{}", created["id"].as_str().unwrap());
    let (_, shown) = api.ask("GET", &path, "").await;
    assert!(shown["secret_key"].is_null() && shown["token"].is_null());
    let (status, minted) =
        api.send("POST", &format!("{path}/token"), json!({ "keypair_hex": secret })).await;
    assert_eq!((status, &minted["entity_id"]), (200, &created["id"]));
}

#[tokio::test]
async fn a_bad_entity_is_refused_with_the_reason() {
    let mut api = api();
    let with = |name: &str, value: Value| {
        let mut request = json!({ "entity_type": "device", "name": "T", "public_key": PUBLIC });
        request[name] = value;
        request
    };
    for (name, value, status, word) in [
        ("public_key", json!("zz"), 400, "64 hex"),
        ("public_key", json!("é".repeat(32)), 400, "64 hex"),
        ("public_key", json!(format!("01{}", "0".repeat(62))), 400, "invalid public key"),
        ("entity_type", json!("robot"), 400, "device, user, service, router"),
        ("scopes", json!(["fly:/a"]), 400, "unknown action 'fly'"),
        ("namespaces", json!(["sensors"]), 400, "namespace"),
        ("name", json!("a\nb"), 400, "control characters"),
        ("name", json!(7), 422, "invalid type"),
        ("metadata", json!({ "a": 1 }), 422, "invalid type"),
    ] {
        let answer = api.send("POST", "/api/entities", with(name, value)).await;
        assert!(answer.0 == status && error(&answer).contains(word), "{name}: {answer:?}");
    }
    api.create_temp().await;
    let again = api.send("POST", "/api/entities", with("name", json!("Again"))).await;
    let text = format!("failed to create entity: entity already exists: {ID}");
    assert_eq!((again.0, error(&again)), (409, &*text));
}

#[tokio::test]
async fn a_status_is_changed_and_revoked_is_final() {
    let mut api = api();
    api.create_temp().await;
    let path = format!("/api/entities/{ID}/status");
    let (status, entity) = api.send("PUT", &path, json!({ "status": "Inactive" })).await;
    assert_eq!((status, &entity["status"]), (200, &json!("suspended")));
    assert_eq!(api.registry.entities.as_ref().unwrap().revision(), 1);
    assert_eq!(api.send("PUT", &path, json!({ "status": "Revoked" })).await.0, 200);
    assert_eq!(api.send("PUT", &path, json!({ "status": "active" })).await.0, 409);
    assert_eq!(api.send("PUT", &path, json!({ "status": "gone" })).await.0, 400);
    assert_eq!(api.send("PUT", &path, json!({})).await.0, 422);
    let other = "/api/entities/clasp:111111/status";
    assert_eq!(api.send("PUT", other, json!({ "status": "active" })).await.0, 404);
    let bad = api.send("PUT", "/api/entities/xyz/status", json!({ "status": "active" })).await;
    assert!(bad.0 == 400 && error(&bad).starts_with("invalid entity ID"));
}

#[tokio::test]
async fn tokens_are_minted_for_active_entities_only() {
    let mut api = api();
    api.create_temp().await;
    let path = format!("/api/entities/{ID}/token");
    let (status, minted) = api.send("POST", &path, json!({ "keypair_hex": SEED })).await;
    assert_eq!((status, &minted["entity_id"]), (200, &json!(ID)));
    let wrong = api.send("POST", &path, json!({ "keypair_hex": "11".repeat(32) })).await;
    assert!(wrong.0 == 403 && error(&wrong).contains("does not match"));
    assert_eq!(api.send("POST", &path, json!({ "keypair_hex": "é" })).await.0, 400);
    for body in ["", "{}"] {
        let (status, issued) = api.ask("POST", &path, body).await;
        assert!(status == 200 && issued["token"].as_str().unwrap().starts_with("cpsk_"));
    }
    let suspend = json!({ "status": "suspended" });
    api.send("PUT", &format!("/api/entities/{ID}/status"), suspend).await;
    let refused = api.send("POST", &path, json!({ "keypair_hex": SEED })).await;
    let text = "entity is suspended, must be active to mint tokens";
    assert_eq!((refused.0, error(&refused)), (403, text));
}

#[tokio::test]
async fn lists_have_pages_with_bounds() {
    let mut api = api();
    for name in ["a", "b", "c"] {
        let request = json!({ "name": name, "type": "user" });
        assert_eq!(api.send("POST", "/api/entities", request).await.0, 201);
    }
    let length = |answer: (u16, Value)| answer.1.as_array().map(Vec::len);
    for (query, expected) in [("limit=2", 2), ("offset=2&limit=9", 1), ("limit=99999999", 3)] {
        let answer = api.ask("GET", &format!("/api/entities?{query}"), "").await;
        assert_eq!(length(answer), Some(expected), "{query}");
    }
    for query in ["limit=-1", "offset=x", "limit=18446744073709551616"] {
        assert_eq!(api.ask("GET", &format!("/api/entities?{query}"), "").await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn anchors_are_told_and_capabilities_revoked() {
    let mut api = api();
    let told = api.ask("GET", "/api/trust-anchors", "").await;
    assert_eq!(told, (200, json!({ "anchors": [PUBLIC], "cap_max_depth": 2 })));
    let path = "/api/capabilities/revoke";
    let (status, first) = api.send("POST", path, json!({ "nonce": "n-1" })).await;
    assert_eq!((status, &first["new"]), (200, &json!(true)));
    assert_eq!(api.send("POST", path, json!({ "nonce": "n-1" })).await.1["new"], false);
    assert!(api.registry.revocations.contains("n-1"));
    assert_eq!(api.send("POST", path, json!({ "nonce": "two words" })).await.0, 400);
}

#[tokio::test]
async fn whatever_is_asked_the_answer_is_json() {
    let mut api = api();
    assert_eq!(api.ask("POST", "/api/entities", "{").await.0, 422);
    assert_eq!(api.ask("PATCH", "/api/entities", "").await.0, 405);
    assert_eq!(api.ask("POST", "/api/entities", vec![b' '; BODY_BYTES_MAX + 1]).await.0, 413);
    api.registry.entities = None;
    api.pages = pages(api.registry.clone());
    let absent = api.ask("GET", "/api/entities", "").await;
    assert!(absent.0 == 404 && error(&absent).contains("--registry-db"));
}
