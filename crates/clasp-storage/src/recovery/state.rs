//! Finds a state file that can be read.

use std::path::{Path, PathBuf};

use super::install::Installer;
use super::{Progress, Recovery, Report, Stage};
use crate::error::{ErrorKind, StorageError};
use crate::files::beside;
use crate::state_file::{self, StateHeader, StateReader};

/// Params between two reports of progress.
const PROGRESS_PARAMS: u64 = 1 << 14;

/// Where a state came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateSource {
    /// The state file.
    Current(PathBuf),
    /// The one before it.
    Previous(PathBuf),
    /// A state file of the reference implementation.
    Reference(PathBuf),
    /// What could be read of a damaged state file.
    Salvaged(PathBuf),
}

/// A state that can be installed.
pub(super) enum State {
    Sound(StateReader),
    /// A damaged file, and its header if that can be read.
    Damaged(PathBuf, Option<StateHeader>),
}

/// Opens the best file there is; none if there never was one.
pub(super) fn open(
    recovery: &Recovery<'_>,
    report: &mut Report,
) -> Result<Option<State>, StorageError> {
    let Some(path) = recovery.state_file else { return Ok(None) };
    let error = match StateReader::open(path) {
        Ok(Some(reader)) => {
            report.state = Some(match reader.header() {
                Some(_) => StateSource::Current(path.to_owned()),
                None => StateSource::Reference(path.to_owned()),
            });
            return Ok(Some(State::Sound(reader)));
        }
        Ok(None) => None,
        Err(error) if error.kind() == ErrorKind::Foreign => return Err(error),
        Err(error) => Some(error),
    };
    let previous = beside(path, ".previous");
    let older = StateReader::open(&previous);
    match (error, older) {
        (error, Ok(Some(reader))) => {
            let why = error.map_or_else(
                || format!("{} does not exist", path.display()),
                |error| error.to_string(),
            );
            let previous_name = previous.display().to_string();
            report.notes.push(format!("{why}. Went on with {previous_name}"));
            report.state = Some(StateSource::Previous(previous));
            Ok(Some(State::Sound(reader)))
        }
        (None, Ok(None)) => Ok(None),
        (Some(error), _) | (None, Err(error)) => salvage(recovery, report, error),
    }
}

fn salvage(
    recovery: &Recovery<'_>,
    report: &mut Report,
    error: StorageError,
) -> Result<Option<State>, StorageError> {
    if !recovery.allow_data_loss {
        return Err(error);
    }
    report.lossy = true;
    report.notes.push(format!("{error}. Went on with what can be read of it"));
    let path = error.path();
    let Ok((header, _)) = state_file::salvage(path, &mut |_| ()) else { return Ok(None) };
    report.state = Some(StateSource::Salvaged(path.to_owned()));
    Ok(Some(State::Damaged(path.to_owned(), header)))
}

impl State {
    pub(super) fn header(&self) -> Option<&StateHeader> {
        match self {
            State::Sound(reader) => reader.header(),
            State::Damaged(_, header) => header.as_ref(),
        }
    }

    pub(super) fn is_damaged(&self) -> bool {
        matches!(self, State::Damaged(..))
    }

    pub(super) fn install(
        self,
        recovery: &Recovery<'_>,
        installer: &mut Installer<'_>,
        (report, progress): (&mut Report, &mut dyn FnMut(Progress)),
    ) -> Result<(), StorageError> {
        let total = self.header().map_or(0, |header| header.params);
        let is_ours = self.header().is_some() || self.is_damaged();
        let mut done = 0;
        let visit = &mut |param: &clasp_router::ParamRecord<'_>| {
            installer.install(param, is_ours);
            done += 1;
            if done % PROGRESS_PARAMS == 0 {
                progress(Progress { stage: Stage::StateFile, done, total: total.max(done) });
            }
        };
        let shown = match self {
            State::Sound(mut reader) => reader.visit(recovery.now.unix_us, visit)?,
            State::Damaged(path, _) => state_file::salvage(&path, visit)?.1,
        };
        if shown.skipped > 0 {
            let params = shown.skipped;
            report.notes.push(format!("{params} params of the state file could not be used"));
        }
        report.state_params = shown.params;
        progress(Progress { stage: Stage::StateFile, done, total: done });
        Ok(())
    }
}

/// For errors: the file a recovery was to begin with.
pub(super) fn path_of<'a>(recovery: &Recovery<'a>, otherwise: &'a Path) -> &'a Path {
    recovery.state_file.unwrap_or(otherwise)
}
