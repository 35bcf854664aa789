//! From a client's first packet to its session, each step under a deadline of its own.

use std::sync::Arc;

use clasp_router::metrics::HandshakeFailure;
use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, Incoming};

use crate::endpoint::DATAGRAMS_ALPN;
use crate::farewell;
use crate::server::{Crowded, Handshake, Shared};
use crate::session::Session;

const CROWDED: &[u8] = b"your address has too many connections";

/// Serves a client from its first packet to its end.
pub(crate) async fn receive(shared: Arc<Shared>, incoming: Incoming, handshake: Handshake) {
    let remote = incoming.remote_address();
    let mut permit = None;
    // Anybody can send a first packet in somebody else's name.
    let proved = incoming.remote_address_validated();
    if proved {
        match shared.admit(remote) {
            Ok(admitted) => permit = admitted,
            Err(Crowded) => return incoming.refuse(),
        }
    }
    let Some(peer) = shake(&shared, incoming).await else { return };
    drop(handshake);
    if !proved {
        match shared.admit(remote) {
            Ok(admitted) => permit = admitted,
            Err(Crowded) => return peer.close(farewell::OVERLOAD, CROWDED),
        }
    }
    let datagrams = speaks_datagrams(&peer);
    Session::open(shared, peer, datagrams).run().await;
    drop(permit);
}

async fn shake(shared: &Shared, incoming: Incoming) -> Option<Connection> {
    let remote = incoming.remote_address();
    let counters = shared.router.counters();
    let config = shared.server_config().inspect_err(|error| {
        tracing::error!("QUIC cannot use the certificate: {error}");
    });
    let connecting = incoming.accept_with(config.ok()?).ok()?;
    let limit = shared.config.handshake_timeout;
    let mut draining = shared.draining.clone();
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(limit, connecting) => shaken,
        _ = draining.wait_for(|stop| *stop) => return None,
    };
    match shaken {
        Ok(Ok(connection)) => Some(connection),
        Ok(Err(error)) => {
            counters.handshake_failed(HandshakeFailure::Transport);
            tracing::debug!(%remote, "no QUIC connection: {error}");
            None
        }
        Err(_) => {
            counters.handshake_failed(HandshakeFailure::Timeout);
            None
        }
    }
}

/// Whether both sides know what to do with datagrams.
fn speaks_datagrams(peer: &Connection) -> bool {
    let data = peer.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let protocol = data.and_then(|data| data.protocol);
    protocol.as_deref() == Some(DATAGRAMS_ALPN) && peer.max_datagram_size().is_some()
}
