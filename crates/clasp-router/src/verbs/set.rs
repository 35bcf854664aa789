//! SET (routing.md section 4).

use std::sync::atomic::Ordering;

use clasp_protocol::message::{Ack, Set};

use crate::dispatch::Request;
use crate::refusal::Refusal;
use crate::write;

pub(crate) fn set(request: &Request<'_>, set: &Set<'_>) -> Result<(), Refusal> {
    let Request { router, session, qos, now, .. } = *request;
    router.durability.check(qos).map_err(|refusal| refusal.at(&set.address))?;
    let checked = write::check_set(router, session, set)?;
    let applied = write::set::commit(router, session, &checked, now)?;
    session.last_revision.store(applied.revision, Ordering::Relaxed);
    let locked = checked.concerns_lock().then_some(applied.holder.is_some());
    let holder = applied.holder.filter(|_| checked.concerns_lock());
    let ack = Ack {
        address: Some(checked.address().into()),
        revision: Some(applied.revision),
        locked,
        holder: holder.as_deref().map(Into::into),
        correlation: None,
    };
    let stored = request.acknowledge_write(ack, applied.sequence);
    stored.map_err(|refusal| refusal.at(&set.address))
}
