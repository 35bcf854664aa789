//! A relay process on free ports, its log as events, and what it leaves behind.

use std::ffi::OsStr;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long anything may take before it counts as never happening.
const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for `event`; panics with `what` when it does not come.
pub(crate) async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    let Ok(outcome) = tokio::time::timeout(DEADLINE, event).await else {
        panic!("waited in vain: {what}");
    };
    outcome
}

/// The executable with a clean environment.
fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clasp-relay"));
    command
        .args(arguments)
        .env_clear()
        .env("CLASP_CONFIG", "none")
        .envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs the executable to its end.
pub(crate) async fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let output = soon("the end of the process", command(arguments, environment).output()).await;
    Ended::new(output.unwrap())
}

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let Output { status, stdout, stderr } = output;
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// A running relay; killed when dropped.
pub(crate) struct Relay {
    child: Child,
    log: Log,
    pub(crate) address: SocketAddr,
}

impl Relay {
    /// Starts a relay on a free loopback port and waits until it is ready.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        Self::start_in(arguments, &[]).await
    }

    /// Like [`Self::start`], with environment variables.
    pub(crate) async fn start_in(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn(arguments, |command| command.envs(environment.iter().copied())).await
    }

    /// Like [`Self::start`], in another working directory.
    pub(crate) async fn start_at(directory: &Path, arguments: &[&str]) -> Self {
        Self::spawn(arguments, |command| command.current_dir(directory)).await
    }

    /// Starts a relay without a WebSocket port; the address is that of the door with this scheme.
    pub(crate) async fn start_without_websocket(arguments: &[&str], scheme: &str) -> Self {
        let arguments = [&["--no-websocket"], arguments].concat();
        Self::spawn_at(&arguments, |command| command, &format!("{scheme}://")).await
    }

    async fn spawn(arguments: &[&str], change: impl Fn(&mut Command) -> &mut Command) -> Self {
        Self::spawn_at(arguments, change, "listening on ").await
    }

    async fn spawn_at(
        arguments: &[&str],
        change: impl Fn(&mut Command) -> &mut Command,
        before: &str,
    ) -> Self {
        let unless_given = |option: [&'static str; 2]| {
            let given = arguments.contains(&option[0]);
            if given { Vec::new() } else { option.to_vec() }
        };
        let port = unless_given(["--ws-port", "0"]);
        let host = unless_given(["--host", "127.0.0.1"]);
        let arguments = [&port[..], &host[..], arguments].concat();
        let mut child = change(&mut command(&arguments, &[])).spawn().unwrap();
        let log = Log::new(child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let line = log.line_with(before).await;
        let address = address_after(&line, before);
        log.line_with("accepting connections").await;
        Self { child, log, address }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    /// The log so far and to come.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Closes the pipes of both output streams and waits for the relay's exit code after SIGTERM.
    pub(crate) async fn stop_unheard(self, meanwhile: impl Future<Output = ()>) -> Option<i32> {
        let Self { mut child, log, .. } = self;
        log.close().await;
        meanwhile.await;
        signal(child.id().expect("the process runs"), "TERM").await;
        soon("the end of the relay", child.wait()).await.unwrap().code()
    }

    /// Where the page called `name` in the log listens.
    pub(crate) async fn page(&self, name: &str) -> SocketAddr {
        let before = format!("{name}: http://");
        address_after(&self.log.line_with(&before).await, &before)
    }

    /// Where the door listens that the log names with this scheme, such as `TCP: tcp`.
    pub(crate) async fn door(&self, scheme: &str) -> SocketAddr {
        let before = format!("{scheme}://");
        address_after(&self.log.line_with(&before).await, &before)
    }

    /// Sends a signal by its name.
    pub(crate) async fn signal(&self, name: &str) {
        signal(self.id(), name).await;
    }

    /// How many files it may have open from now on; those that are open stay.
    pub(crate) async fn limit_files(&self, count: u32) {
        let (id, limit) = (self.id().to_string(), format!("--nofile={count}:"));
        let limited = Command::new("prlimit").args(["--pid", &id, &limit]).status().await;
        assert!(limited.unwrap().success());
    }

    /// Waits for the end; the exit code and the whole log.
    pub(crate) async fn end(mut self) -> (Option<i32>, Vec<String>) {
        let status = soon("the end of the relay", self.child.wait()).await.unwrap();
        (status.code(), self.log.whole().await)
    }

    /// Stops with SIGTERM; the exit code and the whole log.
    pub(crate) async fn stop(self) -> (Option<i32>, Vec<String>) {
        self.signal("TERM").await;
        self.end().await
    }
}

/// A relay whose log was read until it was ready and is not read any more, though its pipe is open.
pub(crate) struct Unread {
    child: Child,
    pub(crate) address: SocketAddr,
    _stdout: BufReader<ChildStdout>,
}

impl Unread {
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let arguments = [&["--ws-port", "0", "--host", "127.0.0.1"], arguments].concat();
        let mut child = command(&arguments, &[]).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut log = String::new();
        while !log.contains("accepting connections") {
            let more = soon("a log line", stdout.read_line(&mut log)).await.unwrap();
            assert_ne!(more, 0, "the relay ended: {log}");
        }
        let line = log.lines().find(|line| line.contains("listening on ")).unwrap();
        Self { child, address: address_after(line, "listening on "), _stdout: stdout }
    }

    /// The exit code after SIGTERM.
    pub(crate) async fn stop(mut self) -> Option<i32> {
        signal(self.child.id().expect("the process runs"), "TERM").await;
        soon("the end of the relay", self.child.wait()).await.unwrap().code()
    }
}

