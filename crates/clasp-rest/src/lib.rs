//! CLASP over plain HTTP (adapters.md 7.9): params and events as resources, subscriptions as
//! server-sent events, values as JSON.
//!
//! A request borrows a session from the [`lobby`](Rest), so that one client's requests share its
//! scopes, rates and rules whatever the number of connections; a stream has a session of its own.
//! Nothing here decides who may do what: the router does, and `problem` says it in HTTP.

mod address;
mod body;
mod client;
mod condition;
mod events;
mod lobby;
mod origins;
mod params;
mod patch;
mod problem;
mod query;
mod rest;
mod signals;
mod stream;
mod visit;

pub use rest::{Config, DESCRIPTION, Rest};
