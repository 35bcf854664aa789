//! Ports: free, or held by whom.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};

use super::{Finding, holder};
use crate::options::Options;

/// The program whose listener is no trouble.
const OWN_NAME: &str = "clasp-relay";

/// Looks at every port that the options ask for.
pub(super) fn look(options: &Options) -> Vec<Finding> {
    let (listen, operation) = (&options.listen, &options.operation);
    let mut ports = Vec::new();
    if !listen.no_websocket {
        ports.push(("--ws-port", listen.ws_port));
    }
    if !listen.single_port {
        let others = [
            ("--auth-port", options.auth.auth_port),
            ("--health-port", operation.health_port),
            ("--metrics-port", operation.metrics_port),
        ];
        ports.extend(others.into_iter().filter_map(|(flag, port)| Some((flag, port?))));
    }
    let doors = [
        ("--oscquery-port", options.oscquery.oscquery_port),
        ("--rendezvous-port", options.rendezvous.rendezvous_port.port()),
    ];
    ports.extend(doors.into_iter().filter_map(|(flag, port)| Some((flag, port?))));
    let mut findings = Vec::new();
    for (index, (flag, port)) in ports.iter().enumerate() {
        let same = ports[..index].iter().find(|(_, other)| other == port && *port != 0);
        findings.push(match same {
            Some((other, _)) => {
                Finding::fail(format!("{flag} {port}"), format!("{other} has the same port"))
            }
            None => one(&listen.host.to_string(), flag, *port),
        });
    }
    findings
}

fn one(host: &str, flag: &str, port: u16) -> Finding {
    let subject = format!("{flag} {port}");
    let found = (host, port).to_socket_addrs();
    let address = match found.map(|all| all.min_by_key(SocketAddr::is_ipv6)) {
        Ok(Some(address)) => address,
        Ok(None) => return Finding::fail(subject, format!("--host {host} has no address")),
        Err(error) => return Finding::fail(subject, format!("--host {host}: {error}")),
    };
    let error = match TcpListener::bind(address) {
        Ok(_) => return Finding::ok(subject, format!("{address} is free")),
        Err(error) => error,
    };
    if error.kind() == io::ErrorKind::AddrInUse {
        return match holder::of(port) {
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
