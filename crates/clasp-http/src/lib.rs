//! The relay's HTTP listeners: health probes, the metrics page, and the API of the auth port.
//!
//! Each page is an [`axum::Router`]; [`serve`] gives any of them a listener, bounds and a
//! graceful end. [`api::Api`] puts sections of routes behind one bearer check. This crate reads
//! what the router has, calls the services of `clasp-auth` and decides nothing.

pub mod about;
pub mod accounts;
pub mod api;
pub mod api_error;
pub mod bearer;
pub mod client_address;
pub mod clock;
pub mod entities;
pub mod exposition;
pub mod health;
pub mod journal;
pub mod json;
pub mod metrics;
pub mod open;
mod openapi;
pub mod origins;
mod pace;
pub mod process;
mod serve;
pub mod sessions;
pub mod site;
pub mod work;

pub use serve::{Entrance, Place, serve, serve_with};
