//! What an outbox keeps behind its lock.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use clasp_protocol::ErrorCode;

use super::backlog::{self, Backlog};
use super::notice::DropWindow;
use super::run::Run;
use super::{ACCOUNT_STEP_BYTES, Class, Close, Outbox, OutboxShared, Wake, spare};
use crate::broadcast::{Broadcast, Framing};
use crate::config::OutboxConfig;

/// Bytes moved from the backlog to the buffer at a time.
const REFILL_BYTES: usize = 64 << 10;

/// Broadcasts from this size on are kept by reference.
const BY_REFERENCE_BYTES_MIN: usize = 16 << 10;

#[derive(Default)]
pub(super) struct Inner {
    /// Frames of a queue that was quiet when the first of them came; `ready` is empty then.
    pub(super) run: Option<Run>,
    pub(super) ready: Vec<u8>,
    /// In `run` or `ready`.
    pub(super) ready_frames: u32,
    /// Part of this queue that is counted in [`OutboxShared::queued_bytes`].
    pub(super) accounted_bytes: u32,
    /// The door knows that there is something.
    pub(super) notified: bool,
    /// The router has more to produce.
    pub(super) feed: bool,
    pub(super) gone: bool,
    pub(super) backlog: Option<Box<Backlog>>,
    /// What this session has lost lately, if anything.
    pub(super) drops: Option<Box<DropWindow>>,
    pub(super) close: Option<Box<Close>>,
    pub(super) wake: Option<Arc<dyn Wake>>,
}

impl Inner {
    /// The usual case: the peer keeps up and the frame is small.
    #[inline]
    pub(super) fn append(
        &mut self,
        frame: &Broadcast,
        class: Class<'_>,
        framing: Framing,
        limits: &OutboxConfig,
    ) -> bool {
        let by_copy = matches!(class, Class::Reply) || frame.len() < BY_REFERENCE_BYTES_MIN;
        if self.backlog.is_some()
            || !by_copy
            || self.ready_bytes() + frame.len() > limits.soft_bytes_max
            || self.ready_frames as usize >= limits.soft_frames_max
        {
            self.settle_run();
            return false;
        }
        self.ready_frames += 1;
        if framing == Framing::WebSocket
            && let Some(next) = frame.run()
            && self.join_run(next)
        {
            return true;
        }
        self.settle_run();
        if self.ready.capacity() == 0 {
            self.ready = spare::get();
        }
        frame.append(framing, &mut self.ready);
        true
    }

    /// Takes a frame by reference: as the first one since the queue was quiet, or behind others of
    /// the kind. Where the socket is full the queue is not quiet, so a run never waits for long.
    #[inline]
    pub(super) fn join_run(&mut self, next: &Run) -> bool {
        match &mut self.run {
            Some(run) => run.extend(next),
            None if !self.notified && self.ready.is_empty() => {
                self.run = Some(next.clone());
                true
            }
            None => false,
        }
    }

    /// Copies the run, so that something else can follow it.
    pub(super) fn settle_run(&mut self) {
        if let Some(run) = self.run.take() {
            if self.ready.capacity() == 0 {
                self.ready = spare::get();
            }
            self.ready.extend_from_slice(&run.bytes());
        }
    }

    pub(super) fn ready_bytes(&self) -> usize {
        self.ready.len() + self.run.as_ref().map_or(0, Run::len)
    }

    pub(super) fn enqueue(
        &mut self,
        frame: &Broadcast,
        class: Class<'_>,
        outbox: &Arc<Outbox>,
        now_us: u64,
    ) {
        let shared = &outbox.shared;
        let ahead = self.ahead();
        let backlog = self.backlog.get_or_insert_with(|| {
            shared.congested.lock().push(Arc::downgrade(outbox));
            Box::default()
        });
        backlog.push(frame, class, &ahead, shared);
        let fresh = backlog.take_fresh_drops();
        if fresh > 0
            && let Some(notice) =
                self.drops.get_or_insert_default().count(fresh, &shared.limits, now_us)
        {
            shared.metrics.error(ErrorCode::Overloaded);
            backlog.push_urgent(&notice);
        }
    }

    /// Moves frames of the backlog into an empty buffer.
    pub(super) fn refill(&mut self, framing: Framing) {
        let Some(backlog) = &mut self.backlog else { return };
        if self.ready.is_empty() {
            backlog.refill(&mut self.ready, REFILL_BYTES, framing);
        }
    }

    pub(super) fn ahead(&self) -> backlog::Ahead {
        backlog::Ahead { frames: self.ready_frames as usize, bytes: self.ready_bytes() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.ready_bytes() + self.backlog.as_ref().map_or(0, |backlog| backlog.bytes())
    }

    pub(super) fn account(&mut self, shared: &OutboxShared) {
        let bytes = self.bytes();
        let accounted = self.accounted_bytes as usize;
        if bytes.abs_diff(accounted) < ACCOUNT_STEP_BYTES && bytes != 0 {
            return;
        }
        if bytes > accounted {
            shared.queued_bytes.fetch_add((bytes - accounted) as u64, Ordering::Relaxed);
        } else {
            shared.queued_bytes.fetch_sub((accounted - bytes) as u64, Ordering::Relaxed);
        }
        self.accounted_bytes = bytes as u32;
    }

    pub(super) fn clear(&mut self, shared: &OutboxShared) {
        self.run = None;
        self.ready = Vec::new();
        self.ready_frames = 0;
        self.feed = false;
        self.backlog = None;
        self.account(shared);
    }

    /// The door's waker, if it has not been told yet.
    #[inline]
    pub(super) fn arm(&mut self) -> Option<Arc<dyn Wake>> {
        if self.notified {
            return None;
        }
        self.notified = true;
        self.wake.clone()
    }
}
