//! The door as a whole: what all its conversations have in common.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use clasp_router::{Now, Router, Wake};
use clasp_transport::{Dialect, Talk};

use crate::clients::Clients;
use crate::config::Config;
use crate::conversation::Conversation;
use crate::publications::Publications;
use crate::shares::Shares;
use crate::store::{Store, Stored};
use crate::system::System;

/// Where MQTT clients come in.
///
/// Somebody has to call [`Mqtt::tick`] once a second.
#[derive(Debug, Clone)]
pub struct Mqtt(Arc<Door>);

/// What all conversations have in common.
#[derive(Debug)]
pub(crate) struct Door {
    /// Unique in the process.
    pub(crate) number: u64,
    pub(crate) router: Arc<Router>,
    pub(crate) config: Config,
    pub(crate) publications: Publications,
    pub(crate) shares: Shares,
    pub(crate) clients: Clients,
    pub(crate) system: System,
    /// Seconds of silence that the listener allows a client without a keep-alive; 0 for any.
    pub(crate) idle_s: u32,
    /// Sessions for which a message is more than its value.
    curious: AtomicUsize,
    serial: AtomicU64,
}

static DOORS: AtomicU64 = AtomicU64::new(1);

impl Mqtt {
    /// A door to `router`, whose listener ends connections that are silent for `idle_s` seconds if
    /// they have asked for no keep-alive. With a store, sessions survive the process.
    ///
    /// # Errors
    /// The stored sessions cannot be read; the text says which and why.
    pub fn open(
        router: Arc<Router>,
        config: Config,
        idle_s: u32,
        store: Option<Box<dyn Store>>,
        now: Now,
    ) -> Result<Mqtt, String> {
        let stored = match &store {
            Some(store) => store.load()?,
            None => Vec::new(),
        };
        let door = Arc::new(Door {
            number: DOORS.fetch_add(1, Ordering::Relaxed),
            router,
            config,
            publications: Publications::default(),
            shares: Shares::default(),
            clients: Clients::new(store),
            system: System::new(now),
            idle_s,
            curious: AtomicUsize::new(0),
            serial: AtomicU64::new(0),
        });
        for Stored { key, record } in stored {
            door.recall(key, &record, now);
        }
        Ok(Mqtt(door))
    }

    /// Does what is due: ends sessions, publishes wills, tells `$SYS`. What is to be stored has to
    /// be handed to [`Mqtt::store`] afterwards.
    pub fn tick(&self, now: Now) {
        clasp_transport::batch(|| self.0.tick(now));
    }

    /// Stores what has changed; waits for the disk.
    pub fn store(&self, now: Now) {
        self.0.store(now);
    }
}

impl Door {
    /// A number that no other session of this door has.
    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes that there is one more, or one less, session for which a message is more than its
    /// value.
    pub(crate) fn count_curious(&self, more: bool) {
        match more {
            true => self.curious.fetch_add(1, Ordering::Release),
            false => self.curious.fetch_sub(1, Ordering::Release),
        };
    }

    /// Whether anybody asks for more than values.
    pub(crate) fn is_watched(&self) -> bool {
        self.curious.load(Ordering::Acquire) > 0
    }
}

impl Dialect for Mqtt {
    fn name(&self) -> &'static str {
        "MQTT"
    }

    fn begins_with(&self, first: u8) -> bool {
        // The first byte of every CONNECT.
        first == 0x10
    }

    fn subprotocols(&self) -> &'static [&'static str] {
        &["mqtt", "mqttv3.1"]
    }

    fn message_bytes_max(&self) -> usize {
        self.0.config.limits.packet_bytes_max
    }

    fn open(&self, remote: SocketAddr, wake: Arc<dyn Wake>, _: Now) -> Arc<dyn Talk> {
        Conversation::open(Arc::clone(&self.0), remote, wake)
    }
}
