//! PUBLISH (routing.md section 6).

use clasp_protocol::codec;
use clasp_protocol::message::{Ack, Publish};

use crate::dispatch::Request;
use crate::refusal::Refusal;
use crate::write::{self, publish::Forward};

pub(crate) fn publish(request: &Request<'_>, publish: &Publish<'_>) -> Result<(), Refusal> {
    let Request { router, session, now, qos, wire, .. } = *request;
    let wire = (!codec::is_legacy(wire)).then_some(wire);
    let checked = write::check_publish(router, session, Forward { publish, wire, qos })?;
    let acknowledged = router.config.ack_publish || request.is_foreign();
    if acknowledged {
        router.durability.check(qos)?;
    }
    write::publish::commit(router, session, &checked, now)?;
    if acknowledged {
        let ack = Ack { address: Some(publish.address.clone()), ..Ack::default() };
        request.acknowledge_write(ack, router.durability.latest())?;
    }
    Ok(())
}
