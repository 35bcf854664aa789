//! Sessions opened one after another, each with one subscription of its own, and left alone.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Meter, Timing};
use crate::figure::{Metric, Sample};
use crate::link::{Link, SocketOptions, source};
use crate::server::Server;
use crate::wire::{Role, Wire};

/// Opening may take so long, plus so long per session.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_PER_SESSION: Duration = Duration::from_millis(3);

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
