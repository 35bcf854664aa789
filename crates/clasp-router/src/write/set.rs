//! Carries out a checked SET: propose, commit, apply, journal, deliver.

use std::sync::Arc;

use clasp_protocol::message::{Set, Ttl};
use clasp_protocol::{ErrorCode, Qos, codec};

use super::{CheckedSet, validate};
use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::deliver::{Delivery, Group, Source};
use crate::journal::{DeleteReason, Entry, Record};
use crate::metrics::EvictionReason;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;
use crate::state::conflict;
use crate::state::eviction::Keep;
use crate::state::expiry::Gone;
use crate::state::param::{Lock, Param, deadline_us};
use crate::state::store::Shard;

/// A SET that took effect.
pub(crate) struct Applied {
    pub(crate) slot: u32,
    pub(crate) revision: u64,
    pub(crate) timestamp_us: u64,
    /// Lifetime it has now, if not the relay's default.
    pub(crate) ttl: Option<Ttl>,
    /// Its place in the journal, if there is one.
    pub(crate) sequence: Option<u64>,
    /// What was there before, for undoing.
    pub(crate) before: Option<Param>,
    /// Who holds the lock now.
    pub(crate) holder: Option<Arc<str>>,
}

/// Writes one param.
pub(crate) fn commit(
    router: &Arc<Router>,
    session: &Arc<Session>,
    checked: &CheckedSet<'_>,
    now: Now,
) -> Result<Applied, Refusal> {
    let place = checked.place();
    let mut shard = router.store.lock(place.shard);
    if router.store.is_full(&router.config.params, 1)
        && shard.param(checked.address(), place.hash).is_none()
    {
        drop(shard);
        let keep = Keep { addresses: &|_| false, now };
        make_room(router, 1, checked.address(), &keep)?;
        shard = router.store.lock(place.shard);
    }
    let mut applied = apply(router, session, &mut shard, checked, (now, Undo::Never))?;
    applied.sequence = router.durability.record(&[journal_entry(session, checked, &applied)], now);
    deliver(router, &mut shard, checked, &applied, (None, now));
    Ok(applied)
}

/// Evicts until so many params fit; hold no shard.
pub(crate) fn make_room(
    router: &Arc<Router>,
    more: usize,
    address: &str,
    keep: &Keep<'_>,
) -> Result<(), Refusal> {
    let shard = router.store.place(address).shard;
    let gone =
        router.store.make_room(&router.config.params, (more, shard), keep).map_err(|()| {
            let text = "the state store is full and nothing in it may be evicted";
            Refusal::new(ErrorCode::Overloaded, text).at(address)
        })?;
    for gone in gone {
        left(router, &gone, DeleteReason::Evicted, keep.now);
    }
    Ok(())
}

/// Notes that a param left the store without anybody writing it.
pub(crate) fn left(router: &Router, gone: &Gone, reason: DeleteReason, now: Now) {
    router.metrics.evicted(match reason {
        DeleteReason::Expired => EvictionReason::Expired,
        DeleteReason::Evicted => EvictionReason::Capacity,
    });
    let entry = Entry {
        timestamp_us: now.unix_us,
        author: "",
        address: &gone.address,
        record: Record::Delete { revision: gone.revision, reason },
    };
    router.durability.record(&[entry], now);
}

/// Whether a write may have to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undo {
    /// No, so what was there before need not be kept.
    Never,
    /// Yes, for as long as the bundle that it is part of is not complete.
    Possible,
}

/// Proposes, commits and applies inside the shard's critical section.
pub(crate) fn apply(
    router: &Arc<Router>,
    session: &Arc<Session>,
    shard: &mut Shard,
    checked: &CheckedSet<'_>,
    (now, undo): (Now, Undo),
) -> Result<Applied, Refusal> {
    let place = checked.place();
    let slot = shard.intern(checked.address(), place.hash);
    if let Some(gone) = router.store.expire_slot(shard, slot, now) {
        left(router, &gone, DeleteReason::Expired, now);
    }
    let last_revision = router.store.last_revision(shard, place.hash);
    let before = shard.entry(slot).param.as_ref();
    propose(router, session, before, checked, now)?;
    let commit = committed(router, session, (before, last_revision), checked, now);
    let Committed { revision, timestamp_us, ttl, .. } = commit;
    let holder = commit.lock.as_ref().map(|lock| Arc::clone(&lock.holder));
    note_lock(session, shard, slot, commit.lock.is_some());
    let known = shard.entry(slot).param.as_ref();
    let (is_new, before) = match undo {
        Undo::Possible => (known.is_none(), known.cloned()),
        Undo::Never => (known.is_none(), None),
    };
    if is_new {
        let param = commit.into_param(router, session, checked, now);
        router.store.admit(&param);
        router.store.install(shard, slot, param);
    } else {
        router.store.update(shard, slot, |param| commit.rewrite(param, session, checked, now));
    }
    Ok(Applied { slot, revision, timestamp_us, ttl, sequence: None, before, holder })
}

