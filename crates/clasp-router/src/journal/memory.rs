//! The journal in memory: a ring of entries, bounded in number and bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::{Entry, Journal, JournalError, Query, Record, Scan, Stored, Watcher};
use crate::clock::Now;

/// Entries that are copied out of the ring at a time: a query holds the lock no longer than that.
const CHUNK: usize = 256;

/// Bookkeeping of one entry, as far as it counts against the limit in bytes.
const ENTRY_BYTES: usize = 200;

/// Keeps the newest entries until the process ends.
#[derive(Debug)]
pub struct MemoryJournal {
    entries_max: usize,
    bytes_max: usize,
    ring: Mutex<Ring>,
}

#[derive(Debug)]
struct Ring {
    /// Consecutive sequence numbers.
    entries: VecDeque<Arc<Kept>>,
    /// Sequence number of the next entry.
    next: u64,
    bytes: usize,
    /// Sequence numbers of what the ring holds, by address.
    by_address: HashMap<Arc<str>, VecDeque<u64>>,
}

#[derive(Debug)]
struct Kept {
    sequence: u64,
    group: Option<u64>,
    timestamp_us: u64,
    author: Arc<str>,
    address: Arc<str>,
    record: Record<'static>,
}

/// What a query has still to look at: sequence numbers, both inclusive.
struct Span<'a> {
    from: u64,
    to: u64,
    /// Only this address.
    address: Option<&'a str>,
}

impl MemoryJournal {
    /// An empty journal; at either limit the oldest entries go.
    pub fn new(entries_max: usize, bytes_max: usize) -> MemoryJournal {
        let ring = Ring { entries: VecDeque::new(), next: 1, bytes: 0, by_address: HashMap::new() };
        MemoryJournal { entries_max, bytes_max, ring: Mutex::new(ring) }
    }

    fn ascending(
        &self,
        query: &Query<'_>,
        mut span: Span<'_>,
        visit: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> Scan {
        let end = span.to;
        let mut left = query.limit;
        if left == 0 {
            return Scan { through: query.after, complete: span.from > end };
        }
        loop {
            let chunk = self.ring.lock().take_first(&mut span);
            if chunk.is_empty() {
                return Scan { through: end.max(query.after), complete: true };
            }
            for kept in &chunk {
                let stored = kept.stored();
                if !query.takes(&stored.entry) {
                    continue;
                }
                left -= 1;
                if !visit(&stored) || left == 0 {
                    return Scan { through: kept.sequence, complete: kept.sequence >= end };
                }
            }
        }
    }

    fn newest(&self, query: &Query<'_>, mut span: Span<'_>, per_address: usize) -> Vec<Arc<Kept>> {
        let mut counts: HashMap<Arc<str>, usize> = HashMap::new();
        let mut found = Vec::new();
        loop {
            let chunk = self.ring.lock().take_last(&mut span);
            if chunk.is_empty() {
                return found;
            }
            for kept in chunk {
                let literal_done = span.address.is_some() && found.len() >= per_address;
                if found.len() >= query.limit || literal_done {
                    return found;
                }
                if !query.takes(&kept.stored().entry) {
                    continue;
                }
                let count = counts.entry(Arc::clone(&kept.address)).or_default();
                *count += 1;
                if *count <= per_address {
                    found.push(kept);
                }
            }
        }
    }
}

impl Journal for MemoryJournal {
    fn append_group(&self, entries: &[Entry<'_>], _now: Now) -> u64 {
        let mut ring = self.ring.lock();
        let group = (entries.len() > 1).then_some(ring.next);
        for entry in entries {
            ring.push(entry, group);
        }
        while ring.entries.len() > self.entries_max || ring.bytes > self.bytes_max {
            ring.pop();
        }
        ring.next - 1
    }

    fn query(
        &self,
        query: &Query<'_>,
        visit: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> Result<Scan, JournalError> {
        let to = self.latest();
        let address = query.pattern.is_literal().then(|| query.pattern.as_str());
        let span = Span { from: query.after.saturating_add(1), to, address };
        let Some(per_address) = query.newest_per_address else {
            return Ok(self.ascending(query, span, visit));
        };
        for kept in self.newest(query, span, per_address).iter().rev() {
            if !visit(&kept.stored()) {
                return Ok(Scan { through: kept.sequence, complete: false });
            }
        }
        Ok(Scan { through: to.max(query.after), complete: true })
    }

    fn latest(&self) -> u64 {
        self.ring.lock().next - 1
    }

    fn durable(&self) -> u64 {
        self.latest()
    }

    fn is_full(&self) -> bool {
        false
    }

    fn health(&self) -> Result<(), JournalError> {
        Ok(())
    }

    /// Entries are as durable as they get when `append` returns, so there is nothing to tell.
    fn watch(&self, _watcher: Watcher) {}
}

impl Ring {
    fn push(&mut self, entry: &Entry<'_>, group: Option<u64>) {
        let sequence = self.next;
        self.next += 1;
        let author = match self.entries.back() {
            Some(last) if *last.author == *entry.author => Arc::clone(&last.author),
            _ => Arc::from(entry.author),
        };
        let address = match self.by_address.get_key_value(entry.address) {
            Some((address, _)) => Arc::clone(address),
            None => Arc::from(entry.address),
        };
        self.by_address.entry(Arc::clone(&address)).or_default().push_back(sequence);
        let record = entry.record.clone().into_owned();
        let timestamp_us = entry.timestamp_us;
        let kept = Kept { sequence, group, timestamp_us, author, address, record };
        self.bytes += kept.cost();
        self.entries.push_back(Arc::new(kept));
    }

    fn pop(&mut self) {
        let Some(oldest) = self.entries.pop_front() else {
            return;
        };
        self.bytes -= oldest.cost();
        if let Some(sequences) = self.by_address.get_mut(&oldest.address) {
            sequences.pop_front();
            if sequences.is_empty() {
                self.by_address.remove(&oldest.address);
            }
        }
    }

    /// The first entries of the span, in ascending order; the span then begins behind them.
    fn take_first(&self, span: &mut Span<'_>) -> Vec<Arc<Kept>> {
        let found: Vec<_> = self.within(span).take(CHUNK).cloned().collect();
        span.from = found.last().map_or(span.to, |kept| kept.sequence).saturating_add(1);
        found
    }

    /// The last entries of the span, in descending order; the span then ends before them.
    fn take_last(&self, span: &mut Span<'_>) -> Vec<Arc<Kept>> {
        let found: Vec<_> = self.within(span).rev().take(CHUNK).cloned().collect();
        span.to = found.last().map_or(0, |kept| kept.sequence - 1);
        found
    }

    fn within<'r>(
        &'r self,
        span: &Span<'_>,
    ) -> Box<dyn DoubleEndedIterator<Item = &'r Arc<Kept>> + 'r> {
        let (from, to) = (span.from, span.to);
        let Some(address) = span.address else {
            let (start, end) = (self.place(from), self.place(to.saturating_add(1)));
            return Box::new(self.entries.range(start.min(end)..end));
        };
        let Some(sequences) = self.by_address.get(address) else {
            return Box::new(std::iter::empty());
        };
        let start = sequences.partition_point(|sequence| *sequence < from);
        let end = sequences.partition_point(|sequence| *sequence <= to);
        let places = sequences.range(start.min(end)..end).map(|sequence| self.place(*sequence));
        Box::new(places.filter_map(|place| self.entries.get(place)))
    }

    /// Where the entry is, or would be: before the oldest counts as the oldest.
    fn place(&self, sequence: u64) -> usize {
        let oldest = self.next - self.entries.len() as u64;
        let place = sequence.clamp(oldest, self.next) - oldest;
        usize::try_from(place).unwrap_or(self.entries.len())
    }
}

impl Kept {
    fn stored(&self) -> Stored<'_> {
        let entry = Entry {
            timestamp_us: self.timestamp_us,
            author: &self.author,
            address: &self.address,
            record: self.record.borrowed(),
        };
        Stored { sequence: self.sequence, group: self.group, entry }
    }

