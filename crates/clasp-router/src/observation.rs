//! Tells the policy of params that its look-ups may ask for, as they change (routing.md 12.6).

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::policy::{Observed, Policy};
use crate::router::Router;
use crate::state::param::Param;
use crate::state::store::SHARDS;

/// The policy as the store sees it.
pub(crate) struct Observer {
    policy: Arc<dyn Policy>,
    /// [`Policy::looks_up`] when it was asked last: without look-ups nothing else is called.
    looks_up: AtomicBool,
}

impl Observer {
    pub(crate) fn new(policy: Arc<dyn Policy>) -> Observer {
        let looks_up = AtomicBool::new(policy.looks_up());
        Observer { policy, looks_up }
    }

    /// Whether it is worth telling anything.
    #[inline]
    pub(crate) fn looks_up(&self) -> bool {
        self.looks_up.load(Ordering::Relaxed)
    }

    /// A param was written, read or put back; the caller holds the lock of its shard.
    #[inline]
    pub(crate) fn is(&self, address: &str, param: &Param) {
        if self.looks_up() {
            self.tell(address, Some(param));
        }
    }

    /// A param left the store; the caller holds the lock of its shard.
    #[inline]
    pub(crate) fn is_gone(&self, address: &str) {
        if self.looks_up() {
            self.tell(address, None);
        }
    }

    #[cold]
    fn tell(&self, address: &str, param: Option<&Param>) {
        if self.policy.watches(address) {
            let observed =
                param.map(|param| Observed { value: &param.value, deadline_us: param.deadline_us });
            self.policy.observe(address, observed);
        }
    }
}

impl Router {
    /// Shows the policy every param that it watches; for a policy that begins to watch others.
    /// What changes meanwhile is shown as well, so nothing is missed.
    pub fn show_params(&self) {
        let observer = &self.store.observer;
        observer.looks_up.store(observer.policy.looks_up(), Ordering::Relaxed);
        if !observer.looks_up() {
            return;
        }
        for number in 0..SHARDS {
            self.store.lock(number).visit_params("/", None, |address, param| {
                observer.is(address, param);
                ControlFlow::Continue(())
            });
        }
    }
}
