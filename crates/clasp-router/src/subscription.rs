//! What a session wants to hear, and how often (routing.md section 3).

pub(crate) mod index;
pub(crate) mod pace;
mod trie;

use std::sync::Arc;

use clasp_protocol::message::{SignalType, SubscribeOptions, TypeMask};

use crate::deliver::Target;
use crate::session::Session;
use pace::{Pace, Paces};

/// One subscription as the index keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) session: Arc<Session>,
    pub(crate) takes: TypeMask,
    pub(crate) pace: Option<Box<Pace>>,
}

impl Subscription {
    pub(crate) fn new(
        session: &Arc<Session>,
        takes: TypeMask,
        options: Option<&SubscribeOptions>,
    ) -> Subscription {
        let pace = options.and_then(Pace::of).map(Box::new);
        Subscription { session: Arc::clone(session), takes, pace }
    }
}

/// All subscriptions of one session that match an address, as one target. The most generous
/// limits win.
pub(crate) fn merge(same: &[(u64, &Subscription)]) -> Target {
    let first = same[0].1;
    let takes = same.iter().fold(first.takes, |takes, (_, other)| takes.union(other.takes));
    let pace_of = |kind| {
        let takers = same.iter().map(|(_, one)| *one).filter(|one| one.takes.takes(kind));
        let paces = takers.map(|one| one.pace.as_deref().copied().unwrap_or(Pace::FREE));
        paces.reduce(Pace::more_generous).unwrap_or(Pace::FREE)
    };
    let paces = Paces { params: pace_of(SignalType::Param), streams: pace_of(SignalType::Stream) };
    let pace = (paces != Paces::FREE).then(|| Box::new(paces));
    Target {
        outbox: Arc::clone(&first.session.outbox),
        session: Arc::clone(&first.session),
        takes,
        pace,
    }
}
