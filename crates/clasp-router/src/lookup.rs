//! Which params a session may know of, for doors whose requests name several at once.

use std::ops::ControlFlow;
use std::sync::Arc;

use clasp_protocol::Pattern;

use crate::clock::Now;
use crate::feed;
use crate::policy::Visibility;
use crate::router::Router;
use crate::session::Session;
use crate::state::store::SHARDS;

/// Addresses of params that match, that GET would show and that are wanted; at most so many.
pub(crate) fn find(
    (router, session): (&Router, &Session),
    pattern: &Pattern,
    (wanted, count_max): (&dyn Fn(&str) -> bool, usize),
    now: Now,
) -> Vec<Arc<str>> {
    let prefix = feed::literal_prefix(pattern);
    let mut found = Vec::new();
    for number in 0..SHARDS {
        let mut shard = router.store.lock(number);
        let more = shard.visit_params(&prefix, None, |address, param| {
            if found.len() >= count_max {
                return ControlFlow::Break(());
            }
            let is_meant = pattern.matches(address) && wanted(address) && !param.is_expired(now);
            if is_meant && session.grant.may_read(address) {
                let seen = router.visibility(session, (address, Some(&param.value)), now);
                if !matches!(seen, Visibility::Withhold) {
                    found.push(Arc::clone(address));
                }
            }
            ControlFlow::Continue(())
        });
        if !more {
            break;
        }
    }
    found
}