    fn cost(&self) -> usize {
        ENTRY_BYTES + self.author.len() + self.address.len() + self.record.data_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::suite;
    use super::*;
    use clasp_protocol::Pattern;

    fn sequences(journal: &MemoryJournal, pattern: &str) -> Vec<u64> {
        let pattern = Pattern::parse(pattern).unwrap();
        let mut seen = Vec::new();
        let visit = &mut |stored: &Stored<'_>| {
            seen.push(stored.sequence);
            true
        };
        journal.query(&Query::of(&pattern), visit).unwrap();
        seen
    }

    #[test]
    fn passes_the_suite() {
        suite::run(|| MemoryJournal::new(10_000, 1 << 24));
    }

    #[test]
    fn keeps_the_newest_entries() {
        let journal = MemoryJournal::new(3, usize::MAX);
        for step in 0..5 {
            journal.append(&suite::set(if step % 2 == 0 { "/a" } else { "/b" }, step));
        }
        assert_eq!(sequences(&journal, "/**"), [3, 4, 5]);
        assert_eq!(sequences(&journal, "/a"), [3, 5]);
        assert_eq!(sequences(&journal, "/b"), [4]);
        assert_eq!(journal.latest(), 5);
    }

    #[test]
    fn bytes_are_bounded_and_forgotten_addresses_cost_nothing() {
        let journal = MemoryJournal::new(usize::MAX, 1_000);
        let addresses: Vec<String> = (0..100).map(|number| format!("/a/{number}")).collect();
        for address in &addresses {
            journal.append(&suite::set(address, 1));
        }
        let ring = journal.ring.lock();
        assert!(ring.bytes <= 1_000 && (2..10).contains(&ring.entries.len()));
        assert_eq!(ring.by_address.len(), ring.entries.len());
    }

    #[test]
    fn an_entry_beyond_all_limits_still_gets_its_number() {
        let journal = MemoryJournal::new(10, 1);
        assert_eq!(journal.append(&suite::set("/a", 1)), 1);
        assert_eq!(journal.append(&suite::set("/a", 2)), 2);
        assert_eq!(sequences(&journal, "/**"), [0; 0]);
        let ring = journal.ring.lock();
        assert!(ring.by_address.is_empty() && ring.bytes == 0);
    }

    #[test]
    fn long_queries_see_everything_across_chunks() {
        let journal = MemoryJournal::new(10_000, usize::MAX);
        for step in 0..1_000 {
            journal.append(&suite::set(if step % 3 == 0 { "/a" } else { "/b" }, step));
        }
        assert_eq!(sequences(&journal, "/**"), (1..=1_000).collect::<Vec<u64>>());
        assert_eq!(sequences(&journal, "/a"), (1..=1_000).step_by(3).collect::<Vec<u64>>());
    }
}
