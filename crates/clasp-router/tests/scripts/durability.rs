//! What waits for the journal: confirmations of QoS 2, and writers while it is full (routing.md
//! 5.4, 11.1).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use clasp_router::journal::{
    Entry, Journal, JournalError, MemoryJournal, Query, Scan, Stored, Watcher,
};
use clasp_router::{Config, Ports};

use crate::support::*;

/// A journal that stores when it is told to.
struct Tape {
    memory: MemoryJournal,
    durable: AtomicU64,
    full: AtomicBool,
    broken: AtomicBool,
    watcher: Mutex<Option<Watcher>>,
}

impl Tape {
    fn new() -> Arc<Tape> {
        Arc::new(Tape {
            memory: MemoryJournal::new(10_000, 1 << 20),
            durable: AtomicU64::new(0),
            full: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            watcher: Mutex::new(None),
        })
    }

    fn watcher(&self) -> MutexGuard<'_, Option<Watcher>> {
        self.watcher.lock().unwrap()
    }

    /// Stores everything up to an entry and tells so.
    fn store(&self, sequence: u64) {
        self.durable.store(sequence, Ordering::SeqCst);
        self.tell();
    }

    fn store_all(&self) {
        self.store(self.memory.latest());
    }

    fn tell(&self) {
        let durable = self.durable();
        self.watcher().as_ref().unwrap()(durable);
    }
}

impl Journal for Tape {
    fn append_group(&self, entries: &[Entry<'_>]) -> u64 {
        self.memory.append_group(entries)
    }

    fn query(
        &self,
        query: &Query<'_>,
        visit: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> Result<Scan, JournalError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(JournalError::new("the tape is torn"));
        }
        self.memory.query(query, visit)
    }

    fn latest(&self) -> u64 {
        self.memory.latest()
    }

    fn durable(&self) -> u64 {
        self.durable.load(Ordering::SeqCst)
    }

    fn is_full(&self) -> bool {
        self.full.load(Ordering::SeqCst)
    }

    fn health(&self) -> Result<(), JournalError> {
        let broken = self.broken.load(Ordering::SeqCst);
        if broken { Err(JournalError::new("the tape is torn")) } else { Ok(()) }
    }

    fn watch(&self, watcher: Watcher) {
        *self.watcher() = Some(watcher);
    }
}

fn taped() -> (World, Arc<Tape>) {
    let tape = Tape::new();
    let journal: Arc<dyn Journal> = Arc::<Tape>::clone(&tape);
    let ports = Ports { journal: Some(journal), ..Ports::default() };
    let mut world = World::with(Config::default(), ports);
    world.join("a");
    world.join("b");
    (world, tape)
}

/// What a client sees when it looks again.
fn look(world: &mut World, name: &str) -> Vec<String> {
    world.resume(name);
    world.told(name)
}

#[test]
fn qos_2_is_confirmed_when_the_entry_is_durable_and_qos_1_at_once() {
    let (mut world, tape) = taped();
    world.send("b", subscribe(1, "/**"));
    world.send("a", set("/x", 1).commit());
    world.send("a", set("/y", 1));
    world.sees("a", ["ACK /y rev=1"]);
    world.sees("b", ["SET /x 1 rev=1", "SET /y 1 rev=1"]);
    assert_eq!(world.ask("b", get("/x")), ["SNAPSHOT /x=1@1"]);
    tape.store(1);
    assert_eq!(look(&mut world, "a"), ["ACK /x rev=1"]);
}

#[test]
fn confirmations_come_in_the_order_of_the_journal() {
    let (mut world, tape) = taped();
    for value in 1..=5 {
        world.send("a", set("/x", value).commit());
    }
    world.hears_nothing("a");
    tape.store(3);
    assert_eq!(look(&mut world, "a"), ["ACK /x rev=1", "ACK /x rev=2", "ACK /x rev=3"]);
    tape.store_all();
    assert_eq!(look(&mut world, "a"), ["ACK /x rev=4", "ACK /x rev=5"]);
}

