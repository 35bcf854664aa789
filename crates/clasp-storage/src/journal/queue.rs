//! Entries on their way to the disk: numbered and kept in order until the writer has committed
//! them. Appending copies and counts under one short lock, and waits for nothing else.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use clasp_router::Now;
use clasp_router::journal::Entry;
use parking_lot::{Condvar, Mutex};

use super::chunk::Chunk;
use super::options::JournalOptions;
use super::retention::Compaction;
use crate::error::StorageError;

/// Bytes from which on a chunk takes no further group.
const CHUNK_BYTES: usize = 1 << 20;

/// Entries that one transaction takes at most, but for the last chunk's.
const TRANSACTION_ENTRIES: usize = 16_384;

/// How often the writer looks for something to clear away when nothing happens.
const IDLE: Duration = Duration::from_secs(5);

/// What waits between the router and the writer.
#[derive(Debug)]
pub(crate) struct Queue {
    options: JournalOptions,
    state: Mutex<State>,
    wake: Condvar,
    /// Something was stored, or could not be.
    progress: Condvar,
    latest: AtomicU64,
    durable: AtomicU64,
    /// When the oldest entry that waits should be durable; by the router's monotonic clock.
    due_us: AtomicU64,
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

#[derive(Debug)]
struct State {
    /// Sequence number of the next entry.
    next: u64,
    open: Chunk,
    frozen: VecDeque<Arc<Chunk>>,
    commands: VecDeque<Command>,
    /// Somebody waits for everything up to here.
    hurry: u64,
    /// When the last batch was taken.
    taken: Instant,
    /// How long it takes to store a batch; follows upwards at once and downwards slowly.
    pace: Duration,
    closing: bool,
}

/// Something the writer is asked to do between two batches.
#[derive(Debug)]
pub(crate) enum Command {
    /// Remove what need not be kept and give its room back.
    Compact(SyncSender<Result<Compaction, StorageError>>),
}

/// What the writer has to do next.
#[derive(Debug)]
pub(crate) enum Work {
    Batch(Vec<Arc<Chunk>>),
    Command(Command),
    /// Nothing waits.
    Idle,
    /// Everything is written, and nothing more will come.
    Close,
}

/// What waits at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// Every entry up to here is in the tables.
    pub(crate) stored: u64,
    /// Sequence number of the newest entry.
    pub(crate) latest: u64,
}

