//! What waits for the journal: confirmations of QoS 2, those of QoS 1 while it lags, and writers
//! while it is full (routing.md 5.4, 11.1).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use clasp_router::journal::{
    Entry, Journal, JournalError, MemoryJournal, Query, Scan, Stored, Watcher,
};
use clasp_router::{Config, Now, Ports};

use crate::support::*;

/// How long an entry may wait before the tape lags.
const INTERVAL_US: u64 = 5_000;

/// A journal that stores when it is told to.
struct Tape {
    memory: MemoryJournal,
    /// When each entry came.
    came_us: Mutex<Vec<u64>>,
    durable: AtomicU64,
    full: AtomicBool,
    broken: AtomicBool,
    watcher: Mutex<Option<Watcher>>,
}

impl Tape {
    fn new() -> Arc<Tape> {
        Arc::new(Tape {
            memory: MemoryJournal::new(10_000, 1 << 20),
            came_us: Mutex::default(),
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
    fn append_group(&self, entries: &[Entry<'_>], now: Now) -> u64 {
        self.came_us.lock().unwrap().extend(entries.iter().map(|_| now.mono_us));
        self.memory.append_group(entries, now)
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

    fn due_us(&self) -> u64 {
        let came_us = self.came_us.lock().unwrap();
        came_us.get(self.durable() as usize).map_or(u64::MAX, |came_us| came_us + INTERVAL_US)
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

/// Time passes.
fn wait(world: &mut World, us: u64) {
    world.now.mono_us += us;
    world.now.unix_us += us;
}

#[test]
fn qos_1_is_confirmed_at_once_until_the_oldest_entry_has_waited_for_the_interval() {
    let (mut world, tape) = taped();
    world.send("a", set("/x", 1).fire());
    wait(&mut world, INTERVAL_US - 1);
    assert_eq!(world.ask("a", set("/x", 2)), ["ACK /x rev=2"]);
    wait(&mut world, 1);
    world.send("a", set("/x", 3));
    world.send("a", bundle([set("/y", 1), set("/y", 2)]).confirm());
    world.hears_nothing("a");
    assert_eq!(world.ask("b", get("/x")), ["SNAPSHOT /x=3@3"]);
    tape.store_all();
    assert_eq!(look(&mut world, "a"), ["ACK /x rev=3", "ACK rev=2"]);
    assert_eq!(world.ask("a", set("/x", 4)), ["ACK /x rev=4"]);
}

#[test]
fn what_a_kill_can_take_of_confirmed_writes_lies_within_one_interval() {
    let (mut world, tape) = taped();
    let made_us: Vec<u64> = (0..40)
        .map(|value| {
            world.send("a", set("/x", value));
            wait(&mut world, INTERVAL_US / 4);
            world.now.mono_us - INTERVAL_US / 4
        })
        .collect();
    let mut confirmed = look(&mut world, "a").len();
    for stored in [1, 2, 7, 23, 39] {
        tape.store(stored);
        confirmed += look(&mut world, "a").len();
        let span_us = made_us[confirmed - 1] - made_us[stored as usize];
        assert!(span_us < INTERVAL_US, "{confirmed} confirmed, {stored} stored");
        let next_us = made_us.get(confirmed).copied().unwrap_or(u64::MAX);
        let next_span_us = next_us - made_us[stored as usize];
        assert!(next_span_us >= INTERVAL_US, "{confirmed} confirmed, {stored} stored");
    }
    assert_eq!(confirmed, 40);
}

#[test]
fn what_is_confirmed_at_once_does_not_overtake_what_was_held() {
    let (mut world, tape) = taped();
    world.send("a", set("/x", 1).fire());
    wait(&mut world, INTERVAL_US);
    world.send("a", set("/x", 2));
    // Stored, but not told yet.
    tape.durable.store(1, Ordering::SeqCst);
    world.send("a", set("/x", 3));
    assert_eq!(look(&mut world, "a"), ["ACK /x rev=2", "ACK /x rev=3"]);
    world.send("a", set("/y", 1).commit());
    tape.durable.store(5, Ordering::SeqCst);
    world.send("a", set("/y", 2).commit());
    assert_eq!(look(&mut world, "a"), ["ACK /y rev=1", "ACK /y rev=2"]);
}

#[test]
fn held_confirmations_of_qos_1_come_when_a_broken_journal_is_well_again() {
    let (mut world, tape) = taped();
    world.send("a", set("/x", 1).fire());
    wait(&mut world, INTERVAL_US);
    world.send("a", set("/x", 2));
    tape.broken.store(true, Ordering::SeqCst);
    tape.tell();
    assert_eq!(world.ask("a", set("/x", 3)), ["ERROR 500 /x"]);
    tape.broken.store(false, Ordering::SeqCst);
    tape.store_all();
    assert_eq!(look(&mut world, "a"), ["ACK /x rev=2"]);
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
fn a_write_that_finds_the_journal_failed_and_full_is_not_confirmed() {
    for request in [set("/x", 1), bundle([set("/x", 2)]), event("/x", 3).confirm()] {
        let tape = Tape::new();
        let failing = Arc::clone(&tape);
        // The rules are asked when a write has been let in and its entry has not been made.
        let rules = Rules::default().validate(move |_, _, _| {
            failing.broken.store(true, Ordering::SeqCst);
            failing.full.store(true, Ordering::SeqCst);
            failing.tell();
            Ok(())
        });
        let journal: Option<Arc<dyn Journal>> = Some(tape);
        let ports = Ports { journal, policy: Arc::new(rules), ..Ports::default() };
        let mut world = World::with(Config { ack_publish: true, ..Config::default() }, ports);
        world.join("a");
        let told = world.ask("a", request);
        assert!(told.len() == 1 && told[0].starts_with("ERROR 500"), "{told:?}");
    }
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
