//! Conversations with the door, without sockets: clients whose packets another library makes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connect;
mod modern;
mod publish;
mod sessions;
mod subscribe;
mod support;
