//! The MQTT door: its listeners, and what it needs beside them.

use std::sync::Arc;
use std::time::Duration;

use clasp_mqtt::{Config as Rules, Mqtt};
use clasp_router::Router;
use clasp_tls::Acceptor;
use clasp_transport::pages::Probes;
use clasp_transport::{Config, Wire, clock};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::stream::{self, Place};
use super::{Context, Door, mqtt_store};
use crate::options::Options;
use crate::relay::StartError;
use crate::storage::blocking;

/// Between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);

/// Reads the rules and brings back the sessions; the dialect of every listener that takes MQTT.
pub(crate) async fn open_mqtt(
    options: &Options,
    router: &Arc<Router>,
) -> Result<Option<Mqtt>, StartError> {
    if options.mqtt.wish().is_none() {
        return Ok(None);
    }
    let (options, router) = (options.clone(), Arc::clone(router));
    let opened = blocking(move || {
        let namespace = &options.mqtt.mqtt_namespace;
        let rules = match &options.mqtt.mqtt_config {
            Some(path) => Rules::read(namespace, path),
            None => Rules::new(namespace),
        };
        let rules = rules.map_err(|error| StartError::Mqtt(error.to_string()))?;
        let store = mqtt_store(&options)?;
        let idle_s = options.sessions.session_timeout;
        Mqtt::open(router, rules, idle_s, store, clock::now()).map_err(StartError::Mqtt)
    });
    opened.await?.map(Some)
}

/// Binds the listeners that the options ask for.
pub(crate) async fn mqtt(options: &Options, context: &Context) -> Result<Vec<Door>, StartError> {
    let Some(dialect) = &context.mqtt else { return Ok(Vec::new()) };
    let mut doors = Vec::new();
    if let Some(port) = options.mqtt.mqtt_port {
        let place = Place { door: "MQTT", port, flag: "--mqtt-port" };
        let acceptor = context.encryption.acceptor();
        let scheme = context.encryption.scheme("mqtt", "mqtts");
        doors.push(listen((options, context), place, (acceptor, scheme), dialect).await?);
    }
    if let Some(port) = options.mqtt.mqtts_port {
        let place = Place { door: "MQTTS", port, flag: "--mqtts-port" };
        let acceptor = context.encryption.tls().map_or_else(Acceptor::plain, Acceptor::tls_only);
        doors.push(listen((options, context), place, (acceptor, "mqtts"), dialect).await?);
    }
    Ok(doors)
}

async fn listen(
    (options, context): (&Options, &Context),
    place: Place,
    (acceptor, scheme): (Acceptor, &str),
    dialect: &Mqtt,
) -> Result<Door, StartError> {
    let wire = Wire::Foreign(Arc::new(dialect.clone()));
    let config = Config { acceptor, wire, ..stream::config(options, context) };
    let server = stream::bind(options, place, config).await?;
    let address = server.local_addr();
    let name = place.door;
    tracing::info!("{name}: {scheme}://{address}");
    let (router, draining) = (Arc::clone(&context.router), context.draining.clone());
    let pages = Arc::new(Probes::new(context.readiness()));
    let serve = Box::pin(server.run(router, pages, draining));
    Ok(Door { name, address, serve })
}

/// Does once a second what is due, and stores the sessions, until all clients are gone.
pub(crate) async fn tend_mqtt(mqtt: Mqtt, mut closing: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let over = tokio::select! {
            _ = interval.tick() => false,
            _ = closing.wait_for(|closing| *closing) => true,
        };
        let mqtt = mqtt.clone();
        let work = move || {
            let now = clock::now();
            mqtt.tick(now);
            mqtt.store(now);
        };
        // A crash in there is on standard error already.
        let _ = tokio::task::spawn_blocking(work).await;
        if over {
            return;
        }
    }
}
