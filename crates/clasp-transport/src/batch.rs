//! Work during which woken links are only noted, and flushed together afterwards.
//!
//! A fan-out thus costs each receiving link one write per batch of input, made right here instead
//! of by a task switch per link.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::link::{Flusher, Link};

/// Capacity of the list that a thread keeps between batches.
const LIST_LINKS_MAX: usize = 16 << 10;

struct Dirty {
    active: Cell<bool>,
    links: RefCell<Vec<Arc<Link>>>,
}

thread_local! {
    static DIRTY: Dirty = const {
        Dirty { active: Cell::new(false), links: RefCell::new(Vec::new()) }
    };
}

/// Links that have something to write, to be flushed by the one who holds this.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Owed {
    links: Vec<Arc<Link>>,
}

impl Owed {
    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether `link` is all there is.
    pub(crate) fn is_only(&self, link: &Arc<Link>) -> bool {
        matches!(&self.links[..], [only] if Arc::ptr_eq(only, link))
    }

    /// Hands the links over to somebody who flushes them.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Arc<Link>> {
        self.links.drain(..)
    }

    /// Writes all of it out, on this thread, never waiting for a peer.
    pub(crate) fn settle(mut self) {
        for link in self.drain() {
            link.flush(Flusher::Other);
        }
    }
}

impl Drop for Owed {
    /// Leaves to the tasks what nobody cared for, and the list to the next batch.
    fn drop(&mut self) {
        for link in self.links.drain(..) {
            link.request_flush();
        }
        let spare = std::mem::take(&mut self.links);
        if spare.capacity() <= LIST_LINKS_MAX {
            let _ = DIRTY.try_with(|dirty| dirty.keep(spare));
        }
    }
}

impl Dirty {
    fn keep(&self, mut spare: Vec<Arc<Link>>) {
        let mut links = self.links.borrow_mut();
        if links.capacity() < spare.capacity() {
            spare.append(&mut links);
            *links = spare;
        }
    }
}

/// Runs `work` on the router and then writes out, on this thread, what it queued for links.
/// Never waits for a peer. Inside another batch it is part of that one.
pub fn batch<R>(work: impl FnOnce() -> R) -> R {
    let (result, owed) = batch_owing(work);
    owed.settle();
    result
}

/// Like [`batch`], but leaves the writing to the caller.
pub(crate) fn batch_owing<R>(work: impl FnOnce() -> R) -> (R, Owed) {
    let batch = Batch::begin();
    let result = work();
    (result, batch.end())
}

/// Writes out in the middle of this thread's batch, so that a long one does not make its receivers
/// look slow. The caller holds no lock that a [`crate::Talk`] takes.
pub fn checkpoint() {
    let links = DIRTY.with(|dirty| dirty.links.take());
    Owed { links }.settle();
}

/// Notes `link` for the end of this thread's batch, or wakes its task when there is none.
pub(crate) fn defer(link: Arc<Link>) {
    let mut link = Some(link);
    // Access fails only while the thread ends.
    let _ = DIRTY.try_with(|dirty| {
        if dirty.active.get() {
            dirty.links.borrow_mut().extend(link.take());
        }
    });
    if let Some(link) = link {
        link.request_flush();
    }
}

struct Batch {
    outermost: bool,
}

impl Batch {
    fn begin() -> Batch {
        Batch { outermost: DIRTY.with(|dirty| !dirty.active.replace(true)) }
    }

    fn end(&self) -> Owed {
        if !self.outermost {
            return Owed::default();
        }
        DIRTY.with(|dirty| {
            dirty.active.set(false);
            Owed { links: dirty.links.take() }
        })
    }
}

impl Drop for Batch {
    /// Finds something only after a panic in the work: others are told all the same.
    fn drop(&mut self) {
        drop(self.end());
    }
}
