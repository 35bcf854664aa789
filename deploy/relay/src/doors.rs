//! The doors that this build has, to clients and to the disk: the only place that asks for cargo
//! features. A door that was not compiled in says how to get it.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use clasp_router::Router;
use clasp_router::metrics::Family;
use tokio::sync::watch;

use crate::storage::Status;
use crate::tls::Encryption;

/// A listener that is bound, and what serves it.
pub(crate) struct Door {
    /// What people call it.
    pub(crate) name: &'static str,
    /// Where it is bound.
    pub(crate) address: SocketAddr,
    /// Serves until the relay drains or closes.
    pub(crate) serve: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Door").field(&self.name).field(&self.address).finish()
    }
}

/// Something that makes the relay known to strangers until it drains.
pub(crate) type Herald = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What was compiled in.
#[cfg(feature = "auth")]
pub(crate) fn features() -> Vec<&'static str> {
    let all = [
        ("auth", cfg!(feature = "auth")),
        ("discovery", cfg!(feature = "discovery")),
        ("health", cfg!(feature = "health")),
        ("http", cfg!(feature = "http")),
        ("metrics", cfg!(feature = "metrics")),
        ("mqtt", cfg!(feature = "mqtt")),
        ("osc", cfg!(feature = "osc")),
        ("oscquery", cfg!(feature = "oscquery")),
        ("quic", cfg!(feature = "quic")),
        ("rendezvous", cfg!(feature = "rendezvous")),
        ("storage", cfg!(feature = "storage")),
        ("tcp", cfg!(feature = "tcp")),
        ("websocket", cfg!(feature = "websocket")),
    ];
    all.into_iter().filter_map(|(name, is_in)| is_in.then_some(name)).collect()
}

/// What the doors share.
#[derive(Debug)]
#[cfg_attr(not(feature = "full"), allow(dead_code, reason = "each door uses its own part"))]
pub(crate) struct Context {
    router: Arc<Router>,
    ready: Arc<AtomicBool>,
    storage: Arc<Status>,
    encryption: Encryption,
    mqtt: Option<Mqtt>,
    draining: watch::Receiver<bool>,
    closing: watch::Receiver<bool>,
    started: SystemTime,
}

impl Context {
    /// `draining` turns true when clients have to go, `closing` when they are gone.
    pub(crate) fn new(
        router: Arc<Router>,
        (ready, storage): (Arc<AtomicBool>, Arc<Status>),
        draining: watch::Receiver<bool>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let (encryption, started) = (Encryption::default(), SystemTime::now());
        Self { router, ready, storage, encryption, mqtt: None, draining, closing, started }
    }

    /// With what listeners are encrypted by.
    pub(crate) fn encrypted(self, encryption: Encryption) -> Self {
        Self { encryption, ..self }
    }

    /// With MQTT, also on the WebSocket port.
    pub(crate) fn speaking(self, mqtt: Option<Mqtt>) -> Self {
        Self { mqtt, ..self }
    }
}

#[cfg_attr(not(feature = "full"), allow(dead_code, reason = "each door uses its own part"))]
impl Context {
    /// What probes ask: whether the relay serves, and keeps what it promises to keep.
    pub(crate) fn readiness(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let (ready, storage) = (Arc::clone(&self.ready), Arc::clone(&self.storage));
        let draining = self.draining.clone();
        move || ready.load(Ordering::Acquire) && !*draining.borrow() && storage.is_healthy()
    }

    /// What metrics tell of storing, asked at each request.
    pub(crate) fn storage_families(&self) -> impl Fn() -> Vec<Family> + Send + Sync + 'static {
        let storage = Arc::clone(&self.storage);
        move || storage.families()
    }
}

#[cfg(feature = "auth")]
mod auth;
#[cfg(feature = "discovery")]
mod discovery;
#[cfg(feature = "health")]
mod health;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(all(feature = "mqtt", feature = "storage"))]
mod mqtt_sessions;
#[cfg(feature = "osc")]
mod osc;
#[cfg(feature = "oscquery")]
mod oscquery;
#[cfg(feature = "quic")]
mod quic;
#[cfg(feature = "rendezvous")]
mod rendezvous;
#[cfg(any(feature = "auth", feature = "discovery"))]
mod secrets;
#[cfg(all(feature = "auth", feature = "metrics", feature = "websocket"))]
mod single;
#[cfg(feature = "storage")]
mod storage;
#[cfg(any(feature = "mqtt", feature = "osc", feature = "tcp", feature = "websocket"))]
mod stream;
#[cfg(feature = "tcp")]
mod tcp;
#[cfg(feature = "auth")]
mod tokens;
#[cfg(feature = "websocket")]
mod websocket;

