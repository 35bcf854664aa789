//! Registered entities: their own tokens, those that the relay issues to them, and what ends both.

use clasp_auth::EntityToken;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use crate::api::{Answer, Api, HEX, join, put_admin_token, refusal, start};
use crate::folder::Folder;
use crate::mint::{holder, now_s};
use crate::support::Relay;
use crate::{ended, may_not_write, may_write};

async fn with_registry(folder: &Folder) -> (Relay, Api) {
    put_admin_token(folder);
    start(folder, &["--registry-db", "registry.db", "--admin-token", "admin.token"]).await
}

/// Registers the lamp with the key of holder 9; its path in the API.
async fn register(api: Api) -> String {
    let key = HEXLOWER.encode(&holder(9).verifying_key().to_bytes());
    let lamp = json!({
        "type": "Device", "name": "lamp", "public_key": key, "scopes": ["write:/lamp/**"],
    });
    let created = api.ask("POST /api/entities", HEX, &lamp).await;
    assert_eq!(created.status, 201, "{created:?}");
    format!("/api/entities/{}", created.text("id"))
}

async fn set_status(api: Api, path: &str, status: &str) -> Answer {
    api.ask(&format!("PUT {path}/status"), HEX, &json!({ "status": status })).await
}

async fn issued(api: Api, path: &str) -> String {
    let answer = api.ask(&format!("POST {path}/token"), HEX, &Value::Null).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text("token").to_owned()
}

fn signed() -> String {
    EntityToken::sign(&holder(9), now_s()).to_text()
}

#[tokio::test]
async fn an_entity_signs_its_own_token_and_the_relay_issues_one_as_good() {
    let folder = Folder::new();
    let (relay, api) = with_registry(&folder).await;
    assert_eq!(refusal(relay.address, Some(&signed())).await, 300, "not registered yet");
    let path = register(api).await;
    for token in [signed(), issued(api, &path).await] {
        let mut session = join(relay.address, &token).await;
        may_write(&mut session, "/lamp/on").await;
        may_not_write(&mut session, "/door").await;
        session.subscribe_all().await;
        assert_eq!(crate::error_code(&session.next().await), 301);
    }
    let stranger = EntityToken::sign(&holder(8), now_s()).to_text();
    assert_eq!(refusal(relay.address, Some(&stranger)).await, 300);
    let me = api.get("/auth/me", &issued(api, &path).await).await;
    assert_eq!((me.text("kind"), &me.body["user_id"]), ("entity", &json!(&path[14..])));
}

#[tokio::test]
async fn a_suspended_entity_loses_its_sessions_and_what_was_issued_to_it() {
    let folder = Folder::new();
    let (relay, api) = with_registry(&folder).await;
    let path = register(api).await;
    let (own, ours) = (signed(), issued(api, &path).await);
    let mut sessions = [join(relay.address, &own).await, join(relay.address, &ours).await];
    assert_eq!(set_status(api, &path, "suspended").await.text("status"), "suspended");
    for session in &mut sessions {
        ended(session, 300).await;
    }
    assert_eq!(refusal(relay.address, Some(&own)).await, 300);
    assert_eq!(api.ask(&format!("POST {path}/token"), HEX, &Value::Null).await.status, 403);
    set_status(api, &path, "active").await;
    assert!(join(relay.address, &own).await.is_served().await);
    assert_eq!(refusal(relay.address, Some(&ours)).await, 300, "it was ended for good");
    join(relay.address, &issued(api, &path).await).await;
}

#[tokio::test]
async fn a_deleted_entity_is_nobody() {
    let folder = Folder::new();
    let (relay, api) = with_registry(&folder).await;
    let path = register(api).await;
    let (own, ours) = (signed(), issued(api, &path).await);
    let mut sessions = [join(relay.address, &own).await, join(relay.address, &ours).await];
    assert_eq!(api.ask(&format!("DELETE {path}"), HEX, &Value::Null).await.status, 200);
    for session in &mut sessions {
        ended(session, 300).await;
    }
    for token in [own, ours] {
        assert_eq!(refusal(relay.address, Some(&token)).await, 300);
    }
    assert_eq!(api.get(&path, HEX).await.status, 404);
}

#[tokio::test]
async fn revoked_is_final_also_after_a_restart() {
    let folder = Folder::new();
    let (relay, api) = with_registry(&folder).await;
    let path = register(api).await;
    let mut session = join(relay.address, &signed()).await;
    set_status(api, &path, "revoked").await;
    ended(&mut session, 300).await;
    assert_eq!(set_status(api, &path, "active").await.status, 409);
    assert_eq!(relay.stop().await.0, Some(0));
    let (relay, api) = with_registry(&folder).await;
    assert_eq!(refusal(relay.address, Some(&signed())).await, 300);
    assert_eq!(set_status(api, &path, "active").await.status, 409);
}

#[tokio::test]
async fn an_issued_token_survives_a_restart_and_needs_the_registry() {
    let folder = Folder::new();
    let (relay, api) = with_registry(&folder).await;
    let token = issued(api, &register(api).await).await;
    assert_eq!(relay.stop().await.0, Some(0));
    let (relay, api) = with_registry(&folder).await;
    assert!(join(relay.address, &token).await.is_served().await);
    let child = json!({ "name": "bulb", "scopes": [] });
    assert_eq!(api.ask("POST /auth/register", &token, &child).await.status, 403);
    assert_eq!(relay.stop().await.0, Some(0));
    let (relay, api) = start(&folder, &["--admin-token", "admin.token"]).await;
    assert_eq!(refusal(relay.address, Some(&token)).await, 300);
    let absent = api.get("/api/entities", HEX).await;
    assert!(absent.status == 404 && absent.text("error").contains("--registry-db"));
}
