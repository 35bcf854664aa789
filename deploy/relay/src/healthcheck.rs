//! `healthcheck`: asks the relay that the same options started whether it is ready.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::host::Host;
use crate::options::Options;

/// How long connecting, each read and each write may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes of an answer that are looked at.
const ANSWER_BYTES_MAX: u64 = 4 << 10;

/// What a trusted proxy on this machine would begin with.
const PROXY_HEADER: &str = "PROXY UNKNOWN\r\n";

/// Where a probe asks, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) encrypted: bool,
    /// The port wants a header of the PROXY protocol from this machine.
    pub(crate) proxied: bool,
}

/// Asks and tells on standard output.
///
/// # Errors
/// Why the relay does not count as ready, in one line.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let target = target(options)?;
    let said = target.ask("/readyz")?;
    let line = said.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) != Some("200") {
        let port = target.address;
        return Err(format!("not ready: {port} answers {line}"));
    }
    let done = format!("ready: {}\n", target.address);
    io::stdout().write_all(done.as_bytes()).map_err(|error| format!("standard output: {error}"))
}

/// The port that tells whether the relay is ready.
fn target(options: &Options) -> Result<Target, String> {
    let single = options.listen.single_port;
    let (port, flag) = match options.operation.health_port {
        Some(port) if !single => (port, "--health-port"),
        _ => (options.listen.ws_port, "--ws-port"),
    };
    if port == 0 {
        return Err(format!("cannot know which port {flag} 0 has become; give a port"));
    }
    let plain_accepted = flag == "--health-port";
    if options.tls.client_ca.is_some() && !plain_accepted {
        return Err("--client-ca refuses whoever has no certificate: give --health-port".into());
    }
    let host = match &options.listen.host {
        Host::Address(address) => *address,
        Host::Name(name) => {
            let found = (name.as_str(), port).to_socket_addrs();
            let found = found.map_err(|error| format!("cannot resolve --host {name}: {error}"))?;
            let first = found.min_by_key(SocketAddr::is_ipv6).map(|address| address.ip());
            first.ok_or_else(|| format!("--host {name} has no address"))?
        }
    };
    let address = SocketAddr::new(reachable(host), port);
    let proxied = !plain_accepted
        && options.gate.proxy_protocol
        && options.gate.proxies().contains(address.ip());
    Ok(Target { address, encrypted: options.tls.tls_only && !plain_accepted, proxied })
}

/// Where to find a listener on this machine.
pub(crate) fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

impl Target {
    /// The listener of clients, bound at `address`. Plain text will do: also a refusal shows that
    /// it lives.
    pub(crate) fn of_clients(options: &Options, address: SocketAddr) -> Target {
        let address = SocketAddr::new(reachable(address.ip()), address.port());
        let proxied = options.gate.proxy_protocol && options.gate.proxies().contains(address.ip());
        Target { address, encrypted: false, proxied }
    }

    /// The beginning of the answer to a GET; blocks, for a few seconds at most.
    pub(crate) fn ask(&self, path: &str) -> Result<String, String> {
        let address = self.address;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::WouldBlock => format!("no answer from {address} within {PATIENCE:?}"),
            _ => format!("no answer from {address}: {error}"),
        };
        let answer = self.exchange(path).map_err(failed)?;
        match answer.starts_with("HTTP/") {
            true => Ok(answer),
            false => Err(format!("{address} does not answer in HTTP")),
        }
    }

    fn exchange(&self, path: &str) -> io::Result<String> {
        let mut socket = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        if self.proxied {
            socket.write_all(PROXY_HEADER.as_bytes())?;
        }
        if self.encrypted {
            return converse(clasp_tls::encrypt_to_anyone(socket)?, path);
        }
        converse(socket, path)
    }
}

fn converse(mut wire: impl Read + Write, path: &str) -> io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    wire.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    // The head is enough, and some end a connection less politely than TLS wants it.
    let read = wire.take(ANSWER_BYTES_MAX).read_to_end(&mut answer);
    if answer.is_empty() {
        read?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn asked(arguments: &[&str]) -> Result<String, String> {
        let options = Options::parse_from([&["clasp-relay"], arguments].concat());
        target(&options).map(|target| {
            let how = if target.encrypted { "https" } else { "http" };
            format!("{how}://{}{}", target.address, if target.proxied { " proxied" } else { "" })
        })
    }

    #[test]
    fn the_port_to_ask_is_the_one_that_the_options_give() {
        let tls = ["--cert", "c", "--key", "k", "--tls-only"];
        assert_eq!(asked(&[]).unwrap(), "http://127.0.0.1:7330");
        assert_eq!(asked(&["--host", "::", "-p", "1"]).unwrap(), "http://[::1]:1");
        assert_eq!(asked(&["--health-port", "7360"]).unwrap(), "http://127.0.0.1:7360");
        assert_eq!(
            asked(&["--health-port", "7360", "--single-port"]).unwrap(),
            "http://127.0.0.1:7330"
        );
        assert_eq!(asked(&tls).unwrap(), "https://127.0.0.1:7330");
        let with_health = [&tls[..], &["--health-port", "7360"]].concat();
        assert_eq!(asked(&with_health).unwrap(), "http://127.0.0.1:7360");
        let proxied = ["--trusted-proxy", "127.0.0.0/8", "--proxy-protocol"];
        assert_eq!(asked(&proxied).unwrap(), "http://127.0.0.1:7330 proxied");
        assert!(asked(&["-p", "0"]).unwrap_err().contains("--ws-port"));
    }
}
