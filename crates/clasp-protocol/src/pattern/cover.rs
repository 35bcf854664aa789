//! Whether one pattern covers another (spec: routing.md 12.4).
//!
//! The pattern is run as an automaton, its states a set of bits, over the addresses that the
//! request matches. Where the request leaves a segment or character open, one that occurs in no
//! pattern stands for all: it is the hardest to match. What remains is how often `**` repeats, and
//! after a few repetitions the states stay as they are.

use std::collections::HashSet;

use super::{Pattern, Segment};

/// Pairs of place and states that are looked at before the answer is "not covered".
const STEPS_MAX: usize = 16_384;

/// The covering pattern: bit i of a set of states means that segments from i on are left to match.
struct Automaton<'a> {
    segments: Vec<Segment<'a>>,
    globstars: u128,
}

impl<'a> Automaton<'a> {
    fn new(pattern: &'a Pattern) -> Option<Automaton<'a>> {
        let segments: Vec<_> = pattern.segments().collect();
        if segments.len() >= 128 {
            return None;
        }
        let globstars = mask(&segments, |segment| *segment == Segment::Globstar);
        Some(Automaton { segments, globstars })
    }

    /// States whose next segment takes this one of the request, where `*` stands for itself.
    fn taking(&self, text: &str) -> u128 {
        mask(&self.segments, |segment| segment.matches(text))
    }

    fn step(&self, states: u128, taking: u128) -> u128 {
        let moved = (states & taking & !self.globstars) << 1;
        self.close(moved | (states & self.globstars))
    }

    /// Adds the states behind globstars that match nothing, and drops those before the last
    /// globstar that is reached: whatever they accept, it accepts too.
    fn close(&self, mut states: u128) -> u128 {
        loop {
            let wider = states | (states & self.globstars) << 1;
            if wider == states {
                break;
            }
            states = wider;
        }
        match (states & self.globstars).checked_ilog2() {
            Some(last) => states >> last << last,
            None => states,
        }
    }

    fn accepts(&self, states: u128) -> bool {
        states >> self.segments.len() & 1 == 1
    }
}

fn mask<'a>(segments: &[Segment<'a>], wanted: impl Fn(&Segment<'a>) -> bool) -> u128 {
    let bits = segments.iter().enumerate().filter(|(_, segment)| wanted(segment));
    bits.fold(0, |mask, (at, _)| mask | 1 << at)
}

/// Sound always; complete within [`STEPS_MAX`] and 127 segments.
pub(super) fn covers(pattern: &Pattern, request: &Pattern) -> bool {
    let Some(automaton) = Automaton::new(pattern) else {
        return false;
    };
    let texts: Vec<&str> = request.as_str().split('/').skip(1).collect();
    let taking: Vec<u128> = texts.iter().map(|text| automaton.taking(text)).collect();
    let anything = automaton.taking("*");
    let mut seen = HashSet::new();
    let mut open = vec![(0, automaton.close(1), false)];
    while let Some((at, states, begun)) = open.pop() {
        if states == 0 || seen.len() >= STEPS_MAX {
            return false;
        }
        if !seen.insert((at, states, begun)) {
            continue;
        }
        match texts.get(at) {
            // An address has at least one segment.
            None if automaton.accepts(states) || !begun => {}
            None => return false,
            Some(&"**") => {
                open.push((at + 1, states, begun));
                open.push((at, automaton.step(states, anything), true));
            }
            Some(_) => open.push((at + 1, automaton.step(states, taking[at]), true)),
        }
    }
    true
}
