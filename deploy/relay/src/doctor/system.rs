//! The configuration as a whole, and what the machine gives: time, file descriptors, the network.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::Finding;
use crate::app::App;
use crate::options::Options;
use crate::{cli, doors};

/// No clock that is right shows less: this was written later. Seconds since 1970.
const EARLIEST_S: u64 = 1_790_000_000;

/// Descriptors kept free for other than sessions.
const RESERVE: u64 = 64;

/// Where it shows that something keeps the clock right.
const SYNCHRONISED: [&str; 3] =
    ["/run/systemd/timesync/synchronized", "/run/chrony", "/run/ntpd.pid"];

/// Options, variables and the app config.
pub(super) fn configuration(options: &Options) -> Vec<Finding> {
    let mut findings = vec![match &options.config.file {
        Some(file) => {
            let text = format!("{} options, none unknown", file.entries.len());
            Finding::ok(format!("config {}", file.path.display()), text)
        }
        None => Finding::ok("config file", "there is none"),
    }];
    findings.extend(unknown_variables());
    match App::open(&options.app) {
        Ok(Some(_)) => findings.push(Finding::ok("app config", "can be used")),
        Ok(None) => {}
        Err(error) => findings.push(Finding::fail("app config", error.to_string())),
    }
    let mut idle = options.auth.idle();
    if options.auth.auth_port.is_none() {
        idle.extend(options.tokens.wishes());
        let text = "no --auth-port: every client may read and write everything";
        findings.push(Finding::warn("access", text));
    }
    if !idle.is_empty() {
        let text = format!("{} do nothing without --auth-port", idle.join(", "));
        findings.push(Finding::warn("access", text));
    }
    findings
}

/// Variables that look like options and are none.
fn unknown_variables() -> Vec<Finding> {
    let command = cli::command();
    let known: Vec<&str> = command
        .get_arguments()
        .filter_map(|argument| argument.get_env().and_then(|name| name.to_str()))
        .collect();
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter(|name| name.starts_with("CLASP_") && !known.contains(&name.as_str()))
        .map(|name| {
            let likeness = |known: &&&str| (strsim::jaro_winkler(&name, known) * 1_000.0) as u32;
            let close = known.iter().max_by_key(likeness).copied().unwrap_or_default();
            Finding::warn(name.clone(), format!("no option has this variable; {close}?"))
        })
        .collect()
}

/// Time, file descriptors, keys by network.
pub(super) fn look(options: &Options) -> Vec<Finding> {
    let mut findings = vec![clock(), descriptors(options.sessions.max_sessions)];
    let keys = options.tokens.jwt.jwt_jwks.as_deref();
    let keys = keys.filter(|_| options.auth.auth_port.is_some());
    findings.extend(keys.filter(|place| place.contains("://")).map(reach));
    findings
}

fn clock() -> Finding {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    if now.unwrap_or_default() < Duration::from_secs(EARLIEST_S) {
        return Finding::fail("clock", "it is behind; set it, or tokens and certificates fail");
    }
    let kept = SYNCHRONISED.iter().any(|sign| Path::new(sign).exists());
    if Path::new("/run/systemd/system").exists() && !kept {
        return Finding::warn("clock", "nothing seems to keep it right; see timedatectl");
    }
    Finding::ok("clock", "plausible")
}

fn descriptors(sessions_max: u32) -> Finding {
    let hard = rlimit::Resource::NOFILE.get_hard().unwrap_or(0);
    let subject = "file descriptors";
    if hard < u64::from(sessions_max) + RESERVE {
        let text = format!(
            "{hard} are too few for --max-sessions {sessions_max}; raise the hard limit \
             (LimitNOFILE= in a systemd unit)"
        );
        return Finding::fail(subject, text);
    }
    Finding::ok(subject, format!("{hard} for {sessions_max} sessions"))
}

fn reach(address: &str) -> Finding {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let counted = match runtime {
        Ok(runtime) => runtime.block_on(doors::count_keys(address)),
        Err(error) => Err(error.to_string()),
    };
    match counted {
        Ok(count) => Finding::ok("--jwt-jwks", format!("{count} keys")),
        Err(error) => Finding::fail("--jwt-jwks", error),
    }
}
