//! Closed loop: a new message goes out when the last copy of an old one is in.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Meter, Timing};
use crate::figure::{Metric, Sample};
use crate::rig::{Layout, Rig};
use crate::server::Server;
use crate::wire::Wire;

/// A copy that is later than this is lost.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(
    server: &Server,
    wire: &'static dyn Wire,
    (layout, window): (Layout, u64),
    timing: &Timing,
) -> Result<Sample> {
    let mut rig = Rig::open(server.address(), wire, layout)?;
    keep_busy(&mut rig, window, timing, timing.warm)?;
    let (before, copies, start) = (Meter::read(server)?, rig.copies(), Instant::now());
    keep_busy(&mut rig, window, timing, timing.measured)?;
    rig.settle(PATIENCE)?;
    let elapsed = start.elapsed();
    let cpu = before.cpu_since(server)?;
    let growth = before.growth_since(server)?;
    rig.check_no_excess()?;
    let copies = (rig.copies() - copies) as f64;
    let mut sample = Sample::from([
        (Metric::CpuNsPerCopy, cpu.as_nanos() as f64 / copies),
        (Metric::CopiesPerS, copies / elapsed.as_secs_f64()),
    ]);
    if layout.stalled > 0 {
        sample.insert(Metric::GrowthMib, growth / f64::from(1 << 20));
    }
    Ok(sample)
}

fn keep_busy(rig: &mut Rig, window: u64, timing: &Timing, duration: Duration) -> Result<()> {
    let end = Instant::now() + duration;
    let mut progress = Instant::now();
    let mut copies = rig.copies();
    // Even a generator that sleeps has to look at the time.
    let wait = timing.wait.or(Some(Duration::from_millis(50)));
    loop {
        rig.fill(window)?;
        rig.turn(wait, |_, _| {})?;
        let now = Instant::now();
        if rig.copies() > copies {
            (progress, copies) = (now, rig.copies());
        }
        anyhow::ensure!(now - progress < PATIENCE, "no copy came for {} s", PATIENCE.as_secs());
        if now >= end {
            return Ok(());
        }
    }
}
