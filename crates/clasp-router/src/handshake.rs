//! HELLO to session (routing.md 2.2 to 2.4).

use std::net::IpAddr;
use std::sync::Arc;

use clasp_auth::{Denied, Grant, Network};
use clasp_protocol::message::{Features, Hello, Welcome};
use clasp_protocol::{ErrorCode, Message, Qos};
use uuid::Uuid;

use crate::clock::Now;
use crate::config::InitialSnapshot;
use crate::connection::{LinkInfo, Manners};
use crate::feed::Feed;
use crate::metrics::HandshakeFailure;
use crate::outbox::Outbox;
use crate::refusal::Refusal;
use crate::router::Router;
use crate::session::{Guest, Session};

/// Version of the protocol in WELCOME.
const PROTOCOL_VERSION: u8 = 1;

/// Bytes of a client's name that are kept.
const NAME_BYTES_MAX: usize = 256;

/// A client's name as a log may show it.
fn printable_name(name: &str) -> Box<str> {
    let kept = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
    kept.chars().filter(|character| !character.is_control()).collect::<String>().into()
}

/// A link whose HELLO has come.
pub(crate) struct Arrival<'a> {
    pub(crate) outbox: &'a Arc<Outbox>,
    /// Number of the connection.
    pub(crate) peer: u64,
    pub(crate) link: LinkInfo,
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
    arrival: &Arrival<'_>,
    now: Now,
) -> Result<Arc<Session>, Rejected> {
    let Arrival { outbox, peer, link } = *arrival;
    if hello.version == 0 {
        let refusal = Refusal::new(ErrorCode::UnsupportedVersion, "protocol version 0 is unknown");
        return Err(Rejected { refusal, close_code: 1002, reason: HandshakeFailure::Version });
    }
    let revision = router.ports.authenticator.revision();
    let grant = identify(router, hello, link.remote.ip(), now)?;
    let id: Arc<str> = Uuid::new_v4().hyphenated().to_string().into();
    let name = printable_name(&hello.name);
    let guest = Guest { link, name, since_unix_us: now.unix_us };
    let session = Session::new(peer, Arc::clone(&id), grant, Arc::clone(outbox), guest);
    let welcome = Message::Welcome(Welcome {
        version: PROTOCOL_VERSION,
        features: Features::RELAY,
        time: now.unix_us,
        session: (&*id).into(),
        name: router.config.name.as_str().into(),
        token: None,
    });
    router.reply(outbox, &welcome, Qos::Fire, now);
    if session.guest.link.manners == Manners::Clasp {
        session.feeds.lock().push_back(initial_feed(router));
        crate::feed::pull(router, &session, now);
    }
    // Only now may others find it: nothing of theirs comes before the first SNAPSHOT.
    router.sessions.write().insert(id, Arc::clone(&session));
    // What was taken back before the session was in the table, the sweep cannot have noticed.
    let authenticator = &router.ports.authenticator;
    if authenticator.revision() != revision && !authenticator.still_holds(&session.grant) {
        router.sessions.write().remove(&session.id);
        return Err(denied_by(&Denied::Revoked));
    }
    Ok(session)
}

/// What a session is told of the params before it asks.
fn initial_feed(router: &Router) -> Feed {
    let full = match router.config.initial_snapshot {
        InitialSnapshot::Full => true,
        InitialSnapshot::Empty => false,
        InitialSnapshot::UpTo(params) => router.store.len() <= params,
    };
    if full { Feed::initial() } else { Feed::empty() }
}

/// What the token gives, unless too many of this address's HELLOs have failed of late.
fn identify(
    router: &Router,
    hello: &Hello<'_>,
    remote: IpAddr,
    now: Now,
) -> Result<Grant, Rejected> {
    let counted = Network::limited(remote);
    if let Some(network) = &counted {
        let failed = &router.failed_hellos;
        failed.take(network, now.mono_us).map_err(throttled)?;
    }
    let token = hello.token.as_deref().filter(|token| !token.is_empty());
    let outcome = router.ports.authenticator.authenticate(token, now.unix_us);
    // Only the client's own mistakes stay counted.
    if let (Some(network), Ok(_) | Err(Denied::Misconfigured)) = (&counted, &outcome) {
        router.failed_hellos.refund(network);
    }
    outcome.map_err(|denied| denied_by(&denied))
}

fn throttled(wait_us: u64) -> Rejected {
    let seconds = wait_us.div_ceil(1_000_000);
    let text = format!("too many refused HELLOs from your address; come back in {seconds} s");
    let refusal = Refusal::new(ErrorCode::TooManyRequests, text);
    Rejected { refusal, close_code: 1013, reason: HandshakeFailure::RateLimit }
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
