//! What clients are told whose token is refused: a short and stable set of reasons that gives
//! nothing away; the details go to the debug log (spec: relay.md 8.2).

use std::fmt::Display;

use crate::Denied;

/// The token cannot be read.
pub(crate) const MALFORMED: &str = "malformed token";

/// It can be read, and that is all there is to say to a stranger.
pub(crate) const NOT_ACCEPTED: &str = "token not accepted";

/// Its time has not come.
pub(crate) const NOT_YET: &str = "token not valid yet";

/// A capability token whose parents cannot be verified.
pub(crate) const NO_CHAIN: &str = "delegated token without 'chain' cannot be verified";

/// A capability token that names an audience.
pub(crate) const FOR_DELEGATION: &str = "token names an audience and cannot be presented";

/// Refuses a token that cannot be read.
pub(crate) fn malformed(kind: &str, detail: &dyn Display) -> Denied {
    tracing::debug!("{kind} token refused: {detail}");
    Denied::Invalid(MALFORMED.into())
}

/// Refuses a token and keeps the reason to the log.
pub(crate) fn not_accepted(kind: &str, detail: &dyn Display) -> Denied {
    tracing::debug!("{kind} token refused: {detail}");
    Denied::Invalid(NOT_ACCEPTED.into())
}

/// Refuses a token whose time has not come.
pub(crate) fn not_yet(kind: &str, detail: &dyn Display) -> Denied {
    tracing::debug!("{kind} token refused: {detail}");
    Denied::Invalid(NOT_YET.into())
}

/// Seconds as a grant counts them.
pub(crate) fn microseconds(seconds: u64) -> u64 {
    seconds.saturating_mul(1_000_000)
}
