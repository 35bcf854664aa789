//! What waits for a slow session: conflated, bounded, every loss counted (routing.md 5.2).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::{Class, OutboxShared};
use crate::broadcast::{Broadcast, Framing, Shared};
use crate::config::OutboxConfig;
use crate::metrics::DropKind;

/// Params remembered one by one before the whole subscription is told anew.
const MISSED_MAX: usize = 100_000;

/// Frames that are already in the buffer before the backlog.
pub(super) struct Ahead {
    pub(super) frames: usize,
    pub(super) bytes: usize,
}

/// Params whose news had to be dropped.
#[derive(Debug)]
pub(crate) enum Missed {
    /// These, and maybe more.
    Some(Vec<Arc<str>>),
    /// Too many to list.
    All,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Param(Arc<str>),
    Latest(Arc<str>, Option<u32>),
}

struct Item {
    frame: Shared,
    key: Option<Key>,
}

/// Frames that wait behind a full buffer.
#[derive(Default)]
pub(super) struct Backlog {
    /// Goes out before anything else.
    urgent: Option<Shared>,
    /// Frames in order; `None` where a newer one took over.
    items: VecDeque<Option<Item>>,
    /// Position of the first item.
    first: u64,
    latest: HashMap<Key, u64>,
    /// Positions of conflatable stream frames, oldest first.
    streams: VecDeque<u64>,
    live: usize,
    bytes: usize,
    missed: HashSet<Arc<str>>,
    missed_all: bool,
    over_hard_since_us: Option<u64>,
    fresh_drops: u32,
}

