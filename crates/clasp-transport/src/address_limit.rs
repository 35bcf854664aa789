//! How many connections one remote address holds.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// Counter of connections by address.
#[derive(Debug)]
pub(crate) struct AddressLimit {
    connections_max: u32,
    held: Mutex<HashMap<IpAddr, u32>>,
}

/// Right to hold one connection; given back on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    address: IpAddr,
    limit: Arc<AddressLimit>,
}

impl AddressLimit {
    /// `None` when `connections_max` is 0, which means no limit.
    pub(crate) fn new(connections_max: u32) -> Option<Arc<AddressLimit>> {
        (connections_max > 0)
            .then(|| Arc::new(AddressLimit { connections_max, held: Mutex::default() }))
    }

    /// A permit, unless the address holds all it may.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let address = network(address);
        let mut held = self.held.lock();
        let count = held.entry(address).or_insert(0);
        if *count >= self.connections_max {
            return None;
        }
        *count += 1;
        Some(Permit { address, limit: Arc::clone(self) })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.limit.held.lock();
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: an IPv6 subscriber commands a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_come_back_when_dropped() {
        let limit = AddressLimit::new(2).unwrap();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let first = limit.admit(address).unwrap();
        let _second = limit.admit(address).unwrap();
        assert!(limit.admit(address).is_none());
        assert!(limit.admit("192.0.2.2".parse().unwrap()).is_some());
        drop(first);
        assert!(limit.admit(address).is_some());
    }

    #[test]
    fn nothing_is_remembered_of_addresses_without_connections() {
        let limit = AddressLimit::new(1).unwrap();
        drop(limit.admit("192.0.2.1".parse().unwrap()));
        assert!(limit.held.lock().is_empty());
    }

    #[test]
    fn mapped_and_plain_ipv4_are_one_address_and_a_slash_64_is_one_too() {
        let one = |text: &str| network(text.parse().unwrap());
        assert_eq!(one("::ffff:192.0.2.1"), one("192.0.2.1"));
        assert_eq!(one("2001:db8::1"), one("2001:db8::ffff:1"));
        assert_ne!(one("2001:db8::1"), one("2001:db8:0:1::1"));
    }

    #[test]
    fn zero_means_no_limit() {
        assert!(AddressLimit::new(0).is_none());
    }
}
