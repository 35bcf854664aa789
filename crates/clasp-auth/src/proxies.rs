//! Whose address counts when a proxy stands between (spec: relay.md 10.7).

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Networks of proxies whose word on the client's address is believed; nobody else's is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Whether this peer is one of them.
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }

    /// The client's address: the peer's, or, from a trusted one, the last in `X-Forwarded-For`
    /// that is not a trusted proxy itself. `forwarded` are the header's values in the order in
    /// which they came. What stands before an unreadable address is not looked at.
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.contains(client) {
            return client;
        }
        let hops = forwarded.rev().flat_map(|value| value.rsplit(','));
        for hop in hops {
            let Some(address) = address(hop.trim()) else { break };
            client = address;
            if !self.contains(client) {
                break;
            }
        }
        client
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(ip, _)| ip);
    let parsed: Option<IpAddr> = bare.unwrap_or(text).parse().ok();
    let parsed =
        parsed.or_else(|| text.parse().ok().map(|with_port: std::net::SocketAddr| with_port.ip()));
    parsed.map(|address| address.to_canonical())
}

impl FromStr for TrustedProxies {
    type Err = String;

    /// Reads addresses and networks separated by commas.
    fn from_str(text: &str) -> Result<TrustedProxies, String> {
        let network = |part: &str| {
            let single = part.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
            single.or_else(|_| part.parse::<IpNet>()).map_err(|_| {
                format!("'{part}' is no address or network, such as 127.0.0.1 or 10.0.0.0/8")
            })
        };
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(network).collect::<Result<_, _>>().map(TrustedProxies)
    }
}

impl FromIterator<TrustedProxies> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = TrustedProxies>>(lists: I) -> TrustedProxies {
        TrustedProxies(lists.into_iter().flat_map(|list| list.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(proxies: &str, peer: &str, forwarded: &[&str]) -> String {
        let proxies: TrustedProxies = proxies.parse().unwrap();
        proxies.client(ip(peer), forwarded.iter().copied()).to_string()
    }

    #[test]
    fn a_header_from_anybody_else_is_not_believed() {
        assert_eq!(client("", "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", "203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn behind_a_trusted_proxy_the_last_address_it_did_not_make_up_counts() {
        let proxies = "127.0.0.1, 10.0.0.0/8";
        assert_eq!(client(proxies, "127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(proxies, "127.0.0.1", &["6.6.6.6, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(proxies, "127.0.0.1", &["198.51.100.1, 10.1.2.3"]), "198.51.100.1");
        assert_eq!(client(proxies, "127.0.0.1", &["6.6.6.6", "198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn without_a_readable_address_the_proxy_itself_counts() {
        assert_eq!(client("127.0.0.1", "127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", "127.0.0.1", &["unknown"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", "127.0.0.1", &["6.6.6.6, unknown"]), "127.0.0.1");
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_understood() {
        assert_eq!(client("::1", "::1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(client("::1", "::1", &["198.51.100.1:80"]), "198.51.100.1");
        assert_eq!(client("127.0.0.0/8", "::ffff:127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn a_mistake_is_named() {
        let error = "127.0.0.1,caddy".parse::<TrustedProxies>().unwrap_err();
        assert!(error.contains("'caddy'"), "{error}");
    }
}
