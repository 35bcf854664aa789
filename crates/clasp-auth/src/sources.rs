//! Where clients may come from, for doors that have no better way to tell them apart (spec:
//! relay.md 24.2).

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Networks that somebody may come from; empty means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources(Vec<IpNet>);

impl Sources {
    /// Whether this address may.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_networks_and_without_any_everybody_may() {
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
