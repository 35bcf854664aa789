//! The journal as the router sees it: what is recorded, how it is asked (spec: routing.md 8, 11).
//!
//! Sequence numbers are given inside the critical section that applies a write, so their order is
//! the commit order; everything slow happens behind [`Journal::append_group`], on a thread of the
//! journal's own. [`MemoryJournal`] keeps a bounded past and loses it with the process.

pub mod json;
mod memory;
#[cfg(test)]
mod suite;

pub use memory::MemoryJournal;

use std::borrow::Cow;
use std::fmt;

use clasp_protocol::message::{SignalType, Ttl, TypeMask};
use clasp_protocol::{Pattern, RawValue};

use crate::clock::Now;

/// Called on the journal's own thread, with no lock held, after [`Journal::durable`] or
/// [`Journal::health`] has changed; the number is that of the last durable entry.
pub type Watcher = Box<dyn Fn(u64) + Send + Sync>;

/// Records what was committed, in commit order.
///
/// The router calls `append` and `append_group` while it holds locks: they may copy and count, but
/// not wait for a disk, and not call the watcher.
pub trait Journal: Send + Sync {
    /// Takes one entry, with its timestamp as the time on both clocks, and gives its sequence
    /// number; the first one is 1.
    fn append(&self, entry: &Entry<'_>) -> u64 {
        let now = Now::new(entry.timestamp_us, entry.timestamp_us);
        self.append_group(std::slice::from_ref(entry), now)
    }

    /// Takes entries that belong together, with consecutive sequence numbers, and gives the last
    /// one; they become durable together. Without entries gives [`Journal::latest`].
    fn append_group(&self, entries: &[Entry<'_>], now: Now) -> u64;

    /// Shows what a query asks for, in sequence order, until `visit` answers `false`.
    ///
    /// Sees every entry appended before the call, durable or not, and holds no lock that `append`
    /// needs while `visit` runs.
    ///
    /// # Errors
    /// The store behind the journal cannot be read.
    fn query(
        &self,
        query: &Query<'_>,
        visit: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> Result<Scan, JournalError>;

    /// Sequence number of the newest entry, 0 if there never was one.
    fn latest(&self) -> u64;

    /// Every entry up to this sequence number outlives whatever the journal promises to outlive.
    fn durable(&self) -> u64;

    /// When the oldest entry that is not durable should have become so: microseconds of the
    /// monotonic clock that `append_group` was told, `u64::MAX` while nothing waits.
    ///
    /// A write that was made before this moment may be confirmed with QoS 1 without being durable,
    /// so what a crash takes of such writes was made within one interval. Asked for each of them:
    /// has to be cheap.
    fn due_us(&self) -> u64 {
        u64::MAX
    }

    /// Whether so many entries wait that producers have to pause until the watcher is called;
    /// `append` accepts entries all the same.
    fn is_full(&self) -> bool;

    /// Whether entries are being stored.
    ///
    /// # Errors
    /// The last failure, until a later attempt succeeds.
    fn health(&self) -> Result<(), JournalError>;

    /// Sets who is told of progress, in place of whom it was before.
    fn watch(&self, watcher: Watcher);
}

/// Something that was committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// When, in microseconds since 1970-01-01 UTC.
    pub timestamp_us: u64,
    /// Session id of who did it.
    pub author: &'a str,
    /// Where.
    pub address: &'a str,
    /// What.
    pub record: Record<'a>,
}

/// What happened at an address; values are kept in wire encoding, so nothing is lost.
#[derive(Debug, Clone, PartialEq)]
pub enum Record<'a> {
    /// A param was written.
    Set {
        /// The value after transforms.
        value: RawValue<'a>,
        /// The revision it got.
        revision: u64,
        /// The lifetime that the param has now, if not the relay's default.
        ttl: Option<Ttl>,
    },
    /// A signal was passed on.
    Publish {
        /// Its type.
        signal: SignalType,
        /// The PUBLISH as a binary payload, from its type code on.
        payload: Cow<'a, [u8]>,
    },
    /// A param left the store.
    Delete {
        /// The revision it had.
        revision: u64,
        /// Why.
        reason: DeleteReason,
    },
}

/// Why a param left the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeleteReason {
    /// Its lifetime was over.
    Expired,
    /// The store was full.
    Evicted,
}

