//! Which addresses of this machine a relay may be found at.

use std::net::IpAddr;

use if_addrs::Interface;

/// Whom the operator wants to be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Where the relay listens; an unspecified address stands for all of its family, `::` for all.
    pub host: IpAddr,
    /// Only interfaces with these names; empty stands for all.
    pub interfaces: Vec<String>,
    /// Also addresses that the whole internet may reach.
    pub public: bool,
}

impl Reach {
    /// Whether clients may be led to this address of an interface. An interface of this machine
    /// alone counts only if it is named, or if the relay listens nowhere else and everything is
    /// wanted.
    pub fn includes(&self, interface: &Interface) -> bool {
        let address = interface.ip();
        let named = self.interfaces.contains(&interface.name);
        let wanted = named || self.interfaces.is_empty();
        let local = named || (self.public && self.host.is_loopback());
        let scope = match address.to_canonical().is_loopback() {
            true => local,
            false => self.public || is_private(address),
        };
        wanted && scope && self.hears(address)
    }

    /// Whether anything but this machine alone could be served, as far as the options tell.
    pub fn is_possible(&self) -> bool {
        let host = self.host.to_canonical();
        let within =
            if host.is_loopback() { !self.interfaces.is_empty() } else { is_private(host) };
        self.public || host.is_unspecified() || within
    }

    /// Those of this machine's addresses that clients may be led to now, with their interfaces.
    pub fn addresses(&self) -> Vec<(String, IpAddr)> {
        let found = if_addrs::get_if_addrs().unwrap_or_default();
        let included = found.into_iter().filter(|interface| self.includes(interface));
        included.map(|interface| (interface.name.clone(), interface.ip())).collect()
    }

    fn hears(&self, address: IpAddr) -> bool {
        match self.host {
            IpAddr::V6(host) if host.is_unspecified() => true,
            IpAddr::V4(host) if host.is_unspecified() => address.is_ipv4(),
            host => host.to_canonical() == address,
        }
    }
}

/// Whether an address belongs to a network without a public number: RFC 1918, unique local, or
/// link-local.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use if_addrs::{IfAddr, IfOperStatus, Ifv4Addr, Ifv6Addr};

    use super::*;

    fn interface(name: &str, address: &str) -> Interface {
        let addr = match address.parse().unwrap() {
            IpAddr::V4(ip) => {
                let netmask = [255, 255, 255, 0].into();
                IfAddr::V4(Ifv4Addr { ip, netmask, prefixlen: 24, broadcast: None })
            }
            IpAddr::V6(ip) => {
                let netmask = ip;
                IfAddr::V6(Ifv6Addr { ip, netmask, prefixlen: 64, broadcast: None })
            }
        };
        let oper_status = IfOperStatus::Up;
        Interface { name: name.into(), addr, index: Some(1), oper_status, is_p2p: false }
    }

    fn reach(host: &str) -> Reach {
        Reach { host: host.parse().unwrap(), interfaces: Vec::new(), public: false }
    }

    const ALL: [(&str, &str); 7] = [
        ("lo", "127.0.0.1"),
        ("lo", "::1"),
        ("eth0", "192.168.1.9"),
        ("eth0", "fe80::1"),
        ("eth0", "2001:db8::9"),
        ("eth1", "203.0.113.9"),
        ("eth1", "10.0.0.9"),
    ];

    fn included(reach: &Reach) -> Vec<&'static str> {
        let all = ALL.into_iter();
        let all = all.filter(|(name, address)| reach.includes(&interface(name, address)));
        all.map(|(_, address)| address).collect()
    }

    #[test]
    fn neither_public_addresses_nor_this_machine_alone_are_told_by_default() {
        assert_eq!(included(&reach("::")), ["192.168.1.9", "fe80::1", "10.0.0.9"]);
        assert_eq!(included(&reach("0.0.0.0")), ["192.168.1.9", "10.0.0.9"]);
    }

    #[test]
    fn only_where_the_relay_listens() {
        assert_eq!(included(&reach("192.168.1.9")), ["192.168.1.9"]);
        assert_eq!(included(&reach("203.0.113.9")), [""; 0]);
        assert_eq!(included(&reach("127.0.0.1")), [""; 0]);
    }

    #[test]
    fn names_narrow_and_a_named_loopback_counts() {
        let named = |host, name: &str| Reach { interfaces: vec![name.into()], ..reach(host) };
        assert_eq!(included(&named("0.0.0.0", "eth1")), ["10.0.0.9"]);
        assert_eq!(included(&named("0.0.0.0", "lo")), ["127.0.0.1"]);
        assert_eq!(included(&named("127.0.0.1", "lo")), ["127.0.0.1"]);
        assert_eq!(included(&named("127.0.0.1", "eth0")), [""; 0]);
    }

    #[test]
    fn public_addresses_are_told_when_everything_is_wanted() {
        let everything = |host| Reach { public: true, ..reach(host) };
        assert_eq!(included(&everything("203.0.113.9")), ["203.0.113.9"]);
        assert_eq!(included(&everything("0.0.0.0")), ["192.168.1.9", "203.0.113.9", "10.0.0.9"]);
        assert_eq!(included(&everything("127.0.0.1")), ["127.0.0.1"]);
    }

    #[test]
    fn a_host_that_cannot_be_reached_from_a_private_network_is_known_beforehand() {
        for host in ["127.0.0.1", "::1", "203.0.113.9", "2001:db8::9"] {
            assert!(!reach(host).is_possible(), "{host}");
        }
        for host in ["0.0.0.0", "::", "192.168.1.9", "fd00::1"] {
            assert!(reach(host).is_possible(), "{host}");
        }
    }
}
