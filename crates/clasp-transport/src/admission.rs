//! Who may connect: where a client really is, and how many connections and attempts its address
//! has (spec: routing.md 5.5, relay.md 10.7).

mod proxied;

use std::net::SocketAddr;
use std::sync::Arc;

use clasp_auth::{Holdings, Network, Permit, Quota, Throttle, TrustedProxies};
use clasp_router::Now;
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use tokio::net::TcpStream;

use crate::config::Config;

/// Who is at the other end of a socket.
#[derive(Debug)]
pub(crate) struct Visitor {
    /// The client, as far as is known yet; port 0 if only a proxy knows that.
    pub(crate) remote: SocketAddr,
    /// Its address's connection; absent without a limit.
    pub(crate) permit: Option<Permit>,
    /// Whether it was counted. Those who come by a proxy are as soon as they can be told apart.
    admitted: bool,
}

/// Its address has too many connections, or has opened too many in this second.
#[derive(Debug)]
pub(crate) struct Crowded;

/// The limits of one listener and the proxies it believes.
#[derive(Debug)]
pub(crate) struct Admission {
    proxies: TrustedProxies,
    proxy_protocol: bool,
    holdings: Option<Arc<Holdings>>,
    fresh: Throttle<Network>,
}

impl Admission {
    pub(crate) fn new(config: &Config) -> Admission {
        Admission {
            proxies: config.trusted_proxies.clone(),
            proxy_protocol: config.proxy_protocol,
            holdings: Holdings::new(config.connections_per_address_max),
            fresh: Throttle::new(Quota::per_seconds(config.connections_per_second_max, 1)),
        }
    }

    /// A fresh socket.
    pub(crate) fn greet(&self, remote: SocketAddr, now: Now) -> Result<Visitor, Crowded> {
        let mut visitor = Visitor { remote, permit: None, admitted: false };
        self.settle(&mut visitor, now)?;
        Ok(visitor)
    }

    /// Reads the header of the PROXY protocol if there has to be one. `None` if it is no good.
    pub(crate) async fn receive_header(
        &self,
        stream: &mut TcpStream,
        visitor: &mut Visitor,
    ) -> Option<Result<(), Crowded>> {
        if !self.proxy_protocol || !self.proxies.contains(visitor.remote.ip()) {
            return Some(Ok(()));
        }
        if let Some(client) = proxied::read(stream).await? {
            visitor.remote = client;
        }
        Some(self.settle(visitor, crate::clock::now()))
    }

    /// Believes what trusted proxies say in the head of an upgrade, and counts whom that leaves.
    pub(crate) fn identify(
        &self,
        visitor: &mut Visitor,
        head: &HeaderMap<HeaderValue>,
        now: Now,
    ) -> Result<(), Crowded> {
        let peer = visitor.remote.ip();
        let forwarded = head.get_all("x-forwarded-for").into_iter();
        let client = self.proxies.client(peer, forwarded.map(|it| it.to_str().unwrap_or("?")));
        if client != peer.to_canonical() {
            visitor.remote = SocketAddr::new(client, 0);
        }
        self.count(visitor, now)
    }

    /// Counts a visitor unless it is a proxy, for which somebody else will stand.
    fn settle(&self, visitor: &mut Visitor, now: Now) -> Result<(), Crowded> {
        if self.proxies.contains(visitor.remote.ip()) {
            return Ok(());
        }
        self.count(visitor, now)
    }

    fn count(&self, visitor: &mut Visitor, now: Now) -> Result<(), Crowded> {
        if std::mem::replace(&mut visitor.admitted, true) {
            return Ok(());
        }
        let Some(network) = Network::limited(visitor.remote.ip()) else { return Ok(()) };
        self.fresh.take(&network, now.mono_us).map_err(|_| Crowded)?;
        if let Some(holdings) = &self.holdings {
            visitor.permit = Some(holdings.admit(network).ok_or(Crowded)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(change: impl FnOnce(&mut Config)) -> Admission {
        let mut config = Config::default();
        change(&mut config);
        Admission::new(&config)
    }

    fn at(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    fn second(number: u64) -> Now {
        Now::new(0, number * 1_000_000)
    }

    #[test]
    fn so_many_connections_may_be_opened_in_a_second() {
        let admission = admission(|config| config.connections_per_second_max = 2);
        assert!(admission.greet(at("192.0.2.1"), second(5)).is_ok());
        assert!(admission.greet(at("192.0.2.1"), second(5)).is_ok());
        assert!(admission.greet(at("192.0.2.1"), second(5)).is_err());
        assert!(admission.greet(at("192.0.2.2"), second(5)).is_ok());
        assert!(admission.greet(at("192.0.2.1"), second(6)).is_ok());
    }

    #[test]
    fn this_machine_is_not_limited() {
        let admission = admission(|config| {
            config.connections_per_second_max = 1;
            config.connections_per_address_max = 1;
        });
        for _ in 0..9 {
            std::mem::forget(admission.greet(at("127.0.0.1"), second(5)).unwrap());
        }
    }

    #[test]
    fn behind_a_proxy_the_client_is_counted_and_not_the_proxy() {
        let admission = admission(|config| {
            config.connections_per_address_max = 1;
            config.trusted_proxies = "10.0.0.1".parse().unwrap();
        });
        let come = |client: &str| {
            let mut visitor = admission.greet(at("10.0.0.1"), second(5)).unwrap();
            let mut head = HeaderMap::new();
            head.insert("x-forwarded-for", HeaderValue::from_str(client).unwrap());
            admission.identify(&mut visitor, &head, second(5)).map(|()| visitor)
        };
        let first = come("192.0.2.1").unwrap();
        assert_eq!(first.remote, SocketAddr::new("192.0.2.1".parse().unwrap(), 0));
        assert!(come("192.0.2.1").is_err());
        assert!(come("192.0.2.2").is_ok());
        drop(first);
        assert!(come("192.0.2.1").is_ok());
    }

    #[test]
    fn a_direct_client_cannot_make_up_an_address() {
        let admission = admission(|config| config.connections_per_address_max = 1);
        let mut visitor = admission.greet(at("192.0.2.1"), second(5)).unwrap();
        let mut head = HeaderMap::new();
        head.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.1"));
        admission.identify(&mut visitor, &head, second(5)).unwrap();
        assert_eq!(visitor.remote, at("192.0.2.1"));
    }
}
