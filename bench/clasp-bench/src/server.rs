//! A server under test as a child process: started, watched, measured and always killed.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

const READY_MAX: Duration = Duration::from_secs(10);
const READY_PAUSE: Duration = Duration::from_millis(5);
const LOG_LINES_MAX: usize = 200;

/// Children that run now, for the end by a signal.
static RUNNING: Mutex<Vec<i32>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Kills every child that runs; called when the benchmark itself is told to stop.
pub(crate) fn kill_all() {
    for pid in lock(&RUNNING).iter() {
        // A child that is already gone is what is wanted.
        let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
    }
}

/// How a server tells where it listens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Announcement {
    /// A line of its output has these words before the address.
    Line(&'static str),
    /// It was told this address and says nothing.
    Known(SocketAddr),
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    clock: ClockId,
    /// A folder that goes with the server.
    folder: Option<PathBuf>,
}

impl Server {
    /// Starts the command and waits until it listens.
    pub(crate) fn start(
        mut command: Command,
        announcement: Announcement,
        folder: Option<PathBuf>,
    ) -> Result<Server> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().with_context(|| format!("start {program}"))?;
        let pid = i32::try_from(child.id()).context("process id")?;
        lock(&RUNNING).push(pid);
        let log = Log::default();
        log.follow(child.stdout.take());
        log.follow(child.stderr.take());
        let unready = SocketAddr::from(([127, 0, 0, 1], 0));
        // From here on Drop kills the child, whatever goes wrong.
        let mut server = Server { child, address: unready, clock: ClockId::CLOCK_REALTIME, folder };
        server.clock = clock_getcpuclockid(Pid::from_raw(pid)).context("CPU clock")?;
        server.address = server
            .await_ready(announcement, &log)
            .with_context(|| format!("{program} does not get ready; it says:\n{}", log.text()))?;
        Ok(server)
    }

    fn await_ready(&mut self, announcement: Announcement, log: &Log) -> Result<SocketAddr> {
        let deadline = Instant::now() + READY_MAX;
        while Instant::now() < deadline {
            let address = match announcement {
                Announcement::Line(words) => log.address_after(words),
                Announcement::Known(address) => {
                    TcpStream::connect(address).is_ok().then_some(address)
                }
            };
            if let Some(address) = address {
                return Ok(address);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}");
            }
            thread::sleep(READY_PAUSE);
        }
        bail!("nothing within {} s", READY_MAX.as_secs())
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time of all its threads since its start, user and system, to the nanosecond.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        Ok(self.clock.now().context("the server is gone")?.into())
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        parse_resident_bytes(&status).with_context(|| format!("{path} has no VmRSS"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let pid = i32::try_from(self.child.id()).unwrap_or_default();
        lock(&RUNNING).retain(|running| *running != pid);
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn parse_resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The last lines a child has written, and where it said it listens.
#[derive(Debug, Default, Clone)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    /// Reads a pipe to its end, so that the child never has to wait for a reader.
    fn follow(&self, pipe: Option<impl Read + Send + 'static>) {
        let Some(pipe) = pipe else { return };
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let mut lines = lock(&log.0);
                if lines.len() == LOG_LINES_MAX {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        });
    }

    fn address_after(&self, words: &str) -> Option<SocketAddr> {
        lock(&self.0).iter().find_map(|line| parse_address_after(line, words))
    }

    fn text(&self) -> String {
        lock(&self.0).iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

fn parse_address_after(line: &str, words: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once(words)?;
    after.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_word_after_the_announcement() {
        let line = "[7] 2026/01/02 [INF] Listening for client connections on 127.0.0.1:4222";
        let address = parse_address_after(line, "client connections on ").unwrap();
        assert_eq!(address.port(), 4222);
        assert_eq!(parse_address_after("listening on nothing", "listening on "), None);
        assert_eq!(parse_address_after("ready", "listening on "), None);
    }

    #[test]
    fn resident_memory_is_read_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t   20 kB\nVmRSS:\t    1234 kB\nThreads:\t1\n";
        assert_eq!(parse_resident_bytes(status), Some(1234 * 1024));
        assert_eq!(parse_resident_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn a_child_is_measured_and_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo listening on 127.0.0.1:9; while :; do :; done"]);
        let server = Server::start(command, Announcement::Line("listening on "), None).unwrap();
        assert_eq!(server.address().port(), 9);
        let before = server.cpu().unwrap();
        while server.cpu().unwrap() <= before {}
        assert!(server.resident_bytes().unwrap() > 0);
        let pid = Pid::from_raw(server.child.id() as i32);
        drop(server);
        assert!(kill(pid, None).is_err());
    }

    #[test]
    fn a_child_that_ends_is_reported_with_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such flag >&2; sleep 0.1; exit 3"]);
        let error = Server::start(command, Announcement::Line("listening on "), None).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("no such flag") && text.contains('3'), "{text}");
    }
}
