//! The open sessions over the port: who is here, and how to send somebody away.

use serde_json::{Value, json};

use crate::api::{HEX, join, put_admin_token, start};
use crate::client::Event;
use crate::error_code;
use crate::folder::Folder;

#[tokio::test]
async fn sessions_are_listed_with_their_tokens_and_one_can_be_ended() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let (relay, api) = start(&folder, &["--admin-token", "admin.token"]).await;
    let token = api.register("alice").await;
    assert_eq!(api.get("/api/sessions", "").await.status, 401);
    assert_eq!(api.get("/api/sessions", &token).await.status, 403);
    let mut victim = join(relay.address, &token).await;
    let mut admin = join(relay.address, HEX).await;

    let list = api.get("/api/sessions?limit=10", HEX).await;
    assert_eq!((list.status, &list.body["total"]), (200, &json!(2)));
    assert_eq!(api.get("/api/relay", HEX).await.body["sessions"], 2);
    let (one, two) = (&list.body["sessions"][0], &list.body["sessions"][1]);
    let me = api.get("/auth/me", &token).await;
    assert_eq!((&one["subject"], &one["credential"]), (&me.body["user_id"], &json!("cpsk")));
    assert_eq!((&two["credential"], &two["transport"]), (&json!("admin"), &json!("websocket")));
    assert!(!list.body.to_string().contains(&token[5..]), "no token leaves the relay");

    let path = format!("/api/sessions/{}", one["id"].as_str().unwrap());
    assert_eq!(api.get(&path, HEX).await.body["id"], one["id"]);
    let end = format!("DELETE {path}?reason=the%20show%20is%20over");
    assert_eq!(api.ask(&end, &token, &Value::Null).await.status, 403);
    let answer = api.ask(&end, HEX, &Value::Null).await;
    assert_eq!((answer.status, &answer.body["ended"]), (200, &json!(true)));
    assert_eq!(error_code(&victim.next().await), 300);
    assert_eq!(victim.next().await, Event::Close(1008, "the show is over".to_owned()));
    assert!(admin.is_served().await);
    assert!(join(relay.address, &token).await.is_served().await, "the token is as good as before");
    assert_eq!(api.get("/api/sessions/nobody", HEX).await.status, 404);
    assert_eq!(api.get("/api/sessions?limit=1001", HEX).await.status, 400);
}
