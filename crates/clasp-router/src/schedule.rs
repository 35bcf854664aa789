//! Bundles that run later (routing.md section 7).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clasp_protocol::{ErrorCode, Message, codec};

use crate::clock::Now;
use crate::dispatch::Request;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;
use crate::timer::Task;
use crate::verbs;

/// A bundle that was checked and accepted, as it came.
pub(crate) struct Scheduled {
    session: Arc<Session>,
    payload: Box<[u8]>,
}

/// Accepts a bundle for a time of the relay clock in microseconds.
pub(crate) fn add(request: &Request<'_>, at_us: u64) -> Result<(), Refusal> {
    let Request { router, session, wire, now, .. } = *request;
    let limits = &router.config.bundles;
    let ahead_us = at_us.saturating_sub(now.unix_us);
    if ahead_us > limits.ahead_s_max * 1_000_000 {
        let text = format!("a bundle may be scheduled at most {} s ahead", limits.ahead_s_max);
        return Err(Refusal::new(ErrorCode::InvalidValue, text));
    }
    if session.scheduled.load(Ordering::Relaxed) as usize >= limits.pending_per_session_max
        || router.scheduled.load(Ordering::Relaxed) >= limits.pending_max
    {
        return Err(Refusal::new(ErrorCode::Overloaded, "too many bundles are waiting to run"));
    }
    let bytes = wire.len();
    let beyond = |held: &AtomicUsize, max| held.load(Ordering::Relaxed) + bytes > max;
    if beyond(&session.scheduled_bytes, limits.pending_bytes_per_session_max)
        || beyond(&router.scheduled_bytes, limits.pending_bytes_max)
    {
        let text = "the bundles that are waiting to run are too large together";
        return Err(Refusal::new(ErrorCode::Overloaded, text));
    }
    session.scheduled.fetch_add(1, Ordering::Relaxed);
    router.scheduled.fetch_add(1, Ordering::Relaxed);
    session.scheduled_bytes.fetch_add(bytes, Ordering::Relaxed);
    router.scheduled_bytes.fetch_add(bytes, Ordering::Relaxed);
    let scheduled = Scheduled { session: Arc::clone(session), payload: wire.into() };
    router.timers.add(now.mono_us + ahead_us, Task::Bundle(Box::new(scheduled)));
    Ok(())
}

/// Runs a bundle; its sender hears of a refusal if it is still there.
pub(crate) fn run(router: &Arc<Router>, scheduled: &Scheduled, now: Now) {
    let Scheduled { session, payload } = scheduled;
    session.scheduled.fetch_sub(1, Ordering::Relaxed);
    router.scheduled.fetch_sub(1, Ordering::Relaxed);
    session.scheduled_bytes.fetch_sub(payload.len(), Ordering::Relaxed);
    router.scheduled_bytes.fetch_sub(payload.len(), Ordering::Relaxed);
    let Ok(Message::Bundle(bundle)) = codec::decode(payload) else { return };
    if let Err(refusal) = verbs::bundle::run_scheduled(router, session, &bundle, now) {
        router.refuse(&session.outbox, &refusal, None, now);
    }
    if session.outbox.is_gone() {
        router.let_go(session, now);
    }
}
