//! CLASP frames over TCP, without WebSocket.

use std::sync::Arc;

use clasp_transport::pages::Sentence;
use clasp_transport::{Config, Wire};

use super::stream::{Place, bind, config};
use super::{Context, Door};
use crate::options::Options;
use crate::relay::StartError;

/// For who comes with HTTP.
const NO_HTTP: &str = "this port takes CLASP frames over TCP, each behind its length as u32; \
    connect to the WebSocket port for HTTP and WebSocket\n";

/// Binds the listener of plain frames.
pub(crate) async fn tcp(
    options: &Options,
    port: u16,
    context: &Context,
) -> Result<Door, StartError> {
    let place = Place { door: "TCP", port, flag: "--tcp-port" };
    let config = Config { wire: Wire::Framed, ..config(options, context) };
    let server = bind(options, place, config).await?;
    let address = server.local_addr();
    let scheme = context.encryption.scheme("tcp", "tls");
    tracing::info!("TCP: {scheme}://{address}");
    let (router, draining) = (Arc::clone(&context.router), context.draining.clone());
    let serve = Box::pin(server.run(router, Arc::new(Sentence::new(NO_HTTP)), draining));
    Ok(Door { name: "TCP", address, serve })
}
