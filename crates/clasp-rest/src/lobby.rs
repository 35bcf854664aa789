//! Sessions that wait between two requests of the same client. They are what a client's rates are
//! counted by, and they spare it a HELLO per request.

use std::collections::HashMap;
use std::sync::Arc;

use clasp_gateway::{Bell, Guest, Introduction, Refused};
use clasp_protocol::ErrorCode;
use clasp_router::Router;
use clasp_transport::{batch, clock};
use parking_lot::Mutex;

use crate::client::Client;
use crate::problem::Problem;
use crate::visit::Visit;

/// A session without requests for so long ends.
const IDLE_US_MAX: u64 = 10_000_000;

/// Sessions that wait at once; what would be one more ends.
const WAITING_MAX: usize = 1_024;

/// Sessions of one client that wait at once.
const WAITING_PER_CLIENT_MAX: usize = 8;

/// How sessions of requests call themselves, and their wire.
const NAME: &str = "http";

/// The sessions that wait, by whose they are.
#[derive(Debug)]
pub(crate) struct Lobby {
    router: Arc<Router>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    count: usize,
    /// Of each client the latest last. Its port does not count.
    sessions: HashMap<Client, Vec<Idle>>,
}

/// A session and who wakes it.
#[derive(Debug)]
struct Idle {
    guest: Guest,
    bell: Arc<Bell>,
    since_us: u64,
}

impl Lobby {
    pub(crate) fn new(router: Arc<Router>) -> Arc<Lobby> {
        Arc::new(Lobby { router, waiting: Mutex::default() })
    }

    /// A session for one request: one that waits, or a new one.
    ///
    /// # Errors
    /// The router refuses the client.
    pub(crate) fn enter(self: &Arc<Lobby>, client: &Client) -> Result<Visit, Problem> {
        let whose = key(client);
        while let Some(Idle { guest, bell, .. }) = self.take(&whose) {
            let mut visit = Visit::new(guest, bell, (Arc::clone(self), whose.clone()));
            if visit.is_open() {
                return Ok(visit);
            }
        }
        let opened = match open(&self.router, client, NAME) {
            // Who waits gives way to who has come.
            Err(refused) if refused.is(ErrorCode::ServiceUnavailable) && self.clear() => {
                open(&self.router, client, NAME)
            }
            opened => opened,
        };
        let (guest, bell) = opened?;
        Ok(Visit::new(guest, bell, (Arc::clone(self), whose)))
    }

    fn take(&self, whose: &Client) -> Option<Idle> {
        let mut waiting = self.waiting.lock();
        let sessions = waiting.sessions.get_mut(whose)?;
        let idle = sessions.pop();
        if sessions.is_empty() {
            waiting.sessions.remove(whose);
        }
        waiting.count -= usize::from(idle.is_some());
        idle
    }

    /// Lets a session wait for the client's next request.
    pub(crate) fn leave(&self, guest: Guest, bell: Arc<Bell>, whose: Client) {
        let since_us = clock::now().mono_us;
        let idle = Idle { guest, bell, since_us };
        let mut waiting = self.waiting.lock();
        let full = waiting.count >= WAITING_MAX;
        let sessions = waiting.sessions.entry(whose).or_default();
        let surplus = if !full && sessions.len() < WAITING_PER_CLIENT_MAX {
            sessions.push(idle);
            waiting.count += 1;
            None
        } else {
            Some(idle)
        };
        drop(waiting);
        // Ends outside the lock: it takes those of the router.
        batch(|| drop(surplus));
    }

    /// Ends the sessions that have waited for too long.
    pub(crate) fn sweep(&self) {
        let now_us = clock::now().mono_us;
        self.end(|idle| now_us.saturating_sub(idle.since_us) >= IDLE_US_MAX);
    }

    /// Ends all sessions that wait; whether there was one.
    pub(crate) fn clear(&self) -> bool {
        self.end(|_| true) > 0
    }

    /// How many it has ended.
    fn end(&self, is_over: impl Fn(&Idle) -> bool) -> usize {
        let mut over = Vec::new();
        let mut waiting = self.waiting.lock();
        waiting.sessions.retain(|_, sessions| {
            over.extend(sessions.extract_if(.., |idle| is_over(idle)));
            !sessions.is_empty()
        });
        let count = over.len();
        waiting.count -= count;
        drop(waiting);
        batch(|| drop(over));
        count
    }
}

fn key(client: &Client) -> Client {
    let mut key = client.clone();
    key.remote.set_port(0);
    key
}

/// Opens a session that calls itself so.
///
/// # Errors
/// The router refuses the client.
pub(crate) fn open(
    router: &Arc<Router>,
    client: &Client,
    name: &'static str,
) -> Result<(Guest, Arc<Bell>), Refused> {
    let bell = Bell::new();
    let token = client.token.as_deref();
    let who = Introduction { remote: client.remote, transport: name, name, token };
    let wake = Arc::clone(&bell);
    let guest = batch(|| Guest::enter(router, &who, wake, clock::now()))?;
    Ok((guest, bell))
}

#[cfg(test)]
mod tests {
    use clasp_router::{Config, Ports};

    use super::*;

    fn client(port: u16, token: &str) -> Client {
        Client { remote: ([127, 0, 0, 1], port).into(), token: Some(token.into()) }
    }

    fn lobby(config: Config) -> Arc<Lobby> {
        Lobby::new(Router::new(config, Ports::default()).unwrap())
    }

    #[test]
    fn one_client_after_the_other_has_one_session_whatever_the_connection() {
        let lobby = lobby(Config::default());
        for port in 1..9 {
            drop(lobby.enter(&client(port, "a")).unwrap());
        }
        assert_eq!(lobby.router.session_count(), 1);
        drop(lobby.enter(&client(1, "b")).unwrap());
        assert_eq!(lobby.router.session_count(), 2);
        lobby.clear();
        assert_eq!(lobby.router.session_count(), 0);
    }

    #[test]
    fn who_waits_in_a_full_relay_gives_way() {
        let lobby = lobby(Config { sessions_max: 2, ..Config::default() });
        for token in ["a", "b", "c"] {
            drop(lobby.enter(&client(1, token)).unwrap());
        }
        let visits: Vec<_> = ["a", "b"].map(|token| lobby.enter(&client(1, token)).unwrap()).into();
        assert!(lobby.enter(&client(1, "c")).is_err(), "nobody waits");
        assert_eq!(visits.len(), 2);
    }

    #[test]
    fn no_more_sessions_wait_than_may() {
        let lobby = lobby(Config { sessions_max: 0, ..Config::default() });
        let visits: Vec<_> = (0..20).map(|_| lobby.enter(&client(1, "a")).unwrap()).collect();
        assert_eq!(lobby.router.session_count(), 20);
        drop(visits);
        assert_eq!(lobby.router.session_count(), WAITING_PER_CLIENT_MAX);
        for number in 0..WAITING_MAX + 9 {
            drop(lobby.enter(&client(1, &number.to_string())).unwrap());
        }
        assert_eq!(lobby.router.session_count(), WAITING_MAX);
    }
}
