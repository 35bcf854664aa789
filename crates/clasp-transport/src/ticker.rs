//! Calls the router when something of its own is due.

use std::sync::Arc;
use std::time::Duration;

use clasp_router::{Router, Wake};
use tokio::sync::Notify;

use crate::batch::batch;
use crate::clock;

/// Least pause between two ticks.
const PAUSE: Duration = Duration::from_millis(1);

struct Alarm(Notify);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

/// Ticks `router` at each of its deadlines, for ever; one per router, in a task of its own.
pub async fn run_ticker(router: Arc<Router>) {
    let alarm = Arc::new(Alarm(Notify::new()));
    router.set_alarm(Arc::clone(&alarm) as _);
    loop {
        let due = batch(|| router.tick(clock::now()));
        let alarmed = alarm.0.notified();
        match due {
            Some(mono_us) => {
                let _ = tokio::time::timeout_at(clock::instant(mono_us), alarmed).await;
            }
            None => alarmed.await,
        }
        tokio::time::sleep(PAUSE).await;
    }
}
