//! The relay as a library: options in, a running relay out.
//!
//! [`Relay::build`] recovers what was kept and binds every listener that [`Options`] ask for,
//! [`Relay::run`] serves until it is told to stop and drains. `main` and the tests use the same two
//! calls.

mod access;
mod app;
pub mod cli;
mod config_file;
mod descriptors;
mod doctor;
mod doors;
mod healthcheck;
pub mod host;
pub mod inherited;
pub mod logging;
pub mod maintenance;
pub mod options;
mod pages;
pub mod reference;
mod relay;
mod reload;
mod service;
mod settings;
pub mod shutdown;
mod storage;
mod tls;

#[allow(unused_imports, unreachable_pub, reason = "a small build has nothing to offer")]
pub use doors::public::*;
pub use options::Options;
pub use relay::{Relay, RunError, StartError};
