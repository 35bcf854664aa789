//! What is produced for a session at the pace at which it reads: snapshots, history, params that
//! it missed (routing.md 3.6, 5.2, 8).

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clasp_protocol::codec::SnapshotBuilder;
use clasp_protocol::message::{Ack, Set};
use clasp_protocol::pattern::Segment;
use clasp_protocol::{Message, Pattern, Qos};

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::history::{self, History};
use crate::outbox::{Class, Missed};
use crate::policy::Visibility;
use crate::router::Router;
use crate::session::Session;
use crate::state::param::Param;
use crate::state::store::SHARDS;

/// Nothing more is produced while so many bytes wait.
const AHEAD_BYTES: usize = 16 << 10;

/// How many times larger a snapshot can get in MessagePack, where field names are spelled out.
const LEGACY_GROWTH: usize = 3;

/// Params looked at under locks before what was found is sent.
const SCAN_MAX: usize = 4_096;

/// Something that is produced step by step.
#[derive(Debug)]
pub(crate) enum Feed {
    /// Params as they are.
    Snapshot(SnapshotFeed),
    /// What was journalled.
    History(History),
}

/// Params that match, shard by shard, in the order of their addresses.
#[derive(Debug)]
pub(crate) struct SnapshotFeed {
    /// The subscription that asked for it; `None` for the first one of a session.
    subscription: Option<u32>,
    /// `None` asks for everything the session may read.
    pattern: Option<Pattern>,
    /// Literal beginning of the pattern.
    prefix: Box<str>,
    shard: usize,
    after: Option<Arc<str>>,
    /// An empty SNAPSHOT is sent if nothing was found.
    even_empty: bool,
    /// Reading counts as access.
    touches: bool,
}

impl Feed {
    /// Everything the session may read, and a SNAPSHOT even if that is nothing.
    pub(crate) fn initial() -> Feed {
        Feed::Snapshot(SnapshotFeed::new(None, true))
    }

    /// One empty SNAPSHOT.
    pub(crate) fn empty() -> Feed {
        Feed::Snapshot(SnapshotFeed { shard: SHARDS, ..SnapshotFeed::new(None, true) })
    }

    /// Params that a subscription begins with.
    pub(crate) fn subscription(id: u32, pattern: Pattern) -> Feed {
        Feed::Snapshot(SnapshotFeed {
            subscription: Some(id),
            touches: true,
            ..SnapshotFeed::new(Some(pattern), false)
        })
    }

    /// Whether nobody else than this subscription asked for it.
    pub(crate) fn is_for(&self, subscription: u32) -> bool {
        let asked_by = match self {
            Feed::Snapshot(feed) => feed.subscription,
            Feed::History(history) => history.subscription(),
        };
        asked_by == Some(subscription)
    }
}

impl SnapshotFeed {
    fn new(pattern: Option<Pattern>, even_empty: bool) -> SnapshotFeed {
        let prefix = pattern.as_ref().map_or_else(|| "/".into(), literal_prefix);
        SnapshotFeed {
            subscription: None,
            pattern,
            prefix,
            shard: 0,
            after: None,
            even_empty,
            touches: false,
        }
    }
}

/// Segments before the first wildcard.
pub(crate) fn literal_prefix(pattern: &Pattern) -> Box<str> {
    let mut prefix = String::new();
    for segment in pattern.segments() {
        let Segment::Literal(text) = segment else { break };
        prefix.push('/');
        prefix.push_str(text);
    }
    prefix.into()
}

/// Produces until the session has enough to read or there is nothing more.
pub(crate) fn pull(router: &Arc<Router>, session: &Arc<Session>, now: Now) {
    while session.outbox.backlog_bytes() < AHEAD_BYTES {
        let next = session.next_feed();
        let unfinished = match next {
            Some(Feed::Snapshot(feed)) => {
                snapshot_step(router, session, feed, now).map(Feed::Snapshot)
            }
            Some(Feed::History(history)) => {
                history::step(router, session, history, now).map(Feed::History)
            }
            None => match session.outbox.missed() {
                Some(Missed::All) => {
                    crate::verbs::subscribe::snapshot_all(router, session);
                    None
                }
                missed => {
                    // What does not fit the queue either stays listed for the next time.
                    if let Some(Missed::Some(addresses)) = missed {
                        resend(router, session, &addresses, now);
                    }
                    session.outbox.set_feed(false);
                    return;
                }
            },
        };
        if let Some(feed) = unfinished {
            session.feeds.lock().push_front(feed);
        }
    }
    session.outbox.set_feed(true);
}

