//! How many connections each remote address holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Network;

/// Counter of connections by address.
#[derive(Debug)]
pub struct Holdings {
    connections_max: u32,
    held: Mutex<HashMap<Network, u32>>,
}

/// Right to hold one connection; given back on drop.
#[derive(Debug)]
pub struct Permit {
    network: Network,
    holdings: Arc<Holdings>,
}

impl Holdings {
    /// With a bound for each address; `None` when `connections_max` is 0, which means no limit.
    pub fn new(connections_max: u32) -> Option<Arc<Holdings>> {
        (connections_max > 0)
            .then(|| Arc::new(Holdings { connections_max, held: Mutex::default() }))
    }

    /// A permit, unless the address holds all it may.
    pub fn admit(self: &Arc<Self>, network: Network) -> Option<Permit> {
        let mut held = self.held();
        let count = held.entry(network).or_insert(0);
        if *count >= self.connections_max {
            return None;
        }
        *count += 1;
        Some(Permit { network, holdings: Arc::clone(self) })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Network, u32>> {
        // A count is right whatever its last holder died of.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.holdings.held();
        if let Some(count) = held.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::limited(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn permits_come_back_when_dropped() {
        let holdings = Holdings::new(2).unwrap();
        let first = holdings.admit(network("192.0.2.1")).unwrap();
        let _second = holdings.admit(network("192.0.2.1")).unwrap();
        assert!(holdings.admit(network("192.0.2.1")).is_none());
        assert!(holdings.admit(network("192.0.2.2")).is_some());
        drop(first);
        assert!(holdings.admit(network("192.0.2.1")).is_some());
    }

    #[test]
    fn nothing_is_remembered_of_addresses_without_connections() {
        let holdings = Holdings::new(1).unwrap();
        drop(holdings.admit(network("192.0.2.1")));
        assert!(holdings.held().is_empty());
    }

    #[test]
    fn zero_means_no_limit() {
        assert!(Holdings::new(0).is_none());
    }
}
