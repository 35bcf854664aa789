//! Confirmations that wait for the journal, in its order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::broadcast::Broadcast;
use crate::outbox::{Class, Outbox};

/// Confirmations that are given before those who want to add some get a turn.
const AT_A_TIME: usize = 64;

/// Room that is kept while nothing waits.
const KEPT: usize = 1_024;

/// One confirmation.
pub(super) struct Held {
    /// Of the write's last entry.
    pub(super) sequence: u64,
    /// When the write was made, in microseconds of the monotonic clock.
    pub(super) made_us: u64,
    pub(super) outbox: Arc<Outbox>,
    pub(super) frame: Vec<u8>,
}

/// Confirmations of one QoS; they are given in the order of the journal.
#[derive(Default)]
pub(super) struct Confirmations {
    held: Mutex<VecDeque<Held>>,
    /// How many are held or are on their way into their outboxes.
    count: AtomicUsize,
}

impl Confirmations {
    /// Whether all that were held have been given.
    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    pub(super) fn add(&self, one: Held) {
        let mut held = self.held.lock();
        self.count.fetch_add(1, Ordering::Relaxed);
        // Threads come by in almost the order in which the journal has numbered their writes.
        let is_last = held.back().is_none_or(|last| last.sequence <= one.sequence);
        let place = if is_last {
            held.len()
        } else {
            held.partition_point(|other| other.sequence <= one.sequence)
        };
        held.insert(place, one);
    }

    /// Gives those at the front that are ready.
    pub(super) fn release(&self, is_ready: impl Fn(&Held) -> bool) {
        if self.is_empty() {
            return;
        }
        let mut held = self.held.lock();
        loop {
            let mut given = 0;
            while given < AT_A_TIME
                && held.front().is_some_and(&is_ready)
                && let Some(one) = held.pop_front()
            {
                one.give();
                given += 1;
            }
            self.count.fetch_sub(given, Ordering::Release);
            if given < AT_A_TIME {
                break;
            }
            MutexGuard::bump(&mut held);
        }
        if held.is_empty() {
            held.shrink_to(KEPT);
        }
    }
}

impl Held {
    fn give(self) {
        if let Ok(frame) = Broadcast::from_frame(&self.frame) {
            self.outbox.push(&frame, Class::Reply, 0);
        }
    }
}
