//! The address to listen on as people write it: an IP address, with or without brackets, or a
//! name.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// A host without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A literal address.
    Address(IpAddr),
    /// A name that the system resolves.
    Name(String),
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse() {
            return Ok(Self::Address(address));
        }
        let odd = |c: char| c.is_whitespace() || c.is_control() || "/[]:".contains(c);
        if text.is_empty() || text.contains(odd) {
            return Err("expected an IP address or a host name without a port, \
                        such as 127.0.0.1, ::1 or localhost"
                .into());
        }
        Ok(Self::Name(text.to_string()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Host {
    /// The socket address for `port`. Of a name's several addresses the first IPv4 one counts,
    /// because that is what clients of `localhost` try.
    pub async fn resolve(&self, port: u16) -> io::Result<SocketAddr> {
        match self {
            Self::Address(address) => Ok(SocketAddr::new(*address, port)),
            Self::Name(name) => {
                let found = tokio::net::lookup_host((name.as_str(), port)).await?;
                found
                    .min_by_key(SocketAddr::is_ipv6)
                    .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it has no address"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_hosts() {
        for (text, shown) in
            [("0.0.0.0", "0.0.0.0"), ("::1", "::1"), ("[::1]", "::1"), ("localhost", "localhost")]
        {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn ports_paths_and_nothing_are_not() {
        for text in ["", "localhost:80", "127.0.0.1:80", "[::1]:80", "a b", "ws://a", "[::1"] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_literal_resolves_to_itself_and_localhost_to_a_loopback_address() {
        let one: Host = "[::1]".parse().unwrap();
        assert_eq!(one.resolve(7).await.unwrap().to_string(), "[::1]:7");
        let name: Host = "localhost".parse().unwrap();
        assert!(name.resolve(7).await.unwrap().ip().is_loopback());
    }
}
