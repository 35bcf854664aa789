//! SNAPSHOT in binary, and its assembly by size (spec: wire.md 5.8, routing.md 3.6).

use super::reader::{Read, Reader};
use super::writer::{Writer, Written, flag};
use crate::frame::{self, Qos};
use crate::limits::{ENTRIES_MAX, HEADER_BYTES, PAYLOAD_BYTES_MAX};
use crate::message::{MessageType, ParamEntry, Snapshot};

const WRITER: u8 = 0x01;
const TIMESTAMP: u8 = 0x02;
/// Empty address, null, revision, flags.
const ENTRY_BYTES_MIN: usize = 12;
/// Type code and count.
const PREFIX_BYTES: usize = 3;
const COUNT_AT: usize = HEADER_BYTES + 1;

pub(super) fn read<'a>(reader: &mut Reader<'a>) -> Read<Snapshot<'a>> {
    let count = reader.count("the count of params", ENTRY_BYTES_MIN)?;
    let mut params = Vec::with_capacity(count);
    for _ in 0..count {
        params.push(read_entry(reader)?);
    }
    Ok(Snapshot { params })
}

fn read_entry<'a>(reader: &mut Reader<'a>) -> Read<ParamEntry<'a>> {
    let address = reader.text("an address")?;
    let value = reader.value()?;
    let revision = reader.u64("a revision")?;
    let flags = reader.u8("the flags of a param")?;
    Ok(ParamEntry {
        address,
        value,
        revision,
        writer: reader.when(flags & WRITER != 0, |reader| reader.text("a writer"))?,
        timestamp: reader.when(flags & TIMESTAMP != 0, |reader| reader.u64("a timestamp"))?,
    })
}

pub(super) fn write(snapshot: &Snapshot<'_>, writer: &mut Writer<'_>) -> Written {
    writer.count("the snapshot", snapshot.params.len())?;
    snapshot.params.iter().try_for_each(|entry| write_entry(entry, writer))
}

fn write_entry(entry: &ParamEntry<'_>, writer: &mut Writer<'_>) -> Written {
    writer.text("the address", &entry.address)?;
    writer.value(&entry.value);
    writer.u64(entry.revision);
    writer.u8(flag(entry.writer.is_some(), WRITER) | flag(entry.timestamp.is_some(), TIMESTAMP));
    if let Some(session) = &entry.writer {
        writer.text("the writer", session)?;
    }
    if let Some(timestamp) = entry.timestamp {
        writer.u64(timestamp);
    }
    Ok(())
}

/// Collects params into one SNAPSHOT frame as long as they fit.
#[derive(Debug, Clone)]
pub struct SnapshotBuilder {
    frame: Vec<u8>,
    entries: usize,
    payload_bytes_max: usize,
}

impl SnapshotBuilder {
    /// Frames of at most this payload; values beyond 65,535 count as 65,535.
    pub fn new(payload_bytes_max: usize) -> SnapshotBuilder {
        let payload_bytes_max = payload_bytes_max.clamp(PREFIX_BYTES, PAYLOAD_BYTES_MAX);
        let mut builder = SnapshotBuilder { frame: Vec::new(), entries: 0, payload_bytes_max };
        builder.reset();
        builder
    }

    /// Payload bytes that one param takes in a SNAPSHOT.
    pub fn entry_bytes(entry: &ParamEntry<'_>) -> usize {
        let writer = entry.writer.as_ref().map_or(0, |session| 2 + session.len());
        let timestamp = entry.timestamp.map_or(0, |_| 8);
        ENTRY_BYTES_MIN + entry.address.len() + entry.value.data().len() + writer + timestamp
    }

    /// Adds a param; `false` if it does not fit any more, and then nothing is added.
    pub fn push(&mut self, entry: &ParamEntry<'_>) -> bool {
        let bytes = self.frame.len() - HEADER_BYTES + Self::entry_bytes(entry);
        if bytes > self.payload_bytes_max || self.entries == ENTRIES_MAX {
            return false;
        }
        let before = self.frame.len();
        if write_entry(entry, &mut Writer { out: &mut self.frame }).is_err() {
            self.frame.truncate(before);
            return false;
        }
        self.entries += 1;
        true
    }

    /// Params collected so far.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether no param was collected yet.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Appends the frame, empty or not, with QoS fire, and begins the next one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let count = u16::try_from(self.entries).unwrap_or(u16::MAX);
        self.frame[COUNT_AT..COUNT_AT + 2].copy_from_slice(&count.to_be_bytes());
        let finished = frame::finish(&mut self.frame, 0, Qos::Fire);
        debug_assert!(finished.is_ok(), "what was accepted fits a frame");
        out.extend_from_slice(&self.frame);
        self.reset();
    }

    fn reset(&mut self) {
        self.entries = 0;
        self.frame.clear();
        let start = frame::start(&mut self.frame);
        debug_assert_eq!(start, 0, "the buffer was cleared");
        self.frame.extend_from_slice(&[MessageType::Snapshot as u8, 0, 0]);
    }
}
