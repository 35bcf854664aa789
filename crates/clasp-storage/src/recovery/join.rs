//! Finds out which entries of the journal continue a state file.

use clasp_router::journal::Journal;

use super::state::{State, path_of};
use super::{Recovery, Report};
use crate::error::{ErrorKind, StorageError};
use crate::journal::SqliteJournal;
use crate::state_file::{JournalPoint, StateHeader};

/// The part of a journal that has to be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// Only entries with higher sequence numbers.
    pub(super) after: u64,
    pub(super) rule: Rule,
    /// No new entry may have a number up to this one.
    pub(super) through: u64,
    /// When the newest of these entries was committed, if there is one.
    pub(super) last_us: Option<u64>,
}

/// What decides whether an entry is newer than what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Its revision: state and journal have one history.
    Revision,
    /// Its time, because nothing else is comparable; entries of before this microsecond are older
    /// than the state.
    Time(u64),
}

const WAY_OUT: &str = "restore both from one backup, or start once with --allow-data-loss";

/// What to replay, if there is a journal.
pub(super) fn join(
    recovery: &Recovery<'_>,
    state: Option<&State>,
    report: &mut Report,
) -> Result<Option<Tail>, StorageError> {
    let header = state.and_then(State::header);
    let point = header.and_then(|header| header.journal);
    let Some(journal) = recovery.journal else {
        if point.is_some() {
            let note = "The state file goes with a journal, which is not in use: what was recorded \
                        there only is missing";
            report.notes.push(note.to_owned());
        }
        return Ok(None);
    };
    let (after, rule) = match (state, header, point) {
        (None, ..) => (0, Rule::Revision),
        // What is missing from the state may still be in the journal.
        (Some(state), ..) if state.is_damaged() => (0, Rule::Revision),
        (Some(_), None, _) => (0, Rule::Time(0)),
        (Some(_), Some(header), None) => (0, unrelated(header, report)),
        (Some(_), Some(header), Some(point)) => {
            return related(recovery, (journal, header, point), report).map(Some);
        }
    };
    check_gap(recovery, journal, (after, report))?;
    Ok(Some(tail(journal, after, rule)?))
}

/// A state that was saved without a journal.
fn unrelated(header: &StateHeader, report: &mut Report) -> Rule {
    let note = "The state file was saved without a journal: only what the journal recorded later \
                was added";
    report.notes.push(note.to_owned());
    Rule::Time(header.created_us)
}

/// A state that was saved with a journal.
fn related(
    recovery: &Recovery<'_>,
    (journal, header, point): (&SqliteJournal, &StateHeader, JournalPoint),
    report: &mut Report,
) -> Result<Tail, StorageError> {
    if point.identity == journal.identity() {
        check_gap(recovery, journal, (point.sequence, report))?;
        if point.through > journal.latest() {
            report.notes.push(format!(
                "The journal ends at entry {}, the state file knows entry {}: the entries between \
                 are lost, but not what they did to params",
                journal.latest(),
                point.through
            ));
        }
        let tail = tail(journal, point.sequence, Rule::Revision)?;
        return Ok(Tail { through: point.through, ..tail });
    }
    if journal.latest() == 0 {
        let text = format!(
            "The journal is new; the state file goes with journal {}: what was recorded there only \
             is missing",
            point.identity
        );
        report.notes.push(text);
        return tail(journal, 0, Rule::Revision);
    }
    let text = format!(
        "goes with journal {}, but {} is journal {}; {WAY_OUT} to let the newer of both decide",
        point.identity,
        journal.path().display(),
        journal.identity()
    );
    let error = StorageError::new(ErrorKind::Mismatch, path_of(recovery, journal.path()), text);
    accept(recovery, report, error)?;
    tail(journal, 0, Rule::Time(header.created_us))
}

/// Refuses a journal from which entries were removed that the state does not cover.
fn check_gap(
    recovery: &Recovery<'_>,
    journal: &SqliteJournal,
    (after, report): (u64, &mut Report),
) -> Result<(), StorageError> {
    let compacted = journal.compacted();
    if compacted <= after {
        return Ok(());
    }
    let state = match recovery.state_file {
        Some(path) if after == 0 && !path.exists() => {
            format!("{} is not there; give the state file it was used with", path.display())
        }
        Some(path) => format!("{} holds what they did up to entry {after}", path.display()),
        None => "no state file was given".to_owned(),
    };
    let text = format!(
        "holds entries after {compacted} only, those before were removed because a state file \
         held what they did, but {state}; {WAY_OUT} to go on without them"
    );
    accept(recovery, report, StorageError::new(ErrorKind::Mismatch, journal.path(), text))
}

fn accept(
    recovery: &Recovery<'_>,
    report: &mut Report,
    error: StorageError,
) -> Result<(), StorageError> {
    if !recovery.allow_data_loss {
        return Err(error);
    }
    report.lossy = true;
    report.notes.push(error.to_string());
    Ok(())
}

fn tail(journal: &SqliteJournal, after: u64, rule: Rule) -> Result<Tail, StorageError> {
    let newest = journal.newest()?.filter(|(sequence, _)| *sequence > after);
    let last_us = newest.map(|(_, timestamp_us)| timestamp_us);
    Ok(Tail { after, rule, through: after, last_us })
}
