//! Tests of the executable from outside: real processes, real sockets, real signals.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app_config;
mod client;
mod crowd;
mod gate;
mod http;
mod logging;
mod options;
mod pages;
mod sessions;
mod shutdown;
mod startup;
mod support;
