//! Where params and interned addresses rest, sharded by address.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use parking_lot::{Mutex, MutexGuard};

use super::eviction::Sweep;
use super::expiry::Deadlines;
use super::param::Param;
use crate::deliver::Audience;
use crate::observation::Observer;

/// Shards of a store; a power of two.
pub(crate) const SHARDS: usize = 16;

/// Addresses without a param that a shard keeps for their list of subscribers.
const IDLE_ENTRIES_MAX: usize = 4_096;

/// An address the relay has met lately.
pub(crate) struct Entry {
    pub(crate) address: Arc<str>,
    hash: u64,
    pub(crate) param: Option<Param>,
    /// Who receives what happens here, and the index generation this was made from.
    pub(crate) audience: Option<Arc<Audience>>,
    pub(crate) generation: u64,
    /// Used since the clock's hand came by.
    used: bool,
}

/// Part of the store behind one lock.
#[derive(Default)]
pub(crate) struct Shard {
    table: HashTable<u32>,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    /// Addresses that hold a param, in order.
    names: BTreeMap<Arc<str>, u32>,
    idle: usize,
    hand: usize,
    pub(super) sweep: Sweep,
    /// Revisions of params that are gone, by address hash.
    pub(super) tombstones: HashMap<u64, u64>,
    pub(super) tombstone_limit: usize,
    pub(super) deadlines: Deadlines,
    /// Grows with every param that is put, taken or touched.
    changes: u64,
}

/// All params and interned addresses.
pub(crate) struct Store {
    shards: Box<[Mutex<Shard>]>,
    /// Told of every param that is put, touched or taken.
    pub(crate) observer: Observer,
    hasher: DefaultHashBuilder,
    pub(super) params: AtomicUsize,
    pub(super) bytes: AtomicUsize,
    /// Highest revision among forgotten tombstones.
    pub(super) revision_floor: AtomicU64,
}

/// Where an address lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) shard: usize,
    pub(crate) hash: u64,
}

impl Store {
    /// An empty store that remembers the revisions of so many params that are gone.
    pub(crate) fn new(tombstones_max: usize, observer: Observer) -> Store {
        let tombstone_limit = (tombstones_max / SHARDS).max(1);
        let shard = || Mutex::new(Shard { tombstone_limit, ..Shard::default() });
        Store {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            observer,
            hasher: DefaultHashBuilder::default(),
            params: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            revision_floor: AtomicU64::new(0),
        }
    }

    /// Grows with every change of a param.
    pub(crate) fn changes(&self) -> u64 {
        self.shards.iter().map(|shard| shard.lock().changes).sum()
    }

    /// Finds the shard of an address.
    #[inline]
    pub(crate) fn place(&self, address: &str) -> Place {
        let hash = self.hasher.hash_one(address);
        Place { shard: (hash >> 32) as usize % SHARDS, hash }
    }

    /// Locks one shard. Whoever needs several locks them in ascending order.
    #[inline]
    pub(crate) fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.shards[shard].lock()
    }

    /// Params in the store.
    pub(crate) fn len(&self) -> usize {
        self.params.load(Ordering::Relaxed)
    }

    /// Bytes counted for them.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Waits until every critical section that has begun is over.
    pub(crate) fn barrier(&self) {
        for shard in &self.shards {
            drop(shard.lock());
        }
    }
}

impl Shard {
    /// The slot of an address, if it has one.
    #[inline]
    pub(crate) fn find(&self, address: &str, hash: u64) -> Option<u32> {
        let same = |slot: &u32| {
            self.entries[*slot as usize].as_ref().is_some_and(|entry| &*entry.address == address)
        };
        self.table.find(hash, same).copied()
    }

    /// The slot of an address, made if need be.
    #[inline]
    pub(crate) fn intern(&mut self, address: &str, hash: u64) -> u32 {
        match self.find(address, hash) {
            Some(slot) => slot,
            None => self.add(address, hash),
        }
    }

