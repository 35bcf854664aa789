//! Entries as lines of JSON: the members of the journal's HTTP API and what else an entry has
//! (relay.md 15.6).

use std::io::{self, Write};
use std::path::Path;

use clasp_protocol::message::Ttl;
use clasp_protocol::{Message, codec};
use clasp_router::journal::{DeleteReason, Query, Record, Scan, Stored};
use serde_json::{Value as Json, json};

use super::query::Visit;
use crate::error::StorageError;
use crate::json::to_json;

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
    serde_json::to_writer(&mut *out, &line(stored))?;
    out.write_all(b"\n")
}

fn line(stored: &Stored<'_>) -> Json {
    let entry = &stored.entry;
    let (op, msg_type, revision) = match &entry.record {
        Record::Set { revision, .. } => ("set", Some(33), Some(*revision)),
        Record::Publish { .. } => ("publish", Some(32), None),
        Record::Delete { revision, reason } => match reason {
            DeleteReason::Expired => ("expired", None, Some(*revision)),
            DeleteReason::Evicted => ("evicted", None, Some(*revision)),
        },
    };
    let mut line = json!({
        "seq": stored.sequence,
        "timestamp": entry.timestamp_us,
        "author": entry.author,
        "address": entry.address,
        "signal_type": entry.record.signal().name(),
        "value": value(&entry.record),
        "revision": revision,
        "msg_type": msg_type,
        "op": op,
    });
    if let Some(group) = stored.group {
        line["group"] = group.into();
    }
    if let Record::Set { ttl: Some(ttl), .. } = &entry.record {
        line["ttl"] = match ttl {
            Ttl::Never => json!("never"),
            Ttl::Sliding(seconds) => json!({ "sliding": seconds }),
            Ttl::Absolute(seconds) => json!({ "absolute": seconds }),
        };
    }
    line
}

fn value(record: &Record<'_>) -> Json {
    match record {
        Record::Set { value, .. } => to_json(&value.to_value()),
        Record::Delete { .. } => Json::Null,
        Record::Publish { payload, .. } => match codec::decode(payload) {
            Ok(Message::Publish(publish)) => {
                let samples = || publish.samples.as_ref().map(|samples| samples.iter().collect());
                let value = publish.value.as_ref().or(publish.payload.as_ref());
                value.map(|value| to_json(&value.to_value())).or_else(samples).unwrap_or_default()
            }
            _ => Json::Null,
        },
    }
}
