//! The rendezvous API as clients use it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::http::{self, Answer};
use crate::support::{Relay, run};

/// A relay with a directory, and where.
async fn relay(arguments: &[&str]) -> (Relay, SocketAddr) {
    let relay = Relay::start(&[&["--rendezvous-port", "auto"], arguments].concat()).await;
    let address = relay.page("rendezvous").await;
    (relay, address)
}

async fn register(address: SocketAddr, body: &Value) -> Answer {
    http::send(address, ("POST", "/api/v1/register"), &[], &body.to_string()).await
}

fn studio() -> Value {
    json!({
        "name": "Studio", "publicKey": "AAAA", "features": ["param", "event"],
        "endpoints": { "ws": "ws://192.168.1.9:7330" }, "tags": ["studio"],
        "metadata": { "room": "1" },
    })
}

async fn found(address: SocketAddr, path: &str) -> Value {
    let answer = http::get(address, path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn a_relay_registers_is_found_refreshes_and_leaves() {
    let (_relay, address) = relay(&["--rendezvous-ttl", "77"]).await;
    let answer = register(address, &studio()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let entry: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&entry["ttl"], &entry["observed"]), (&json!(77), &json!("127.0.0.1")));

    let listed = found(address, "/api/v1/discover?tag=studio&feature=param&limit=10").await;
    let mut expected = studio();
    expected["id"] = entry["id"].clone();
    expected["url"] = json!("ws://192.168.1.9:7330");
    expected["source"] = json!("rendezvous");
    for time in ["registeredAt", "lastSeen"] {
        expected[time] = entry["timestamp"].clone();
    }
    assert_eq!(listed, json!([expected]));
    assert_eq!(found(address, "/discover").await, listed, "as the JavaScript client asks");
    assert_eq!(found(address, "/api/v1/discover?tag=other").await, json!([]));

    let id = entry["id"].as_str().unwrap();
    let secret = format!("X-Clasp-Secret: {}", entry["secret"].as_str().unwrap());
    let (refresh, unregister) =
        (format!("/api/v1/refresh/{id}"), format!("/api/v1/unregister/{id}"));
    let ask = |method, path, headers| async move {
        http::send(address, (method, path), headers, "").await.status
    };
    let secret = [secret.as_str()];
    assert_eq!(ask("POST", &refresh, &secret).await, 200);
    assert_eq!(ask("POST", "/api/v1/refresh/zzz", &secret).await, 404);
    assert_eq!(ask("DELETE", &unregister, &[]).await, 403, "unregister needs the secret");
    assert_eq!(ask("DELETE", &unregister, &["X-Clasp-Secret: guess"]).await, 403);
    assert_eq!(ask("DELETE", &unregister, &secret).await, 204);
    assert_eq!(ask("DELETE", &unregister, &secret).await, 404);
    assert_eq!(ask("POST", &refresh, &secret).await, 404);
    assert_eq!(http::get(address, "/api/v1/health").await.body, "OK");
}

#[tokio::test]
async fn what_cannot_be_listed_is_refused_with_a_reason() {
    let (_relay, address) = relay(&[]).await;
    let missing = register(address, &json!({ "name": "NoEnd" })).await;
    assert_eq!(missing.status, 422);
    assert!(missing.body.contains("endpoints"), "{}", missing.body);
    let mut script = studio();
    script["endpoints"]["ws"] = json!("javascript:alert(1)");
    assert_eq!(register(address, &script).await.status, 422);
    let mut large = studio();
    large["metadata"]["room"] = json!("x".repeat(20_000));
    assert_eq!(register(address, &large).await.status, 413);
    let post = ("POST", "/api/v1/register");
    assert_eq!(http::send(address, post, &[], "{").await.status, 400);
    assert_eq!(http::send(address, post, &[], "").await.status, 415);
    assert_eq!(http::get(address, "/api/v1/discover?limit=x").await.status, 400);
    assert_eq!(http::get(address, "/api/v1/nothing").await.status, 404);
    assert_eq!(http::get(address, "/api/v1/register").await.status, 405);
}

#[tokio::test]
async fn pages_of_other_origins_may_ask() {
    let (_relay, address) = relay(&[]).await;
    let headers = [
        "Origin: https://app.example.com",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: content-type",
    ];
    let answer = http::send(address, ("OPTIONS", "/api/v1/register"), &headers, "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn an_address_gets_no_more_than_its_share() {
    let (_relay, address) = relay(&[]).await;
    let mut statuses = Vec::new();
    for number in 0..11 {
        let mut entry = studio();
        entry["name"] = json!(format!("Studio {number}"));
        statuses.push(register(address, &entry).await.status);
    }
    assert_eq!(statuses[..10], [201; 10]);
    assert_eq!(statuses[10], 429);
    assert_eq!(
        register(address, &{
            let mut again = studio();
            again["name"] = json!("Studio 3");
            again
        })
        .await
        .status,
        201,
        "the relay that comes back takes its own place"
    );
}

#[tokio::test]
async fn with_a_token_only_its_holder_registers_and_everybody_finds() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "let-me-in\n").unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let (_relay, address) = relay(&["--rendezvous-token", file.to_str().unwrap()]).await;
    assert_eq!(register(address, &studio()).await.status, 401);
    let post = ("POST", "/api/v1/register");
    let body = studio().to_string();
    let wrong = http::send(address, post, &["Authorization: Bearer guess"], &body).await;
    assert_eq!(wrong.status, 401);
    let right = http::send(address, post, &["Authorization: Bearer let-me-in"], &body).await;
    assert_eq!(right.status, 201);
    assert_eq!(found(address, "/discover").await[0]["name"], "Studio");
}

#[tokio::test]
async fn whoever_waits_is_told_of_a_new_relay() {
    let (_relay, address) = relay(&[]).await;
    let first = http::get(address, "/api/v1/discover").await;
    let known = format!("If-None-Match: {}", first.header("etag").unwrap());
    let at_once = http::send(address, ("GET", "/api/v1/discover"), &[&known], "").await;
    assert_eq!(at_once.status, 304);
    let waiting = tokio::spawn(async move {
        http::send(address, ("GET", "/api/v1/discover?wait=25"), &[&known], "").await
    });
    assert_eq!(register(address, &studio()).await.status, 201);
    let told = waiting.await.unwrap();
    assert_eq!(told.status, 200);
    assert!(told.body.contains("Studio"));
}

#[tokio::test]
async fn there_is_no_directory_unless_it_is_asked_for() {
    for arguments in [&[][..], &["--rendezvous-port", "0"]] {
        let (_, log) = Relay::start(arguments).await.stop().await;
        assert!(!log.iter().any(|line| line.contains("rendezvous")), "{log:?}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = run(&["-p", "0", "--host", "127.0.0.1", "--rendezvous-port", &port], &[]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("another port with --rendezvous-port"), "{}", ended.stdout);
}
