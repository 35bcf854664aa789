//! Open Sound Control: clients that speak OSC over UDP and TCP as sessions of the relay (spec:
//! adapters.md 2).
//!
//! The life of a datagram: [`Server`] reads it, `floor` finds or admits its peer, [`packet`] takes
//! it apart, `client` turns its messages into SETs, events and bundles of a guest, or carries out
//! what `control` reads. The way back: the router wakes, `mailbox` turns news into messages,
//! `queue` holds the latest of each address and makes bundles, and the server sends them.

mod client;
mod config;
mod control;
mod floor;
pub mod limits;
mod mailbox;
mod memory;
mod namespace;
pub mod packet;
mod pattern;
mod queue;
mod server;
pub mod stream;
mod talk;
mod time;
mod value;
mod write;

pub use config::{Config, ConfigError, Destination, Guests, Late, Tuning};
pub use namespace::{Namespace, Unfit};
pub use server::{BindError, Server};
pub use talk::OscStream;
pub use time::TimeTag;
pub use value::{Floats, Format, from_arguments, to_arguments, type_tag};
