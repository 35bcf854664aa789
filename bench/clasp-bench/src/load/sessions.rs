//! Sessions opened one after another, each with one subscription of its own, and left alone.

use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};

use super::{Meter, Timing};
use crate::figure::{Metric, Sample};
use crate::link::Link;
use crate::server::Server;
use crate::wire::{Role, Wire};

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
        let link = Link::open(server.address(), wire, Role::Subscriber(&topic));
        links.push(link.with_context(|| format!("session {number}"))?);
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
