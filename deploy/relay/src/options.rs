//! Everything an operator may choose, in sections. Flag, environment variable, default and help
//! text of an option stand in one place, here.

#![allow(rustdoc::bare_urls, reason = "the documentation is the help text")]

mod app;
mod auth;
mod command;
mod config;
mod discovery;
mod gate;
mod oscquery;
mod pages;
mod quic;
mod rendezvous;
mod storage;
mod tcp;
mod tls;
mod tokens;
mod units;

pub use app::{AppOptions, CheckOptions};
pub use auth::{AuthOptions, AuthPlace};
pub use command::{
    BackupOptions, Command, CompactOptions, ExportOptions, FileOptions, JournalCommand,
    JournalFile, StatsOptions, StorageCommand,
};
pub use config::ConfigOptions;
pub use discovery::{DiscoveryOptions, Mdns, PortChoice};
pub use gate::GateOptions;
pub use oscquery::OscQueryOptions;
pub use pages::{CompletionOptions, ManualOptions};
pub use quic::QuicOptions;
pub use rendezvous::RendezvousOptions;
pub use storage::{JournalBackend, JournalSync, RetentionOptions, StorageOptions, below};
pub use tcp::TcpOptions;
pub use tls::TlsOptions;
pub use tokens::{JwtOptions, TokenOptions};
pub use units::{Bytes, Seconds};

use std::net::SocketAddr;
use std::str::FromStr;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, ValueEnum};
use tokio::net::TcpListener;

use crate::host::Host;
use crate::inherited::Inherited;
use crate::relay::StartError;

const EXAMPLES: &str = "\
Examples:
  clasp-relay                                      listen on 0.0.0.0:7330
  clasp-relay -p 8080 --host 127.0.0.1 -v          another port, this machine only, all details
  clasp-relay --health-port 7331 --metrics-port 9090
  clasp-relay --cert fullchain.pem --key privkey.pem
  clasp-relay --data-dir /var/lib/clasp --journal journal.db --persist state.db
  CLASP_MAX_SESSIONS=5000 clasp-relay              any option by the environment
  clasp-relay --config relay.toml --print-config   any option by a file, and what holds then
  clasp-relay --app-config chat.json               with the rules of an application
  clasp-relay check-config chat.json               what these rules grant
  clasp-relay backup nightly.clasp --journal journal.db --persist state.db

Environment:
  CLASP_...    every option under the name shown with it; a flag wins, a config file yields
  RUST_LOG     what to log, such as info or warn,clasp_router=debug
  LOG_FORMAT   json for one JSON object per line, anything else for text
  NO_COLOR     no colour, also on a terminal

Exit codes:
  0    stopped by a signal, after the drain
  1    could not start or go on; the last log line says why
  2    a mistake in options, environment variables or the config file
  130  a second SIGINT cut the drain short (143: SIGTERM)";

/// Routes messages and shared state between CLASP clients
///
/// The relay accepts CLASP clients over WebSocket, keeps the params that they set and passes on
/// what they publish to everyone who subscribed.
#[derive(Debug, Clone, Parser)]
#[command(name = "clasp-relay", version, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Options {
    /// Something else than serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options from a file.
    #[command(flatten)]
    pub config: ConfigOptions,
    /// Where the relay listens.
    #[command(flatten)]
    pub listen: ListenOptions,
    /// CLASP over QUIC.
    #[command(flatten)]
    pub quic: QuicOptions,
    /// CLASP over plain TCP.
    #[command(flatten)]
    pub tcp: TcpOptions,
    /// Encryption of every listener.
    #[command(flatten)]
    pub tls: TlsOptions,
    /// Who may connect and for how long.
    #[command(flatten)]
    pub sessions: SessionOptions,
    /// What one user or one address may take up.
    #[command(flatten)]
    pub gate: GateOptions,
    /// Who may do what.
    #[command(flatten)]
    pub auth: AuthOptions,
    /// How requests are answered.
    #[command(flatten)]
    pub replies: ReplyOptions,
    /// What is kept.
    #[command(flatten)]
    pub state: StateOptions,
    /// The rules of the application.
    #[command(flatten)]
    pub app: AppOptions,
    /// What outlives the process.
    #[command(flatten)]
    pub storage: StorageOptions,
    /// Which signed tokens are accepted.
    #[command(flatten)]
    pub tokens: TokenOptions,
    /// The tree that OSC programs can browse.
    #[command(flatten)]
    pub oscquery: OscQueryOptions,
    /// How clients on the local network find the relay.
    #[command(flatten)]
    pub discovery: DiscoveryOptions,
    /// Directories of relays.
    #[command(flatten)]
    pub rendezvous: RendezvousOptions,
    /// How the process is watched and stopped.
    #[command(flatten)]
    pub operation: OperationOptions,
    /// What is logged.
    #[command(flatten)]
    pub logging: LogOptions,
    /// What some published set-ups pass and the relay does not need.
    #[command(flatten)]
    pub ignored: IgnoredOptions,
}

