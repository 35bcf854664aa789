//! The metrics page on a port of its own.

use std::sync::Arc;

use clasp_http::api::Section;
use clasp_http::site::Router;
use clasp_http::{Entrance, process};
use clasp_router::metrics::Family;

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
    let pages = pages(context);
    let entrance = Entrance::new(context.encryption.acceptor());
    let closing = context.closing.clone();
    let serve = Box::pin(clasp_http::serve_with(entrance, listener, pages, closing));
    Ok(Door { name: "metrics", address, serve })
}

/// The page alone, for whoever asks.
pub(crate) fn pages(context: &Context) -> Router {
    clasp_http::metrics::pages(collect(context))
}

/// The page beside the API, for the operator.
#[allow(dead_code, reason = "only builds with everything on one port need it")]
pub(crate) fn section(context: &Context) -> Section {
    clasp_http::metrics::section(collect(context))
}

fn collect(context: &Context) -> impl Fn() -> Vec<Family> + Send + Sync + 'static {
    let started = context.started;
    let router = Arc::clone(&context.router);
    let encryption = context.encryption.clone();
    let storage = context.storage_families();
    move || {
        let mut families = vec![process::build_info(env!("CARGO_PKG_VERSION"))];
        families.extend(router.metrics());
        families.extend(storage());
        families.extend(encryption.families());
        families.extend(crate::logging::families());
        families.extend(process::families(started));
        families
    }
}
