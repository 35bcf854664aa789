//! Runs of entries by sequence number, and what is in them: a query looks a few thousand entries
//! up at once, and the index is only ever appended to.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::row::{self, Row};

/// Entries of one block at most; those of block `n` have sequence numbers from `n` times this.
pub(crate) const BLOCK_ENTRIES: u64 = 4_096;

/// The newest block, which still grows and is not in the index yet.
#[derive(Debug, Default)]
pub(crate) struct OpenBlock {
    number: u64,
    last: u64,
    from_us: u64,
    to_us: u64,
    kinds: u8,
    addresses: HashMap<Box<str>, Extent>,
}

/// Sequence numbers of the first and the last entry of an address in a block.
#[derive(Debug, Clone, Copy)]
struct Extent {
    first: u64,
    last: u64,
}

/// What a block notes of an entry besides its address.
pub(crate) struct Seen {
    pub(crate) sequence: u64,
    pub(crate) timestamp_us: u64,
    /// As [`row::What::bit`] has it.
    pub(crate) kind: u8,
}

impl Seen {
    pub(crate) fn of(row: &Row<'_>) -> Seen {
        let (sequence, timestamp_us) = (row.sequence, row.timestamp_us);
        Seen { sequence, timestamp_us, kind: row.what.bit() }
    }
}

pub(crate) fn number_of(sequence: u64) -> u64 {
    sequence / BLOCK_ENTRIES
}

/// First sequence number that is in no complete block.
pub(crate) fn open_from(connection: &Connection) -> rusqlite::Result<u64> {
    const LAST: &str = "SELECT max(block) FROM blocks";
    let last: Option<i64> = connection.query_row(LAST, [], |row| row.get(0))?;
    Ok(last.map_or(0, |block| (block.cast_unsigned() + 1) * BLOCK_ENTRIES))
}

impl OpenBlock {
    /// As the tables have it.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<OpenBlock> {
        const REST: &str = "SELECT seq, timestamp, address, op, signal FROM entries
            WHERE seq >= ? ORDER BY seq";
        let mut block = OpenBlock::default();
        let mut statement = connection.prepare(REST)?;
        let mut rows = statement.query([open_from(connection)?.cast_signed()])?;
        while let Some(row) = rows.next()? {
            let (sequence, timestamp_us): (i64, i64) = (row.get(0)?, row.get(1)?);
            let seen = Seen {
                sequence: sequence.cast_unsigned(),
                timestamp_us: timestamp_us.cast_unsigned(),
                kind: row::bit_of(row.get(3)?, row.get(4)?),
            };
            block.add(&seen, row.get_ref(2)?.as_str().unwrap_or_default(), connection)?;
        }
        Ok(block)
    }

    /// Adds an entry that is stored next; completes the block before if this one is beyond it.
    pub(crate) fn add(
        &mut self,
        seen: &Seen,
        address: &str,
        connection: &Connection,
    ) -> rusqlite::Result<()> {
        if !self.addresses.is_empty() && number_of(seen.sequence) != self.number {
            self.complete(connection)?;
            *self = OpenBlock::default();
        }
        self.note(seen, address);
        Ok(())
    }

    fn note(&mut self, seen: &Seen, address: &str) {
        let first = self.addresses.is_empty();
        self.number = number_of(seen.sequence);
        self.last = seen.sequence;
        self.from_us = if first { seen.timestamp_us } else { self.from_us.min(seen.timestamp_us) };
        self.to_us = self.to_us.max(seen.timestamp_us);
        self.kinds |= seen.kind;
        match self.addresses.get_mut(address) {
            Some(extent) => extent.last = seen.sequence,
            None => {
                let extent = Extent { first: seen.sequence, last: seen.sequence };
                self.addresses.insert(address.into(), extent);
            }
        }
    }

    fn complete(&self, connection: &Connection) -> rusqlite::Result<()> {
        const BLOCK: &str = "INSERT INTO blocks (block, last, from_us, to_us, kinds)
            VALUES (?, ?, ?, ?, ?)";
        const ADDRESS: &str = "INSERT INTO block_addresses (block, address, first, last)
            VALUES (?, ?, ?, ?)";
        let number = self.number.cast_signed();
        let (from_us, to_us) = (self.from_us.cast_signed(), self.to_us.cast_signed());
        let block = params![number, self.last.cast_signed(), from_us, to_us, self.kinds];
        connection.execute(BLOCK, block)?;
        let mut addresses: Vec<(&str, Extent)> =
            self.addresses.iter().map(|(address, extent)| (&**address, *extent)).collect();
        addresses.sort_unstable_by_key(|(address, _)| *address);
        let mut statement = connection.prepare(ADDRESS)?;
        for (address, Extent { first, last }) in addresses {
            let extent = (first.cast_signed(), last.cast_signed());
            statement.execute(params![number, address, extent.0, extent.1])?;
        }
        Ok(())
    }
}
