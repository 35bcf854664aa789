//! SIGHUP: what can be read again while the relay runs is read again.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use crate::config_file::ConfigFile;
use crate::service::{self, READY};
use crate::{cli, logging};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Options that take effect when the config file is read again.
const AT_ONCE: [&str; 2] = ["log-level", "verbose"];

/// Reads something again; the line is for the log. What cannot be read leaves things as they are.
pub(crate) type Reloader = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// Reads the config file again: what is logged follows at once, the rest counts from the next start
/// on, and is named.
pub(crate) fn config(before: Option<ConfigFile>) -> Reloader {
    let known = Mutex::new(before);
    Arc::new(move || {
        let kept = "; the options stay as they are";
        let options = cli::again().map_err(|error| format!("config file: {error}{kept}"))?;
        let mut known = known.lock().expect("no holder panics");
        let mut later = ConfigFile::changes(known.as_ref(), options.config.file.as_ref());
        later.retain(|name| !AT_ONCE.contains(&name.as_str()));
        let refiltered = logging::refilter(&options.logging)?;
        *known = options.config.file;
        let log = if refiltered { "what is logged has changed" } else { "the log stays as it is" };
        if !later.is_empty() {
            let later = later.join(", ");
            tracing::warn!("config file: {later} changed, which counts from the next start on");
        }
        Ok(format!("config file: read again; {log}"))
    })
}

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
