//! Tokens and what they allow (adapters.md 1.7).

use std::os::unix::fs::PermissionsExt as _;

use crate::folder::Folder;
use crate::support::Relay;
use crate::tools::{Listener, port, publish, start};

const WRITER: &str = "cpsk_00112233445566778899aabbccddeeff";
const READER: &str = "cpsk_ffeeddccbbaa99887766554433221100";

async fn guarded(folder: &Folder, more: &[&str]) -> (Relay, u16) {
    let list = format!(
        r#"[{{"token":"{WRITER}","subject":"desk","scopes":["write:/mqtt/a/**","read:/mqtt/a/**"]}},
            {{"token":"{READER}","subject":"screen","scopes":["read:/mqtt/**"]}}]"#
    );
    let path = folder.path().join("tokens.json");
    std::fs::write(&path, list).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let tokens = folder.file("tokens.json");
    let data = folder.file("data");
    let arguments = ["--auth-port", "0", "--tokens-file", &tokens, "--data-dir", &data];
    start(&[&arguments, more].concat()).await
}

#[tokio::test]
async fn without_a_token_nobody_gets_in() {
    let folder = Folder::new();
    let (_relay, port) = guarded(&folder, &[]).await;
    for (arguments, expected) in [
        (&["-V", "mqttv311"][..], "bad user name or password"),
        (&["-V", "mqttv5"], "bad user name or password"),
        (&["-V", "mqttv311", "-u", "any", "-P", "wrong"], "not authori"),
        (&["-V", "mqttv5", "-u", "any", "-P", "wrong"], "not authori"),
    ] {
        let output = publish(port, &[arguments, &["-t", "a/b", "-m", "1"]].concat()).await;
        assert!(!output.status.success(), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn a_token_is_the_password_or_the_user_name_and_its_scopes_hold() {
    let folder = Folder::new();
    let (_relay, port) = guarded(&folder, &[]).await;
    let mut listener =
        Listener::start(port, &["-u", "me", "-P", READER, "-q", "1", "-t", "#"]).await;
    let by_password = ["-u", "me", "-P", WRITER];
    let by_name = ["-u", WRITER];
    for (login, topic) in [(&by_password[..], "a/1"), (&by_name, "b/2"), (&by_name, "a/3")] {
        let arguments = [login, &["-V", "mqttv311", "-q", "1", "-t", topic, "-m", "1"]].concat();
        assert!(publish(port, &arguments).await.status.success(), "{topic} is acknowledged");
    }
    assert_eq!(listener.message().await, "a/1 1 q1 r0");
    assert_eq!(listener.message().await, "a/3 1 q1 r0");

    let refused = ["-V", "mqttv5", "-q", "1", "-t", "b/2", "-m", "1", "-d"];
    let output = publish(port, &[&by_name[..], &refused].concat()).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("RC:135"), "{said}");

    let mut denied = Listener::launch(port, &["-u", WRITER, "-t", "b/#"]);
    while !denied.line().await.starts_with("Subscribed (mid: 1): 128") {}
}

#[tokio::test]
async fn a_will_needs_the_scope_to_write_it() {
    let folder = Folder::new();
    let (_relay, port) = guarded(&folder, &[]).await;
    let will = ["--will-topic", "a/will", "--will-payload", "x", "-t", "a/b", "-m", "1"];
    let by = |token| [&["-u", token][..], &will].concat();
    assert!(publish(port, &by(WRITER)).await.status.success());
    assert!(!publish(port, &by(READER)).await.status.success());
}

#[tokio::test]
async fn who_has_no_token_may_be_given_scopes() {
    let folder = Folder::new();
    let (_relay, port) = guarded(&folder, &["--anonymous-scopes", "read:/mqtt/a/**"]).await;
    let mut listener = Listener::start(port, &["-t", "a/#"]).await;
    let login = ["-u", "me", "-P", WRITER, "-t", "a/1", "-m", "1"];
    assert!(publish(port, &login).await.status.success());
    assert_eq!(listener.message().await, "a/1 1 q0 r0");
}

#[tokio::test]
async fn clients_of_two_subjects_may_have_the_same_identifier() {
    let folder = Folder::new();
    let (relay, _) = guarded(&folder, &[]).await;
    let port = port(&relay, "MQTT: mqtt").await;
    let mut one = Listener::start(port, &["-i", "same", "-u", READER, "-t", "a/#"]).await;
    let mut other = Listener::start(port, &["-i", "same", "-u", WRITER, "-t", "a/#"]).await;
    assert!(publish(port, &["-u", WRITER, "-t", "a/1", "-m", "1"]).await.status.success());
    assert_eq!(one.message().await, "a/1 1 q0 r0");
    assert_eq!(other.message().await, "a/1 1 q0 r0");
}
