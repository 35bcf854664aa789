//! How many messages one connection may send: a token bucket (spec: routing.md 5.5).

const SECOND_US: u64 = 1_000_000;

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
        /// Tell the sender: messages discarded since it was told last, this one included.
        notice: Option<u64>,
    },
    /// Discard it and close: the sender has not stopped for ten seconds.
    Exhausted,
}

/// Budget of one connection, refilled at a fixed rate, with one second's worth of burst.
///
/// A message that costs more than the burst is allowed when the bucket is full, and what it cost
/// has to be earned back before the next one.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    per_second: u32,
    /// Millionths of a message; below zero after a message larger than the burst.
    budget: i64,
    refilled_us: u64,
    /// When the present excess began and when it was last seen.
    excess: Option<(u64, u64)>,
    noticed_us: Option<u64>,
    discarded: u64,
}

impl Bucket {
    /// A full bucket; 0 per second means no limit.
    pub(crate) fn new(per_second: u32) -> Bucket {
        Bucket {
            per_second,
            budget: micro(per_second),
            refilled_us: 0,
            excess: None,
            noticed_us: None,
            discarded: 0,
        }
    }

    /// Pays for a message; `now_us` is the monotonic clock.
    pub(crate) fn take(&mut self, cost: u32, now_us: u64) -> Verdict {
        if self.per_second == 0 || cost == 0 {
            return Verdict::Allowed;
        }
        self.refill(now_us);
        if self.budget >= micro(cost.min(self.per_second)) {
            self.budget -= micro(cost);
            return Verdict::Allowed;
        }
        self.refuse(now_us)
    }

    fn refill(&mut self, now_us: u64) {
        let full = micro(self.per_second);
        let elapsed_us = now_us.saturating_sub(self.refilled_us);
        self.refilled_us = self.refilled_us.max(now_us);
        let earned = elapsed_us.saturating_mul(u64::from(self.per_second));
        let earned = i64::try_from(earned).unwrap_or(i64::MAX);
        self.budget = self.budget.saturating_add(earned).min(full);
    }

    fn refuse(&mut self, now_us: u64) -> Verdict {
        self.discarded += 1;
        let began_us = match self.excess {
            Some((began, seen)) if now_us.saturating_sub(seen) <= EXCESS_GAP_US => began,
            _ => now_us,
        };
        self.excess = Some((began_us, now_us));
        if now_us.saturating_sub(began_us) >= EXCESS_US_MAX {
            return Verdict::Exhausted;
        }
        let due = self.noticed_us.is_none_or(|last| now_us.saturating_sub(last) >= NOTICE_US);
        let notice = due.then(|| {
            self.noticed_us = Some(now_us);
            std::mem::take(&mut self.discarded)
        });
        Verdict::Refused { notice }
    }
}

/// Messages as millionths; costs are 32-bit, so this cannot overflow.
fn micro(messages: u32) -> i64 {
    i64::from(messages) * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Verdict = Verdict::Refused { notice: None };

    fn notice(discarded: u64) -> Verdict {
        Verdict::Refused { notice: Some(discarded) }
    }

    #[test]
    fn no_limit_allows_everything() {
        let mut bucket = Bucket::new(0);
        assert_eq!(bucket.take(u32::MAX, 0), Verdict::Allowed);
    }

    #[test]
    fn a_second_of_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(100);
        let now = 5 * SECOND_US;
        for _ in 0..100 {
            assert_eq!(bucket.take(1, now), Verdict::Allowed);
        }
        assert_eq!(bucket.take(1, now), notice(1));
        assert_eq!(bucket.take(1, now + 9_999), QUIET);
        assert_eq!(bucket.take(1, now + 10_000), Verdict::Allowed);
        assert_eq!(bucket.take(1, now + 10_001), QUIET);
    }

    #[test]
    fn free_messages_pass_an_empty_bucket() {
        let mut bucket = Bucket::new(1);
        assert_eq!(bucket.take(1, 0), Verdict::Allowed);
        assert_eq!(bucket.take(0, 0), Verdict::Allowed);
        assert_eq!(bucket.take(1, 0), notice(1));
    }

    #[test]
    fn a_message_larger_than_the_burst_needs_a_full_bucket_and_leaves_a_debt() {
        let mut bucket = Bucket::new(10);
        assert_eq!(bucket.take(30, 0), Verdict::Allowed);
        assert_eq!(bucket.take(1, 2 * SECOND_US), notice(1));
        assert_eq!(bucket.take(1, 2 * SECOND_US + 100_000), Verdict::Allowed);
        assert_eq!(bucket.take(30, 3 * SECOND_US - 1), QUIET);
    }

    #[test]
    fn notices_come_once_per_second_and_count_what_was_discarded() {
        let mut bucket = Bucket::new(1);
        assert_eq!(bucket.take(1, 0), Verdict::Allowed);
        assert_eq!(bucket.take(1, 1), notice(1));
        for now in 2..10 {
            assert_eq!(bucket.take(1, now), QUIET);
        }
        assert_eq!(bucket.take(2, SECOND_US + 1), Verdict::Allowed);
        assert_eq!(bucket.take(1, SECOND_US + 2), notice(9));
    }

    #[test]
    fn ten_seconds_of_excess_end_the_connection() {
        let mut bucket = Bucket::new(10);
        let mut flood = (0..1_000).map(|step| step * 50_000);
        let began_us = flood.find(|now| bucket.take(1, *now) != Verdict::Allowed).unwrap();
        let end_us = flood.find(|now| bucket.take(1, *now) == Verdict::Exhausted).unwrap();
        assert_eq!((end_us - began_us) / SECOND_US, 10);
    }

    #[test]
    fn a_pause_ends_the_excess() {
        let mut bucket = Bucket::new(1);
        let mut now = 0;
        for _ in 0..30 {
            assert_eq!(bucket.take(1, now), Verdict::Allowed);
            assert!(matches!(bucket.take(1, now), Verdict::Refused { .. }));
            now += 2 * SECOND_US;
        }
    }

    #[test]
    fn a_clock_that_goes_back_earns_nothing() {
        let mut bucket = Bucket::new(1);
        assert_eq!(bucket.take(1, 10 * SECOND_US), Verdict::Allowed);
        assert_eq!(bucket.take(1, 0), notice(1));
        assert_eq!(bucket.take(1, 10 * SECOND_US), notice(1));
        assert_eq!(bucket.take(1, 11 * SECOND_US), Verdict::Allowed);
    }
}
