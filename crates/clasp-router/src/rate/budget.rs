//! A token bucket, and what becomes of messages beyond it.

pub(super) const SECOND_US: u64 = 1_000_000;

/// Least time between two notices.
const NOTICE_US: u64 = SECOND_US;

/// Excess that goes on for so long ends the connection.
const EXCESS_US_MAX: u64 = 10 * SECOND_US;

/// Refusals further apart than this are not one continuous excess.
const EXCESS_GAP_US: u64 = SECOND_US;

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Handle it.
    Allowed,
    /// Discard it.
    Refused {
        /// What to tell the sender, if it is time to.
        notice: Option<Notice>,
    },
    /// Discard it and close: the sender has not stopped for ten seconds.
    Exhausted,
}

/// What a sender beyond a limit is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The limit that the last message went beyond.
    pub(crate) limit: Limit,
    /// Messages discarded since it was told last, the last one included.
    pub(crate) discarded: u64,
}

/// A limit and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) per_second: u32,
    pub(crate) whose: Whose,
}

/// Who has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// One session.
    Session,
    /// All sessions of one subject together.
    Subject,
    /// All sessions of one remote address together.
    Address,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whose = match self.limit.whose {
            Whose::Session => "",
            Whose::Subject => " for all sessions of your account",
            Whose::Address => " for all sessions from your address",
        };
        let per_second = self.limit.per_second;
        let discarded = self.discarded;
        write!(
            f,
            "rate limit of {per_second} messages/second{whose} exceeded: {discarded} discarded"
        )
    }
}

/// Messages that may be sent, refilled at a fixed rate, with one second's worth of burst.
///
/// A message that costs more than the burst is allowed when the budget is full, and what it cost
/// has to be earned back before the next one.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    pub(super) per_second: u32,
    /// Millionths of a message; below zero after a message larger than the burst.
    left: i64,
    refilled_us: u64,
}

impl Budget {
    /// A full one, of more than 0 messages per second.
    pub(super) fn new(per_second: u32) -> Budget {
        Budget { per_second, left: micro(per_second), refilled_us: 0 }
    }

    /// Whether a message of this cost may be sent; `now_us` is the monotonic clock.
    pub(super) fn affords(&mut self, cost: u32, now_us: u64) -> bool {
        let elapsed_us = now_us.saturating_sub(self.refilled_us);
        self.refilled_us = self.refilled_us.max(now_us);
        let earned = elapsed_us.saturating_mul(u64::from(self.per_second));
        let earned = i64::try_from(earned).unwrap_or(i64::MAX);
        self.left = self.left.saturating_add(earned).min(micro(self.per_second));
        self.left >= micro(cost.min(self.per_second))
    }

    pub(super) fn pay(&mut self, cost: u32) {
        self.left -= micro(cost);
    }
}

/// Messages as millionths; costs are 32-bit, so this cannot overflow.
fn micro(messages: u32) -> i64 {
    i64::from(messages) * 1_000_000
}

/// Refusals of one connection: when to tell of them and when to give up.
#[derive(Debug, Clone, Default)]
pub(super) struct Excess {
    /// When the present one began and when it was last seen.
    span_us: Option<(u64, u64)>,
    noticed_us: Option<u64>,
    discarded: u64,
}

impl Excess {
    pub(super) fn refuse(&mut self, limit: Limit, now_us: u64) -> Verdict {
        self.discarded += 1;
        let began_us = match self.span_us {
            Some((began, seen)) if now_us.saturating_sub(seen) <= EXCESS_GAP_US => began,
            _ => now_us,
        };
        self.span_us = Some((began_us, now_us));
        if now_us.saturating_sub(began_us) >= EXCESS_US_MAX {
            return Verdict::Exhausted;
        }
        let due = self.noticed_us.is_none_or(|last| now_us.saturating_sub(last) >= NOTICE_US);
        let notice = due.then(|| {
            self.noticed_us = Some(now_us);
            Notice { limit, discarded: std::mem::take(&mut self.discarded) }
        });
        Verdict::Refused { notice }
    }
}
