//! Signalling between peers that want to talk directly (routing.md section 10).

use std::collections::HashMap;
use std::sync::Arc;

use clasp_protocol::message::Publish;
use clasp_protocol::{ErrorCode, Frame, Message, codec};
use parking_lot::Mutex;

use crate::broadcast::Broadcast;
use crate::clock::Now;
use crate::outbox::Class;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;
use crate::write::publish::Forward;

/// Where a session says that it can do P2P.
pub(crate) const ANNOUNCE_ADDRESS: &str = "/clasp/p2p/announce";

const SIGNAL_PREFIX: &str = "/clasp/p2p/signal/";

/// Largest announcement that is remembered.
const ANNOUNCEMENT_BYTES_MAX: usize = 4_096;

/// The last announcement of each live session.
#[derive(Debug, Default)]
pub(crate) struct Announcements {
    frames: Mutex<HashMap<u64, Box<[u8]>>>,
}

/// Session a signal is meant for, if the address is a signalling one.
pub(crate) fn recipient(address: &str) -> Option<&str> {
    address.strip_prefix(SIGNAL_PREFIX).filter(|rest| !rest.is_empty() && !rest.contains('/'))
}

/// Whether a P2P message says the truth about its sender.
pub(crate) fn check_sender(publish: &Publish<'_>, session: &Session) -> Result<(), Refusal> {
    let address = &*publish.address;
    if recipient(address).is_none() && address != ANNOUNCE_ADDRESS {
        return Ok(());
    }
    let value = publish.value.as_ref().or(publish.payload.as_ref());
    match value.and_then(|value| value.field_str("from")) {
        Some(from) if from != &*session.id => {
            let text = "`from` is not the id of your session";
            Err(Refusal::new(ErrorCode::Forbidden, text).at(address))
        }
        _ => Ok(()),
    }
}

/// The session a signal is meant for.
pub(crate) fn find(router: &Router, address: &str) -> Option<Result<Arc<Session>, Refusal>> {
    let id = recipient(address)?;
    let session = router.sessions.read().get(id).cloned();
    Some(session.ok_or_else(|| {
        Refusal::new(ErrorCode::NotFound, "there is no session with this id").at(address)
    }))
}

impl Announcements {
    /// Remembers what a session announced.
    pub(crate) fn remember(&self, session: &Session, frame: &Broadcast) {
        if frame.len() <= ANNOUNCEMENT_BYTES_MAX {
            self.frames.lock().insert(session.peer, frame.frame().into());
        }
    }

    pub(crate) fn forget(&self, peer: u64) {
        self.frames.lock().remove(&peer);
    }

    /// Tells a session that asks for announcements those of the others.
    pub(crate) fn tell(&self, router: &Router, session: &Session, now: Now) {
        for (peer, frame) in &*self.frames.lock() {
            if *peer == session.peer {
                continue;
            }
            if let Some(frame) = shown(router, session, frame, now) {
                session.outbox.push(&frame, Class::Ordered, now.mono_us);
            }
        }
    }
}

/// The announcement as the session may see it.
fn shown(router: &Router, session: &Session, frame: &[u8], now: Now) -> Option<Broadcast> {
    let parsed = Frame::parse(frame).ok()?;
    let Ok(Message::Publish(publish)) = codec::decode(parsed.payload) else { return None };
    let forward = Forward { publish: &publish, wire: Some(parsed.payload), qos: parsed.qos };
    router.shown(session, &forward, now)
}
