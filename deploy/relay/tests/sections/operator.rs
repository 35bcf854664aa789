//! The operator's token in sessions and after it was replaced; options that ask nobody.

use clasp_protocol::message::Replay;
use clasp_protocol::{Message, Qos};

use crate::api::{HEX, join, put_admin_token, refusal, start};
use crate::ended;
use crate::folder::Folder;
use crate::mint::put;
use crate::support::{Relay, any_with};

#[tokio::test]
async fn the_admin_token_listens_to_everything_and_replays() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let (relay, api) = start(&folder, &["--admin-token", "admin.token", "--journal-memory"]).await;
    let mut user = join(relay.address, &api.register("alice").await).await;
    let mut admin = join(relay.address, HEX).await;
    admin.subscribe_all().await;
    assert!(admin.is_served().await, "there is nothing to tell yet");
    user.set("/a/b", 7).await;
    assert!(matches!(admin.next().await.message(), Message::Set(set) if set.address == "/a/b"));
    let replay = Replay { pattern: "/**".into(), from: None, to: None, limit: None, types: 0xff };
    admin.send(&Message::Replay(replay), Qos::Confirm).await;
    assert!(matches!(admin.next().await.message(), Message::Set(set) if set.address == "/a/b"));
    assert!(matches!(admin.next().await.message(), Message::Ack(_)), "the end is told");
}

#[tokio::test]
async fn a_new_admin_token_replaces_the_old_one_on_sighup() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let (relay, api) = start(&folder, &["--admin-token", "admin.token"]).await;
    let mut session = join(relay.address, HEX).await;
    let fresh = HEX.chars().rev().collect::<String>();
    put(&folder, "admin.token", &fresh);
    relay.signal("HUP").await;
    ended(&mut session, 300).await;
    assert_eq!(api.get("/api/relay", HEX).await.status, 401);
    assert_eq!(refusal(relay.address, Some(HEX)).await, 300);
    assert_eq!(api.get("/api/relay", &fresh).await.status, 200);
    assert!(join(relay.address, &fresh).await.is_served().await);
    put(&folder, "admin.token", "short");
    relay.signal("HUP").await;
    relay.log().line_with("the one in force stays in force").await;
    assert_eq!(api.get("/api/relay", &fresh).await.status, 200);
}

#[tokio::test]
async fn token_options_without_the_port_are_named_as_idle() {
    let relay = Relay::start(&[
        "--trust-anchor=/nonexistent",
        "--cap-revoked=/nonexistent",
        "--registry-db=/nonexistent",
        "--jwt-jwks=https://id.example/keys",
        "--jwt-issuer=x",
    ]);
    let (code, log) = relay.await.stop().await;
    assert_eq!(code, Some(0));
    let named = "--trust-anchor, --cap-revoked, --registry-db, --jwt-jwks, --jwt-issuer: without \
                 --auth-port";
    assert!(any_with(&log, named), "{log:#?}");
}
