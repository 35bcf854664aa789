//! The WebSocket door.

use tokio::net::TcpListener;

use super::{Context, Door};
use crate::options::Options;
use crate::relay::StartError;

/// Binds the WebSocket listener.
pub(crate) async fn websocket(options: &Options, context: &Context) -> Result<Door, StartError> {
    let address = options.listen.resolve(options.listen.ws_port).await?;
    let failed = |source| StartError::Bind {
        door: "WebSocket",
        address,
        flag: "--ws-port",
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tracing::info!("listening on {address}");
    tracing::info!("WebSocket: ws://{address}");
    let mut draining = context.draining.clone();
    let serve = Box::pin(async move {
        let _listener = listener;
        let _ = draining.wait_for(|drain| *drain).await;
    });
    Ok(Door {
        name: "WebSocket",
        address,
        serve,
    })
}
