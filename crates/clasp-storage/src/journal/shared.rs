//! What the journal and its writer share: the queue, whether storing works, who is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clasp_router::journal::Watcher;
use parking_lot::Mutex;

use super::options::JournalOptions;
use super::queue::Queue;
use crate::error::StorageError;

pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) options: JournalOptions,
    failure: Mutex<Option<StorageError>>,
    watcher: Mutex<Option<Arc<Watcher>>>,
    covered: AtomicU64,
    compacted: AtomicU64,
    /// The writer has come to its end.
    ended: AtomicBool,
}

impl Shared {
    /// Of a journal whose newest entry has this number.
    pub(crate) fn new(
        latest: u64,
        (covered, compacted): (u64, u64),
        options: JournalOptions,
    ) -> Shared {
        Shared {
            queue: Queue::new(latest, options.clone()),
            options,
            failure: Mutex::default(),
            watcher: Mutex::default(),
            covered: AtomicU64::new(covered),
            compacted: AtomicU64::new(compacted),
            ended: AtomicBool::new(false),
        }
    }

    pub(crate) fn watch(&self, watcher: Watcher) {
        *self.watcher.lock() = Some(Arc::new(watcher));
    }

    /// Why storing does not work, if it does not.
    pub(crate) fn failure(&self) -> Option<StorageError> {
        self.failure.lock().clone()
    }

    /// Notes and tells that storing does not work.
    pub(crate) fn fail(&self, error: StorageError) {
        *self.failure.lock() = Some(error);
        self.queue.interrupt();
        self.tell();
    }

    /// Notes and tells that a batch was stored.
    pub(crate) fn succeed(&self) {
        *self.failure.lock() = None;
        self.tell();
    }

    fn tell(&self) {
        let watcher = self.watcher.lock().clone();
        if let Some(watcher) = watcher {
            watcher(self.queue.durable());
        }
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.queue.interrupt();
        self.tell();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(crate) fn cover(&self, sequence: u64) {
        self.covered.fetch_max(sequence, Ordering::Relaxed);
    }

    pub(crate) fn covered(&self) -> u64 {
        self.covered.load(Ordering::Relaxed)
    }

    pub(crate) fn set_compacted(&self, sequence: u64) {
        self.compacted.store(sequence, Ordering::Relaxed);
    }

    pub(crate) fn compacted(&self) -> u64 {
        self.compacted.load(Ordering::Relaxed)
    }
}
