//! `max_rate` and `epsilon` of a subscription (routing.md 3.3).

use std::collections::HashMap;
use std::sync::Arc;

use clasp_protocol::message::SubscribeOptions;
use clasp_protocol::value::Number;

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::outbox::Class;
use crate::router::Router;
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

/// Limits of one session at one address.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Paces {
    pub(crate) params: Pace,
    pub(crate) streams: Pace,
}

/// Something about to be delivered to a session with limits.
pub(crate) struct Arrival<'a> {
    pub(crate) address: &'a Arc<str>,
    pub(crate) stream: bool,
    pub(crate) number: Option<Number>,
    /// Of a SET.
    pub(crate) revision: Option<u64>,
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
    /// When the next timer for this key fires, if one is running.
    timer_us: Option<u64>,
}

#[derive(Debug)]
struct Held {
    frame: Vec<u8>,
    number: Option<f64>,
    revision: Option<u64>,
    due_us: u64,
}

impl Paces {
    /// No limits.
    pub(crate) const FREE: Paces = Paces { params: Pace::FREE, streams: Pace::FREE };

    /// Those of params or those of streams.
    pub(crate) fn of(&self, stream: bool) -> &Pace {
        if stream { &self.streams } else { &self.params }
    }
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
        let first = Paced { sent_us: now.mono_us, sent: number, held: None, timer_us: None };
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
    let frame = arrival.frame.frame().to_vec();
    paced.held = Some(Held { frame, number, revision: arrival.revision, due_us });
    paced.set_timer(timers, session, &key, due_us);
    Offer::Held
}

/// A timer of [`offer`] fired: delivers what is held if its time has come.
pub(crate) fn release(router: &Router, session: &Arc<Session>, key: &PaceKey, now: Now) {
    let (address, stream) = key;
    let place = router.store.place(address);
    let mut shard = router.store.lock(place.shard);
    let revision = shard.param(address, place.hash).map(|param| param.revision);
    let slot = shard.intern(address, place.hash);
    let pace = router.pace_of(shard.entry(slot), session, *stream);
    let mut pacer = session.pacer.lock();
    let Some(paced) = pacer.as_mut().and_then(|pacer| pacer.paced.get_mut(key)) else { return };
    paced.timer_us = paced.timer_us.filter(|timer_us| *timer_us > now.mono_us);
    let Some(held) = &mut paced.held else { return };
    match pace {
        // Since the limits were lifted something newer may have gone past.
        Some(Pace::FREE) if held.revision.is_some() && held.revision == revision => {}
        None | Some(Pace::FREE) => {
            paced.held = None;
            return;
        }
        Some(pace) => {
            held.wait_for_quiet(&pace, (paced.sent_us, paced.sent), now);
            let due_us = held.due_us;
            if due_us > now.mono_us {
                paced.set_timer(&router.timers, session, key, due_us);
                return;
            }
        }
    }
    let Some(held) = paced.held.take() else { return };
    paced.sent_us = now.mono_us;
    paced.sent = held.number;
    if let Ok(frame) = Broadcast::from_frame(&held.frame) {
        let class = if *stream { Class::Latest(address, None) } else { Class::Param(address) };
        session.outbox.push(&frame, class, now.mono_us);
    }
}

impl Held {
    /// What waited for its rate may still be too small a change.
    fn wait_for_quiet(&mut self, pace: &Pace, (sent_us, sent): (u64, Option<f64>), now: Now) {
        if self.due_us > now.mono_us {
            return;
        }
        let quiet = now.mono_us.saturating_sub(sent_us + pace.interval_us) >= QUIET_US;
        if pace.suppresses(sent, self.number) && !quiet {
            self.due_us = now.mono_us + QUIET_US;
        }
    }
}

impl Paced {
    /// Sees that a timer fires at this time or before.
    fn set_timer(&mut self, timers: &Timers, session: &Arc<Session>, key: &PaceKey, due_us: u64) {
        if self.timer_us.is_none_or(|timer_us| due_us < timer_us) {
            self.timer_us = Some(due_us);
            timers.add(due_us, Task::Pace(Arc::downgrade(session), key.clone()));
        }
    }
}

impl Pacer {
    fn forget_old(&mut self, now: Now) {
        self.paced.retain(|_, paced| {
            paced.held.is_some() || now.mono_us.saturating_sub(paced.sent_us) < 10 * QUIET_US
        });
    }
}
