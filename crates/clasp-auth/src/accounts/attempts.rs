//! What may be tried how often, counted before anything is read or hashed (spec: relay.md 10.7).

use crate::account::name_key;
use crate::backoff::{Backoff, Key};
use crate::{Network, Now, Quota, Throttle};

use super::{AccountError, Accounts};

/// How often each client may try what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Wrong passwords.
    pub login: Quota,
    /// Requests to register, good or bad.
    pub register: Quota,
    /// Requests for a guest token, good or bad.
    pub guest: Quota,
    /// Devices provisioned, good or bad.
    pub child: Quota,
    /// Bearer tokens that are no good.
    pub bearer: Quota,
}

impl Default for Quotas {
    fn default() -> Quotas {
        Quotas {
            login: Quota::per_seconds(5, 60),
            register: Quota::per_seconds(10, 60),
            guest: Quota::per_seconds(10, 60),
            child: Quota::per_seconds(120, 60),
            bearer: Quota::per_seconds(30, 60),
        }
    }
}

/// The right to have one password compared; counts as a failure until it turns out well.
#[derive(Debug, Clone)]
#[must_use]
pub struct Attempt {
    client: Network,
    key: Key,
}

#[derive(Debug)]
pub(super) struct Attempts {
    login: Throttle<Network>,
    register: Throttle<Network>,
    guest: Throttle<Network>,
    child: Throttle<Network>,
    backoff: Backoff,
}

impl Attempts {
    pub(super) fn new(quotas: Quotas) -> Attempts {
        Attempts {
            login: Throttle::new(quotas.login),
            register: Throttle::new(quotas.register),
            guest: Throttle::new(quotas.guest),
            child: Throttle::new(quotas.child),
            backoff: Backoff::default(),
        }
    }

    /// The attempt succeeded: it costs its client nothing, and others' failures stay counted.
    pub(super) fn succeeded(&self, attempt: &Attempt) {
        self.login.refund(&attempt.client);
        self.backoff.forget(&attempt.key);
    }
}

const LOGIN: &str = "Too many login attempts. Please wait a minute and try again.";
const REGISTER: &str = "Too many registration attempts. Please wait and try again.";
const GUEST: &str = "Too many requests. Please wait and try again.";

impl Accounts {
    /// Counts an attempt to name this account's password. Blocks nothing.
    ///
    /// # Errors
    /// The client has failed too often, in general or at this account.
    pub fn attempt(&self, client: Network, name: &str, now: Now) -> Result<Attempt, AccountError> {
        let throttled = |wait_us| AccountError::Throttled { text: LOGIN, wait_us };
        self.attempts.login.take(&client, now.mono_us).map_err(throttled)?;
        // A longer name is nobody's, so its beginning will do as a key.
        let key = name_key(name.trim().get(..256).unwrap_or(name.trim()));
        let key = (client, key.chars().take(64).collect::<String>().into());
        self.attempts.backoff.take(&key, now.mono_us).map_err(throttled)?;
        Ok(Attempt { client, key })
    }

    /// Gives an attempt back that was not made, for want of room to work.
    pub fn withdraw(&self, attempt: &Attempt) {
        self.attempts.login.refund(&attempt.client);
        self.attempts.backoff.refund(&attempt.key);
    }

    /// Counts a request to register. Blocks nothing.
    ///
    /// # Errors
    /// The client has made too many.
    pub fn count_registration(&self, client: Network, now: Now) -> Result<(), AccountError> {
        let throttled = |wait_us| AccountError::Throttled { text: REGISTER, wait_us };
        self.attempts.register.take(&client, now.mono_us).map_err(throttled)
    }

    /// Counts a request for a guest token. Blocks nothing.
    ///
    /// # Errors
    /// The client has made too many.
    pub fn count_visit(&self, client: Network, now: Now) -> Result<(), AccountError> {
        let throttled = |wait_us| AccountError::Throttled { text: GUEST, wait_us };
        self.attempts.guest.take(&client, now.mono_us).map_err(throttled)
    }

    /// Counts a request to provision a device. Blocks nothing.
    ///
    /// # Errors
    /// The client has made too many.
    pub fn count_child(&self, client: Network, now: Now) -> Result<(), AccountError> {
        let throttled = |wait_us| AccountError::Throttled { text: GUEST, wait_us };
        self.attempts.child.take(&client, now.mono_us).map_err(throttled)
    }
}
