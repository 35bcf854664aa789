//! How much the store holds, and who has to go when it is full (routing.md 4.3, 4.6).

use std::sync::atomic::Ordering;

use super::expiry::Gone;
use super::param::Param;
use super::store::{SHARDS, Shard, Store};
use crate::clock::Now;
use crate::config::ParamConfig;

/// What eviction has to spare.
pub(crate) struct Keep<'a> {
    /// Addresses that the write in question is about.
    pub(crate) addresses: &'a dyn Fn(&str) -> bool,
    /// The time, for locks that are over.
    pub(crate) now: Now,
}

/// Params looked at to find one that was not used for long.
const SAMPLE: usize = 16;

/// Slots looked at before a shard counts as having nothing to evict.
const SCAN_MAX: usize = 1_024;

impl Store {
    /// Whether one more param would be too much.
    pub(crate) fn is_full(&self, config: &ParamConfig, more: usize) -> bool {
        let count = self.params.load(Ordering::Relaxed) + more;
        let bytes = self.bytes.load(Ordering::Relaxed);
        (config.count_max > 0 && count > config.count_max)
            || (config.bytes_max > 0 && bytes >= config.bytes_max)
    }

    /// Evicts until `more` params fit. Takes one shard's lock at a time; hold none.
    pub(crate) fn make_room(
        &self,
        config: &ParamConfig,
        more: usize,
        keep: &Keep<'_>,
    ) -> Result<Vec<Gone>, ()> {
        let mut gone = Vec::new();
        while self.is_full(config, more) {
            if config.reject_new || (config.count_max > 0 && more > config.count_max) {
                return Err(());
            }
            gone.push(self.evict_somewhere(keep).ok_or(())?);
        }
        Ok(gone)
    }

    fn evict_somewhere(&self, keep: &Keep<'_>) -> Option<Gone> {
        let start = self.next_victim.fetch_add(1, Ordering::Relaxed);
        (0..SHARDS).find_map(|step| {
            let mut shard = self.lock((start + step) % SHARDS);
            let slot = shard.least_recent(start, keep)?;
            self.remove(&mut shard, slot)
        })
    }

    /// Revision after which an address goes on; 0 for one that never was.
    pub(crate) fn last_revision(&self, shard: &Shard, hash: u64) -> u64 {
        let floor = self.revision_floor.load(Ordering::Relaxed);
        shard.tombstones.get(&hash).copied().unwrap_or(0).max(floor)
    }

    /// Takes a param out and remembers its revision.
    pub(crate) fn remove(&self, shard: &mut Shard, slot: u32) -> Option<Gone> {
        let (address, hash, param) = shard.take(slot)?;
        self.bury(shard, hash, param.revision);
        self.release(&address, &param);
        Some(Gone { address, revision: param.revision })
    }

    /// Undoes an installation: puts the former param back, or nothing.
    pub(crate) fn undo(&self, shard: &mut Shard, slot: u32, before: Option<Param>) {
        match before {
            Some(param) => {
                let replaced = self.install(shard, slot, param);
                debug_assert!(replaced.is_some(), "an undone write left a param behind");
            }
            None => {
                if let Some((address, _, param)) = shard.take(slot) {
                    self.release(&address, &param);
                }
            }
        }
    }

    /// Counts a new param.
    pub(crate) fn admit(&self, param: &Param) {
        self.params.fetch_add(1, Ordering::Relaxed);
        param.owner.created.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn charge(&self, bytes: isize) {
        self.bytes.fetch_add(bytes as usize, Ordering::Relaxed);
    }

    fn release(&self, address: &str, param: &Param) {
        self.params.fetch_sub(1, Ordering::Relaxed);
        self.charge(-(param.cost_bytes(address) as isize));
        self.observer.is_gone(address);
        param.owner.created.fetch_sub(1, Ordering::Relaxed);
    }

    /// Remembers the revision of a param that is gone.
    pub(crate) fn bury(&self, shard: &mut Shard, hash: u64, revision: u64) {
        if shard.tombstones.len() >= shard.tombstone_limit {
            let highest = shard.tombstones.values().copied().max().unwrap_or(0);
            self.revision_floor.fetch_max(highest, Ordering::Relaxed);
            shard.tombstones.clear();
        }
        shard.tombstones.insert(hash, revision);
    }
}

impl Store {
    /// Highest revision of any param that is gone, remembered one by one or not.
    pub(crate) fn highest_gone_revision(&self) -> u64 {
        (0..SHARDS)
            .filter_map(|number| self.lock(number).tombstones.values().copied().max())
            .fold(self.revision_floor.load(Ordering::Relaxed), u64::max)
    }

    /// No address without a remembered revision starts at or below this one.
    pub(crate) fn raise_floor(&self, revision: u64) {
        self.revision_floor.fetch_max(revision, Ordering::Relaxed);
    }
}

/// Spreads consecutive numbers evenly over the slots, whatever their count.
fn scatter(number: usize, slots: usize) -> usize {
    const GOLDEN_RATIO: u64 = 0x9E37_79B9_7F4A_7C15;
    let fraction = (number as u64).wrapping_mul(GOLDEN_RATIO) >> 32;
    ((fraction * slots as u64) >> 32) as usize
}

impl Shard {
    /// Slot of a param that was not used for long, among a few.
    fn least_recent(&self, start: usize, keep: &Keep<'_>) -> Option<u32> {
        let slots = self.slots();
        // Slots far apart first, so that params that came together are not all there is to choose
        // from; then one after the other, lest the only candidate be missed.
        let scattered = (0..2 * SAMPLE).map(|step| scatter(start + step, slots));
        let mut best: Option<(u64, u32)> = None;
        let mut seen = 0;
        for slot in scattered.chain(start..start + SCAN_MAX) {
            let slot = (slot % slots.max(1)) as u32;
            let Some((address, param)) = self.at(slot) else { continue };
            if !param.is_evictable(keep.now) || (keep.addresses)(address) {
                continue;
            }
            if best.is_none_or(|(touched_us, _)| param.touched_us < touched_us) {
                best = Some((param.touched_us, slot));
            }
            seen += 1;
            if seen == SAMPLE {
                break;
            }
        }
        best.map(|(_, slot)| slot)
    }
}
