//! So many attempts per key and time (spec: relay.md 10.7, routing.md 2.3).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

/// How often something may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Attempts within one window; 0 means no limit.
    pub attempts: u32,
    /// Length of a window, microseconds.
    pub window_us: u64,
}

impl Quota {
    /// So many attempts per so many seconds.
    pub const fn per_seconds(attempts: u32, seconds: u64) -> Quota {
        Quota { attempts, window_us: seconds * 1_000_000 }
    }
}

/// Counts attempts per key, in windows that begin with a key's first attempt. An attempt is
/// counted before it is made, so that parallel ones cannot pass together, and may be given back.
///
/// At most [`Throttle::KEYS_MAX`] keys are remembered; beyond that the ones whose window ends first
/// are forgotten.
#[derive(Debug)]
pub struct Throttle<K> {
    quota: Quota,
    windows: Mutex<HashMap<K, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends_us: u64,
    attempts: u32,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    /// Keys that are remembered.
    pub const KEYS_MAX: usize = 65_536;

    /// Nobody has tried anything yet.
    pub fn new(quota: Quota) -> Throttle<K> {
        Throttle { quota, windows: Mutex::default() }
    }

    /// Counts an attempt; `now_us` is the monotonic clock.
    ///
    /// # Errors
    /// The quota is used up; microseconds until it is renewed.
    pub fn take(&self, key: &K, now_us: u64) -> Result<(), u64> {
        if self.quota.attempts == 0 {
            return Ok(());
        }
        let mut windows = self.windows.lock().expect("no holder panics");
        if let Some(window) = windows.get_mut(key)
            && window.ends_us > now_us
        {
            if window.attempts >= self.quota.attempts {
                return Err(window.ends_us - now_us);
            }
            window.attempts += 1;
            return Ok(());
        }
        make_room(&mut windows, Self::KEYS_MAX, now_us);
        let ends_us = now_us.saturating_add(self.quota.window_us);
        windows.insert(key.clone(), Window { ends_us, attempts: 1 });
        Ok(())
    }

    /// Gives an attempt back that turned out to be harmless.
    pub fn refund(&self, key: &K) {
        let mut windows = self.windows.lock().expect("no holder panics");
        if let Some(window) = windows.get_mut(key) {
            window.attempts = window.attempts.saturating_sub(1);
        }
    }

    /// Keys that are remembered now.
    pub fn len(&self) -> usize {
        self.windows.lock().expect("no holder panics").len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Forgets windows that are over and, if that is not enough, the older half.
fn make_room<K: Hash + Eq + Clone>(windows: &mut HashMap<K, Window>, keys_max: usize, now_us: u64) {
    if windows.len() < keys_max {
        return;
    }
    windows.retain(|_, window| window.ends_us > now_us);
    if windows.len() >= keys_max {
        let mut ends: Vec<u64> = windows.values().map(|window| window.ends_us).collect();
        let middle = ends.len() / 2;
        let (_, median, _) = ends.select_nth_unstable(middle);
        let median = *median;
        windows.retain(|_, window| window.ends_us > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_US: u64 = 60_000_000;

    fn throttle() -> Throttle<u32> {
        Throttle::new(Quota::per_seconds(2, 60))
    }

    #[test]
    fn a_key_has_its_attempts_and_gets_them_back_when_its_window_is_over() {
        let throttle = throttle();
        assert_eq!(throttle.take(&1, 0), Ok(()));
        assert_eq!(throttle.take(&1, 10), Ok(()));
        assert_eq!(throttle.take(&1, 20), Err(MINUTE_US - 20));
        assert_eq!(throttle.take(&2, 20), Ok(()), "keys do not disturb each other");
        assert_eq!(throttle.take(&1, MINUTE_US), Ok(()));
    }

    #[test]
    fn a_refused_attempt_does_not_extend_the_wait() {
        let throttle = throttle();
        for now in 0..10 {
            let _ = throttle.take(&1, now);
        }
        assert_eq!(throttle.take(&1, MINUTE_US), Ok(()));
    }

    #[test]
    fn an_attempt_that_is_given_back_may_be_made_again() {
        let throttle = throttle();
        for _ in 0..5 {
            throttle.take(&1, 0).unwrap();
            throttle.refund(&1);
        }
        throttle.take(&1, 0).unwrap();
        throttle.take(&1, 0).unwrap();
        assert!(throttle.take(&1, 0).is_err());
    }

    #[test]
    fn no_attempts_mean_no_limit() {
        let free = Throttle::new(Quota::per_seconds(0, 60));
        assert!((0..100).all(|_| free.take(&1, 0).is_ok()) && free.is_empty());
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let throttle = throttle();
        for key in 0..200_000 {
            throttle.take(&key, u64::from(key)).unwrap();
        }
        assert!(throttle.len() <= Throttle::<u32>::KEYS_MAX);
        throttle.take(&199_999, 200_000).unwrap();
        assert!(throttle.take(&199_999, 200_000).is_err(), "the newest are remembered");
    }
}
