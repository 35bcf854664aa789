//! The machine: what it is, how many files a process may open, which core does what.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

/// What a reader has to know to judge the figures.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Machine {
    /// Processor, with its number of cores.
    pub(crate) processor: String,
    /// Main memory in GiB.
    pub(crate) memory_gib: u64,
    /// Distribution and kernel.
    pub(crate) system: String,
    /// Load average over one minute when the run began.
    pub(crate) load_at_start: f64,
    /// The day of the run in UTC.
    pub(crate) day: String,
}

impl Machine {
    /// Reads `/proc` and `/etc/os-release`.
    pub(crate) fn describe() -> Machine {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let field = |name: &str| {
            let mut lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
        };
        let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
        let model = field("model name").unwrap_or_else(|| "unknown processor".into());
        let guest = field("flags").is_some_and(|flags| flags.contains("hypervisor"));
        let place = if guest { ", virtual machine" } else { "" };
        let release = read("/etc/os-release");
        let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        Machine {
            processor: format!("{model}, {cores} cores{place}"),
            memory_gib: memory_gib(&read("/proc/meminfo")),
            system: format!(
                "{}, Linux {}",
                name.unwrap_or("unknown system").trim_matches('"'),
                read("/proc/sys/kernel/osrelease").trim()
            ),
            load_at_start: load_average(&read("/proc/loadavg")),
            day: today(),
        }
    }
}

fn today() -> String {
    let output = Command::new("date").args(["-u", "+%F"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "an unknown day".into())
}

fn memory_gib(meminfo: &str) -> u64 {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse().ok());
    let kib: u64 = kib.unwrap_or_default();
    kib.div_ceil(1024 * 1024)
}

fn load_average(loadavg: &str) -> f64 {
    loadavg.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// Raises the limit on open files as far as allowed and returns it; children inherit it.
pub(crate) fn raise_files_max() -> Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("read the limit on open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raise the limit on open files")?;
    Ok(hard)
}

/// Which cores belong to the servers and which to the load generator.
#[derive(Debug, Clone)]
pub(crate) struct Cores {
    servers: CpuSet,
    generator: CpuSet,
}

impl Cores {
    /// The last core for the generator, the others for the servers; `None` on a single core.
    pub(crate) fn split() -> Result<Option<Cores>> {
        let all = sched_getaffinity(Pid::from_raw(0)).context("read the cores to run on")?;
        let cores: Vec<usize> =
            (0..CpuSet::count()).filter(|core| all.is_set(*core).unwrap_or(false)).collect();
        let Some((last, others @ [_, ..])) = cores.split_last() else { return Ok(None) };
        let (mut servers, mut generator) = (CpuSet::new(), CpuSet::new());
        generator.set(*last)?;
        for core in others {
            servers.set(*core)?;
        }
        Ok(Some(Cores { servers, generator }))
    }

    /// One core for a server and another for the generator; `None` on a single core.
    pub(crate) fn pair() -> Result<Option<Cores>> {
        let all = sched_getaffinity(Pid::from_raw(0)).context("read the cores to run on")?;
        let cores = (0..CpuSet::count()).filter(|core| all.is_set(*core).unwrap_or(false));
        let [first, second] = cores.take(2).collect::<Vec<_>>()[..] else { return Ok(None) };
        let (mut servers, mut generator) = (CpuSet::new(), CpuSet::new());
        servers.set(first)?;
        generator.set(second)?;
        Ok(Some(Cores { servers, generator }))
    }

    /// Children started from now on run on the cores of the servers.
    pub(crate) fn for_servers(&self) -> Result<()> {
        sched_setaffinity(Pid::from_raw(0), &self.servers).context("move to the servers' cores")
    }

    /// This thread runs on the core of the generator.
    pub(crate) fn for_generator(&self) -> Result<()> {
        sched_setaffinity(Pid::from_raw(0), &self.generator).context("move to the generator's core")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read() {
        assert_eq!(memory_gib("MemTotal:       24573440 kB\nMemFree: 1 kB\n"), 24);
        assert!((load_average("0.52 0.58 0.59 1/200 4242\n") - 0.52).abs() < 1e-9);
        assert_eq!(memory_gib(""), 0);
    }

    #[test]
    fn generator_and_servers_share_no_core() {
        if let Some(cores) = Cores::split().unwrap() {
            for core in 0..CpuSet::count() {
                let both = [&cores.servers, &cores.generator]
                    .iter()
                    .all(|set| set.is_set(core).unwrap_or(false));
                assert!(!both, "core {core}");
            }
        }
    }
}
