//! What has to hold for any bytes. Each module is one fuzz target, and a plain function for tests.

pub mod capability_token;
pub mod frame;
pub mod message;
pub mod mqtt;
pub mod osc_packet;
pub mod pattern;
pub mod rest;
pub mod router_ops;
pub mod stream;
