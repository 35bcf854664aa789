//! The files of a relay that runs: recovered, saved, closed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clasp_router::Router;
use clasp_storage::{
    Progress, Recovery, Report, Saved, SqliteJournal, Stage, StateFile, StateSource,
};
use clasp_transport::clock;

use super::meter::{Meter, grouped};
use crate::storage::Keep;

/// Journal and state file, each if it is wanted.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) journal: Option<Arc<SqliteJournal>>,
    pub(super) state: Option<StateFile>,
    pub(super) state_path: Option<PathBuf>,
    pub(super) allow_data_loss: bool,
}

impl Keep for Files {
    fn recover(&mut self, router: &Router) -> Result<(), String> {
        let recovery = Recovery {
            state_file: self.state_path.as_deref(),
            journal: self.journal.as_deref(),
            allow_data_loss: self.allow_data_loss,
            now: clock::now(),
        };
        let begun = Instant::now();
        let mut meter = Meter::new();
        let mut show = |progress: Progress| meter.show(|| line(progress));
        let outcome = recovery.run(router, &mut show);
        meter.clear();
        let report = outcome.map_err(|error| error.to_string())?;
        for note in &report.notes {
            tracing::warn!("recovery: {note}");
        }
        let (params, seconds) = (grouped(report.params), begun.elapsed().as_secs_f64());
        tracing::info!("recovered {params} params in {seconds:.2} s: {}", sources(&report));
        Ok(())
    }

    fn save(&mut self, router: &Router) -> Result<(), String> {
        let Some(state) = &mut self.state else { return Ok(()) };
        let begun = Instant::now();
        let saved = state.save(router, clock::now()).map_err(|error| error.to_string())?;
        if let Saved::Written(header) = saved {
            let seconds = begun.elapsed().as_secs_f64();
            tracing::debug!("saved {} params in {seconds:.3} s", grouped(header.params));
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        match self.journal.take() {
            Some(journal) => journal.close().map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }
}

fn line(progress: Progress) -> String {
    let what = match progress.stage {
        Stage::StateFile => "params of the state file",
        Stage::Journal => "entries of the journal",
    };
    format!("recovering: {} of {} {what}", grouped(progress.done), grouped(progress.total))
}

/// Where the params came from.
fn sources(report: &Report) -> String {
    let [saved, entries, expired] =
        [report.state_params, report.entries, report.expired].map(grouped);
    let state = match &report.state {
        Some(StateSource::Current(path) | StateSource::Reference(path)) => Some(path),
        Some(StateSource::Previous(path) | StateSource::Salvaged(path)) => Some(path),
        None => None,
    };
    let state = state.map(|path| format!("{saved} from {}", path.display()));
    let journal = match report.entries {
        0 => None,
        _ => Some(format!("{entries} entries of the journal were read")),
    };
    let expired = (report.expired > 0).then(|| format!("{expired} had expired"));
    let parts: Vec<String> = [state, journal, expired].into_iter().flatten().collect();
    if parts.is_empty() { "there was nothing to read".to_owned() } else { parts.join("; ") }
}
