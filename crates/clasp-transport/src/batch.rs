//! Work during which woken links are only noted, and flushed together at its end.
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

/// Runs `work` on the router and then writes out, on this thread, what it queued for links.
/// Never waits for a peer. Inside another batch it is part of that one.
pub fn batch<R>(work: impl FnOnce() -> R) -> R {
    let _batch = Batch::begin();
    work()
}

/// Writes out in the middle of this thread's batch.
pub(crate) fn checkpoint() {
    DIRTY.with(|dirty| {
        if dirty.active.get() {
            drain(dirty);
        }
    });
}

/// Flushes `link` at the end of this thread's batch, or wakes its task when there is none.
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
}

impl Drop for Batch {
    fn drop(&mut self) {
        if self.outermost {
            DIRTY.with(|dirty| {
                dirty.active.set(false);
                drain(dirty);
            });
        }
    }
}

fn drain(dirty: &Dirty) {
    let mut links = dirty.links.take();
    let panicking = std::thread::panicking();
    for link in links.drain(..) {
        if panicking {
            link.request_flush();
        } else {
            link.flush(Flusher::Other);
        }
    }
    links.shrink_to(LIST_LINKS_MAX);
    dirty.links.replace(links);
}
