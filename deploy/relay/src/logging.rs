//! Log lines on standard output: text for people, JSON lines for collectors (relay.md section 3).
//! A thread of its own writes them, so that a pipe that nobody reads holds nothing up.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;

use clasp_router::metrics::{Family, Kind, Sample};
use tracing::Level;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::options::LogOptions;

/// Lines that wait for a slow reader of standard output; the relay never does.
const LINES_WAITING_MAX: usize = 8_192;

/// The log of this process, while it is written.
static LOG: Mutex<Option<Log>> = Mutex::new(None);

/// Puts another filter in force.
type Refilter = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send>;

struct Log {
    guard: WorkerGuard,
    refilter: Refilter,
    /// As text, to tell whether it changes.
    filter: String,
    /// Counts lines that found no place.
    lines: ErrorCounter,
}

const DEFAULT_FILTER: &str = "info";
const VERBOSE_FILTER: &str = "debug,clasp=trace";

/// Starts logging for the whole process, as the options, `RUST_LOG`, `LOG_FORMAT` and `NO_COLOR`
/// say. To be called once, and [`finish`] before the process ends.
pub fn install(options: &LogOptions) {
    let (filter, complaint) = filter(options, env::var("RUST_LOG").ok().as_deref());
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("log")
        .finish(io::stdout());
    let lines = writer.error_counter();
    let text = filter.to_string();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(colour(io::stdout().is_terminal(), env::var("NO_COLOR").ok().as_deref()))
        .log_internal_errors(false);
    let refilter: Refilter = if is_json(env::var("LOG_FORMAT").ok().as_deref()) {
        let subscriber = subscriber.json().with_filter_reloading();
        let handle = subscriber.reload_handle();
        subscriber.init();
        Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
    } else {
        let subscriber = subscriber.with_filter_reloading();
        let handle = subscriber.reload_handle();
        subscriber.init();
        Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
    };
    *LOG.lock().expect("no holder panics") = Some(Log { guard, refilter, filter: text, lines });
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}");
    }
}

/// Filters as other options say from now on; whether that changes anything.
///
/// # Errors
/// There is no log, which does not happen while the relay runs.
pub(crate) fn refilter(options: &LogOptions) -> Result<bool, String> {
    let (filter, _) = filter(options, env::var("RUST_LOG").ok().as_deref());
    let text = filter.to_string();
    let mut log = LOG.lock().expect("no holder panics");
    let log = log.as_mut().ok_or("there is no log")?;
    if log.filter == text {
        return Ok(false);
    }
    (log.refilter)(filter)?;
    log.filter = text;
    Ok(true)
}

/// Writes out what waits, for at most a second, and says what was dropped.
pub fn finish() {
    let dropped = dropped();
    if dropped > 0 {
        tracing::warn!("{dropped} log lines were dropped: standard output was read too slowly");
    }
    let log = LOG.lock().expect("no holder panics").take();
    drop(log.map(|log| log.guard));
}

fn dropped() -> usize {
    let log = LOG.lock().expect("no holder panics");
    log.as_ref().map_or(0, |log| log.lines.dropped_lines())
}

/// What metrics tell of the log.
#[allow(dead_code, reason = "some builds have no metrics")]
pub(crate) fn families() -> Vec<Family> {
    let dropped = dropped();
    vec![Family {
        name: "clasp_log_lines_dropped_total",
        help: "Log lines that were dropped because nobody read standard output fast enough.",
        kind: Kind::Counter,
        samples: vec![Sample { suffix: "", labels: Vec::new(), value: dropped as f64 }],
    }]
}

/// Reports why the process ends: one line in the log, or on standard error if the log is silent.
pub fn report(reason: &str) {
    if tracing::enabled!(Level::ERROR) {
        tracing::error!("{reason}");
    } else {
        // Nothing is left to tell that this failed too.
        let _ = writeln!(io::stderr(), "clasp-relay: {reason}");
    }
}

/// The filter to use, and what to say of a `RUST_LOG` that cannot be read.
fn filter(options: &LogOptions, rust_log: Option<&str>) -> (EnvFilter, Option<String>) {
    let wanted = match (options.verbose, options.log_level, rust_log) {
        (true, _, _) => VERBOSE_FILTER,
        (false, Some(level), _) => level.as_filter(),
        (false, None, Some(text)) if !text.trim().is_empty() => text,
        (false, None, _) => DEFAULT_FILTER,
    };
    match EnvFilter::try_new(wanted) {
        Ok(filter) => (filter, None),
        Err(error) => {
            let complaint = format!(
                "RUST_LOG={wanted:?} is not a log filter ({error}); using {DEFAULT_FILTER}"
            );
            (EnvFilter::new(DEFAULT_FILTER), Some(complaint))
        }
    }
}

fn colour(terminal: bool, no_color: Option<&str>) -> bool {
    terminal && no_color.is_none_or(str::is_empty)
}

fn is_json(log_format: Option<&str>) -> bool {
    log_format.is_some_and(|format| format.eq_ignore_ascii_case("json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::LogLevel;

    fn chosen(options: &LogOptions, rust_log: Option<&str>) -> String {
        filter(options, rust_log).0.to_string()
    }

    fn options(verbose: bool, log_level: Option<LogLevel>) -> LogOptions {
        LogOptions { verbose, log_level }
    }

    #[test]
    fn verbose_beats_level_beats_rust_log_beats_the_default() {
        let level = Some(LogLevel::Warn);
        assert!(chosen(&options(true, level), Some("error")).contains("clasp=trace"));
        assert_eq!(chosen(&options(false, level), Some("error")), "warn");
        assert_eq!(chosen(&options(false, None), Some("error")), "error");
        assert_eq!(chosen(&options(false, None), Some("")), "info");
        assert_eq!(chosen(&options(false, None), None), "info");
    }

    #[test]
    fn a_malformed_rust_log_means_info_and_one_complaint() {
        let (filter, complaint) = filter(&options(false, None), Some("clasp=very-loud"));
        assert_eq!(filter.to_string(), "info");
        let complaint = complaint.unwrap();
        assert!(complaint.contains("clasp=very-loud") && !complaint.contains('\n'), "{complaint}");
    }

    #[test]
    fn colour_needs_a_terminal_and_no_objection() {
        assert!(colour(true, None) && colour(true, Some("")));
        assert!(!colour(true, Some("1")) && !colour(false, None));
    }

    #[test]
    fn only_json_means_json() {
        assert!(is_json(Some("json")) && is_json(Some("JSON")));
        assert!(!is_json(Some("text")) && !is_json(None));
    }
}
