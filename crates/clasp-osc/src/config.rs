//! What an operator may choose about this door.

mod file;

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use clasp_auth::cpsk::Secret;
use ipnet::IpNet;

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

/// Networks that packets are accepted from; empty means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources(Vec<IpNet>);

impl Sources {
    /// Whether packets of this address are accepted.
    pub fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Sources {
    type Err = String;

    /// Reads one address or network.
    fn from_str(text: &str) -> Result<Sources, String> {
        let text = text.trim();
        let single = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
        let network = single.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
            format!("'{text}' is no address or network, such as 192.168.1.7 or 10.0.0.0/8")
        })?;
        Ok(Sources(vec![network]))
    }
}

impl FromIterator<Sources> for Sources {
    fn from_iter<I: IntoIterator<Item = Sources>>(lists: I) -> Sources {
        Sources(lists.into_iter().flat_map(|list| list.0).collect())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_networks_and_without_any_everybody_may_send() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(Sources::default().allow(ip("203.0.113.1")));
        let sources: Sources = ["10.0.0.0/8", "192.168.1.7", "::1"]
            .map(|it| it.parse::<Sources>().unwrap())
            .into_iter()
            .collect();
        for yes in ["10.1.2.3", "192.168.1.7", "::1", "::ffff:10.0.0.1"] {
            assert!(sources.allow(ip(yes)), "{yes}");
        }
        for no in ["11.1.2.3", "192.168.1.8", "::2"] {
            assert!(!sources.allow(ip(no)), "{no}");
        }
        assert!("desk".parse::<Sources>().unwrap_err().contains("'desk'"));
    }
}
