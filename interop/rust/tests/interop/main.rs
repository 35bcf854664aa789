//! The shipped relay as the published Rust client sees it.

mod accounts;
mod bundles;
mod connection;
mod cross_language;
mod discovery;
mod locks;
mod params;
mod refusals;
mod signals;
mod snippet;
mod subscriptions;
mod tls;
mod tokens;
mod transports;
