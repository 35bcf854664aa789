//! Facts about the process itself, under the names that dashboards expect. What the system does
//! not tell is left out.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clasp_router::metrics::{Family, Kind, Sample};

/// Clock ticks per second in `/proc/self/stat`, fixed by the kernel's interface to programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// `process_*` families; `started` is when the process began.
pub fn families(started: SystemTime) -> Vec<Family> {
    let since_epoch = started.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let mut families = vec![gauge(
        "process_start_time_seconds",
        "When the process started, in seconds since 1970 UTC.",
        since_epoch.as_secs_f64(),
    )];
    families.extend(resident_memory_bytes().map(|bytes| {
        let help = "Memory that the process holds in RAM, in bytes.";
        gauge("process_resident_memory_bytes", help, bytes as f64)
    }));
    families.extend(
        open_fds().map(|fds| gauge("process_open_fds", "Open file descriptors.", fds as f64)),
    );
    families.extend(max_fds().map(|fds| {
        gauge("process_max_fds", "File descriptors that may be open at once.", fds as f64)
    }));
    families.extend(cpu_seconds().map(|seconds| {
        let help = "User and system CPU time spent, in seconds.";
        single(("process_cpu_seconds_total", help), Kind::Counter, seconds)
    }));
    families
}

/// `clasp_build_info`: always 1, the version is in the label.
pub fn build_info(version: &str) -> Family {
    let mut family = gauge("clasp_build_info", "The version that runs, as a label.", 1.0);
    family.samples[0].labels.push(("version", version.to_string()));
    family
}

/// A gauge without labels.
pub(crate) fn gauge(name: &'static str, help: &'static str, value: f64) -> Family {
    single((name, help), Kind::Gauge, value)
}

fn single((name, help): (&'static str, &'static str), kind: Kind, value: f64) -> Family {
    let samples = vec![Sample { suffix: "", labels: Vec::new(), value }];
    Family { name, help, kind, samples }
}

fn resident_memory_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn open_fds() -> Option<u64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?.count() as u64;
    // One of the entries is the descriptor that lists them.
    Some(entries.saturating_sub(1))
}

fn max_fds() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut ticks = after_name.split_whitespace().skip(11).take(2);
    let user: u32 = ticks.next()?.parse().ok()?;
    let system: u32 = ticks.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn number(families: &[Family], name: &str) -> f64 {
        families.iter().find(|family| family.name == name).unwrap().samples[0].value
    }

    #[test]
    fn the_process_is_described() {
        let families = families(UNIX_EPOCH + Duration::from_millis(1_500));
        assert_eq!(number(&families, "process_start_time_seconds"), 1.5);
        assert!(number(&families, "process_resident_memory_bytes") > 100_000.0);
        assert!(number(&families, "process_open_fds") >= 3.0);
        assert!(number(&families, "process_max_fds") >= number(&families, "process_open_fds"));
        assert!(number(&families, "process_cpu_seconds_total") >= 0.0);
    }

    #[test]
    fn every_open_file_is_counted() {
        let files: Vec<_> = (0..50).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        assert!(open_fds().unwrap() >= files.len() as u64);
    }
}