/// Where the relay listens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Listening")]
pub struct ListenOptions {
    /// WebSocket port; 0 lets the system choose one, the log tells which
    #[arg(short = 'p', long, visible_alias = "port", env = "CLASP_WS_PORT")]
    #[arg(value_name = "PORT", default_value_t = 7330, hide_env_values = true)]
    pub ws_port: u16,

    /// Address of every listener: an IP address or a name; :: is IPv6 and, mostly, IPv4 too
    #[arg(long, env = "CLASP_HOST", default_value = "0.0.0.0", hide_env_values = true)]
    pub host: Host,

    /// Name that clients are told in WELCOME
    #[arg(short = 'n', long, env = "CLASP_NAME", value_parser = parse_name)]
    #[arg(default_value = "CLASP Relay", hide_env_values = true)]
    pub name: String,

    /// Do not listen for WebSocket clients; another protocol must be on
    #[arg(long, env = "CLASP_NO_WEBSOCKET", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub no_websocket: bool,

    /// Web origin that browsers may connect from, such as https://app.example.com; repeat it for
    /// several. Without it every origin may
    #[arg(long = "origin", env = "CLASP_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    #[arg(hide_env_values = true)]
    pub origins: Vec<String>,

    /// Serve everything on the WebSocket port: what --auth-port, --health-port and --metrics-port
    /// ask for, whatever number they give, and the probes. --ws-port is then PORT of the
    /// environment unless it is given
    #[arg(long, env = "CLASP_SINGLE_PORT", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub single_port: bool,

    /// Sockets from the service manager.
    #[arg(skip)]
    pub inherited: Inherited,
}

impl ListenOptions {
    /// Binds `port` for `door`, as `flag` asks. Must be called inside a runtime.
    ///
    /// # Errors
    /// The host has no address, or the address cannot be bound.
    pub async fn bind(
        &self,
        door: &'static str,
        port: u16,
        flag: &'static str,
    ) -> Result<(TcpListener, SocketAddr), StartError> {
        if let Some(socket) = self.inherited.take(door) {
            let failed = |source| StartError::Adopt { door, source };
            socket.set_nonblocking(true).map_err(failed)?;
            let listener = TcpListener::from_std(socket).map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            return Ok((listener, bound));
        }
        let address = self.resolve(port).await?;
        let failed = |source| StartError::Bind { door, address, flag, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        Ok((listener, bound))
    }

    /// The address of a listener at `port`.
    ///
    /// # Errors
    /// The host has no address.
    pub async fn resolve(&self, port: u16) -> Result<SocketAddr, StartError> {
        let failed = |source| StartError::Resolve { host: self.host.to_string(), source };
        self.host.resolve(port).await.map_err(failed)
    }
}

/// Who may connect and for how long.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sessions")]
pub struct SessionOptions {
    /// Most sessions at a time; 0 = unlimited. A further client is told "server full"
    #[arg(long, env = "CLASP_MAX_SESSIONS", value_name = "N", default_value_t = 1000)]
    #[arg(hide_env_values = true)]
    pub max_sessions: u32,

