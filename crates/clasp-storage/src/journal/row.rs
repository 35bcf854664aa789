//! An entry as it rests in a table or a queue: borrowed columns with a checksum over all of them.

use std::borrow::Cow;

use clasp_protocol::RawValue;
use clasp_protocol::message::{SignalType, Ttl};
use clasp_router::journal::{DeleteReason, Entry, Record, Stored};
use rusqlite::types::ValueRef;
use rusqlite::{Statement, ToSql};
use uuid::Uuid;

/// Columns in the order of [`Row::read`] and [`Row::insert`].
pub(crate) const COLUMNS: &str =
    "seq, grp, timestamp, author, address, op, signal, revision, ttl, data, crc";

/// What [`Row::insert`] runs.
pub(crate) const INSERT: &str = "INSERT INTO entries
    (seq, grp, timestamp, author, address, op, signal, revision, ttl, data, crc)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const OP_SET: i64 = 33;
const OP_PUBLISH: i64 = 32;
const OP_EXPIRED: i64 = 1;
const OP_EVICTED: i64 = 2;

/// What happened, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Set { revision: u64, ttl: Option<Ttl> },
    Publish(SignalType),
    Delete { revision: u64, reason: DeleteReason },
}

/// An entry with its place in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) sequence: u64,
    pub(crate) group: Option<u64>,
    pub(crate) timestamp_us: u64,
    pub(crate) author: Cow<'a, str>,
    pub(crate) address: &'a str,
    pub(crate) what: What,
    /// Of a SET the type code and the value in wire encoding, of a PUBLISH its payload.
    pub(crate) data: &'a [u8],
}

impl What {
    pub(crate) fn of(record: &Record<'_>) -> What {
        match record {
            Record::Set { revision, ttl, .. } => What::Set { revision: *revision, ttl: *ttl },
            Record::Publish { signal, .. } => What::Publish(*signal),
            Record::Delete { revision, reason } => {
                What::Delete { revision: *revision, reason: *reason }
            }
        }
    }

    /// Bit of this in a mask over types of signals and, above them, deletions.
    pub(crate) fn bit(self) -> u8 {
        match self {
            What::Set { .. } => 1 << SignalType::Param as u8,
            What::Publish(signal) => 1 << signal as u8,
            What::Delete { .. } => DELETION_BIT,
        }
    }

    fn op(self) -> i64 {
        match self {
            What::Set { .. } => OP_SET,
            What::Publish(_) => OP_PUBLISH,
            What::Delete { reason: DeleteReason::Expired, .. } => OP_EXPIRED,
            What::Delete { reason: DeleteReason::Evicted, .. } => OP_EVICTED,
        }
    }

    fn signal(self) -> Option<i64> {
        match self {
            What::Publish(signal) => Some(signal as i64),
            What::Set { .. } | What::Delete { .. } => None,
        }
    }

    fn revision(self) -> Option<u64> {
        match self {
            What::Set { revision, .. } | What::Delete { revision, .. } => Some(revision),
            What::Publish(_) => None,
        }
    }

    fn ttl_word(self) -> Option<u32> {
        match self {
            What::Set { ttl, .. } => ttl.map(Ttl::to_word),
            What::Publish(_) | What::Delete { .. } => None,
        }
    }

    /// From the columns op, signal, revision and ttl.
    fn from_columns(
        op: i64,
        signal: Option<i64>,
        revision: Option<u64>,
        ttl: Option<u32>,
    ) -> Option<What> {
        let deleted = |reason| Some(What::Delete { revision: revision?, reason });
        match op {
            OP_SET => Some(What::Set { revision: revision?, ttl: ttl.map(Ttl::from_word) }),
            OP_PUBLISH => {
                let code = signal?;
                SignalType::ALL.into_iter().find(|kind| *kind as i64 == code).map(What::Publish)
            }
            OP_EXPIRED => deleted(DeleteReason::Expired),
            OP_EVICTED => deleted(DeleteReason::Evicted),
            _ => None,
        }
    }
}

/// Bit of a deletion in the mask of [`What::bit`].
pub(crate) const DELETION_BIT: u8 = 1 << 7;

/// [`What::bit`] of the columns op and signal.
pub(crate) fn bit_of(op: i64, signal: Option<i64>) -> u8 {
    What::from_columns(op, signal, Some(0), None).map_or(0, What::bit)
}

