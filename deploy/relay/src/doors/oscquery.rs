//! The OSCQuery tree (adapters.md 2.4 item 9).

use std::sync::Arc;

use clasp_http::Entrance;
use clasp_oscquery::{Host, pages};

use super::{Context, Door};
use crate::options::Options;
use crate::relay::StartError;

/// Binds the tree's server.
pub(crate) async fn oscquery(
    (options, port): (&Options, u16),
    clients: &[Door],
    context: &Context,
) -> Result<Door, StartError> {
    let (listener, address) = options.listen.bind("OSCQuery", port, "--oscquery-port").await?;
    let scheme = context.encryption.scheme("http", "https");
    tracing::info!("OSCQuery: {scheme}://{address}/");
    let own = options.oscquery.oscquery_namespace.as_deref();
    let namespace = own.unwrap_or_else(|| options.osc.osc_namespace.trim_end_matches('/'));
    let host = Host {
        name: options.listen.name.clone(),
        namespace: namespace.to_owned(),
        osc_port: clients.iter().find(|door| door.name == "OSC").map(|door| door.address.port()),
        origins: options.listen.origins.clone(),
    };
    let proxies = options.gate.proxies();
    let (router, draining) = (Arc::clone(&context.router), context.draining.clone());
    let pages = pages(host, router, (proxies.clone(), draining));
    let entrance = Entrance { acceptor: context.encryption.acceptor(), proxies };
    let closing = context.closing.clone();
    let serve = Box::pin(clasp_http::serve_with(entrance, listener, pages, closing));
    Ok(Door { name: "OSCQuery", address, serve })
}
