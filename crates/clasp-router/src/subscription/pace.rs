//! `max_rate` and `epsilon` of a subscription (routing.md 3.3).

use std::collections::HashMap;
use std::sync::Arc;

use clasp_protocol::message::SubscribeOptions;
use clasp_protocol::value::Number;

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::outbox::Class;
use crate::session::Session;
use crate::timer::{Task, Timers};

/// Quiet time after which a suppressed small change is delivered after all.
const QUIET_US: u64 = 1_000_000;

/// Addresses a session's limits are kept for; further ones pass unlimited.
const PACED_MAX: usize = 10_000;

/// Limits of one or several subscriptions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// Least time between two deliveries of an address in microseconds.
    interval_us: u64,
    /// Smallest change worth a delivery.
    epsilon: f64,
}

/// Something about to be delivered to a session with limits.
pub(crate) struct Arrival<'a> {
    pub(crate) address: &'a Arc<str>,
    pub(crate) stream: bool,
    pub(crate) number: Option<Number>,
    pub(crate) frame: &'a Broadcast,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Deliver it.
    Now,
    /// It is kept and delivered later, unless a newer one takes its place.
    Held,
}

/// Address, and whether it is about streams rather than params.
pub(crate) type PaceKey = (Arc<str>, bool);

/// What was sent and what is held back, by address.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    paced: HashMap<PaceKey, Paced>,
}

#[derive(Debug)]
struct Paced {
    sent_us: u64,
    sent: Option<f64>,
    held: Option<Held>,
    /// A timer for this key is running.
    timed: bool,
}

#[derive(Debug)]
struct Held {
    frame: Vec<u8>,
    number: Option<f64>,
    due_us: u64,
}

impl Pace {
    /// No limits.
    pub(crate) const FREE: Pace = Pace { interval_us: 0, epsilon: 0.0 };

    /// The limits of these options, if they limit anything.
    pub(crate) fn of(options: &SubscribeOptions) -> Option<Pace> {
        let interval_us = match options.max_rate {
            Some(rate) if rate > 0 => 1_000_000 / u64::from(rate),
            _ => 0,
        };
        let epsilon = options.epsilon.filter(|e| e.is_finite() && *e > 0.0).unwrap_or(0.0);
        let pace = Pace { interval_us, epsilon };
        (pace != Pace::FREE).then_some(pace)
    }

    pub(crate) fn more_generous(self, other: Pace) -> Pace {
        Pace {
            interval_us: self.interval_us.min(other.interval_us),
            epsilon: self.epsilon.min(other.epsilon),
        }
    }

    fn suppresses(&self, sent: Option<f64>, number: Option<f64>) -> bool {
        match (sent, number) {
            (Some(sent), Some(number)) => (number - sent).abs() < self.epsilon,
            _ => false,
        }
    }
}

/// Decides whether a session gets this now.
pub(crate) fn offer(
    timers: &Timers,
    session: &Arc<Session>,
    pace: &Pace,
    arrival: &Arrival<'_>,
    now: Now,
) -> Offer {
    let number = arrival.number.map(Number::as_f64);
    let mut pacer = session.pacer.lock();
    let pacer = pacer.get_or_insert_default();
    let key = (Arc::clone(arrival.address), arrival.stream);
    if pacer.paced.len() >= PACED_MAX && !pacer.paced.contains_key(&key) {
        pacer.forget_old(now);
        if pacer.paced.len() >= PACED_MAX {
            return Offer::Now;
        }
    }
    let Some(paced) = pacer.paced.get_mut(&key) else {
        let first = Paced { sent_us: now.mono_us, sent: number, held: None, timed: false };
        pacer.paced.insert(key, first);
        return Offer::Now;
    };
    let next_us = paced.sent_us + pace.interval_us;
    let due_us = if now.mono_us < next_us {
        next_us
    } else if pace.suppresses(paced.sent, number) {
        now.mono_us + QUIET_US
    } else {
        paced.sent_us = now.mono_us;
        paced.sent = number;
        paced.held = None;
        return Offer::Now;
    };
    paced.held = Some(Held { frame: arrival.frame.frame().to_vec(), number, due_us });
    if !std::mem::replace(&mut paced.timed, true) {
        timers.add(due_us, Task::Pace(Arc::downgrade(session), key, *pace));
    }
    Offer::Held
}

/// A timer of [`offer`] fired: delivers what is held if its time has come.
pub(crate) fn release(
    timers: &Timers,
    session: &Arc<Session>,
    (key, pace): (PaceKey, Pace),
    now: Now,
) {
    let mut pacer = session.pacer.lock();
    let Some(paced) = pacer.as_mut().and_then(|pacer| pacer.paced.get_mut(&key)) else { return };
    paced.timed = false;
    let Some(held) = &mut paced.held else { return };
    if held.due_us <= now.mono_us {
        // What waited for its rate may still be too small a change.
        let last_us = paced.sent_us + pace.interval_us;
        let quiet = now.mono_us.saturating_sub(last_us) >= QUIET_US;
        if pace.suppresses(paced.sent, held.number) && !quiet {
            held.due_us = now.mono_us + QUIET_US;
        }
    }
    if held.due_us > now.mono_us {
        paced.timed = true;
        timers.add(held.due_us, Task::Pace(Arc::downgrade(session), key, pace));
        return;
    }
    let Some(held) = paced.held.take() else { return };
    paced.sent_us = now.mono_us;
    paced.sent = held.number;
    if let Ok(frame) = Broadcast::from_frame(&held.frame) {
        let class = if key.1 { Class::Latest(&key.0, None) } else { Class::Param(&key.0) };
        session.outbox.push(&frame, class, now.mono_us);
    }
}

impl Pacer {
    fn forget_old(&mut self, now: Now) {
        self.paced.retain(|_, paced| {
            paced.held.is_some() || now.mono_us.saturating_sub(paced.sent_us) < 10 * QUIET_US
        });
    }
}
