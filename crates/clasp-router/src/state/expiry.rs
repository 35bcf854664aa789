//! Ends of life, earliest first (routing.md 4.5).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::param::Param;
use super::store::{Shard, Store};
use crate::clock::Now;

/// Heap of (microseconds on the monotonic clock, slot). A param that is written or read often is
/// not moved in the heap each time: its place is checked when it comes up.
#[derive(Default)]
pub(crate) struct Deadlines {
    heap: BinaryHeap<Reverse<(u64, u32)>>,
}

/// Places in the heap that may be out of date, besides one for each that is not.
const STALE_MAX: usize = 64;

impl Shard {
    /// Sees that the param in a slot is looked at when its time is over.
    fn watch(&mut self, slot: u32, deadline_us: u64) {
        if deadline_us == u64::MAX {
            return;
        }
        self.deadlines.heap.push(Reverse((deadline_us, slot)));
        if self.deadlines.heap.len() > 2 * self.len() + STALE_MAX {
            let slots = 0..self.slots() as u32;
            let live = slots.filter_map(|slot| Some(Reverse((self.at(slot)?.1.deadline_us, slot))));
            let heap = live.filter(|Reverse((deadline_us, _))| *deadline_us != u64::MAX).collect();
            self.deadlines.heap = heap;
        }
    }
}

impl Deadlines {
    fn pop_due(&mut self, now: Now) -> Option<u32> {
        let Reverse((deadline_us, slot)) = *self.heap.peek()?;
        if deadline_us > now.mono_us {
            return None;
        }
        self.heap.pop();
        Some(slot)
    }
}

/// A param that left the store.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) address: Arc<str>,
    pub(crate) revision: u64,
}

impl Store {
    /// Removes up to `count` params of a shard whose time is over.
    pub(crate) fn expire(&self, shard: &mut Shard, now: Now, count: usize) -> Vec<Gone> {
        let mut gone = Vec::new();
        while gone.len() < count
            && let Some(slot) = shard.deadlines.pop_due(now)
        {
            let deadline_us = match shard.at(slot) {
                None => continue,
                Some((_, param)) => param.deadline_us,
            };
            if deadline_us > now.mono_us {
                shard.watch(slot, deadline_us);
            } else {
                gone.extend(self.remove(shard, slot));
            }
        }
        gone
    }

    /// Removes a param that has expired without having been swept yet. One that was written in this
    /// moment stays for it: a bundle that has to be undone must find what it wrote.
    pub(crate) fn expire_slot(&self, shard: &mut Shard, slot: u32, now: Now) -> Option<Gone> {
        let (_, param) = shard.at(slot)?;
        let expired = param.is_expired(now) && param.touched_us < now.mono_us;
        if expired { self.remove(shard, slot) } else { None }
    }

    /// Changes the param in a slot, which there must be, and watches its deadline.
    pub(crate) fn update(&self, shard: &mut Shard, slot: u32, change: impl FnOnce(&mut Param)) {
        let (address, param) = shard.change(slot);
        let (cost, deadline_us) = (param.cost_bytes(address), param.deadline_us);
        change(param);
        let growth = param.cost_bytes(address) as isize - cost as isize;
        let later_us = param.deadline_us;
        if self.observer.looks_up() {
            self.observer.is(address, param);
        }
        if growth != 0 {
            self.charge(growth);
        }
        // An earlier place in the heap finds the later deadline when it comes up.
        if later_us < deadline_us {
            shard.watch(slot, later_us);
        }
    }

    /// Installs a param and watches its deadline.
    pub(crate) fn install(&self, shard: &mut Shard, slot: u32, param: Param) -> Option<Param> {
        let deadline_us = param.deadline_us;
        let (cost, address_known) = match shard.at(slot) {
            Some((address, old)) => {
                (param.cost_bytes(address) as isize - old.cost_bytes(address) as isize, true)
            }
            None => (param.cost_bytes(&shard.entry(slot).address) as isize, false),
        };
        let before = shard.put(slot, param);
        if self.observer.looks_up()
            && let Some((address, param)) = shard.at(slot)
        {
            self.observer.is(address, param);
        }
        self.charge(cost);
        // An earlier place in the heap finds the later deadline when it comes up.
        let watched = before.as_ref().is_some_and(|before| before.deadline_us <= deadline_us);
        if !(address_known && watched) {
            shard.watch(slot, deadline_us);
        }
        before
    }
}
