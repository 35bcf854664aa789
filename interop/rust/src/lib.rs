//! What the interop tests share: a relay as a child process, and published clients whose
//! deliveries are awaited with a deadline.

mod inbox;
mod relay;

pub use inbox::{Inbox, connect, listen, settle, subscribe};
pub use relay::Relay;

use std::future::Future;
use std::time::Duration;

/// The parameter that every relay under test holds, so that a subscription to it is answered.
pub const READY: &str = "/interop/ready";

/// How long an expected event may take before the test gives up.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// Awaits `future`, and panics with `what` when it is not done within [`DEADLINE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within {} s", DEADLINE.as_secs()),
    }
}
