//! The relay's plain HTTP pages: health probes, metrics, the journal, open sessions.
//!
//! Each page is an [`axum::Router`]; [`serve`] gives any of them a listener, bounds and a
//! graceful end. This crate reads what the router has and decides nothing.

pub mod exposition;
pub mod health;
pub mod journal;
pub mod metrics;
pub mod process;
mod serve;
pub mod sessions;

pub use serve::{serve, serve_with};
