//! What the operator sees and does.

use serde_json::{Value, json};

use crate::api::{HEX, put_admin_token, refusal, start};
use crate::folder::Folder;

#[tokio::test]
async fn users_and_tokens_are_listed_and_removed() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let (relay, api) = start(&folder, &["--admin-token", "admin.token"]).await;
    let token = api.register("alice").await;
    api.register("bob").await;
    assert_eq!(api.get("/api/users", &token).await.status, 403);

    let users = api.get("/api/users?limit=1", HEX).await;
    assert_eq!(
        (&users.body["total"], users.body["users"].as_array().unwrap().len()),
        (&2.into(), 1)
    );
    assert!(!users.body.to_string().contains("argon2"), "no hash leaves the relay");
    let id = api.get("/auth/me", &token).await.text("user_id").to_owned();
    assert_eq!(api.get(&format!("/api/users/{id}"), HEX).await.text("username"), "alice");
    let tokens = api.get("/api/tokens", HEX).await;
    assert_eq!(tokens.body["total"], 2);
    assert!(!tokens.body.to_string().contains(&token[5..]), "no token leaves the relay");

    let removed = api.ask(&format!("DELETE /api/users/{id}"), HEX, &Value::Null).await;
    assert_eq!((removed.status, &removed.body["revoked"]), (200, &1.into()));
    assert_eq!(refusal(relay.address, Some(&token)).await, 300);
    let login = json!({ "username": "alice", "password": "secret123" });
    assert_eq!(api.post("/auth/login", &login).await.status, 401);
}

#[tokio::test]
async fn a_list_of_tokens_is_honoured_from_a_file() {
    let folder = Folder::new();
    let token = "cpsk_00112233445566778899aabbccddeeff";
    let list = json!([{ "token": token, "subject": "desk", "scopes": ["read:/a/**"] }]);
    let path = folder.path().join("tokens.json");
    std::fs::write(&path, list.to_string()).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (_relay, api) = start(&folder, &["--tokens-file", "tokens.json"]).await;
    let me = api.get("/auth/me", token).await;
    assert_eq!((me.text("user_id"), &me.body["scopes"]), ("desk", &json!(["read:/a/**"])));
    assert_eq!(api.ask("POST /auth/logout", token, &Value::Null).await.status, 403);
}

#[tokio::test]
async fn the_operator_hands_out_tokens_of_any_scope() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let (_relay, api) = start(&folder, &["--admin-token", "admin.token"]).await;
    let tool = json!({ "name": "backup", "scopes": ["admin:/**"] });
    let made = api.ask("POST /auth/register", HEX, &tool).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(api.get("/api/relay", made.text("token")).await.status, 200);
}
