//! Which patterns match an address, and who is subscribed to each pattern.
//!
//! A literal pattern is found by one hash lookup with the address as key; patterns with wildcards
//! live in a [`Trie`]. Whoever keeps a result compares [`Index::generation`] before using it again.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use clasp_protocol::Pattern;

pub(crate) use super::trie::Scratch;
use super::trie::Trie;

/// Name of a pattern as long as it has subscribers; reused afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PatternId(pub(crate) u32);

/// One subscription: the session and the id that it chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// The session.
    pub(crate) peer: u64,
    /// Its own number for the subscription.
    pub(crate) id: u32,
}

/// Patterns and their subscribers.
#[derive(Debug)]
pub(crate) struct Index<T> {
    slots: Vec<Slot<T>>,
    free: Option<u32>,
    /// Ids by the text of their pattern; the text is stored in the slot only.
    by_text: HashTable<u32>,
    hasher: DefaultHashBuilder,
    wildcards: Trie,
    subscriptions: usize,
    generation: u64,
}

#[derive(Debug)]
enum Slot<T> {
    /// Next free slot.
    Free(Option<u32>),
    Used(Entry<T>),
}

#[derive(Debug)]
struct Entry<T> {
    pattern: Pattern,
    /// Sorted by key.
    subscribers: Vec<(Key, T)>,
}

impl<T> Slot<T> {
    fn entry(&self) -> Option<&Entry<T>> {
        match self {
            Slot::Used(entry) => Some(entry),
            Slot::Free(_) => None,
        }
    }

    fn text(&self) -> &str {
        self.entry().map_or("", |entry| entry.pattern.as_str())
    }
}

impl<T> Default for Index<T> {
    fn default() -> Index<T> {
        Index {
            slots: Vec::new(),
            free: None,
            by_text: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            wildcards: Trie::default(),
            subscriptions: 0,
            generation: 0,
        }
    }
}

impl<T> Index<T> {
    /// Adds a subscription, or replaces the one of the same key and pattern.
    pub(crate) fn insert(&mut self, pattern: Pattern, key: Key, subscriber: T) -> PatternId {
        self.generation += 1;
        let Some(id) = self.find(pattern.as_str()) else {
            return self.insert_pattern(pattern, (key, subscriber));
        };
        if let Some(Slot::Used(entry)) = self.slots.get_mut(id.0 as usize) {
            let list = &mut entry.subscribers;
            match place(list, key) {
                Ok(place) => list[place].1 = subscriber,
                Err(place) => {
                    list.insert(place, (key, subscriber));
                    self.subscriptions += 1;
                }
            }
        }
        id
    }

    /// Ends a subscription; a pattern that nobody is subscribed to any more is forgotten.
    pub(crate) fn remove(&mut self, id: PatternId, key: Key) -> Option<T> {
        let Some(Slot::Used(entry)) = self.slots.get_mut(id.0 as usize) else {
            return None;
        };
        let list = &mut entry.subscribers;
        let place = place(list, key).ok()?;
        let (_, subscriber) = list.remove(place);
        if list.is_empty() {
            self.forget(id);
        } else if list.len() * 4 <= list.capacity() {
            list.shrink_to(list.len() * 2);
        }
        self.subscriptions -= 1;
        self.generation += 1;
        Some(subscriber)
    }

    /// The id of the pattern with this text.
    pub(crate) fn find(&self, pattern_text: &str) -> Option<PatternId> {
        let hash = self.hasher.hash_one(pattern_text);
        let same = |id: &u32| self.slots[*id as usize].text() == pattern_text;
        self.by_text.find(hash, same).map(|id| PatternId(*id))
    }

    /// Fills `out` with all patterns that match, in ascending order.
    pub(crate) fn matching(&self, address: &str, scratch: &mut Scratch, out: &mut Vec<PatternId>) {
        out.clear();
        if !self.wildcards.is_empty() {
            self.wildcards.matching(address, scratch, |pattern| out.push(PatternId(pattern)));
        }
        let exact = self.find(address);
        out.extend(exact.filter(|id| self.pattern(*id).is_some_and(Pattern::is_literal)));
        out.sort_unstable();
    }

    /// Subscribers of a pattern, sorted by key; none if the id is not in use.
    pub(crate) fn subscribers(&self, id: PatternId) -> &[(Key, T)] {
        self.slots
            .get(id.0 as usize)
            .and_then(Slot::entry)
            .map_or(&[], |entry| entry.subscribers.as_slice())
    }