impl<'a> Row<'a> {
    /// As the router sees it; `None` if the bytes are not a value.
    pub(crate) fn stored(&'a self) -> Option<Stored<'a>> {
        let record = match self.what {
            What::Set { revision, ttl } => {
                let (kind, data) = self.data.split_first()?;
                let (value, used) = RawValue::parse(*kind, data).ok()?;
                if used != data.len() {
                    return None;
                }
                Record::Set { value, revision, ttl }
            }
            What::Publish(signal) => Record::Publish { signal, payload: Cow::Borrowed(self.data) },
            What::Delete { revision, reason } => Record::Delete { revision, reason },
        };
        let (timestamp_us, author) = (self.timestamp_us, &*self.author);
        let entry = Entry { timestamp_us, author, address: self.address, record };
        Some(Stored { sequence: self.sequence, group: self.group, entry })
    }

    /// Checksum over everything else.
    pub(crate) fn crc(&self) -> u32 {
        let mut fixed = [0_u8; 48];
        let numbers = [
            self.sequence,
            self.group.unwrap_or(0),
            self.timestamp_us,
            self.what.revision().unwrap_or(0),
            (u64::from(self.what.ttl_word().unwrap_or(0)) << 32)
                | (u64::from(self.what.bit()) << 8)
                | (u64::from(self.what.ttl_word().is_some()) << 16)
                | self.what.op().cast_unsigned(),
            ((self.author.len() as u64) << 32) | self.address.len() as u64,
        ];
        for (place, number) in fixed.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&fixed);
        hasher.update(self.author.as_bytes());
        hasher.update(self.address.as_bytes());
        hasher.update(self.data);
        hasher.finalize()
    }

    /// Runs [`INSERT`].
    pub(crate) fn insert(&self, statement: &mut Statement<'_>) -> rusqlite::Result<()> {
        let uuid = uuid_of(&self.author);
        let author: &dyn ToSql = match &uuid {
            Some(bytes) => bytes,
            None => &self.author,
        };
        let parameters: [&dyn ToSql; 11] = [
            &self.sequence.cast_signed(),
            &self.group.map(u64::cast_signed),
            &self.timestamp_us.cast_signed(),
            author,
            &self.address,
            &self.what.op(),
            &self.what.signal(),
            &self.what.revision().map(u64::cast_signed),
            &self.what.ttl_word(),
            &self.data,
            &self.crc().cast_signed(),
        ];
        statement.execute(parameters.as_slice()).map(drop)
    }

    /// Reads [`COLUMNS`]; `None` if they are not what was once written.
    pub(crate) fn read(row: &'a rusqlite::Row<'_>) -> rusqlite::Result<Option<Row<'a>>> {
        let mut columns = [ValueRef::Null; 11];
        for (place, column) in columns.iter_mut().enumerate() {
            *column = row.get_ref(place)?;
        }
        Ok(Self::from_columns(columns))
    }

    fn from_columns(columns: [ValueRef<'a>; 11]) -> Option<Row<'a>> {
        let [seq, grp, timestamp, author, address, op, signal, revision, ttl, data, crc] = columns;
        let ttl = integer(ttl)?.map(u32::try_from).transpose().ok()?;
        let revision = integer(revision)?.map(i64::cast_unsigned);
        let row = Row {
            sequence: integer(seq)??.cast_unsigned(),
            group: integer(grp)?.map(i64::cast_unsigned),
            timestamp_us: integer(timestamp)??.cast_unsigned(),
            author: match author {
                ValueRef::Blob(bytes) => Uuid::from_slice(bytes).ok()?.to_string().into(),
                author => author.as_str().ok()?.into(),
            },
            address: address.as_str().ok()?,
            what: What::from_columns(integer(op)??, integer(signal)?, revision, ttl)?,
            data: data.as_blob().ok()?,
        };
        let crc = i32::try_from(integer(crc)??).ok()?;
        (row.crc() == crc.cast_unsigned()).then_some(row)
    }
}

/// An integer or NULL; `None` for any other type.
#[expect(clippy::option_option, reason = "the outer one says that the column is damaged")]
fn integer(column: ValueRef<'_>) -> Option<Option<i64>> {
    match column {
        ValueRef::Null => Some(None),
        ValueRef::Integer(integer) => Some(Some(integer)),
        _ => None,
    }
}

/// The bytes of an author who is a UUID in its usual writing, as session ids are.
fn uuid_of(author: &str) -> Option<[u8; 16]> {
    if author.len() != 36 {
        return None;
    }
    let uuid = Uuid::try_parse(author).ok()?;
    let mut buffer = Uuid::encode_buffer();
    (uuid.hyphenated().encode_lower(&mut buffer) == author).then(|| uuid.into_bytes())
}
