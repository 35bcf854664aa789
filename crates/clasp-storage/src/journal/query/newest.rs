//! Finds the newest entries of each address, from the newest one backwards.

use std::collections::HashMap;

use clasp_router::journal::Query;
use rusqlite::{Connection, Statement};

use super::super::blocks;
use super::super::chunk::Chunk;
use super::super::queue::Pending;
use super::super::readers::Readers;
use super::super::row::{COLUMNS, Row};
use super::DOING;
use super::passing::{Addresses, BLOCK_COLUMNS, Block, Span};
use crate::error::StorageError;

struct Search<'q> {
    query: &'q Query<'q>,
    per_address: usize,
    counts: HashMap<Box<str>, usize>,
    found: Chunk,
}

/// What the query asks for, newest first.
pub(super) fn find(
    readers: &Readers,
    pending: &Pending,
    query: &Query<'_>,
    per_address: usize,
) -> Result<Chunk, StorageError> {
    let mut search = Search { query, per_address, counts: HashMap::new(), found: Chunk::default() };
    for row in pending.chunks.iter().rev().flat_map(|chunk| chunk.rows().rev()) {
        if search.is_done() || row.sequence <= query.after {
            return Ok(search.found);
        }
        search.offer(&row);
    }
    if !search.is_done() && query.after < pending.stored {
        readers.read(DOING, |connection| search.tables(connection, pending.stored))?;
    }
    Ok(search.found)
}

impl Search<'_> {
    fn is_done(&self) -> bool {
        let most = if self.query.pattern.is_literal() { self.per_address } else { usize::MAX };
        self.per_address == 0 || self.found.len() >= self.query.limit.min(most)
    }

    fn wants(&self, address: &str) -> bool {
        self.counts.get(address).is_none_or(|count| *count < self.per_address)
    }

    fn offer(&mut self, row: &Row<'_>) {
        if !self.wants(row.address) {
            return;
        }
        let Some(stored) = row.stored() else { return };
        if !self.query.takes(&stored.entry) {
            return;
        }
        match self.counts.get_mut(row.address) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(row.address.into(), 1);
            }
        }
        self.found.push_row(row);
    }

    fn tables(&mut self, connection: &Connection, stored: u64) -> rusqlite::Result<()> {
        let text =
            format!("SELECT {COLUMNS} FROM entries WHERE seq BETWEEN ? AND ? ORDER BY seq DESC");
        let mut entries = connection.prepare(&text)?;
        let whole = Span { from: self.query.after + 1, to: stored };
        let open_from = blocks::open_from(connection)?.max(whole.from);
        self.entries(&mut entries, Span { from: open_from, ..whole })?;
        let mut addresses = Addresses::new(connection, self.query.pattern)?;
        let text = format!(
            "SELECT {BLOCK_COLUMNS} FROM blocks WHERE block BETWEEN ? AND ? ORDER BY block DESC"
        );
        let mut blocks = connection.prepare(&text)?;
        let numbers = [whole.from, whole.to].map(|place| blocks::number_of(place).cast_signed());
        let mut blocks = blocks.query(numbers)?;
        while !self.is_done()
            && let Some(row) = blocks.next()?
        {
            let block = Block::read(row)?;
            if block.may_hold(self.query)
                && let Some(found) = addresses.find(block, |address| self.wants(address))?
            {
                self.entries(&mut entries, found.within(whole))?;
            }
        }
        Ok(())
    }

    fn entries(&mut self, statement: &mut Statement<'_>, span: Span) -> rusqlite::Result<()> {
        let mut rows = statement.query(span.bounds())?;
        while !self.is_done()
            && let Some(row) = rows.next()?
        {
            let address = row.get_ref(4)?.as_str().unwrap_or_default();
            if !self.query.pattern.matches(address) || !self.wants(address) {
                continue;
            }
            if let Some(row) = Row::read(row)? {
                self.offer(&row);
            }
        }
        Ok(())
    }
}
