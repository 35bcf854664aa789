//! Params in and out as they are, for state files and recovery: nothing here is a write, so no rule
//! is asked and nobody is told (routing.md 11.2, 11.3).

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use clasp_protocol::RawValue;
use clasp_protocol::message::Ttl;

use crate::clock::Now;
use crate::router::Router;
use crate::state::param::Param;
use crate::state::store::SHARDS;

/// A param with everything that has to survive a restart. Locks end with their sessions.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamRecord<'a> {
    /// Address.
    pub address: Cow<'a, str>,
    /// Value.
    pub value: RawValue<'a>,
    /// Revision, from 1.
    pub revision: u64,
    /// Session id of the last writer.
    pub writer: Cow<'a, str>,
    /// Time of the last write, microseconds since 1970-01-01 UTC.
    pub timestamp_us: u64,
    /// Lifetime given with a SET; `None` means the relay's default.
    pub ttl: Option<Ttl>,
    /// End of life, microseconds since 1970-01-01 UTC; `None` means never.
    pub expires_us: Option<u64>,
}

impl ParamRecord<'_> {
    /// The same param with its own bytes.
    pub fn into_owned(self) -> ParamRecord<'static> {
        let Self { address, value, writer, .. } = self;
        ParamRecord {
            address: address.into_owned().into(),
            value: value.into_owned(),
            revision: self.revision,
            writer: writer.into_owned().into(),
            timestamp_us: self.timestamp_us,
            ttl: self.ttl,
            expires_us: self.expires_us,
        }
    }
}

/// What one shard held at a point of its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardPoint {
    /// Every journal entry of this shard up to here is in what was shown, and none after it.
    pub sequence: u64,
}

impl Router {
    /// Shards that [`Router::export`] can be asked for.
    pub const SHARDS: usize = SHARDS;

    /// Shows the params of one shard under its lock, in the order of their addresses; meant to be
    /// called shard by shard, so that nobody waits long.
    pub fn export(
        &self,
        shard: usize,
        now: Now,
        visit: &mut dyn FnMut(&ParamRecord<'_>),
    ) -> ShardPoint {
        let mut shard = self.store.lock(shard);
        let sequence = self.durability.journal().map_or(0, |journal| journal.latest());
        shard.visit_params("/", None, |address, param| {
            if !param.is_expired(now) {
                visit(&record(address, param, now));
            }
            ControlFlow::Continue(())
        });
        ShardPoint { sequence }
    }

    /// Revisions of params that are gone: the highest one that was forgotten, and per shard those
    /// remembered. Addresses are not kept, so a restart can only raise the floor.
    pub fn revision_floor(&self) -> u64 {
        self.store.highest_gone_revision()
    }

    /// Installs a param as it was. A param whose time is over leaves its revision only.
    pub fn restore(&self, record: &ParamRecord<'_>, now: Now) {
        let place = self.store.place(&record.address);
        let mut shard = self.store.lock(place.shard);
        if record.expires_us.is_some_and(|expires_us| expires_us <= now.unix_us) {
            self.store.bury(&mut shard, place.hash, record.revision);
            return;
        }
        let slot = shard.intern(&record.address, place.hash);
        let deadline_us = record
            .expires_us
            .map_or(u64::MAX, |expires_us| now.mono_us + (expires_us - now.unix_us));
        let param = Param {
            value: record.value.clone().into_owned(),
            revision: record.revision,
            writer: Arc::from(&*record.writer),
            timestamp_us: record.timestamp_us,
            ttl: record.ttl,
            deadline_us,
            touched_us: now.mono_us,
            lock: None,
            owner: Arc::default(),
            strategy: self.strategy(&record.address),
        };
        if shard.entry(slot).param.is_none() {
            self.store.admit(&param);
        }
        self.store.install(&mut shard, slot, param);
    }

    /// Removes a param as a journal says, and remembers its revision.
    pub fn restore_deletion(&self, address: &str, revision: u64) {
        let place = self.store.place(address);
        let mut shard = self.store.lock(place.shard);
        if let Some(slot) = shard.find(address, place.hash) {
            self.store.remove(&mut shard, slot);
        }
        self.store.bury(&mut shard, place.hash, revision);
    }

    /// No address without a remembered revision starts at or below this one.
    pub fn restore_revision_floor(&self, revision: u64) {
        self.store.raise_floor(revision);
    }

    /// Grows with every change of a param; equal numbers mean that nothing happened in between.
    pub fn changes(&self) -> u64 {
        self.store.changes()
    }

    /// Params in the store.
    pub fn params(&self) -> usize {
        self.store.len()
    }

    /// End of life of a value written at this time, by the relay's own rules.
    pub fn expires_us(
        &self,
        value: &RawValue<'_>,
        ttl: Option<Ttl>,
        written_us: u64,
    ) -> Option<u64> {
        let written = Now::new(written_us, written_us);
        let deadline_us =
            crate::state::param::deadline_us(ttl, value.kind(), &self.config.params, written);
        (deadline_us != u64::MAX).then_some(deadline_us)
    }
}

/// A param as it is now.
pub(crate) fn record<'a>(address: &'a str, param: &'a Param, now: Now) -> ParamRecord<'a> {
    let left_us = param.deadline_us.saturating_sub(now.mono_us);
    ParamRecord {
        address: address.into(),
        value: param.value.borrowed(),
        revision: param.revision,
        writer: (&*param.writer).into(),
        timestamp_us: param.timestamp_us,
        ttl: param.ttl,
        expires_us: (param.deadline_us != u64::MAX).then(|| now.unix_us.saturating_add(left_us)),
    }
}
