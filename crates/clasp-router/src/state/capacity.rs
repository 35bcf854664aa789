//! How much the store holds, and who has to go when it is full (routing.md 4.3, 4.6).

use std::sync::atomic::Ordering;

use super::eviction::Keep;
use super::expiry::Gone;
use super::param::Param;
use super::store::{SHARDS, Shard, Store};
use crate::config::ParamConfig;

impl Store {
    /// Whether one more param would be too much.
    pub(crate) fn is_full(&self, config: &ParamConfig, more: usize) -> bool {
        let count = self.params.load(Ordering::Relaxed) + more;
        let bytes = self.bytes.load(Ordering::Relaxed);
        (config.count_max > 0 && count > config.count_max)
            || (config.bytes_max > 0 && bytes >= config.bytes_max)
    }

    /// Evicts until `more` params fit, from the shard with this number if it has something to give.
    /// Takes one shard's lock at a time; hold none.
    pub(crate) fn make_room(
        &self,
        config: &ParamConfig,
        (more, shard): (usize, usize),
        keep: &Keep<'_>,
    ) -> Result<Vec<Gone>, ()> {
        let mut gone = Vec::new();
        while self.is_full(config, more) {
            if config.reject_new || (config.count_max > 0 && more > config.count_max) {
                return Err(());
            }
            gone.push(self.evict_somewhere(shard, keep).ok_or(())?);
        }
        Ok(gone)
    }

    /// The address goes as well, so that its slot serves the next one.
    fn evict_somewhere(&self, first: usize, keep: &Keep<'_>) -> Option<Gone> {
        (0..SHARDS).find_map(|step| {
            let mut shard = self.lock((first + step) % SHARDS);
            let slot = shard.victim(keep)?;
            let gone = self.remove(&mut shard, slot)?;
            shard.forget(slot);
            Some(gone)
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
