//! Tokens and the sessions that live on them.

use clasp_protocol::Message;
use serde_json::{Value, json};

use crate::api::{HEX, join, put_admin_token, refusal, start};
use crate::client::{Client, Event};
use crate::folder::Folder;

/// Waits for the ERROR and the Close that end a session.
async fn ended(client: &mut Client, code: u16) {
    let error = client.next().await;
    let Message::Error(error) = error.message() else { panic!("{error:?}") };
    assert_eq!(error.code, code);
    assert!(matches!(client.next().await, Event::Close(1008, _)));
}

#[tokio::test]
async fn without_a_token_nobody_gets_in() {
    let folder = Folder::new();
    let (relay, _) = start(&folder, &[]).await;
    assert_eq!(refusal(relay.address, None).await, 300);
    assert_eq!(refusal(relay.address, Some("")).await, 300);
    assert_eq!(refusal(relay.address, Some("cpsk_unknown")).await, 300);
}

#[tokio::test]
async fn what_everybody_may_is_the_operators_choice() {
    let folder = Folder::new();
    let (relay, _) = start(&folder, &["--anonymous-scopes", "read:/public/**"]).await;
    let mut client = Client::join(relay.address).await;
    client.set("/public/a", 1).await;
    let refused = client.next().await;
    assert!(matches!(refused.message(), Message::Error(error) if error.code == 301));
}

#[tokio::test]
async fn a_revoked_token_ends_its_sessions_and_no_others() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let (relay, api) = start(&folder, &["--admin-token", "admin.token"]).await;
    let (alice, bob) = (api.register("alice").await, api.register("bob").await);
    let mut victim = join(relay.address, &alice).await;
    let mut other = join(relay.address, &bob).await;
    let own = api.get("/auth/tokens", &alice).await;
    let id = own.body["tokens"][0]["id"].as_str().unwrap();
    let revoked = api.ask(&format!("DELETE /api/tokens/{id}"), HEX, &Value::Null).await;
    assert_eq!(revoked.status, 200);
    ended(&mut victim, 300).await;
    assert_eq!(refusal(relay.address, Some(&alice)).await, 300);
    assert!(other.is_served().await);
}

#[tokio::test]
async fn logging_out_and_leaving_end_sessions_too() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &[]).await;
    let (alice, bob) = (api.register("alice").await, api.register("bob").await);
    let mut one = join(relay.address, &alice).await;
    let mut two = join(relay.address, &bob).await;
    api.ask("POST /auth/logout", &alice, &json!({ "all": true })).await;
    ended(&mut one, 300).await;
    let password = json!({ "password": "secret123" });
    assert_eq!(api.ask("DELETE /auth/account", &bob, &password).await.status, 200);
    ended(&mut two, 300).await;
}

#[tokio::test]
async fn tokens_expire_with_their_sessions_and_the_admin_token_does_not() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let options = ["--admin-token", "admin.token", "--token-ttl", "2"];
    let (relay, api) = start(&folder, &options).await;
    let token = api.register("alice").await;
    let mut session = join(relay.address, &token).await;
    let mut admin = join(relay.address, HEX).await;
    ended(&mut session, 302).await;
    assert_eq!(api.get("/auth/me", &token).await.text("error"), "token expired");
    assert!(admin.is_served().await);
    assert_eq!(api.get("/api/relay", HEX).await.status, 200);
}

#[tokio::test]
async fn a_device_lives_on_its_parents_token() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &[]).await;
    let parent = api.register("alice").await;
    let lamp = json!({ "name": "lamp", "scopes": ["write:/lamp/**"] });
    let child = api.ask("POST /auth/register", &parent, &lamp).await;
    assert_eq!((child.status, &child.body["scopes"]), (200, &json!(["write:/lamp/**"])));
    let mut session = join(relay.address, child.text("token")).await;
    session.set("/lamp/on", 1).await;
    assert!(session.is_served().await);
    api.ask("POST /auth/logout", &parent, &Value::Null).await;
    ended(&mut session, 300).await;
}

#[tokio::test]
async fn sessions_may_send_a_thousand_messages_a_second_unless_told_otherwise() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &["--max-messages-per-second", "2"]).await;
    let mut session = join(relay.address, &api.register("alice").await).await;
    for value in 0..20 {
        session.set("/a", value).await;
    }
    let refused = session.next().await;
    assert!(matches!(refused.message(), Message::Error(error) if error.code == 429));
}
