//! What the auth port offers besides accounts, and sessions by tokens that are signed elsewhere:
//! the executable, its files, HTTP and WebSocket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../auth/api.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod api;
mod capability;
#[path = "../blackbox/client.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod client;
mod devices;
mod entity;
#[path = "../storage/folder.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod folder;
mod guide;
mod journal;
mod jwt;
mod keys;
mod mint;
mod operator;
mod sessions;
#[path = "../blackbox/support.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod support;

use clasp_protocol::Message;

use crate::client::{Client, Event};

/// Waits for the ERROR and the Close that end a session.
async fn ended(client: &mut Client, code: u16) {
    assert_eq!(error_code(&client.next().await), code);
    assert!(matches!(client.next().await, Event::Close(1008, _)));
}

/// The code of an ERROR.
fn error_code(event: &Event) -> u16 {
    let Message::Error(error) = event.message() else { panic!("{event:?}") };
    error.code
}

/// Whether a SET of this address is refused for want of a scope.
async fn may_not_write(client: &mut Client, address: &str) {
    client.set(address, 1).await;
    assert_eq!(error_code(&client.next().await), 301, "{address}");
}

/// Whether a SET of this address is taken, and nothing is said about it.
async fn may_write(client: &mut Client, address: &str) {
    client.set(address, 1).await;
    assert!(client.is_served().await, "{address}");
}
