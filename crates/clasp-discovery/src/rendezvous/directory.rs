//! The entries: who may be listed, refreshed and taken out, and for how long. It has no clock and
//! no I/O.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

use clasp_auth::{Network, Now, Quota, Throttle};
use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;

use super::registration::{Registration, Unacceptable};

/// Bytes of a secret.
const SECRET_BYTES: usize = 16;

/// How much a directory takes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Lifetime of an entry without a refresh, seconds.
    pub ttl_s: u64,
    /// Most entries; then further ones are refused, so that nobody can push others out.
    pub entries_max: usize,
    /// Most entries of one address.
    pub entries_per_address_max: usize,
    /// Registrations, refreshes and removals of one address, good or bad.
    pub changes: Quota,
    /// Questions of one address.
    pub questions: Quota,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            ttl_s: 300,
            entries_max: 10_000,
            entries_per_address_max: 10,
            changes: Quota::per_seconds(60, 60),
            questions: Quota::per_seconds(300, 60),
        }
    }
}

/// Relays that want to be found.
#[derive(Debug)]
pub struct Directory {
    limits: Limits,
    inner: Mutex<Inner>,
    changes: Throttle<Network>,
    questions: Throttle<Network>,
    /// Number of the last change.
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    /// In the order of registration, so that a flood of new entries hides no old one.
    entries: BTreeMap<u64, Entry>,
    numbers: HashMap<Box<str>, u64>,
    shares: HashMap<Network, usize>,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    id: Box<str>,
    secret: [u8; 32],
    from: Network,
    registration: Registration,
    registered_unix_us: u64,
    seen_unix_us: u64,
    ends_mono_us: u64,
}

/// An entry that was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registered {
    /// What it is listed under, a UUID.
    pub id: String,
    /// Microseconds since 1970-01-01 UTC.
    pub timestamp: u64,
    /// Seconds until it has to be refreshed.
    pub ttl: u64,
    /// Proof for refreshing and removing; told only once.
    pub secret: String,
    /// Where the request came from.
    pub observed: IpAddr,
}

/// An entry as everybody may read it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    id: String,
    #[serde(flatten)]
    registration: Registration,
    registered_at: u64,
    last_seen: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    source: &'static str,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What was sent cannot be listed.
    #[error("{0}")]
    Unacceptable(#[from] Unacceptable),
    /// There is no such entry, or its time is over.
    #[error("there is no entry with this id; register again")]
    Absent,
    /// The entry is somebody else's.
    #[error("this needs the secret of the registration in the header X-Clasp-Secret")]
    Secret,
    /// This address has its share.
    #[error("this address has {0} entries, which is all it gets; remove one or wait for its end")]
    Share(usize),
    /// The directory is full.
    #[error("the directory is full; try again later")]
    Full,
    /// Too much at once; microseconds to wait.
    #[error("too many requests from this address; try again later")]
    Throttled(u64),
}

impl Directory {
    /// An empty one.
    pub fn new(limits: Limits) -> Directory {
        let version = watch::Sender::new(0);
        let (changes, questions) = (Throttle::new(limits.changes), Throttle::new(limits.questions));
        Directory { limits, inner: Mutex::default(), changes, questions, version }
    }

    /// Takes an entry in. It replaces one of the same address with the same name and endpoints:
    /// the relay that came back.
    ///
    /// # Errors
    /// It is not acceptable, or there is no room for it.
    pub fn register(
        &self,
        registration: Registration,
        from: IpAddr,
        now: Now,
    ) -> Result<Registered, Refusal> {
        self.change(from, now)?;
        let registration = registration.accept(from)?;
        let network = Network::from(from);
        let mut inner = self.inner(now);
        let same = inner.entries.iter().find(|(_, entry)| {
            entry.from == network
                && entry.registration.name == registration.name
                && entry.registration.endpoints == registration.endpoints
        });
        if let Some(number) = same.map(|(number, _)| *number) {
            inner.remove(number);
        }
        let share = inner.shares.get(&network).copied().unwrap_or_default();
        if share >= self.limits.entries_per_address_max {
            return Err(Refusal::Share(share));
        }
        if inner.entries.len() >= self.limits.entries_max {
            return Err(Refusal::Full);
        }
        let secret = secret();
        let id = uuid::Uuid::new_v4().to_string();
        inner.insert(Entry {
            id: id.as_str().into(),
            secret: digest(&secret),
            from: network,
            registration,
            registered_unix_us: now.unix_us,
            seen_unix_us: now.unix_us,
            ends_mono_us: self.end(now),
        });
        drop(inner);
        self.version.send_modify(|version| *version += 1);
        let (timestamp, ttl) = (now.unix_us, self.limits.ttl_s);
        Ok(Registered { id, timestamp, ttl, secret, observed: from.to_canonical() })
    }

