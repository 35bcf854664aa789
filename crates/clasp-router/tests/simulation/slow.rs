//! What a client that did not read for a while is promised all the same (routing.md 5.2, O2).

use std::collections::BTreeMap;

use crate::model::{Kind, Told};
use crate::store::Store;

/// Frames from which on the simulated router treats a client as slow.
pub(crate) const SOFT_FRAMES: usize = 6;

/// Frames it keeps for a client at most.
pub(crate) const HARD_FRAMES: usize = 24;

/// Compares what a slow client has seen with all that was meant for it.
pub(crate) struct Check<'a> {
    pub(crate) name: &'a str,
    pub(crate) meant: &'a [Told],
    pub(crate) seen: &'a [String],
    pub(crate) store: &'a Store,
    pub(crate) now_us: u64,
}

impl Check<'_> {
    pub(crate) fn run(&self) {
        let Check { name, meant, seen, .. } = self;
        if meant.len() <= SOFT_FRAMES {
            let lines: Vec<_> = meant.iter().map(|told| &told.line).collect();
            assert_eq!(seen.iter().collect::<Vec<_>>(), lines, "{name} was not even slow");
            return;
        }
        let again = self.told_again();
        self.check_order(&again);
        self.check_final_values();
        self.check_replies();
        if meant.len() <= HARD_FRAMES {
            assert!(again.is_empty(), "{name} was told again without a loss: {again:?}");
            self.check_nothing_lost();
        }
    }

    /// Lines from the first one on that is not as it was meant: these can only be params told
    /// again.
    fn told_again(&self) -> Vec<&String> {
        let mut meant = self.meant.iter();
        let mut again = Vec::new();
        for line in self.seen {
            let mut rest = meant.clone();
            if again.is_empty() && rest.any(|told| told.line == *line) {
                meant = rest;
            } else if !line.starts_with("ERROR 503") {
                again.push(line);
            }
        }
        again
    }

    fn check_order(&self, again: &[&String]) {
        for line in again {
            let (address, revision) = set_of(line).unwrap_or_else(|| panic!("{line} appeared"));
            let param = self.store.get(&address, self.now_us);
            let param = param.unwrap_or_else(|| panic!("{line}: that param is gone"));
            let expected = format!("SET {address} {} rev={}", param.value, param.revision);
            assert_eq!(**line, expected, "what {} is told again", self.name);
            let known = self.last_meant(&address);
            assert_eq!(known, Some(revision), "{} was meant to hear of {line}", self.name);
        }
        let mut revisions: BTreeMap<String, u64> = BTreeMap::new();
        for (address, revision) in self.seen.iter().filter_map(|line| set_of(line)) {
            let last = revisions.insert(address.clone(), revision).unwrap_or(0);
            assert!(revision > last, "{address}: revision {revision} after {last} (O2)");
        }
    }

    fn last_meant(&self, address: &str) -> Option<u64> {
        self.meant.iter().rev().find_map(|told| match &told.kind {
            Kind::Param { address: other, revision, .. } if other == address => Some(*revision),
            _ => None,
        })
    }

    /// Whatever was dropped, the last value arrives, unless it is gone by now.
    fn check_final_values(&self) {
        let mut finals: BTreeMap<&str, u64> = BTreeMap::new();
        for told in self.meant {
            if let Kind::Param { address, revision, .. } = &told.kind {
                finals.insert(address, *revision);
            }
        }
        for (address, revision) in finals {
            let seen = self.seen.iter().rev().filter_map(|line| set_of(line));
            let last = seen.into_iter().find(|(other, _)| other == address);
            let gone = self.store.get(address, self.now_us).is_none();
            let lost = self.meant.len() > HARD_FRAMES;
            let right = last.as_ref().is_some_and(|(_, last)| *last == revision);
            let name = self.name;
            assert!(right || (gone && lost), "{name}: {address} ends on {last:?}, not {revision}");
        }
    }

    fn check_replies(&self) {
        for told in self.meant.iter().filter(|told| told.kind == Kind::Reply) {
            assert!(self.seen.contains(&told.line), "{} lost {}", self.name, told.line);
        }
    }

    /// Below the hard limit only params and streams give way, and only to newer ones.
    fn check_nothing_lost(&self) {
        let stays = |place: usize| {
            let later = &self.meant[place + 1..];
            match &self.meant[place].kind {
                Kind::Event | Kind::Reply | Kind::Param { bundled: true, .. } => true,
                Kind::Param { address, .. } => !later.iter().any(|told| {
                    let Kind::Param { address: other, bundled: false, .. } = &told.kind else {
                        return false;
                    };
                    other == address
                }),
                Kind::Stream { address } => !later.iter().any(|told| {
                    matches!(&told.kind, Kind::Stream { address: other } if other == address)
                }),
            }
        };
        let mut seen = self.seen.iter();
        for place in (0..self.meant.len()).filter(|place| stays(*place)) {
            let line = &self.meant[place].line;
            assert!(seen.any(|other| other == line), "{} lost {line}", self.name);
        }
    }
}

/// Address and revision of a SET.
fn set_of(line: &str) -> Option<(String, u64)> {
    let mut words = line.strip_prefix("SET ")?.split(' ');
    let address = words.next()?.to_owned();
    let revision = words.find_map(|word| word.strip_prefix("rev="))?;
    Some((address, revision.parse().ok()?))
}
