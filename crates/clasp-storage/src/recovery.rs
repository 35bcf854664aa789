//! Brings a router back to where it was: the state file, then the journal's tail. Installs what was
//! recorded and asks no rules (spec: routing.md 11.2).

mod install;
mod join;
mod state;

use std::path::Path;

use clasp_protocol::message::Ttl;
use clasp_router::journal::Journal;
use clasp_router::{Now, Router};

use crate::error::StorageError;
use crate::journal::{Scanned, SqliteJournal};
use install::Installer;
use join::Tail;
pub use state::StateSource;

/// Entries between two reports of progress.
const PROGRESS_ENTRIES: u64 = 1 << 14;

/// What a router is brought back from.
#[derive(Debug, Clone, Copy)]
pub struct Recovery<'a> {
    /// The state file, which need not exist.
    pub state_file: Option<&'a Path>,
    /// The journal, in which nothing waits yet.
    pub journal: Option<&'a SqliteJournal>,
    /// Go on with what can be read where something is missing.
    pub allow_data_loss: bool,
    /// The time.
    pub now: Now,
}

/// How far a recovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being read.
    pub stage: Stage,
    /// Params or entries read.
    pub done: u64,
    /// As many as there are, as far as that is known.
    pub total: u64,
}

/// What a recovery reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Params of the state file.
    StateFile,
    /// Entries of the journal.
    Journal,
}

/// What a recovery did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Which state file was read, if any.
    pub state: Option<StateSource>,
    /// Params read from it.
    pub state_params: u64,
    /// Journal entries read.
    pub entries: u64,
    /// SETs among them that were installed.
    pub sets: u64,
    /// Expiries and evictions among them that were carried out.
    pub deletions: u64,
    /// Params not installed because their lifetime was over.
    pub expired: u64,
    /// Params now in the store.
    pub params: u64,
    /// Something is missing, or may be.
    pub lossy: bool,
    /// What the operator should know, a sentence each.
    pub notes: Vec<String>,
}

impl Recovery<'_> {
    /// Fills an empty router, before anything else may reach it.
    ///
    /// # Errors
    /// A file cannot be read, is damaged, or does not fit the other one. The router is then in no
    /// state to be used.
    pub fn run(
        &self,
        router: &Router,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, StorageError> {
        let mut report = Report::default();
        let state = state::open(self, &mut report)?;
        let tail = join::join(self, state.as_ref(), &mut report)?;
        let mut installer = Installer::new(router, self.now, tail.as_ref());
        if let Some(state) = state {
            let floor = state.header().map_or(0, |header| header.revision_floor);
            installer.raise_floor(floor);
            state.install(self, &mut installer, (&mut report, progress))?;
        }
        if let (Some(journal), Some(tail)) = (self.journal, &tail) {
            self.replay(journal, tail, (&mut installer, progress))?;
            journal.skip_to(tail.through);
        }
        installer.finish(&mut report);
        report.params = router.params() as u64;
        Ok(report)
    }

    fn replay(
        &self,
        journal: &SqliteJournal,
        tail: &Tail,
        (installer, progress): (&mut Installer<'_>, &mut dyn FnMut(Progress)),
    ) -> Result<(), StorageError> {
        let total = journal.latest().saturating_sub(tail.after);
        let mut damaged = None;
        let mut done = 0;
        journal.scan(tail.after, &mut |scanned| {
            let applied = match scanned {
                Scanned::Row(row) => row.stored().is_some_and(|stored| {
                    installer.apply(&stored.entry);
                    true
                }),
                Scanned::Damaged(_) => false,
            };
            if !applied && !self.allow_data_loss {
                damaged = Some(scanned.sequence());
                return false;
            }
            done += 1;
            if done % PROGRESS_ENTRIES == 0 {
                progress(Progress { stage: Stage::Journal, done, total: total.max(done) });
            }
            true
        })?;
        if let Some(sequence) = damaged {
            let what = format!("entry {sequence} is not as it was written");
            return Err(StorageError::damaged(journal.path(), what));
        }
        progress(Progress { stage: Stage::Journal, done, total: done });
        Ok(())
    }
}

/// Whether reads, which leave no trace in a journal, make a lifetime longer.
fn is_extended_by_reads(ttl: Option<Ttl>) -> bool {
    match ttl {
        None | Some(Ttl::Sliding(_)) => true,
        Some(Ttl::Never | Ttl::Absolute(_)) => false,
    }
}
