//! Receivers that wait for more clients to speak before they are written to.
//!
//! When many clients speak at once, a write per client and receiver would be most of the work. A
//! client therefore leaves its receivers here and lets the tasks that are ready before it run; the
//! first that comes back writes everything out. Nobody waits for longer than that queue is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::batch::Owed;
use crate::link::{Flusher, Link};

/// Weight that must not wait any longer. An outbox takes 1,000 frames or 1 MiB for the sign of a
/// slow peer, which must not come about by waiting here.
const WEIGHT_MAX: usize = 256;

/// Capacity that is kept while nobody waits.
const LINKS_KEPT: usize = 16 << 10;

#[derive(Debug, Default)]
pub(crate) struct Gathering {
    /// Of all messages since the first link came; 0 while nobody waits.
    weight: AtomicUsize,
    links: Mutex<Vec<Arc<Link>>>,
}

/// How much messages count for: their number and their bytes.
pub(crate) fn weight(messages: usize, bytes: usize) -> usize {
    messages + bytes / 1_024
}

impl Gathering {
    /// Takes receivers; the caller comes back and calls [`Self::disperse`].
    pub(crate) fn join(&self, mut owed: Owed) {
        let mut links = self.links.lock();
        links.extend(owed.drain());
        self.weight.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts messages that may have gone to those who wait.
    pub(crate) fn count(&self, weight: usize) {
        if self.weight.load(Ordering::Relaxed) > 0
            && self.weight.fetch_add(weight, Ordering::Relaxed) + weight >= WEIGHT_MAX
        {
            self.disperse();
        }
    }

    /// Writes out, on this thread, to all who wait.
    pub(crate) fn disperse(&self) {
        let mut links = {
            let mut links = self.links.lock();
            self.weight.store(0, Ordering::Relaxed);
            std::mem::take(&mut *links)
        };
        for link in links.drain(..) {
            link.flush(Flusher::Other);
        }
        let mut waiting = self.links.lock();
        if waiting.capacity() < links.capacity() && links.capacity() <= LINKS_KEPT {
            links.append(&mut waiting);
            *waiting = links;
        }
    }
}
