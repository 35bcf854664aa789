//! Tests of the executable from outside: real processes, real sockets, real signals.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app_config;
mod client;
mod config_file;
mod crowd;
mod dashboards;
mod doctor;
mod gate;
mod http;
mod logging;
mod options;
mod pages;
mod service;
mod sessions;
mod shutdown;
mod single_port;
mod startup;
mod support;
mod tcp;
