//! Sessions that do nothing: how many until the memory is used.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::crowd::Crowd;
use super::{Bench, Bound};
use crate::server::Server;

/// Sessions between two looks at the memory.
const STEP: usize = 1_000;
/// How long the full house is left alone and watched: once the time between the relay's pings.
const WATCH: Duration = Duration::from_secs(30);

/// What was found.
#[derive(Debug)]
pub(super) struct Idle {
    sessions: usize,
    bound: Bound,
    /// Memory of the process without sessions.
    base_bytes: u64,
    /// Memory of each session, in the process.
    process_bytes: f64,
    /// Memory of each session's socket, in the kernel.
    kernel_bytes: f64,
    /// CPU for opening a session, with upgrade, HELLO and a subscription.
    open_cpu: Duration,
    /// Share of the core that pings take when all are there.
    cpu_share: f64,
}

pub(super) fn run(bench: &Bench) -> Result<Idle> {
    let server = bench.start()?;
    let mut crowd = Crowd::new(server.address())?;
    // What the process grows by for the first sessions is not repeated.
    crowd.grow(STEP, bench.sessions_max())?;
    let first = Used::read(&server)?;
    let bound = fill(bench, &server, &mut crowd, &first)?;
    let full = Used::read(&server)?;
    let watched = Instant::now();
    while watched.elapsed() < WATCH {
        crowd.turn(Some(Duration::from_millis(100)), |_| {})?;
    }
    let cpu_share = (server.cpu()? - full.cpu).as_secs_f64() / watched.elapsed().as_secs_f64();
    let more = crowd.len() - STEP;
    ensure!(more > 0, "this machine allows too few open files to say anything");
    let each = |all: u64, before: u64| all.saturating_sub(before) as f64 / more as f64;
    let process_bytes = each(full.process_bytes, first.process_bytes);
    Ok(Idle {
        sessions: crowd.len(),
        bound,
        base_bytes: first.process_bytes - (process_bytes * STEP as f64) as u64,
        process_bytes,
        kernel_bytes: each(full.kernel_bytes, first.kernel_bytes),
        open_cpu: (full.cpu - first.cpu) / u32::try_from(more)?,
        cpu_share,
    })
}

/// Opens sessions until something is used up.
fn fill(bench: &Bench, server: &Server, crowd: &mut Crowd, first: &Used) -> Result<Bound> {
    loop {
        let left = bench.sessions_max() - crowd.len();
        if left < STEP {
            return Ok(Bound::Files);
        }
        crowd.grow(STEP, bench.sessions_max())?;
        let used = Used::read(server)?;
        let kernel = used.kernel_bytes.saturating_sub(first.kernel_bytes);
        if used.process_bytes + kernel > bench.memory_bytes {
            return Ok(Bound::Memory);
        }
    }
}

/// What the relay has used.
struct Used {
    process_bytes: u64,
    /// Of the kernel as a whole, the relay's half of what connections within this machine take.
    kernel_bytes: u64,
    cpu: Duration,
}

impl Used {
    fn read(server: &Server) -> Result<Used> {
        let path = "/proc/meminfo";
        let meminfo = fs::read_to_string(path).with_context(|| format!("read {path}"))?;
        let slab = slab_bytes(&meminfo).with_context(|| format!("{path} has no Slab"))?;
        Ok(Used {
            process_bytes: server.resident_bytes()?,
            kernel_bytes: slab / 2,
            cpu: server.cpu()?,
        })
    }
}

fn slab_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("Slab:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

impl Idle {
    /// Sessions for which the memory would do.
    fn room(&self, memory_bytes: u64) -> f64 {
        let each = self.process_bytes + self.kernel_bytes;
        memory_bytes.saturating_sub(self.base_bytes) as f64 / each
    }

    pub(super) fn page(&self, bench: &Bench) -> String {
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        let used = self.base_bytes as f64 + self.process_bytes * self.sessions as f64;
        format!(
            "Idle sessions: {} were open, bound by {}\n\
             process without sessions: {:.1} MiB, with them: {:.1} MiB\n\
             each session: {:.0} bytes in the process, {:.0} bytes in the kernel\n\
             room in {:.0} MiB: {:.0} sessions\n\
             opening one: {:.0} us of CPU; pings to all: {:.1} % of the core\n",
            self.sessions,
            self.bound.text(),
            mib(self.base_bytes as f64),
            mib(used),
            self.process_bytes,
            self.kernel_bytes,
            mib(bench.memory_bytes as f64),
            self.room(bench.memory_bytes),
            self.open_cpu.as_secs_f64() * 1e6,
            self.cpu_share * 100.0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_memory_is_read_in_bytes() {
        assert_eq!(
            slab_bytes("MemTotal: 9 kB\nSlab:   120 kB\nSReclaimable: 1 kB\n"),
            Some(122_880)
        );
        assert_eq!(slab_bytes("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn room_is_what_the_process_itself_leaves() {
        let idle = Idle {
            sessions: 10,
            bound: Bound::Files,
            base_bytes: 1_000,
            process_bytes: 30.0,
            kernel_bytes: 10.0,
            open_cpu: Duration::ZERO,
            cpu_share: 0.0,
        };
        assert!((idle.room(5_000) - 100.0).abs() < 1e-9);
        assert!(idle.room(500).abs() < 1e-9);
    }
}
