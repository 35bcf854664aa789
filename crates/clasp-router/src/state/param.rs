//! One param and its lock.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use clasp_protocol::message::{ParamEntry, Ttl};
use clasp_protocol::{RawValue, ValueKind};

use super::conflict::Strategy;
use crate::clock::Now;
use crate::config::ParamConfig;

/// Bookkeeping bytes counted for each param besides its address and value.
const OVERHEAD_BYTES: usize = 200;

/// Counts the live params that one session created.
#[derive(Debug, Default)]
pub(crate) struct Owner {
    pub(crate) created: AtomicU32,
}

/// Who may write a locked param.
#[derive(Debug, Clone)]
pub(crate) struct Lock {
    /// Number of the holding session.
    pub(crate) peer: u64,
    /// Its session id.
    pub(crate) holder: Arc<str>,
    /// Its identity, for [`Lock::grace_until_us`].
    pub(crate) subject: Option<Arc<str>>,
    /// Set when the session ended: until then only the same subject may take over.
    pub(crate) grace_until_us: Option<u64>,
}

/// A stored value with everything that belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Param {
    pub(crate) value: RawValue<'static>,
    pub(crate) revision: u64,
    pub(crate) writer: Arc<str>,
    /// Time of the last write, microseconds since 1970-01-01 UTC.
    pub(crate) timestamp_us: u64,
    /// Lifetime given with a SET; `None` means the relay's default.
    pub(crate) ttl: Option<Ttl>,
    /// End of life on the monotonic clock; `u64::MAX` means never.
    pub(crate) deadline_us: u64,
    /// Last access on the monotonic clock.
    pub(crate) touched_us: u64,
    pub(crate) lock: Option<Box<Lock>>,
    pub(crate) owner: Arc<Owner>,
    pub(crate) strategy: Strategy,
}

impl Param {
    /// Bytes counted against the store's limit.
    pub(crate) fn cost_bytes(&self, address: &str) -> usize {
        address.len() + self.value.data().len() + OVERHEAD_BYTES
    }

    pub(crate) fn is_expired(&self, now: Now) -> bool {
        self.deadline_us <= now.mono_us
    }

    /// Whether eviction may take it.
    pub(crate) fn is_evictable(&self, now: Now) -> bool {
        let over = |lock: &Lock| lock.grace_until_us.is_some_and(|until| until <= now.mono_us);
        self.lock.as_deref().is_none_or(over) && self.ttl != Some(Ttl::Never)
    }

    /// Notes a read: sliding lifetimes start again.
    pub(crate) fn touch(&mut self, config: &ParamConfig, now: Now) {
        self.touched_us = now.mono_us;
        if !matches!(self.ttl, Some(Ttl::Absolute(_) | Ttl::Never)) {
            self.deadline_us = deadline_us(self.ttl, self.value.kind(), config, now);
        }
    }

    /// The param as SNAPSHOT tells it.
    pub(crate) fn entry<'a>(&'a self, address: &'a str) -> ParamEntry<'a> {
        ParamEntry {
            address: address.into(),
            value: self.value.borrowed(),
            revision: self.revision,
            writer: Some((&*self.writer).into()),
            timestamp: Some(self.timestamp_us),
        }
    }
}

/// End of life of a value written or read now.
pub(crate) fn deadline_us(
    ttl: Option<Ttl>,
    kind: ValueKind,
    config: &ParamConfig,
    now: Now,
) -> u64 {
    let seconds = match ttl {
        Some(Ttl::Never) => return u64::MAX,
        Some(Ttl::Sliding(seconds) | Ttl::Absolute(seconds)) => seconds,
        None => {
            let null = kind == ValueKind::Null && config.null_ttl_s > 0;
            let seconds = if null { config.null_ttl_s } else { config.ttl_s };
            if seconds == 0 {
                return u64::MAX;
            }
            seconds
        }
    };
    now.mono_us.saturating_add(u64::from(seconds) * 1_000_000)
}
