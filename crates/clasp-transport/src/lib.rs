//! The relay's own doors: sockets, WebSocket framing, timers and buffers between clients and the
//! router. It moves bytes and decides nothing about them.
//!
//! Life of a connection: [`Server`] accepts, `upgrade` finds out what the client speaks and answers
//! HTTP, `connection` reads into the router, or into a [`Talk`] if it is another protocol, `link`
//! writes what their outbox holds, `sweeper` watches the time.

mod admission;
mod attendance;
mod batch;
pub mod clock;
mod config;
mod connection;
mod cutter;
mod farewell;
mod gathering;
mod link;
mod listener;
pub mod pages;
mod registry;
mod server;
mod sweeper;
mod talk;
mod ticker;
mod upgrade;
pub mod websocket;
mod wire;

pub use batch::{batch, checkpoint};
pub use config::Config;
pub use listener::BindError;
pub use server::Server;
pub use talk::{Departure, Dialect, Dismissal, Received, Talk};
pub use ticker::run_ticker;
pub use wire::Wire;
