//! Bounded queue from the router to one link (routing.md 5.2).
//!
//! While the peer keeps up, frames are appended to one buffer that the door swaps out and writes
//! in one call; what it gets in common with others is a [`Run`] instead. Above the soft limit the
//! [`Backlog`] takes over and conflates.

mod backlog;
mod inner;
mod notice;
mod run;
mod spare;

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use clasp_protocol::{ErrorCode, Qos};
use parking_lot::Mutex;

use crate::broadcast::{Broadcast, Framing};
use crate::config::OutboxConfig;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
pub(crate) use backlog::Missed;
use inner::Inner;
pub use run::Run;

/// Called when an outbox goes from quiet to having something.
///
/// It may run under locks of the router and on any thread: it must be cheap and never block.
pub trait Wake: Send + Sync {
    /// Somebody should call [`Outbox::take`] soon.
    fn wake(self: Arc<Self>);
}

/// Why a link is closed, in the words of a WebSocket Close frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// WebSocket close code.
    pub code: u16,
    /// For a person.
    pub reason: Cow<'static, str>,
    /// Whether an ERROR has said so before.
    pub told: bool,
}

impl Close {
    /// From code and reason.
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Close {
        Close { code, reason: reason.into(), told: false }
    }
}

/// What [`Outbox::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// Bytes to write.
    Bytes,
    /// Nothing; the next push wakes again.
    Empty,
    /// Nothing buffered, but the router has more: call `Connection::pull`, then take again.
    Pull,
    /// All is handed out; close the link.
    Close(Close),
}

