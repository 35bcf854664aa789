//! Guessing and flooding.

use crate::api::{credentials, start};
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
