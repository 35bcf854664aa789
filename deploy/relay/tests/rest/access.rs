//! Who may do what: the same tokens, the same refusals as in a session.

use serde_json::json;

use crate::api::start;
use crate::folder::Folder;
use crate::support::Relay;
use crate::web::{Answer, Web, ask};

/// Tokens that may read `/rig/**`, and also write there.
const READER: &str = "cpsk_00112233445566778899aabbccddee01";
const WRITER: &str = "cpsk_00112233445566778899aabbccddee02";

/// A relay with these tokens.
async fn guarded(folder: &Folder, further: &[&str]) -> Relay {
    let list = json!([
        { "token": READER, "subject": "reader", "scopes": ["read:/rig/**"] },
        { "token": WRITER, "subject": "writer", "scopes": ["read:/rig/**", "write:/rig/**"] },
    ]);
    let path = folder.path().join("tokens.json");
    std::fs::write(&path, list.to_string()).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    start(folder, &[&["--tokens-file", "tokens.json"], further].concat()).await.0
}

async fn with(relay: &Relay, token: &str, line: &str, body: &str) -> Answer {
    let header = format!("authorization: Bearer {token}");
    ask(relay.address, line, &[&header], body).await
}

#[tokio::test]
async fn a_token_is_needed_and_its_scopes_count() {
    let folder = Folder::new();
    let relay = guarded(&folder, &[]).await;
    for line in ["GET /params/rig/1", "GET /params", "GET /subscribe?pattern=/rig/1"] {
        let refused = ask(relay.address, line, &[], "").await;
        assert_eq!((refused.status, refused.code()), (401, 300), "{line}: {refused:?}");
        assert!(refused.header("www-authenticate").is_some_and(|it| it.starts_with("Bearer")));
    }
    let basic = ask(relay.address, "GET /params/a", &["authorization: Basic eDp5"], "").await;
    assert_eq!(basic.status, 401);
    assert_eq!(with(&relay, "none", "GET /params/rig/1", "").await.status, 401);

    assert_eq!(with(&relay, WRITER, "PUT /params/rig/1", "0.5").await.status, 200);
    assert_eq!(with(&relay, READER, "GET /params/rig/1", "").await.body["value"], 0.5);
    for (line, body) in [
        ("PUT /params/rig/1", "1"),
        ("DELETE /params/rig/1", ""),
        ("PATCH /params", "{\"/rig/1\": 1}"),
        ("POST /events/rig/1", "1"),
        ("GET /params/other", ""),
        ("GET /params", ""),
        ("GET /params?pattern=/other/**", ""),
        ("GET /subscribe?pattern=/**", ""),
    ] {
        let refused = with(&relay, READER, line, body).await;
        assert_eq!((refused.status, refused.code()), (403, 301), "{line}: {refused:?}");
    }
    let listed = with(&relay, READER, "GET /params?pattern=/rig/**", "").await;
    assert_eq!(listed.body["params"][0]["value"], 0.5);
}

#[tokio::test]
async fn a_page_without_headers_may_name_its_token_in_the_query() {
    let folder = Folder::new();
    let relay = guarded(&folder, &[]).await;
    let path = format!("/subscribe?pattern=/rig/**&access_token={READER}");
    let mut stream = Web::connect(relay.address).await.stream(&path, &[]).await;
    assert_eq!(stream.next().await.name, "ready");
    let refused =
        ask(relay.address, &format!("GET /params/rig/1?access_token={READER}"), &[], "").await;
    assert_eq!(refused.status, 400, "only where a page has no other way");
}

#[tokio::test]
async fn who_has_no_token_may_do_what_the_operator_lets_everybody() {
    let folder = Folder::new();
    let anonymous = ["--anonymous-scopes", "read:/public/**"];
    let relay = guarded(&folder, &anonymous).await;
    assert_eq!(ask(relay.address, "GET /params/public/1", &[], "").await.status, 404);
    assert_eq!(ask(relay.address, "PUT /params/public/1", &[], "1").await.status, 403);
}

#[tokio::test]
async fn a_revoked_token_ends_its_stream_and_is_refused() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &[]).await;
    let token = api.register("sam").await;
    assert_eq!(with(&relay, &token, "PUT /params/a", "1").await.status, 200);
    let path = format!("/subscribe?pattern=/a&access_token={token}");
    let mut stream = Web::connect(relay.address).await.stream(&path, &[]).await;
    while stream.next().await.name != "ready" {}
    let out = api.ask("POST /auth/logout", &token, &serde_json::Value::Null).await;
    assert!(out.status < 300, "{out:?}");
    let notice = stream.next().await;
    assert_eq!((&*notice.name, &notice.data["code"]), ("notice", &json!(300)));
    assert_eq!(stream.next().await.name, "closed");
    assert!(stream.next_or_end().await.is_none());
    assert_eq!(with(&relay, &token, "GET /params/a", "").await.status, 401);
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_as_for_websockets() {
    let relay = Relay::start(&["--origin", "https://app.example"]).await;
    let mut web = Web::connect(relay.address).await;
    let listed = web.ask("GET /params", &["origin: https://app.example"], "").await;
    assert_eq!(listed.status, 200);
    assert_eq!(listed.header("access-control-allow-origin"), Some("https://app.example"));
    for line in ["GET /params", "PUT /params/a"] {
        let foreign = web.ask(line, &["origin: https://evil.example"], "1").await;
        assert_eq!((foreign.status, foreign.code()), (403, 301), "{line}");
        assert_eq!(foreign.header("access-control-allow-origin"), None);
    }
    let relay = Relay::start(&[]).await;
    let asks = ["origin: https://any.example", "access-control-request-method: PUT"];
    let preflight = ask(relay.address, "OPTIONS /params/a", &asks, "").await;
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    assert!(preflight.header("access-control-allow-methods").is_some_and(|it| it.contains("PUT")));
}
