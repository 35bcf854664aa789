//! Patterns with wildcards, as a tree of segments that is walked with a set of active nodes.
//!
//! A walk costs at most nodes times segments, whatever the patterns are: it keeps no stack, and a
//! node is active once per segment however many ways lead to it.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use clasp_protocol::Pattern;
use clasp_protocol::pattern::Segment;

/// No such node, or no pattern ends here.
const NONE: u32 = u32::MAX;
const ROOT: u32 = 0;

/// Tree of pattern segments; patterns are known by numbers of the caller's choice.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    free: u32,
    patterns: usize,
    /// Literal edges of all nodes: child nodes by parent and segment text.
    literals: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// What leads from its parent to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Literal,
    Star,
    Globstar,
    Partial,
}

#[derive(Debug)]
struct Node {
    /// Text of a literal or partial edge.
    text: Box<str>,
    edge: Edge,
    parent: u32,
    star: u32,
    globstar: u32,
    /// First of the children with partial segments.
    partial: u32,
    /// Next partial child of the same parent; in a free node, the next free one.
    sibling: u32,
    children: u32,
    /// The pattern that ends here.
    pattern: u32,
}

/// Memory of a walk, kept by the caller so that walks need not allocate.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    active: Vec<u32>,
    next: Vec<u32>,
    /// Round in which a node was last made active.
    rounds: Vec<u32>,
    round: u32,
}

impl Scratch {
    /// Starts the next set of active nodes.
    fn begin(&mut self, nodes: usize) {
        if self.rounds.len() < nodes {
            self.rounds.resize(nodes, 0);
        }
        self.next.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.rounds.fill(0);
            self.round = 1;
        }
    }

    /// Adds a node to the next set; false if it is there already.
    fn activate(&mut self, node: u32) -> bool {
        let fresh = std::mem::replace(&mut self.rounds[node as usize], self.round) != self.round;
        if fresh {
            self.next.push(node);
        }
        fresh
    }
}

impl Node {
    fn new(text: &str, edge: Edge, parent: u32) -> Node {
        Node {
            text: text.into(),
            edge,
            parent,
            star: NONE,
            globstar: NONE,
            partial: NONE,
            sibling: NONE,
            children: 0,
            pattern: NONE,
        }
    }
}

