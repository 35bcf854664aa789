//! Being found: mDNS, answers to UDP broadcasts, and the entry in a directory elsewhere.

mod identity;
mod services;

use std::net::SocketAddr;
use std::time::Duration;

use clasp_discovery::beacon::Beacon;
use clasp_discovery::mdns::{Announcer, Identity};
use clasp_discovery::reach::{Reach, is_private};
use clasp_discovery::rendezvous::{Home, Registrar};

use super::{Context, Door, Herald, secrets};
use crate::options::{Mdns, Options, below};
use crate::relay::StartError;
use services::Served;

/// Where clients ask, if nobody says otherwise.
const BROADCAST_PORT: u16 = 7331;

/// Whatever makes the relay known while it serves `doors`, and takes it back when it drains.
pub(crate) async fn heralds(
    options: &Options,
    doors: &[&Door],
    context: &Context,
) -> Result<Vec<Herald>, StartError> {
    let served = Served::new(options, doors, context);
    let mut heralds = Vec::new();
    let wants = !options.discovery.no_discovery;
    if wants || options.rendezvous.rendezvous_url.is_some() {
        let identity = identity::of(options)?;
        if wants {
            let host = options.listen.resolve(0).await?.ip();
            let reach = reach(options, host);
            heralds.extend(announcer((options, &reach), &identity, (&served, context)));
            heralds.extend(beacon(options, (host, &reach), (&identity, &served, context))?);
        }
        heralds.extend(registrar(options, &identity, (&served, context))?);
    }
    Ok(heralds)
}

fn reach(options: &Options, host: std::net::IpAddr) -> Reach {
    let interfaces = options.discovery.mdns_interfaces.clone();
    Reach { host, interfaces, public: options.discovery.mdns == Mdns::On }
}

fn announcer(
    (options, reach): (&Options, &Reach),
    identity: &Identity,
    (served, context): (&Served, &Context),
) -> Option<Herald> {
    if options.discovery.mdns == Mdns::Off || !reach.is_possible() {
        return None;
    }
    let announcer = match Announcer::start(identity.clone(), reach.clone()) {
        Ok(announcer) => announcer,
        Err(error) => {
            tracing::warn!("discovery: no mDNS: {error}");
            return None;
        }
    };
    let places = reach.addresses().into_iter().map(|(name, address)| format!("{address} ({name})"));
    match places.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => {
            tracing::info!("discovery: mDNS waits for an interface with a private address");
        }
        places => tracing::info!("discovery: mDNS as {:?} at {places}", identity.name),
    }
    let (served, stop) = (served.clone(), context.draining.clone());
    let id = identity.clone();
    Some(Box::pin(announcer.run(move || served.services(&id), stop)))
}

/// The responder. One that nobody asked for does without its port when somebody else has it.
fn beacon(
    options: &Options,
    (host, reach): (std::net::IpAddr, &Reach),
    (identity, served, context): (&Identity, &Served, &Context),
) -> Result<Option<Herald>, StartError> {
    let asked = options.discovery.broadcast_port;
    let is_near = host.is_unspecified() || is_private(host);
    let port = match asked {
        Some(choice) => choice.port(),
        None => (is_near && !reach.addresses().is_empty()).then_some(BROADCAST_PORT),
    };
    let Some(port) = port else { return Ok(None) };
    if port != 0 && served.uses_udp(port) {
        tracing::info!("discovery: UDP port {port} serves clients, so broadcasts go unanswered");
        return Ok(None);
    }
    let address = SocketAddr::new(host, port);
    let bound = Beacon::bind(address).and_then(|beacon| {
        let bound = beacon.local_addr()?;
        Ok((beacon, bound))
    });
    match bound {
        Ok((beacon, bound)) => {
            tracing::info!("discovery: answers broadcasts on udp://{bound}");
            let run = beacon.run(identity.clone(), context.draining.clone());
            Ok(Some(Box::pin(run)))
        }
        Err(source) if asked.is_some() => {
            let (door, flag) = ("broadcasts", "--broadcast-port");
            Err(StartError::Bind { door, address, flag, source })
        }
        Err(error) => {
            tracing::warn!("discovery: cannot listen on udp://{address}: {error}");
            Ok(None)
        }
    }
}

fn registrar(
    options: &Options,
    identity: &Identity,
    (served, context): (&Served, &Context),
) -> Result<Option<Herald>, StartError> {
    let rendezvous = &options.rendezvous;
    let Some(url) = &rendezvous.rendezvous_url else { return Ok(None) };
    let failed = |error: String| StartError::Discovery(format!("--rendezvous-url {url}: {error}"));
    let home = Home {
        url: url.parse().map_err(|error| failed(format!("{error}")))?,
        token: token(options)?,
        refresh: Duration::from_secs(rendezvous.rendezvous_refresh),
    };
    let registration = served.registration(options, identity).map_err(StartError::Discovery)?;
    let registrar = Registrar::new(home, registration).map_err(failed)?;
    Ok(Some(Box::pin(registrar.run(context.draining.clone()))))
}

/// The token of --rendezvous-token.
pub(super) fn token(options: &Options) -> Result<Option<String>, StartError> {
    let Some(path) = &options.rendezvous.rendezvous_token else { return Ok(None) };
    let path = below(options.storage.data_dir.as_deref(), path);
    let text = secrets::token(&path, options.tls.insecure_permissions)?;
    match text.trim() {
        "" => Err(StartError::Access(format!(
            "{}: there is no token in it (--rendezvous-token)",
            path.display()
        ))),
        token => Ok(Some(token.to_owned())),
    }
}
