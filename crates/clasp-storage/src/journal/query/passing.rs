//! Decides from the index of blocks which ones a query may pass over.

use clasp_protocol::Pattern;
use clasp_protocol::message::{SignalType, TypeMask};
use clasp_router::journal::Query;
use rusqlite::{Connection, Row, Statement};

use super::super::blocks::BLOCK_ENTRIES;
use super::super::row::DELETION_BIT;

/// A complete block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) number: u64,
    from_us: u64,
    to_us: u64,
    kinds: u8,
}

/// Sequence numbers, both inclusive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Span {
    /// What both contain.
    pub(super) fn within(self, other: Span) -> Span {
        Span { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    /// For a BETWEEN.
    pub(super) fn bounds(self) -> [i64; 2] {
        [self.from.cast_signed(), self.to.cast_signed()]
    }
}

/// Columns in the order of [`Block::read`].
pub(super) const BLOCK_COLUMNS: &str = "block, from_us, to_us, kinds";

impl Block {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Block> {
        Ok(Block {
            number: row.get::<_, i64>(0)?.cast_unsigned(),
            from_us: row.get::<_, i64>(1)?.cast_unsigned(),
            to_us: row.get::<_, i64>(2)?.cast_unsigned(),
            kinds: row.get(3)?,
        })
    }

    /// The sequence numbers that can be in it.
    pub(super) fn span(self) -> Span {
        let from = self.number.saturating_mul(BLOCK_ENTRIES);
        Span { from, to: from.saturating_add(BLOCK_ENTRIES - 1) }
    }

    /// Whether times and types let it hold anything that is asked for.
    pub(super) fn may_hold(self, query: &Query<'_>) -> bool {
        self.kinds & kinds(query) != 0
            && query.from_us.is_none_or(|from| from <= self.to_us)
            && query.to_us.is_none_or(|to| self.from_us <= to)
    }
}

fn kinds(query: &Query<'_>) -> u8 {
    let deletions = query.deletions && query.types.takes(SignalType::Param);
    let signals = if query.types == TypeMask::ALL { 0x1F } else { query.types.to_wire() };
    signals | if deletions { DELETION_BIT } else { 0 }
}

/// Finds addresses in blocks.
pub(super) struct Addresses<'c, 'q> {
    statement: Statement<'c>,
    pattern: &'q Pattern,
    prefix: &'q str,
}

impl<'c, 'q> Addresses<'c, 'q> {
    pub(super) fn new(
        connection: &'c Connection,
        pattern: &'q Pattern,
    ) -> rusqlite::Result<Addresses<'c, 'q>> {
        const FROM: &str = "SELECT address, first, last FROM block_addresses
            WHERE block = ? AND address >= ? ORDER BY address";
        let text = pattern.as_str();
        let wildcard = text.find('*').and_then(|star| text[..star].rfind('/'));
        let prefix = &text[..wildcard.unwrap_or(text.len())];
        Ok(Addresses { statement: connection.prepare(FROM)?, pattern, prefix })
    }

    /// Where in the block an address may be that matches the pattern and is `wanted`.
    pub(super) fn find(
        &mut self,
        block: Block,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> rusqlite::Result<Option<Span>> {
        let mut rows = self.statement.query((block.number.cast_signed(), self.prefix))?;
        while let Some(row) = rows.next()? {
            let Ok(address) = row.get_ref(0)?.as_str() else { continue };
            if !address.starts_with(self.prefix) {
                return Ok(None);
            }
            let is_hit = self.pattern.matches(address) && wanted(address);
            if self.pattern.is_literal() {
                let [from, to] = [row.get::<_, i64>(1)?, row.get(2)?].map(i64::cast_unsigned);
                return Ok(is_hit.then_some(Span { from, to }));
            }
            if is_hit {
                return Ok(Some(block.span()));
            }
        }
        Ok(None)
    }
}
