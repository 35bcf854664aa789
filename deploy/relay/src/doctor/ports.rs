//! Ports: free, or held by whom.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _, UdpSocket};

use rustix::net::{AddressFamily, SocketType, bind, socket, sockopt};

use super::{Finding, holder};
use crate::options::Options;

/// The program whose listener is no trouble.
const OWN_NAME: &str = "clasp-relay";

/// What is listened for at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tcp,
    Udp,
    /// UDP where several programs may listen.
    SharedUdp,
}

impl Kind {
    /// As [`holder::of`] and the table name it.
    fn protocol(self) -> &'static str {
        match self {
            Kind::Tcp => "tcp",
            Kind::Udp | Kind::SharedUdp => "udp",
        }
    }

    /// Listens for a moment, as the door does.
    fn try_bind(self, address: SocketAddr) -> io::Result<()> {
        match self {
            Kind::Tcp => TcpListener::bind(address).map(drop),
            Kind::Udp => UdpSocket::bind(address).map(drop),
            Kind::SharedUdp => {
                let family =
                    if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
                let socket = socket(family, SocketType::DGRAM, None)?;
                sockopt::set_socket_reuseaddr(&socket, true)?;
                Ok(bind(&socket, &address)?)
            }
        }
    }
}

/// A port that an option asks for.
#[derive(Debug, Clone, Copy)]
struct Port {
    flag: &'static str,
    number: u16,
    kind: Kind,
}

impl Port {
    /// Whether both cannot be had.
    fn collides(self, other: Port) -> bool {
        self.number != 0
            && self.number == other.number
            && self.kind.protocol() == other.kind.protocol()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.flag, self.number)?;
        if self.kind == Kind::Tcp { Ok(()) } else { f.write_str("/udp") }
    }
}

/// Looks at every port that the options ask for.
pub(super) fn look(options: &Options) -> Vec<Finding> {
    let (host, ports) = (options.listen.host.to_string(), asked_for(options));
    let look = |(index, port): (usize, &Port)| match ports[..index]
        .iter()
        .find(|other| port.collides(**other))
    {
        Some(other) => Finding::fail(port.to_string(), format!("{} has the same port", other.flag)),
        None => one(&host, *port),
    };
    ports.iter().enumerate().map(look).collect()
}

fn asked_for(options: &Options) -> Vec<Port> {
    let (listen, operation, discovery) = (&options.listen, &options.operation, &options.discovery);
    let apart = |port: Option<u16>| port.filter(|_| !listen.single_port);
    let broadcast = discovery.broadcast_port.filter(|_| !discovery.no_discovery);
    let broadcast = broadcast.and_then(|choice| choice.port());
    let rendezvous = options.rendezvous.rendezvous_port.port();
    let osc = options.osc.osc_port;
    let rows = [
        ("--ws-port", Kind::Tcp, (!listen.no_websocket).then_some(listen.ws_port)),
        ("--tcp-port", Kind::Tcp, options.tcp.tcp_port),
        ("--auth-port", Kind::Tcp, apart(options.auth.auth_port)),
        ("--health-port", Kind::Tcp, apart(operation.health_port)),
        ("--metrics-port", Kind::Tcp, apart(operation.metrics_port)),
        ("--quic-port", Kind::Udp, options.quic.quic_port),
        ("--mqtt-port", Kind::Tcp, options.mqtt.mqtt_port),
        ("--mqtts-port", Kind::Tcp, options.mqtt.mqtts_port),
        ("--osc-port", Kind::Udp, osc),
        ("--osc-port", Kind::Tcp, osc),
        ("--oscquery-port", Kind::Tcp, options.oscquery.oscquery_port),
        ("--rendezvous-port", Kind::Tcp, rendezvous),
        ("--broadcast-port", Kind::SharedUdp, broadcast),
    ];
    let asked = |(flag, kind, number): (_, _, Option<u16>)| {
        number.map(|number| Port { flag, number, kind })
    };
    rows.into_iter().filter_map(asked).collect()
}

fn one(host: &str, port: Port) -> Finding {
    let subject = port.to_string();
    let found = (host, port.number).to_socket_addrs();
    let address = match found.map(|all| all.min_by_key(SocketAddr::is_ipv6)) {
        Ok(Some(address)) => address,
        Ok(None) => return Finding::fail(subject, format!("--host {host} has no address")),
        Err(error) => return Finding::fail(subject, format!("--host {host}: {error}")),
    };
    let error = match port.kind.try_bind(address) {
        Ok(()) => return Finding::ok(subject, format!("{address} is free")),
        Err(error) => error,
    };
    if error.kind() == io::ErrorKind::AddrInUse {
        return match holder::of(port.kind.protocol(), port.number) {
            Some(holder) if holder.name == OWN_NAME => {
                Finding::ok(subject, format!("the relay is running, process {}", holder.id))
            }
            Some(holder) => {
                let who = format!("{} (process {}) listens there", holder.name, holder.id);
                Finding::fail(subject, format!("{who}; stop it or choose another port"))
            }
            None => Finding::fail(
                subject,
                "somebody listens there; run the doctor as root to learn who",
            ),
        };
    }
    Finding::fail(subject, format!("cannot listen at {address}: {error}"))
}
