//! Sessions of clients that speak another protocol than CLASP: what every foreign door stands on.
//!
//! A [`Guest`] is a session like any other (adapters.md 0.4): it opens with HELLO, and what it asks
//! goes through the same scopes, rates, rules and locks, since it enters the router as the frames
//! a CLASP client would send. A door translates its own packets into [`clasp_protocol::Message`]s
//! and [`News`] back.

mod bell;
mod guest;
mod news;

pub use bell::Bell;
pub use guest::{Answer, Arrival, Collected, Guest, Introduction, Refused, unpack};
pub use news::{News, each};