impl Record<'_> {
    /// The type by which queries select; everything about params is a param.
    pub fn signal(&self) -> SignalType {
        match self {
            Record::Set { .. } | Record::Delete { .. } => SignalType::Param,
            Record::Publish { signal, .. } => *signal,
        }
    }

    /// Bytes of the value or payload.
    pub fn data_bytes(&self) -> usize {
        match self {
            Record::Set { value, .. } => value.data().len(),
            Record::Publish { payload, .. } => payload.len(),
            Record::Delete { .. } => 0,
        }
    }

    /// The same record, borrowed from this one.
    pub fn borrowed(&self) -> Record<'_> {
        match self {
            Record::Set { value, revision, ttl } => {
                Record::Set { value: value.borrowed(), revision: *revision, ttl: *ttl }
            }
            Record::Publish { signal, payload } => {
                Record::Publish { signal: *signal, payload: Cow::Borrowed(payload) }
            }
            Record::Delete { revision, reason } => {
                Record::Delete { revision: *revision, reason: *reason }
            }
        }
    }

    /// The same record with its own bytes.
    pub fn into_owned(self) -> Record<'static> {
        match self {
            Record::Set { value, revision, ttl } => {
                Record::Set { value: value.into_owned(), revision, ttl }
            }
            Record::Publish { signal, payload } => {
                Record::Publish { signal, payload: Cow::Owned(payload.into_owned()) }
            }
            Record::Delete { revision, reason } => Record::Delete { revision, reason },
        }
    }
}

/// An entry with its place in the order.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<'a> {
    /// Its sequence number, from 1.
    pub sequence: u64,
    /// Sequence number of the first entry of its group; absent if it came alone.
    pub group: Option<u64>,
    /// The entry.
    pub entry: Entry<'a>,
}

/// Which entries to show.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Addresses.
    pub pattern: &'a Pattern,
    /// First microsecond, inclusive.
    pub from_us: Option<u64>,
    /// Last microsecond, inclusive.
    pub to_us: Option<u64>,
    /// Types; SET counts as param.
    pub types: TypeMask,
    /// Also show that params left the store.
    pub deletions: bool,
    /// Only entries with higher sequence numbers.
    pub after: u64,
    /// At most so many entries.
    pub limit: usize,
    /// Of each address only so many, the newest; `limit` then keeps the newest as well.
    pub newest_per_address: Option<usize>,
}

impl<'a> Query<'a> {
    /// All sets and publishes of these addresses.
    pub fn of(pattern: &'a Pattern) -> Query<'a> {
        Query {
            pattern,
            from_us: None,
            to_us: None,
            types: TypeMask::ALL,
            deletions: false,
            after: 0,
            limit: usize::MAX,
            newest_per_address: None,
        }
    }

    /// Whether an entry is asked for, as far as the entry alone can tell.
    pub fn takes(&self, entry: &Entry<'_>) -> bool {
        let wanted = match entry.record {
            Record::Delete { .. } => self.deletions,
            Record::Set { .. } | Record::Publish { .. } => true,
        };
        wanted
            && self.types.takes(entry.record.signal())
            && self.from_us.is_none_or(|from| from <= entry.timestamp_us)
            && self.to_us.is_none_or(|to| entry.timestamp_us <= to)
            && self.pattern.matches(entry.address)
    }
}

/// How far a query got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scan {
    /// Every entry up to here was looked at: the next page's [`Query::after`].
    pub through: u64,
    /// Whether that was all there was when the query began.
    pub complete: bool,
}

/// The journal cannot do what it is for; the text says what failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalError(String);

impl JournalError {
    /// With a text for the operator: what failed, where, and what to do.
    pub fn new(text: impl Into<String>) -> JournalError {
        JournalError(text.into())
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JournalError {}
