//! What the interop tests share: a relay as a child process, and published clients whose
//! deliveries are awaited with a deadline.

mod inbox;
mod relay;

pub use inbox::{Inbox, connect, enter, listen, settle, subscribe};
pub use relay::Relay;

use std::future::Future;
use std::time::Duration;

/// Every relay under test holds this parameter, so that a GET of it is answered.
const JOINED: &str = "/interop/joined";

/// The same for subscriptions; another one, because a GET answered late would pass for the answer.
const READY: &str = "/interop/ready";

/// How long an expected event may take before the test gives up.
pub const DEADLINE: Duration = Duration::from_secs(15);

/// Awaits `future`, and panics with `what` when it is not done within [`DEADLINE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within {} s", DEADLINE.as_secs()),
    }
}
