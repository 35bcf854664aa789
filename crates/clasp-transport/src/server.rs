//! A TCP listener as a whole: bind, serve, drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clasp_router::metrics::HandshakeFailure;
use clasp_router::{Now, Router};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::admission::{Admission, Crowded};
use crate::attendance::Attendance;
use crate::clock;
use crate::config::Config;
use crate::gathering::Gathering;
use crate::link::Link;
use crate::listener::{BindError, Listener};
use crate::pages::Pages;
use crate::registry::Registry;
use crate::sweeper::{self, whole_seconds};
use crate::talk::Dismissal;

/// Links that are told to leave at once; more are spread over [`FAREWELL_SLICES`].
const FAREWELL_LINKS: usize = 1_000;
const FAREWELL_SLICES: usize = 20;
const FAREWELL_PAUSE: Duration = Duration::from_millis(100);

/// For HTTP requests that are still open when the last client is gone.
const LAST_REQUESTS: Duration = Duration::from_millis(500);

/// A bound TCP listener.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    config: Config,
}

/// What the tasks of one server have in common.
pub(crate) struct Shared {
    pub(crate) router: Arc<Router>,
    pub(crate) pages: Arc<dyn Pages>,
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) gathering: Gathering,
    pub(crate) admission: Admission,
    handshake_s: u32,
    draining: AtomicBool,
}

impl Server {
    /// Opens the listening socket.
    pub async fn bind(config: Config) -> Result<Server, BindError> {
        let listener = Listener::bind(&config.host, config.port).await?;
        Ok(Server { listener, config })
    }

    /// Serves on a socket that listens already; host and port of `config` do not count. Must be
    /// called inside a runtime.
    ///
    /// # Errors
    /// The system refuses to work with the socket.
    pub fn adopt(socket: std::net::TcpListener, config: Config) -> std::io::Result<Server> {
        Ok(Server { listener: Listener::adopt(socket)?, config })
    }

    /// Where the server listens, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// Serves until `shutdown` holds true or its sender is gone, then drains: no new connections,
    /// Close 1001, or the other protocol's goodbye, to every client, and the end as soon as all are
    /// gone or [`Config::drain_timeout`] is over. To be spawned, since it accepts connections on
    /// the task it runs in; dropping it ends everything at once.
    pub async fn run(
        self,
        router: Arc<Router>,
        pages: Arc<dyn Pages>,
        shutdown: watch::Receiver<bool>,
    ) {
        let Server { listener, config } = self;
        let drain_timeout = config.drain_timeout;
        let shared = Arc::new(Shared::new(router, pages, config));
        let mut sweeper = JoinSet::new();
        sweeper.spawn(sweeper::run(Arc::clone(&shared)));
        let mut links = serve(&shared, listener, shutdown).await;
        shared.draining.store(true, Ordering::SeqCst);
        if tokio::time::timeout(drain_timeout, drain(&shared, &mut links)).await.is_err() {
            let left = shared.registry.len();
            tracing::warn!(left, "clients have not left in time and are cut off");
        }
        links.shutdown().await;
    }
}

/// Says goodbye to all clients and waits for them to go.
async fn drain(shared: &Shared, links: &mut JoinSet<()>) {
    shared.farewell().await;
    while shared.registry.len() > 0 {
        match links.join_next().await {
            Some(ended) => report(ended),
            None => return,
        }
    }
    // What is left are HTTP requests.
    let requests = async {
        while let Some(ended) = links.join_next().await {
            report(ended);
        }
    };
    let _ = tokio::time::timeout(LAST_REQUESTS, requests).await;
}

/// Accepts connections until told to stop; the tasks of those that are still open.
async fn serve(
    shared: &Arc<Shared>,
    mut listener: Listener,
    mut shutdown: watch::Receiver<bool>,
) -> JoinSet<()> {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            (stream, remote) = listener.accept() => {
                match shared.admission.greet(remote, clock::now()) {
                    Ok(visitor) => {
                        links.spawn(Attendance::new(Arc::clone(shared), stream, visitor));
                    }
                    Err(Crowded) => shared.turn_away(remote),
                }
            }
            Some(ended) = links.join_next() => report(ended),
            _ = shutdown.wait_for(|stop| *stop) => return links,
        }
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
    fn new(router: Arc<Router>, pages: Arc<dyn Pages>, config: Config) -> Shared {
        Shared {
            router,
            pages,
            admission: Admission::new(&config),
            handshake_s: whole_seconds(config.handshake_timeout),
            config,
            registry: Registry::default(),
            gathering: Gathering::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// Notes that a client's address has too many connections.
    pub(crate) fn turn_away(&self, remote: SocketAddr) {
        self.router.counters().handshake_failed(HandshakeFailure::RateLimit);
        tracing::debug!(%remote, "this address has too many connections or opens too many at once");
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Starts the clocks of a link.
    pub(crate) fn arrive(&self, link: &Link, now: Now) {
        self.heard(link, now);
        let handshake_by_s = clock::seconds(now).saturating_add(self.handshake_s);
        link.moments.handshake_by_s.store(handshake_by_s, Ordering::Relaxed);
    }

    /// Bytes came in.
    pub(crate) fn heard(&self, link: &Link, now: Now) {
        link.moments.inbound_s.store(clock::seconds(now), Ordering::Relaxed);
    }

    /// HELLO is done.
    pub(crate) fn greeted(&self, link: &Link) {
        link.moments.handshake_by_s.store(0, Ordering::Relaxed);
    }

    /// Tells all clients, large crowds little by little since they all come back somewhere.
    async fn farewell(&self) {
        let count = self.registry.len();
        let slice = if count > FAREWELL_LINKS { count.div_ceil(FAREWELL_SLICES) } else { count };
        let mut told = 0;
        let mut links = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next {
            next = self.registry.visit(from, &mut links);
            for link in links.drain(..) {
                link.dismiss(Dismissal::Shutdown, clock::now());
                told += 1;
            }
            if told >= slice && next.is_some() {
                told = 0;
                tokio::time::sleep(FAREWELL_PAUSE).await;
            }
        }
    }
}
