//! What clients do over and over does not make the router grow (routing.md 4.5, 4.6, 5.2).
//!
//! Looks at the memory of the process, so everything is one test, and other systems have none.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use clasp_protocol::message::{Phase, Ttl};
use clasp_router::{Config, Connection, Framing, LinkInfo, Manners, Now, Ports, Router, Wake};
use support::*;

/// Growth that the allocator may cause by itself.
const NOISE_BYTES: usize = 2 << 20;

struct Deaf;

impl Wake for Deaf {
    fn wake(self: Arc<Self>) {}
}

/// A router and its clock.
struct Scene {
    router: Arc<Router>,
    now: Now,
}

impl Scene {
    fn new(change: impl FnOnce(&mut Config)) -> Scene {
        let mut config = Config::default();
        change(&mut config);
        let router = Router::new(config, Ports::default()).unwrap();
        Scene { router, now: Now::new(1_750_000_000_000_000, 1_000_000) }
    }

    fn join(&self) -> Connection {
        let remote = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let link = LinkInfo {
            framing: Framing::Bare,
            remote,
            transport: "memory",
            manners: Manners::Clasp,
        };
        let mut connection = self.router.connect(link, Arc::new(Deaf), self.now);
        self.send(&mut connection, &hello());
        connection
    }

    fn send(&self, connection: &mut Connection, sent: &Sent) {
        connection.receive(&sent.frame(false), self.now);
        let mut bytes = Vec::new();
        while connection.outbox().take(&mut bytes) == clasp_router::Taken::Bytes {
            bytes.clear();
        }
    }

    fn pass_ms(&mut self, ms: u64) {
        self.now = Now::new(self.now.unix_us + ms * 1_000, self.now.mono_us + ms * 1_000);
        self.router.tick(self.now);
    }
}

/// Bytes of the process that are in memory.
fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// Runs `round` until everything has its final size, and then until it has shown whether it grows.
fn does_not_grow(what: &str, (first, rounds): (usize, usize), mut round: impl FnMut(usize)) {
    (0..first).for_each(&mut round);
    let before = resident_bytes();
    (first..first + rounds).for_each(&mut round);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < NOISE_BYTES, "{what}: {grown} bytes more after {rounds} rounds");
}

/// The router's part of a session that has one subscription and nothing to hear: its own record,
/// its queue, and its places in tables.
const IDLE_SESSION_BYTES: usize = 1_024;

fn sessions_that_only_listen() {
    const SESSIONS: usize = 20_000;
    let scene = Scene::new(|config| config.sessions_max = 0);
    let mut sessions = Vec::with_capacity(SESSIONS);
    let before = resident_bytes();
    for number in 0..SESSIONS {
        let mut session = scene.join();
        scene.send(&mut session, &subscribe(1, &format!("/x/{number}")));
        assert!(session.established());
        sessions.push(session);
    }
    let each = (resident_bytes() - before) / SESSIONS;
    assert!(each <= IDLE_SESSION_BYTES, "an idle session takes {each} bytes");
}

fn lifetimes_that_change() {
    let scene = Scene::new(|_| {});
    let mut a = scene.join();
    let long = set("/x", 1).ttl(Ttl::Sliding(3_600)).fire();
    let never = set("/x", 1).ttl(Ttl::Never).fire();
    does_not_grow("lifetimes of one param", (1_000, 160_000), |_| {
        scene.send(&mut a, &never);
        scene.send(&mut a, &long);
    });
}

fn addresses_at_the_limit() {
    let scene = Scene::new(|config| {
        config.params.count_max = 2_000;
        config.params.created_per_session_max = 0;
        config.params.tombstones_max = 1_000;
    });
    let mut a = scene.join();
    does_not_grow("new addresses in a full store", (80_000, 160_000), |round| {
        scene.send(&mut a, &set(&format!("/x/{round}"), 1).fire());
    });
    let mut b = scene.join();
    scene.send(&mut b, &subscribe(1, "/nothing/**"));
    does_not_grow("signals at new addresses", (80_000, 40_000), |round| {
        scene.send(&mut a, &event(&format!("/e/{round}"), 1));
    });
}

fn sessions_that_come_and_go() {
    let mut scene = Scene::new(|_| {});
    let mut a = scene.join();
    does_not_grow("sessions", (500, 4_000), |round| {
        let mut b = scene.join();
        for id in 0..5 {
            let pattern = format!("/x/{round}/{id}/*");
            scene.send(&mut b, &subscribe(id, &pattern).max_rate(1));
        }
        scene.send(&mut a, &set("/x/1/1/1", 1).fire());
        scene.send(&mut b, &set("/locked", 1).lock());
        scene.send(&mut b, &gesture("/pen", 1, Phase::Start, 1));
        scene.send(&mut b, &gesture("/pen", 1, Phase::Move, 1));
        scene.send(&mut b, &gesture("/pen", 1, Phase::Move, 2));
        scene.send(&mut b, &event("/clasp/p2p/announce", 1));
        drop(b);
        scene.pass_ms(20);
    });
}

fn a_client_that_never_reads() {
    let mut scene = Scene::new(|config| {
        config.outbox.slow_consumer_s = 1_000_000;
        config.outbox.hard_bytes_max = 1 << 20;
    });
    let mut a = scene.join();
    let mut b = scene.join();
    b.receive(&subscribe(1, "/**").frame(false), scene.now);
    does_not_grow("a client that never reads", (10_000, 30_000), |round| {
        scene.send(&mut a, &set(&format!("/x/{}", round % 50), "some text").fire());
        scene.send(&mut a, &stream(&format!("/s/{}", round % 50), 1.5));
        scene.send(&mut a, &event("/e", "some text"));
        if round % 100 == 0 {
            scene.pass_ms(100);
        }
    });
}

fn a_client_that_reads_now_and_then() {
    let mut scene = Scene::new(|config| config.outbox.soft_frames_max = 4);
    let mut a = scene.join();
    let mut b = scene.join();
    scene.send(&mut b, &subscribe(1, "/**"));
    does_not_grow("a client that reads now and then", (1_000, 15_000), |round| {
        for _ in 0..8 {
            scene.send(&mut a, &event("/e", 1));
        }
        if round % 2 == 0 {
            scene.send(&mut b, &ping());
        }
        if round % 1_000 == 0 {
            scene.pass_ms(1_000);
        }
    });
}

#[test]
fn nothing_that_clients_repeat_makes_the_router_grow() {
    sessions_that_only_listen();
    lifetimes_that_change();
    addresses_at_the_limit();
    sessions_that_come_and_go();
    a_client_that_never_reads();
    a_client_that_reads_now_and_then();
}
