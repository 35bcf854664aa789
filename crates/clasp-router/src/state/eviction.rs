//! Which param has to go when there are too many: one that was not used for long (routing.md 4.6).
//!
//! A hand goes round the slots of a shard and takes what was last used before a certain moment; a
//! sample of all slots gives that moment. Slots in a row are in memory in a row, which a sample for
//! each eviction would not be.

use super::store::Shard;
use crate::clock::Now;

/// What eviction has to spare.
pub(crate) struct Keep<'a> {
    /// Addresses that the write in question is about.
    pub(crate) addresses: &'a dyn Fn(&str) -> bool,
    /// The time, for locks that are over.
    pub(crate) now: Now,
}

/// Slots looked at for a sample.
const SAMPLE: usize = 64;

/// The part of the sample that the hand takes is one in so many.
const OLD: usize = 8;

/// Slots that the hand passes before another sample is due.
const STRETCH: usize = 256;

/// Slots looked at before a shard counts as having nothing to evict.
const SCAN_MAX: usize = 1_024;

/// Where the hand of a shard is, and what it takes.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    hand: usize,
    /// Slots that it passes until the next sample.
    left: usize,
    /// Time on the monotonic clock: what was used later is spared.
    until_us: u64,
    /// Slots sampled so far.
    sampled: usize,
}

impl Sweep {
    fn next(&mut self, slots: usize) -> u32 {
        let slot = self.hand % slots;
        self.hand = slot + 1;
        slot as u32
    }
}

/// Spreads consecutive numbers evenly over the slots, whatever their count.
fn scatter(number: usize, slots: usize) -> u32 {
    const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;
    let fraction = (number as u64).wrapping_mul(GOLDEN_RATIO) >> 32;
    ((fraction * slots as u64) >> 32) as u32
}

impl Shard {
    /// Slot of a param that was not used for long.
    pub(super) fn victim(&mut self, keep: &Keep<'_>) -> Option<u32> {
        if self.slots() == 0 {
            return None;
        }
        if let Some(slot) = self.sweep_on(keep) {
            return Some(slot);
        }
        self.sample(keep);
        if let Some(slot) = self.sweep_on(keep) {
            return Some(slot);
        }
        // Few may be evicted, so that a sample may have met none of them.
        (0..SCAN_MAX).find_map(|_| {
            let slots = self.slots();
            let slot = self.sweep.next(slots);
            self.last_use_us(slot, keep).map(|_| slot)
        })
    }

    /// The next old one that the hand meets before another sample is due.
    fn sweep_on(&mut self, keep: &Keep<'_>) -> Option<u32> {
        while self.sweep.left > 0 {
            self.sweep.left -= 1;
            let slots = self.slots();
            let slot = self.sweep.next(slots);
            let last_use_us = self.last_use_us(slot, keep);
            if last_use_us.is_some_and(|last_use_us| last_use_us <= self.sweep.until_us) {
                return Some(slot);
            }
        }
        None
    }

    /// When the param in a slot was last used, if there is one and it may be evicted.
    fn last_use_us(&self, slot: u32, keep: &Keep<'_>) -> Option<u64> {
        let (address, param) = self.at(slot)?;
        let evictable = param.is_evictable(keep.now) && !(keep.addresses)(address);
        evictable.then_some(param.touched_us)
    }

    fn sample(&mut self, keep: &Keep<'_>) {
        let slots = self.slots();
        let first = self.sweep.sampled;
        let mut uses: Vec<u64> = (first..first + SAMPLE)
            .filter_map(|number| self.last_use_us(scatter(number, slots), keep))
            .collect();
        self.sweep.sampled = first + SAMPLE;
        if uses.is_empty() {
            return;
        }
        let old = uses.len() / OLD;
        self.sweep.until_us = *uses.select_nth_unstable(old).1;
        self.sweep.left = STRETCH.min(slots);
    }
}
