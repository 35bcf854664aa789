//! Who is let in at all.

use clasp_transport::Config;

use crate::support::{Relay, local, until};

#[tokio::test]
async fn an_address_may_be_limited() {
    let relay = Relay::with(Config { connections_per_address_max: 2, ..local() }).await;
    let (first, _second) = (relay.join().await, relay.join().await);
    assert!(relay.raw().await.rest().await.is_empty(), "the third is closed at once");
    drop(first);
    until(|| relay.router.connections() == 1).await;
    loop {
        // The permit comes back a moment after the session is gone.
        let mut raw = relay.raw().await;
        raw.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        if !raw.rest().await.is_empty() {
            return;
        }
    }
}