#[cfg(feature = "auth")]
pub(crate) use auth::{Desk, access, auth};
#[cfg(feature = "mqtt")]
pub(crate) use clasp_mqtt::Mqtt;
#[cfg(feature = "discovery")]
pub(crate) use discovery::heralds;
#[cfg(feature = "health")]
pub(crate) use health::health;
#[cfg(feature = "http")]
pub(crate) use http::http;
#[cfg(all(feature = "http", feature = "auth", feature = "metrics"))]
use http::section as http_section;
#[cfg(feature = "metrics")]
pub(crate) use metrics::metrics;
#[cfg(feature = "mqtt")]
pub(crate) use mqtt::{mqtt, open_mqtt, tend_mqtt};
#[cfg(feature = "osc")]
pub(crate) use osc::osc;
#[cfg(feature = "oscquery")]
pub(crate) use oscquery::oscquery;
#[cfg(feature = "quic")]
pub(crate) use quic::quic;
#[cfg(feature = "rendezvous")]
pub(crate) use rendezvous::rendezvous;
#[cfg(feature = "storage")]
pub(crate) use storage::{maintain, storage};
#[cfg(feature = "tcp")]
pub(crate) use tcp::tcp;
#[cfg(feature = "auth")]
pub(crate) use tokens::count_keys;
#[cfg(feature = "websocket")]
pub(crate) use websocket::websocket;

#[cfg(all(feature = "mqtt", feature = "storage"))]
use mqtt_sessions::mqtt_store;

/// Without storage no session of an MQTT client outlives the process.
#[cfg(all(feature = "mqtt", not(feature = "storage")))]
fn mqtt_store(
    _: &crate::options::Options,
) -> Result<Option<Box<dyn clasp_mqtt::Store>>, crate::relay::StartError> {
    Ok(None)
}

/// Keeps the router's clock going, for ever.
pub(crate) async fn keep_time(router: Arc<Router>) {
    #[cfg(any(
        feature = "mqtt",
        feature = "osc",
        feature = "quic",
        feature = "tcp",
        feature = "websocket"
    ))]
    clasp_transport::run_ticker(router).await;
    #[cfg(not(any(
        feature = "mqtt",
        feature = "osc",
        feature = "quic",
        feature = "tcp",
        feature = "websocket"
    )))]
    drop(router);
}

/// What else than CLASP the WebSocket port takes.
#[cfg(feature = "websocket")]
fn dialects(context: &Context) -> Vec<Arc<dyn clasp_transport::Dialect>> {
    #[cfg(feature = "mqtt")]
    let dialects = context.mqtt.iter().map(|mqtt| Arc::new(mqtt.clone()) as _).collect();
    #[cfg(not(feature = "mqtt"))]
    let dialects = match &context.mqtt {
        None => Vec::new(),
        Some(absent) => match *absent {},
    };
    dialects
}

/// What runs beside a listener.
#[cfg(feature = "websocket")]
pub(crate) type Chores = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The pages of --single-port, and what runs beside them.
#[cfg(all(feature = "auth", feature = "metrics", feature = "websocket"))]
fn single(
    options: &crate::options::Options,
    desk: Option<Desk>,
    context: &Context,
) -> Result<(Arc<dyn clasp_transport::pages::Pages>, Chores), crate::relay::StartError> {
    Ok(single::single(options, desk, context))
}

/// Nothing to describe.
#[cfg(all(feature = "auth", feature = "metrics", feature = "websocket", not(feature = "http")))]
fn http_section(_: &crate::options::Options) -> Option<clasp_http::api::Section> {
    None
}

/// The other pages alone.
#[cfg(all(feature = "websocket", not(feature = "http")))]
fn http(
    _: &crate::options::Options,
    others: (Arc<dyn clasp_transport::pages::Pages>, Chores),
    _: &Context,
) -> (Arc<dyn clasp_transport::pages::Pages>, Chores) {
    others
}

/// What other crates may use of the doors that this build has.
pub(crate) mod public {
    #[cfg(feature = "auth")]
    pub use super::tokens::Tokens;
}

#[cfg(not(feature = "full"))]
mod absent {
    //! What stands for a door that was not compiled in.

    #![allow(unused_imports, reason = "whichever door is absent uses its own part")]

    use super::{Context, Door};
    use crate::options::Options;
    #[cfg(not(feature = "storage"))]
    use crate::options::{StorageCommand, StorageOptions};
    use crate::relay::StartError;
    #[cfg(not(feature = "storage"))]
    use crate::storage::Storage;

    /// Nobody hands out tokens.
    #[cfg(not(feature = "auth"))]
    #[derive(Debug)]
    pub(crate) enum Desk {}

    #[cfg(not(feature = "auth"))]
    pub(crate) async fn access(
        _: &Options,
        _: Option<&crate::app::App>,
    ) -> Result<crate::access::Access, StartError> {
        Err(StartError::Absent { wish: "--auth-port", feature: "auth" })
    }

    #[cfg(not(feature = "auth"))]
    pub(crate) async fn auth(
        _: (&Options, u16),
        desk: Desk,
        _: &Context,
    ) -> Result<Door, StartError> {
        match desk {}
    }

    #[cfg(not(feature = "auth"))]
    pub(crate) async fn count_keys(_: &str) -> Result<usize, String> {
        Err(StartError::Absent { wish: "--jwt-jwks", feature: "auth" }.to_string())
    }

