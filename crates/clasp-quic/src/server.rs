//! The listener as a whole: bind, serve, drain.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clasp_auth::{Holdings, Network, Permit, Quota, Throttle};
use clasp_router::Router;
use clasp_router::metrics::HandshakeFailure;
use clasp_transport::clock;
use parking_lot::Mutex;
use quinn::{Endpoint, Incoming, ServerConfig};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::config::Config;
use crate::endpoint::{self, BindError};
use crate::farewell;
use crate::reception;

/// For the last packets to leave.
const LAST_PACKETS: Duration = Duration::from_millis(500);

/// A bound QUIC listener.
pub struct Server {
    endpoint: Endpoint,
    local_addr: SocketAddr,
    current: Current,
    config: Config,
}

/// What new connections are served with.
struct Current {
    tls: Arc<rustls::ServerConfig>,
    server: Arc<ServerConfig>,
}

/// What the connections of one server have in common.
pub(crate) struct Shared {
    pub(crate) router: Arc<Router>,
    pub(crate) config: Config,
    pub(crate) draining: watch::Receiver<bool>,
    current: Mutex<Current>,
    holdings: Option<Arc<Holdings>>,
    fresh: Throttle<Network>,
    handshakes: AtomicUsize,
}

/// Its address has too many connections, or has opened too many in this second.
#[derive(Debug)]
pub(crate) struct Crowded;

/// A handshake that is going on.
pub(crate) struct Handshake(Arc<Shared>);

impl Server {
    /// Opens the listening socket; inside a runtime.
    ///
    /// # Errors
    /// The system does not give the address away, or QUIC cannot use the certificate.
    pub fn bind(config: Config) -> Result<Server, BindError> {
        let tls = config.tls.config();
        let (endpoint, server) = endpoint::open(&config, &tls)?;
        let failed = |cause| BindError { address: config.address, cause };
        let local_addr = endpoint.local_addr().map_err(failed)?;
        let current = Current { tls, server: Arc::new(server) };
        Ok(Server { endpoint, local_addr, current, config })
    }

    /// Where the server listens, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown` holds true or its sender is gone, then drains: no new connections,
    /// code 4 to every client once it has read what was queued, and the end as soon as all are gone
    /// or [`Config::drain_timeout`] is over. Dropping it ends everything at once.
    pub async fn run(self, router: Arc<Router>, mut shutdown: watch::Receiver<bool>) {
        let Server { endpoint, current, config, .. } = self;
        let drain_timeout = config.drain_timeout;
        let shared = Arc::new(Shared::new((router, config), current, shutdown.clone()));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                incoming = endpoint.accept() => match incoming {
                    Some(incoming) => shared.take_in(incoming, &mut connections),
                    None => break,
                },
                Some(ended) = connections.join_next() => report(ended),
                _ = shutdown.wait_for(|stop| *stop) => break,
            }
        }
        endpoint.set_server_config(None);
        let gone = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        if tokio::time::timeout(drain_timeout, gone).await.is_err() {
            let left = connections.len();
            tracing::warn!(left, "QUIC clients have not left in time and are cut off");
        }
        endpoint.close(farewell::SHUTDOWN, b"server shutting down");
        connections.shutdown().await;
        let _ = tokio::time::timeout(LAST_PACKETS, endpoint.wait_idle()).await;
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection ended by an internal failure");
    }
}

impl Shared {
    fn new(
        (router, config): (Arc<Router>, Config),
        current: Current,
        draining: watch::Receiver<bool>,
    ) -> Shared {
        Shared {
            router,
            draining,
            current: Mutex::new(current),
            holdings: Holdings::new(config.connections_per_address_max),
            fresh: Throttle::new(Quota::per_seconds(config.connections_per_second_max, 1)),
            handshakes: AtomicUsize::new(0),
            config,
        }
    }

    /// Begins a handshake, unless there are too many or the peer has to prove its address first.
    fn take_in(self: &Arc<Self>, incoming: Incoming, connections: &mut JoinSet<()>) {
        let others = self.handshakes.load(Ordering::Relaxed);
        if others >= self.config.handshakes_max {
            self.router.counters().handshake_failed(HandshakeFailure::Full);
            incoming.refuse();
        } else if others >= self.config.retry_from && incoming.may_retry() {
            // It fails only for who has proved it already.
            let _ = incoming.retry();
        } else {
            self.handshakes.fetch_add(1, Ordering::Relaxed);
            let handshake = Handshake(Arc::clone(self));
            connections.spawn(reception::receive(Arc::clone(self), incoming, handshake));
        }
    }

    /// Counts a client whose address is proved.
    pub(crate) fn admit(&self, remote: SocketAddr) -> Result<Option<Permit>, Crowded> {
        let Some(network) = Network::limited(remote.ip()) else { return Ok(None) };
        let admitted = self.fresh.take(&network, clock::now().mono_us).map_err(|_| Crowded);
        let permit = admitted.and_then(|()| match &self.holdings {
            Some(holdings) => holdings.admit(network).map(Some).ok_or(Crowded),
            None => Ok(None),
        });
        permit.inspect_err(|_| {
            self.router.counters().handshake_failed(HandshakeFailure::RateLimit);
            tracing::debug!(%remote, "this address has too many connections or opens too many");
        })
    }

    /// The settings with the certificate that is in force now.
    pub(crate) fn server_config(&self) -> io::Result<Arc<ServerConfig>> {
        let tls = self.config.tls.config();
        let mut current = self.current.lock();
        if !Arc::ptr_eq(&current.tls, &tls) {
            let mut server = ServerConfig::clone(&current.server);
            server.crypto = Arc::new(endpoint::crypto(&tls)?);
            *current = Current { tls, server: Arc::new(server) };
        }
        Ok(Arc::clone(&current.server))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}
