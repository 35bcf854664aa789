//! SUBSCRIBE and UNSUBSCRIBE (routing.md section 3).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use clasp_protocol::message::{SignalType, Subscribe, TypeMask, Unsubscribe};
use clasp_protocol::{ErrorCode, Pattern};

use crate::dispatch::Request;
use crate::feed::{self, Feed};
use crate::history::{History, Newest};
use crate::p2p;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::{Session, Subscribed};
use crate::subscription::Subscription;
use crate::subscription::index::Key;

/// Most recent signals per address that a subscription may begin with.
const HISTORY_MAX: u32 = 100;

pub(crate) fn subscribe(request: &Request<'_>, subscribe: &Subscribe<'_>) -> Result<(), Refusal> {
    let Request { router, session, now, .. } = *request;
    let Begun { pattern, types, until } = begin(request, subscribe)?;
    if pattern.matches(p2p::ANNOUNCE_ADDRESS) {
        router.announcements.tell(router, session, now);
    }
    let history = subscribe.options.and_then(|options| options.history).unwrap_or(0);
    let mut feeds = session.feeds.lock();
    if history > 0 && router.durability.journal().is_some() {
        let newest =
            Newest { subscription: subscribe.id, per_address: history.min(HISTORY_MAX), until };
        let history = History::newest(pattern.clone(), types, newest);
        feeds.push_back(Feed::History(history));
    }
    if types.takes(SignalType::Param) && !request.quiet {
        feeds.push_back(Feed::subscription(subscribe.id, pattern));
    }
    drop(feeds);
    feed::pull(router, session, now);
    Ok(())
}

/// A subscription that is registered and has been told nothing yet.
struct Begun {
    pattern: Pattern,
    types: TypeMask,
    /// Last entry of the journal before it.
    until: u64,
}

fn begin(request: &Request<'_>, subscribe: &Subscribe<'_>) -> Result<Begun, Refusal> {
    let Request { router, session, .. } = *request;
    let pattern = Pattern::parse_within(&subscribe.pattern, &router.config.addresses)
        .map_err(|error| Refusal::new(ErrorCode::PatternError, error.to_string()))
        .map_err(|refusal| refusal.at(&subscribe.pattern))?;
    if !session.grant.may_subscribe(&pattern) {
        return Err(Refusal::out_of_scope("subscribe to", &subscribe.pattern));
    }
    let types = TypeMask::from_wire(subscribe.types);
    let subscription = Subscription::new(session, types, subscribe.options.as_ref());
    let until = router.ports.journal.as_ref().map_or(0, |journal| journal.latest());
    register(router, session, (subscribe.id, pattern.clone()), subscription)?;
    Ok(Begun { pattern, types, until })
}

/// Subscribes and tells what the journal holds after this entry, where others are told the params.
pub(crate) fn resume(
    request: &Request<'_>,
    subscribe: &Subscribe<'_>,
    after: u64,
) -> Result<(), Refusal> {
    let Request { router, session, now, .. } = *request;
    let Begun { pattern, types, .. } = begin(request, subscribe)?;
    // Later entries are sure to find the subscription.
    let until = router.durability.journal().map_or(0, |journal| journal.latest());
    let missed = History::since(pattern, (subscribe.id, types), (after, until));
    session.feeds.lock().push_back(Feed::History(missed));
    feed::pull(router, session, now);
    request.acknowledge_read();
    Ok(())
}

/// Puts a subscription into the index. The same id with the same pattern refreshes it, with
/// another pattern it is one more (wire.md 18.4).
fn register(
    router: &Router,
    session: &Arc<Session>,
    (id, pattern): (u32, Pattern),
    subscription: Subscription,
) -> Result<(), Refusal> {
    let types = subscription.takes;
    let key = Key { peer: session.peer, id };
    let mut index = router.index.write();
    let mut mine = session.subscriptions.lock();
    let known = index.find(pattern.as_str());
    let old = mine.iter().position(|mine| mine.id == id && known == Some(mine.pattern));
    let max = router.config.subscriptions_per_session_max;
    if old.is_none() && max > 0 && mine.len() >= max {
        let text = format!("a session may be subscribed to at most {max} patterns");
        return Err(Refusal::new(ErrorCode::TooManyRequests, text).at(pattern.as_str()));
    }
    let pattern = index.insert(pattern, key, subscription);
    let subscribed = Subscribed { id, pattern, types };
    match old {
        Some(old) => mine[old] = subscribed,
        None => {
            if mine.is_empty() {
                mine.reserve_exact(1);
            }
            mine.push(subscribed);
        }
    }
    router.generation.store(index.generation(), Ordering::Release);
    Ok(())
}

/// Ends every pattern of an id. Afterwards nothing is queued for them any more.
pub(crate) fn unsubscribe(request: &Request<'_>, unsubscribe: Unsubscribe) {
    let Request { router, session, .. } = *request;
    {
        let mut index = router.index.write();
        let mut mine = session.subscriptions.lock();
        let before = mine.len();
        mine.retain(|subscribed| {
            if subscribed.id != unsubscribe.id {
                return true;
            }
            index.remove(subscribed.pattern, Key { peer: session.peer, id: subscribed.id });
            false
        });
        if mine.len() == before {
            return;
        }
        router.generation.store(index.generation(), Ordering::Release);
    }
    session.feeds.lock().retain(|feed| !feed.is_for(unsubscribe.id));
    router.store.barrier();
}

/// Ends all subscriptions of a session.
pub(crate) fn forget_all(router: &Router, session: &Session) {
    let mut index = router.index.write();
    for subscribed in std::mem::take(&mut *session.subscriptions.lock()) {
        index.remove(subscribed.pattern, Key { peer: session.peer, id: subscribed.id });
    }
    router.generation.store(index.generation(), Ordering::Release);
}

/// Whether a session is still subscribed to this param.
pub(crate) fn hears_param(router: &Router, session: &Session, address: &str) -> bool {
    let index = router.index.read();
    session.subscriptions.lock().iter().any(|mine| {
        mine.types.takes(SignalType::Param)
            && index.pattern(mine.pattern).is_some_and(|pattern| pattern.matches(address))
    })
}

/// Tells a session all its params anew.
pub(crate) fn snapshot_all(router: &Router, session: &Session) {
    let index = router.index.read();
    let mine = session.subscriptions.lock();
    let patterns = mine
        .iter()
        .filter(|mine| mine.types.takes(SignalType::Param))
        .filter_map(|mine| Some(Feed::subscription(mine.id, index.pattern(mine.pattern)?.clone())));
    session.feeds.lock().extend(patterns);
}
