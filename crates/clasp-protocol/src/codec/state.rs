//! SET, GET and REPLAY in binary (spec: wire.md 5.5, 5.7, 5.9).

use super::reader::{Read, Reader};
use super::writer::{Writer, Written, flag};
use crate::message::{Get, Replay, Set, Ttl};

const REVISION: u8 = 0x80;
const LOCK: u8 = 0x40;
const UNLOCK: u8 = 0x20;
const TTL: u8 = 0x10;
const KIND: u8 = 0x0F;

const FROM: u8 = 0x80;
const TO: u8 = 0x40;
const LIMIT: u8 = 0x20;

#[inline]
pub(super) fn read_set<'a>(reader: &mut Reader<'a>) -> Read<Set<'a>> {
    let flags = reader.u8("the flags")?;
    Ok(Set {
        address: reader.text("the address")?,
        value: reader.value_of(flags & KIND)?,
        revision: reader.when(flags & REVISION != 0, |reader| reader.u64("the revision"))?,
        lock: flags & LOCK != 0,
        unlock: flags & UNLOCK != 0,
        ttl: reader.when(flags & TTL != 0, |reader| reader.u32("the TTL").map(Ttl::from_word))?,
    })
}

#[inline]
pub(super) fn write_set(set: &Set<'_>, writer: &mut Writer<'_>) -> Written {
    writer.u8(set.value.kind() as u8
        | flag(set.revision.is_some(), REVISION)
        | flag(set.lock, LOCK)
        | flag(set.unlock, UNLOCK)
        | flag(set.ttl.is_some(), TTL));
    writer.text("the address", &set.address)?;
    writer.out.extend_from_slice(set.value.data());
    if let Some(revision) = set.revision {
        writer.u64(revision);
    }
    if let Some(ttl) = set.ttl {
        writer.u32(ttl.to_word());
    }
    Ok(())
}

pub(super) fn read_get<'a>(reader: &mut Reader<'a>) -> Read<Get<'a>> {
    Ok(Get { address: reader.text("the address")? })
}

pub(super) fn read_replay<'a>(reader: &mut Reader<'a>) -> Read<Replay<'a>> {
    let flags = reader.u8("the flags")?;
    Ok(Replay {
        pattern: reader.text("the pattern")?,
        from: reader.when(flags & FROM != 0, |reader| reader.u64("the first time"))?,
        to: reader.when(flags & TO != 0, |reader| reader.u64("the last time"))?,
        limit: reader.when(flags & LIMIT != 0, |reader| reader.u32("the limit"))?,
        types: reader.u8("the types")?,
    })
}

pub(super) fn write_replay(replay: &Replay<'_>, writer: &mut Writer<'_>) -> Written {
    writer.u8(flag(replay.from.is_some(), FROM)
        | flag(replay.to.is_some(), TO)
        | flag(replay.limit.is_some(), LIMIT));
    writer.text("the pattern", &replay.pattern)?;
    if let Some(from) = replay.from {
        writer.u64(from);
    }
    if let Some(to) = replay.to {
        writer.u64(to);
    }
    if let Some(limit) = replay.limit {
        writer.u32(limit);
    }
    writer.u8(replay.types);
    Ok(())
}
