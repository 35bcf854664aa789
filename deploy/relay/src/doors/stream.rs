//! What doors over TCP have in common: the options that hold for all of them.

use std::time::Duration;

use clasp_transport::{Config, Server};

use super::Context;
use crate::options::Options;
use crate::relay::StartError;

/// Where a door over TCP listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// What people call it; also the name of its socket from the service manager.
    pub(super) door: &'static str,
    /// The port asked for.
    pub(super) port: u16,
    /// The option that chooses it.
    pub(super) flag: &'static str,
}

/// Binds a listener with what [`config`] has been made into.
pub(super) async fn bind(
    options: &Options,
    place: Place,
    config: Config,
) -> Result<Server, StartError> {
    let Place { door, port, flag } = place;
    if let Some(socket) = options.listen.inherited.take(door) {
        return Server::adopt(socket, config).map_err(|source| StartError::Adopt { door, source });
    }
    let address = options.listen.resolve(port).await?;
    let config = Config { host: address.ip().to_string(), port: address.port(), ..config };
    let failed = |source| StartError::Bind { door, address, flag, source };
    Server::bind(config).await.map_err(|error| failed(error.cause))
}

/// The settings of any listener, but for its address.
pub(super) fn config(options: &Options, context: &Context) -> Config {
    let seconds = |count: u32| Duration::from_secs(count.into());
    let sessions = &options.sessions;
    Config {
        acceptor: context.encryption.acceptor(),
        connections_per_address_max: options.gate.max_connections_per_address,
        connections_per_second_max: options.gate.max_connections_per_second,
        trusted_proxies: options.gate.proxies(),
        proxy_protocol: options.gate.proxy_protocol,
        ping_interval: seconds(ping_interval_s(sessions.ping_interval, sessions.session_timeout)),
        session_timeout: seconds(sessions.session_timeout),
        drain_timeout: seconds(options.operation.drain_timeout),
        ..Config::default()
    }
}

/// A client has to get two pings before its silence counts: an interval too long for the session
/// timeout is shortened, since the transport would otherwise extend the timeout.
fn ping_interval_s(ping_interval: u32, session_timeout: u32) -> u32 {
    match session_timeout {
        0 => ping_interval,
        timeout => ping_interval.min((timeout / 5 * 2).max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_fit_the_session_timeout() {
        assert_eq!(ping_interval_s(30, 300), 30);
        assert_eq!(ping_interval_s(30, 10), 4);
        assert_eq!(ping_interval_s(30, 1), 1);
        assert_eq!(ping_interval_s(30, 0), 30);
        assert_eq!(ping_interval_s(0, 10), 0);
    }
}
