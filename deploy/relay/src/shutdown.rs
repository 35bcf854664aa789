//! Signals: the first SIGINT or SIGTERM asks for a drain, the second ends the process at once.

use std::io;

use crate::logging;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit status by convention: 128 and the number of the signal.
const SIGNAL_BASE: i32 = 128;

/// The signals that end a relay, listened to from the moment this exists.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Starts to listen; must be called inside a runtime.
    ///
    /// # Errors
    /// The system refused to install a handler.
    pub fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    /// Waits for the first signal. From then on a second one exits the process with 130 (SIGINT)
    /// or 143 (SIGTERM), whatever is still under way.
    pub async fn stop(mut self) -> StopGuard {
        let (name, _) = self.next().await;
        tracing::info!("{name}; a second signal exits at once");
        StopGuard(tokio::spawn(async move {
            let (name, number) = self.next().await;
            tracing::warn!("{name} again: leaving without waiting for sessions");
            logging::finish();
            std::process::exit(SIGNAL_BASE + number);
        }))
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
            _ = self.terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
        }
    }
}

/// Keeps the process listening for the second signal while it lives.
#[derive(Debug)]
pub struct StopGuard(tokio::task::JoinHandle<()>);

impl Drop for StopGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}
