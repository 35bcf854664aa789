//! REPLAY and the history of a subscription, page by page (routing.md 3.3, 8).

use std::collections::HashSet;
use std::sync::Arc;

use clasp_protocol::message::{Replay, Set, SignalType, TypeMask};
use clasp_protocol::{ErrorCode, Message, Pattern, Qos, codec};

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::journal::{Journal, JournalError, Query, Record, Scan, Stored};
use crate::outbox::Class;
use crate::policy::Visibility;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;

/// Entries read from the journal at a time.
const PAGE: usize = 256;

/// A walk through the journal for one session.
#[derive(Debug)]
pub(crate) struct History {
    pattern: Pattern,
    from_us: Option<u64>,
    to_us: Option<u64>,
    types: TypeMask,
    after: u64,
    left: usize,
    sent: u64,
    newest_per_address: Option<usize>,
    /// Later entries are told as they happen, by the subscription.
    until: u64,
    /// Set for a REPLAY: whether its end is confirmed.
    replay: Option<bool>,
    /// The subscription that begins with it.
    subscription: Option<u32>,
}

/// What a subscription begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest {
    pub(crate) subscription: u32,
    /// Signals of each address.
    pub(crate) per_address: u32,
    /// Last entry of the journal that is told.
    pub(crate) until: u64,
}

impl History {
    /// What REPLAY asks for, at most `entries_max` of it.
    pub(crate) fn replay(
        pattern: Pattern,
        replay: &Replay<'_>,
        entries_max: u32,
        confirm: bool,
    ) -> History {
        History {
            pattern,
            from_us: replay.from,
            to_us: replay.to,
            types: TypeMask::from_wire(replay.types),
            after: 0,
            left: replay.limit.unwrap_or(entries_max).min(entries_max) as usize,
            sent: 0,
            newest_per_address: None,
            until: u64::MAX,
            replay: Some(confirm),
            subscription: None,
        }
    }

    /// The newest signals of each address that a subscription begins with.
    pub(crate) fn newest(pattern: Pattern, types: TypeMask, newest: Newest) -> History {
        let Newest { subscription, per_address, until } = newest;
        History {
            pattern,
            from_us: None,
            to_us: None,
            types,
            after: 0,
            left: usize::MAX,
            sent: 0,
            newest_per_address: Some(per_address as usize),
            until,
            replay: None,
            subscription: Some(subscription),
        }
    }

    /// What a subscription that is resumed begins with: everything after one entry and up to
    /// another.
    pub(crate) fn since(
        pattern: Pattern,
        (subscription, types): (u32, TypeMask),
        (after, until): (u64, u64),
    ) -> History {
        let newest = Newest { subscription, per_address: 0, until };
        History { after, newest_per_address: None, ..History::newest(pattern, types, newest) }
    }

    pub(crate) fn subscription(&self) -> Option<u32> {
        self.subscription
    }
}

/// Sends one page; gives back what is left of the walk.
pub(crate) fn step(
    router: &Arc<Router>,
    session: &Arc<Session>,
    mut history: History,
    now: Now,
) -> Option<History> {
    let page = read_page(router, session, &mut history, now);
    let finished = match page {
        Ok(scan) => {
            history.after = scan.through;
            scan.complete || history.left == 0 || scan.through >= history.until
        }
        Err(error) => {
            router.metrics.journal_error();
            let text = format!("the journal cannot be read: {error}");
            let refusal = Refusal::new(ErrorCode::InternalError, text).at(history.pattern.as_str());
            router.refuse(&session.outbox, &refusal, None, now);
            true
        }
    };
    if !finished {
        return Some(history);
    }
    if let Some(confirm) = history.replay {
        let outcome = (history.pattern.as_str(), history.sent, confirm);
        crate::feed::finish_replay(router, session, outcome, now);
    }
    None
}

fn read_page(
    router: &Router,
    session: &Session,
    history: &mut History,
    now: Now,
) -> Result<Scan, JournalError> {
    let Some(journal) = router.durability.journal() else {
        return Ok(Scan { through: 0, complete: true });
    };
    let whole = history.newest_per_address.is_some();
    let query = Query {
        from_us: history.from_us,
        to_us: history.to_us,
        types: history.types,
        after: history.after,
        limit: if whole { history.left } else { history.left.min(PAGE) },
        newest_per_address: history.newest_per_address,
        ..Query::of(&history.pattern)
    };
    let begins = history.subscription.is_some();
    let overtaken = if begins { overtaken(&**journal, history)? } else { HashSet::new() };
    let (mut seen, mut sent) = (0, 0);
    let scan = journal.query(&query, &mut |stored| {
        seen += 1;
        let is_set = matches!(stored.entry.record, Record::Set { .. });
        if stored.sequence > history.until || is_set && overtaken.contains(stored.entry.address) {
            return true;
        }
        if let Some(frame) = frame(router, session, stored, now) {
            session.outbox.push(&frame, Class::Reply, now.mono_us);
            sent += 1;
        }
        true
    })?;
    history.sent += sent;
    history.left = history.left.saturating_sub(seen);
    Ok(scan)
}

/// Params that were written after the subscription began: their past would come after their news.
fn overtaken(journal: &dyn Journal, history: &History) -> Result<HashSet<String>, JournalError> {
    let mut addresses = HashSet::new();
    let query = Query { after: history.until, ..Query::of(&history.pattern) };
    journal.query(&query, &mut |stored| {
        if matches!(stored.entry.record, Record::Set { .. }) {
            addresses.insert(stored.entry.address.to_owned());
        }
        true
    })?;
    Ok(addresses)
}

/// The entry as it was sent then, if the session may see it.
fn frame(router: &Router, session: &Session, stored: &Stored<'_>, now: Now) -> Option<Broadcast> {
    let entry = &stored.entry;
    if !session.grant.may_listen(entry.address) {
        return None;
    }
    match &entry.record {
        Record::Delete { .. } => None,
        Record::Set { value, revision, .. } => {
            let value = match router.visibility(session, (entry.address, Some(value)), now) {
                Visibility::Withhold => return None,
                Visibility::Deliver => value.borrowed(),
                Visibility::Redacted(value) => value,
            };
            let set = Set { revision: Some(*revision), ..Set::new(entry.address, value) };
            Broadcast::new(&Message::Set(set), Qos::Confirm).ok()
        }
        Record::Publish { payload, signal } => {
            let Ok(Message::Publish(mut publish)) = codec::decode(payload) else { return None };
            publish.timestamp.get_or_insert(entry.timestamp_us);
            match router.visibility(session, (entry.address, publish.value.as_ref()), now) {
                Visibility::Withhold => return None,
                Visibility::Deliver => {}
                Visibility::Redacted(value) => publish.value = Some(value),
            }
            let qos = if *signal == SignalType::Stream { Qos::Fire } else { Qos::Confirm };
            let mut message = Message::Publish(publish);
            Broadcast::new(&message, qos).ok().or_else(|| {
                // There was no room for the time that was added.
                let Message::Publish(publish) = &mut message else { return None };
                publish.timestamp = None;
                Broadcast::new(&message, qos).ok()
            })
        }
    }
}
