//! What a TCP listener takes its clients to speak.

use std::sync::Arc;

use crate::talk::Dialect;

/// What the clients of a listener speak, inside TLS or not.
#[derive(Debug, Clone, Default)]
pub enum Wire {
    /// What the first byte shows: HTTP and WebSocket, frames as with [`Wire::Framed`], or one of
    /// [`crate::Config::dialects`] (adapters.md 4).
    #[default]
    WebSocket,
    /// CLASP frames, each behind its length as u32, or back to back, as the first byte shows. HTTP
    /// is answered by the server's pages.
    Framed,
    /// Another protocol.
    Foreign(Arc<dyn Dialect>),
}
