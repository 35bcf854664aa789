//! Saves the state again and again, never two saves at a time, and closes the files at the end.

use std::convert::Infallible;
use std::future;
use std::sync::Arc;
use std::time::Duration;

use clasp_router::Router;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::{Keep, Status, Storage};

/// How often the log looks whether the journal stores.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);

/// How soon a save that failed is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// Owns the files while the relay runs.
pub(crate) struct Saver {
    /// Absent while somebody works with it, and after a crash.
    keep: Option<Box<dyn Keep>>,
    router: Arc<Router>,
    status: Arc<Status>,
    save_every: Option<Duration>,
    /// Why the last save failed.
    failure: Option<String>,
}

impl std::fmt::Debug for Saver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saver").field("save_every", &self.save_every).finish_non_exhaustive()
    }
}

impl Saver {
    /// For a recovered router; none if nothing is kept.
    pub(crate) fn new(storage: Storage, router: Arc<Router>, status: Arc<Status>) -> Option<Self> {
        let Storage { keep, save_every, .. } = storage;
        let keep = Some(keep?);
        Some(Self { keep, router, status, save_every, failure: None })
    }

    /// Saves at the start, calls `begun`, saves at every interval and when the drain begins; saves
    /// and closes when all clients are gone.
    ///
    /// # Errors
    /// What keeps the last state or the last journal entries from the disk.
    pub(crate) async fn run(
        mut self,
        draining: watch::Receiver<bool>,
        closing: watch::Receiver<bool>,
        begun: impl FnOnce(),
    ) -> Result<(), String> {
        let router = Arc::clone(&self.router);
        let saving = async {
            if self.interval().is_some() {
                self.save_and_tell().await;
            }
            begun();
            self.save_until(draining, closing).await;
        };
        tokio::select! {
            () = saving => {}
            never = tell_health(&router) => match never {},
        }
        let saved = self.save().await;
        let closed = self.with(|keep, _| keep.close()).await;
        saved.and(closed)
    }

    fn interval(&self) -> Option<Duration> {
        self.save_every.filter(|interval| !interval.is_zero())
    }

    async fn save_until(
        &mut self,
        mut draining: watch::Receiver<bool>,
        mut closing: watch::Receiver<bool>,
    ) {
        let mut drains = false;
        loop {
            let retry = self.failure.as_ref().map(|_| RETRY_INTERVAL);
            let interval = self.interval().map(|it| retry.map_or(it, |retry| retry.min(it)));
            let pause = async {
                match interval {
                    Some(interval) => tokio::time::sleep(interval).await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = turns_true(&mut closing) => return,
                () = turns_true(&mut draining), if !drains => drains = true,
                () = pause => {}
            }
            self.save_and_tell().await;
        }
    }

    /// Saves; the log hears of it when something has changed since the last time.
    async fn save_and_tell(&mut self) {
        let failure = self.save().await.err();
        match (&failure, &self.failure) {
            (Some(failure), before) if Some(failure) != before.as_ref() => {
                tracing::error!("the state cannot be saved, the relay keeps trying: {failure}");
            }
            (None, Some(_)) => tracing::info!("the state is saved again"),
            _ => {}
        }
        self.failure = failure;
    }

    async fn save(&mut self) -> Result<(), String> {
        if self.save_every.is_none() {
            return Ok(());
        }
        let saved = self.with(|keep, router| keep.save(router)).await;
        match &saved {
            Ok(()) => self.status.saved(),
            Err(_) => self.status.save_failed(),
        }
        saved
    }

    /// Lets a thread that may block work with the files.
    async fn with(
        &mut self,
        work: impl FnOnce(&mut dyn Keep, &Router) -> Result<(), String> + Send + 'static,
    ) -> Result<(), String> {
        let crashed = || "the thread that stores has crashed".to_owned();
        let mut keep = self.keep.take().ok_or_else(crashed)?;
        let router = Arc::clone(&self.router);
        let working = spawn_blocking(move || {
            let outcome = work(&mut *keep, &router);
            (keep, outcome)
        });
        let (keep, outcome) = working.await.map_err(|_| crashed())?;
        self.keep = Some(keep);
        outcome
    }
}

/// Waits until the flag is true or nobody can set it any more.
async fn turns_true(flag: &mut watch::Receiver<bool>) {
    let _gone = flag.wait_for(|set| *set).await;
}

/// Tells the log when the journal stops storing and when it goes on.
async fn tell_health(router: &Router) -> Infallible {
    let mut failed = false;
    loop {
        match router.storage_health() {
            Err(error) if !failed => {
                failed = true;
                tracing::error!("writes that ask for a confirmation are refused: {error}");
            }
            Ok(()) if failed => {
                failed = false;
                tracing::info!("the journal stores again");
            }
            _ => {}
        }
        tokio::time::sleep(HEALTH_INTERVAL).await;
    }
}
