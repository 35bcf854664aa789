//! The WebSocket door, and the router's clock, which this door keeps going.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clasp_transport::pages::Probes;
use clasp_transport::{Config, Server, run_ticker};
use tokio::task::JoinSet;

use super::{Context, Door};
use crate::options::Options;
use crate::relay::StartError;

/// Binds the WebSocket listener.
pub(crate) async fn websocket(options: &Options, context: &Context) -> Result<Door, StartError> {
    let address = options.listen.resolve(options.listen.ws_port).await?;
    let server = Server::bind(Config {
        host: address.ip().to_string(),
        port: address.port(),
        ..config(options)
    });
    let server = server.await.map_err(|error| StartError::Bind {
        door: "WebSocket",
        address,
        flag: "--ws-port",
        source: error.cause,
    })?;
    let address = server.local_addr();
    tracing::info!("listening on {address}");
    tracing::info!("WebSocket: ws://{address}");

    let ready = Arc::clone(&context.ready);
    let probes = Arc::new(Probes::new(move || ready.load(Ordering::Acquire)));
    let (router, draining) = (Arc::clone(&context.router), context.draining.clone());
    let serve = Box::pin(async move {
        let mut ticker = JoinSet::new();
        ticker.spawn(run_ticker(Arc::clone(&router)));
        server.run(router, probes, draining).await;
        ticker.shutdown().await;
    });
    Ok(Door { name: "WebSocket", address, serve })
}

fn config(options: &Options) -> Config {
    let seconds = |count: u32| Duration::from_secs(count.into());
    Config {
        origins: options.listen.origins.clone(),
        ping_interval: seconds(options.sessions.ping_interval),
        session_timeout: seconds(options.sessions.session_timeout),
        drain_timeout: seconds(options.operation.drain_timeout),
        ..Config::default()
    }
}
