//! What waits for the journal: confirmations of QoS 2, and sessions that write faster than it
//! stores (routing.md 5.4, 11.1).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use clasp_protocol::message::Ack;
use clasp_protocol::{ErrorCode, Message, Qos};
use parking_lot::Mutex;

use crate::broadcast::Broadcast;
use crate::journal::{Entry, Journal, JournalError};
use crate::metrics::Metrics;
use crate::outbox::{Class, Outbox};
use crate::refusal::Refusal;

/// The journal, if there is one, and who waits for it.
pub(crate) struct Durability {
    journal: Option<Arc<dyn Journal>>,
    metrics: Arc<Metrics>,
    /// The journal does not store: what is to be confirmed is refused.
    failed: AtomicBool,
    /// Confirmations by the sequence number that has to be durable first.
    held: Mutex<BTreeMap<(u64, u64), Held>>,
    holds: AtomicU64,
    /// Sessions that are not read because the journal is full.
    paused: Mutex<Vec<Weak<Outbox>>>,
}

struct Held {
    outbox: Arc<Outbox>,
    frame: Vec<u8>,
}

impl Durability {
    /// With the journal given, which tells of its progress from now on.
    pub(crate) fn new(journal: Option<Arc<dyn Journal>>, metrics: Arc<Metrics>) -> Arc<Durability> {
        let durability = Arc::new(Durability {
            journal,
            metrics,
            failed: AtomicBool::new(false),
            held: Mutex::default(),
            holds: AtomicU64::new(0),
            paused: Mutex::default(),
        });
        if let Some(journal) = &durability.journal {
            let weak = Arc::downgrade(&durability);
            journal.watch(Box::new(move |durable| {
                if let Some(durability) = weak.upgrade() {
                    durability.progress(durable);
                }
            }));
        }
        durability
    }

    pub(crate) fn journal(&self) -> Option<&Arc<dyn Journal>> {
        self.journal.as_ref()
    }

    /// Records entries that belong together; gives the last sequence number. A journal that cannot
    /// store takes what it has room for, and the rest is counted as lost: nobody was promised it.
    pub(crate) fn record(&self, entries: &[Entry<'_>]) -> Option<u64> {
        let journal = self.journal.as_ref()?;
        if self.failed.load(Ordering::Relaxed) && journal.is_full() {
            self.metrics.journal_error();
            return None;
        }
        Some(journal.append_group(entries))
    }

    /// Refuses a write that wants a confirmation which cannot be given.
    pub(crate) fn check(&self, qos: Qos) -> Result<(), Refusal> {
        if qos == Qos::Fire || !self.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.health() {
            Ok(()) => Ok(()),
            Err(error) => {
                let text = format!("the write cannot be stored: {error}");
                Err(Refusal::new(ErrorCode::InternalError, text))
            }
        }
    }

    /// Whether entries are being stored.
    pub(crate) fn health(&self) -> Result<(), JournalError> {
        self.journal.as_ref().map_or(Ok(()), |journal| journal.health())
    }

    /// Entries that are not durable yet.
    pub(crate) fn lag(&self) -> u64 {
        self.journal
            .as_ref()
            .map_or(0, |journal| journal.latest().saturating_sub(journal.durable()))
    }

    /// Keeps a confirmation until the entry is durable; false means that it is already.
    pub(crate) fn hold(&self, sequence: u64, outbox: &Arc<Outbox>, ack: &Ack<'_>) -> bool {
        let Some(journal) = &self.journal else { return false };
        if journal.durable() >= sequence {
            return false;
        }
        let Ok(frame) = Broadcast::new(&Message::Ack(ack.clone()), Qos::Fire) else { return false };
        let held = Held { outbox: Arc::clone(outbox), frame: frame.frame().to_vec() };
        let number = self.holds.fetch_add(1, Ordering::Relaxed);
        self.held.lock().insert((sequence, number), held);
        // The watcher may have come by in between.
        let durable = journal.durable();
        if durable >= sequence {
            self.release(durable);
        }
        true
    }

    /// Whether a session has to wait until the journal has stored more; it is woken then.
    pub(crate) fn pauses(&self, outbox: &Arc<Outbox>) -> bool {
        let full = || {
            let journal = self.journal.as_ref();
            journal.is_some_and(|journal| journal.is_full()) && !self.failed.load(Ordering::Relaxed)
        };
        if !full() {
            return false;
        }
        self.paused.lock().push(Arc::downgrade(outbox));
        full()
    }

    fn progress(&self, durable: u64) {
        let failed = self.health().is_err();
        if failed && !self.failed.swap(failed, Ordering::Relaxed) {
            self.metrics.journal_error();
        }
        self.failed.store(failed, Ordering::Relaxed);
        self.release(durable);
        for outbox in std::mem::take(&mut *self.paused.lock()) {
            if let Some(outbox) = outbox.upgrade() {
                outbox.nudge();
            }
        }
    }

    fn release(&self, durable: u64) {
        let ready = {
            let mut held = self.held.lock();
            let later = held.split_off(&(durable.saturating_add(1), 0));
            std::mem::replace(&mut *held, later)
        };
        for held in ready.into_values() {
            if let Ok(frame) = Broadcast::from_frame(&held.frame) {
                held.outbox.push(&frame, Class::Reply, 0);
            }
        }
    }
}
