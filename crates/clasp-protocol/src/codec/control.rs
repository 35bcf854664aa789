//! SYNC, ACK, ERROR, QUERY and FEDERATION_SYNC in binary (spec: wire.md 5.7, 5.10, 5.12 to 5.15).

use super::error::DecodeProblem;
use super::reader::{Read, Reader};
use super::writer::{Writer, Written, flag};
use crate::message::{Ack, ErrorMessage, FederationOp, FederationSync, Query, Sync};

const T2: u8 = 0x01;
const T3: u8 = 0x02;

const ACK_ADDRESS: u8 = 0x01;
const ACK_REVISION: u8 = 0x02;
const ACK_LOCKED: u8 = 0x04;
const ACK_HOLDER: u8 = 0x08;
const ACK_CORRELATION: u8 = 0x10;

const ERROR_ADDRESS: u8 = 0x01;
const ERROR_CORRELATION: u8 = 0x02;

const SINCE: u8 = 0x80;
const ORIGIN: u8 = 0x40;
/// Length of an empty pattern.
const PATTERN_BYTES_MIN: usize = 2;
/// Empty address, revision.
const REVISION_BYTES_MIN: usize = 10;

pub(super) fn read_sync(reader: &mut Reader<'_>) -> Read<Sync> {
    let flags = reader.u8("the flags")?;
    Ok(Sync {
        t1: reader.u64("t1")?,
        t2: reader.when(flags & T2 != 0, |reader| reader.u64("t2"))?,
        t3: reader.when(flags & T3 != 0, |reader| reader.u64("t3"))?,
    })
}

pub(super) fn write_sync(sync: &Sync, writer: &mut Writer<'_>) {
    writer.u8(flag(sync.t2.is_some(), T2) | flag(sync.t3.is_some(), T3));
    writer.u64(sync.t1);
    for time in [sync.t2, sync.t3].into_iter().flatten() {
        writer.u64(time);
    }
}

pub(super) fn read_ack<'a>(reader: &mut Reader<'a>) -> Read<Ack<'a>> {
    let flags = reader.u8("the flags")?;
    Ok(Ack {
        address: reader.when(flags & ACK_ADDRESS != 0, |reader| reader.text("the address"))?,
        revision: reader.when(flags & ACK_REVISION != 0, |reader| reader.u64("the revision"))?,
        locked: reader
            .when(flags & ACK_LOCKED != 0, |reader| Ok(reader.u8("the lock state")? != 0))?,
        holder: reader.when(flags & ACK_HOLDER != 0, |reader| reader.text("the holder"))?,
        correlation: reader
            .when(flags & ACK_CORRELATION != 0, |reader| reader.u32("the correlation"))?,
    })
}

pub(super) fn write_ack(ack: &Ack<'_>, writer: &mut Writer<'_>) -> Written {
    writer.u8(flag(ack.address.is_some(), ACK_ADDRESS)
        | flag(ack.revision.is_some(), ACK_REVISION)
        | flag(ack.locked.is_some(), ACK_LOCKED)
        | flag(ack.holder.is_some(), ACK_HOLDER)
        | flag(ack.correlation.is_some(), ACK_CORRELATION));
    if let Some(address) = &ack.address {
        writer.text("the address", address)?;
    }
    if let Some(revision) = ack.revision {
        writer.u64(revision);
    }
    if let Some(locked) = ack.locked {
        writer.u8(u8::from(locked));
    }
    if let Some(holder) = &ack.holder {
        writer.text("the holder", holder)?;
    }
    if let Some(correlation) = ack.correlation {
        writer.u32(correlation);
    }
    Ok(())
}

pub(super) fn read_error<'a>(reader: &mut Reader<'a>) -> Read<ErrorMessage<'a>> {
    let code = reader.u16("the code")?;
    let message = reader.text("the message text")?;
    let flags = reader.u8("the flags")?;
    Ok(ErrorMessage {
        code,
        message,
        address: reader.when(flags & ERROR_ADDRESS != 0, |reader| reader.text("the address"))?,
        correlation: reader
            .when(flags & ERROR_CORRELATION != 0, |reader| reader.u32("the correlation"))?,
    })
}

pub(super) fn write_error(error: &ErrorMessage<'_>, writer: &mut Writer<'_>) -> Written {
    writer.u16(error.code);
    writer.text("the message text", &error.message)?;
    writer.u8(flag(error.address.is_some(), ERROR_ADDRESS)
        | flag(error.correlation.is_some(), ERROR_CORRELATION));
    if let Some(address) = &error.address {
        writer.text("the address", address)?;
    }
    if let Some(correlation) = error.correlation {
        writer.u32(correlation);
    }
    Ok(())
}

pub(super) fn read_query<'a>(reader: &mut Reader<'a>) -> Read<Query<'a>> {
    Ok(Query { pattern: reader.text("the pattern")? })
}

pub(super) fn read_federation<'a>(reader: &mut Reader<'a>) -> Read<FederationSync<'a>> {
    let code = reader.u8("the op")?;
    let op = FederationOp::ALL
        .into_iter()
        .find(|op| *op as u8 == code)
        .ok_or(DecodeProblem::FederationOp(code))?;
    let count = reader.count("the count of patterns", PATTERN_BYTES_MIN)?;
    let patterns = (0..count).map(|_| reader.text("a pattern")).collect::<Read<Vec<_>>>()?;
    let count = reader.count("the count of revisions", REVISION_BYTES_MIN)?;
    let revisions = (0..count)
        .map(|_| Ok((reader.text("an address")?, reader.u64("a revision")?)))
        .collect::<Read<Vec<_>>>()?;
    let flags = reader.u8("the flags")?;
    Ok(FederationSync {
        op,
        patterns,
        revisions,
        since: reader.when(flags & SINCE != 0, |reader| reader.u64("the first revision"))?,
        origin: reader.when(flags & ORIGIN != 0, |reader| reader.text("the origin"))?,
    })
}

pub(super) fn write_federation(sync: &FederationSync<'_>, writer: &mut Writer<'_>) -> Written {
    writer.u8(sync.op as u8);
    writer.count("the patterns", sync.patterns.len())?;
    for pattern in &sync.patterns {
        writer.text("a pattern", pattern)?;
    }
    writer.count("the revisions", sync.revisions.len())?;
    for (address, revision) in &sync.revisions {
        writer.text("an address", address)?;
        writer.u64(*revision);
    }
    writer.u8(flag(sync.since.is_some(), SINCE) | flag(sync.origin.is_some(), ORIGIN));
    if let Some(since) = sync.since {
        writer.u64(since);
    }
    if let Some(origin) = &sync.origin {
        writer.text("the origin", origin)?;
    }
    Ok(())
}
