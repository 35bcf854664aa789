//! Longer and longer waits after wrong passwords: per account and client together, so that nobody
//! can lock the owner out from elsewhere (spec: relay.md 10.7).

use std::collections::HashMap;
use std::sync::Mutex;

use crate::Network;

/// Failures without a wait.
const FREE: u32 = 5;

/// The first wait; each further failure doubles it.
const WAIT_US: u64 = 60_000_000;

/// The longest wait, and how long failures are remembered after it.
const WAIT_US_MAX: u64 = 3_600_000_000;

/// Failures that are remembered at most.
const KEYS_MAX: usize = 65_536;

/// Counts wrong passwords per client and account.
#[derive(Debug, Default)]
pub(crate) struct Backoff(Mutex<HashMap<Key, Failures>>);

/// A client and the folded name of an account.
pub(crate) type Key = (Network, Box<str>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    until_us: u64,
}

impl Backoff {
    /// Counts an attempt as a failure until [`Backoff::forget`] says otherwise, so that parallel
    /// ones cannot pass together. `Err` holds the microseconds to wait.
    pub(crate) fn take(&self, key: &Key, now_us: u64) -> Result<(), u64> {
        let mut failures = self.0.lock().expect("no holder panics");
        if failures.len() >= KEYS_MAX && !failures.contains_key(key) {
            make_room(&mut failures, now_us);
        }
        let entry = failures.entry(key.clone()).or_insert(Failures { count: 0, until_us: 0 });
        if entry.until_us > now_us {
            return Err(entry.until_us - now_us);
        }
        if entry.count > 0 && now_us > entry.until_us.saturating_add(WAIT_US_MAX) {
            entry.count = 0;
        }
        entry.count += 1;
        let doublings = entry.count.saturating_sub(FREE);
        entry.until_us = match doublings {
            0 if entry.count < FREE => now_us,
            0 => now_us.saturating_add(WAIT_US),
            _ => now_us.saturating_add((WAIT_US << doublings.min(6)).min(WAIT_US_MAX)),
        };
        Ok(())
    }

    /// The attempt was not made after all.
    pub(crate) fn refund(&self, key: &Key) {
        if let Some(entry) = self.0.lock().expect("no holder panics").get_mut(key) {
            entry.count = entry.count.saturating_sub(1);
            entry.until_us = 0;
        }
    }

    /// The password was right.
    pub(crate) fn forget(&self, key: &Key) {
        self.0.lock().expect("no holder panics").remove(key);
    }
}

fn make_room(failures: &mut HashMap<Key, Failures>, now_us: u64) {
    failures.retain(|_, entry| entry.until_us > now_us);
    if failures.len() >= KEYS_MAX {
        let mut ends: Vec<u64> = failures.values().map(|entry| entry.until_us).collect();
        let middle = ends.len() / 2;
        let median = *ends.select_nth_unstable(middle).1;
        failures.retain(|_, entry| entry.until_us > median);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;

    fn key(client: u8) -> Key {
        (IpAddr::from([192, 0, 2, client]).into(), "alice".into())
    }

    #[test]
    fn waits_double_for_the_client_that_fails_and_for_no_other() {
        let backoff = Backoff::default();
        for _ in 0..FREE {
            backoff.take(&key(1), 0).unwrap();
        }
        assert_eq!(backoff.take(&key(1), 0), Err(WAIT_US));
        backoff.take(&key(1), WAIT_US).unwrap();
        assert_eq!(backoff.take(&key(1), WAIT_US), Err(2 * WAIT_US));
        assert_eq!(backoff.take(&key(2), WAIT_US), Ok(()));
    }

    #[test]
    fn a_right_password_ends_the_wait() {
        let backoff = Backoff::default();
        for _ in 0..FREE {
            backoff.take(&key(1), 0).unwrap();
        }
        backoff.forget(&key(1));
        assert_eq!(backoff.take(&key(1), 0), Ok(()));
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let backoff = Backoff::default();
        for number in 0..100_000_u32 {
            let key =
                (IpAddr::from(Ipv6Addr::from_bits(u128::from(number) << 64)).into(), "a".into());
            for _ in 0..FREE {
                let _ = backoff.take(&key, number.into());
            }
        }
        assert!(backoff.0.lock().unwrap().len() <= KEYS_MAX);
    }
}
