//! Where the API is served, and what stays as it was there.

use serde_json::Value as Json;

use crate::api::start;
use crate::folder::Folder;
use crate::support::{Relay, soon};
use crate::web::Web;

async fn at_root(relay: &Relay, request: &str) -> (u16, Json, String) {
    let mut web = Web::connect(relay.address).await;
    web.write(format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
    let answer = web.answer().await;
    (answer.status, answer.body, answer.text)
}

#[tokio::test]
async fn one_connection_serves_requests_streams_and_probes() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    for number in 1..=20 {
        assert_eq!(web.put("/params/a", "1").await, number);
    }
    // A probe is the last request of a connection, as it always was.
    web.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let probe = web.answer().await;
    assert_eq!((&*probe.text, probe.header("connection")), ("ok\n", Some("close")));
    assert!(web.is_closed().await);
}

#[tokio::test]
async fn the_port_describes_its_api() {
    let relay = Relay::start(&[]).await;
    let (status, document, _) = at_root(&relay, "GET /openapi.json").await;
    assert_eq!(status, 200);
    for path in [
        "/api/v1/params",
        "/api/v1/params/{address}",
        "/api/v1/events/{address}",
        "/api/v1/subscribe",
        "/api/v1/signals",
    ] {
        assert!(document["paths"][path].is_object(), "{path}: {document}");
    }
}

#[tokio::test]
async fn an_operator_may_do_without() {
    let relay = Relay::start(&["--no-http"]).await;
    assert_eq!(at_root(&relay, "GET /api/v1/params").await.2, "ok\n");
}

#[tokio::test]
async fn one_port_serves_accounts_and_params_side_by_side() {
    let folder = Folder::new();
    let directory = folder.path().to_str().unwrap();
    let options = ["--auth-port", "0", "--single-port", "--data-dir", directory];
    let relay = Relay::start(&options).await;
    let api = crate::api::Api::at(relay.address);
    let token = api.register("sam").await;
    let header = format!("authorization: Bearer {token}");
    let mut web = Web::connect(relay.address).await;
    assert_eq!(web.ask("PUT /params/a", &[&header], "1").await.status, 200);
    assert_eq!(web.get("/params/a").await.status, 401);
    let (_, document, _) = at_root(&relay, "GET /openapi.json").await;
    for path in ["/api/v1/params", "/auth/login"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
}

#[tokio::test]
async fn the_auth_port_does_not_serve_params() {
    let folder = Folder::new();
    let (_relay, api) = start(&folder, &[]).await;
    assert_eq!(api.get("/api/v1/params", "").await.status, 404);
}

#[tokio::test]
async fn a_connection_may_become_a_websocket_later() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    web.put("/params/a", "1").await;
    web.write(
        b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
          sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    )
    .await;
    assert_eq!(web.answer().await.status, 101);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_drain() {
    let relay = Relay::start(&[]).await;
    let mut web = Web::connect(relay.address).await;
    web.put("/params/a", "1").await;
    relay.signal("TERM").await;
    assert!(soon("the end", web.is_closed()).await);
    assert_eq!(relay.end().await.0, Some(0));
}
