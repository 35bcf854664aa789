//! Params: writing, reading, telling, replaying (spec: wire.md 5.5, 5.7 to 5.9).

use super::Text;
use crate::value::RawValue;

/// SET: from a client a write, from the relay the news of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Set<'a> {
    /// Which param.
    pub address: Text<'a>,
    /// Its value.
    pub value: RawValue<'a>,
    /// From a client the revision it expects to overwrite, from the relay the new one.
    pub revision: Option<u64>,
    /// Take the lock.
    pub lock: bool,
    /// Release the lock.
    pub unlock: bool,
    /// How long it lives; absent means the relay's default.
    pub ttl: Option<Ttl>,
}

impl<'a> Set<'a> {
    /// A plain write.
    pub fn new(address: impl Into<Text<'a>>, value: RawValue<'a>) -> Set<'a> {
        Set {
            address: address.into(),
            value,
            revision: None,
            lock: false,
            unlock: false,
            ttl: None,
        }
    }
}

/// Lifetime of a param in seconds (spec: wire.md 5.5, routing.md 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ttl {
    /// Until somebody overwrites it.
    Never,
    /// Seconds after the last access, at most 2^31 - 1.
    Sliding(u32),
    /// Seconds after the last write, at most 2^31 - 1.
    Absolute(u32),
}

impl Ttl {
    /// The TTL word: 0 never, bit 31 set absolute, clear sliding.
    pub fn to_word(self) -> u32 {
        match self {
            Ttl::Never => 0,
            Ttl::Sliding(seconds) => seconds & 0x7FFF_FFFF,
            Ttl::Absolute(seconds) => 0x8000_0000 | (seconds & 0x7FFF_FFFF),
        }
    }

    /// Reads the TTL word.
    pub fn from_word(word: u32) -> Ttl {
        match (word & 0x8000_0000 != 0, word & 0x7FFF_FFFF) {
            (false, 0) => Ttl::Never,
            (false, seconds) => Ttl::Sliding(seconds),
            (true, seconds) => Ttl::Absolute(seconds),
        }
    }
}

/// GET.
#[derive(Debug, Clone, PartialEq)]
pub struct Get<'a> {
    /// Exact address, no pattern.
    pub address: Text<'a>,
}

/// SNAPSHOT.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot<'a> {
    /// The params.
    pub params: Vec<ParamEntry<'a>>,
}

/// A param as told by SNAPSHOT.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamEntry<'a> {
    /// Address.
    pub address: Text<'a>,
    /// Value.
    pub value: RawValue<'a>,
    /// Revision, from 1.
    pub revision: u64,
    /// Session id of the last writer.
    pub writer: Option<Text<'a>>,
    /// Time of the last write, microseconds since 1970-01-01 UTC.
    pub timestamp: Option<u64>,
}

/// REPLAY.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay<'a> {
    /// Which addresses.
    pub pattern: Text<'a>,
    /// First microsecond, inclusive.
    pub from: Option<u64>,
    /// Last microsecond, inclusive.
    pub to: Option<u64>,
    /// At most so many entries.
    pub limit: Option<u32>,
    /// Types byte as in SUBSCRIBE.
    pub types: u8,
}
