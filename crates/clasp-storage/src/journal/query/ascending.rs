//! Walks through entries in sequence order, one page at a time.

use std::ops::ControlFlow;

use clasp_router::journal::{Query, Scan};
use rusqlite::{Connection, Statement};

use super::super::blocks;
use super::super::queue::Pending;
use super::super::readers::Readers;
use super::super::row::{COLUMNS, Row};
use super::passing::{Addresses, BLOCK_COLUMNS, Block, Span};
use super::{DOING, Visit};
use crate::error::StorageError;

/// Entries one query looks at: some ten milliseconds.
const COST_MAX: u64 = 16_384;

/// What passing over a block costs, in entries.
const BLOCK_COST: u64 = 8;

struct Walk<'w> {
    query: &'w Query<'w>,
    visit: &'w mut Visit<'w>,
    left: usize,
    latest: u64,
    cost: u64,
}

/// Shows matching entries; tells how far it got if it stopped before the end.
pub(super) fn walk(
    readers: &Readers,
    pending: &Pending,
    query: &Query<'_>,
    visit: &mut Visit<'_>,
) -> Result<Option<Scan>, StorageError> {
    let latest = pending.latest;
    let mut walk = Walk { query, visit: &mut *visit, left: query.limit, latest, cost: 0 };
    if query.after < pending.stored {
        let span = Span { from: query.after + 1, to: pending.stored };
        let flow = readers.read(DOING, |connection| walk.tables(connection, span))?;
        if let ControlFlow::Break(scan) = flow {
            return Ok(Some(scan));
        }
    }
    let rows = pending.chunks.iter().flat_map(|chunk| chunk.rows());
    for row in rows.filter(|row| row.sequence > query.after) {
        if let ControlFlow::Break(scan) = walk.offer(&row) {
            return Ok(Some(scan));
        }
    }
    Ok(None)
}

impl Walk<'_> {
    fn tables(
        &mut self,
        connection: &Connection,
        span: Span,
    ) -> rusqlite::Result<ControlFlow<Scan>> {
        let text = format!("SELECT {COLUMNS} FROM entries WHERE seq BETWEEN ? AND ? ORDER BY seq");
        let mut entries = connection.prepare(&text)?;
        let mut addresses = Addresses::new(connection, self.query.pattern)?;
        let text = format!("SELECT {BLOCK_COLUMNS} FROM blocks WHERE block >= ? ORDER BY block");
        let mut blocks = connection.prepare(&text)?;
        let mut blocks = blocks.query([blocks::number_of(span.from).cast_signed()])?;
        while let Some(row) = blocks.next()? {
            let block = Block::read(row)?;
            let whole = block.span();
            if whole.from > span.to {
                return Ok(ControlFlow::Continue(()));
            }
            self.cost += BLOCK_COST;
            let hit =
                if block.may_hold(self.query) { addresses.find(block, |_| true)? } else { None };
            let mut flow = match hit {
                Some(found) => self.entries(&mut entries, found.within(span))?,
                None => ControlFlow::Continue(()),
            };
            if flow.is_continue() {
                flow = self.passed(whole.within(span));
            }
            if flow.is_break() {
                return Ok(flow);
            }
        }
        let from = span.from.max(blocks::open_from(connection)?);
        self.entries(&mut entries, Span { from, ..span })
    }

    /// Stops if enough was looked at.
    fn passed(&self, span: Span) -> ControlFlow<Scan> {
        if self.cost < COST_MAX || span.to >= self.latest {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(Scan { through: span.to, complete: false })
    }

    fn entries(
        &mut self,
        statement: &mut Statement<'_>,
        span: Span,
    ) -> rusqlite::Result<ControlFlow<Scan>> {
        let mut rows = statement.query(span.bounds())?;
        while let Some(row) = rows.next()? {
            self.cost += 1;
            let address = row.get_ref(4)?.as_str().unwrap_or_default();
            if !self.query.pattern.matches(address) {
                continue;
            }
            let Some(row) = Row::read(row)? else { continue };
            let flow = self.offer(&row);
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn offer(&mut self, row: &Row<'_>) -> ControlFlow<Scan> {
        let Some(stored) = row.stored() else { return ControlFlow::Continue(()) };
        if !self.query.takes(&stored.entry) {
            return ControlFlow::Continue(());
        }
        self.left -= 1;
        if (self.visit)(&stored) && self.left > 0 {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(Scan { through: row.sequence, complete: row.sequence >= self.latest })
    }
}
