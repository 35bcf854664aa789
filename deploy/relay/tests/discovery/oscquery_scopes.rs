//! The OSCQuery tree of an authenticated relay.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value as Json, json};
use tokio_tungstenite::tungstenite::Error;

use crate::http;
use crate::oscquery::relay;
use crate::oscquery_changes::Browser;

/// Scopes of a reader of one half, who may write one param of it.
const SCOPES: &str = "read:/osc/a/**,write:/osc/a/1";

#[tokio::test]
async fn each_sees_and_may_write_what_the_token_allows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.json");
    let tokens = json!([
        { "token": "cpsk_11111111111111111111111111111111", "scopes": ["admin:/**"] },
        { "token": "cpsk_22222222222222222222222222222222",
          "scopes": SCOPES.split(',').collect::<Vec<_>>() },
    ]);
    std::fs::write(&file, tokens.to_string()).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let db = folder.path().join("auth.db");
    let (_relay, address) = relay(&[
        "--auth-port",
        "0",
        "--auth-db",
        db.to_str().unwrap(),
        "--tokens-file",
        file.to_str().unwrap(),
    ])
    .await;
    let (all, some) =
        ("cpsk_11111111111111111111111111111111", "cpsk_22222222222222222222222222222222");
    assert_eq!(http::get(address, "/").await.status, 401, "guests are refused");
    assert_eq!(http::get(address, "/?token=cpsk_x").await.status, 401);
    let empty = http::get(address, &format!("/?token={all}")).await;
    assert_eq!(empty.status, 200);
    assert_eq!(http::get(address, &format!("/?token={some}")).await.status, 403);
    let bearer = format!("Authorization: Bearer {some}");
    let own = http::send(address, ("GET", "/a"), &[&bearer], "").await;
    assert_eq!(own.status, 404, "there is nothing yet, and it may look");
    assert!(matches!(Browser::open(address, "/").await, Err(Error::Http(answer))
        if answer.status() == 401));
    assert!(Browser::open(address, &format!("/?token={all}")).await.is_ok());

    let info: Json = serde_json::from_str(&http::get(address, "/?HOST_INFO").await.body).unwrap();
    assert!(info["NAME"].is_string(), "what the server is, everybody may know");
}
