//! The published router on one WebSocket port, set up as its own relay program does in open mode.
//!
//! A peer for the interop tests and the benchmarks: it takes `--host`, `--port` (0 = any) and
//! `--max-sessions`, prints `listening on <host>:<port>` on stdout and exits 0 on SIGTERM.

use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use clasp_router::{Router, RouterConfig};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

const PROBE_PAUSE: Duration = Duration::from_millis(5);

struct Settings {
    host: String,
    port: u16,
    sessions_max: usize,
}

impl Settings {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings =
            Self { host: "127.0.0.1".to_owned(), port: 7330, sessions_max: 1_000_000 };
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--host" => settings.host = value,
                "--port" => settings.port = number(&flag, &value)?,
                "--max-sessions" => settings.sessions_max = number(&flag, &value)?,
                _ => {
                    return Err(format!("{flag} is not one of --host, --port, --max-sessions"));
                }
            }
        }
        Ok(settings)
    }
}

fn number<T: std::str::FromStr>(flag: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{flag} {text}: not a number in range"))
}

/// The router cannot say which port it got, so port 0 is resolved by a short-lived listener.
fn resolve(host: &str, port: u16) -> Result<String, String> {
    let listener = TcpListener::bind((host, port)).map_err(|e| format!("{host}:{port}: {e}"))?;
    let bound = listener.local_addr().map_err(|e| format!("{host}:{port}: {e}"))?;
    Ok(bound.to_string())
}

async fn serve(settings: Settings) -> Result<(), String> {
    let address = resolve(&settings.host, settings.port)?;
    let mut config = RouterConfig {
        max_sessions: settings.sessions_max,
        rate_limiting_enabled: false,
        ..RouterConfig::default()
    };
    config.state_config.param_config.max_params = Some(100_000);
    let router = Router::new(config);
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let announce = async {
        while TcpStream::connect(&address).await.is_err() {
            sleep(PROBE_PAUSE).await;
        }
        println!("listening on {address}");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = router.serve_websocket(&address) => served.map_err(|e| e.to_string()),
        () = announce => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Settings::parse(std::env::args().skip(1)) {
        Ok(settings) => serve(settings).await,
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("reference-relay: {problem}");
            ExitCode::FAILURE
        }
    }
}
