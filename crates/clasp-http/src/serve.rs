//! One accept loop for every HTTP page: a bound on connections, deadlines, and a graceful end
//! that leaves no task behind.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::response::Response;
use axum::{Extension, Router, middleware};
use clasp_auth::{Holdings, Network, Permit, TrustedProxies};
use clasp_tls::{Acceptor, Refused};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time;

use crate::client_address::Peer;
use crate::pace::{Paced, Progress};

/// Connections served at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;
/// Connections of one address, so that it takes more than one to hold every place. This machine and
/// trusted proxies are left out: many clients stand behind them.
const CONNECTIONS_PER_ADDRESS_MAX: u32 = 32;
/// How long a peer may take over the head of one request.
const REQUEST_HEAD_MAX: Duration = Duration::from_secs(5);
/// How long a peer may take for its first byte and a TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// How long one connection may live; a scraper that is told to close just connects again. Only a
/// [`Lengthy`] answer may go on.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(60);
/// How long a running answer may take once the connection is told to end.
const GRACE: Duration = Duration::from_secs(1);
/// How long the peer of a [`Lengthy`] answer may take none of it.
const STANDSTILL_MAX: Duration = Duration::from_secs(30);
/// How long to wait after a failed accept, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Marks a response that may outlive the age of its connection, as long as its peer reads on. Only
/// for pages of operators: each holds one of the connections that are served at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengthy;

/// A connection's place among those that are served at once; for who takes the connection over
/// from HTTP and has to keep the place as long.
#[derive(Debug, Clone)]
pub struct Place(#[expect(dead_code, reason = "held")] Arc<(OwnedSemaphorePermit, Option<Permit>)>);

/// What a listener makes of whoever knocks.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// With or without TLS.
    pub acceptor: Acceptor,
    /// Who may hold more places than one address's share.
    pub proxies: TrustedProxies,
}

impl Entrance {
    /// For everybody alike.
    pub fn new(acceptor: Acceptor) -> Entrance {
        Entrance { acceptor, proxies: TrustedProxies::default() }
    }
}

/// Places for connections, all and those of each address.
struct Places {
    all: Arc<Semaphore>,
    each: Option<Arc<Holdings>>,
    proxies: TrustedProxies,
}

impl Places {
    fn new(proxies: TrustedProxies) -> Places {
        let all = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Places { all, each: Holdings::new(CONNECTIONS_PER_ADDRESS_MAX), proxies }
    }

    /// One of the address's places, `None` if it has them all. Nothing is counted for who is left
    /// out.
    fn share(&self, address: IpAddr) -> Option<Option<Permit>> {
        let counted = Network::limited(address).filter(|_| !self.proxies.contains(address));
        match (counted, &self.each) {
            (Some(network), Some(each)) => each.admit(network).map(Some),
            _ => Some(None),
        }
    }
}

/// Serves `pages` on `listener` until `stop` holds true (or its sender is gone), then lets running
/// answers finish for at most a second.
pub async fn serve(listener: TcpListener, pages: Router, stop: watch::Receiver<bool>) {
    serve_with(Entrance::new(Acceptor::plain()), listener, pages, stop).await;
}

/// Like [`serve`], by this entrance.
pub async fn serve_with(
    Entrance { acceptor, proxies }: Entrance,
    listener: TcpListener,
    pages: Router,
    mut stop: watch::Receiver<bool>,
) {
    let places = Places::new(proxies);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = told(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &places) => match accepted {
                Ok((stream, peer, place)) => {
                    let Some(share) = places.share(peer.ip()) else {
                        tracing::debug!("an HTTP connection of {} was one too many", peer.ip());
                        continue;
                    };
                    let place = Place(Arc::new((place, share)));
                    let pages = pages.clone().layer(Extension(Peer(peer)));
                    let pages = pages.layer(Extension(place.clone()));
                    let conversation = converse(acceptor.clone(), stream, pages, stop.clone());
                    connections.spawn(async move {
                        conversation.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept an HTTP connection, trying again");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits until the flag is up or nobody is left who could raise it.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Places,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place =
        Arc::clone(&places.all).acquire_owned().await.expect("the semaphore is never closed");
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}

async fn converse(
    acceptor: Acceptor,
    stream: TcpStream,
    pages: Router,
    mut stop: watch::Receiver<bool>,
) {
    let accepted = tokio::select! {
        accepted = time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)) => accepted,
        () = told(&mut stop) => return,
    };
    let wire = match accepted {
        Ok(Ok(wire)) => wire,
        Ok(Err(refused)) => {
            if !matches!(refused, Refused::Socket(_)) {
                tracing::debug!("an HTTP connection was refused: {refused}");
            }
            return;
        }
        // Silence.
        Err(_) => return,
    };
    talk(wire, pages, stop).await;
}

/// Answers requests until the peer has enough, or has had.
async fn talk(
    wire: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    pages: Router,
    mut stop: watch::Receiver<bool>,
) {
    let lengthy = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&lengthy);
    let pages = pages.layer(middleware::map_response(move |response: Response| {
        mark.fetch_or(response.extensions().get::<Lengthy>().is_some(), Ordering::Relaxed);
        std::future::ready(response)
    }));
    let (wire, progress) = Paced::new(wire);
    let service = TowerToHyperService::new(pages);
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_HEAD_MAX)
            .serve_connection(TokioIo::new(wire), service)
            .with_upgrades()
    );
    tokio::select! {
        // How one conversation failed concerns only its peer.
        _ = connection.as_mut() => return,
        () = time::sleep(CONNECTION_AGE_MAX) => {}
        () = told(&mut stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    if lengthy.load(Ordering::Relaxed) {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = standstill(&progress) => return,
            () = told(&mut stop) => {}
        }
    }
    let _ = time::timeout(GRACE, connection).await;
}

