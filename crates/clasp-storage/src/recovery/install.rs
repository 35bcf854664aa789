//! Installs params in a router, newer over older.

use std::collections::HashMap;

use clasp_protocol::RawValue;
use clasp_protocol::message::Ttl;
use clasp_router::journal::{Entry, Record};
use clasp_router::{Now, ParamRecord, Router};

use super::join::{Rule, Tail};
use super::{Report, is_extended_by_reads};

/// Puts params into a router and remembers what stands where, as long as entries may follow.
pub(super) struct Installer<'r> {
    router: &'r Router,
    now: Now,
    rule: Rule,
    /// Params whose end was not recorded were alive at this time.
    alive_us: Option<u64>,
    standing: HashMap<Box<str>, Standing>,
    entries: u64,
    sets: u64,
    deletions: u64,
    expired: u64,
    revision_max: u64,
}

/// The newest thing known of an address.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    revision: u64,
    timestamp_us: u64,
}

impl<'r> Installer<'r> {
    pub(super) fn new(router: &'r Router, now: Now, tail: Option<&Tail>) -> Installer<'r> {
        Installer {
            router,
            now,
            rule: tail.map_or(Rule::Revision, |tail| tail.rule),
            alive_us: tail.and_then(|tail| tail.last_us),
            standing: HashMap::new(),
            entries: 0,
            sets: 0,
            deletions: 0,
            expired: 0,
            revision_max: 0,
        }
    }

    pub(super) fn raise_floor(&self, revision: u64) {
        self.router.restore_revision_floor(revision);
    }

    /// Installs a param of a state file; one that `is_ours` tells its lifetime.
    pub(super) fn install(&mut self, param: &ParamRecord<'_>, is_ours: bool) {
        if self.alive_us.is_some() {
            let (revision, timestamp_us) = (param.revision, param.timestamp_us);
            let standing = Standing { revision, timestamp_us };
            self.standing.insert(param.address.as_ref().into(), standing);
        }
        let expires_us = if is_ours {
            self.prolonged(&param.value, param.ttl, param.expires_us)
        } else {
            // How long it had to live is not known; it starts again.
            self.router.expires_us(&param.value, param.ttl, self.now.unix_us)
        };
        self.put(&ParamRecord { expires_us, ..param.clone() });
    }

    /// Carries out what an entry says, if it is newer than what is there.
    pub(super) fn apply(&mut self, entry: &Entry<'_>) {
        self.entries += 1;
        let revision = match &entry.record {
            Record::Set { revision, .. } | Record::Delete { revision, .. } => *revision,
            Record::Publish { .. } => return,
        };
        if !self.is_newer(entry, revision) {
            return;
        }
        match &entry.record {
            Record::Set { value, ttl, .. } => {
                let expires_us = self.router.expires_us(value, *ttl, entry.timestamp_us);
                self.sets += 1;
                self.put(&ParamRecord {
                    address: entry.address.into(),
                    value: value.borrowed(),
                    revision,
                    writer: entry.author.into(),
                    timestamp_us: entry.timestamp_us,
                    ttl: *ttl,
                    expires_us: self.prolonged(value, *ttl, expires_us),
                });
            }
            Record::Delete { .. } => {
                self.deletions += 1;
                self.revision_max = self.revision_max.max(revision);
                self.router.restore_deletion(entry.address, revision);
            }
            Record::Publish { .. } => {}
        }
    }

    /// Whether an entry comes after what is there; then it is what stands there.
    fn is_newer(&mut self, entry: &Entry<'_>, revision: u64) -> bool {
        let known = self.standing.get_mut(entry.address);
        let standing = known.as_deref().copied().unwrap_or_default();
        let is_newer = match self.rule {
            Rule::Revision => standing.revision <= revision,
            Rule::Time(since_us) => {
                since_us <= entry.timestamp_us && standing.timestamp_us <= entry.timestamp_us
            }
        };
        if is_newer {
            let now = Standing { revision, timestamp_us: entry.timestamp_us };
            match known {
                Some(known) => *known = now,
                None => {
                    self.standing.insert(entry.address.into(), now);
                }
            }
        }
        is_newer
    }

    /// End of life of a param that, as far as anybody knows, was alive when the journal ended:
    /// reads may have made its life longer until then.
    fn prolonged(
        &self,
        value: &RawValue<'_>,
        ttl: Option<Ttl>,
        expires_us: Option<u64>,
    ) -> Option<u64> {
        let (Some(alive_us), Some(recorded_us)) = (self.alive_us, expires_us) else {
            return expires_us;
        };
        if !is_extended_by_reads(ttl) {
            return expires_us;
        }
        self.router.expires_us(value, ttl, alive_us).map(|latest_us| latest_us.max(recorded_us))
    }

    fn put(&mut self, param: &ParamRecord<'_>) {
        self.revision_max = self.revision_max.max(param.revision);
        if param.expires_us.is_some_and(|expires_us| expires_us <= self.now.unix_us) {
            self.expired += 1;
            self.router.restore_deletion(&param.address, param.revision);
        } else {
            self.router.restore(param, self.now);
        }
    }

    /// Tells what was done. Where something is missing, no revision may come again.
    pub(super) fn finish(self, report: &mut Report) {
        if report.lossy {
            self.raise_floor(self.revision_max);
        }
        report.entries = self.entries;
        report.sets = self.sets;
        report.deletions = self.deletions;
        report.expired = self.expired;
    }
}
