//! The relay's plain HTTP listeners: health probes, the metrics page and the registry's API.
//!
//! Each page is an [`axum::Router`]; [`serve`] gives any of them a listener, bounds and a
//! graceful end. Who may see a page is decided by whoever mounts it.

pub mod entities;
pub mod exposition;
pub mod health;
pub mod metrics;
pub mod process;
mod serve;

pub use serve::serve;
