//! The directory of relays (relay.md 17).

use std::sync::Arc;
use std::time::Duration;

use clasp_discovery::rendezvous::{Directory, Limits, pages};
use clasp_http::{Entrance, clock};
use tokio::task::JoinSet;

use super::{Context, Door, discovery};
use crate::options::Options;
use crate::relay::StartError;

/// Time between two looks for entries whose time is over.
const SWEEP: Duration = Duration::from_secs(60);

/// Binds the directory.
pub(crate) async fn rendezvous(
    options: &Options,
    port: u16,
    context: &Context,
) -> Result<Door, StartError> {
    let token = discovery::token(options)?;
    let (listener, address) = options.listen.bind("rendezvous", port, "--rendezvous-port").await?;
    let scheme = context.encryption.scheme("http", "https");
    let whom = match &token {
        Some(_) => "whoever has the token may register",
        None => "everybody who reaches it may register",
    };
    tracing::info!("rendezvous: {scheme}://{address}/api/v1/discover; {whom}");
    let limits = Limits { ttl_s: options.rendezvous.rendezvous_ttl, ..Limits::default() };
    let directory = Arc::new(Directory::new(limits));
    let proxies = options.gate.proxies();
    let pages = pages(Arc::clone(&directory), token.as_deref(), proxies.clone());
    let entrance = Entrance { acceptor: context.encryption.acceptor(), proxies };
    let closing = context.closing.clone();
    let serve = Box::pin(async move {
        let mut chores = JoinSet::new();
        chores.spawn(async move {
            let mut ticks = tokio::time::interval(SWEEP);
            loop {
                ticks.tick().await;
                directory.sweep(clock::now());
            }
        });
        clasp_http::serve_with(entrance, listener, pages, closing).await;
        chores.shutdown().await;
    });
    Ok(Door { name: "rendezvous", address, serve })
}
