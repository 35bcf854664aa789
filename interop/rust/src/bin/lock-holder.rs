//! Locks an address as a process of its own, so that a test can kill the holder of a lock.
//!
//! Usage: `lock-holder <url> <address>`; prints `locked` and waits to be killed.

use std::sync::Arc;

use clasp_client::Clasp;
use clasp_interop::within;
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lock-holder <url> <address>".into());
    };
    let client = within("WELCOME", Clasp::connect_to(&url)).await?;
    let echoed = Arc::new(Notify::new());
    let echo = Arc::clone(&echoed);
    client.subscribe(&address, move |_, _| echo.notify_one()).await?;
    client.set_locked(&address, 1_i64).await?;
    within("the echo of the lock", echoed.notified()).await;
    println!("locked");
    std::future::pending().await
}
