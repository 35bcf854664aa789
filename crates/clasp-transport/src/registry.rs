//! All open links of a server, for those who visit every one of them.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::link::Link;

/// Links visited at a time, so that the lock is held briefly.
const VISIT_LINKS: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Registry {
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    links: Vec<Option<Arc<Link>>>,
    free: Vec<u32>,
}

impl Registry {
    /// Adds a link; its place is for [`Self::remove`].
    pub(crate) fn insert(&self, link: Arc<Link>) -> u32 {
        let mut slots = self.slots.lock();
        if let Some(place) = slots.free.pop() {
            slots.links[place as usize] = Some(link);
            return place;
        }
        slots.links.push(Some(link));
        (slots.links.len() - 1) as u32
    }

    pub(crate) fn remove(&self, place: u32) {
        let mut slots = self.slots.lock();
        if slots.links[place as usize].take().is_some() {
            slots.free.push(place);
        }
    }

    /// Number of links.
    pub(crate) fn len(&self) -> usize {
        let slots = self.slots.lock();
        slots.links.len() - slots.free.len()
    }

    /// Collects some links into `found`, from position `from` on; the position to go on from.
    pub(crate) fn visit(&self, from: usize, found: &mut Vec<Arc<Link>>) -> Option<usize> {
        found.clear();
        let slots = self.slots.lock();
        let until = slots.links.len().min(from + VISIT_LINKS);
        found.extend(slots.links.get(from..until)?.iter().flatten().cloned());
        (until < slots.links.len()).then_some(until)
    }
}
