//! Gestures: starts and ends at once, moves at most once per interval, always the latest
//! (routing.md 6.3).

use std::collections::HashMap;
use std::sync::Arc;

use clasp_protocol::message::{Phase, Publish, SignalType};
use clasp_protocol::{Message, Qos, codec};

use crate::clock::Now;
use crate::router::Router;
use crate::session::Session;
use crate::timer::Task;
use crate::write::publish::{Forward, fan_out};

/// Address and gesture id; a session's gestures are its own.
pub(crate) type GestureKey = (Arc<str>, u32);

/// Gestures a session has open.
#[derive(Debug, Default)]
pub(crate) struct Gestures {
    open: HashMap<GestureKey, Gesture>,
}

#[derive(Debug)]
struct Gesture {
    /// A start went out, so subscribers wait for an end.
    started: bool,
    moved_us: Option<u64>,
    seen_us: u64,
    held: Option<HeldMove>,
    timed: bool,
}

/// A move that waits for the interval to end, as it came.
#[derive(Debug)]
pub(crate) struct HeldMove {
    payload: Box<[u8]>,
    qos: Qos,
}

/// What a gesture step brings about, in this order.
#[derive(Debug)]
pub(crate) struct Step {
    /// The latest move that was held back so far.
    pub(crate) flush: Option<HeldMove>,
    /// Whether the step itself goes out now.
    pub(crate) now: bool,
}

impl HeldMove {
    /// The move as a message.
    pub(crate) fn forward<R>(&self, then: impl FnOnce(Forward<'_>) -> R) -> Option<R> {
        match codec::decode(&self.payload) {
            Ok(Message::Publish(publish)) => {
                let wire = Some(&*self.payload);
                Some(then(Forward { publish: &publish, wire, qos: self.qos }))
            }
            _ => None,
        }
    }
}

/// Takes one step; the caller holds the lock of the session's gestures and delivers the outcome
/// before it lets go of it.
pub(crate) fn step(
    router: &Router,
    session: &Arc<Session>,
    gestures: &mut Option<Box<Gestures>>,
    forward: &Forward<'_>,
    now: Now,
) -> Step {
    let config = &router.config.gestures;
    let publish = forward.publish;
    let key: GestureKey = (Arc::from(&*publish.address), publish.id.unwrap_or(0));
    let phase = publish.phase.unwrap_or(Phase::Start);
    if matches!(phase, Phase::End | Phase::Cancel) {
        let ended = gestures.as_mut().and_then(|gestures| gestures.open.remove(&key));
        if gestures.as_ref().is_some_and(|gestures| gestures.open.is_empty()) {
            *gestures = None;
        }
        return Step { flush: ended.and_then(|gesture| gesture.held), now: true };
    }
    let open = &mut gestures.get_or_insert_default().open;
    if open.len() >= config.open_per_session_max && !open.contains_key(&key) {
        return Step { flush: None, now: true };
    }
    let gesture = open.entry(key.clone()).or_insert(Gesture {
        started: false,
        moved_us: None,
        seen_us: now.mono_us,
        held: None,
        timed: false,
    });
    gesture.seen_us = now.mono_us;
    if phase == Phase::Start {
        gesture.started = true;
        gesture.moved_us = None;
        return Step { flush: gesture.held.take(), now: true };
    }
    let due_us = gesture.moved_us.map_or(0, |moved_us| moved_us + config.interval_us);
    if config.interval_us == 0 || due_us <= now.mono_us {
        gesture.moved_us = Some(now.mono_us);
        gesture.held = None;
        return Step { flush: None, now: true };
    }
    let Some(payload) = forward.payload() else { return Step { flush: None, now: true } };
    gesture.held = Some(HeldMove { payload: payload.into(), qos: forward.qos });
    if !std::mem::replace(&mut gesture.timed, true) {
        router.timers.add(due_us, Task::Gesture(Arc::downgrade(session), key));
    }
    Step { flush: None, now: false }
}

/// The interval of a held move is over.
pub(crate) fn release(router: &Arc<Router>, session: &Arc<Session>, key: &GestureKey, now: Now) {
    let mut gestures = session.gestures.lock();
    let Some(gesture) = gestures.as_mut().and_then(|gestures| gestures.open.get_mut(key)) else {
        return;
    };
    gesture.timed = false;
    if gesture.held.is_none() {
        return;
    }
    // The timer may be that of an earlier gesture with the same id.
    let due_us =
        gesture.moved_us.map_or(0, |moved_us| moved_us + router.config.gestures.interval_us);
    if due_us > now.mono_us {
        gesture.timed = true;
        router.timers.add(due_us, Task::Gesture(Arc::downgrade(session), key.clone()));
        return;
    }
    let Some(held) = gesture.held.take() else { return };
    gesture.moved_us = Some(now.mono_us);
    held.forward(|forward| fan_out(router, session, &forward, now));
}

/// The session is over: held moves go out, then a cancel for each gesture that has begun.
pub(crate) fn end_all(router: &Arc<Router>, session: &Arc<Session>, now: Now) {
    let Some(gestures) = session.gestures.lock().take() else { return };
    for ((address, id), gesture) in gestures.open {
        if let Some(held) = gesture.held {
            held.forward(|forward| fan_out(router, session, &forward, now));
        }
        if gesture.started && router.config.gestures.cancel_on_disconnect {
            let mut cancel = Publish::new(&*address, SignalType::Gesture);
            cancel.id = Some(id);
            cancel.phase = Some(Phase::Cancel);
            let forward = Forward { publish: &cancel, wire: None, qos: Qos::Fire };
            fan_out(router, session, &forward, now);
        }
    }
}

/// Forgets gestures without traffic.
pub(crate) fn forget_idle(router: &Router, session: &Session, now: Now) {
    let idle_us = u64::from(router.config.gestures.idle_s) * 1_000_000;
    let mut gestures = session.gestures.lock();
    if let Some(open) = gestures.as_mut().map(|gestures| &mut gestures.open) {
        open.retain(|_, gesture| now.mono_us.saturating_sub(gesture.seen_us) < idle_us);
        if open.is_empty() {
            *gestures = None;
        }
    }
}
