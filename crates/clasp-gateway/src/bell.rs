//! Waking a task that looks after a guest.

use std::sync::Arc;

use clasp_router::Wake;
use tokio::sync::Notify;

/// Rings when a guest's outbox has something; for doors with a task per guest.
#[derive(Debug, Default)]
pub struct Bell(Notify);

impl Bell {
    /// One that has not rung.
    pub fn new() -> Arc<Bell> {
        Arc::default()
    }

    /// Waits until it has rung since the last time; safe to cancel.
    pub async fn rung(&self) {
        self.0.notified().await;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}
