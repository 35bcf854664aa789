//! One accept loop for every HTTP page: a bound on connections, deadlines, and a graceful end
//! that leaves no task behind.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use clasp_auth::{Holdings, Network, Permit, TrustedProxies};
use clasp_tls::{Acceptor, Refused};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time;

use crate::client_address::Peer;

/// Connections served at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;
/// Connections of one address, so that it takes more than one to hold every place. This machine and
/// trusted proxies are left out: many clients stand behind them.
const CONNECTIONS_PER_ADDRESS_MAX: u32 = 32;
/// How long a peer may take over the head of one request.
const REQUEST_HEAD_MAX: Duration = Duration::from_secs(5);
/// How long a peer may take for its first byte and a TLS handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// How long one connection may live; a scraper that is told to close just connects again.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(60);
/// How long a running answer may take once the connection is told to end.
const GRACE: Duration = Duration::from_secs(1);
/// How long to wait after a failed accept, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
                    let pages = pages.clone().layer(Extension(Peer(peer)));
                    let conversation = converse(acceptor.clone(), stream, pages, stop.clone());
                    connections.spawn(async move {
                        conversation.await;
                        drop((place, share));
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
    let service = TowerToHyperService::new(pages);
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_HEAD_MAX)
            .serve_connection(TokioIo::new(wire), service)
    );
    let stopped = tokio::select! {
        // How one conversation failed concerns only its peer.
        _ = connection.as_mut() => None,
        _ = time::sleep(CONNECTION_AGE_MAX) => Some(()),
        () = told(&mut stop) => Some(()),
    };
    if stopped.is_some() {
        connection.as_mut().graceful_shutdown();
        let _ = time::timeout(GRACE, connection).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
}