    #[cfg(not(feature = "discovery"))]
    pub(crate) async fn heralds(
        options: &Options,
        _: &[&Door],
        _: &Context,
    ) -> Result<Vec<super::Herald>, StartError> {
        let discovery = &options.discovery;
        let wishes = [
            (discovery.mdns == crate::options::Mdns::On, "--mdns on"),
            (discovery.broadcast_port.is_some_and(|it| it.port().is_some()), "--broadcast-port"),
            (options.rendezvous.rendezvous_url.is_some(), "--rendezvous-url"),
        ];
        match wishes.into_iter().find(|(wanted, _)| *wanted) {
            Some((_, wish)) => Err(StartError::Absent { wish, feature: "discovery" }),
            None => Ok(Vec::new()),
        }
    }

    #[cfg(not(feature = "health"))]
    pub(crate) async fn health(_: &Options, _: u16, _: &Context) -> Result<Door, StartError> {
        Err(StartError::Absent { wish: "--health-port", feature: "health" })
    }

    #[cfg(not(feature = "metrics"))]
    pub(crate) async fn metrics(_: &Options, _: u16, _: &Context) -> Result<Door, StartError> {
        Err(StartError::Absent { wish: "--metrics-port", feature: "metrics" })
    }

    #[cfg(not(feature = "quic"))]
    pub(crate) async fn quic(_: &Options, _: u16, _: &Context) -> Result<Door, StartError> {
        Err(StartError::Absent { wish: "--quic-port", feature: "quic" })
    }

    #[cfg(not(feature = "oscquery"))]
    pub(crate) async fn oscquery(
        _: (&Options, u16),
        _: &[Door],
        _: &Context,
    ) -> Result<Door, StartError> {
        Err(StartError::Absent { wish: "--oscquery-port", feature: "oscquery" })
    }

    #[cfg(not(feature = "rendezvous"))]
    pub(crate) async fn rendezvous(_: &Options, _: u16, _: &Context) -> Result<Door, StartError> {
        Err(StartError::Absent { wish: "--rendezvous-port", feature: "rendezvous" })
    }

    #[cfg(not(feature = "osc"))]
    pub(crate) async fn osc(
        _: (&Options, u16),
        _: Option<clasp_auth::cpsk::Secret>,
        _: &Context,
    ) -> Result<Door, StartError> {
        Err(StartError::Absent { wish: "--osc-port", feature: "osc" })
    }

    /// Nobody speaks MQTT.
    #[cfg(not(feature = "mqtt"))]
    #[derive(Debug, Clone)]
    pub(crate) enum Mqtt {}

    #[cfg(not(feature = "mqtt"))]
    pub(crate) async fn open_mqtt(
        options: &Options,
        _: &std::sync::Arc<clasp_router::Router>,
    ) -> Result<Option<Mqtt>, StartError> {
        match options.mqtt.wish() {
            Some(wish) => Err(StartError::Absent { wish, feature: "mqtt" }),
            None => Ok(None),
        }
    }

    #[cfg(not(feature = "mqtt"))]
    pub(crate) async fn mqtt(_: &Options, _: &Context) -> Result<Vec<Door>, StartError> {
        Ok(Vec::new())
    }

    #[cfg(not(feature = "mqtt"))]
    pub(crate) async fn tend_mqtt(mqtt: Mqtt, _: tokio::sync::watch::Receiver<bool>) {
        match mqtt {}
    }

    #[cfg(not(feature = "storage"))]
    pub(crate) fn storage(options: &StorageOptions) -> Result<Storage, StartError> {
        match options.wish() {
            Some(wish) => Err(StartError::Absent { wish, feature: "storage" }),
            None => Ok(Storage::default()),
        }
    }

    #[cfg(not(feature = "storage"))]
    pub(crate) fn maintain(_: &StorageCommand) -> Result<(), String> {
        let absent = StartError::Absent { wish: "this command", feature: "storage" };
        Err(absent.to_string())
    }

    #[cfg(not(feature = "tcp"))]
    pub(crate) async fn tcp(_: &Options, _: u16, _: &Context) -> Result<Door, StartError> {
        Err(StartError::Absent { wish: "--tcp-port", feature: "tcp" })
    }

    #[cfg(all(feature = "websocket", not(all(feature = "auth", feature = "metrics"))))]
    pub(super) fn single(
        _: &Options,
        _: Option<super::Desk>,
        _: &Context,
    ) -> Result<(std::sync::Arc<dyn clasp_transport::pages::Pages>, super::Chores), StartError>
    {
        Err(StartError::Absent { wish: "--single-port", feature: "full" })
    }

    #[cfg(not(feature = "websocket"))]
    pub(crate) async fn websocket(
        _: &Options,
        _: Option<super::Desk>,
        _: &Context,
    ) -> Result<Door, StartError> {
        Err(StartError::Absent { wish: "a WebSocket listener", feature: "websocket" })
    }
}
#[cfg(not(feature = "full"))]
#[allow(unused_imports, reason = "all features one by one leave nothing absent")]
pub(crate) use absent::*;
