//! New certificates for a relay that goes on serving.

use std::fs;

use crate::authority::{Authority, strs};
use crate::client::Client;
use crate::http;
use crate::support::Relay;

#[tokio::test]
async fn sighup_brings_the_new_certificate_and_disturbs_no_session() {
    let authority = Authority::new();
    let relay = Relay::start(&strs(&authority.arguments("first"))).await;
    let mut before = Client::join(relay.address, &authority).await;
    authority.install(&authority.issue("second", |_| {}));
    let same = Client::join(relay.address, &authority).await;
    assert_eq!(same.shown(), before.shown(), "nobody has asked for the new one");

    relay.signal("HUP").await;
    relay.log().line_with("TLS reloaded: certificate").await;
    let mut after = Client::join(relay.address, &authority).await;
    assert_ne!(after.shown(), before.shown());
    assert!(after.is_served().await);
    assert!(before.is_served().await, "the old session goes on");
}

#[tokio::test]
async fn bad_new_files_leave_the_old_in_force() {
    let authority = Authority::new();
    let arguments = [&authority.arguments("first")[..], &["--metrics-port".into(), "0".into()]];
    let relay = Relay::start(&strs(&arguments.concat())).await;
    let before = Client::join(relay.address, &authority).await;
    fs::write(authority.file("key.pem"), authority.issue("other", |_| {}).key).unwrap();

    relay.signal("HUP").await;
    let line = relay.log().line_with("TLS not reloaded").await;
    for part in [&authority.file("key.pem"), "is not the key of", "stays in force"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let mut after = Client::join(relay.address, &authority).await;
    assert_eq!(after.shown(), before.shown());
    assert!(after.is_served().await);
    let metrics = relay.page("metrics").await;
    let page = http::get(metrics, "/metrics").await.body;
    assert!(page.contains("clasp_tls_last_reload_successful 0\n"), "{page}");

    authority.install(&authority.issue("third", |_| {}));
    relay.signal("HUP").await;
    relay.log().line_with("TLS reloaded: certificate").await;
    assert_ne!(Client::join(relay.address, &authority).await.shown(), before.shown());
}
