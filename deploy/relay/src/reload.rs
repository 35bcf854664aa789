//! SIGHUP: what can be read again while the relay runs is read again.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::service::{self, READY};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Reads something again; the line is for the log. What cannot be read leaves things as they are.
pub(crate) type Reloader = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// Everything that can be read again, and the signal that asks for it.
pub(crate) struct Reloads {
    reloaders: Vec<Reloader>,
    hangup: Signal,
}

impl fmt::Debug for Reloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reloads").field(&self.reloaders.len()).finish()
    }
}

impl Reloads {
    /// From now on SIGHUP does not end the process. Must be called inside a runtime.
    ///
    /// # Errors
    /// The system refused to install a handler.
    pub(crate) fn listen() -> io::Result<Reloads> {
        Ok(Reloads { reloaders: Vec::new(), hangup: signal(SignalKind::hangup())? })
    }

    /// Adds something; `reload` may block.
    pub(crate) fn add(&mut self, reload: Reloader) {
        self.reloaders.push(reload);
    }

    /// Reads everything again at each SIGHUP, one after the other.
    pub(crate) async fn serve(mut self) -> Infallible {
        while self.hangup.recv().await.is_some() {
            service::reloading();
            match self.reloaders.len() {
                0 => tracing::info!("SIGHUP: there is nothing to read again"),
                _ => tracing::info!("SIGHUP: reading again what can be read again"),
            }
            for reload in &self.reloaders {
                let reload = Arc::clone(reload);
                match tokio::task::spawn_blocking(move || reload()).await {
                    Ok(Ok(done)) => tracing::info!("{done}"),
                    Ok(Err(reason)) => tracing::error!("{reason}"),
                    // The panic itself is on standard error.
                    Err(_) => tracing::error!("reading again failed; all stays as it was"),
                }
            }
            service::ready(READY);
        }
        std::future::pending().await
    }
}
