//! A listening TCP socket, and an accept loop that outlives every error.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

/// Connections the system keeps until they are accepted.
const BACKLOG: i32 = 4_096;

/// First and longest pause after the system could not hand a connection over.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}")]
pub struct BindError {
    /// `host:port` as it was asked for.
    pub address: String,
    /// What the system said.
    #[source]
    pub cause: io::Error,
}

#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    local_addr: SocketAddr,
    pause: Option<Duration>,
}

impl Listener {
    /// Listens on the first address of `host` that can be had.
    pub(crate) async fn bind(host: &str, port: u16) -> Result<Listener, BindError> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Listener::open(host, port).await.map_err(|cause| {
            let colons = host.contains(':');
            let address =
                if colons { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            BindError { address, cause }
        })
    }

    /// Takes over a socket that listens already.
    pub(crate) fn adopt(socket: std::net::TcpListener) -> io::Result<Listener> {
        socket.set_nonblocking(true)?;
        // As in `listen`.
        socket2::SockRef::from(&socket).set_tcp_nodelay(true)?;
        let socket = TcpListener::from_std(socket)?;
        let local_addr = socket.local_addr()?;
        Ok(Listener { socket, local_addr, pause: None })
    }

    async fn open(host: &str, port: u16) -> io::Result<Listener> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in tokio::net::lookup_host((host, port)).await? {
            match listen(address) {
                Ok(socket) => {
                    let local_addr = socket.local_addr()?;
                    return Ok(Listener { socket, local_addr, pause: None });
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// The address with the real port.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The next connection. Errors are logged once per burst and waited out.
    ///
    /// Cancelling it loses no connection.
    pub(crate) async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.socket.accept().await {
                Ok((stream, remote)) => {
                    self.pause = None;
                    if cfg!(target_os = "linux") || stream.set_nodelay(true).is_ok() {
                        return (stream, remote);
                    }
                }
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => self.wait_out(&error).await,
            }
        }
    }

    /// Lets go of a while in which the system lacks descriptors or memory.
    async fn wait_out(&mut self, error: &io::Error) {
        let pause = match self.pause {
            Some(pause) => PAUSE_MAX.min(pause * 2),
            None => {
                let address = self.local_addr;
                tracing::error!(
                    %address,
                    %error,
                    "cannot accept connections for now; is the limit of open files too low?"
                );
                PAUSE_MIN
            }
        };
        self.pause = Some(pause);
        tokio::time::sleep(pause).await;
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    // Linux hands it on to accepted connections; see `Listener::accept`.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The peer gave up before it was accepted; the next one may be fine.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
