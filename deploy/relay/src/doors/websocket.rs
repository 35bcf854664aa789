//! The WebSocket door.

use std::sync::Arc;
use std::time::Duration;

use clasp_transport::Config;
use clasp_transport::pages::{Pages, Probes};
use tokio::task::JoinSet;

use super::stream::{self, Place};
use super::{Chores, Context, Desk, Door, single};
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
    let place = Place { door: "WebSocket", port: options.listen.ws_port, flag: "--ws-port" };
    let server = stream::bind(options, place, config(options, context)).await?;
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
    let (router, draining) = (Arc::clone(&context.router), context.draining.clone());
    let serve = Box::pin(async move {
        let mut beside = JoinSet::new();
        beside.spawn(chores);
        server.run(router, pages, draining).await;
        beside.shutdown().await;
    });
    Ok(Door { name: "WebSocket", address, serve })
}

fn config(options: &Options, context: &Context) -> Config {
    let usual = stream::config(options, context);
    let answer_timeout = if options.listen.single_port { API_TIME } else { usual.answer_timeout };
    Config { origins: options.listen.origins.clone(), answer_timeout, ..usual }
}