async fn signal(id: u32, name: &str) {
    let id = id.to_string();
    let sent = Command::new("sh").args(["-c", "kill -s $0 $1", name, &id]).status().await;
    assert!(sent.unwrap().success());
}

fn address_after(line: &str, before: &str) -> SocketAddr {
    let (_, after) = line.split_once(before).unwrap();
    let end = after.find(|c: char| !c.is_ascii_hexdigit() && !".:[]".contains(c));
    after[..end.unwrap_or(after.len())].parse().unwrap()
}

/// The lines of both output streams as they come.
#[derive(Debug)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    /// Closed when both streams have ended.
    grown: watch::Receiver<()>,
    /// Reading, one task for each stream.
    readers: JoinSet<()>,
}

impl Log {
    fn new(
        stdout: impl AsyncRead + Unpin + Send + 'static,
        stderr: impl AsyncRead + Unpin + Send + 'static,
    ) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (grow, grown) = watch::channel(());
        let mut readers = JoinSet::new();
        readers.spawn(collect(stdout, Arc::clone(&lines), grow.clone()));
        readers.spawn(collect(stderr, Arc::clone(&lines), grow));
        Self { lines, grown, readers }
    }

    /// The first line that contains `text`, now or later.
    pub(crate) async fn line_with(&self, text: &str) -> String {
        self.nth_line_with(1, text).await
    }

    /// The line that contains `text` for the `nth` time, counted from 1, now or later.
    pub(crate) async fn nth_line_with(&self, nth: usize, text: &str) -> String {
        let mut grown = self.grown.clone();
        let search = async {
            loop {
                grown.mark_unchanged();
                let mut found = self.lines().into_iter().filter(|line| line.contains(text));
                if let Some(line) = found.nth(nth - 1) {
                    return line;
                }
                let goes_on = grown.changed().await.is_ok();
                assert!(goes_on, "the log ended without {text:?}: {:#?}", self.lines());
            }
        };
        soon(text, search).await
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    async fn close(mut self) {
        self.readers.shutdown().await;
    }

    async fn whole(&self) -> Vec<String> {
        let mut grown = self.grown.clone();
        soon("the end of the log", async { while grown.changed().await.is_ok() {} }).await;
        self.lines()
    }
}

async fn collect(
    stream: impl AsyncRead + Unpin,
    lines: Arc<Mutex<Vec<String>>>,
    grow: watch::Sender<()>,
) {
    let mut stream = BufReader::new(stream).lines();
    while let Ok(Some(line)) = stream.next_line().await {
        lines.lock().unwrap().push(line);
        grow.send_replace(());
    }
}

/// Whether any of `lines` contains `text`.
pub(crate) fn any_with(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

/// Raises this process's limit of open files; the sockets that a test may then open.
pub(crate) fn sockets(wanted: usize) -> usize {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let spare = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(500);
    wanted.min(spare)
}

/// The arguments of a shell, for tests that need a pipe or a redirection.
pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(OsStr::new(env!("CARGO_BIN_EXE_clasp-relay")));
    command.env_clear().kill_on_drop(true);
    command
}
