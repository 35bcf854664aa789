//! What the published guides do, in their order.

use serde_json::{Value, json};

use crate::api::{HEX, credentials, join, put_admin_token, refusal, start};
use crate::folder::Folder;

#[tokio::test]
async fn register_log_in_visit_renew_and_log_out() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &[]).await;
    let alice = credentials("alice", "secret123");
    let registered = api.post("/auth/register", &alice).await;
    assert_eq!((registered.status, registered.text("username")), (200, "alice"));
    assert!(registered.text("token").starts_with("cpsk_"));
    assert_eq!(registered.text("token").len(), 37);
    assert!(registered.text("user_id").starts_with("u-"));
    assert_eq!(registered.body["expires_in"], 86_400);
    assert_eq!(api.post("/auth/register", &alice).await.status, 409);

    let token = api.post("/auth/login", &alice).await.text("token").to_owned();
    let mut session = join(relay.address, &token).await;
    session.subscribe_all().await;
    session.set("/a", 1).await;
    assert!(matches!(session.next().await.message(), clasp_protocol::Message::Set(_)));

    let guest = api.guest().await;
    let mut visitor = join(relay.address, &guest).await;
    visitor.set("/a", 2).await;
    let refused = visitor.next().await;
    let clasp_protocol::Message::Error(error) = refused.message() else { panic!("{refused:?}") };
    assert_eq!(error.code, 301, "guests only read");

    let renewed = api.ask("POST /auth/refresh", &token, &Value::Null).await;
    let fresh = renewed.text("token");
    assert_ne!(fresh, token);
    assert_eq!(api.get("/auth/me", fresh).await.text("username"), "alice");
    assert_eq!(api.ask("POST /auth/logout", fresh, &Value::Null).await.status, 200);
    assert_eq!(api.get("/auth/me", fresh).await.status, 401);
    assert_eq!(refusal(relay.address, Some(fresh)).await, 300);
}

#[tokio::test]
async fn the_guides_admin_token_opens_the_api_and_a_session() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let (relay, api) = start(&folder, &["--admin-token", "admin.token"]).await;
    for token in [HEX.to_owned(), format!("cpsk_{HEX}")] {
        let about = api.get("/api/relay", &token).await;
        assert_eq!((about.status, about.text("name")), (200, "CLASP Relay"));
        let mut session = join(relay.address, &token).await;
        session.set("/a", 1).await;
        session.subscribe_all().await;
        let told = session.next().await;
        assert!(matches!(told.message(), clasp_protocol::Message::Snapshot(_)), "{told:?}");
    }
    assert_eq!(refusal(relay.address, Some(&HEX[1..])).await, 300);
}

#[tokio::test]
async fn the_chat_app_finds_its_words() {
    let folder = Folder::new();
    let (_relay, api) = start(&folder, &[]).await;
    let visit = json!({ "name": "Vi", "user_id": "victim-1" });
    assert_eq!(api.post("/auth/guest", &visit).await.status, 200);
    let second = api.post("/auth/guest", &visit).await;
    assert_eq!(second.status, 409);
    assert!(second.text("error").contains("identity belongs to a registered user"));
    let short = api.post("/auth/guest", &json!({ "user_id": "ab" })).await;
    assert_eq!((short.status, short.text("username")), (200, "guest-ab"));
}

#[tokio::test]
async fn the_probes_of_the_docker_guide_answer() {
    let folder = Folder::new();
    let (_relay, api) = start(&folder, &[]).await;
    for path in ["/health", "/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(api.get(path, "").await.status, 200, "{path}");
    }
    assert_eq!(api.get("/", "").await.status, 404);
}

/// The commands of the page, as one script.
fn commands(page: &str) -> String {
    let blocks = page.split("```sh\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|block| block.split("```").next()).collect();
    format!("set -e\n{}", blocks.concat())
}

#[tokio::test]
async fn the_commands_in_the_documentation_work_as_they_stand() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let (_relay, api) = start(&folder, &["--admin-token", "admin.token"]).await;
    let page = include_str!("../../../../docs/auth/README.md");
    let script = commands(page)
        .replace("http://localhost:7350", &format!("http://{}", api.address()))
        .replace("data/admin.token", &folder.file("admin.token"))
        .replace("curl -s", "curl -s --fail-with-body");
    let run = tokio::process::Command::new("sh").args(["-c", &script]).output();
    let output = crate::support::soon("the script", run).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !said.contains("\"error\""), "{script}\n{said}");
    assert_eq!(said.matches("\"token\"").count(), 3, "{said}");
}
