//! Locks: they keep others out, and go with their holder.

use std::process::Stdio;

use clasp_interop::{Relay, connect, listen, settle, within};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Another process that connects, locks the address with value 1 and then waits.
async fn lock_in_a_process(relay: &Relay, address: &str) -> Child {
    let mut holder = Command::new(env!("CARGO_BIN_EXE_lock-holder"))
        .args([&relay.url(), address])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the lock holder starts");
    let stdout = holder.stdout.take().expect("stdout is piped");
    let mut lines = BufReader::new(stdout).lines();
    let line = within("the lock", lines.next_line()).await.expect("its output is text");
    assert_eq!(line.as_deref(), Some("locked"));
    holder
}

#[tokio::test]
async fn a_lock_keeps_others_out_until_it_is_released() {
    let relay = Relay::start().await;
    let holder = connect(&relay).await;
    let mut inbox = listen(&holder, "/l/*").await;
    let other = connect(&relay).await;

    holder.set_locked("/l/level", 1_i64).await.expect("set");
    inbox.expect("/l/level", 1_i64).await;
    other.set("/l/level", 2_i64).await.expect("set");
    settle(&other).await;
    let refusal = other.last_error().expect("the refusal is told");
    holder.set_unlocked("/l/level", 3_i64).await.expect("set");
    inbox.expect("/l/level", 3_i64).await;
    other.set("/l/level", 4_i64).await.expect("set");
    inbox.expect("/l/level", 4_i64).await;

    assert_eq!((refusal.code, refusal.address.as_deref()), (401, Some("/l/level")));
}

#[tokio::test]
async fn the_holder_may_go_on_writing() {
    let relay = Relay::start().await;
    let holder = connect(&relay).await;
    let mut inbox = listen(&holder, "/l/*").await;

    holder.set_locked("/l/level", 1_i64).await.expect("set");
    holder.set("/l/level", 2_i64).await.expect("set");

    inbox.expect("/l/level", 1_i64).await;
    inbox.expect("/l/level", 2_i64).await;
    assert!(holder.last_error().is_none(), "{:?}", holder.last_error());
}

#[tokio::test]
async fn a_stranger_cannot_unlock() {
    let relay = Relay::start().await;
    let holder = connect(&relay).await;
    let mut inbox = listen(&holder, "/l/*").await;
    let stranger = connect(&relay).await;

    holder.set_locked("/l/level", 1_i64).await.expect("set");
    inbox.expect("/l/level", 1_i64).await;
    stranger.set_unlocked("/l/level", 2_i64).await.expect("set");
    settle(&stranger).await;
    holder.set("/l/level", 3_i64).await.expect("set");

    inbox.expect("/l/level", 3_i64).await;
    assert_eq!(stranger.last_error().map(|refusal| refusal.code), Some(401));
}

#[tokio::test]
async fn a_lock_is_released_when_its_holder_dies() {
    let relay = Relay::start().await;
    let other = connect(&relay).await;
    let mut inbox = listen(&other, "/l/*").await;
    let mut holder = lock_in_a_process(&relay, "/l/level").await;
    inbox.expect("/l/level", 1_i64).await;
    other.set("/l/level", 2_i64).await.expect("set");
    settle(&other).await;
    assert!(other.last_error().is_some(), "the lock holds while its holder lives");

    holder.kill().await.expect("the holder can be killed");

    let released = async {
        loop {
            other.clear_error();
            other.set("/l/level", 3_i64).await.expect("set");
            settle(&other).await;
            if other.last_error().is_none() {
                break;
            }
        }
    };
    within("the release of the lock", released).await;
    inbox.expect("/l/level", 3_i64).await;
}
