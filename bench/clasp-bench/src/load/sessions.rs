//! Sessions opened one after another, each with one subscription of its own, and left alone.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Meter, Timing};
use crate::figure::{Metric, Sample};
use crate::link::{Link, SocketOptions};
use crate::server::Server;
use crate::wire::{Role, Wire};

/// Opening may take so long, plus so long per session.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_PER_SESSION: Duration = Duration::from_millis(3);
/// Beyond some 14,000 connections from one address to another the kernel searches long for a
/// free port, which would count as the server's slowness.
const SESSIONS_PER_SOURCE: u32 = 5_000;

/// The loopback address to connect from; `None` is the usual one.
fn source(number: u32) -> Option<Ipv4Addr> {
    let index = u8::try_from(number / SESSIONS_PER_SOURCE).ok()?;
    (index > 0).then(|| Ipv4Addr::new(127, 0, 0, 1 + index))
}

pub(super) fn run(
    server: &Server,
    wire: &'static dyn Wire,
    count: u32,
    timing: &Timing,
) -> Result<Sample> {
    let before = Meter::read(server)?;
    let mut links = Vec::with_capacity(count as usize);
    let start = Instant::now();
    for number in 0..count {
        let topic = format!("/bench/idle/{number}");
        let spin = timing.wait == Some(Duration::ZERO);
        let options = SocketOptions { source: source(number), spin, receive_bytes: None };
        let link = Link::connect(server.address(), options)
            .and_then(|link| link.greet(wire, Role::Subscriber(&topic)));
        links.push(link.with_context(|| format!("session {number}"))?);
        let elapsed = start.elapsed();
        let patience = PATIENCE + PATIENCE_PER_SESSION * number;
        ensure!(elapsed < patience, "only {} sessions in {elapsed:.1?}", number + 1);
    }
    let elapsed = start.elapsed();
    let cpu = before.cpu_since(server)?;
    thread::sleep(timing.rest);
    let growth = before.growth_since(server)?;
    Ok(Sample::from([
        (Metric::BytesPerSession, growth / f64::from(count)),
        (Metric::OpenMs, elapsed.as_secs_f64() * 1e3),
        (Metric::CpuUsPerOpen, cpu.as_secs_f64() * 1e6 / f64::from(count)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sessions_come_from_the_usual_address() {
        assert_eq!(source(0), None);
        assert_eq!(source(SESSIONS_PER_SOURCE - 1), None);
        assert_eq!(source(SESSIONS_PER_SOURCE), Some(Ipv4Addr::new(127, 0, 0, 2)));
        assert_eq!(source(14_999), Some(Ipv4Addr::new(127, 0, 0, 3)));
    }
}