impl Default for Trie {
    fn default() -> Trie {
        Trie {
            nodes: vec![Node::new("", Edge::Literal, NONE)],
            free: NONE,
            patterns: 0,
            literals: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl Trie {
    /// Whether there is no pattern.
    pub(super) fn is_empty(&self) -> bool {
        self.patterns == 0
    }

    /// Adds a pattern under this number.
    pub(super) fn insert(&mut self, pattern: &Pattern, number: u32) {
        let mut node = ROOT;
        for segment in pattern.segments() {
            let (edge, text) = edge_of(&segment);
            node = match self.child(node, edge, text) {
                NONE => self.add_child(node, edge, text),
                child => child,
            };
        }
        let end = &mut self.nodes[node as usize];
        if end.pattern == NONE {
            self.patterns += 1;
        }
        end.pattern = number;
    }

    /// Takes a pattern out, and the nodes that only it needed.
    pub(super) fn remove(&mut self, pattern: &Pattern) {
        let mut node = ROOT;
        for segment in pattern.segments() {
            let (edge, text) = edge_of(&segment);
            node = self.child(node, edge, text);
            if node == NONE {
                return;
            }
        }
        if std::mem::replace(&mut self.nodes[node as usize].pattern, NONE) != NONE {
            self.patterns -= 1;
        }
        while node != ROOT && self.is_bare(node) {
            node = self.remove_child(node);
        }
    }

    /// Tells the number of every pattern that matches, each once.
    pub(super) fn matching(
        &self,
        address: &str,
        scratch: &mut Scratch,
        mut found: impl FnMut(u32),
    ) {
        let Some(path) = address.strip_prefix('/') else {
            return;
        };
        scratch.begin(self.nodes.len());
        self.enter(ROOT, scratch);
        for segment in path.split('/') {
            std::mem::swap(&mut scratch.active, &mut scratch.next);
            if scratch.active.is_empty() {
                return;
            }
            scratch.begin(self.nodes.len());
            self.step(segment, scratch);
        }
        for node in &scratch.next {
            let pattern = self.nodes[*node as usize].pattern;
            if pattern != NONE {
                found(pattern);
            }
        }
    }

    /// Follows every edge that this segment opens.
    fn step(&self, segment: &str, scratch: &mut Scratch) {
        let hash = self.hasher.hash_one(segment);
        for place in 0..scratch.active.len() {
            let id = scratch.active[place];
            let node = &self.nodes[id as usize];
            if node.edge == Edge::Globstar {
                self.enter(id, scratch);
            }
            if node.star != NONE && Segment::Star.matches(segment) {
                self.enter(node.star, scratch);
            }
            let mut partial = node.partial;
            while partial != NONE {
                let child = &self.nodes[partial as usize];
                if Segment::Partial(&child.text).matches(segment) {
                    self.enter(partial, scratch);
                }
                partial = child.sibling;
            }
            if let Some(child) = self.literal(id, segment, hash) {
                self.enter(child, scratch);
            }
        }
    }

    /// Makes a node active, and the `**` below it, which may stand for nothing.
    fn enter(&self, mut node: u32, scratch: &mut Scratch) {
        while node != NONE && scratch.activate(node) {
            node = self.nodes[node as usize].globstar;
        }
    }

    fn literal(&self, parent: u32, text: &str, text_hash: u64) -> Option<u32> {
        let same = |child: &u32| {
            let child = &self.nodes[*child as usize];
            child.parent == parent && *child.text == *text
        };
        self.literals.find(self.edge_hash(parent, text_hash), same).copied()
    }

    fn edge_hash(&self, parent: u32, text_hash: u64) -> u64 {
        self.hasher.hash_one((text_hash, parent))
    }

    fn child(&self, parent: u32, edge: Edge, text: &str) -> u32 {
        let node = &self.nodes[parent as usize];
        match edge {
            Edge::Star => node.star,
            Edge::Globstar => node.globstar,
            Edge::Literal => self.literal(parent, text, self.hasher.hash_one(text)).unwrap_or(NONE),
            Edge::Partial => {
                let mut child = node.partial;
                while child != NONE && *self.nodes[child as usize].text != *text {
                    child = self.nodes[child as usize].sibling;
                }
                child
            }
        }
    }

    fn add_child(&mut self, parent: u32, edge: Edge, text: &str) -> u32 {
        let node = Node::new(text, edge, parent);
        let id = if self.free == NONE {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        } else {
            let id = self.free;
            self.free = std::mem::replace(&mut self.nodes[id as usize], node).sibling;
            id
        };
        let above = &mut self.nodes[parent as usize];
        above.children += 1;
        match edge {
            Edge::Star => above.star = id,
            Edge::Globstar => above.globstar = id,
            Edge::Partial => {
                let first = std::mem::replace(&mut above.partial, id);
                self.nodes[id as usize].sibling = first;
            }
            Edge::Literal => {
                let hash = self.edge_hash(parent, self.hasher.hash_one(text));
                let (nodes, hasher) = (&self.nodes, &self.hasher);
                self.literals.insert_unique(hash, id, |child| {
                    let child = &nodes[*child as usize];
                    hasher.hash_one((hasher.hash_one(&*child.text), child.parent))
                });
            }
        }
        id
    }

    /// Whether a node serves no pattern.
    fn is_bare(&self, node: u32) -> bool {
        let node = &self.nodes[node as usize];
        node.children == 0 && node.pattern == NONE
    }

    /// Frees a node without children; gives its parent.
    fn remove_child(&mut self, id: u32) -> u32 {
        let bare = Node { sibling: self.free, ..Node::new("", Edge::Literal, NONE) };
        let node = std::mem::replace(&mut self.nodes[id as usize], bare);
        self.free = id;
        let above = &mut self.nodes[node.parent as usize];
        above.children -= 1;
        match node.edge {
            Edge::Star => above.star = NONE,
            Edge::Globstar => above.globstar = NONE,
            Edge::Partial => self.unlink_partial(id, &node),
            Edge::Literal => {
                let hash = self.edge_hash(node.parent, self.hasher.hash_one(&*node.text));
                if let Ok(found) = self.literals.find_entry(hash, |child| *child == id) {
                    found.remove();
                }
            }
        }
        node.parent
    }

    fn unlink_partial(&mut self, id: u32, node: &Node) {
        let above = &mut self.nodes[node.parent as usize];
        if above.partial == id {
            above.partial = node.sibling;
            return;
        }
        let mut before = above.partial;
        while before != NONE {
            let sibling = &mut self.nodes[before as usize].sibling;
            if *sibling == id {
                *sibling = node.sibling;
                return;
            }
            before = *sibling;
        }
    }
}

fn edge_of<'a>(segment: &Segment<'a>) -> (Edge, &'a str) {
    match *segment {
        Segment::Literal(text) => (Edge::Literal, text),
        Segment::Partial(text) => (Edge::Partial, text),
        Segment::Star => (Edge::Star, ""),
        Segment::Globstar => (Edge::Globstar, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trie(patterns: &[&str]) -> Trie {
        let mut trie = Trie::default();
        for (number, text) in patterns.iter().enumerate() {
            trie.insert(&Pattern::parse(text).unwrap(), number as u32);
        }
        trie
    }

    fn found(trie: &Trie, scratch: &mut Scratch, address: &str) -> Vec<u32> {
        let mut out = Vec::new();
        trie.matching(address, scratch, |pattern| out.push(pattern));
        out.sort_unstable();
        out
    }

    #[test]
    fn removed_patterns_leave_no_nodes() {
        let texts = ["/a/*/c", "/a/*/d", "/a/**", "/a/x*", "/a/*x", "/a/y*/z"];
        let mut trie = trie(&texts);
        for text in texts {
            trie.remove(&Pattern::parse(text).unwrap());
        }
        assert!(trie.is_empty() && trie.literals.is_empty());
        let root = &trie.nodes[ROOT as usize];
        assert_eq!((root.children, root.star, root.globstar, root.partial), (0, NONE, NONE, NONE));
        let mut free = 0;
        let mut next = trie.free;
        while next != NONE {
            free += 1;
            next = trie.nodes[next as usize].sibling;
        }
        assert_eq!(free, trie.nodes.len() - 1);
    }

    #[test]
    fn one_scratch_serves_tries_of_any_size() {
        let (small, large) = (trie(&["/*"]), trie(&["/a/b/*", "/a/b*/c", "/**/c", "/*/*/*"]));
        let mut scratch = Scratch::default();
        assert_eq!(found(&small, &mut scratch, "/a"), [0]);
        assert_eq!(found(&large, &mut scratch, "/a/b/c"), [0, 1, 2, 3]);
        assert_eq!(found(&small, &mut scratch, "/a/b/c"), [0; 0]);
    }

    #[test]
    fn rounds_may_wrap_around() {
        let trie = trie(&["/a/*", "/**"]);
        let mut scratch = Scratch::default();
        assert_eq!(found(&trie, &mut scratch, "/a/b"), [0, 1]);
        scratch.round = u32::MAX - 1;
        assert_eq!(found(&trie, &mut scratch, "/a/b"), [0, 1]);
        assert_eq!(found(&trie, &mut scratch, "/a/b"), [0, 1]);
    }

    #[test]
    fn an_address_without_leading_slash_matches_nothing() {
        let trie = trie(&["/*", "/**"]);
        assert_eq!(found(&trie, &mut Scratch::default(), "a"), [0; 0]);
        assert_eq!(found(&trie, &mut Scratch::default(), ""), [0; 0]);
    }
}
