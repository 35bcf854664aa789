//! The metrics page on a port of its own.

use std::sync::Arc;

use clasp_http::metrics::pages;
use clasp_http::{Entrance, process};

use super::{Context, Door};
use crate::options::Options;
use crate::relay::StartError;

/// Binds the metrics page.
pub(crate) async fn metrics(
    options: &Options,
    port: u16,
    context: &Context,
) -> Result<Door, StartError> {
    let (listener, address) = options.listen.bind("metrics", port, "--metrics-port").await?;
    let scheme = context.encryption.scheme("http", "https");
    tracing::info!("metrics: {scheme}://{address}/metrics");
    let started = context.started;
    let router = Arc::clone(&context.router);
    let encryption = context.encryption.clone();
    let acceptor = encryption.acceptor();
    let storage = context.storage_families();
    let pages = pages(move || {
        let mut families = vec![process::build_info(env!("CARGO_PKG_VERSION"))];
        families.extend(router.metrics());
        families.extend(storage());
        families.extend(encryption.families());
        families.extend(crate::logging::families());
        families.extend(process::families(started));
        families
    });
    let closing = context.closing.clone();
    let serve = Box::pin(clasp_http::serve_with(Entrance::new(acceptor), listener, pages, closing));
    Ok(Door { name: "metrics", address, serve })
}
