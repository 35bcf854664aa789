//! Carries out the checked parts of a bundle in one critical section (routing.md section 7).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::MutexGuard;

use super::publish::{self, Forward};
use super::set::{self, Applied};
use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::deliver::Group;
use crate::gesture::{self, Gestures, Step};
use crate::journal::Entry;
use crate::p2p;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;
use crate::state::eviction::Keep;
use crate::state::store::{SHARDS, Shard};
use crate::verbs::bundle::CheckedPart;

/// The locked shards of a bundle, by number.
type Shards<'a> = Vec<Option<MutexGuard<'a, Shard>>>;

/// One bundle being carried out.
struct Commit<'a> {
    router: &'a Arc<Router>,
    session: &'a Arc<Session>,
    shards: Shards<'a>,
    now: Now,
}

/// A bundle that took effect.
pub(crate) struct Committed {
    /// Of the last SET, if there was one.
    pub(crate) revision: Option<u64>,
    /// Place of its last entry in the journal, if there is one.
    pub(crate) sequence: Option<u64>,
}

/// Applies all parts or none.
pub(crate) fn commit(
    router: &Arc<Router>,
    session: &Arc<Session>,
    parts: &[CheckedPart<'_>],
    now: Now,
) -> Result<Committed, Refusal> {
    let targets = find_targets(router, session, parts, now)?;
    make_room(router, parts, now)?;
    let mut gestures = session.gestures.lock();
    let shards = lock_shards(router, parts);
    let mut commit = Commit { router, session, shards, now };
    let applied = commit.apply_all(parts)?;
    let sequence = commit.record(parts, &applied);
    let mut group = Group::default();
    let mut applied_sets = applied.iter();
    for part in parts {
        match part {
            CheckedPart::Set(checked) => {
                let Some(applied) = applied_sets.next() else { continue };
                let shard = commit.shard(checked.place().shard);
                set::deliver(router, shard, checked, applied, (Some(&mut group), now));
            }
            CheckedPart::Publish(checked) => {
                commit.publish(checked.forward(), (&mut gestures, &targets), &mut group);
            }
        }
    }
    group.flush(now);
    Ok(Committed { revision: applied.last().map(|applied| applied.revision), sequence })
}

/// Sessions that P2P signals among the parts are meant for.
fn find_targets(
    router: &Router,
    session: &Session,
    parts: &[CheckedPart<'_>],
    now: Now,
) -> Result<HashMap<String, Arc<Session>>, Refusal> {
    let mut targets = HashMap::new();
    for part in parts {
        let CheckedPart::Publish(checked) = part else { continue };
        let address = &*checked.forward().publish.address;
        if let Some(target) = p2p::find(router, address) {
            let target = target?;
            publish::check_signal_rate(router, session, address, now)?;
            targets.insert(address.to_owned(), target);
        }
    }
    Ok(targets)
}

/// Makes room for the params that the bundle will create.
fn make_room(router: &Arc<Router>, parts: &[CheckedPart<'_>], now: Now) -> Result<(), Refusal> {
    let sets = parts.iter().filter(|part| matches!(part, CheckedPart::Set(_))).count();
    if !router.store.is_full(&router.config.params, sets) {
        return Ok(());
    }
    let (mut fresh, mut known) = (HashSet::new(), HashSet::new());
    for part in parts {
        let CheckedPart::Set(checked) = part else { continue };
        let place = checked.place();
        let mut shard = router.store.lock(place.shard);
        match shard.param(checked.address(), place.hash) {
            Some(_) => known.insert(checked.address()),
            None => fresh.insert(checked.address()),
        };
    }
    match fresh.iter().next() {
        Some(address) => {
            let keep = Keep { addresses: &|address| known.contains(address), now };
            set::make_room(router, fresh.len(), address, &keep)
        }
        None => Ok(()),
    }
}

/// Locks the shards of all parts in ascending order.
fn lock_shards<'a>(router: &'a Router, parts: &[CheckedPart<'_>]) -> Shards<'a> {
    let mut needed = [false; SHARDS];
    for part in parts {
        let place = match part {
            CheckedPart::Set(checked) => checked.place(),
            CheckedPart::Publish(checked) => router.store.place(&checked.forward().publish.address),
        };
        needed[place.shard] = true;
    }
    needed.iter().enumerate().map(|(n, needed)| needed.then(|| router.store.lock(n))).collect()
}

impl<'a> Commit<'a> {
    fn shard(&mut self, number: usize) -> &mut Shard {
        self.shards[number].as_deref_mut().expect("every shard of the bundle is locked")
    }

    /// Applies the SETs and asks the rules about the PUBLISHes, in order, so that each part is
    /// judged by what those before it did; when one is refused, the SETs are undone.
    fn apply_all(&mut self, parts: &[CheckedPart<'_>]) -> Result<Vec<Applied>, Refusal> {
        let mut applied: Vec<(usize, Applied)> = Vec::new();
        for part in parts {
            if let Err(refusal) = self.apply(part, &mut applied) {
                self.undo(applied);
                return Err(refusal);
            }
        }
        Ok(applied.into_iter().map(|(_, one)| one).collect())
    }

    fn apply(
        &mut self,
        part: &CheckedPart<'_>,
        applied: &mut Vec<(usize, Applied)>,
    ) -> Result<(), Refusal> {
        let (router, session, now) = (self.router, self.session, self.now);
        match part {
            CheckedPart::Set(checked) => {
                let number = checked.place().shard;
                let how = (now, set::Undo::Possible);
                let one = set::apply(router, session, self.shard(number), checked, how)?;
                applied.push((number, one));
                Ok(())
            }
            CheckedPart::Publish(checked) => {
                publish::check_rules(router, session, checked.forward(), now)
            }
        }
    }

    fn undo(&mut self, applied: Vec<(usize, Applied)>) {
        for (number, one) in applied.into_iter().rev() {
            let router = self.router;
            let locked = one.before.as_ref().is_some_and(|before| before.lock.is_some());
            let address = Arc::clone(&self.shard(number).entry(one.slot).address);
            router.store.undo(self.shard(number), one.slot, one.before);
            if locked {
                self.session.note_lock(&address);
            } else {
                self.session.forget_lock(&address);
            }
        }
    }

    /// Writes the SETs and PUBLISHes of the bundle as one group.
    fn record(&self, parts: &[CheckedPart<'_>], applied: &[Applied]) -> Option<u64> {
        self.router.durability.journal()?;
        let frames: Vec<Option<Broadcast>> = parts
            .iter()
            .map(|part| match part {
                CheckedPart::Set(_) => None,
                CheckedPart::Publish(checked) => checked.forward().frame(),
            })
            .collect();
        let mut applied = applied.iter();
        let entries: Vec<Entry<'_>> = parts
            .iter()
            .zip(&frames)
            .filter_map(|(part, frame)| match part {
                CheckedPart::Set(checked) => {
                    Some(set::journal_entry(self.session, checked, applied.next()?))
                }
                CheckedPart::Publish(checked) => {
                    let forward = checked.forward();
                    if p2p::recipient(&forward.publish.address).is_some() {
                        return None;
                    }
                    Some(publish::journal_entry(self.session, forward, frame.as_ref()?, self.now))
                }
            })
            .collect();
        self.router.durability.record(&entries, self.now)
    }

    fn publish(
        &mut self,
        forward: &Forward<'_>,
        (gestures, targets): (&mut Option<Box<Gestures>>, &HashMap<String, Arc<Session>>),
        group: &mut Group,
    ) {
        let address = &*forward.publish.address;
        if let Some(target) = targets.get(address) {
            if let Some(frame) = self.router.shown(target, forward, self.now) {
                group.add_direct(target, frame, address);
            }
            return;
        }
        let (router, session, now) = (self.router, self.session, self.now);
        let place = router.store.place(address);
        let shard = self.shard(place.shard);
        let Step { flush, now: at_once } = if forward.is_gesture() {
            gesture::step(router, session, gestures, forward, now)
        } else {
            Step { flush: None, now: true }
        };
        if let Some(held) = flush {
            held.forward(|held| {
                let at = (&mut *shard, place.hash);
                publish::fan_out_in(router, session, at, &held, (Some(&mut *group), now));
            });
        }
        if at_once {
            let at = (shard, place.hash);
            publish::fan_out_in(router, session, at, forward, (Some(group), now));
        }
    }
}
