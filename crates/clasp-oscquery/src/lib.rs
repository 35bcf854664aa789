//! OSCQuery (the Vidvox proposal; adapters.md 2.4 item 9): the params of a namespace, and the
//! signals that were announced there, as a tree over HTTP; changes over WebSocket.
//!
//! Whoever asks is a guest of the router for the time of the question, or as long as the WebSocket
//! lives, so each sees what its token allows.

mod listen;
mod node;
mod osc;
mod pages;
mod question;
mod view;

pub use pages::{Host, pages};
