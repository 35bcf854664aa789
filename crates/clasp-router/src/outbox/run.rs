//! What many receivers get alike is written once: a thread's broadcasts stand one behind the other
//! in a chunk, and an outbox that gets nothing else remembers from where to where.

use std::cell::RefCell;
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard};

/// More than the frames between two flushes take, so that a run seldom ends with its chunk.
const CHUNK_BYTES: usize = 256 << 10;

thread_local! {
    static CURRENT: RefCell<Option<Arc<Chunk>>> = const { RefCell::new(None) };
}

/// Frames of one thread, in order. Bytes that a [`Run`] names never change.
#[derive(Debug, Default)]
struct Chunk(RwLock<Vec<u8>>);

/// Consecutive frames of one chunk.
///
/// Short-lived: it keeps the whole chunk, so what a socket does not take at once is to be copied.
#[derive(Debug, Clone)]
pub struct Run {
    chunk: Arc<Chunk>,
    start: u32,
    end: u32,
}

impl Run {
    /// Puts a frame behind those that this thread has put there before.
    pub(crate) fn put(frame: &[u8]) -> Option<Run> {
        CURRENT.try_with(|current| put(&mut current.borrow_mut(), frame)).ok().flatten()
    }

    /// Makes it longer by `next` if that follows it.
    #[inline]
    pub(super) fn extend(&mut self, next: &Run) -> bool {
        let follows = self.end == next.start && Arc::ptr_eq(&self.chunk, &next.chunk);
        if follows {
            self.end = next.end;
        }
        follows
    }

    /// Number of bytes.
    #[inline]
    pub(super) fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// The frames. While the guard lives, the thread that made them uses another chunk.
    pub fn bytes(&self) -> impl std::ops::Deref<Target = [u8]> + '_ {
        RwLockReadGuard::map(self.chunk.0.read(), |bytes| {
            &bytes[self.start as usize..self.end as usize]
        })
    }
}

fn put(current: &mut Option<Arc<Chunk>>, frame: &[u8]) -> Option<Run> {
    if frame.len() > CHUNK_BYTES {
        return None;
    }
    if let Some(chunk) = current
        && let Some(run) = append(chunk, frame)
    {
        return Some(run);
    }
    let mut fresh = Arc::new(Chunk(RwLock::new(Vec::with_capacity(CHUNK_BYTES))));
    let run = append(&mut fresh, frame);
    *current = Some(fresh);
    run
}

/// Appends to a chunk unless it is full, or being read at this moment.
fn append(chunk: &mut Arc<Chunk>, frame: &[u8]) -> Option<Run> {
    if let Some(chunk) = Arc::get_mut(chunk) {
        // Nobody needs what is in it.
        chunk.0.get_mut().clear();
    }
    let mut bytes = chunk.0.try_write()?;
    if bytes.len() + frame.len() > CHUNK_BYTES {
        return None;
    }
    let start = bytes.len() as u32;
    bytes.extend_from_slice(frame);
    let end = bytes.len() as u32;
    drop(bytes);
    Some(Run { chunk: Arc::clone(chunk), start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_put_one_after_the_other_are_one_run() {
        let mut current = None;
        let mut run = put(&mut current, b"one").unwrap();
        let two = put(&mut current, b"two").unwrap();
        let three = put(&mut current, b"three").unwrap();
        assert!(!run.extend(&three), "there is a gap between them");
        assert!(run.extend(&two) && run.extend(&three));
        assert_eq!(&*run.bytes(), b"onetwothree");
        assert_eq!(run.len(), 11);
    }

    #[test]
    fn a_chunk_is_used_again_when_nobody_needs_it() {
        let mut current = None;
        drop(put(&mut current, b"gone").unwrap());
        let run = put(&mut current, b"kept").unwrap();
        assert_eq!(run.start, 0);
        let next = put(&mut current, b"next").unwrap();
        assert_eq!((next.start, &*run.bytes()), (4, &b"kept"[..]));
    }

    #[test]
    fn a_full_chunk_and_one_that_is_read_give_way_to_another() {
        let mut current = None;
        let frame = vec![7; CHUNK_BYTES / 2 + 1];
        let mut run = put(&mut current, &frame).unwrap();
        let second = put(&mut current, &frame).unwrap();
        assert!(!run.extend(&second));
        let reading = second.bytes();
        let mut third = put(&mut current, b"third").unwrap();
        assert!(!third.extend(&second) && reading.len() == frame.len());
        assert_eq!(&*third.bytes(), b"third");
        assert!(put(&mut current, &vec![0; CHUNK_BYTES + 1]).is_none());
    }
}
