//! Tokens from the auth port, as the published client uses them.

use std::process::Stdio;
use std::time::Duration;

use clasp_client::Clasp;
use clasp_interop::{Relay, enter, listen, settle, within};
use tokio::process::Command;
use tokio::time::sleep;

use crate::tokens::Folder;

const POLL_PAUSE: Duration = Duration::from_millis(10);
const ALICE: &str = r#"{"username":"alice","password":"secret123"}"#;

/// A relay that demands tokens, but lets everybody have what the support code relies on.
async fn guarded(folder: &Folder) -> Relay {
    let everybody = "read:/interop/**,write:/interop/**";
    let accounts = folder.path("auth.db");
    let options = ["--auth-port", "0", "--auth-db", &accounts, "--anonymous-scopes", everybody];
    Relay::start_with(&options).await
}

/// The token in the answer to a POST with curl.
async fn token(relay: &Relay, path: &str, body: &str) -> String {
    let url = format!("{}{path}", relay.auth());
    let curl = Command::new("curl")
        .args(["-s", "--fail-with-body", "-d", body, &url])
        .stdin(Stdio::null())
        .output();
    let output = within("an answer to curl", curl).await.expect("curl runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    let (_, rest) = said.split_once("\"token\":\"").expect("an answer with a token");
    rest.split('"').next().expect("text has a first part").to_owned()
}

async fn error_code(client: &Clasp) -> u16 {
    loop {
        if let Some(error) = client.last_error() {
            return error.code;
        }
        sleep(POLL_PAUSE).await;
    }
}

#[tokio::test]
async fn a_user_writes_and_a_guest_reads_and_does_not_write() {
    let folder = Folder::new("guest");
    let relay = guarded(&folder).await;
    let alice = enter(&relay, &token(&relay, "/auth/register", ALICE).await).await;
    let guest = enter(&relay, &token(&relay, "/auth/guest", "{}").await).await;
    let mut inbox = listen(&guest, "/stage/*").await;

    alice.set("/stage/light", 0.5).await.expect("set");
    inbox.expect("/stage/light", 0.5).await;

    guest.set("/stage/light", 1.0).await.expect("it is sent");
    settle(&guest).await;
    assert_eq!(guest.last_error().map(|refusal| refusal.code), Some(301));
    assert_eq!(inbox.pending(), []);
}

#[tokio::test]
async fn a_client_notices_that_its_token_was_revoked() {
    let folder = Folder::new("revoked");
    let relay = guarded(&folder).await;
    let token = token(&relay, "/auth/register", ALICE).await;
    let client = enter(&relay, &token).await;
    settle(&client).await;

    let (url, bearer) =
        (format!("{}/auth/logout", relay.auth()), format!("Authorization: Bearer {token}"));
    let ended = Command::new("curl").args(["-s", "-X", "POST", "-H", &bearer, &url]).output().await;
    assert!(ended.is_ok_and(|output| output.status.success()), "curl reaches the auth port");

    assert_eq!(within("the end of the session", error_code(&client)).await, 300);
    let again = Clasp::builder(&relay.url()).token(&token).reconnect(false).connect();
    assert!(within("a refusal", again).await.is_err(), "the token is good no more");
}
