//! What counts as one remote address in a limit (spec: relay.md 10.7, routing.md 5.5).

use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address or an IPv6 /64, since a subscriber commands a whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// What limits on connections and messages count `address` as. `None` for loopback, which they
    /// leave out: there is no telling apart who is on this machine or behind a proxy that is not
    /// trusted.
    pub fn limited(address: IpAddr) -> Option<Network> {
        (!address.to_canonical().is_loopback()).then(|| address.into())
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Network {
        Network(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 => v4,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Option<Network> {
        Network::limited(text.parse().unwrap())
    }

    #[test]
    fn mapped_and_plain_ipv4_are_one_address_and_a_slash_64_is_one_too() {
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    }

    #[test]
    fn this_machine_is_not_counted() {
        for local in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(network(local), None, "{local}");
        }
    }
}
