//! The auth database and the files of tokens.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::api::{Api, credentials, join, put_admin_token, start};
use crate::folder::Folder;
use crate::support::{Relay, run};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn tokens_and_accounts_survive_a_restart() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &[]).await;
    let token = api.register("alice").await;
    let ended = api.register("bob").await;
    api.ask("POST /auth/logout", &ended, &serde_json::Value::Null).await;
    assert_eq!(relay.stop().await.0, Some(0));
    let (relay, api) = start(&folder, &[]).await;
    assert_eq!(api.get("/auth/me", &token).await.text("username"), "alice");
    assert_eq!(api.get("/auth/me", &ended).await.status, 401);
    assert!(join(relay.address, &token).await.is_served().await);
    assert_eq!(api.post("/auth/login", &credentials("bob", "secret123")).await.status, 200);
}

#[tokio::test]
async fn tokens_survive_a_kill() {
    let folder = Folder::new();
    let (relay, api) = start(&folder, &[]).await;
    let token = api.register("alice").await;
    relay.signal("KILL").await;
    relay.end().await;
    let (_relay, api) = start(&folder, &[]).await;
    assert_eq!(api.get("/auth/me", &token).await.status, 200);
}

#[tokio::test]
async fn the_database_stands_beside_the_other_files_and_the_log_says_where() {
    let folder = Folder::new();
    let persist = folder.file("state.db");
    let relay = Relay::start(&["--auth-port", "0", "--persist", &persist]).await;
    let line = relay.log().line_with("accounts: ").await;
    assert!(line.contains(&folder.file("relay-auth.db")), "{line}");
    assert!(line.contains("beside --persist"), "{line}");
    for name in ["relay-auth.db", "relay-auth.db-wal", "relay-auth.db.lock"] {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_missing_admin_token_is_made_for_its_owner_and_works() {
    let folder = Folder::new();
    let path = folder.path().join("etc/clasp/admin.token");
    let (_relay, api) = start(&folder, &["--admin-token", "etc/clasp/admin.token"]).await;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let token = std::fs::read_to_string(path).unwrap();
    assert_eq!(api.get("/api/relay", &token).await.status, 200);
}

/// What a start with these options says before it ends with code 1.
async fn complaint(folder: &Folder, options: &[&str]) -> String {
    let directory = folder.path().to_str().unwrap();
    let own = ["--ws-port", "0", "--auth-port", "0", "--data-dir", directory];
    let ended = run(&[&own[..], options].concat(), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    ended.stdout
}

#[tokio::test]
async fn files_of_secrets_that_others_may_read_are_refused() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let path = folder.path().join("admin.token");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let options = ["--admin-token", "admin.token"];
    let said = complaint(&folder, &options).await;
    assert!(said.contains("admin.token") && said.contains("chmod 600"), "{said}");
    let (_relay, _) =
        start(&folder, &["--admin-token", "admin.token", "--insecure-permissions"]).await;
}

#[tokio::test]
async fn an_empty_or_short_admin_token_is_refused() {
    let folder = Folder::new();
    put_admin_token(&folder);
    for text in ["", "\n", "cpsk_a", "123456789012345"] {
        std::fs::write(folder.path().join("admin.token"), text).unwrap();
        let said = complaint(&folder, &["--admin-token", "admin.token"]).await;
        assert!(said.contains("at least 16 characters"), "{said}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_auth_database_is_refused() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("auth.db"), "no database ".repeat(100)).unwrap();
    let said = complaint(&folder, &["--auth-db", "auth.db"]).await;
    assert!(said.contains("auth.db") && said.contains("--auth-db"), "{said}");
    assert!(!said.contains("ready"), "{said}");
}

#[tokio::test]
async fn two_relays_do_not_share_a_database() {
    let folder = Folder::new();
    let (_relay, _): (Relay, Api) = start(&folder, &[]).await;
    let said = complaint(&folder, &[]).await;
    assert!(said.contains("in use by another relay"), "{said}");
}
