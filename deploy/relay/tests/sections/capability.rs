//! Capability tokens: roots, delegation, tampering, expiry, revocation.

use clasp_auth::capability::{Capability, Terms};
use serde_json::json;

use crate::api::{HEX, join, put_admin_token, refusal, start};
use crate::folder::Folder;
use crate::mint::{holder, now_s, put, put_anchor, root, terms};
use crate::{ended, may_not_write, may_write};

/// A token that the anchor gave to a studio, and the studio to somebody.
fn delegated(scope: &str, nonces: [&str; 2]) -> String {
    let studio = holder(2);
    let to_studio = terms(&["write:/lights/**"], Some(&studio), nonces[0]);
    let parent = Capability::mint(&holder(1), to_studio).unwrap();
    parent.delegate(&studio, terms(&[scope], None, nonces[1])).unwrap().to_text()
}

#[tokio::test]
async fn roots_and_what_was_delegated_from_them_open_sessions() {
    let folder = Folder::new();
    let anchor = put_anchor(&folder);
    let (relay, _) = start(&folder, &["--trust-anchor", &anchor]).await;
    let mut session = join(relay.address, &root(&["write:/lights/**"], "r")).await;
    may_write(&mut session, "/lights/1").await;
    may_not_write(&mut session, "/sound/1").await;
    let token = delegated("write:/lights/2/*", ["p", "c"]);
    let mut session = join(relay.address, &token).await;
    may_write(&mut session, "/lights/2/on").await;
    may_not_write(&mut session, "/lights/1").await;
}

#[tokio::test]
async fn what_is_tampered_with_too_deep_or_of_a_stranger_is_refused() {
    let folder = Folder::new();
    let anchor = put_anchor(&folder);
    let options = ["--trust-anchor", &anchor, "--cap-max-depth", "0"];
    let (relay, _) = start(&folder, &options).await;
    let good = root(&["read:/**"], "r");
    join(relay.address, &good).await;
    let mut wider = Capability::parse(&good).unwrap();
    wider.grant.scopes = vec!["admin:/**".to_owned()];
    let stranger = Capability::mint(&holder(3), terms(&["read:/**"], None, "s")).unwrap();
    let for_a_key = Capability::mint(&holder(1), terms(&["read:/**"], Some(&holder(2)), "k"));
    for bad in [
        wider.to_text(),
        stranger.to_text(),
        for_a_key.unwrap().to_text(),
        delegated("read:/lights/1", ["p", "c"]),
        good[..good.len() - 2].to_owned(),
        "cap_".to_owned(),
    ] {
        assert_eq!(refusal(relay.address, Some(&bad)).await, 300, "{bad}");
    }
}

#[tokio::test]
async fn a_token_that_expires_ends_its_session() {
    let folder = Folder::new();
    let anchor = put_anchor(&folder);
    let (relay, _) = start(&folder, &["--trust-anchor", &anchor]).await;
    let mint = |expires_at| {
        let terms = Terms { expires_at, ..terms(&["read:/**"], None, "r") };
        Capability::mint(&holder(1), terms).unwrap().to_text()
    };
    let mut session = join(relay.address, &mint(now_s() + 2)).await;
    ended(&mut session, 302).await;
    assert_eq!(refusal(relay.address, Some(&mint(now_s() - 1))).await, 302);
}

#[tokio::test]
async fn the_file_of_revoked_tokens_ends_sessions_on_sighup() {
    let folder = Folder::new();
    let (anchor, revoked) = (put_anchor(&folder), put(&folder, "revoked", "# none\n"));
    let (relay, _) = start(&folder, &["--trust-anchor", &anchor, "--cap-revoked", &revoked]).await;
    let (bad, good) = (root(&["read:/**"], "lost"), root(&["read:/**"], "kept"));
    let mut victim = join(relay.address, &bad).await;
    let mut other = join(relay.address, &good).await;
    put(&folder, "revoked", "lost # with the tablet\n");
    relay.signal("HUP").await;
    ended(&mut victim, 300).await;
    assert_eq!(refusal(relay.address, Some(&bad)).await, 300);
    assert!(other.is_served().await);
}

#[tokio::test]
async fn an_operator_revokes_a_token_and_all_that_was_delegated_from_it() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let anchor = put_anchor(&folder);
    let options = ["--trust-anchor", &anchor, "--admin-token", "admin.token"];
    let (relay, api) = start(&folder, &options).await;
    let token = delegated("read:/lights/**", ["parent", "child"]);
    let mut session = join(relay.address, &token).await;
    let nonce = json!({ "nonce": "parent" });
    assert_eq!(api.post("/api/capabilities/revoke", &nonce).await.status, 401);
    let revoked = api.ask("POST /api/capabilities/revoke", HEX, &nonce).await;
    assert_eq!((revoked.status, &revoked.body["new"]), (200, &json!(true)));
    ended(&mut session, 300).await;
    assert_eq!(refusal(relay.address, Some(&token)).await, 300);
}

#[tokio::test]
async fn whose_tokens_are_accepted_is_no_secret() {
    let folder = Folder::new();
    let anchor = put_anchor(&folder);
    let (_relay, api) = start(&folder, &["--trust-anchor", &anchor]).await;
    let told = api.get("/api/trust-anchors", "").await;
    let key = std::fs::read_to_string(&anchor).unwrap();
    assert_eq!((told.status, told.body), (200, json!({ "anchors": [key], "cap_max_depth": 5 })));
}

#[tokio::test]
async fn a_capability_that_covers_everything_administers() {
    let folder = Folder::new();
    let anchor = put_anchor(&folder);
    let (_relay, api) = start(&folder, &["--trust-anchor", &anchor]).await;
    for (scope, status) in [("admin:/**", 200), ("write:/**", 403), ("admin:/*", 403)] {
        let answer = api.get("/api/sessions", &root(&[scope], scope)).await;
        assert_eq!(answer.status, status, "{scope}");
    }
}
