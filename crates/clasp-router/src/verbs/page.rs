//! Params in pages, for doors whose clients ask for so many at a time.

use std::ops::ControlFlow;
use std::sync::Arc;

use clasp_protocol::{ErrorCode, Pattern};

use crate::connection::{Page, Wanted};
use crate::dispatch::Request;
use crate::feed::literal_prefix;
use crate::persistence::record;
use crate::policy::Visibility;
use crate::refusal::Refusal;
use crate::state::store::SHARDS;

/// Params looked at for one page.
const SCAN_MAX: usize = 4_096;

/// Bytes of values from which on a page takes no further param.
const PAGE_BYTES: usize = 128 << 10;

pub(crate) fn page(request: &Request<'_>, wanted: &Wanted<'_>) -> Result<Page, Refusal> {
    let Request { router, session, now, .. } = *request;
    let pattern = Pattern::parse_within(wanted.pattern, &router.config.addresses)
        .map_err(|error| Refusal::new(ErrorCode::PatternError, error.to_string()))
        .map_err(|refusal| refusal.at(wanted.pattern))?;
    if !session.grant.may_subscribe(&pattern) {
        return Err(Refusal::out_of_scope("read", wanted.pattern));
    }
    let prefix = literal_prefix(&pattern);
    let mut after: Option<Arc<str>> = wanted.after.map(Into::into);
    let first = after.as_ref().map_or(0, |after| router.store.place(after).shard);
    let mut page = Page::default();
    let mut last = after.clone();
    let (mut scanned, mut bytes) = (0, 0);
    for number in first..SHARDS {
        let mut shard = router.store.lock(number);
        let mut touched = false;
        let done = shard.visit_params(&prefix, after.as_deref(), |address, param| {
            if page.params.len() >= wanted.params_max || scanned >= SCAN_MAX || bytes >= PAGE_BYTES
            {
                return ControlFlow::Break(());
            }
            scanned += 1;
            last = Some(Arc::clone(address));
            if !pattern.matches(address)
                || param.is_expired(now)
                || !session.grant.may_listen(address)
            {
                return ControlFlow::Continue(());
            }
            let shown = router.visibility(session, (address, Some(&param.value)), now);
            let mut record = record(address, param, now);
            match shown {
                Visibility::Withhold => return ControlFlow::Continue(()),
                Visibility::Deliver => {}
                Visibility::Redacted(value) => record.value = value,
            }
            bytes += record.value.data().len();
            page.params.push(record.into_owned());
            param.touch(&router.config.params, now);
            router.store.observer.is(address, param);
            touched = true;
            ControlFlow::Continue(())
        });
        if touched {
            shard.note_touch();
        }
        if !done {
            page.next = last.map(|last| last.to_string());
            return Ok(page);
        }
        after = None;
    }
    Ok(page)
}
