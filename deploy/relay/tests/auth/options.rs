//! What the options say to each other, and what the log says of them.

use crate::api::start;
use crate::folder::Folder;
use crate::support::{Relay, any_with, run};

#[tokio::test]
async fn auth_options_without_the_port_are_named_as_idle() {
    let folder = Folder::new();
    let file = folder.file("admin.token");
    let relay = Relay::start(&["--admin-token", &file, "--token-ttl", "60"]).await;
    let (code, log) = relay.stop().await;
    assert_eq!(code, Some(0));
    assert!(any_with(&log, "--admin-token, --token-ttl: without --auth-port"), "{log:#?}");
    assert!(any_with(&log, "access: open"), "{log:#?}");
    assert!(!folder.path().join("admin.token").exists());
}

#[tokio::test]
async fn the_log_says_who_may_do_what() {
    let folder = Folder::new();
    let options = ["--guest-scopes", "read:/public/**", "--anonymous-scopes", ""];
    let (relay, _) = start(&folder, &options).await;
    let (_, log) = relay.stop().await;
    let told = "access: by token; users may read:/**,write:/**; guests may read:/public/**; \
                clients without a token may nothing";
    assert!(any_with(&log, told), "{log:#?}");
    assert!(!any_with(&log, "access: open"), "{log:#?}");
}

#[tokio::test]
async fn mistakes_are_told_with_code_2() {
    let mistakes = [
        ["--guest-scopes", "everything"],
        ["--user-scopes", "read:lights"],
        ["--cors-origin", "app.example.com"],
        ["--trusted-proxy", "caddy"],
        ["--token-ttl", "soon"],
    ];
    for arguments in mistakes {
        let ended = run(&arguments, &[]).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(arguments[0]), "{ended:?}");
    }
}
