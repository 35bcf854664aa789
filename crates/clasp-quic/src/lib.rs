//! CLASP over QUIC (adapters.md 3): a bidirectional stream that the client opens carries frames
//! back to back; with ALPN `clasp/3`, streams and moves of gestures may travel as datagrams.
//!
//! Life of a connection: [`Server`] takes it in, `reception` shakes hands under a deadline and
//! counts its address, `session` moves frames between the stream and the router.

mod config;
mod endpoint;
mod farewell;
mod fleeting;
mod reception;
mod server;
mod session;

pub use config::Config;
pub use endpoint::BindError;
pub use server::Server;