impl Backlog {
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.urgent.as_ref().map_or(0, Shared::len)
    }

    pub(super) fn has_missed(&self) -> bool {
        self.missed_all || !self.missed.is_empty()
    }

    /// Up to so many params that were missed. Each stays listed until it is queued again
    /// ([`Class::Again`]) or given up.
    pub(super) fn missed(&mut self, count: usize) -> Option<Missed> {
        if std::mem::take(&mut self.missed_all) {
            self.missed.clear();
            return Some(Missed::All);
        }
        let missed: Vec<_> = self.missed.iter().take(count).cloned().collect();
        (!missed.is_empty()).then_some(Missed::Some(missed))
    }

    /// There is nothing to tell about a param that was missed.
    pub(super) fn give_up_missed(&mut self, address: &str) {
        self.missed.remove(address);
    }

    pub(super) fn push(
        &mut self,
        frame: &Broadcast,
        class: Class<'_>,
        ahead: &Ahead,
        shared: &OutboxShared,
    ) {
        let limits = &shared.limits;
        let slow = self.live + ahead.frames >= limits.soft_frames_max
            || self.bytes + ahead.bytes + frame.len() > limits.soft_bytes_max;
        let key = match class {
            Class::Param(address) => Some(Key::Param(Arc::clone(address))),
            Class::Again(address) if self.missed.contains(address) => {
                Some(Key::Param(Arc::clone(address)))
            }
            Class::Again(_) => return,
            Class::Latest(address, id) => Some(Key::Latest(Arc::clone(address), id)),
            Class::Reply | Class::BundledParam(_) | Class::Ordered => None,
        };
        if slow && let Some(position) = key.as_ref().and_then(|key| self.latest.remove(key)) {
            self.remove(position);
            shared.metrics.conflated();
        }
        let full = self.live + ahead.frames >= limits.hard_frames_max
            || self.bytes + ahead.bytes + frame.len() > limits.hard_bytes_max;
        if full && !self.make_room(class, shared) {
            return;
        }
        if let Class::Param(address) | Class::BundledParam(address) | Class::Again(address) = class
        {
            self.missed.remove(address);
        }
        self.insert(frame.shared(), key);
    }

    /// Decides what is lost when the queue is full; false means the new frame.
    fn make_room(&mut self, class: Class<'_>, shared: &OutboxShared) -> bool {
        match class {
            Class::Reply => return true,
            Class::Again(_) => return false,
            Class::Param(address) | Class::BundledParam(address) => {
                self.missed_all |= self.missed.len() >= MISSED_MAX;
                if !self.missed_all {
                    self.missed.insert(Arc::clone(address));
                }
                shared.metrics.dropped(DropKind::Param);
            }
            Class::Latest(..) => {
                shared.metrics.dropped(DropKind::Stream);
                while let Some(position) = self.streams.pop_front() {
                    if self.remove_stream(position) {
                        self.fresh_drops += 1;
                        return true;
                    }
                }
            }
            Class::Ordered => shared.metrics.dropped(DropKind::Event),
        }
        self.fresh_drops += 1;
        false
    }

    fn remove_stream(&mut self, position: u64) -> bool {
        let Some(index) = position.checked_sub(self.first) else { return false };
        let item = self.items.get(index as usize).and_then(Option::as_ref);
        let Some(Key::Latest(address, id)) = item.and_then(|item| item.key.clone()) else {
            return false;
        };
        self.latest.remove(&Key::Latest(address, id));
        self.remove(position);
        true
    }

    fn insert(&mut self, frame: Shared, key: Option<Key>) {
        let position = self.first + self.items.len() as u64;
        if let Some(key) = &key {
            if matches!(key, Key::Latest(..)) {
                self.streams.push_back(position);
            }
            self.latest.insert(key.clone(), position);
        }
        self.live += 1;
        self.bytes += frame.len();
        self.items.push_back(Some(Item { frame, key }));
        if self.items.len() > 2 * self.live + 64 {
            self.compact();
        }
    }

    fn remove(&mut self, position: u64) {
        let slot = position
            .checked_sub(self.first)
            .and_then(|index| self.items.get_mut(index as usize))
            .and_then(Option::take);
        if let Some(item) = slot {
            self.live -= 1;
            self.bytes -= item.frame.len();
        }
    }

    /// Closes the gaps that conflation left.
    fn compact(&mut self) {
        self.items.retain(Option::is_some);
        self.latest.clear();
        self.streams.clear();
        for (index, item) in self.items.iter().enumerate() {
            let position = self.first + index as u64;
            let Some(key) = item.as_ref().and_then(|item| item.key.clone()) else { continue };
            if matches!(key, Key::Latest(..)) {
                self.streams.push_back(position);
            }
            self.latest.insert(key, position);
        }
    }

    /// Appends frames to the buffer until it holds about `bytes`.
    pub(super) fn refill(&mut self, ready: &mut Vec<u8>, bytes: usize, framing: Framing) {
        if let Some(urgent) = self.urgent.take() {
            urgent.append(framing, ready);
        }
        while ready.len() < bytes {
            let Some(slot) = self.items.pop_front() else { break };
            let position = self.first;
            self.first += 1;
            let Some(item) = slot else { continue };
            self.live -= 1;
            self.bytes -= item.frame.len();
            if let Some(key) = &item.key
                && self.latest.get(key) == Some(&position)
            {
                self.latest.remove(key);
            }
            item.frame.append(framing, ready);
        }
        while self.streams.front().is_some_and(|position| *position < self.first) {
            self.streams.pop_front();
        }
    }

    pub(super) fn over_hard_since_us(
        &mut self,
        ahead: &Ahead,
        limits: &OutboxConfig,
        now_us: u64,
    ) -> Option<u64> {
        // Refused frames keep the queue just below the limit, so a queue that cannot take another
        // frame of ordinary size counts as full.
        let full = self.live + ahead.frames >= limits.hard_frames_max
            || self.bytes + ahead.bytes + limits.hard_bytes_max / 8 >= limits.hard_bytes_max;
        if !full {
            self.over_hard_since_us = None;
            return None;
        }
        Some(*self.over_hard_since_us.get_or_insert(now_us))
    }

    /// Losses since the last call.
    pub(super) fn take_fresh_drops(&mut self) -> u32 {
        std::mem::take(&mut self.fresh_drops)
    }

    /// Puts a frame ahead of everything that waits.
    pub(super) fn push_urgent(&mut self, frame: &Broadcast) {
        self.urgent = Some(frame.shared());
    }
}