/// Whether this may happen to the param as it stands.
fn propose(
    router: &Router,
    session: &Session,
    param: Option<&Param>,
    checked: &CheckedSet<'_>,
    now: Now,
) -> Result<(), Refusal> {
    validate(router, session.actor(now), checked.address(), Some(checked.judged()))?;
    conflict::decide(param, (checked.set, checked.value()), session, now)?;
    let created_max = router.config.params.created_per_session_max;
    let created = session.created();
    if param.is_none() && created_max > 0 && created >= created_max {
        let text = format!("this session has created {created_max} params that still exist");
        return Err(Refusal::new(ErrorCode::Overloaded, text).at(checked.address()));
    }
    Ok(())
}

/// What a write has become besides its value.
struct Committed {
    revision: u64,
    timestamp_us: u64,
    ttl: Option<Ttl>,
    deadline_us: u64,
    lock: Option<Box<Lock>>,
}

/// This is where the write gets its revision and its time.
fn committed(
    router: &Router,
    session: &Arc<Session>,
    (before, last_revision): (Option<&Param>, u64),
    checked: &CheckedSet<'_>,
    now: Now,
) -> Committed {
    let set = checked.set;
    let ttl = checked.ttl().or(before.and_then(|param| param.ttl));
    let lock = match (set.lock, set.unlock) {
        (true, _) => Some(Box::new(Lock {
            peer: session.peer,
            holder: Arc::clone(&session.id),
            subject: session.grant.subject.clone(),
            grace_until_us: None,
        })),
        (false, true) => None,
        (false, false) => {
            before.and_then(|param| param.lock.as_deref()).and_then(|lock| kept(lock, session, now))
        }
    };
    Committed {
        revision: before.map_or(last_revision, |param| param.revision) + 1,
        timestamp_us: before.map_or(now.unix_us, |param| now.unix_us.max(param.timestamp_us + 1)),
        ttl,
        deadline_us: deadline_us(ttl, checked.value().kind(), &router.config.params, now),
        lock,
    }
}

impl Committed {
    /// The first value of an address.
    fn into_param(
        self,
        router: &Router,
        session: &Session,
        checked: &CheckedSet<'_>,
        now: Now,
    ) -> Param {
        Param {
            value: checked.value().clone().into_owned(),
            revision: self.revision,
            writer: Arc::clone(&session.id),
            timestamp_us: self.timestamp_us,
            ttl: self.ttl,
            deadline_us: self.deadline_us,
            touched_us: now.mono_us,
            lock: self.lock,
            owner: Arc::clone(session.owner()),
            strategy: router.strategy(checked.address()),
        }
    }

    /// The next value of a param. Its memory is used again.
    fn rewrite(self, param: &mut Param, session: &Session, checked: &CheckedSet<'_>, now: Now) {
        param.value.assign(checked.value());
        param.revision = self.revision;
        if !Arc::ptr_eq(&param.writer, &session.id) {
            param.writer = Arc::clone(&session.id);
        }
        param.timestamp_us = self.timestamp_us;
        param.ttl = self.ttl;
        param.deadline_us = self.deadline_us;
        param.touched_us = now.mono_us;
        param.lock = self.lock;
    }
}

/// The lock after a write that does not mention it. One in its grace goes to its subject, who has
/// just shown up; one whose grace is over is gone.
fn kept(lock: &Lock, session: &Session, now: Now) -> Option<Box<Lock>> {
    if lock.grace_until_us.is_some_and(|until_us| until_us <= now.mono_us) {
        return None;
    }
    let holder = Arc::clone(&session.id);
    Some(Box::new(Lock { peer: session.peer, holder, grace_until_us: None, ..lock.clone() }))
}

/// Keeps the session's own list of locks in step.
fn note_lock(session: &Arc<Session>, shard: &mut Shard, slot: u32, is_locked: bool) {
    let entry = shard.entry(slot);
    let held = entry.param.as_ref().is_some_and(|before| before.lock.is_some());
    match (is_locked, held) {
        (true, _) => session.note_lock(&entry.address),
        (false, true) => session.forget_lock(&entry.address),
        (false, false) => {}
    }
}

/// The journal entry of an applied SET.
pub(crate) fn journal_entry<'a>(
    session: &'a Session,
    checked: &'a CheckedSet<'_>,
    applied: &Applied,
) -> Entry<'a> {
    Entry {
        timestamp_us: applied.timestamp_us,
        author: &session.id,
        address: checked.address(),
        record: Record::Set {
            value: checked.value().borrowed(),
            revision: applied.revision,
            ttl: applied.ttl,
        },
    }
}

/// Tells everyone who subscribed, the sender included.
pub(crate) fn deliver(
    router: &Router,
    shard: &mut Shard,
    checked: &CheckedSet<'_>,
    applied: &Applied,
    (group, now): (Option<&mut Group>, Now),
) {
    let set = Set {
        address: checked.address().into(),
        value: checked.value().borrowed(),
        revision: Some(applied.revision),
        ttl: checked.ttl(),
        ..*checked.set
    };
    let frame = Broadcast::build(|out| codec::encode_set(&set, Qos::Confirm, out));
    let Ok(frame) = frame else { return };
    let mut delivery = Delivery { frame, source: Source::Set(&set), except: None, now };
    match group {
        None => router.deliver(shard.entry(applied.slot), &mut delivery),
        Some(group) => router.deliver_together(shard.entry(applied.slot), delivery, group),
    };
}
