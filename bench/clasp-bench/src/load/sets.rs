//! SETs that nobody listens to, from several sessions, over a given number of addresses in turn.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Meter, Timing};
use crate::figure::{Metric, Sample};
use crate::link::{Link, SocketOptions};
use crate::server::Server;
use crate::wire::{Kind, Role, Template, Wire};

/// Enough that no session creates more params than a relay allows it.
const SESSIONS: usize = 20;
/// SETs of a session before it waits for the answer to a ping.
const SETS_PER_PING: usize = 100;

/// A session and its share of the addresses.
struct Setter {
    link: Link,
    templates: Vec<Template>,
    next: usize,
}

impl Setter {
    /// Sends the next SETs of its round and a ping behind them.
    fn send(&mut self, wire: &dyn Wire, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        for _ in 0..SETS_PER_PING {
            self.templates[self.next % self.templates.len()].append(self.next as u64, out);
            self.next += 1;
        }
        out.extend(wire.ping());
        self.link.send(out)
    }
}

pub(super) fn run(
    server: &Server,
    wire: &'static dyn Wire,
    addresses: usize,
    timing: &Timing,
) -> Result<Sample> {
    let spin = timing.wait == Some(Duration::ZERO);
    let options = SocketOptions { spin, ..SocketOptions::default() };
    let mut setters = Vec::with_capacity(SESSIONS);
    for session in 0..SESSIONS {
        let topic = |number: usize| format!("/sets/{session}/zone-{number}/dimmer");
        let link = Link::connect(server.address(), options)?;
        let link = link.greet(wire, Role::Publisher(&topic(0)))?;
        let share = 0..addresses / SESSIONS;
        let templates = share.map(|number| wire.message(&topic(number), Kind::Set, 8)).collect();
        setters.push(Setter { link, templates, next: 0 });
    }
    let mut out = Vec::new();
    // Every address once, so that all of them are there, or have been.
    while setters[0].next < setters[0].templates.len() {
        round(&mut setters, wire, &mut out)?;
    }
    let end = Instant::now() + timing.warm;
    while Instant::now() < end {
        round(&mut setters, wire, &mut out)?;
    }
    let (before, start) = (Meter::read(server)?, Instant::now());
    let mut sets = 0;
    while start.elapsed() < timing.measured {
        sets += round(&mut setters, wire, &mut out)?;
    }
    let elapsed = start.elapsed();
    let cpu = before.cpu_since(server)?;
    Ok(Sample::from([
        (Metric::SetsPerS, sets as f64 / elapsed.as_secs_f64()),
        (Metric::CpuNsPerSet, cpu.as_nanos() as f64 / sets as f64),
    ]))
}

/// Lets every session send and get its answer; how many SETs that were. A refusal is an error.
fn round(setters: &mut [Setter], wire: &dyn Wire, out: &mut Vec<u8>) -> Result<usize> {
    for setter in setters.iter_mut() {
        setter.send(wire, out)?;
    }
    for setter in setters.iter_mut() {
        setter.link.await_pong(wire)?;
    }
    Ok(setters.len() * SETS_PER_PING)
}
