//! Open loop: each message has its time on a schedule, and latency counts from that time even if
//! the message went out late, so that a slow server cannot hide behind a waiting generator.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Meter, Timing};
use crate::figure::{Metric, Sample};
use crate::rig::{Layout, Rig};
use crate::server::Server;
use crate::stats::percentile;
use crate::wire::Wire;

const PATIENCE: Duration = Duration::from_secs(5);

/// When each message is due.
struct Schedule {
    start: Instant,
    period: Duration,
}

impl Schedule {
    fn due(&self, sequence: u64) -> Instant {
        let nanos = self.period.as_nanos() as u64 * sequence;
        self.start + Duration::from_nanos(nanos)
    }
}

pub(super) fn run(
    server: &Server,
    wire: &'static dyn Wire,
    (layout, messages_per_s): (Layout, u32),
    timing: &Timing,
) -> Result<Sample> {
    let mut rig = Rig::open(server.address(), wire, layout)?;
    let count = |duration: Duration| (duration.as_secs_f64() * f64::from(messages_per_s)) as u64;
    let warm = count(timing.warm);
    let total = warm + count(timing.measured_latency);
    let schedule =
        Schedule { start: Instant::now(), period: Duration::from_secs(1) / messages_per_s };
    let deadline = schedule.due(total) + PATIENCE;
    let mut latencies_ns = Vec::with_capacity((total - warm) as usize * layout.subscribers_each);
    let mut before = Meter::read(server)?;
    let mut next = 0;
    while next < total || rig.is_pending() {
        while next < total && schedule.due(next) <= Instant::now() {
            if next == warm {
                before = Meter::read(server)?;
            }
            next = rig.send()? + 1;
        }
        // Never asleep: waking up would be part of the figure.
        rig.turn(Some(Duration::ZERO), |sequence, at| {
            if sequence >= warm {
                let latency = at.saturating_duration_since(schedule.due(sequence));
                latencies_ns.push(latency.as_nanos() as u64);
            }
        })?;
        ensure!(Instant::now() < deadline, "copies are lost or later than {PATIENCE:?}");
    }
    let cpu = before.cpu_since(server)?;
    rig.check_no_excess()?;
    latencies_ns.sort_unstable();
    let us = |share| percentile(&latencies_ns, share).unwrap_or_default() as f64 / 1e3;
    Ok(Sample::from([
        (Metric::P50Us, us(0.5)),
        (Metric::P99Us, us(0.99)),
        (Metric::P999Us, us(0.999)),
        (Metric::CpuNsPerCopy, cpu.as_nanos() as f64 / latencies_ns.len() as f64),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_does_not_drift() {
        let schedule = Schedule { start: Instant::now(), period: Duration::from_micros(500) };
        assert_eq!(schedule.due(0), schedule.start);
        assert_eq!(schedule.due(2_000) - schedule.start, Duration::from_secs(1));
    }
}
