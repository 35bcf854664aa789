//! ANNOUNCE and QUERY (routing.md section 9).

use clasp_protocol::limits::PAYLOAD_BYTES_MAX;
use clasp_protocol::message::{Ack, Announce, Query, ResultMessage, SignalInfo};
use clasp_protocol::{ErrorCode, Message, Pattern, Qos};

use crate::clock::Now;
use crate::dispatch::Request;
use crate::policy::Visibility;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;
use crate::write;

pub(crate) fn announce(request: &Request<'_>, announce: &Announce<'_>) -> Result<(), Refusal> {
    let Request { router, session, now, .. } = *request;
    for signal in &announce.signals {
        write::check_address(router, &signal.address)?;
        if !session.grant.may_write(&signal.address) {
            return Err(Refusal::out_of_scope("announce", &signal.address));
        }
    }
    router.signals.announce(session.peer, &announce.signals, now.mono_us).map_err(|_| {
        let text = "the catalogue of announced signals is full";
        Refusal::new(ErrorCode::Overloaded, text).at(&announce.namespace)
    })?;
    request.acknowledge(Ack { address: Some(announce.namespace.clone()), ..Ack::default() });
    Ok(())
}

pub(crate) fn query(request: &Request<'_>, query: &Query<'_>) -> Result<(), Refusal> {
    let Request { router, session, now, .. } = *request;
    let pattern = Pattern::parse_within(&query.pattern, &router.config.addresses)
        .map_err(|error| Refusal::new(ErrorCode::PatternError, error.to_string()))
        .map_err(|refusal| refusal.at(&query.pattern))?;
    let mut signals = announced(router, session, (&pattern, PAYLOAD_BYTES_MAX), now);
    // RESULT carries no meta (wire.md 5.3), whatever the encoding.
    signals.iter_mut().for_each(|signal| signal.meta = None);
    request.reply(&Message::Result(ResultMessage { signals }), Qos::Fire);
    Ok(())
}

/// The signals that match and that the session may see, as many as a RESULT of so many bytes
/// holds.
pub(crate) fn announced(
    router: &Router,
    session: &Session,
    (pattern, bytes_max): (&Pattern, usize),
    now: Now,
) -> Vec<SignalInfo<'static>> {
    let readable = |address: &str| {
        session.grant.may_read(address)
            && router.visibility(session, (address, None), now) != Visibility::Withhold
    };
    router.signals.query(pattern, now.mono_us, readable, bytes_max)
}
