//! Entries one after the other in one buffer.

use clasp_router::journal::{Entry, Record};

use super::row::{Row, What};

/// Bookkeeping of an entry, as far as it counts against limits in bytes.
const ENTRY_BYTES: usize = size_of::<Place>();

/// Entries with few allocations: their bytes lie in one buffer, and places say where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    /// When the first entry came, by the router's monotonic clock.
    since_us: Option<u64>,
    places: Vec<Place>,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    sequence: u64,
    group: Option<u64>,
    timestamp_us: u64,
    what: What,
    author: usize,
    address: usize,
    data: usize,
    end: usize,
}

impl Chunk {
    /// An empty chunk with room for as much as this one holds.
    pub(crate) fn successor(&self) -> Chunk {
        Chunk {
            since_us: None,
            places: Vec::with_capacity(self.places.len()),
            bytes: Vec::with_capacity(self.bytes.len()),
        }
    }

    /// Notes when something comes; threads do not come by in the order of their clocks.
    pub(crate) fn came(&mut self, now_us: u64) {
        self.since_us = Some(self.since_us.map_or(now_us, |since_us| since_us.min(now_us)));
    }

    pub(crate) fn since_us(&self) -> Option<u64> {
        self.since_us
    }

    pub(crate) fn push(&mut self, sequence: u64, group: Option<u64>, entry: &Entry<'_>) {
        let (kind, data) = match &entry.record {
            Record::Set { value, .. } => (Some(value.kind() as u8), value.data()),
            Record::Publish { payload, .. } => (None, &**payload),
            Record::Delete { .. } => (None, &[][..]),
        };
        let row = Row {
            sequence,
            group,
            timestamp_us: entry.timestamp_us,
            author: entry.author.into(),
            address: entry.address,
            what: What::of(&entry.record),
            data,
        };
        self.add(&row, kind);
    }

    /// Appends a copy of a row.
    pub(crate) fn push_row(&mut self, row: &Row<'_>) {
        self.add(row, None);
    }

    /// Appends a row whose data lacks this first byte.
    fn add(&mut self, row: &Row<'_>, first: Option<u8>) {
        let author = self.bytes.len();
        self.bytes.extend_from_slice(row.author.as_bytes());
        let address = self.bytes.len();
        self.bytes.extend_from_slice(row.address.as_bytes());
        let data = self.bytes.len();
        self.bytes.extend(first);
        self.bytes.extend_from_slice(row.data);
        self.places.push(Place {
            sequence: row.sequence,
            group: row.group,
            timestamp_us: row.timestamp_us,
            what: row.what,
            author,
            address,
            data,
            end: self.bytes.len(),
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What the chunk counts against limits in bytes.
    pub(crate) fn cost_bytes(&self) -> usize {
        self.bytes.len() + self.places.len() * ENTRY_BYTES
    }

    pub(crate) fn first(&self) -> Option<u64> {
        self.places.first().map(|place| place.sequence)
    }

    pub(crate) fn last(&self) -> Option<u64> {
        self.places.last().map(|place| place.sequence)
    }

    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = Row<'_>> {
        self.places.iter().map(|place| Row {
            sequence: place.sequence,
            group: place.group,
            timestamp_us: place.timestamp_us,
            author: self.text(place.author, place.address).into(),
            address: self.text(place.address, place.data),
            what: place.what,
            data: &self.bytes[place.data..place.end],
        })
    }

    fn text(&self, from: usize, to: usize) -> &str {
        std::str::from_utf8(&self.bytes[from..to]).expect("it went in as text")
    }
}
