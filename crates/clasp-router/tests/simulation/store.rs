//! Params of the model: a plain map, and the rules of routing.md 4.3 to 4.5 word by word.

use std::collections::BTreeMap;

use clasp_protocol::message::{Set, Ttl};

use crate::support::value_text;

/// Lifetime without a TTL of its own, in seconds.
pub(crate) const TTL_S: u32 = 20;

/// One param.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub(crate) value: String,
    pub(crate) revision: u64,
    /// Number of the session that holds the lock.
    pub(crate) lock: Option<u64>,
    ttl: Option<Ttl>,
    end_us: u64,
}

/// All params, and the revisions of those that are gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    params: BTreeMap<String, Param>,
    gone: BTreeMap<String, u64>,
}

/// Who writes, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer {
    pub(crate) session: u64,
    /// Whether the session is still there and can hold locks.
    pub(crate) alive: bool,
    pub(crate) now_us: u64,
}

fn end_us(ttl: Option<Ttl>, now_us: u64) -> u64 {
    match ttl {
        Some(Ttl::Never) => u64::MAX,
        Some(Ttl::Sliding(seconds) | Ttl::Absolute(seconds)) => {
            now_us + u64::from(seconds) * 1_000_000
        }
        None => now_us + u64::from(TTL_S) * 1_000_000,
    }
}

impl Store {
    /// The param, unless its time is over.
    pub(crate) fn get(&self, address: &str, now_us: u64) -> Option<&Param> {
        self.params.get(address).filter(|param| now_us < param.end_us)
    }

    /// Params that are there now.
    pub(crate) fn live(&self, now_us: u64) -> impl Iterator<Item = (&String, &Param)> {
        self.params.iter().filter(move |(_, param)| now_us < param.end_us)
    }

    /// A read extends sliding lifetimes.
    pub(crate) fn touch(&mut self, address: &str, now_us: u64) {
        if let Some(param) = self.params.get_mut(address)
            && now_us < param.end_us
            && !matches!(param.ttl, Some(Ttl::Absolute(_) | Ttl::Never))
        {
            param.end_us = end_us(param.ttl, now_us);
        }
    }

    /// Writes, or tells the code of the refusal.
    pub(crate) fn set(&mut self, set: &Set<'_>, writer: Writer) -> Result<u64, u16> {
        let before = self.get(&set.address, writer.now_us).cloned();
        let current = before.as_ref().map_or(0, |param| param.revision);
        if set.revision.is_some_and(|expected| expected != current) {
            return Err(400);
        }
        let held = before.as_ref().and_then(|param| param.lock);
        if held.is_some_and(|holder| holder != writer.session) {
            return Err(401);
        }
        let address = set.address.to_string();
        let last = self.params.get(&address).map(|param| param.revision);
        let revision = last.or(self.gone.get(&address).copied()).unwrap_or(0) + 1;
        let lock = match (set.lock, set.unlock) {
            (true, _) => writer.alive.then_some(writer.session),
            (false, true) => None,
            (false, false) => held,
        };
        let ttl = set.ttl.or(before.and_then(|param| param.ttl));
        let end_us = end_us(ttl, writer.now_us);
        let value = value_text(&set.value);
        self.params.insert(address, Param { value, revision, lock, ttl, end_us });
        Ok(revision)
    }

    /// A session is over.
    pub(crate) fn release(&mut self, session: u64) {
        for param in self.params.values_mut().filter(|param| param.lock == Some(session)) {
            param.lock = None;
        }
    }
}