    /// Keeps an entry for another lifetime. Without a secret this is up to the address that
    /// registered it: published clients know no secret.
    ///
    /// # Errors
    /// There is no such entry of whoever asks.
    pub fn refresh(
        &self,
        id: &str,
        secret: Option<&str>,
        from: IpAddr,
        now: Now,
    ) -> Result<(), Refusal> {
        self.change(from, now)?;
        let end = self.end(now);
        let mut inner = self.inner(now);
        let entry = inner.entry(id)?;
        let owns = match secret {
            Some(secret) => entry.is_proven_by(secret),
            None => entry.from == Network::from(from),
        };
        if !owns {
            return Err(Refusal::Absent);
        }
        entry.seen_unix_us = now.unix_us;
        entry.ends_mono_us = end;
        Ok(())
    }

    /// Takes an entry out.
    ///
    /// # Errors
    /// There is no such entry, or the secret is not its own.
    pub fn unregister(
        &self,
        id: &str,
        secret: Option<&str>,
        from: IpAddr,
        now: Now,
    ) -> Result<(), Refusal> {
        self.change(from, now)?;
        let mut inner = self.inner(now);
        let entry = inner.entry(id)?;
        if !secret.is_some_and(|secret| entry.is_proven_by(secret)) {
            return Err(Refusal::Secret);
        }
        let number = inner.numbers[id];
        inner.remove(number);
        drop(inner);
        self.version.send_modify(|version| *version += 1);
        Ok(())
    }

    /// The first `limit` entries with this tag and this feature, oldest first.
    ///
    /// # Errors
    /// The address asks too often.
    pub fn discover(
        &self,
        (tag, feature): (Option<&str>, Option<&str>),
        limit: usize,
        from: IpAddr,
        now: Now,
    ) -> Result<Vec<Listed>, Refusal> {
        let asked = self.questions.take(&from.into(), now.mono_us);
        asked.map_err(Refusal::Throttled)?;
        let has = |words: &[String], wanted: Option<&str>| {
            wanted.is_none_or(|wanted| words.iter().any(|word| word == wanted))
        };
        let inner = self.inner(now);
        let found = inner.entries.values().filter(|entry| {
            has(&entry.registration.tags, tag) && has(&entry.registration.features, feature)
        });
        Ok(found.take(limit).map(Entry::listed).collect())
    }

    /// Counts the entries that came and went; see [`watch::Receiver::changed`].
    pub fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Drops entries whose time is over.
    pub fn sweep(&self, now: Now) {
        drop(self.inner(now));
    }

    fn end(&self, now: Now) -> u64 {
        now.mono_us.saturating_add(self.limits.ttl_s.saturating_mul(1_000_000))
    }

    fn change(&self, from: IpAddr, now: Now) -> Result<(), Refusal> {
        self.changes.take(&from.into(), now.mono_us).map_err(Refusal::Throttled)
    }

    /// The entries that are alive now.
    fn inner(&self, now: Now) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().expect("no holder panics");
        if inner.expire(now.mono_us) > 0 {
            self.version.send_modify(|version| *version += 1);
        }
        inner
    }
}

impl Inner {
    fn insert(&mut self, entry: Entry) {
        self.last += 1;
        *self.shares.entry(entry.from).or_default() += 1;
        self.numbers.insert(entry.id.clone(), self.last);
        self.entries.insert(self.last, entry);
    }

