//! What an operator may choose about a TCP listener.

use std::sync::Arc;
use std::time::Duration;

use clasp_auth::TrustedProxies;
use clasp_tls::Acceptor;

use crate::talk::Dialect;
use crate::wire::Wire;

/// Settings of one TCP listener.
#[derive(Debug, Clone)]
pub struct Config {
    /// IP address, bracketed or not, or host name to listen on.
    pub host: String,
    /// TCP port; 0 lets the system choose.
    pub port: u16,
    /// What is done with fresh connections: TLS, plain text or either.
    pub acceptor: Acceptor,
    /// What clients speak.
    pub wire: Wire,
    /// Other protocols that a [`Wire::WebSocket`] listener takes as well: by their first byte, or
    /// inside a WebSocket by the subprotocol that the client offers.
    pub dialects: Vec<Arc<dyn Dialect>>,
    /// Origins that browsers may connect from, as `https://host[:port]`; empty means all.
    /// Clients that send no `Origin` are not browsers and always accepted.
    pub origins: Vec<String>,
    /// Most simultaneous connections of one address (IPv6: of one /64 network); 0 means no limit.
    /// Loopback is left out, and so is a trusted proxy: its clients are counted.
    pub connections_per_address_max: u32,
    /// Most connections that one address may open per second, counted likewise; 0 means no limit.
    pub connections_per_second_max: u32,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// Whether trusted proxies begin every connection with a header of the PROXY protocol; then
    /// they have to.
    pub proxy_protocol: bool,
    /// Most bytes of one WebSocket message: the largest CLASP frame and some slack.
    pub message_bytes_max: usize,
    /// From accepted connection to finished WebSocket upgrade or HTTP answer, or else to the first
    /// byte.
    pub upgrade_timeout: Duration,
    /// From accepted connection to the end of a plain HTTP answer, if that may take longer; of an
    /// answer that lasts to its head.
    pub answer_timeout: Duration,
    /// From then to HELLO, in whole seconds.
    pub handshake_timeout: Duration,
    /// Silence of a CLASP client in a WebSocket after which it is sent a ping, in whole seconds; 0
    /// means never.
    pub ping_interval: Duration,
    /// Silence of a client after which it is disconnected, in whole seconds; 0 means never.
    /// Raised to two and a half ping intervals if it is less.
    pub session_timeout: Duration,
    /// Longest time that [`crate::Server::run`] waits for clients to leave when it ends.
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            host: "0.0.0.0".to_owned(),
            port: 7330,
            acceptor: Acceptor::plain(),
            wire: Wire::WebSocket,
            dialects: Vec::new(),
            origins: Vec::new(),
            connections_per_address_max: 0,
            connections_per_second_max: 0,
            trusted_proxies: TrustedProxies::default(),
            proxy_protocol: false,
            message_bytes_max: 66 << 10,
            upgrade_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
            session_timeout: Duration::from_secs(300),
            drain_timeout: Duration::from_secs(30),
        }
    }
}
