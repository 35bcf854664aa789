//! HELLO to session (routing.md 2.2 to 2.4).

use std::sync::Arc;

use clasp_auth::Denied;
use clasp_protocol::message::{Features, Hello, Welcome};
use clasp_protocol::{ErrorCode, Message, Qos};
use uuid::Uuid;

use crate::clock::Now;
use crate::config::InitialSnapshot;
use crate::feed::Feed;
use crate::metrics::HandshakeFailure;
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::Session;

/// Version of the protocol in WELCOME.
const PROTOCOL_VERSION: u8 = 1;

/// Bytes of a client's name that are kept.
const NAME_BYTES_MAX: usize = 256;

/// A client's name as a log may show it.
pub(crate) fn printable_name(name: &str) -> Box<str> {
    let kept = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
    kept.chars().filter(|character| !character.is_control()).collect::<String>().into()
}

/// A HELLO that does not open a session.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) refusal: Refusal,
    /// WebSocket close code.
    pub(crate) close_code: u16,
    /// For the metrics.
    pub(crate) reason: HandshakeFailure,
}

/// Opens a session: WELCOME first, then the initial snapshot, then everything else.
pub(crate) fn greet(
    router: &Arc<Router>,
    hello: &Hello<'_>,
    outbox: &Arc<Outbox>,
    peer: u64,
    now: Now,
) -> Result<Arc<Session>, Rejected> {
    if hello.version == 0 {
        let refusal = Refusal::new(ErrorCode::UnsupportedVersion, "protocol version 0 is unknown");
        return Err(Rejected { refusal, close_code: 1002, reason: HandshakeFailure::Version });
    }
    let token = hello.token.as_deref().filter(|token| !token.is_empty());
    let authenticator = &router.ports.authenticator;
    let revision = authenticator.revision();
    let grant =
        authenticator.authenticate(token, now.unix_us).map_err(|denied| denied_by(&denied))?;
    let id: Arc<str> = Uuid::new_v4().hyphenated().to_string().into();
    let session = Session::new(peer, Arc::clone(&id), grant, Arc::clone(outbox));
    let welcome = Message::Welcome(Welcome {
        version: PROTOCOL_VERSION,
        features: Features::RELAY,
        time: now.unix_us,
        session: (&*id).into(),
        name: router.config.name.as_str().into(),
        token: None,
    });
    router.reply(outbox, &welcome, Qos::Fire, now);
    router.sessions.write().insert(id, Arc::clone(&session));
    // What was taken back before the session was in the table, the sweep cannot have noticed.
    if authenticator.revision() != revision && !authenticator.still_holds(&session.grant) {
        router.sessions.write().remove(&session.id);
        return Err(denied_by(&Denied::Revoked));
    }
    let full = match router.config.initial_snapshot {
        InitialSnapshot::Full => true,
        InitialSnapshot::Empty => false,
        InitialSnapshot::UpTo(params) => router.store.len() <= params,
    };
    let feed = if full { Feed::initial() } else { Feed::empty() };
    session.feeds.lock().push_back(feed);
    crate::feed::pull(router, &session, now);
    Ok(session)
}

fn denied_by(denied: &Denied) -> Rejected {
    let reason = match denied {
        Denied::Missing | Denied::Invalid(_) | Denied::Revoked => HandshakeFailure::Unauthorized,
        Denied::Expired => HandshakeFailure::TokenExpired,
        Denied::Misconfigured => HandshakeFailure::Misconfigured,
    };
    Rejected { refusal: Refusal::denied(denied), close_code: 1008, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_between_characters_and_freed_of_control_characters() {
        assert_eq!(&*printable_name("a\u{1b}b\nc"), "abc");
        assert_eq!(printable_name(&"é".repeat(300)).len(), 256);
    }
}
