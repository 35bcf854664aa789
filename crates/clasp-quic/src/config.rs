//! What an operator may choose about the QUIC listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clasp_tls::Tls;

/// Settings of the listener.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; UDP port 0 lets the system choose.
    pub address: SocketAddr,
    /// Certificate and key; what is read again later serves new connections.
    pub tls: Arc<Tls>,
    /// Most simultaneous connections of one address (IPv6: of one /64 network); 0 means no limit.
    /// Loopback is left out.
    pub connections_per_address_max: u32,
    /// Most connections that one address may open per second, counted likewise; 0 means no limit.
    pub connections_per_second_max: u32,
    /// Most handshakes at a time; further ones are refused.
    pub handshakes_max: usize,
    /// Handshakes at a time from which on a client first has to prove its address (RFC 9000 8.1.2).
    pub retry_from: usize,
    /// From the first packet to the end of the TLS handshake, from there to the client's stream,
    /// and from there to HELLO.
    pub handshake_timeout: Duration,
    /// Silence after which the peer is asked whether it is there.
    pub keep_alive: Duration,
    /// Silence of a peer, which answers [`Self::keep_alive`] by itself, after which it is gone.
    pub idle_timeout: Duration,
    /// How long a peer may take no byte of what waits for it.
    pub stall_timeout: Duration,
    /// Longest time that [`crate::Server::run`] waits for clients to leave when it ends.
    pub drain_timeout: Duration,
}

impl Config {
    /// The usual settings.
    pub fn new(address: SocketAddr, tls: Arc<Tls>) -> Config {
        Config {
            address,
            tls,
            connections_per_address_max: 0,
            connections_per_second_max: 0,
            handshakes_max: 1_024,
            retry_from: 64,
            handshake_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
        }
    }
}
