//! BUNDLE: all or nothing, now or at a time (routing.md section 7).

use std::sync::Arc;

use clasp_protocol::message::{Ack, Bundle, Part};
use clasp_protocol::{ErrorCode, Message};

use crate::clock::Now;
use crate::dispatch::Request;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::schedule;
use crate::session::Session;
use crate::write::{self, CheckedPublish, CheckedSet, publish::Forward};

/// A checked part of a bundle.
pub(crate) enum CheckedPart<'a> {
    Set(CheckedSet<'a>),
    Publish(CheckedPublish<'a>),
}

pub(crate) fn bundle(request: &Request<'_>, bundle: &Bundle<'_>) -> Result<(), Refusal> {
    let Request { router, session, qos, now, .. } = *request;
    router.durability.check(qos)?;
    let checked = check(router, session, bundle)?;
    if let Some(at_us) = bundle.timestamp.filter(|at_us| *at_us > now.unix_us) {
        schedule::add(request, at_us)?;
        request.acknowledge(Ack::default());
        return Ok(());
    }
    let done = write::bundle::commit(router, session, &checked, now)?;
    let ack = Ack { revision: done.revision, ..Ack::default() };
    request.acknowledge_write(ack, done.sequence)
}

/// Runs a bundle whose time has come; the state is looked at only now.
pub(crate) fn run_scheduled(
    router: &Arc<Router>,
    session: &Arc<Session>,
    bundle: &Bundle<'_>,
    now: Now,
) -> Result<(), Refusal> {
    let checked = check(router, session, bundle)?;
    write::bundle::commit(router, session, &checked, now).map(|_| ())
}

fn check<'a>(
    router: &Router,
    session: &Session,
    bundle: &'a Bundle<'a>,
) -> Result<Vec<CheckedPart<'a>>, Refusal> {
    let max = router.config.bundles.parts_max;
    if bundle.parts.len() > max {
        let text = format!("a bundle may hold at most {max} messages");
        return Err(Refusal::new(ErrorCode::InvalidMessage, text));
    }
    bundle.parts.iter().map(|part| check_part(router, session, part)).collect()
}

fn check_part<'a>(
    router: &Router,
    session: &Session,
    part: &'a Part<'a>,
) -> Result<CheckedPart<'a>, Refusal> {
    match &part.message {
        Message::Set(set) => Ok(CheckedPart::Set(write::check_set(router, session, set)?)),
        Message::Publish(publish) => {
            // Parts have no QoS of their own: they go out with their type's default.
            let qos = part.message.default_qos();
            let forward = Forward { publish, wire: part.wire, qos };
            Ok(CheckedPart::Publish(write::check_publish(router, session, forward)?))
        }
        other => {
            let text = format!(
                "a bundle may hold SET and PUBLISH, not {}",
                other.kind().label().to_uppercase()
            );
            Err(Refusal::new(ErrorCode::InvalidMessage, text))
        }
    }
}
