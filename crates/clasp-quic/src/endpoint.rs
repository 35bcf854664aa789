//! The UDP socket, and the settings of QUIC itself.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{
    Endpoint, EndpointConfig, IdleTimeout, ServerConfig, TokioRuntime, TransportConfig, VarInt,
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Config;

/// Names of the application protocol, the preferred one first.
pub(crate) const DATAGRAMS_ALPN: &[u8] = b"clasp/3";
pub(crate) const STREAM_ALPN: &[u8] = b"clasp/2";

/// Bytes towards a client that QUIC itself keeps; what is more waits in the outbox, where params
/// and streams conflate.
const SEND_WINDOW_BYTES: u64 = 256 << 10;

/// Bytes of a client that may be on their way, or wait for the router.
const RECEIVE_WINDOW_BYTES: u32 = 256 << 10;

/// Bytes of datagrams that may wait in either direction.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;

/// First packets that may wait to be looked at.
const INCOMING: usize = 64;

/// What is asked of the system for bursts of many clients; it may grant less.
const SOCKET_BUFFER_BYTES: usize = 2 << 20;

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}")]
pub struct BindError {
    /// The address as it was asked for.
    pub address: SocketAddr,
    /// What the system, or TLS, said.
    #[source]
    pub cause: io::Error,
}

/// Opens the socket; inside a runtime.
pub(crate) fn open(
    config: &Config,
    tls: &rustls::ServerConfig,
) -> Result<(Endpoint, ServerConfig), BindError> {
    let failed = |cause| BindError { address: config.address, cause };
    let server = server_config(config, tls).map_err(failed)?;
    let socket = bind(config.address).map_err(failed)?;
    let endpoint = Endpoint::new(
        EndpointConfig::default(),
        Some(server.clone()),
        socket,
        Arc::new(TokioRuntime),
    );
    Ok((endpoint.map_err(failed)?, server))
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn server_config(config: &Config, tls: &rustls::ServerConfig) -> io::Result<ServerConfig> {
    let mut transport = TransportConfig::default();
    let idle = IdleTimeout::try_from(config.idle_timeout).map_err(io::Error::other)?;
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .send_window(SEND_WINDOW_BYTES)
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW_BYTES))
        .datagram_receive_buffer_size(Some(DATAGRAM_BYTES_MAX))
        .datagram_send_buffer_size(DATAGRAM_BYTES_MAX)
        .keep_alive_interval((!config.keep_alive.is_zero()).then_some(config.keep_alive))
        .max_idle_timeout(Some(idle));
    let mut server = ServerConfig::with_crypto(Arc::new(crypto(tls)?));
    server.transport_config(Arc::new(transport));
    // The server counts by itself; this is for what comes while it does.
    server.max_incoming(config.handshakes_max.max(INCOMING));
    Ok(server)
}

/// TLS as for the other listeners, but for the names of the application protocol.
pub(crate) fn crypto(tls: &rustls::ServerConfig) -> io::Result<QuicServerConfig> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![DATAGRAMS_ALPN.to_vec(), STREAM_ALPN.to_vec()];
    tls.max_early_data_size = 0;
    QuicServerConfig::try_from(tls).map_err(io::Error::other)
}
