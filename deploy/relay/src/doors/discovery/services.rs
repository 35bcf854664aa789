//! What the relay serves, as those who look for it are told.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use clasp_discovery::mdns::{Identity, Service};
use clasp_discovery::rendezvous::Registration;

use crate::doors::{Context, Door};
use crate::options::Options;
use crate::tls::Encryption;

/// The signal types, as letters.
const FEATURES: &str = "psetg";

/// The bound listeners.
#[derive(Clone)]
pub(super) struct Served {
    doors: Vec<(&'static str, SocketAddr)>,
    encryption: Encryption,
    authenticated: bool,
}

impl Served {
    pub(super) fn new(options: &Options, doors: &[&Door], context: &Context) -> Served {
        let doors = doors.iter().map(|door| (door.name, door.address)).collect();
        let authenticated = options.auth.auth_port.is_some();
        Served { doors, encryption: context.encryption.clone(), authenticated }
    }

    fn port(&self, name: &str) -> Option<u16> {
        let found = self.doors.iter().find(|(door, _)| door.eq_ignore_ascii_case(name));
        found.map(|(_, address)| address.port())
    }

    /// Whether clients are served on this UDP port.
    pub(super) fn uses_udp(&self, port: u16) -> bool {
        ["QUIC", "OSC"].iter().any(|door| self.port(door) == Some(port))
    }

    /// The key of each protocol and its port.
    fn ports(&self) -> Vec<(&'static str, u16)> {
        let acceptor = self.encryption.acceptor();
        let websocket = self.port("WebSocket");
        let all = [
            ("ws", websocket.filter(|_| !acceptor.refuses_plain())),
            ("wss", websocket.filter(|_| acceptor.has_tls())),
            ("tcp", self.port("TCP")),
            ("quic", self.port("QUIC")),
            ("mqtt", self.port("MQTT")),
            ("mqtts", self.port("MQTTS")),
            ("osc", self.port("OSC")),
        ];
        all.into_iter().filter_map(|(key, port)| Some((key, port?))).collect()
    }

    /// What mDNS tells (adapters.md 8).
    pub(super) fn services(&self, identity: &Identity) -> Vec<Service> {
        let ports = self.ports();
        let mut facts = vec![
            ("txtvers", "1".to_owned()),
            ("proto", "3".to_owned()),
            // What published browsers expect.
            ("version", "2".to_owned()),
            ("name", identity.name.clone()),
            ("features", FEATURES.to_owned()),
        ];
        facts.extend(ports.iter().map(|(key, port)| (*key, port.to_string())));
        facts.push(("auth", u8::from(self.authenticated).to_string()));
        facts.push(("id", identity.id.clone()));
        facts.extend(self.encryption.fingerprint().map(|fingerprint| ("fp", fingerprint)));
        let main = self.port("WebSocket").or_else(|| ports.first().map(|(_, port)| *port));
        let own = main.map(|port| Service { kind: "_clasp._tcp", port, facts });
        let other = |kind, door| {
            let facts = vec![("txtvers", "1".to_owned()), ("id", identity.id.clone())];
            self.port(door).map(|port| Service { kind, port, facts })
        };
        let others = [
            other("_mqtt._tcp", "MQTT"),
            other("_osc._udp", "OSC"),
            other("_oscjson._tcp", "OSCQuery"),
        ];
        own.into_iter().chain(others.into_iter().flatten()).collect()
    }

    /// What a directory is told.
    pub(super) fn registration(
        &self,
        options: &Options,
        identity: &Identity,
    ) -> Result<Registration, String> {
        let rendezvous = &options.rendezvous;
        let mut endpoints = BTreeMap::new();
        for url in &rendezvous.rendezvous_endpoints {
            let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
            let scheme = scheme.ok_or_else(|| {
                format!(
                    "--rendezvous-endpoint {url}: expected a URL such as wss://relay.example.com"
                )
            })?;
            endpoints.insert(scheme, url.clone());
        }
        if endpoints.is_empty() {
            let hosts: BTreeMap<_, _> =
                self.doors.iter().map(|(_, address)| (address.port(), address.ip())).collect();
            for (scheme, port) in self.ports() {
                let address = SocketAddr::new(hosts[&port], port);
                endpoints.insert(scheme.to_owned(), format!("{scheme}://{address}"));
            }
        }
        let metadata = BTreeMap::from([
            ("id".to_owned(), identity.id.clone()),
            ("auth".to_owned(), u8::from(self.authenticated).to_string()),
        ]);
        let features = ["param", "stream", "event", "timeline", "gesture"].map(str::to_owned);
        let registration = Registration {
            name: clasp_discovery::cut(&identity.name, 128).to_owned(),
            public_key: None,
            features: features.to_vec(),
            endpoints,
            tags: rendezvous.rendezvous_tags.clone(),
            metadata,
        };
        let anywhere = std::net::Ipv4Addr::UNSPECIFIED.into();
        let checked = registration.clone().accept(anywhere);
        checked.map(|_| registration).map_err(|error| format!("--rendezvous-url: {error}"))
    }
}
