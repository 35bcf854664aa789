//! The health page on a port of its own.

use clasp_http::Entrance;
use clasp_http::health::pages;

use super::{Context, Door};
use crate::options::Options;
use crate::relay::StartError;

/// Binds the health page.
pub(crate) async fn health(
    options: &Options,
    port: u16,
    context: &Context,
) -> Result<Door, StartError> {
    let (listener, address) = options.listen.bind("health", port, "--health-port").await?;
    tracing::info!("health: http://{address}/healthz and http://{address}/readyz");
    let pages = pages(context.readiness());
    let acceptor = context.encryption.probe_acceptor();
    let closing = context.closing.clone();
    let serve = Box::pin(clasp_http::serve_with(Entrance::new(acceptor), listener, pages, closing));
    Ok(Door { name: "health", address, serve })
}