    fn add(&mut self, address: &str, hash: u64) -> u32 {
        if self.idle >= IDLE_ENTRIES_MAX {
            self.forget_idle();
        }
        let entry = Entry {
            address: Arc::from(address),
            hash,
            param: None,
            audience: None,
            generation: 0,
            used: false,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.entries[slot as usize] = Some(entry);
                slot
            }
            None => {
                self.entries.push(Some(entry));
                (self.entries.len() - 1) as u32
            }
        };
        self.idle += 1;
        let entries = &self.entries;
        self.table.insert_unique(hash, slot, |slot| {
            entries[*slot as usize].as_ref().map_or(0, |entry| entry.hash)
        });
        slot
    }

    #[inline]
    pub(crate) fn entry(&mut self, slot: u32) -> &mut Entry {
        let entry = self.entries[slot as usize].as_mut().expect("a found slot is in use");
        entry.used = true;
        entry
    }

    /// The param of an address.
    pub(crate) fn param(&mut self, address: &str, hash: u64) -> Option<&mut Param> {
        let slot = self.find(address, hash)?;
        self.entry(slot).param.as_mut()
    }

    /// The param in a slot, which there must be, about to be changed, with its address.
    pub(super) fn change(&mut self, slot: u32) -> (&Arc<str>, &mut Param) {
        let entry = self.entries[slot as usize].as_mut().expect("a found slot is in use");
        entry.used = true;
        self.changes += 1;
        (&entry.address, entry.param.as_mut().expect("the caller has seen the param"))
    }

    /// Puts a param into a slot; gives back what was there.
    pub(super) fn put(&mut self, slot: u32, param: Param) -> Option<Param> {
        let entry = self.entries[slot as usize].as_mut().expect("a found slot is in use");
        entry.used = true;
        self.changes += 1;
        let before = entry.param.replace(param);
        if before.is_none() {
            let address = Arc::clone(&entry.address);
            self.idle -= 1;
            self.names.insert(address, slot);
        }
        before
    }

    /// Takes the param out of a slot.
    pub(super) fn take(&mut self, slot: u32) -> Option<(Arc<str>, u64, Param)> {
        let entry = self.entries[slot as usize].as_mut()?;
        let param = entry.param.take()?;
        let (address, hash) = (Arc::clone(&entry.address), entry.hash);
        self.changes += 1;
        self.names.remove(&address);
        self.idle += 1;
        Some((address, hash, param))
    }

    /// Visits params whose address starts with `prefix`, in order, from the one after `after`.
    /// Stops when the visitor says so and returns whether the end was reached.
    pub(crate) fn visit_params(
        &mut self,
        prefix: &str,
        after: Option<&str>,
        mut visit: impl FnMut(&Arc<str>, &mut Param) -> ControlFlow<()>,
    ) -> bool {
        let lower = match after {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix),
        };
        for (address, slot) in self.names.range::<str, _>((lower, Bound::Unbounded)) {
            if !address.starts_with(prefix) {
                break;
            }
            let entry = self.entries[*slot as usize].as_mut();
            let Some(param) = entry.and_then(|entry| entry.param.as_mut()) else { continue };
            if visit(address, param).is_break() {
                return false;
            }
        }
        true
    }

    /// Notes that a lifetime started again.
    pub(crate) fn note_touch(&mut self) {
        self.changes += 1;
    }

    /// The param in a slot together with its address.
    pub(super) fn at(&self, slot: u32) -> Option<(&Arc<str>, &Param)> {
        let entry = self.entries.get(slot as usize)?.as_ref()?;
        Some((&entry.address, entry.param.as_ref()?))
    }

    /// Params in this shard.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Slots there are, in use or not.
    pub(super) fn slots(&self) -> usize {
        self.entries.len()
    }

    /// Forgets one address that holds no param and was not used lately.
    fn forget_idle(&mut self) {
        for _ in 0..2 * self.entries.len() {
            let slot = self.hand % self.entries.len();
            self.hand = slot + 1;
            let Some(entry) = &mut self.entries[slot] else { continue };
            if entry.param.is_some() || std::mem::take(&mut entry.used) {
                continue;
            }
            return self.forget(slot as u32);
        }
    }

    /// Forgets an address that holds no param.
    pub(super) fn forget(&mut self, slot: u32) {
        let Some(entry) = self.entries[slot as usize].take() else { return };
        debug_assert!(entry.param.is_none(), "a param goes by itself, and is counted");
        if let Ok(found) = self.table.find_entry(entry.hash, |found| *found == slot) {
            found.remove();
        }
        self.free.push(slot);
        self.idle -= 1;
    }

    /// Lets go of subscriber lists that are out of date, so that ended sessions do not linger.
    pub(crate) fn drop_stale_audiences(&mut self, generation: u64) {
        for entry in self.entries.iter_mut().flatten() {
            if entry.generation != generation {
                entry.audience = None;
            }
        }
    }
}
