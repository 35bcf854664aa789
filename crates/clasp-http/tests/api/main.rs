//! The API of the auth port, in memory: its routes against its own description, its bounds, its
//! manners with browsers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bearer;
mod bounds;
mod browsers;
mod description;
mod support;
