//! A world in memory: one router, clients by name, a clock that is moved by hand.
//!
//! Tests are scripts: somebody sends, time passes, somebody sees lines of text.

#![allow(dead_code, unused_imports, reason = "no test program uses every word of the language")]

mod client;
mod messages;
mod ports;
mod render;
mod world;

pub(crate) use client::{Bell, Client};
pub(crate) use messages::*;
pub(crate) use ports::{Badges, Rules};
pub(crate) use render::{line, value_text};
pub(crate) use world::World;