    fn entry(&mut self, id: &str) -> Result<&mut Entry, Refusal> {
        let number = self.numbers.get(id).ok_or(Refusal::Absent)?;
        self.entries.get_mut(number).ok_or(Refusal::Absent)
    }

    fn remove(&mut self, number: u64) {
        let Some(entry) = self.entries.remove(&number) else { return };
        self.numbers.remove(&entry.id);
        if let Some(share) = self.shares.get_mut(&entry.from) {
            *share -= 1;
            if *share == 0 {
                self.shares.remove(&entry.from);
            }
        }
    }

    fn expire(&mut self, now_us: u64) -> usize {
        let over = self.entries.iter().filter(|(_, entry)| entry.ends_mono_us <= now_us);
        let over: Vec<u64> = over.map(|(number, _)| *number).collect();
        over.iter().for_each(|number| self.remove(*number));
        over.len()
    }
}

impl Entry {
    fn is_proven_by(&self, secret: &str) -> bool {
        digest(secret).ct_eq(&self.secret).into()
    }

    fn listed(&self) -> Listed {
        Listed {
            id: self.id.clone().into(),
            url: self.registration.url().map(str::to_owned),
            registration: self.registration.clone(),
            registered_at: self.registered_unix_us,
            last_seen: self.seen_unix_us,
            source: "rendezvous",
        }
    }
}

