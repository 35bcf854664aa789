//! Counters in stripes: the first threads that count have one each, later ones share the last.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::histogram::{FANOUT_BOUNDS, Fanout, Histogram, LATENCY_BOUNDS, Latency};
use super::label::{DropKind, EvictionReason, HandshakeFailure, OscDrop};
use super::{ERROR_CODES, MESSAGE_KINDS};

const STRIPES: usize = 16;
const SHARED: usize = STRIPES - 1;
const UNASSIGNED: usize = usize::MAX;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static PLACE: Cell<usize> = const { Cell::new(UNASSIGNED) };
}

/// A number that goes up, in the stripe of the thread that adds to it.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(super) fn add(&self, amount: u64) {
        if PLACE.get() < SHARED {
            // Nobody else writes to this stripe; an atomic addition costs several times as much.
            self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
        } else {
            self.0.fetch_add(amount, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One set of all counters; two cache lines apart from the next, because processors fetch pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Stripe {
    pub(super) messages: [Counter; MESSAGE_KINDS],
    pub(super) errors: [Counter; ERROR_CODES],
    pub(super) drops: [Counter; DropKind::ALL.len()],
    pub(super) evictions: [Counter; EvictionReason::ALL.len()],
    pub(super) handshake_failures: [Counter; HandshakeFailure::ALL.len()],
    pub(super) osc_drops: [Counter; OscDrop::ALL.len()],
    pub(super) conflated: Counter,
    pub(super) slow_consumers_closed: Counter,
    pub(super) decode_errors: Counter,
    pub(super) journal_errors: Counter,
    pub(super) bytes_received: Counter,
    pub(super) bytes_sent: Counter,
    pub(super) fanout: Fanout,
    pub(super) latency: [Latency; MESSAGE_KINDS],
}

impl Default for Stripe {
    fn default() -> Stripe {
        Stripe {
            messages: Default::default(),
            errors: Default::default(),
            drops: Default::default(),
            evictions: Default::default(),
            handshake_failures: Default::default(),
            osc_drops: Default::default(),
            conflated: Counter::default(),
            slow_consumers_closed: Counter::default(),
            decode_errors: Counter::default(),
            journal_errors: Counter::default(),
            bytes_received: Counter::default(),
            bytes_sent: Counter::default(),
            fanout: Histogram::new(&FANOUT_BOUNDS),
            latency: std::array::from_fn(|_| Histogram::new(&LATENCY_BOUNDS)),
        }
    }
}

/// All stripes.
#[derive(Debug)]
pub(super) struct Stripes(Box<[Stripe; STRIPES]>);

impl Default for Stripes {
    fn default() -> Stripes {
        Stripes(Box::new(std::array::from_fn(|_| Stripe::default())))
    }
}

impl Stripes {
    /// The stripe of this thread.
    #[inline]
    pub(super) fn mine(&self) -> &Stripe {
        let place = match PLACE.get() {
            UNASSIGNED => assign(),
            place => place,
        };
        &self.0[place]
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Stripe> {
        self.0.iter()
    }

    /// A counter, over all stripes.
    pub(super) fn sum(&self, counter: impl Fn(&Stripe) -> &Counter) -> u64 {
        self.iter().map(|stripe| counter(stripe).get()).sum()
    }
}

/// Gives this thread its place.
#[cold]
fn assign() -> usize {
    let place = NEXT.fetch_add(1, Ordering::Relaxed).min(SHARED);
    PLACE.set(place);
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_stripe_and_loses_no_count() {
        let stripes = Stripes::default();
        stripes.mine().conflated.add(2);
        stripes.mine().conflated.add(3);
        let held: Vec<u64> = stripes.iter().map(|stripe| stripe.conflated.get()).collect();
        assert_eq!(held.iter().filter(|amount| **amount > 0).count(), 1);
        assert_eq!(stripes.sum(|stripe| &stripe.conflated), 5);
    }
}
