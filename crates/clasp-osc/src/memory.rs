//! What a client need not be told: its own writes, and where only changes are sent, what it knows
//! (spec: adapters.md 2.4.7). Kept as keyed hashes, so that long values cost no memory.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use clasp_protocol::RawValue;

use crate::limits::{GUARD_WRITES_MAX, KNOWN_VALUES_MAX};

#[derive(Debug, Default)]
pub(crate) struct Memory {
    hashes: RandomState,
    /// Value written to an address, and until when its news are not passed on.
    writes: HashMap<u64, (u64, u64)>,
    /// Value that the client has of an address.
    known: HashMap<u64, u64>,
    only_changes: bool,
}

impl Memory {
    /// With `only_changes` a value that the client has is never sent to it again.
    pub(crate) fn new(only_changes: bool) -> Memory {
        Memory { only_changes, ..Memory::default() }
    }

    /// The client wrote this; until then it is not told of it.
    pub(crate) fn wrote(
        &mut self,
        address: &str,
        value: &RawValue<'_>,
        until_us: u64,
        now_us: u64,
    ) {
        let (place, value) = self.hash(address, value);
        if self.writes.len() >= GUARD_WRITES_MAX {
            self.writes.retain(|_, (_, until_us)| *until_us > now_us);
        }
        if self.writes.len() < GUARD_WRITES_MAX || self.writes.contains_key(&place) {
            self.writes.insert(place, (value, until_us));
        }
        self.knows(place, value);
    }

    /// Whether the client need not be told of this change. A value of somebody else makes its own
    /// one news again.
    pub(crate) fn makes_idle(&mut self, address: &str, value: &RawValue<'_>, now_us: u64) -> bool {
        let (place, value) = self.hash(address, value);
        match self.writes.get(&place) {
            Some((own, until_us)) if *own == value && *until_us > now_us => return true,
            Some(_) => {
                self.writes.remove(&place);
            }
            None => {}
        }
        self.knows(place, value)
    }

    /// Notes that the client has a value; whether it had it before, if that matters.
    fn knows(&mut self, place: u64, value: u64) -> bool {
        if !self.only_changes {
            return false;
        }
        if self.known.len() >= KNOWN_VALUES_MAX && !self.known.contains_key(&place) {
            self.known.clear();
        }
        self.known.insert(place, value) == Some(value)
    }

    fn hash(&self, address: &str, value: &RawValue<'_>) -> (u64, u64) {
        let value = self.hashes.hash_one((value.kind() as u8, value.data()));
        (self.hashes.hash_one(address), value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(value: i64) -> RawValue<'static> {
        RawValue::int(value)
    }

    #[test]
    fn an_own_write_is_no_news_for_a_while() {
        let mut memory = Memory::new(false);
        memory.wrote("/a", &int(1), 100, 0);
        assert!(memory.makes_idle("/a", &int(1), 99));
        assert!(!memory.makes_idle("/b", &int(1), 99));
        assert!(!memory.makes_idle("/a", &int(1), 100));
    }

    #[test]
    fn after_a_value_of_somebody_else_the_own_one_is_news() {
        let mut memory = Memory::new(false);
        memory.wrote("/a", &int(1), 100, 0);
        assert!(!memory.makes_idle("/a", &int(2), 10));
        assert!(!memory.makes_idle("/a", &int(1), 20));
    }

    #[test]
    fn equal_values_are_sent_again_unless_only_changes_are() {
        let (mut all, mut changes) = (Memory::new(false), Memory::new(true));
        let told =
            |memory: &mut Memory| [1, 1, 2, 1].map(|it| !memory.makes_idle("/a", &int(it), 0));
        assert_eq!(told(&mut all), [true; 4]);
        assert_eq!(told(&mut changes), [true, false, true, true]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut memory = Memory::new(true);
        for number in 0..3 * GUARD_WRITES_MAX {
            memory.wrote(&format!("/{number}"), &int(1), 10, 0);
        }
        assert!(memory.writes.len() <= GUARD_WRITES_MAX && memory.known.len() <= KNOWN_VALUES_MAX);
        memory.wrote("/late", &int(1), 30, 20);
        assert!(memory.makes_idle("/late", &int(1), 25), "those that are over make room");
    }
}