    /// The pattern of an id, if it is in use.
    pub(crate) fn pattern(&self, id: PatternId) -> Option<&Pattern> {
        self.slots.get(id.0 as usize).and_then(Slot::entry).map(|entry| &entry.pattern)
    }

    /// How many subscriptions there are.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions
    }

    /// Goes up with every change.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    fn insert_pattern(&mut self, pattern: Pattern, subscriber: (Key, T)) -> PatternId {
        let id = self.free.unwrap_or(self.slots.len() as u32);
        if !pattern.is_literal() {
            self.wildcards.insert(&pattern, id);
        }
        let hash = self.hasher.hash_one(pattern.as_str());
        let slot = Slot::Used(Entry { pattern, subscribers: vec![subscriber] });
        match self.slots.get_mut(id as usize) {
            Some(free) => {
                if let Slot::Free(next) = std::mem::replace(free, slot) {
                    self.free = next;
                }
            }
            None => self.slots.push(slot),
        }
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_text.insert_unique(hash, id, |id| hasher.hash_one(slots[*id as usize].text()));
        self.subscriptions += 1;
        PatternId(id)
    }

    fn forget(&mut self, id: PatternId) {
        let hash = self.hasher.hash_one(self.slots[id.0 as usize].text());
        if let Ok(found) = self.by_text.find_entry(hash, |other| *other == id.0) {
            found.remove();
        }
        let slot = std::mem::replace(&mut self.slots[id.0 as usize], Slot::Free(self.free));
        self.free = Some(id.0);
        if let Slot::Used(Entry { pattern, .. }) = slot
            && !pattern.is_literal()
        {
            self.wildcards.remove(&pattern);
        }
    }
}

