//! What a publication of an MQTT client is beyond its value: its exact payload, QoS, flags and
//! properties. The router carries none of it, so it waits here for the other MQTT clients, under
//! the address and the revision, or the time, that the router does carry.
//!
//! Bounded: who comes too late gets the message as a CLASP client's would be told.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap};
use parking_lot::{Mutex, MutexGuard};

const SHARDS: usize = 16;
const SHARD_ENTRIES_MAX: usize = 1_024;
const SHARD_BYTES_MAX: usize = 512 << 10;

/// A publication of an MQTT client.
#[derive(Debug)]
pub(crate) struct Publication {
    /// The payload, where writing the value anew would not give it.
    pub(crate) payload: Option<Box<[u8]>>,
    /// Properties of MQTT 5 that are forwarded.
    pub(crate) properties: Box<[u8]>,
    /// Its QoS.
    pub(crate) qos: u8,
    /// Its retain flag.
    pub(crate) retain: bool,
    /// When it expires, in seconds since 1970.
    pub(crate) expires_s: Option<u64>,
    /// Who published it.
    pub(crate) origin: u64,
}

impl Publication {
    fn bytes(&self) -> usize {
        128 + self.payload.as_ref().map_or(0, |payload| payload.len()) + self.properties.len()
    }
}

type Key = (u64, u64);

#[derive(Debug, Default)]
pub(crate) struct Shard {
    entries: HashMap<Key, Arc<Publication>>,
    order: VecDeque<Key>,
    bytes: usize,
}

/// The latest publications.
#[derive(Debug, Default)]
pub(crate) struct Publications {
    shards: [Mutex<Shard>; SHARDS],
    hasher: DefaultHashBuilder,
    count: AtomicUsize,
    stamp: AtomicU64,
}

/// The place of one address; while this lives, nobody looks there.
pub(crate) struct Slot<'p> {
    all: &'p Publications,
    shard: MutexGuard<'p, Shard>,
    hash: u64,
}

impl Publications {
    /// Holds the place of an address until its revision is known, so that no receiver on another
    /// thread looks too early. The router may be called meanwhile: it never calls back here.
    pub(crate) fn hold(&self, address: &str) -> Slot<'_> {
        let hash = self.hasher.hash_one(address);
        Slot { all: self, shard: self.shard(hash).lock(), hash }
    }

    /// What was put under this address and key.
    pub(crate) fn find(&self, address: &str, key: u64) -> Option<Arc<Publication>> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let hash = self.hasher.hash_one(address);
        self.shard(hash).lock().entries.get(&(hash, key)).cloned()
    }

    /// A time that no other publication has, near `now_us`.
    pub(crate) fn stamp(&self, now_us: u64) -> u64 {
        let next = |last: u64| Some(now_us.max(last + 1));
        let last = self.stamp.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        now_us.max(last.unwrap_or_default() + 1)
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[(hash >> 7) as usize % SHARDS]
    }
}

impl Slot<'_> {
    /// Makes a publication known under its key.
    pub(crate) fn put(mut self, key: u64, publication: Publication) {
        let shard = &mut *self.shard;
        shard.bytes += publication.bytes();
        let key = (self.hash, key);
        match shard.entries.insert(key, Arc::new(publication)) {
            Some(old) => shard.bytes -= old.bytes(),
            None => {
                shard.order.push_back(key);
                self.all.count.fetch_add(1, Ordering::Release);
            }
        }
        while shard.order.len() > SHARD_ENTRIES_MAX || shard.bytes > SHARD_BYTES_MAX {
            let Some(oldest) = shard.order.pop_front() else { break };
            if let Some(gone) = shard.entries.remove(&oldest) {
                shard.bytes -= gone.bytes();
                self.all.count.fetch_sub(1, Ordering::Release);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(bytes: usize) -> Publication {
        Publication {
            payload: Some(vec![0; bytes].into()),
            properties: Box::default(),
            qos: 0,
            retain: false,
            expires_s: None,
            origin: 1,
        }
    }

    #[test]
    fn a_publication_is_found_under_its_address_and_key() {
        let all = Publications::default();
        all.hold("/a").put(7, publication(3));
        assert_eq!(all.find("/a", 7).unwrap().payload.as_ref().unwrap().len(), 3);
        assert!(all.find("/a", 8).is_none() && all.find("/b", 7).is_none());
    }

    #[test]
    fn the_oldest_give_way() {
        let all = Publications::default();
        for key in 0..2_000 {
            all.hold("/a").put(key, publication(0));
        }
        assert!(all.find("/a", 0).is_none() && all.find("/a", 1_999).is_some());
        assert_eq!(all.count.load(Ordering::Relaxed), SHARD_ENTRIES_MAX);
        all.hold("/a").put(5_000, publication(SHARD_BYTES_MAX));
        assert_eq!(all.count.load(Ordering::Relaxed), 0, "one that is too large keeps nothing");
    }

    #[test]
    fn no_two_stamps_are_alike() {
        let all = Publications::default();
        assert_eq!([all.stamp(5), all.stamp(5), all.stamp(4), all.stamp(9)], [5, 6, 7, 9]);
    }
}
