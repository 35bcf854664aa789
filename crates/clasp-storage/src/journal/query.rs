//! Answers queries from the tables and, behind them, from what still waits for the disk.

mod ascending;
mod newest;
mod passing;

use clasp_router::journal::{Query, Scan, Stored};

use super::queue::Pending;
use super::readers::Readers;
use crate::error::StorageError;

pub(crate) type Visit<'v> = dyn FnMut(&Stored<'_>) -> bool + 'v;

const DOING: &str = "read entries";

/// Shows what a query asks for, as [`clasp_router::journal::Journal::query`] says. Looks at a
/// bounded number of entries: a scan that is not complete may have shown fewer than the limit.
pub(crate) fn run(
    readers: &Readers,
    pending: &Pending,
    query: &Query<'_>,
    visit: &mut Visit<'_>,
) -> Result<Scan, StorageError> {
    let complete = Scan { through: pending.latest.max(query.after), complete: true };
    if query.after >= pending.latest {
        return Ok(complete);
    }
    if let Some(per_address) = query.newest_per_address {
        let found = newest::find(readers, pending, query, per_address)?;
        for row in found.rows().rev() {
            let Some(stored) = row.stored() else { continue };
            if !visit(&stored) {
                return Ok(Scan { through: row.sequence, complete: false });
            }
        }
        return Ok(complete);
    }
    if query.limit == 0 {
        return Ok(Scan { through: query.after, complete: false });
    }
    let cut = ascending::walk(readers, pending, query, visit)?;
    Ok(cut.unwrap_or(complete))
}
