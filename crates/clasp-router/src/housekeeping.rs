//! Sweeps, once a second: ends of life, slow consumers, lists that are out of date.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use clasp_auth::Denied;
use clasp_protocol::message::Set;
use clasp_protocol::{Message, Qos, RawValue};

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::deliver::{Delivery, Source};
use crate::journal::DeleteReason;
use crate::outbox::{Close, Outbox};
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;
use crate::state::expiry::Gone;
use crate::state::store::{SHARDS, Shard};
use crate::timer::Task;
use crate::write;

const INTERVAL_US: u64 = 1_000_000;

/// Params that expire under one hold of a shard's lock.
const EXPIRE_BATCH: usize = 256;

/// Runs all sweeps and asks to be run again.
pub(crate) fn run(router: &Arc<Router>, now: Now) {
    router.timers.add(now.mono_us + INTERVAL_US, Task::Housekeeping);
    for number in 0..SHARDS {
        expire(router, number, now);
    }
    sweep_stale(router, now);
    router.signals.expire(now.mono_us);
    watch_slow_consumers(router, now);
    let authenticator = &router.ports.authenticator;
    let revision = authenticator.revision();
    let recheck = router.grants_checked.swap(revision, Ordering::Relaxed) != revision;
    let concerned = |session: &&Arc<Session>| {
        recheck || session.grant.expires_unix_us.is_some() || session.gestures.lock().is_some()
    };
    let sessions: Vec<_> = router.sessions.read().values().filter(concerned).cloned().collect();
    for session in sessions {
        crate::gesture::forget_idle(router, &session, now);
        if session.grant.is_expired(now.unix_us) {
            router.expel(&session, &Refusal::denied(&Denied::Expired), now);
        } else if recheck && !authenticator.still_holds(&session.grant) {
            router.expel(&session, &Refusal::denied(&Denied::Revoked), now);
        }
    }
}

/// Sees that lists of subscribers from before the last change go, one shard at a time: to look at
/// all addresses at once would hold up whoever has something to say.
fn sweep_stale(router: &Router, now: Now) {
    let generation = router.generation.load(Ordering::Acquire);
    if router.swept_generation.swap(generation, Ordering::Relaxed) == generation {
        return;
    }
    for shard in 0..SHARDS {
        let due_us = now.mono_us + INTERVAL_US * shard as u64 / SHARDS as u64;
        router.timers.add(due_us, Task::DropStale(shard));
    }
}

/// Lets go of a shard's lists of subscribers that are out of date.
pub(crate) fn drop_stale(router: &Router, shard: usize) {
    let generation = router.generation.load(Ordering::Acquire);
    router.store.lock(shard).drop_stale_audiences(generation);
}

fn expire(router: &Arc<Router>, number: usize, now: Now) {
    loop {
        let mut shard = router.store.lock(number);
        let gone = router.store.expire(&mut shard, now, EXPIRE_BATCH);
        let batch = gone.len();
        for mut gone in gone {
            if router.config.params.notify_expiry {
                // The null that subscribers are told is a revision of its own.
                gone.revision += 1;
                let hash = router.store.place(&gone.address).hash;
                router.store.bury(&mut shard, hash, gone.revision);
                tell_expiry(router, &mut shard, &gone, now);
            }
            write::set::left(router, &gone, DeleteReason::Expired, now);
        }
        if batch < EXPIRE_BATCH {
            return;
        }
    }
}

/// Tells subscribers of an expired param by a SET of null.
fn tell_expiry(router: &Router, shard: &mut Shard, gone: &Gone, now: Now) {
    let set = Set { revision: Some(gone.revision), ..Set::new(&*gone.address, RawValue::null()) };
    let message = Message::Set(set);
    let (Ok(frame), Message::Set(set)) = (Broadcast::new(&message, Qos::Confirm), &message) else {
        return;
    };
    let slot = shard.intern(&gone.address, router.store.place(&gone.address).hash);
    let mut delivery = Delivery { frame, source: Source::Set(set), except: None, now };
    router.deliver(shard.entry(slot), &mut delivery);
}

/// Closes sessions that stay above their hard limit, and the worst ones when all together wait
/// for too much (routing.md 5.2).
fn watch_slow_consumers(router: &Router, now: Now) {
    let mut congested: Vec<Arc<Outbox>> = {
        let mut listed = router.outboxes.congested.lock();
        listed.retain(|outbox| outbox.upgrade().is_some_and(|outbox| outbox.is_congested()));
        listed.sort_unstable_by_key(std::sync::Weak::as_ptr);
        listed.dedup_by(|one, other| one.ptr_eq(other));
        listed.iter().filter_map(std::sync::Weak::upgrade).collect()
    };
    let patience_us = u64::from(router.config.outbox.slow_consumer_s) * 1_000_000;
    congested.retain(|outbox| {
        let since = outbox.over_hard_since_us(now.mono_us);
        let over = since.is_some_and(|since| now.mono_us.saturating_sub(since) >= patience_us);
        if over {
            close_slow(router, outbox);
        }
        !over
    });
    let mut queued = router.outboxes.queued_bytes.load(Ordering::Relaxed);
    if queued <= router.config.outbox.total_bytes_max {
        return;
    }
    congested.sort_by_key(|outbox| std::cmp::Reverse(outbox.backlog_bytes()));
    for outbox in congested {
        if queued <= router.config.outbox.total_bytes_max {
            return;
        }
        queued = queued.saturating_sub(outbox.backlog_bytes() as u64);
        close_slow(router, &outbox);
    }
}

fn close_slow(router: &Router, outbox: &Outbox) {
    router.metrics.slow_consumer_closed();
    outbox.cut(Close::new(1013, "slow consumer"));
}
