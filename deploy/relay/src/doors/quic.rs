//! CLASP over QUIC.

use std::sync::Arc;
use std::time::Duration;

use clasp_quic::{Config, Server};

use super::{Context, Door};
use crate::options::Options;
use crate::relay::StartError;

/// Silence of a client after which it is gone, however long --session-timeout is: QUIC asks by
/// itself whether it is there.
const IDLE_S_MAX: u32 = 30;

/// Binds the QUIC listener.
pub(crate) async fn quic(
    options: &Options,
    port: u16,
    context: &Context,
) -> Result<Door, StartError> {
    let Some(tls) = context.encryption.tls() else {
        let text = "--quic-port needs a certificate, since QUIC is always encrypted: \
            give --cert and --key";
        return Err(StartError::Tls(text.to_owned()));
    };
    let address = options.listen.resolve(port).await?;
    let idle_s = match options.sessions.session_timeout {
        0 => IDLE_S_MAX,
        timeout => timeout.min(IDLE_S_MAX),
    };
    let idle_timeout = Duration::from_secs(idle_s.into());
    let server = Server::bind(Config {
        connections_per_address_max: options.gate.max_connections_per_address,
        connections_per_second_max: options.gate.max_connections_per_second,
        keep_alive: idle_timeout / 3,
        idle_timeout,
        drain_timeout: Duration::from_secs(options.operation.drain_timeout.into()),
        ..Config::new(address, tls)
    });
    let (door, flag) = ("QUIC", "--quic-port");
    let server =
        server.map_err(|error| StartError::Bind { door, address, flag, source: error.cause })?;
    let address = server.local_addr();
    tracing::info!("QUIC: quic://{address}");
    let (router, draining) = (Arc::clone(&context.router), context.draining.clone());
    Ok(Door { name: door, address, serve: Box::pin(server.run(router, draining)) })
}
