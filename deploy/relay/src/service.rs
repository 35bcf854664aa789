//! What the service manager is told (systemd's notification protocol, NOTIFY_SOCKET): ready,
//! reloading, stopping, and that the relay still works, if it asked for that (WATCHDOG_USEC).

use std::sync::Arc;
use std::time::Duration;

use clasp_router::Router;
use sd_notify::NotifyState as State;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::healthcheck::Target;

/// Signs of life per interval of the watchdog, so that one may come late.
const SIGNS_PER_INTERVAL: u32 = 3;

/// Status while all is well.
pub(crate) const READY: &str = "ready, accepting connections";

/// The relay serves.
pub(crate) fn ready(status: &str) {
    tell(&[State::Ready, State::Status(status)]);
}

/// The relay reads its files again; [`ready`] has to follow.
pub(crate) fn reloading() {
    match State::monotonic_usec_now() {
        Ok(now) => tell(&[State::Reloading, now, State::Status("reading files again")]),
        Err(error) => tracing::debug!(%error, "there is no monotonic clock"),
    }
}

/// The relay drains.
pub(crate) fn stopping(status: &str) {
    tell(&[State::Stopping, State::Status(status)]);
}

/// What the relay does at present, for `systemctl status`.
pub(crate) fn status(text: &str) {
    tell(&[State::Status(text)]);
}

fn tell(states: &[State<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("cannot tell the service manager: {error} (NOTIFY_SOCKET)");
    }
}

/// What shows that the relay works.
pub(crate) struct Probe {
    pub(crate) router: Arc<Router>,
    /// The listener that clients come to.
    pub(crate) target: Target,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Probe {
    /// Gives signs of life for as long as the relay works and this is polled; pends if nobody asks
    /// for them.
    pub(crate) async fn watch(self) {
        match sd_notify::watchdog_enabled() {
            Some(every) => self.give_signs(every).await,
            None => std::future::pending().await,
        }
    }

    async fn give_signs(self, every: Duration) {
        tracing::info!("watchdog: the service manager wants a sign of life every {every:?}");
        let pause = every / SIGNS_PER_INTERVAL;
        let mut ticks = interval(pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match timeout(pause, self.look()).await {
                Ok(Ok(())) => tell(&[State::Watchdog]),
                Ok(Err(reason)) => tracing::error!("no sign of life for the watchdog: {reason}"),
                Err(_) => tracing::error!("no sign of life for the watchdog: no answer in time"),
            }
        }
    }

    /// The router answers, and the listener accepts and answers.
    async fn look(&self) -> Result<(), String> {
        let (router, target) = (Arc::clone(&self.router), self.target.clone());
        let looked = spawn_blocking(move || {
            router.metrics();
            // A refusal is an answer, too: readiness is no matter of life and death.
            target.ask("/healthz").map(drop)
        });
        looked.await.unwrap_or_else(|crash| Err(crash.to_string()))
    }
}
