//! The UDP socket and the one task that serves all its peers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clasp_router::Router;
use clasp_transport::{batch, clock};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;

use crate::config::Config;
use crate::floor::{Floor, Sent};
use crate::limits::PACKET_BYTES_MAX;

/// Datagrams that are read before others have their turn.
const READ_DATAGRAMS: usize = 64;

/// What the system is asked to hold of datagrams that are not read yet.
const SOCKET_BYTES: usize = 4 << 20;

/// Time between two looks at leases.
const SWEEP: Duration = Duration::from_secs(1);

/// The socket could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}")]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub cause: io::Error,
}

/// A bound socket.
#[derive(Debug)]
pub struct Server {
    socket: UdpSocket,
    address: SocketAddr,
    config: Config,
}

impl Server {
    /// Binds the socket. Must be called inside a runtime.
    ///
    /// # Errors
    /// The address is taken, forbidden or absent.
    pub fn bind(address: SocketAddr, config: Config) -> Result<Server, BindError> {
        let failed = |cause| BindError { address, cause };
        let socket = open(address).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Server { socket, address, config })
    }

    /// Where it listens, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` holds true or its sender is gone.
    pub async fn run(self, router: Arc<Router>, mut shutdown: watch::Receiver<bool>) {
        let Server { socket, config, .. } = self;
        let mut floor = Floor::new(router, config);
        let woken = Arc::clone(floor.woken());
        let mut buffer = vec![0; PACKET_BYTES_MAX + 1];
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let now = clock::now();
            let due_us = batch(|| floor.work(now, &mut |packet, to| send(&socket, packet, to)));
            let pause =
                due_us.map_or(SWEEP, |us| Duration::from_micros(us.saturating_sub(now.mono_us)));
            tokio::select! {
                biased;
                _ = shutdown.wait_for(|stop| *stop) => break,
                _ = sweep.tick() => batch(|| floor.sweep(clock::now())),
                () = woken.any() => {}
                () = tokio::time::sleep(pause), if due_us.is_some() => {}
                _ = socket.readable() => batch(|| read(&socket, &mut floor, &mut buffer)),
            }
        }
        // What has been said is passed on; OSC has no goodbye.
        batch(|| {
            read(&socket, &mut floor, &mut buffer);
            floor.work(clock::now(), &mut |packet, to| send(&socket, packet, to));
            drop(floor);
        });
    }
}

fn read(socket: &UdpSocket, floor: &mut Floor, buffer: &mut [u8]) {
    for _ in 0..READ_DATAGRAMS {
        match socket.try_recv_from(buffer) {
            Ok((bytes, from)) => {
                floor.datagram(&buffer[..bytes], from, clock::now(), &mut |packet, to| {
                    send(socket, packet, to)
                });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            // It concerns an earlier packet, such as one that nobody took.
            Err(_) => {}
        }
    }
}

fn send(socket: &UdpSocket, packet: &[u8], to: SocketAddr) -> Sent {
    match socket.try_send_to(packet, to) {
        Ok(_) => Sent::Yes,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::Blocked,
        Err(error) => {
            tracing::debug!(%to, %error, "an OSC packet was not sent");
            Sent::Failed
        }
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // Destinations may be broadcast addresses.
    socket.set_broadcast(true)?;
    // A smaller one works as well.
    let _ = socket.set_recv_buffer_size(SOCKET_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}
