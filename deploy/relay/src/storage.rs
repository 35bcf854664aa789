//! What outlives the process, as the assembly sees it: recovered before a listener is bound, saved
//! while the relay runs, closed after the last client. How, the build's storage knows.

mod saver;
mod status;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use clasp_router::Router;
use clasp_router::journal::Journal;

use crate::doors;
use crate::options::StorageOptions;
use crate::relay::StartError;

pub(crate) use saver::Saver;
pub(crate) use status::Status;

/// Files that a relay recovers from and saves to. All of it may block.
pub(crate) trait Keep: Send {
    /// Fills an empty router and tells the log how.
    ///
    /// # Errors
    /// A file cannot be read; says which and what to do.
    fn recover(&mut self, router: &Router) -> Result<(), String>;

    /// Saves the state if it has changed.
    ///
    /// # Errors
    /// It cannot be saved now; the last state saved is still there.
    fn save(&mut self, router: &Router) -> Result<(), String>;

    /// Stores what still waits and lets go of the files.
    ///
    /// # Errors
    /// Something that waited is lost.
    fn close(&mut self) -> Result<(), String>;
}

/// What this relay keeps.
#[derive(Default)]
pub(crate) struct Storage {
    /// Where history goes.
    pub(crate) journal: Option<Arc<dyn Journal>>,
    /// The files, if anything is to outlive the process.
    pub(crate) keep: Option<Box<dyn Keep>>,
    /// Whether there is a state file, and the time between two saves; 0 means only at the end.
    pub(crate) save_every: Option<Duration>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("save_every", &self.save_every).finish_non_exhaustive()
    }
}

impl Storage {
    /// Opens what the options ask for.
    ///
    /// # Errors
    /// A file cannot be had, or this build cannot keep any.
    pub(crate) async fn open(options: &StorageOptions) -> Result<Storage, StartError> {
        let options = options.clone();
        blocking(move || doors::storage(&options)).await?
    }

    /// Brings an empty router back to where it was.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) async fn recover(mut self, router: &Arc<Router>) -> Result<Storage, StartError> {
        let router = Arc::clone(router);
        blocking(move || match &mut self.keep {
            Some(keep) => keep.recover(&router).map(|()| self).map_err(StartError::Storage),
            None => Ok(self),
        })
        .await?
    }
}

/// Runs what may block beside the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StartError> {
    let crashed = |error| StartError::Storage(format!("opening the files crashed: {error}"));
    tokio::task::spawn_blocking(work).await.map_err(crashed)
}
