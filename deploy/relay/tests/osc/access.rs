//! Who may do what by OSC.

use clasp_protocol::Value;
use rosc::OscType;

use crate::folder::Folder;
use crate::peer::{AT_ONCE, Ear, Peer, bundle, message, osc_address};
use crate::support::{Relay, run};

const ALL: &str = "cpsk_00000000000000000000000000000001";
const FADERS: &str = "cpsk_00000000000000000000000000000002";

/// A relay that demands tokens, and knows two.
async fn guarded(folder: &Folder, more: &[&str]) -> Relay {
    let tokens = serde_json::json!([
        { "token": ALL, "scopes": ["admin:/**"] },
        { "token": FADERS, "scopes": ["read:/osc/**", "write:/osc/fader/**"] },
    ]);
    let file = folder.file("tokens.json");
    std::fs::write(&file, tokens.to_string()).unwrap();
    let auth_db = folder.file("auth.db");
    let arguments = [
        &["--osc-port", "0", "--auth-port", "0", "--auth-db", &auth_db][..],
        &["--tokens-file", &file, "--insecure-permissions"],
        more,
    ];
    Relay::start(&arguments.concat()).await
}

fn is_error(heard: &[(String, Vec<OscType>)], what: &str, code: i32) -> bool {
    let [(address, arguments)] = heard else { return false };
    address == "/clasp/error" && arguments[..2] == [what.into(), code.into()]
}

#[tokio::test]
async fn where_tokens_are_demanded_osc_has_to_show_one_and_is_for_this_machine_only() {
    let folder = Folder::new();
    let relay = guarded(&folder, &["--host", "0.0.0.0"]).await;
    let osc = osc_address(&relay).await;
    assert!(osc.ip().is_loopback());
    relay.log().line_with("OSC: only for this machine").await;
    let mut ear = Ear::with_token(&relay, ALL).await;
    let peer = Peer::new(osc).await;
    peer.send("/fader/1", vec![1.into()]).await;
    peer.send("/clasp/ping", vec![]).await;
    assert!(is_error(&peer.next().await, "/clasp/ping", 300));
    peer.send("/clasp/auth", vec!["cpsk_wrong".into()]).await;
    assert!(is_error(&peer.next().await, "/clasp/auth", 300));
    peer.send("/clasp/auth", vec![FADERS.into()]).await;
    peer.expect("/clasp/auth", vec![OscType::Bool(true)]).await;
    peer.send("/main", vec![1.into()]).await;
    assert!(is_error(&peer.next().await, "/osc/main", 301));
    let parts = ["/fader/2", "/main"].map(|address| message(address, vec![2.into()]));
    peer.packet(&bundle(AT_ONCE, parts.into())).await;
    assert!(is_error(&peer.next().await, "/osc/main", 301));
    peer.send("/clasp/event", vec!["/go".into()]).await;
    assert!(is_error(&peer.next().await, "/osc/go", 301));
    peer.send("/fader/3", vec![3.into()]).await;
    ear.expect("/osc/fader/3", Value::Int(3)).await;
}

#[tokio::test]
async fn clients_without_a_token_may_do_what_the_operator_says() {
    let folder = Folder::new();
    let relay = guarded(&folder, &["--osc-scopes", "read:/osc/**,write:/osc/fader/**"]).await;
    let mut ear = Ear::with_token(&relay, ALL).await;
    let peer = Peer::new(osc_address(&relay).await).await;
    peer.subscribe("/**").await;
    peer.send("/main", vec![1.into()]).await;
    assert!(is_error(&peer.next().await, "/osc/main", 301));
    peer.send("/fader/1", vec![1.into()]).await;
    ear.expect("/osc/fader/1", Value::Int(1)).await;
    peer.send("/clasp/auth", vec![ALL.into()]).await;
    peer.expect("/clasp/auth", vec![OscType::Bool(true)]).await;
    peer.send("/main", vec![2.into()]).await;
    ear.expect("/osc/main", Value::Int(2)).await;
}

#[tokio::test]
async fn an_open_relay_may_limit_osc_too() {
    let relay = Relay::start(&["--osc-port", "0", "--osc-scopes", "read:/osc/**"]).await;
    let mut ear = Ear::new(&relay).await;
    let peer = Peer::new(osc_address(&relay).await).await;
    peer.subscribe("/**").await;
    peer.send("/a", vec![1.into()]).await;
    assert!(is_error(&peer.next().await, "/osc/a", 301));
    ear.0.set("/osc/a", 2).await;
    peer.expect("/a", vec![2.into()]).await;
}

#[tokio::test]
async fn packets_from_elsewhere_than_allowed_are_not_heard() {
    let relay = Relay::start(&["--osc-port", "0", "--osc-allow", "127.0.0.2,10.0.0.0/8"]).await;
    let mut ear = Ear::new(&relay).await;
    let osc = osc_address(&relay).await;
    Peer::new(osc).await.send("/a", vec![1.into()]).await;
    let allowed = Peer::at("127.0.0.2:0".parse().unwrap(), osc).await;
    allowed.send("/b", vec![2.into()]).await;
    ear.expect("/osc/b", Value::Int(2)).await;
}

#[tokio::test]
async fn destinations_need_scopes_where_tokens_are_demanded() {
    let folder = Folder::new();
    let (config, auth_db) = (folder.file("osc.toml"), folder.file("auth.db"));
    let destination = "[[destination]]\naddr = \"127.0.0.1:9\"\npatterns = [\"/osc/**\"]\n";
    std::fs::write(&config, destination).unwrap();
    let arguments = [
        &["--host", "127.0.0.1", "--ws-port", "0", "--osc-port", "0", "--osc-config", &config][..],
        &["--auth-port", "0", "--auth-db", &auth_db],
    ];
    let ended = run(&arguments.concat(), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains("--osc-scopes"), "{ended:?}");
}