/// What may happen to a frame when its session is slow.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Class<'a> {
    /// An answer; never dropped.
    Reply,
    /// A param; the latest one of an address counts.
    Param(&'a Arc<str>),
    /// A param inside a bundle; kept in its place, sent again later if it had to be dropped.
    BundledParam(&'a Arc<str>),
    /// The present state of a param whose news was dropped; left out if a newer one is queued.
    Again(&'a Arc<str>),
    /// A stream frame, or a move of the gesture with this id; the latest one of an address counts.
    Latest(&'a Arc<str>, Option<u32>),
    /// Events, timelines, gesture starts and ends; each one counts.
    Ordered,
}

/// What all outboxes of a router share.
#[derive(Debug)]
pub(crate) struct OutboxShared {
    pub(crate) limits: OutboxConfig,
    pub(crate) metrics: Arc<Metrics>,
    /// Bytes waiting in all outboxes, as far as they matter.
    pub(crate) queued_bytes: AtomicU64,
    /// Outboxes that were above their soft limit when last seen.
    pub(crate) congested: Mutex<Vec<Weak<Outbox>>>,
}

impl OutboxShared {
    pub(crate) fn new(limits: OutboxConfig, metrics: Arc<Metrics>) -> Arc<OutboxShared> {
        Arc::new(OutboxShared {
            limits,
            metrics,
            queued_bytes: AtomicU64::new(0),
            congested: Mutex::new(Vec::new()),
        })
    }
}

/// Queue from the router to one link.
pub struct Outbox {
    framing: Framing,
    legacy: AtomicBool,
    /// The peer has answers to read before more requests of it are taken.
    pressed: AtomicBool,
    /// A close was asked for or the socket is gone.
    closing: AtomicBool,
    shared: Arc<OutboxShared>,
    inner: Mutex<Inner>,
}

/// Queues that differ less from what is counted are not counted again.
const ACCOUNT_STEP_BYTES: usize = 64 << 10;

/// Bytes that may wait for a client before its requests have to wait too.
const PRESSED_BYTES_MIN: usize = 1 << 20;

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("framing", &self.framing).finish_non_exhaustive()
    }
}

impl Outbox {
    pub(crate) fn new(
        framing: Framing,
        shared: Arc<OutboxShared>,
        wake: Arc<dyn Wake>,
    ) -> Arc<Outbox> {
        let inner = Inner { wake: Some(wake), ..Inner::default() };
        Arc::new(Outbox {
            framing,
            legacy: AtomicBool::new(false),
            pressed: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            shared,
            inner: Mutex::new(inner),
        })
    }

    /// From now on frames are sent in the MessagePack encoding.
    pub(crate) fn speak_legacy(&self) {
        self.legacy.store(true, Ordering::Relaxed);
    }

    /// Queues a frame. Never blocks, never waits for the peer.
    #[inline]
    pub(crate) fn push(self: &Arc<Self>, frame: &Broadcast, class: Class<'_>, now_us: u64) {
        if self.is_legacy() {
            match frame.to_legacy() {
                Some(translated) => self.push_frames(&[(&translated, class)], now_us),
                None => self.push_untranslatable(now_us),
            }
            return;
        }
        self.push_frames(&[(frame, class)], now_us);
    }

    /// Whether frames are sent in the MessagePack encoding.
    pub(crate) fn is_legacy(&self) -> bool {
        self.legacy.load(Ordering::Relaxed)
    }

    /// Tells that something is too large in MessagePack.
    #[cold]
    fn push_untranslatable(self: &Arc<Self>, now_us: u64) {
        let text = "a message to you is too large in MessagePack; connect in binary to get it";
        let refusal = Refusal::new(ErrorCode::InvalidValue, text);
        self.shared.metrics.error(refusal.code);
        let error = Broadcast::new(&refusal.to_message(None), Qos::Fire).ok();
        if let Some(translated) = error.and_then(|frame| frame.to_legacy()) {
            self.push_frames(&[(&translated, Class::Reply)], now_us);
        }
    }

    /// Queues frames that stay together.
    pub(crate) fn push_together(self: &Arc<Self>, frames: &[(&Broadcast, Class<'_>)], now_us: u64) {
        if !self.is_legacy() {
            return self.push_frames(frames, now_us);
        }
        let translated: Vec<_> =
            frames.iter().filter_map(|(frame, class)| Some((frame.to_legacy()?, *class))).collect();
        let borrowed: Vec<_> = translated.iter().map(|(frame, class)| (frame, *class)).collect();
        self.push_frames(&borrowed, now_us);
        if translated.len() < frames.len() {
            self.push_untranslatable(now_us);
        }
    }

    #[inline]
    fn push_frames(self: &Arc<Self>, frames: &[(&Broadcast, Class<'_>)], now_us: u64) {
        let mut inner = self.inner.lock();
        if inner.gone || inner.close.is_some() {
            return;
        }
        for (frame, class) in frames {
            if !inner.append(frame, *class, self.framing, &self.shared.limits) {
                inner.enqueue(frame, *class, self, now_us);
            }
        }
        if inner.accounted_bytes > 0 || inner.bytes() >= ACCOUNT_STEP_BYTES {
            inner.account(&self.shared);
        }
        if inner.ready_bytes() >= ACCOUNT_STEP_BYTES || inner.backlog.is_some() {
            self.note_pressure(&inner);
        }
        let wake = inner.arm();
        drop(inner);
        if let Some(wake) = wake {
            wake.wake();
        }
    }

    /// Whether requests of this client have to wait until it has read more of its answers.
    #[inline]
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressed.load(Ordering::Relaxed)
    }

    fn note_pressure(&self, inner: &Inner) {
        let pressed = inner.feed || inner.bytes() >= PRESSED_BYTES_MIN;
        self.pressed.store(pressed, Ordering::Relaxed);
    }

    /// What is to be written first, if it is shared with other links; then go on with
    /// [`Outbox::take`].
    #[inline]
    pub fn take_run(&self) -> Option<Run> {
        let mut inner = self.inner.lock();
        let run = inner.run.take()?;
        inner.ready_frames = 0;
        if inner.accounted_bytes > 0 {
            inner.account(&self.shared);
        }
        Some(run)
    }

    /// Moves what is to be written into `into`, which must be empty; its allocation is kept here.
    pub fn take(&self, into: &mut Vec<u8>) -> Taken {
        let mut inner = self.inner.lock();
        if inner.gone {
            return Taken::Empty;
        }
        inner.settle_run();
        inner.refill(self.framing);
        if self.is_pressed() {
            self.note_pressure(&inner);
        }
        if !inner.ready.is_empty() {
            std::mem::swap(&mut inner.ready, into);
            inner.ready_frames = 0;
            if inner.accounted_bytes > 0 {
                inner.account(&self.shared);
            }
            return Taken::Bytes;
        }
        // No buffer stays with an idle session.
        spare::give(std::mem::take(&mut inner.ready));
        spare::give(std::mem::take(into));
        if inner.accounted_bytes > 0 {
            inner.account(&self.shared);
        }
        if inner.feed || inner.backlog.as_ref().is_some_and(|backlog| backlog.has_missed()) {
            return Taken::Pull;
        }
        inner.backlog = None;
        if let Some(close) = &inner.close {
            return Taken::Close(Close::clone(close));
        }
        inner.notified = false;
        Taken::Empty
    }

    /// Closes the link once everything queued before is written.
    pub fn close(&self, close: Close) {
        let wake = {
            let mut inner = self.inner.lock();
            if inner.gone || inner.close.is_some() {
                return;
            }
            inner.close = Some(Box::new(close));
            self.closing.store(true, Ordering::Relaxed);
            inner.feed = false;
            inner.arm()
        };
        if let Some(wake) = wake {
            wake.wake();
        }
    }

    /// Throws the queue away and closes the link.
    pub(crate) fn cut(&self, close: Close) {
        {
            let mut inner = self.inner.lock();
            inner.clear(&self.shared);
        }
        self.close(close);
    }

    /// The socket is gone: everything is thrown away and nothing is taken any more.
    pub fn abandon(&self) {
        let mut inner = self.inner.lock();
        inner.gone = true;
        self.closing.store(true, Ordering::Relaxed);
        inner.clear(&self.shared);
        inner.wake = None;
    }

    /// Bytes that wait to be taken.
    pub fn backlog_bytes(&self) -> usize {
        self.inner.lock().bytes()
    }

    /// Whether a close was asked for or the socket is gone.
    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Whether the socket is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.inner.lock().gone
    }

    /// Says whether the router has more to produce for this link.
    pub(crate) fn set_feed(&self, feed: bool) {
        let wake = {
            let mut inner = self.inner.lock();
            inner.feed = feed && inner.close.is_none() && !inner.gone;
            self.note_pressure(&inner);
            if inner.feed { inner.arm() } else { None }
        };
        if let Some(wake) = wake {
            wake.wake();
        }
    }

    /// Makes the door look at this link again.
    pub(crate) fn nudge(&self) {
        let wake = self.inner.lock().arm();
        if let Some(wake) = wake {
            wake.wake();
        }
    }

    /// Params whose news had to be dropped; the caller queues their current values as
    /// [`Class::Again`] or gives them up.
    pub(crate) fn missed(&self) -> Option<Missed> {
        let count = self.shared.limits.soft_frames_max.max(1);
        self.inner.lock().backlog.as_mut().and_then(|backlog| backlog.missed(count))
    }

    /// There is nothing to tell about a param that was missed.
    pub(crate) fn give_up_missed(&self, address: &str) {
        if let Some(backlog) = &mut self.inner.lock().backlog {
            backlog.give_up_missed(address);
        }
    }

    /// Since when the queue has been above its hard limit.
    pub(crate) fn over_hard_since_us(&self, now_us: u64) -> Option<u64> {
        let mut inner = self.inner.lock();
        let ahead = inner.ahead();
        let backlog = inner.backlog.as_mut()?;
        backlog.over_hard_since_us(&ahead, &self.shared.limits, now_us)
    }

    /// Whether the backlog is in use.
    pub(crate) fn is_congested(&self) -> bool {
        let inner = self.inner.lock();
        !inner.gone && inner.backlog.is_some()
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let accounted = u64::from(self.inner.get_mut().accounted_bytes);
        self.shared.queued_bytes.fetch_sub(accounted, Ordering::Relaxed);
    }
}
