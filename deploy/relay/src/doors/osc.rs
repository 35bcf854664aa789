//! OSC over UDP, and over TCP on the same port number.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use clasp_auth::cpsk::Secret;
use clasp_osc::{Config, Guests, Namespace, OscStream, Server, Tuning};
use clasp_transport::pages::Probes;
use clasp_transport::{Config as StreamConfig, Server as StreamServer, Wire};

use super::stream::config as stream_config;
use super::{Context, Door};
use crate::options::{Options, OscOptions};
use crate::relay::StartError;

/// Ports from the system that are tried until one is free for UDP and TCP.
const ATTEMPTS: usize = 16;

const NAME: &str = "OSC";
const FLAG: &str = "--osc-port";

/// Binds both sockets. `usual` is the token of clients that show none.
pub(crate) async fn osc(
    (options, port): (&Options, u16),
    usual: Option<Secret>,
    context: &Context,
) -> Result<Door, StartError> {
    let asked = options.listen.resolve(port).await?;
    let private = is_private(options);
    let address = if private { SocketAddr::new(loopback(asked.ip()), port) } else { asked };
    let config = config(options, usual)?;
    let stream = OscStream::new(Arc::clone(&context.router), config.clone());
    let wire = Wire::Foreign(Arc::new(stream));
    let stream_config = StreamConfig { wire, ..stream_config(options, context) };
    let (server, stream) = bind(address, config, stream_config).await?;
    let address = server.local_addr();
    let scheme = context.encryption.scheme("tcp", "tls");
    tracing::info!("OSC: udp://{address} and {scheme}://{address}");
    if private && address.ip() != asked.ip() {
        tracing::info!(
            "OSC: only for this machine, since tokens are demanded; --osc-allow or --osc-scopes \
             opens it"
        );
    }
    let (router, draining) = (Arc::clone(&context.router), context.draining.clone());
    // A listener of another protocol answers no HTTP.
    let pages = Arc::new(Probes::new(context.readiness()));
    let serve = Box::pin(async move {
        let datagrams = server.run(Arc::clone(&router), draining.clone());
        tokio::join!(datagrams, stream.run(router, pages, draining));
    });
    Ok(Door { name: NAME, address, serve })
}

/// Whether only this machine is to be served (relay.md 24.2): anybody could be at the other end.
fn is_private(options: &Options) -> bool {
    let OscOptions { osc_allow, osc_scopes, .. } = &options.osc;
    options.auth.auth_port.is_some() && osc_allow.is_empty() && osc_scopes.is_none()
}

fn loopback(like: IpAddr) -> IpAddr {
    match like {
        like if like.is_loopback() => like,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

fn config(options: &Options, usual: Option<Secret>) -> Result<Config, StartError> {
    let namespace: Namespace = options.osc.osc_namespace.parse().map_err(|error| {
        StartError::Osc(format!("--osc-namespace {}: {error}", options.osc.osc_namespace))
    })?;
    let tuning = match &options.osc.osc_config {
        None => Tuning::default(),
        Some(path) => Tuning::read(path, &namespace)
            .map_err(|error| StartError::Osc(format!("{error} (--osc-config)")))?,
    };
    let demands_token = options.auth.auth_port.is_some() && options.auth.anonymous_scopes.is_none();
    let guests = match usual {
        Some(secret) => Guests::With(secret),
        None if demands_token => Guests::Refused,
        None => Guests::Plain,
    };
    if matches!(guests, Guests::Refused) && !tuning.destinations.is_empty() {
        return Err(StartError::Osc(
            "--osc-config names destinations, which have no token: say with --osc-scopes what they \
             may hear of"
                .into(),
        ));
    }
    Ok(Config { namespace, sources: options.osc.sources(), guests, tuning })
}

/// Binds UDP and TCP at one port; where the system chooses it, at one that is free for both.
async fn bind(
    address: SocketAddr,
    config: Config,
    stream_config: StreamConfig,
) -> Result<(Server, StreamServer), StartError> {
    let failed = |source| StartError::Bind { door: NAME, address, flag: FLAG, source };
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        let server = Server::bind(address, config.clone()).map_err(|error| failed(error.cause))?;
        let bound = server.local_addr();
        let stream_config = StreamConfig {
            host: bound.ip().to_string(),
            port: bound.port(),
            ..stream_config.clone()
        };
        match StreamServer::bind(stream_config).await {
            Ok(stream) => return Ok((server, stream)),
            Err(_) if address.port() == 0 && attempts > 0 => {}
            Err(error) => return Err(failed(error.cause)),
        }
    }
}
