//! What an operator may choose about this door.

mod file;

use std::net::SocketAddr;
use std::time::Duration;

use clasp_auth::Sources;
use clasp_auth::cpsk::Secret;

pub use file::{ConfigError, Tuning};

use crate::namespace::Namespace;
use crate::value::Format;

/// Settings of the door.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Where in the address space params of OSC clients are.
    pub namespace: Namespace,
    /// Who may send.
    pub sources: Sources,
    /// What clients that show no token come in with.
    pub guests: Guests,
    /// The rest, as `--osc-config` says it.
    pub tuning: Tuning,
}

impl Default for Namespace {
    fn default() -> Namespace {
        "/osc".parse().expect("a namespace")
    }
}

/// What becomes of clients that show no token.
#[derive(Debug, Clone, Default)]
pub enum Guests {
    /// They come as clients without a token do anywhere.
    #[default]
    Plain,
    /// They come with this token.
    With(Secret),
    /// They have to show a token first.
    Refused,
}

/// What happens to a bundle whose time is over when it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Late {
    /// It takes effect at once.
    #[default]
    Execute,
    /// It is dropped and counted.
    Discard,
}

/// Somebody who is told without having asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// Where packets are sent.
    pub address: SocketAddr,
    /// Patterns over addresses of params and signals.
    pub patterns: Vec<String>,
    /// What is taken off addresses that begin with it.
    pub strip: Namespace,
    /// Packets in time: least pause between two rounds.
    pub pause: Option<Duration>,
    /// How values are written.
    pub format: Format,
}
