//! The relay's own doors: sockets, WebSocket framing, timers and buffers between clients and the
//! router. It moves bytes and decides nothing about them.
//!
//! Life of a connection: [`Server`] accepts, `upgrade` answers the HTTP request, `connection`
//! reads into the router, `link` writes what the router's outbox holds, `sweeper` watches the time.

mod admission;
mod attendance;
mod batch;
pub mod clock;
mod config;
mod connection;
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

pub use batch::batch;
pub use config::Config;
pub use listener::BindError;
pub use server::Server;
pub use talk::{Departure, Dialect, Received, Talk};
pub use ticker::run_ticker;
