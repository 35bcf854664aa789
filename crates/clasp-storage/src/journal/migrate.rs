//! Converts a journal of the reference implementation (relay.md 15.2).

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clasp_protocol::message::{Publish, SignalType};
use clasp_protocol::{Message, RawValue, codec};
use rusqlite::Connection;
use serde_json::Value as Json;

use super::rebuild::Rebuild;
use super::row::{Row, What};
use super::schema::About;
use crate::error::StorageError;
use clasp_json::from_json;

const MESSAGE_SET: i64 = 33;
const MESSAGE_PUBLISH: i64 = 32;

/// What became of a journal of the reference implementation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Entries that were converted.
    pub entries: u64,
    /// Entries that could not be: their value is no JSON or too large for a frame.
    pub entries_skipped: u64,
    /// The file as it was.
    pub kept_as: PathBuf,
}

/// Converts the file in its place.
///
/// The reference numbers its entries in the order in which its tasks happen to run, and starts
/// revisions again after a restart; the order of time decides instead, and revisions never go back.
pub(crate) fn migrate(path: &Path, mut old: Connection) -> Result<Migration, StorageError> {
    let failed = |error| StorageError::sqlite(path, "convert it", &error);
    // Whatever its log still holds goes into the file, which is then complete by itself.
    old.pragma_update(None, "journal_mode", "DELETE").map_err(failed)?;
    let mut rebuild = Rebuild::begin(path, &About::new())?;
    let entries_skipped = convert(&mut old, &mut rebuild, path)?;
    old.close().map_err(|(_, error)| failed(error))?;
    let entries = rebuild.kept();
    let kept_as = rebuild.finish(".bak")?;
    Ok(Migration { entries, entries_skipped, kept_as })
}

fn convert(old: &mut Connection, rebuild: &mut Rebuild, path: &Path) -> Result<u64, StorageError> {
    const NUMBERS: &str = "SELECT seq FROM journal_entries ORDER BY seq";
    const ENTRIES: &str = "SELECT timestamp, author, address, signal_type, value_json, revision,
        msg_type FROM journal_entries ORDER BY timestamp, seq";
    let failed = |error| StorageError::sqlite(path, "convert it", &error);
    let transaction = old.transaction().map_err(failed)?;
    let mut numbers = transaction.prepare(NUMBERS).map_err(failed)?;
    let mut numbers = numbers.query([]).map_err(failed)?;
    let mut entries = transaction.prepare(ENTRIES).map_err(failed)?;
    let mut entries = entries.query([]).map_err(failed)?;
    let mut revisions = Revisions::default();
    let mut skipped = 0;
    while let Some(entry) = entries.next().map_err(failed)? {
        let number = numbers.next().map_err(failed)?;
        let sequence: i64 = number.map_or(Ok(0), |row| row.get(0)).map_err(failed)?;
        let old = Old::read(entry).map_err(failed)?;
        match old.and_then(|old| old.convert(sequence.cast_unsigned(), &mut revisions)) {
            Some(converted) => rebuild.add(&converted.row())?,
            None => skipped += 1,
        }
    }
    Ok(skipped)
}

/// Highest revision of each address so far.
#[derive(Default)]
struct Revisions(HashMap<String, u64>);

impl Revisions {
    /// The revision as recorded, or the next one if that would lead back.
    fn next(&mut self, address: &str, recorded: Option<u64>) -> u64 {
        let last = self.0.get(address).copied().unwrap_or(0);
        let revision = recorded.unwrap_or(0).max(last + 1);
        self.0.insert(address.to_owned(), revision);
        revision
    }
}

/// An entry as the reference has it.
struct Old {
    timestamp_us: u64,
    author: String,
    address: String,
    signal: SignalType,
    value: Json,
    revision: Option<u64>,
    message: i64,
}

struct Converted {
    sequence: u64,
    timestamp_us: u64,
    author: String,
    address: String,
    what: What,
    data: Vec<u8>,
}

impl Old {
    /// `None` if its columns do not hold what they should.
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Old>> {
        let text = |place: usize| -> rusqlite::Result<Option<String>> {
            Ok(row.get_ref(place)?.as_str().ok().map(str::to_owned))
        };
        let number = |place: usize| -> rusqlite::Result<Option<i64>> {
            Ok(row.get_ref(place)?.as_i64().ok())
        };
        let signal = text(3)?.and_then(|name| SignalType::from_name(&name));
        let value = text(4)?.and_then(|json| serde_json::from_str(&json).ok());
        let revision = number(5)?.map(i64::cast_unsigned);
        let (Some(timestamp), Some(address), Some(value), Some(message)) =
            (number(0)?, text(2)?, value, number(6)?)
        else {
            return Ok(None);
        };
        Ok(Some(Old {
            timestamp_us: timestamp.cast_unsigned(),
            author: text(1)?.unwrap_or_default(),
            address,
            signal: signal.unwrap_or(SignalType::Event),
            value,
            revision,
            message,
        }))
    }

    /// `None` if it is neither a SET nor a PUBLISH, or its value does not fit a frame.
    fn convert(self, sequence: u64, revisions: &mut Revisions) -> Option<Converted> {
        let Old { timestamp_us, author, address, .. } = self;
        let value = RawValue::try_from(&from_json(&self.value)).ok()?;
        let (what, data) = match self.message {
            MESSAGE_SET => {
                let mut data = vec![value.kind() as u8];
                data.extend_from_slice(value.data());
                let revision = revisions.next(&address, self.revision);
                (What::Set { revision, ttl: None }, data)
            }
            MESSAGE_PUBLISH => {
                let mut publish = Publish::new(&*address, self.signal);
                publish.value = Some(value);
                let mut payload = Vec::new();
                codec::encode_payload(&Message::Publish(publish), &mut payload).ok()?;
                (What::Publish(self.signal), payload)
            }
            _ => return None,
        };
        Some(Converted { sequence, timestamp_us, author, address, what, data })
    }
}

impl Converted {
    fn row(&self) -> Row<'_> {
        Row {
            sequence: self.sequence,
            group: None,
            timestamp_us: self.timestamp_us,
            author: Cow::Borrowed(&self.author),
            address: &self.address,
            what: self.what,
            data: &self.data,
        }
    }
}
