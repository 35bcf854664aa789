//! How many messages may be sent: budgets of a session, a subject and a remote address (spec:
//! routing.md 5.5).

mod budget;
mod pool;

use std::net::IpAddr;
use std::sync::Arc;

use clasp_auth::Network;

use crate::config::Config;
pub(crate) use budget::Verdict;
use budget::{Budget, Excess, Limit, Whose};
use pool::{Pools, Share};

/// What one connection may send: within its own budget and those it shares with others.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    own: Option<Budget>,
    subject: Option<Share<Arc<str>>>,
    address: Option<Share<Network>>,
    excess: Excess,
}

impl Allowance {
    /// Pays for a message from every budget, or from none if one of them cannot.
    pub(crate) fn take(&mut self, cost: u32, now_us: u64) -> Verdict {
        if cost == 0 {
            return Verdict::Allowed;
        }
        let mut subject = self.subject.as_ref().map(Share::lock);
        let mut address = self.address.as_ref().map(Share::lock);
        let mut budgets = [
            (Whose::Session, self.own.as_mut()),
            (Whose::Subject, subject.as_deref_mut()),
            (Whose::Address, address.as_deref_mut()),
        ];
        for (whose, budget) in &mut budgets {
            if let Some(budget) = budget
                && !budget.affords(cost, now_us)
            {
                let limit = Limit { per_second: budget.per_second, whose: *whose };
                return self.excess.refuse(limit, now_us);
            }
        }
        for (_, budget) in budgets {
            if let Some(budget) = budget {
                budget.pay(cost);
            }
        }
        Verdict::Allowed
    }
}

/// The limits of a router, and the budgets that sessions share.
#[derive(Debug)]
pub(crate) struct Rates {
    session_per_second: u32,
    subjects: Option<Arc<Pools<Arc<str>>>>,
    addresses: Option<Arc<Pools<Network>>>,
}

impl Rates {
    /// 0 means no limit, everywhere.
    pub(crate) fn new(config: &Config) -> Rates {
        Rates {
            session_per_second: config.messages_per_second_max,
            subjects: Pools::new(config.groups.subject_messages_per_second_max),
            addresses: Pools::new(config.groups.address_messages_per_second_max),
        }
    }

    /// What a session of this subject and address may send; `None` without any limit.
    pub(crate) fn allowance(
        &self,
        subject: Option<&Arc<str>>,
        remote: IpAddr,
    ) -> Option<Box<Allowance>> {
        let own = (self.session_per_second > 0).then(|| Budget::new(self.session_per_second));
        let subject = self.subjects.as_ref().zip(subject);
        let address = self.addresses.as_ref().zip(Network::limited(remote));
        let allowance = Allowance {
            own,
            subject: subject.map(|(pools, subject)| pools.join(Arc::clone(subject))),
            address: address.map(|(pools, network)| pools.join(network)),
            excess: Excess::default(),
        };
        let limited =
            allowance.own.is_some() || allowance.subject.is_some() || allowance.address.is_some();
        limited.then(|| Box::new(allowance))
    }
}

#[cfg(test)]
mod tests {
    use super::budget::{Notice, SECOND_US};
    use super::*;

    const QUIET: Verdict = Verdict::Refused { notice: None };

    /// The limit of a session alone.
    struct Bucket(Allowance);

    impl Bucket {
        fn new(per_second: u32) -> Bucket {
            Bucket(Allowance { own: Some(Budget::new(per_second)), ..Allowance::default() })
        }

        fn take(&mut self, cost: u32, now_us: u64) -> Verdict {
            let verdict = self.0.take(cost, now_us);
            match verdict {
                Verdict::Refused { notice: Some(notice) } => {
                    assert_eq!(notice.limit.whose, Whose::Session);
                    notice_of(notice.discarded)
                }
                other => other,
            }
        }
    }

    fn notice_of(discarded: u64) -> Verdict {
        let limit = Limit { per_second: 0, whose: Whose::Session };
        Verdict::Refused { notice: Some(Notice { limit, discarded }) }
    }

    #[test]
    fn no_limit_is_no_allowance() {
        let rates = Rates::new(&Config::default());
        assert!(rates.allowance(Some(&"sam".into()), "192.0.2.1".parse().unwrap()).is_none());
    }

