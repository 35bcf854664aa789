//! Telling the local network by multicast DNS (RFC 6762, 6763) that this relay is there.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use mdns_sd::{DaemonEvent, IfKind, IfPredicate, Receiver, ServiceDaemon, ServiceInfo};
use tokio::sync::watch;
use tokio::time::{self, MissedTickBehavior};

use crate::reach::Reach;

/// Longest name of an instance, bytes: one label of DNS.
const INSTANCE_BYTES_MAX: usize = 63;

/// Longest value in a TXT record, bytes, whatever its key.
const TEXT_BYTES_MAX: usize = 200;

/// How often to look whether what is told still holds.
const LOOK: Duration = Duration::from_secs(5);

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long until a farewell has been repeated, as the library does once.
const FAREWELL_REPEATED: Duration = Duration::from_millis(150);

/// One service of the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its type, such as `_clasp._tcp`.
    pub kind: &'static str,
    /// Where it listens.
    pub port: u16,
    /// Keys and values of its TXT record.
    pub facts: Vec<(&'static str, String)>,
}

/// Who tells.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The relay's name, for people.
    pub name: String,
    /// Its id, the same after a restart: a UUID in 36 characters.
    pub id: String,
}

/// Answers questions of the local network, in a thread of its own.
pub struct Announcer {
    daemon: ServiceDaemon,
    events: Receiver<DaemonEvent>,
    identity: Identity,
    reach: Reach,
    told: HashMap<String, Service>,
    /// Names taken instead of those that others have.
    renamed: HashSet<String>,
}

impl std::fmt::Debug for Announcer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Announcer").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Announcer {
    /// Starts to listen, on the interfaces that `reach` includes, also those to come.
    ///
    /// # Errors
    /// The system gives no thread or no poll.
    pub fn start(identity: Identity, reach: Reach) -> Result<Announcer, String> {
        let daemon = ServiceDaemon::new().map_err(|error| error.to_string())?;
        let excluded = reach.clone();
        let excluded = IfPredicate::new(move |interface| !excluded.includes(interface));
        let set_up = daemon.disable_interface(IfKind::Predicate(excluded));
        set_up.map_err(|error| error.to_string())?;
        let events = daemon.monitor().map_err(|error| error.to_string())?;
        Ok(Announcer {
            daemon,
            events,
            identity,
            reach,
            told: HashMap::new(),
            renamed: HashSet::new(),
        })
    }

    /// Tells of what `services` says, and again when it says something else, until `stop` holds
    /// true; then takes it all back.
    pub async fn run(
        mut self,
        services: impl Fn() -> Vec<Service> + Send,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut look = time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {
                    self.tell(services());
                    self.report();
                }
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        self.farewell().await;
    }

    fn tell(&mut self, services: Vec<Service>) {
        for service in services {
            if self.told.values().any(|told| *told == service) {
                continue;
            }
            let registered = self.info(&service).and_then(|info| {
                let name = info.get_fullname().to_owned();
                self.daemon.register(info).map(|()| name)
            });
            match registered {
                Ok(name) => {
                    tracing::debug!("mDNS: {name} at port {}", service.port);
                    self.told.insert(name, service);
                }
                Err(error) => tracing::warn!("mDNS: cannot tell of {}: {error}", service.kind),
            }
        }
    }

    fn info(&self, service: &Service) -> mdns_sd::Result<ServiceInfo> {
        let kind = format!("{}.local.", service.kind);
        let Identity { name, id } = &self.identity;
        let instance = cut(name, INSTANCE_BYTES_MAX);
        let instance = if instance.is_empty() { "CLASP" } else { instance };
        // A name of its own: the machine's may belong to another responder.
        let host = format!("clasp-{}.local.", id.split('-').next().unwrap_or("relay"));
        let cut = |(key, value): &(&'static str, String)| (*key, cut(value, TEXT_BYTES_MAX).into());
        let facts: Vec<(&str, String)> = service.facts.iter().map(cut).collect();
        let info = ServiceInfo::new(&kind, instance, &host, (), service.port, &facts[..])?;
        let mut info = info.enable_addr_auto();
        let included = self.reach.clone();
        let included = IfPredicate::new(move |interface| included.includes(interface));
        info.set_interfaces(vec![IfKind::Predicate(included)]);
        Ok(info)
    }

    fn report(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            match event {
                DaemonEvent::Error(error) => tracing::warn!("mDNS: {error}"),
                DaemonEvent::NameChange(change) => {
                    let (old, new) = (change.original, change.new_name);
                    // Each interface reports it.
                    if !self.renamed.insert(new.clone()) {
                        continue;
                    }
                    tracing::warn!("mDNS: {old} is somebody else, so this relay is {new}");
                }
                other => tracing::debug!("mDNS: {other:?}"),
            }
        }
    }

    async fn farewell(self) {
        let Announcer { daemon, told, .. } = self;
        let waiting: Vec<_> = told.keys().filter_map(|name| daemon.unregister(name).ok()).collect();
        let gone = tokio::task::spawn_blocking(move || {
            for answer in waiting {
                let _ = answer.recv_timeout(FAREWELL);
            }
        });
        let _ = gone.await;
        if !told.is_empty() {
            time::sleep(FAREWELL_REPEATED).await;
        }
        if let Ok(ended) = daemon.shutdown() {
            let ended = tokio::task::spawn_blocking(move || ended.recv_timeout(FAREWELL).is_ok());
            let _ = ended.await;
        }
    }
}

/// The longest beginning of `text` that has at most so many bytes.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_between_characters() {
        assert_eq!(cut("Bühne", 2), "B");
        assert_eq!(cut("Bühne", 3), "Bü");
        assert_eq!(cut("Bühne", 63), "Bühne");
    }
}
