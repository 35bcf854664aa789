//! REPLAY (routing.md section 8).

use std::sync::atomic::Ordering;

use clasp_protocol::message::Replay;
use clasp_protocol::{ErrorCode, Pattern, Qos};

use crate::dispatch::Request;
use crate::feed::{self, Feed};
use crate::history::History;
use crate::refusal::Refusal;

pub(crate) fn replay(request: &Request<'_>, replay: &Replay<'_>) -> Result<(), Refusal> {
    let Request { router, session, now, .. } = *request;
    let at = |refusal: Refusal| refusal.at(&replay.pattern);
    let pattern = Pattern::parse_within(&replay.pattern, &router.config.addresses)
        .map_err(|error| at(Refusal::new(ErrorCode::PatternError, error.to_string())))?;
    if !session.grant.may_subscribe(&pattern) {
        return Err(Refusal::out_of_scope("replay", &replay.pattern));
    }
    if router.durability.journal().is_none() {
        let text = "this relay keeps no journal";
        return Err(at(Refusal::new(ErrorCode::ServiceUnavailable, text)));
    }
    if session.replaying.swap(true, Ordering::Relaxed) {
        let text = "another REPLAY of this session is still running";
        return Err(at(Refusal::new(ErrorCode::TooManyRequests, text)));
    }
    let confirm = request.qos != Qos::Fire;
    let history = History::replay(pattern, replay, router.config.replay_entries_max, confirm);
    session.feeds.lock().push_back(Feed::History(history));
    feed::pull(router, session, now);
    Ok(())
}