impl Queue {
    /// With nothing in it, after an entry of this number.
    pub(crate) fn new(latest: u64, options: JournalOptions) -> Queue {
        let state = State {
            next: latest + 1,
            open: Chunk::default(),
            frozen: VecDeque::new(),
            commands: VecDeque::new(),
            hurry: 0,
            taken: Instant::now(),
            pace: Duration::ZERO,
            closing: false,
        };
        Queue {
            options,
            state: Mutex::new(state),
            wake: Condvar::new(),
            progress: Condvar::new(),
            latest: AtomicU64::new(latest),
            durable: AtomicU64::new(latest),
            due_us: AtomicU64::new(u64::MAX),
            entries: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Takes a group; gives the number of its last entry.
    pub(crate) fn append(&self, entries: &[Entry<'_>], now: Now) -> u64 {
        let mut state = self.state.lock();
        let group = (entries.len() > 1).then_some(state.next);
        let cost_before = state.open.cost_bytes();
        for entry in entries {
            let sequence = state.next;
            state.open.push(sequence, group, entry);
            state.next += 1;
        }
        state.open.came(now.mono_us);
        self.due_us.fetch_min(self.due_from(now.mono_us), Ordering::Release);
        let latest = state.next - 1;
        self.latest.store(latest, Ordering::Release);
        self.bytes.fetch_add(state.open.cost_bytes() - cost_before, Ordering::Relaxed);
        let waiting = self.entries.fetch_add(entries.len(), Ordering::Relaxed);
        let batch = self.options.batch_entries.max(1);
        if state.open.len() >= batch || state.open.cost_bytes() >= CHUNK_BYTES {
            state.freeze();
        }
        let now_waiting = waiting + entries.len();
        if waiting == 0 || (waiting < batch && now_waiting >= batch) {
            self.wake.notify_one();
        }
        latest
    }

    /// Waits for something to do; whether something `is_left` to clear away makes it come back
    /// at once when there is nothing else.
    pub(crate) fn next(&self, is_left: bool) -> Work {
        let mut state = self.state.lock();
        // What waits already may have come right after the last batch was taken.
        let mut since = state.taken;
        loop {
            if let Some(command) = state.commands.pop_front() {
                return Work::Command(command);
            }
            if !state.is_empty() {
                self.gather(&mut state, since);
                return Work::Batch(state.take());
            }
            if state.closing {
                return Work::Close;
            }
            if is_left || self.wake.wait_for(&mut state, IDLE).timed_out() && state.is_quiet() {
                return Work::Idle;
            }
            since = Instant::now();
        }
    }

    /// Waits until a batch is complete, or so old that it has to be stored now to be in time.
    fn gather(&self, state: &mut parking_lot::MutexGuard<'_, State>, since: Instant) {
        let deadline = since + self.options.flush().saturating_sub(state.pace);
        while !state.closing
            && state.commands.is_empty()
            && state.hurry <= self.durable()
            && self.entries.load(Ordering::Relaxed) < self.options.batch_entries
        {
            if self.wake.wait_until(state, deadline).timed_out() {
                return;
            }
        }
    }

    /// Waits before another attempt; returns at once, with `false`, if the journal is closing.
    pub(crate) fn pause(&self, delay: Duration) -> bool {
        let deadline = Instant::now() + delay;
        let mut state = self.state.lock();
        while !state.closing && !self.wake.wait_until(&mut state, deadline).timed_out() {}
        !state.closing
    }

    /// Forgets so many chunks from the front: they are stored.
    pub(crate) fn stored(&self, chunks: usize) {
        let mut state = self.state.lock();
        let last = state.taken.elapsed();
        state.pace = last.max((state.pace + last) / 2);
        let stored: Vec<_> = state.frozen.drain(..chunks).collect();
        for chunk in &stored {
            self.entries.fetch_sub(chunk.len(), Ordering::Relaxed);
            self.bytes.fetch_sub(chunk.cost_bytes(), Ordering::Relaxed);
            if let Some(last) = chunk.last() {
                self.durable.fetch_max(last, Ordering::Release);
            }
        }
        self.due_us.store(self.due_of(&state), Ordering::Release);
        self.progress.notify_all();
        // Their memory is given back behind the lock.
        drop(state);
    }

    fn due_from(&self, since_us: u64) -> u64 {
        since_us.saturating_add(self.options.flush_ms.saturating_mul(1_000))
    }

    fn due_of(&self, state: &State) -> u64 {
        let chunks = state.frozen.iter().map(AsRef::as_ref).chain([&state.open]);
        let since_us = chunks.filter_map(Chunk::since_us).min();
        since_us.map_or(u64::MAX, |since_us| self.due_from(since_us))
    }

    /// Waits until everything appended so far is stored, or `is_hopeless`.
    pub(crate) fn flush(&self, is_hopeless: impl Fn() -> bool) -> bool {
        let mut state = self.state.lock();
        let last = state.next - 1;
        state.hurry = state.hurry.max(last);
        self.wake.notify_one();
        while self.durable() < last {
            if is_hopeless() {
                return false;
            }
            self.progress.wait(&mut state);
        }
        true
    }

    /// Lets those who wait see that something went wrong.
    pub(crate) fn interrupt(&self) {
        let _state = self.state.lock();
        self.progress.notify_all();
    }

    /// What waits right now.
    pub(crate) fn pending(&self) -> Pending {
        let mut state = self.state.lock();
        state.freeze();
        let chunks: Vec<_> = state.frozen.iter().cloned().collect();
        let latest = state.next - 1;
        let stored = chunks.first().and_then(|chunk| chunk.first()).map_or(latest, |seq| seq - 1);
        Pending { chunks, stored, latest }
    }

    /// Lets the numbers go on after this one, if they are not there yet.
    pub(crate) fn skip_to(&self, sequence: u64) {
        let mut state = self.state.lock();
        if sequence < state.next {
            return;
        }
        state.next = sequence + 1;
        self.latest.store(sequence, Ordering::Release);
        if state.is_empty() {
            self.durable.store(sequence, Ordering::Release);
        }
    }

    /// Takes what the writer was asked, so that nobody waits for it while the disk fails.
    pub(crate) fn commands(&self) -> VecDeque<Command> {
        std::mem::take(&mut self.state.lock().commands)
    }

    /// Asks the writer; answers `false` if it has been told to end.
    pub(crate) fn ask(&self, command: Command) -> bool {
        let mut state = self.state.lock();
        if state.closing {
            return false;
        }
        state.commands.push_back(command);
        self.wake.notify_one();
        true
    }

    /// Tells the writer to end when everything is stored.
    pub(crate) fn close(&self) {
        self.state.lock().closing = true;
        self.wake.notify_one();
    }

    pub(crate) fn latest(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// When the oldest entry that waits should be durable; never if none does.
    pub(crate) fn due_us(&self) -> u64 {
        self.due_us.load(Ordering::Acquire)
    }

    /// Entries that wait.
    pub(crate) fn entries(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.entries() >= self.options.queued_entries_max
            || self.bytes.load(Ordering::Relaxed) >= self.options.queued_bytes_max
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.frozen.is_empty()
    }

    fn is_quiet(&self) -> bool {
        self.is_empty() && self.commands.is_empty() && !self.closing
    }

    /// Ends the open chunk, so that it can be shared.
    fn freeze(&mut self) {
        if !self.open.is_empty() {
            let successor = self.open.successor();
            self.frozen.push_back(Arc::new(std::mem::replace(&mut self.open, successor)));
        }
    }

    /// The chunks of the next transaction; they stay until [`Queue::stored`].
    fn take(&mut self) -> Vec<Arc<Chunk>> {
        self.freeze();
        self.taken = Instant::now();
        let mut entries = 0;
        let fits = |chunk: &&Arc<Chunk>| {
            let first = entries == 0;
            entries += chunk.len();
            first || entries <= TRANSACTION_ENTRIES
        };
        self.frozen.iter().take_while(fits).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use clasp_protocol::RawValue;
    use clasp_router::journal::Record;

    use super::*;

    const INTERVAL_US: u64 = 5_000;

    fn append(queue: &Queue, now_us: u64) {
        let record = Record::Set { value: RawValue::int(1), revision: 1, ttl: None };
        let entry = Entry { timestamp_us: 1, author: "session", address: "/a", record };
        queue.append(&[entry], Now::new(1, now_us));
    }

    fn take(queue: &Queue) -> usize {
        match queue.next(false) {
            Work::Batch(chunks) => chunks.len(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_oldest_entry_that_is_not_stored_says_what_is_due() {
        let queue = Queue::new(0, JournalOptions { batch_entries: 2, ..JournalOptions::default() });
        assert_eq!(queue.due_us(), u64::MAX, "nothing waits");
        append(&queue, 10_000);
        append(&queue, 11_000);
        let taken = take(&queue);
        append(&queue, 13_000);
        assert_eq!(queue.due_us(), 10_000 + INTERVAL_US, "it is being stored");
        append(&queue, 12_000);
        queue.stored(taken);
        assert_eq!(queue.due_us(), 12_000 + INTERVAL_US, "a clock that was read earlier counts");
        let taken = take(&queue);
        queue.stored(taken);
        assert_eq!((queue.due_us(), queue.durable()), (u64::MAX, 4));
    }

    #[test]
    fn an_interval_without_end_is_never_over() {
        let options = JournalOptions { flush_ms: u64::MAX, ..JournalOptions::default() };
        let queue = Queue::new(0, options);
        append(&queue, 1);
        assert_eq!(queue.due_us(), u64::MAX);
    }
}
