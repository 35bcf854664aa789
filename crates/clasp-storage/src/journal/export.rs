//! Entries as lines of JSON.

use std::io::{self, Write};
use std::path::Path;

use clasp_router::journal::{Query, Scan, Stored, json};

use super::query::Visit;
use crate::error::StorageError;

pub(super) type Page<'p> = dyn FnMut(&Query<'_>, &mut Visit<'_>) -> Result<Scan, StorageError> + 'p;

/// Writes all pages of a query; tells how many entries there were.
pub(super) fn write(
    path: &Path,
    page: &mut Page<'_>,
    (out, query): (&mut dyn Write, &Query<'_>),
) -> Result<u64, StorageError> {
    let mut asked = *query;
    let mut count = 0;
    loop {
        let mut written = Ok(());
        let mut visit = |stored: &Stored<'_>| {
            count += 1;
            written = write_line(out, stored);
            written.is_ok()
        };
        let scan = page(&asked, &mut visit)?;
        written.map_err(|error| StorageError::io(path, "write its export", &error))?;
        if scan.complete || count >= query.limit {
            return Ok(count as u64);
        }
        asked = Query { after: scan.through, limit: query.limit - count, ..*query };
    }
}

fn write_line(out: &mut dyn Write, stored: &Stored<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &json::entry(stored))?;
    out.write_all(b"\n")
}
