//! What has to happen at a time: held deliveries, gesture moves, scheduled bundles.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::clock::Now;
use crate::gesture::GestureKey;
use crate::outbox::Wake;
use crate::router::Router;
use crate::schedule::Scheduled;
use crate::session::Session;
use crate::subscription::pace::PaceKey;

/// Something to do later.
pub(crate) enum Task {
    /// A subscription's limits held something back.
    Pace(Weak<Session>, PaceKey),
    /// A gesture move waits for its interval to end.
    Gesture(Weak<Session>, GestureKey),
    /// A bundle is to run.
    Bundle(Box<Scheduled>),
    /// Sweeps: expiry, slow consumers, sessions.
    Housekeeping,
    /// Lists of subscribers that are out of date go from the shard with this number.
    DropStale(usize),
}

/// Tasks by time; ties run in the order in which they were added.
pub(crate) struct Timers {
    queue: Mutex<Queue>,
    /// Time of the earliest task, readable without the lock.
    next_us: AtomicU64,
    alarm: Mutex<Option<Arc<dyn Wake>>>,
}

#[derive(Default)]
struct Queue {
    order: BinaryHeap<Reverse<(u64, u64)>>,
    tasks: BTreeMap<u64, Task>,
    added: u64,
}

impl Default for Timers {
    fn default() -> Timers {
        let timers = Timers {
            queue: Mutex::default(),
            next_us: AtomicU64::new(u64::MAX),
            alarm: Mutex::default(),
        };
        timers.add(0, Task::Housekeeping);
        timers
    }
}

impl Timers {
    pub(crate) fn set_alarm(&self, alarm: Arc<dyn Wake>) {
        *self.alarm.lock() = Some(alarm);
    }

    /// Adds a task; times are microseconds of the monotonic clock.
    pub(crate) fn add(&self, due_us: u64, task: Task) {
        let earlier = {
            let mut queue = self.queue.lock();
            let number = queue.added;
            queue.added += 1;
            queue.order.push(Reverse((due_us, number)));
            queue.tasks.insert(number, task);
            self.next_us.fetch_min(due_us, Ordering::Relaxed) > due_us
        };
        if earlier && let Some(alarm) = self.alarm.lock().clone() {
            alarm.wake();
        }
    }

    /// Time of the earliest task.
    pub(crate) fn next_us(&self) -> Option<u64> {
        let next = self.next_us.load(Ordering::Relaxed);
        (next != u64::MAX).then_some(next)
    }

    fn pop_due(&self, now: Now) -> Option<Task> {
        let mut queue = self.queue.lock();
        let due = queue.order.peek().map(|Reverse(first)| *first);
        match due {
            Some((due_us, number)) if due_us <= now.mono_us => {
                queue.order.pop();
                queue.tasks.remove(&number)
            }
            _ => {
                let next = due.map_or(u64::MAX, |(due_us, _)| due_us);
                self.next_us.store(next, Ordering::Relaxed);
                None
            }
        }
    }
}

/// Runs every task whose time has come.
pub(crate) fn run_due(router: &Arc<Router>, now: Now) {
    while let Some(task) = router.timers.pop_due(now) {
        match task {
            Task::Pace(session, key) => {
                if let Some(session) = session.upgrade() {
                    crate::subscription::pace::release(router, &session, &key, now);
                }
            }
            Task::Gesture(session, key) => {
                if let Some(session) = session.upgrade() {
                    crate::gesture::release(router, &session, &key, now);
                }
            }
            Task::Bundle(scheduled) => crate::schedule::run(router, &scheduled, now),
            Task::Housekeeping => crate::housekeeping::run(router, now),
            Task::DropStale(shard) => crate::housekeeping::drop_stale(router, shard),
        }
    }
}
