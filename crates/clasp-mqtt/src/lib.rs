//! The door for MQTT clients: 3.1, 3.1.1 and 5 (adapters.md section 1).
//!
//! [`Mqtt`] plugs into the listeners of `clasp-transport`. A connection is a `Conversation`; once
//! CONNECT has come, it has a `Session`, which turns packets into requests of a guest of the router
//! and what the router has for it into packets. Sessions that outlive their connection wait among
//! the `Clients`, and in a [`Store`] while the relay does not run.

mod clients;
pub mod config;
mod connect;
mod conversation;
mod door;
pub mod mapping;
pub mod packet;
pub mod payload;
mod publications;
mod publish;
mod queue;
pub mod reason;
mod session;
mod shares;
mod store;
mod system;
pub mod topic;

pub use clients::Key;
pub use config::{Config, ConfigError, Limits};
pub use door::Mqtt;
pub use store::{Store, Stored};
