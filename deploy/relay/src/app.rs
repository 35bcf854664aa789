//! The app config: where it is, reading it again, and checking one.

mod check;
mod file;

pub(crate) use check::check;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clasp_app::{AppConfig, AppPolicy};
use clasp_router::Router;

use crate::options::AppOptions;
use crate::relay::StartError;

/// Where an app config is looked for, in this order.
const DIRECTORIES: [&str; 2] = ["/etc/clasp", "config"];

/// Names that are taken before any other.
const NAMES: [&str; 2] = ["app.json", "app-config.json"];

/// The app config of a relay.
#[derive(Debug, Clone)]
pub(crate) struct App {
    path: PathBuf,
    policy: Arc<AppPolicy>,
}

impl App {
    /// The config that the options name or that is found; `None` if there is none.
    ///
    /// # Errors
    /// The file cannot be read or used.
    pub(crate) fn open(options: &AppOptions) -> Result<Option<App>, StartError> {
        let (path, found) = match &options.app_config {
            Some(path) => (path.clone(), false),
            None if options.no_app_config => return Ok(None),
            None => match DIRECTORIES.iter().find_map(|directory| find(Path::new(directory))) {
                Some(path) => (path, true),
                None => return Ok(None),
            },
        };
        let config = read(&path).map_err(|reason| {
            let way_out = if found {
                "; it was found without --app-config: repair it, name another with --app-config, \
                 or start with --no-app-config"
            } else {
                ""
            };
            StartError::App(format!("{reason}{way_out}"))
        })?;
        let outline = config.outline();
        if found {
            let path = path.display();
            tracing::warn!("app config: found {path}: {outline}; --no-app-config leaves it out");
        } else {
            tracing::info!("app config: {}: {outline}", path.display());
        }
        Ok(Some(App { path, policy: Arc::new(AppPolicy::new(config)) }))
    }

    /// Messages of one session per second, if the config says so.
    pub(crate) fn messages_per_second(&self) -> Option<u32> {
        self.policy.config().quotas().messages_per_second
    }

    /// What the router asks.
    pub(crate) fn policy(&self) -> &Arc<AppPolicy> {
        &self.policy
    }

    /// Reads the file again. If it cannot be used, the rules stay as they are.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(crate) fn reload(&self, router: &Router) -> Result<String, String> {
        let config = read(&self.path).map_err(|reason| {
            format!("app config: {reason}; the rules that were in force stay in force")
        })?;
        let before = self.policy.config().quotas().messages_per_second;
        if config.quotas().messages_per_second != before {
            tracing::warn!("app config: max_messages_per_second counts from the next start on");
        }
        let outline = config.outline();
        self.policy.replace(config, router);
        Ok(format!("app config: {} was read again: {outline}", self.path.display()))
    }
}

/// The app config in a directory: one of the usual names, or else the only JSON file.
fn find(directory: &Path) -> Option<PathBuf> {
    let usual = NAMES.iter().map(|name| directory.join(name)).find(|path| path.is_file());
    usual.or_else(|| {
        let entries = std::fs::read_dir(directory).ok()?;
        let is_json = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "json") && path.is_file()
        };
        let mut all = entries.flatten().map(|entry| entry.path()).filter(is_json);
        let first = all.next()?;
        match all.next() {
            None => Some(first),
            Some(_) => {
                let directory = directory.display();
                tracing::warn!(
                    "app config: {directory} holds several JSON files, none of them is taken; name \
                     yours app.json or give it with --app-config"
                );
                None
            }
        }
    })
}

/// Reads a config; what has no effect in it goes to the log.
fn read(path: &Path) -> Result<AppConfig, String> {
    let text = file::text(path)?;
    let parsed = AppConfig::parse(&text);
    let name = path.display();
    let error = parsed.first_error().cloned();
    let Some(config) = parsed.config else {
        let first = error.map_or_else(|| "it is no app config".to_owned(), |it| it.to_string());
        let more = match parsed.problems.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" (and {more} more: clasp-relay check-config {name})"),
        };
        return Err(format!("{name}:{first}{more}"));
    };
    for problem in &parsed.problems {
        tracing::warn!("app config: {name}:{problem}");
    }
    Ok(config)
}