#[test]
fn a_bundle_is_confirmed_when_its_last_entry_is_durable() {
    let (mut world, tape) = taped();
    world.send("a", bundle([set("/x", 1), event("/e", 1), set("/x", 2)]));
    world.hears_nothing("a");
    tape.store(2);
    assert_eq!(look(&mut world, "a"), [""; 0]);
    tape.store(3);
    assert_eq!(look(&mut world, "a"), ["ACK rev=2"]);
}

#[test]
fn what_is_durable_already_is_confirmed_at_once() {
    let (mut world, tape) = taped();
    tape.store(u64::MAX);
    assert_eq!(world.ask("a", set("/x", 1).commit()), ["ACK /x rev=1"]);
}

#[test]
fn nothing_to_store_is_confirmed_at_once() {
    let (mut world, _tape) = taped();
    assert_eq!(world.ask("a", bundle([])), ["ACK"]);
}

#[test]
fn confirmations_in_messagepack_wait_as_well() {
    let (mut world, tape) = taped();
    world.join_legacy("old");
    world.send("old", set("/x", 1).commit());
    world.hears_nothing("old");
    tape.store_all();
    assert_eq!(look(&mut world, "old"), ["ACK /x rev=1"]);
}

#[test]
fn a_session_that_has_left_takes_its_confirmations_along() {
    let (mut world, tape) = taped();
    world.send("a", set("/x", 1).commit());
    world.leave("a");
    tape.store_all();
    world.hears_nothing("b");
}

#[test]
fn while_the_journal_is_full_requests_wait_and_news_go_on() {
    let (mut world, tape) = taped();
    world.send("b", subscribe(1, "/**"));
    world.send("a", set("/x", 1).fire());
    tape.full.store(true, Ordering::SeqCst);
    assert!(!world.client("a").connection.may_read());
    world.sees("b", ["SET /x 1 rev=1"]);
    tape.full.store(false, Ordering::SeqCst);
    tape.tell();
    assert!(world.client("a").connection.may_read());
    assert_eq!(look(&mut world, "a"), [""; 0]);
    assert_eq!(world.ask("a", set("/x", 2)), ["ACK /x rev=2"]);
}

#[test]
fn while_the_journal_fails_confirmed_writes_are_refused_and_others_go_on() {
    let (mut world, tape) = taped();
    world.send("b", subscribe(1, "/**"));
    tape.broken.store(true, Ordering::SeqCst);
    tape.tell();
    assert_eq!(world.ask("a", set("/x", 1)), ["ERROR 500 /x"]);
    let told = world.ask("a", bundle([set("/x", 1)]));
    assert!(told.len() == 1 && told[0].starts_with("ERROR 500"), "{told:?}");
    world.hears_nothing("b");
    assert_eq!(world.ask("a", set("/x", 2).fire()), [""; 0]);
    world.sees("b", ["SET /x 2 rev=1"]);
    tape.broken.store(false, Ordering::SeqCst);
    tape.tell();
    assert_eq!(world.ask("a", set("/x", 3)), ["ACK /x rev=2"]);
}

#[test]
fn a_journal_that_cannot_be_read_is_told_and_the_replay_is_over() {
    let (mut world, tape) = taped();
    world.send("a", set("/x", 1));
    tape.broken.store(true, Ordering::SeqCst);
    let told = world.ask("b", replay("/x"));
    assert_eq!(told.first().map(String::as_str), Some("ERROR 500 /x"), "{told:?}");
    tape.broken.store(false, Ordering::SeqCst);
    assert_eq!(world.ask("b", replay("/x")), ["SET /x 1 rev=1", "ACK /x rev=1"]);
}

#[test]
fn the_lag_is_told() {
    let (mut world, tape) = taped();
    for _ in 0..3 {
        world.send("a", set("/x", 1));
    }
    assert_eq!(world.metric("clasp_journal_lag_entries", &[]), 3.0);
    tape.store(2);
    assert_eq!(world.metric("clasp_journal_lag_entries", &[]), 1.0);
}
