//! The relay's plain HTTP listeners: health probes, the metrics page, open sessions.
//!
//! Each page is an [`axum::Router`]; [`serve`] gives any of them a listener, bounds and a
//! graceful end. This crate reads the router's counters and decides nothing.

pub mod exposition;
pub mod health;
pub mod metrics;
pub mod process;
mod serve;
pub mod sessions;

pub use serve::serve;