    #[test]
    fn a_second_of_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(100);
        let now = 5 * SECOND_US;
        for _ in 0..100 {
            assert_eq!(bucket.take(1, now), Verdict::Allowed);
        }
        assert_eq!(bucket.take(1, now), notice_of(1));
        assert_eq!(bucket.take(1, now + 9_999), QUIET);
        assert_eq!(bucket.take(1, now + 10_000), Verdict::Allowed);
        assert_eq!(bucket.take(1, now + 10_001), QUIET);
    }

    #[test]
    fn free_messages_pass_an_empty_bucket() {
        let mut bucket = Bucket::new(1);
        assert_eq!(bucket.take(1, 0), Verdict::Allowed);
        assert_eq!(bucket.take(0, 0), Verdict::Allowed);
        assert_eq!(bucket.take(1, 0), notice_of(1));
    }

    #[test]
    fn a_message_larger_than_the_burst_needs_a_full_bucket_and_leaves_a_debt() {
        let mut bucket = Bucket::new(10);
        assert_eq!(bucket.take(30, 0), Verdict::Allowed);
        assert_eq!(bucket.take(1, 2 * SECOND_US), notice_of(1));
        assert_eq!(bucket.take(1, 2 * SECOND_US + 100_000), Verdict::Allowed);
        assert_eq!(bucket.take(30, 3 * SECOND_US - 1), QUIET);
    }

    #[test]
    fn notices_come_once_per_second_and_count_what_was_discarded() {
        let mut bucket = Bucket::new(1);
        assert_eq!(bucket.take(1, 0), Verdict::Allowed);
        assert_eq!(bucket.take(1, 1), notice_of(1));
        for now in 2..10 {
            assert_eq!(bucket.take(1, now), QUIET);
        }
        assert_eq!(bucket.take(2, SECOND_US + 1), Verdict::Allowed);
        assert_eq!(bucket.take(1, SECOND_US + 2), notice_of(9));
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
        assert_eq!(bucket.take(1, 0), notice_of(1));
        assert_eq!(bucket.take(1, 10 * SECOND_US), notice_of(1));
        assert_eq!(bucket.take(1, 11 * SECOND_US), Verdict::Allowed);
    }

    fn shared(session: u32, subject: u32, address: u32) -> Rates {
        let mut config = Config { messages_per_second_max: session, ..Config::default() };
        config.groups.subject_messages_per_second_max = subject;
        config.groups.address_messages_per_second_max = address;
        Rates::new(&config)
    }

    fn join(rates: &Rates, subject: &str, remote: &str) -> Box<Allowance> {
        rates.allowance(Some(&subject.into()), remote.parse().unwrap()).expect("a limit")
    }

    /// Messages that pass at one instant.
    fn passed(allowance: &mut Allowance, now_us: u64) -> usize {
        (0..100).take_while(|_| allowance.take(1, now_us) == Verdict::Allowed).count()
    }

    #[test]
    fn sessions_of_one_subject_share_a_budget_wherever_they_come_from() {
        let rates = shared(0, 10, 0);
        let mut first = join(&rates, "sam", "192.0.2.1");
        let mut second = join(&rates, "sam", "192.0.2.2");
        let mut other = join(&rates, "kim", "192.0.2.1");
        assert_eq!(passed(&mut first, SECOND_US), 10);
        assert_eq!(passed(&mut second, SECOND_US), 0);
        assert_eq!(passed(&mut other, SECOND_US), 10);
    }

    #[test]
    fn sessions_of_one_address_share_a_budget_whoever_they_are() {
        let rates = shared(0, 0, 10);
        let mut first = join(&rates, "sam", "2001:db8::1");
        let mut second = join(&rates, "kim", "2001:db8::2");
        assert_eq!(passed(&mut first, SECOND_US), 10);
        assert_eq!(passed(&mut second, SECOND_US), 0);
    }

    #[test]
    fn what_one_budget_refuses_costs_the_others_nothing() {
        let rates = shared(2, 10, 0);
        let mut first = join(&rates, "sam", "192.0.2.1");
        let mut second = join(&rates, "sam", "192.0.2.1");
        for _ in 0..50 {
            first.take(1, SECOND_US);
        }
        assert_eq!(passed(&mut second, SECOND_US), 2, "its own limit, not the shared one");
        assert_eq!(passed(&mut join(&rates, "sam", "192.0.2.1"), SECOND_US), 2);
    }

    #[test]
    fn a_notice_says_whose_limit_it_is() {
        let mut allowance = join(&shared(0, 1, 0), "sam", "192.0.2.1");
        allowance.take(1, 0);
        let Verdict::Refused { notice: Some(notice) } = allowance.take(1, 0) else {
            panic!("a notice is due")
        };
        let text = notice.to_string();
        assert!(text.contains("1 messages/second for all sessions of your account"), "{text}");
    }

    #[test]
    fn a_shared_budget_is_forgotten_with_its_last_session() {
        let rates = shared(0, 10, 10);
        let first = join(&rates, "sam", "192.0.2.1");
        let second = join(&rates, "sam", "192.0.2.1");
        let lens = || {
            let lens = rates.subjects.as_ref().zip(rates.addresses.as_ref());
            lens.map(|(subjects, addresses)| (subjects.len(), addresses.len())).unwrap()
        };
        drop(first);
        assert_eq!(lens(), (1, 1));
        drop(second);
        assert_eq!(lens(), (0, 0));
    }
}