/// Sends one SNAPSHOT frame. The locks of the shards it took params from are held until it is
/// queued, so that no older value follows a newer one (O3).
fn snapshot_step(
    router: &Router,
    session: &Session,
    mut feed: SnapshotFeed,
    now: Now,
) -> Option<SnapshotFeed> {
    let mut bytes_max = router.config.snapshot_payload_bytes_max;
    if session.outbox.is_legacy() {
        bytes_max /= LEGACY_GROWTH;
    }
    let mut builder = SnapshotBuilder::new(bytes_max);
    let mut held = Vec::new();
    let mut scanned = 0;
    while feed.shard < SHARDS {
        let mut shard = router.store.lock(feed.shard);
        let SnapshotFeed { pattern, prefix, after, touches, .. } = &mut feed;
        let (mut last, mut touched) = (None, false);
        let done = shard.visit_params(prefix, after.as_deref(), |address, param| {
            scanned += 1;
            let wanted = pattern.as_ref().is_none_or(|pattern| pattern.matches(address));
            if wanted && !param.is_expired(now) {
                if !push_param((router, session), &mut builder, (address, param), now) {
                    return ControlFlow::Break(());
                }
                if *touches {
                    param.touch(&router.config.params, now);
                    router.store.observer.is(address, param);
                    touched = true;
                }
            }
            last = Some(Arc::clone(address));
            if scanned >= SCAN_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if touched {
            shard.note_touch();
        }
        if !builder.is_empty() {
            held.push(shard);
        }
        if !done {
            feed.after = last.or(feed.after);
            break;
        }
        feed.shard += 1;
        feed.after = None;
    }
    let finished = feed.shard >= SHARDS;
    if !builder.is_empty() || (finished && feed.even_empty) {
        feed.even_empty = false;
        if let Ok(frame) = Broadcast::build(|out| {
            builder.finish(out);
            Ok(())
        }) {
            session.outbox.push(&frame, Class::Reply, now.mono_us);
        }
    }
    (!finished).then_some(feed)
}

/// Adds a param if the session may see it; false means that the frame is full.
fn push_param(
    (router, session): (&Router, &Session),
    builder: &mut SnapshotBuilder,
    (address, param): (&str, &Param),
    now: Now,
) -> bool {
    if !session.grant.may_listen(address) {
        return true;
    }
    match router.visibility(session, (address, Some(&param.value)), now) {
        Visibility::Withhold => true,
        Visibility::Deliver => push_entry(builder, &param.entry(address)),
        Visibility::Redacted(value) => {
            let mut entry = param.entry(address);
            entry.value = value;
            push_entry(builder, &entry)
        }
    }
}

/// An entry that does not even fit an empty frame of the chosen size gets one of full size.
fn push_entry(
    builder: &mut SnapshotBuilder,
    entry: &clasp_protocol::message::ParamEntry<'_>,
) -> bool {
    if builder.push(entry) {
        return true;
    }
    if !builder.is_empty() {
        return false;
    }
    *builder = SnapshotBuilder::new(clasp_protocol::limits::PAYLOAD_BYTES_MAX);
    let fits = builder.push(entry);
    debug_assert!(fits, "a SET that is accepted fits a SNAPSHOT");
    true
}

/// Sends the current values of params whose news were dropped.
fn resend(router: &Router, session: &Arc<Session>, addresses: &[Arc<str>], now: Now) {
    for address in addresses {
        if session.outbox.backlog_bytes() >= AHEAD_BYTES {
            return;
        }
        let heard = crate::verbs::subscribe::hears_param(router, session, address);
        let place = router.store.place(address);
        let mut shard = router.store.lock(place.shard);
        let param =
            shard.param(address, place.hash).filter(|param| heard && !param.is_expired(now));
        match param.and_then(|param| news(router, session, (address, param), now)) {
            Some(frame) => session.outbox.push(&frame, Class::Again(address), now.mono_us),
            None => session.outbox.give_up_missed(address),
        }
    }
}

/// The SET that tells a param as it is now, if the session may see it.
fn news(
    router: &Router,
    session: &Session,
    (address, param): (&str, &Param),
    now: Now,
) -> Option<Broadcast> {
    let value = match router.visibility(session, (address, Some(&param.value)), now) {
        Visibility::Withhold => return None,
        Visibility::Deliver => param.value.borrowed(),
        Visibility::Redacted(value) => value,
    };
    let set = Set { revision: Some(param.revision), ..Set::new(address, value) };
    Broadcast::new(&Message::Set(set), Qos::Confirm).ok()
}

/// Ends a REPLAY.
pub(crate) fn finish_replay(
    router: &Router,
    session: &Arc<Session>,
    (pattern, entries, confirm): (&str, u64, bool),
    now: Now,
) {
    session.replaying.store(false, Ordering::Relaxed);
    if confirm {
        let ack = Ack { address: Some(pattern.into()), revision: Some(entries), ..Ack::default() };
        router.reply(&session.outbox, &Message::Ack(ack), Qos::Fire, now);
    }
}