    /// Close a session from which nothing came for so long; 0 = never
    #[arg(long, env = "CLASP_SESSION_TIMEOUT", value_name = "SECONDS", default_value_t = 300)]
    #[arg(hide_env_values = true)]
    pub session_timeout: u32,

    /// Ping a client from which nothing came for so long, at most two fifths of --session-timeout;
    /// 0 = never
    #[arg(long, env = "CLASP_PING_INTERVAL", value_name = "SECONDS", default_value_t = 30)]
    #[arg(hide_env_values = true)]
    pub ping_interval: u32,

    /// Patterns that a session may be subscribed to; 0 = unlimited
    #[arg(long, env = "CLASP_MAX_SUBSCRIPTIONS", value_name = "N", default_value_t = 1000)]
    #[arg(hide_env_values = true)]
    pub max_subscriptions: u32,

    /// Messages that a session may send per second, with a burst of as many; 0 = unlimited. Without
    /// it 1000 where --auth-port demands tokens, else unlimited
    #[arg(long, env = "CLASP_MAX_MESSAGES_PER_SECOND", value_name = "N", hide_env_values = true)]
    pub max_messages_per_second: Option<u32>,
}

/// How requests are answered.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Replies")]
pub struct ReplyOptions {
    /// Requests that are acknowledged
    #[arg(long, env = "CLASP_ACK", value_name = "WHICH", default_value = "qos")]
    #[arg(value_enum, hide_env_values = true)]
    pub ack: Ack,

    /// Acknowledge PUBLISH as well; the published Python client receives nothing more after its
    /// first ACK
    #[arg(long, env = "CLASP_ACK_PUBLISH", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub ack_publish: bool,

    /// Answer to GET of a param that does not exist
    #[arg(long, env = "CLASP_GET_MISSING", value_name = "ANSWER", default_value = "error")]
    #[arg(value_enum, hide_env_values = true)]
    pub get_missing: GetMissing,

    /// Params that a new session is sent: full, empty, or a number: full up to so many params,
    /// else empty
    #[arg(long, env = "CLASP_INITIAL_SNAPSHOT", value_name = "full|empty|N")]
    #[arg(default_value = "full", hide_env_values = true)]
    pub initial_snapshot: InitialSnapshot,
}

/// What is kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "State")]
pub struct StateOptions {
    /// Forget a param that was not touched for so long; 0 = never
    #[arg(long, env = "CLASP_PARAM_TTL", value_name = "SECONDS", default_value_t = 3600)]
    #[arg(hide_env_values = true)]
    pub param_ttl: u32,

    /// Forget an announced signal definition after so long; 0 = never
    #[arg(long, env = "CLASP_SIGNAL_TTL", value_name = "SECONDS", default_value_t = 3600)]
    #[arg(hide_env_values = true)]
    pub signal_ttl: u32,

    /// Forget nothing, whatever the other TTL options say; --max-params still holds
    #[arg(long, env = "CLASP_NO_TTL", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub no_ttl: bool,

    /// Params kept at most; 0 = unlimited
    #[arg(long, env = "CLASP_MAX_PARAMS", value_name = "N", default_value_t = 100_000)]
    #[arg(hide_env_values = true)]
    pub max_params: u32,

    /// Params kept at most that one session created; 0 = unlimited
    #[arg(long, env = "CLASP_MAX_PARAMS_PER_SESSION", value_name = "N")]
    #[arg(default_value_t = 10_000, hide_env_values = true)]
    pub max_params_per_session: u32,

    /// What gives way when a new param comes and --max-params is reached
    #[arg(long, env = "CLASP_WHEN_FULL", value_name = "WHAT", default_value = "evict")]
    #[arg(value_enum, hide_env_values = true)]
    pub when_full: WhenFull,

