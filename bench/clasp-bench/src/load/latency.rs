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

/// Messages that go out on time, whatever comes back.
pub(super) struct Pacer {
    rig: Rig,
    schedule: Schedule,
    next: u64,
}

impl Pacer {
    /// Opens the sessions; the first message is due now.
    pub(super) fn open(
        server: &Server,
        wire: &'static dyn Wire,
        (layout, messages_per_s): (Layout, u32),
    ) -> Result<Pacer> {
        let rig = Rig::open(server.address(), wire, layout)?;
        let period = Duration::from_secs(1) / messages_per_s;
        Ok(Pacer { rig, schedule: Schedule { start: Instant::now(), period }, next: 0 })
    }

    /// Sends what is due, up to message `end`, and takes what has come; `arrived` gets the number
    /// of every copy and its latency. Never asleep: waking up would be part of the figure.
    pub(super) fn turn(&mut self, end: u64, mut arrived: impl FnMut(u64, Duration)) -> Result<()> {
        while self.next < end && self.schedule.due(self.next) <= Instant::now() {
            self.next = self.rig.send()? + 1;
        }
        let schedule = &self.schedule;
        self.rig.turn(Some(Duration::ZERO), |sequence, at| {
            arrived(sequence, at.saturating_duration_since(schedule.due(sequence)));
        })
    }

    /// When a message is or was due.
    pub(super) fn due(&self, sequence: u64) -> Instant {
        self.schedule.due(sequence)
    }

    /// The number of the next message.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Goes on until the copies of all messages before `end` have come.
    pub(super) fn finish(
        &mut self,
        end: u64,
        mut arrived: impl FnMut(u64, Duration),
    ) -> Result<()> {
        let deadline = self.schedule.due(end) + PATIENCE;
        while self.next < end || self.rig.is_pending() {
            self.turn(end, &mut arrived)?;
            ensure!(Instant::now() < deadline, "copies are lost or later than {PATIENCE:?}");
        }
        Ok(())
    }
}

pub(super) fn run(
    server: &Server,
    wire: &'static dyn Wire,
    (layout, messages_per_s): (Layout, u32),
    timing: &Timing,
) -> Result<Sample> {
    let mut pacer = Pacer::open(server, wire, (layout, messages_per_s))?;
    let count = |duration: Duration| (duration.as_secs_f64() * f64::from(messages_per_s)) as u64;
    let warm = count(timing.warm);
    let total = warm + count(timing.measured_latency);
    pacer.finish(warm, |_, _| {})?;
    let before = Meter::read(server)?;
    let mut latencies = Vec::with_capacity((total - warm) as usize * layout.subscribers_each);
    pacer.finish(total, |_, latency| latencies.push(latency))?;
    let cpu = before.cpu_since(server)?;
    pacer.rig.check_no_excess()?;
    let copies = latencies.len() as f64;
    let us = percentiles_us(&latencies);
    Ok(Sample::from([
        (Metric::P50Us, us(0.5)),
        (Metric::P99Us, us(0.99)),
        (Metric::P999Us, us(0.999)),
        (Metric::CpuNsPerCopy, cpu.as_nanos() as f64 / copies),
    ]))
}

/// Gives the latency that a share of the copies does not exceed, in microseconds.
pub(super) fn percentiles_us(latencies: &[Duration]) -> impl Fn(f64) -> f64 + use<> {
    let mut nanos: Vec<_> = latencies.iter().map(|latency| latency.as_nanos() as u64).collect();
    nanos.sort_unstable();
    move |share| percentile(&nanos, share).unwrap_or_default() as f64 / 1e3
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