fn secret() -> String {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    HEXLOWER.encode(&bytes)
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HERE: &str = "192.0.2.1";

    fn at(seconds: u64) -> Now {
        Now { unix_us: 1_750_000_000_000_000 + seconds * 1_000_000, mono_us: seconds * 1_000_000 }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn relay(name: &str) -> Registration {
        let json = json!({
            "name": name, "endpoints": { "ws": "ws://10.0.0.1:7330" }, "tags": [name],
            "features": ["param"],
        });
        serde_json::from_value(json).unwrap()
    }

    fn directory() -> Directory {
        Directory::new(Limits::default())
    }

    fn found(directory: &Directory, now: Now) -> Vec<String> {
        let listed = directory.discover((None, None), 1_000, ip(HERE), now).unwrap();
        listed.into_iter().map(|listed| listed.registration.name).collect()
    }

    #[test]
    fn an_entry_is_found_until_its_time_is_over_and_no_longer() {
        let directory = directory();
        let entry = directory.register(relay("a"), ip(HERE), at(0)).unwrap();
        assert_eq!(found(&directory, at(299)), ["a"]);
        directory.refresh(&entry.id, Some(&entry.secret), ip(HERE), at(299)).unwrap();
        assert_eq!(found(&directory, at(598)), ["a"]);
        assert_eq!(found(&directory, at(599)), [""; 0]);
        let late = directory.refresh(&entry.id, Some(&entry.secret), ip(HERE), at(599));
        assert_eq!(late, Err(Refusal::Absent));
    }

    #[test]
    fn only_the_secret_takes_an_entry_out() {
        let directory = directory();
        let entry = directory.register(relay("a"), ip(HERE), at(0)).unwrap();
        for wrong in [None, Some(""), Some("0123")] {
            assert_eq!(
                directory.unregister(&entry.id, wrong, ip(HERE), at(1)),
                Err(Refusal::Secret)
            );
        }
        assert_eq!(found(&directory, at(1)), ["a"]);
        directory.unregister(&entry.id, Some(&entry.secret), ip(HERE), at(1)).unwrap();
        let again = directory.unregister(&entry.id, Some(&entry.secret), ip(HERE), at(1));
        assert_eq!(again, Err(Refusal::Absent));
    }

    #[test]
    fn strangers_cannot_refresh_and_the_same_address_can() {
        let directory = directory();
        let entry = directory.register(relay("a"), ip(HERE), at(0)).unwrap();
        let refresh = |secret, from| directory.refresh(&entry.id, secret, ip(from), at(1));
        assert_eq!(refresh(None, "192.0.2.2"), Err(Refusal::Absent));
        assert_eq!(refresh(Some("wrong"), HERE), Err(Refusal::Absent));
        assert_eq!(refresh(None, HERE), Ok(()));
        assert_eq!(refresh(Some(&entry.secret), "192.0.2.2"), Ok(()));
    }

    #[test]
    fn a_relay_that_registers_again_is_listed_once() {
        let directory = directory();
        let first = directory.register(relay("a"), ip(HERE), at(0)).unwrap();
        let second = directory.register(relay("a"), ip(HERE), at(1)).unwrap();
        assert_ne!(first.id, second.id);
        assert_eq!(found(&directory, at(1)), ["a"]);
        directory.register(relay("a"), ip("192.0.2.2"), at(1)).unwrap();
        assert_eq!(found(&directory, at(1)), ["a", "a"], "somebody else may be called the same");
    }

    #[test]
    fn an_address_has_a_share_and_a_full_directory_forgets_nobody() {
        let limits = Limits { entries_max: 3, entries_per_address_max: 2, ..Limits::default() };
        let directory = Directory::new(limits);
        let register = |name, from| directory.register(relay(name), ip(from), at(0)).map(drop);
        assert_eq!(register("a", HERE), Ok(()));
        assert_eq!(register("b", HERE), Ok(()));
        assert_eq!(register("c", HERE), Err(Refusal::Share(2)));
        assert_eq!(register("c", "2001:db8::1"), Ok(()));
        assert_eq!(register("d", "192.0.2.3"), Err(Refusal::Full));
        assert_eq!(found(&directory, at(0)), ["a", "b", "c"]);
    }

    #[test]
    fn an_address_that_asks_too_often_has_to_wait() {
        let directory = directory();
        let ask = || directory.refresh("none", None, ip(HERE), at(0));
        let outcomes: Vec<_> = (0..61).map(|_| ask()).collect();
        assert_eq!(outcomes[59], Err(Refusal::Absent));
        assert_eq!(outcomes[60], Err(Refusal::Throttled(60_000_000)));
    }

    #[test]
    fn entries_are_found_by_tag_and_feature_up_to_the_limit() {
        let directory = directory();
        for name in ["a", "b", "c"] {
            directory.register(relay(name), ip(HERE), at(0)).unwrap();
        }
        let count = |tag, feature, limit| {
            directory.discover((tag, feature), limit, ip(HERE), at(0)).unwrap().len()
        };
        assert_eq!(count(Some("b"), None, 100), 1);
        assert_eq!(count(Some("b"), Some("gesture"), 100), 0);
        assert_eq!(count(None, Some("param"), 2), 2);
    }

    #[test]
    fn a_listed_entry_has_the_published_keys_and_no_secret() {
        let directory = directory();
        let entry = directory.register(relay("a"), ip(HERE), at(0)).unwrap();
        let listed = &directory.discover((None, None), 1, ip(HERE), at(0)).unwrap()[0];
        let expected = json!({
            "id": entry.id, "name": "a", "features": ["param"], "tags": ["a"], "metadata": {},
            "endpoints": { "ws": "ws://10.0.0.1:7330" }, "url": "ws://10.0.0.1:7330",
            "registeredAt": entry.timestamp, "lastSeen": entry.timestamp, "source": "rendezvous",
        });
        assert_eq!(serde_json::to_value(listed).unwrap(), expected);
        let told = serde_json::to_value(&entry).unwrap();
        assert_eq!((&told["observed"], &told["ttl"]), (&Value::from(HERE), &Value::from(300)));
    }

    #[test]
    fn whoever_watches_is_told_of_comings_and_goings() {
        let directory = directory();
        let mut version = directory.version();
        let mut changed = || {
            let changed = version.has_changed().unwrap();
            version.mark_unchanged();
            changed
        };
        let entry = directory.register(relay("a"), ip(HERE), at(0)).unwrap();
        assert!(changed());
        directory.refresh(&entry.id, None, ip(HERE), at(1)).unwrap();
        assert!(!changed(), "a refresh is no news");
        directory.sweep(at(500));
        assert!(changed());
    }
}
