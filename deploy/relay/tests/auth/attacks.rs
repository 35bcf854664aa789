//! Guessing, flooding, and looking for secrets in the log.

use serde_json::json;

use crate::api::{HEX, credentials, hello, join, put_admin_token, start};
use crate::folder::Folder;
use crate::support::Relay;

/// Memory that the relay holds, in KiB.
async fn resident_kib(relay: &Relay) -> u64 {
    let page = relay.page("metrics").await;
    let mut stream = tokio::net::TcpStream::connect(page).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.unwrap();
    let mut text = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text).await.unwrap();
    let line = text.lines().find(|line| line.starts_with("process_resident_memory_bytes "));
    let bytes: f64 = line.unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    bytes as u64 / 1024
}

#[tokio::test]
async fn a_thousand_wrong_passwords_cost_little_and_lock_nobody_else_out() {
    let folder = Folder::new();
    let proxy = ["--trusted-proxy", "127.0.0.1", "--metrics-port", "0"];
    let (relay, api) = start(&folder, &proxy).await;
    api.register("alice").await;
    let before = resident_kib(&relay).await;
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..20 {
        guesses.spawn(async move {
            let mut refused = 0;
            for _ in 0..50 {
                let answer = api.post("/auth/login", &credentials("alice", "wrong-one")).await;
                assert!([401, 429].contains(&answer.status), "{answer:?}");
                refused += u32::from(answer.status == 429);
                assert_eq!(answer.status == 429, answer.head.contains("retry-after: "));
            }
            refused
        });
    }
    let refused: u32 = guesses.join_all().await.into_iter().sum();
    assert_eq!(refused, 995, "five were compared");
    let grown = resident_kib(&relay).await.saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB");
    let elsewhere = api.behind("198.51.100.7");
    let owner = elsewhere.post("/auth/login", &credentials("alice", "secret123")).await;
    assert_eq!(owner.status, 200, "{owner:?}");
}

#[tokio::test]
async fn parallel_guesses_do_not_pass_together() {
    let folder = Folder::new();
    let (_relay, api) = start(&folder, &[]).await;
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..30 {
        guesses.spawn(async move {
            api.post("/auth/login", &credentials("nobody", "wrong-one")).await.status
        });
    }
    let statuses = guesses.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5);
}

#[tokio::test]
async fn no_secret_is_in_the_log_at_any_level() {
    let folder = Folder::new();
    put_admin_token(&folder);
    let options = ["--admin-token", "admin.token", "--log-level", "trace"];
    let (relay, api) = start(&folder, &options).await;
    let token = api.register("alice").await;
    let change = json!({ "old_password": "secret123", "new_password": "secret-456" });
    let changed = api.ask("POST /auth/password", &token, &change).await;
    let fresh = changed.text("token").to_owned();
    api.post("/auth/login", &credentials("alice", "a-wrong-guess")).await;
    api.get("/api/relay", HEX).await;
    join(relay.address, &fresh).await;
    join(relay.address, HEX).await;
    hello(relay.address, Some("cpsk_a-guessed-token")).await;
    api.get("/auth/me", "cpsk_a-guessed-token").await;
    let (code, log) = relay.stop().await;
    assert_eq!(code, Some(0));
    let secrets = ["secret123", "secret-456", "a-wrong-guess", "a-guessed-token", HEX];
    for secret in secrets.into_iter().chain([&token[5..], &fresh[5..]]) {
        let line = log.iter().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    assert!(log.iter().any(|line| line.contains("DEBUG")), "the log was asked for everything");
}