    /// Tell subscribers of an expired param by a SET of null
    #[arg(long, env = "CLASP_NOTIFY_EXPIRY", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub notify_expiry: bool,

    /// Keep the locks of an ended session for so long, for the same user to come back
    #[arg(long, env = "CLASP_LOCK_GRACE", value_name = "SECONDS", default_value_t = 0)]
    #[arg(hide_env_values = true)]
    pub lock_grace: u32,
}

/// How the process is watched and stopped.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Operation")]
pub struct OperationOptions {
    /// Serve /healthz (the process answers) and /readyz (it takes work) on this port
    #[arg(long, env = "CLASP_HEALTH_PORT", value_name = "PORT", hide_env_values = true)]
    pub health_port: Option<u16>,

    /// Serve /metrics in Prometheus text on this port
    #[arg(long, env = "CLASP_METRICS_PORT", value_name = "PORT", hide_env_values = true)]
    pub metrics_port: Option<u16>,

    /// After SIGTERM or SIGINT wait at most so long until all sessions are closed
    #[arg(long, env = "CLASP_DRAIN_TIMEOUT", value_name = "SECONDS", default_value_t = 30)]
    #[arg(hide_env_values = true)]
    pub drain_timeout: u32,
}

/// What is logged.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogOptions {
    /// Log everything the relay does, and its libraries' debug lines; RUST_LOG is ignored
    #[arg(short = 'v', long, env = "CLASP_VERBOSE", value_parser = BoolishValueParser::new())]
    #[arg(hide_env_values = true)]
    pub verbose: bool,

    /// Log lines of this level and above, as RUST_LOG=LEVEL does
    #[arg(long, env = "CLASP_LOG_LEVEL", value_name = "LEVEL", hide_env_values = true)]
    #[arg(value_enum, ignore_case = true)]
    pub log_level: Option<LogLevel>,
}

/// What some published set-ups pass and the relay does not need (relay.md 2.4).
#[derive(Debug, Clone, Args)]
pub struct IgnoredOptions {
    /// Cargo features, a mix-up of build and start
    #[arg(long, value_name = "LIST", hide = true)]
    pub features: Option<String>,

    /// The program's own name, repeated after an entry point
    #[arg(skip)]
    pub program: bool,
}

/// Requests to acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ack {
    /// Those sent with QoS 1 or 2, as every published client understands
    Qos,
    /// All; the published Python client receives nothing more after its first ACK
    Always,
}

/// Answer to GET of a param that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GetMissing {
    /// ERROR 201 at once
    Error,
    /// None; clients wait for their own timeout
    Silent,
    /// A SNAPSHOT with null; clients keep the null
    Null,
}

/// What happens to a new param when the store is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WhenFull {
    /// The param used least recently goes
    Evict,
    /// The new one is refused
    Reject,
}

/// Params that a new session is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialSnapshot {
    /// All that it may read.
    Full,
    /// None.
    Empty,
    /// All that it may read if the store holds at most so many, else none.
    UpTo(u32),
}

impl FromStr for InitialSnapshot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "full" => Ok(Self::Full),
            "empty" => Ok(Self::Empty),
            number => number
                .parse()
                .map(Self::UpTo)
                .map_err(|_| "expected full, empty or a number of params".into()),
        }
    }
}

/// Least severe level to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What ends the process or loses data
    Error,
    /// What an operator should look at
    Warn,
    /// Start, stop and listeners
    Info,
    /// Sessions and refusals
    Debug,
    /// Every message
    Trace,
}

impl LogLevel {
    /// The level as a log filter spells it.
    pub fn as_filter(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Longest name in bytes; it goes out in every WELCOME.
const NAME_BYTES_MAX: usize = 256;

fn parse_name(text: &str) -> Result<String, String> {
    if text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(format!("expected at most {NAME_BYTES_MAX} bytes without control characters"));
    }
    Ok(text.to_string())
}