/// Where the key is, or where it belongs; looks at the end first, because newer sessions have
/// higher numbers.
fn place<T>(list: &[(Key, T)], key: Key) -> Result<usize, usize> {
    match list.last() {
        Some((last, _)) if *last < key => Err(list.len()),
        _ => list.binary_search_by(|(other, _)| other.cmp(&key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    fn key(peer: u64) -> Key {
        Key { peer, id: 1 }
    }

    fn found<T>(index: &Index<T>, address: &str) -> Vec<String> {
        let mut out = Vec::new();
        index.matching(address, &mut Scratch::default(), &mut out);
        assert!(out.is_sorted());
        let mut texts: Vec<String> =
            out.iter().map(|id| index.pattern(*id).unwrap().as_str().to_owned()).collect();
        texts.sort_unstable();
        texts
    }

    #[test]
    fn literal_and_wildcard_patterns_are_found_together() {
        let mut index = Index::default();
        for text in ["/a/b", "/a/*", "/a/**", "/a/b*", "/**", "/a/c", "/**/b", "/*/*/c"] {
            index.insert(pattern(text), key(1), ());
        }
        assert_eq!(found(&index, "/a/b"), ["/**", "/**/b", "/a/*", "/a/**", "/a/b", "/a/b*"]);
        assert_eq!(found(&index, "/a"), ["/**", "/a/**"]);
        assert_eq!(found(&index, "/x/y/c"), ["/**", "/*/*/c"]);
    }

    #[test]
    fn a_star_in_an_address_is_an_ordinary_character() {
        let mut index = Index::default();
        for text in ["/a/*", "/a/b", "/a/**", "/a/*x"] {
            index.insert(pattern(text), key(1), ());
        }
        assert_eq!(found(&index, "/a/*"), ["/a/*", "/a/**"]);
        assert_eq!(found(&index, "/a/**"), ["/a/*", "/a/**"]);
    }

    #[test]
    fn subscribers_stay_sorted_and_a_same_key_is_replaced() {
        let mut index = Index::default();
        for peer in [5, 1, 9, 3, 5] {
            index.insert(pattern("/a"), key(peer), peer * 10 + index.len() as u64);
        }
        let id = index.find("/a").unwrap();
        let peers: Vec<u64> = index.subscribers(id).iter().map(|(key, _)| key.peer).collect();
        assert_eq!(peers, [1, 3, 5, 9]);
        assert_eq!(index.subscribers(id)[2].1, 54);
        assert_eq!(index.len(), 4);
    }

    #[test]
    fn a_pattern_without_subscribers_is_forgotten_and_its_id_reused() {
        let mut index = Index::default();
        let id = index.insert(pattern("/a/**"), key(1), 'a');
        index.insert(pattern("/b"), key(1), 'b');
        assert_eq!(index.remove(id, key(2)), None);
        assert_eq!(index.remove(id, key(1)), Some('a'));
        assert_eq!(index.remove(id, key(1)), None);
        assert_eq!(index.find("/a/**"), None);
        assert!(index.subscribers(id).is_empty() && index.pattern(id).is_none());
        assert!(found(&index, "/a/x").is_empty());
        assert!(index.wildcards.is_empty());
        assert_eq!(index.insert(pattern("/c/*"), key(1), 'c'), id);
        assert_eq!(found(&index, "/c/x"), ["/c/*"]);
        assert_eq!(index.len(), 2);
    }

    #[test]
    fn the_generation_goes_up_with_changes_only() {
        let mut index = Index::default();
        let before = index.generation();
        let id = index.insert(pattern("/a"), key(1), ());
        let after = index.generation();
        assert!(after > before);
        index.remove(id, key(2));
        assert_eq!(index.generation(), after);
        index.remove(id, key(1));
        assert!(index.generation() > after);
    }

    #[test]
    fn many_globstars_cost_no_more_than_nodes_times_segments() {
        let mut index = Index::default();
        for text in ["/**/a/**/a/**/a/**/a", "/**/a/**/a/**/a/**/b", "/**/a/**/*/**/a/**/a"] {
            index.insert(pattern(text), key(1), ());
        }
        let address = "/a".repeat(2_000);
        assert_eq!(found(&index, &address).len(), 2);
    }

    fn segment() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[ab]{1,2}",
            2 => Just("*".to_owned()),
            2 => Just("**".to_owned()),
            1 => "[ab]?\\*[ab]?",
            1 => "\\*[ab]\\*",
            1 => "a\\*\\*b",
            1 => Just("é*".to_owned()),
        ]
    }

    fn text() -> impl Strategy<Value = String> {
        (prop::collection::vec(segment(), 0..5), prop::bool::weighted(0.2)).prop_map(
            |(segments, slash)| {
                let text = format!("/{}", segments.join("/"));
                if slash && text.len() > 1 { text + "/" } else { text }
            },
        )
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(String, u64),
        Remove(prop::sample::Index),
        Match(String),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (text(), 0..4u64).prop_map(|(text, peer)| Step::Insert(text, peer)),
            2 => any::<prop::sample::Index>().prop_map(Step::Remove),
            3 => text().prop_map(Step::Match),
        ]
    }

    proptest! {
        #[test]
        fn agrees_with_trying_every_pattern(steps in prop::collection::vec(step(), 0..60)) {
            let mut index = Index::default();
            let mut model: Vec<(String, u64)> = Vec::new();
            let (mut scratch, mut out) = (Scratch::default(), Vec::new());
            for step in steps {
                match step {
                    Step::Insert(text, peer) => {
                        let Ok(pattern) = Pattern::parse(&text) else { continue };
                        index.insert(pattern, key(peer), peer);
                        if !model.contains(&(text.clone(), peer)) {
                            model.push((text, peer));
                        }
                    }
                    Step::Remove(_) if model.is_empty() => {}
                    Step::Remove(place) => {
                        let (text, peer) = model.swap_remove(place.index(model.len()));
                        let id = index.find(&text).unwrap();
                        prop_assert_eq!(index.remove(id, key(peer)), Some(peer));
                    }
                    Step::Match(address) => {
                        index.matching(&address, &mut scratch, &mut out);
                        let mut seen: Vec<(String, u64)> = Vec::new();
                        for id in &out {
                            let text = index.pattern(*id).unwrap().as_str();
                            let peers = index.subscribers(*id).iter().map(|(_, peer)| *peer);
                            seen.extend(peers.map(|peer| (text.to_owned(), peer)));
                        }
                        let mut wanted = model.clone();
                        wanted.retain(|(text, _)| pattern(text).matches(&address));
                        seen.sort_unstable();
                        wanted.sort_unstable();
                        prop_assert_eq!(seen, wanted);
                    }
                }
                prop_assert_eq!(index.len(), model.len());
            }
            for (text, peer) in model {
                let id = index.find(&text).unwrap();
                index.remove(id, key(peer));
            }
            prop_assert!(index.wildcards.is_empty() && index.by_text.is_empty());
        }
    }
}
