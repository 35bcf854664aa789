//! Which write wins (routing.md 4.3, 4.4).

use clasp_protocol::RawValue;
use clasp_protocol::message::Set;
use clasp_protocol::value::Number;

use super::param::{Lock, Param};
use crate::clock::Now;
use crate::refusal::Refusal;
use crate::session::Session;
use clasp_protocol::ErrorCode;

/// How concurrent writes to a param are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The last write in order of arrival wins.
    #[default]
    LastWriterWins,
    /// Only a greater number of the same kind is accepted.
    Max,
    /// Only a smaller number of the same kind is accepted.
    Min,
    /// Only the holder of the lock may write, anybody while it is free.
    Lock,
    /// Everything is accepted.
    Merge,
}

/// Whether this session may write the param as it stands, with the value that is to be stored;
/// `None` means that it does not exist.
pub(crate) fn decide(
    param: Option<&Param>,
    (set, value): (&Set<'_>, &RawValue<'_>),
    session: &Session,
    now: Now,
) -> Result<(), Refusal> {
    let current = param.map_or(0, |param| param.revision);
    if let Some(expected) = set.revision
        && expected != current
    {
        return Err(Refusal::revision_conflict(&set.address, expected, current));
    }
    let Some(param) = param else { return Ok(()) };
    if let Some(lock) = &param.lock
        && !may_pass(lock, session, now)
    {
        return Err(Refusal::lock_held(&set.address));
    }
    if !accepts(param.strategy, &param.value, value) {
        let text = "the value does not win against the stored one";
        return Err(Refusal::new(ErrorCode::RevisionConflict, text).at(&set.address));
    }
    Ok(())
}

fn may_pass(lock: &Lock, session: &Session, now: Now) -> bool {
    match lock.grace_until_us {
        None => lock.peer == session.peer,
        Some(until) => {
            until <= now.mono_us
                || (lock.subject.is_some() && lock.subject == session.grant.subject)
        }
    }
}

fn accepts(strategy: Strategy, stored: &RawValue<'_>, offered: &RawValue<'_>) -> bool {
    let greater = match strategy {
        Strategy::Max => true,
        Strategy::Min => false,
        Strategy::LastWriterWins | Strategy::Lock | Strategy::Merge => return true,
    };
    match (stored.number(), offered.number()) {
        (Some(Number::Int(stored)), Some(Number::Int(offered))) => {
            if greater {
                offered > stored
            } else {
                offered < stored
            }
        }
        (Some(Number::Float(stored)), Some(Number::Float(offered))) => {
            if greater {
                offered > stored
            } else {
                offered < stored
            }
        }
        _ => true,
    }
}
