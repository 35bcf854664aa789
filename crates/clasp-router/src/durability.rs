//! What waits for the journal: confirmations, and sessions that write faster than it stores
//! (routing.md 5.4, 11.1).

mod confirmations;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use clasp_protocol::message::Ack;
use clasp_protocol::{ErrorCode, Message, Qos};
use parking_lot::Mutex;

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::journal::{Entry, Journal, JournalError};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use confirmations::{Confirmations, Held};

/// The journal, if there is one, and who waits for it.
pub(crate) struct Durability {
    journal: Option<Arc<dyn Journal>>,
    metrics: Arc<Metrics>,
    /// The journal does not store: what is to be confirmed is refused.
    failed: AtomicBool,
    /// Of QoS 1: until the entry is durable or the journal does not lag any more.
    confirms: Confirmations,
    /// Of QoS 2: until the entry is durable.
    commits: Confirmations,
    /// Sessions that are not read because the journal is full.
    paused: Mutex<Vec<Weak<Outbox>>>,
}

impl Durability {
    /// With the journal given, which tells of its progress from now on.
    pub(crate) fn new(journal: Option<Arc<dyn Journal>>, metrics: Arc<Metrics>) -> Arc<Durability> {
        let durability = Arc::new(Durability {
            journal,
            metrics,
            failed: AtomicBool::new(false),
            confirms: Confirmations::default(),
            commits: Confirmations::default(),
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
    pub(crate) fn record(&self, entries: &[Entry<'_>], now: Now) -> Option<u64> {
        let journal = self.journal.as_ref()?;
        if self.loses(journal.as_ref()) {
            self.metrics.journal_error();
            return None;
        }
        Some(journal.append_group(entries, now))
    }

    /// Sequence number of the newest entry, unless what comes now is lost.
    pub(crate) fn latest(&self) -> Option<u64> {
        let journal = self.journal.as_ref()?;
        (!self.loses(journal.as_ref())).then(|| journal.latest())
    }

    /// Whether there is no room for another entry, and will be none.
    fn loses(&self, journal: &dyn Journal) -> bool {
        self.failed.load(Ordering::Relaxed) && journal.is_full()
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

    /// Keeps the confirmation of a write until it may be given: with QoS 2 until its entry is
    /// durable. With QoS 1 the oldest entry that is not durable has to be younger than the write
    /// by less than the journal's interval, so that a crash takes at most one interval of confirmed
    /// writes. False means that it may be given now, and all before it have been.
    pub(crate) fn hold(
        &self,
        (sequence, qos, now): (u64, Qos, Now),
        outbox: &Arc<Outbox>,
        ack: &Ack<'_>,
    ) -> bool {
        let Some(journal) = &self.journal else { return false };
        let (queue, ready) = match qos {
            Qos::Commit => (&self.commits, journal.durable() >= sequence),
            Qos::Fire | Qos::Confirm => (&self.confirms, now.mono_us < journal.due_us()),
        };
        if ready && queue.is_empty() {
            return false;
        }
        let Ok(frame) = Broadcast::new(&Message::Ack(ack.clone()), Qos::Fire) else { return false };
        let frame = frame.frame().to_vec();
        queue.add(Held { sequence, made_us: now.mono_us, outbox: Arc::clone(outbox), frame });
        // The watcher may have come by in between.
        self.release(journal.durable());
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
        self.commits.release(|held| held.sequence <= durable);
        let due_us = self.journal.as_ref().map_or(u64::MAX, |journal| journal.due_us());
        self.confirms.release(|held| held.sequence <= durable || held.made_us < due_us);
    }
}
