//! The WebSocket door, and the router's clock, which this door keeps going.

use std::sync::Arc;
use std::time::Duration;

use clasp_transport::pages::{Pages, Probes};
use clasp_transport::{Config, Server, run_ticker};
use tokio::task::JoinSet;

use super::{Chores, Context, Desk, Door, http, single};
use crate::options::Options;
use crate::relay::StartError;

/// How long a request to the API may take from its connection on: what the API itself allows, and
/// time for the head.
const API_TIME: Duration = Duration::from_secs(40);

/// Binds the WebSocket listener; with --single-port it serves the auth server, too.
pub(crate) async fn websocket(
    options: &Options,
    desk: Option<Desk>,
    context: &Context,
) -> Result<Door, StartError> {
    let server = bind(options, context).await?;
    let address = server.local_addr();
    tracing::info!("listening on {address}");
    if !context.encryption.acceptor().refuses_plain() {
        tracing::info!("WebSocket: ws://{address}");
    }
    if context.encryption.acceptor().has_tls() {
        tracing::info!("WebSocket: wss://{address}");
    }

    let (pages, chores) = match options.listen.single_port {
        true => single(options, desk, context)?,
        false => {
            let probes: Arc<dyn Pages> = Arc::new(Probes::new(context.readiness()));
            (probes, Box::pin(std::future::pending()) as Chores)
        }
    };
    let (pages, chores) = http(options, (pages, chores), context);
    let (router, draining) = (Arc::clone(&context.router), context.draining.clone());
    let serve = Box::pin(async move {
        let mut ticker = JoinSet::new();
        ticker.spawn(run_ticker(Arc::clone(&router)));
        ticker.spawn(chores);
        server.run(router, pages, draining).await;
        ticker.shutdown().await;
    });
    Ok(Door { name: "WebSocket", address, serve })
}

async fn bind(options: &Options, context: &Context) -> Result<Server, StartError> {
    let config = Config { acceptor: context.encryption.acceptor(), ..config(options) };
    if let Some(socket) = options.listen.inherited.take("WebSocket") {
        let adopted = Server::adopt(socket, config);
        return adopted.map_err(|source| StartError::Adopt { door: "WebSocket", source });
    }
    let address = options.listen.resolve(options.listen.ws_port).await?;
    let config = Config { host: address.ip().to_string(), port: address.port(), ..config };
    Server::bind(config).await.map_err(|error| StartError::Bind {
        door: "WebSocket",
        address,
        flag: "--ws-port",
        source: error.cause,
    })
}

fn config(options: &Options) -> Config {
    let seconds = |count: u32| Duration::from_secs(count.into());
    let sessions = &options.sessions;
    let usual = Config::default();
    let has_api = options.listen.single_port || !options.http.no_http;
    let answer_timeout = if has_api { API_TIME } else { usual.answer_timeout };
    Config {
        origins: options.listen.origins.clone(),
        connections_per_address_max: options.gate.max_connections_per_address,
        connections_per_second_max: options.gate.max_connections_per_second,
        trusted_proxies: options.gate.proxies(),
        proxy_protocol: options.gate.proxy_protocol,
        ping_interval: seconds(ping_interval_s(sessions.ping_interval, sessions.session_timeout)),
        session_timeout: seconds(sessions.session_timeout),
        drain_timeout: seconds(options.operation.drain_timeout),
        answer_timeout,
        ..usual
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