/// Waits until the peer has taken nothing for too long.
async fn standstill(progress: &Progress) {
    let mut before = progress.written();
    loop {
        time::sleep(STANDSTILL_MAX).await;
        let now = progress.written();
        if now == before {
            return;
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;
    use crate::health;

    struct Served {
        address: std::net::SocketAddr,
        stop: watch::Sender<bool>,
        task: tokio::task::JoinHandle<()>,
    }

    async fn served() -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, health::pages(|| true), stopped));
        Served { address, stop, task }
    }

    async fn ask(stream: &mut TcpStream) -> String {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok\n") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "closed too early");
        }
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_connection_serves_several_requests_beside_silent_ones() {
        let served = served().await;
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX / 2 {
            silent.push(TcpStream::connect(served.address).await.unwrap());
        }
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        for _ in 0..2 {
            assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
        }
    }

    #[test]
    fn an_address_gets_its_share_of_the_places_and_no_more() {
        let address = |text: &str| -> IpAddr { text.parse().unwrap() };
        let places = Places::new("10.0.0.1".parse().unwrap());
        let hold = |text| (0..CONNECTIONS_MAX).map_while(|_| places.share(address(text))).collect();
        let held: Vec<_> = hold("192.0.2.1");
        assert_eq!(held.len(), CONNECTIONS_PER_ADDRESS_MAX as usize);
        assert!(places.share(address("::ffff:192.0.2.1")).is_none(), "the same in another form");
        assert!(places.share(address("192.0.2.2")).is_some());
        let subscriber: Vec<_> = hold("2001:db8::1");
        assert!(places.share(address("2001:db8::2")).is_none(), "the same subscriber");
        for many in ["127.0.0.1", "10.0.0.1"] {
            let held: Vec<_> = hold(many);
            assert_eq!(held.len(), CONNECTIONS_MAX, "{many}");
        }
        drop((held, subscriber));
        assert!(places.share(address("192.0.2.1")).is_some());
    }

    #[tokio::test]
    async fn stopping_closes_idle_and_silent_connections_and_returns() {
        let served = served().await;
        let mut silent = TcpStream::connect(served.address).await.unwrap();
        let mut idle = TcpStream::connect(served.address).await.unwrap();
        ask(&mut idle).await;
        served.stop.send(true).unwrap();
        served.task.await.unwrap();
        assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!(silent.read(&mut [0; 8]).await.unwrap_or(0), 0);
        assert!(TcpStream::connect(served.address).await.is_err());
    }

    #[tokio::test]
    async fn a_dropped_stop_sender_ends_the_service() {
        let Served { stop, task, .. } = served().await;
        drop(stop);
        task.await.unwrap();
    }

    /// Two answers without end, the first of which is allowed to take long.
    fn endless() -> (Router, [tokio::sync::mpsc::Sender<&'static str>; 2]) {
        let answer = |pieces| {
            let body = futures_util::stream::unfold(pieces, |mut pieces| async {
                let piece = tokio::sync::mpsc::Receiver::recv(&mut pieces).await?;
                Some((Ok::<_, std::convert::Infallible>(piece), pieces))
            });
            let body = std::sync::Mutex::new(Some(axum::body::Body::from_stream(body)));
            move || std::future::ready(body.lock().unwrap().take().unwrap())
        };
        let ((long, one), (short, two)) =
            (tokio::sync::mpsc::channel(4), tokio::sync::mpsc::channel(4));
        let (one, two) = (Arc::new(answer(one)), Arc::new(answer(two)));
        let pages = Router::new()
            .route(
                "/long",
                axum::routing::get(move || async move { (Extension(Lengthy), one().await) }),
            )
            .route("/short", axum::routing::get(move || two()));
        (pages, [long, short])
    }

    /// A conversation that has begun with a request for `path`.
    async fn begin(pages: &Router, path: &str) -> (DuplexStream, watch::Sender<bool>) {
        let (mut stream, wire) = tokio::io::duplex(1 << 10);
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(talk(wire, pages.clone(), stopped));
        let request = format!("GET {path} HTTP/1.1\r\nhost: relay\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        (stream, stop)
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_lengthy_answer_outlives_its_connections_age() {
        let (pages, [long, short]) = endless();
        let (mut lengthy, _stop) = begin(&pages, "/long").await;
        long.send("begun ").await.unwrap();
        let (mut other, _stop) = begin(&pages, "/short").await;
        short.send("begun ").await.unwrap();
        let mut cut = String::new();
        let _broken_off = other.read_to_string(&mut cut).await;
        assert!(cut.contains("begun") && !cut.ends_with("0\r\n\r\n"), "{cut}");
        long.send("and ended").await.unwrap();
        drop(long);
        let mut whole = String::new();
        lengthy.read_to_string(&mut whole).await.unwrap();
        assert!(whole.contains("and ended") && whole.ends_with("0\r\n\r\n"), "{whole}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_nothing_of_a_lengthy_answer_is_let_go() {
        let (pages, [long, _short]) = endless();
        let (_silent, _stop) = begin(&pages, "/long").await;
        // Ends when nobody is left to take it.
        while long.send("much more than the wire holds ").await.is_ok() {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_relay_that_stops_waits_for_no_lengthy_answer() {
        let (pages, [long, _short]) = endless();
        let (mut stream, stop) = begin(&pages, "/long").await;
        long.send("begun ").await.unwrap();
        assert_ne!(stream.read(&mut [0; 9]).await.unwrap(), 0);
        stop.send(true).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(!rest.ends_with(b"0\r\n\r\n"));
    }
}
