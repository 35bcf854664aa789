//! The ordering contract, by script and with threads (routing.md 5.1, O1 to O6).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, Thread};

use clasp_protocol::{Frame, Message, codec};
use clasp_router::{
    Config, Connection, Framing, LinkInfo, Manners, Now, Ports, Router, Taken, Wake,
};

use crate::support::*;

const NOW: Now = Now { unix_us: 1_750_000_000_000_000, mono_us: 1_000_000 };

/// What a thread does with a connection of its own.
type Writer = Box<dyn FnOnce(&Arc<Router>, &mut Connection) + Send>;

/// Wakes the thread that reads for a client.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A connection of the thread that calls this; frames are read by the same thread.
fn connect(router: &Arc<Router>) -> Connection {
    let remote = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let link =
        LinkInfo { framing: Framing::Bare, remote, transport: "thread", manners: Manners::Clasp };
    let mut connection = router.connect(link, Arc::new(Unpark(thread::current())), NOW);
    connection.receive(&hello().frame(false), NOW);
    connection
}

/// Takes everything there is; false when there was nothing.
fn take(connection: &mut Connection, seen: &mut Seen) -> bool {
    let mut bytes = Vec::new();
    match connection.outbox().take(&mut bytes) {
        Taken::Bytes => {
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let frame = Frame::parse(rest).expect("whole frames");
                seen.frame(frame.payload);
                rest = &rest[frame.len..];
            }
            true
        }
        Taken::Pull => {
            connection.pull(NOW);
            true
        }
        Taken::Empty => false,
        Taken::Close(close) => panic!("{close:?}"),
    }
}

/// What one subscriber has seen.
#[derive(Default)]
struct Seen {
    /// Last revision and value by address.
    params: HashMap<String, (u64, i64)>,
    /// Last revision by address that came as a SET.
    sets: HashMap<String, u64>,
    /// A SET that was dropped may come again although a snapshot has told its value.
    slow: bool,
    /// Last number of each publisher's signals.
    signals: HashMap<String, i64>,
    /// Parts of bundles, as (bundle, part).
    parts: Vec<(i64, i64)>,
}

impl Seen {
    fn frame(&mut self, payload: &[u8]) {
        match codec::decode(payload).expect("a message") {
            Message::Set(set) => {
                let revision = set.revision.expect("SETs have revisions");
                self.param(&set.address, revision, int(&set.value), true);
            }
            Message::Snapshot(snapshot) => {
                for entry in &snapshot.params {
                    self.param(&entry.address, entry.revision, int(&entry.value), false);
                }
            }
            Message::Publish(publish) => {
                let number = int(publish.value.as_ref().expect("signals have values"));
                if publish.address.starts_with("/bundle") {
                    self.parts.push((number / 10, number % 10));
                    return;
                }
                let last = self.signals.insert(publish.address.to_string(), number);
                assert!(last.is_none_or(|last| number == last + 1), "{number} after {last:?} (O6)");
            }
            _ => {}
        }
    }

    fn param(&mut self, address: &str, revision: u64, value: i64, is_set: bool) {
        let last = self.params.insert(address.to_owned(), (revision, value));
        let last = last.map_or(0, |(revision, _)| revision);
        let again = !is_set || self.slow;
        let newer = revision > last || (again && revision == last);
        assert!(newer, "{address}: revision {revision} after {last} (O2, O3)");
        if is_set {
            let last = self.sets.insert(address.to_owned(), revision);
            assert!(last.is_none_or(|last| revision > last), "{address}: {revision} twice (O2)");
        }
    }
}

fn int(value: &clasp_protocol::RawValue<'_>) -> i64 {
    match value.number() {
        Some(clasp_protocol::value::Number::Int(int)) => int,
        _ => 0,
    }
}

/// Runs writers to their end beside subscribers who read until there is nothing more.
fn race(
    config: Config,
    writers: Vec<Writer>,
    subscribers: usize,
    patterns: &[&str],
) -> (Arc<Router>, Vec<Seen>) {
    let slow = config.outbox.soft_frames_max < 1_000;
    let router = Router::new(config, Ports::default()).expect("no patterns");
    let start = Barrier::new(writers.len() + subscribers);
    let done = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let readers: Vec<_> = (0..subscribers)
            .map(|number| {
                let (router, start, done) = (&router, &start, &done);
                let pattern = patterns[number % patterns.len()];
                scope.spawn(move || {
                    let mut connection = connect(router);
                    start.wait();
                    connection.receive(&subscribe(1, pattern).frame(false), NOW);
                    let mut seen = Seen { slow, ..Seen::default() };
                    loop {
                        let over = done.load(Ordering::SeqCst);
                        while take(&mut connection, &mut seen) {}
                        if over {
                            return seen;
                        }
                        thread::park();
                    }
                })
            })
            .collect();
        let threads: Vec<_> = writers
            .into_iter()
            .map(|write| {
                let (router, start) = (&router, &start);
                scope.spawn(move || {
                    let mut connection = connect(router);
                    start.wait();
                    write(router, &mut connection);
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("a writer that does not fail");
        }
        done.store(true, Ordering::SeqCst);
        readers.iter().for_each(|reader| reader.thread().unpark());
        readers.into_iter().map(|reader| reader.join().expect("a reader in order")).collect()
    });
    (router, seen)
}

/// All params of a router.
fn params(router: &Arc<Router>) -> HashMap<String, (u64, i64)> {
    let mut connection = connect(router);
    let mut seen = Seen::default();
    while take(&mut connection, &mut seen) {}
    seen.params
}

fn writer(write: impl FnOnce(&Arc<Router>, &mut Connection) + Send + 'static) -> Writer {
    Box::new(write)
}

/// Writes numbers to a few addresses that all writers share.
fn shared_addresses(number: i64, writes: i64) -> Writer {
    writer(move |_, connection| {
        for step in 0..writes {
            let address = format!("/x/{}", (step * 7 + number) % 5);
            connection.receive(&set(&address, number * 1_000_000 + step).fire().frame(false), NOW);
        }
    })
}

#[test]
fn every_subscriber_sees_rising_revisions_and_ends_on_the_final_value() {
    let writers = (0..4).map(|number| shared_addresses(number, 1_500)).collect();
    let (router, seen) = race(Config::default(), writers, 24, &["/x/*", "/**", "/x/1"]);
    let params = params(&router);
    assert_eq!(params.values().map(|(revision, _)| revision).sum::<u64>(), 6_000);
    for seen in seen {
        assert!(!seen.params.is_empty());
        for (address, last) in &seen.params {
            assert_eq!(*last, params[address], "{address}");
        }
    }
}

#[test]
fn slow_subscribers_see_rising_revisions_and_end_on_the_final_value_too() {
    let mut config = Config::default();
    config.outbox.soft_frames_max = 8;
    config.outbox.hard_frames_max = 16;
    let mut writers: Vec<_> = (0..3).map(|number| shared_addresses(number, 1_500)).collect();
    writers.push(writer(|_, connection| {
        for step in 0..1_500 {
            let address = format!("/x/{}", step % 5);
            let parts = [set(&address, step), set("/y", step), set(&address, step)];
            connection.receive(&bundle(parts).fire().frame(false), NOW);
        }
    }));
    let (router, seen) = race(config, writers, 8, &["/**"]);
    let params = params(&router);
    for seen in seen {
        assert_eq!(seen.params, params);
    }
}

#[test]
fn snapshots_taken_while_others_write_are_never_stale() {
    let mut writers: Vec<_> = (0..3).map(|number| shared_addresses(number, 1_000)).collect();
    for _ in 0..2 {
        writers.push(writer(|router, _| {
            for _ in 0..50 {
                let mut connection = connect(router);
                let mut seen = Seen::default();
                for id in 0..3 {
                    let pattern = ["/x/*", "/**", "/x/**"][id as usize];
                    connection.receive(&subscribe(id, pattern).frame(false), NOW);
                    take(&mut connection, &mut seen);
                    connection.receive(&get("/x/1").frame(false), NOW);
                    connection.receive(&unsubscribe(id + 1).frame(false), NOW);
                }
                while take(&mut connection, &mut seen) {}
            }
        }));
    }
    race(Config::default(), writers, 4, &["/x/*"]);
}

#[test]
fn subscribers_who_arrive_late_end_on_the_final_value() {
    for _ in 0..30 {
        let writers = (0..2).map(|number| shared_addresses(number, 60)).collect();
        let (router, seen) = race(Config::default(), writers, 6, &["/x/*"]);
        let params = params(&router);
        for seen in seen {
            assert_eq!(seen.params, params);
        }
    }
}

#[test]
fn signals_of_one_publisher_arrive_in_the_order_sent_and_none_is_lost() {
    let config = Config {
        outbox: clasp_router::config::OutboxConfig {
            hard_frames_max: 1_000_000,
            hard_bytes_max: 1 << 30,
            ..Default::default()
        },
        ..Config::default()
    };
    let writers = (0..4_i64)
        .map(|number| {
            writer(move |_, connection| {
                // Subscribers may arrive a little later, so the start is theirs to see.
                for step in 0..1_000 {
                    let signal = event(&format!("/signal/{number}"), step);
                    connection.receive(&signal.frame(false), NOW);
                }
            })
        })
        .collect();
    let (_, seen) = race(config, writers, 12, &["/signal/*", "/**"]);
    for seen in seen {
        assert!(seen.signals.values().all(|last| *last == 999), "{:?}", seen.signals);
    }
}

#[test]
fn parts_of_a_bundle_stay_together_among_other_writers() {
    let mut writers: Vec<_> = (0..2).map(|number| shared_addresses(number, 400)).collect();
    for number in 0..3_i64 {
        writers.push(writer(move |_, connection| {
            for step in 0..300 {
                let bundle_number = (number * 1_000 + step) * 10;
                let parts =
                    (0..4).map(|part| event(&format!("/bundle/{part}"), bundle_number + part));
                connection.receive(&bundle(parts).fire().frame(false), NOW);
            }
        }));
    }
    let mut config = Config::default();
    config.outbox.hard_frames_max = 1_000_000;
    let (_, seen) = race(config, writers, 8, &["/**", "/bundle/*"]);
    for seen in seen {
        // A subscription may begin within a bundle.
        let begun = seen.parts.iter().position(|(_, part)| *part == 0).unwrap_or(0);
        assert!(begun < 4);
        for parts in seen.parts[begun..].chunks(4) {
            let bundle = parts[0].0;
            let expected: Vec<_> = (0..4).map(|part| (bundle, part)).collect();
            assert_eq!(parts, expected, "O5");
        }
    }
}

#[test]
fn bundles_that_share_addresses_neither_deadlock_nor_tear() {
    let writers = (0..4_usize)
        .map(|number| {
            writer(move |_, connection| {
                for step in 0..300_usize {
                    let address =
                        |place: usize| format!("/x/{}", (number * 3 + step + place * 5) % 16);
                    let parts = (0..6).map(|place| set(&address(place), step as i64));
                    connection.receive(&bundle(parts).fire().frame(false), NOW);
                }
            })
        })
        .collect();
    let (router, seen) = race(Config::default(), writers, 4, &["/x/*"]);
    let params = params(&router);
    assert_eq!(params.values().map(|(revision, _)| revision).sum::<u64>(), 4 * 300 * 6);
    for seen in seen {
        for (address, last) in &seen.params {
            assert_eq!(*last, params[address]);
        }
    }
}

#[test]
fn sessions_that_come_and_go_among_writers_leave_nothing_behind() {
    let mut writers: Vec<_> = (0..2).map(|number| shared_addresses(number, 1_000)).collect();
    for _ in 0..3 {
        writers.push(writer(|router, _| {
            for step in 0..100 {
                let mut connection = connect(router);
                for id in 0..10 {
                    let pattern = format!("/x/{id}/**");
                    connection.receive(&subscribe(id, &pattern).frame(false), NOW);
                }
                connection.receive(&set("/lock", step).lock().frame(false), NOW);
            }
        }));
    }
    let (router, _) = race(Config::default(), writers, 2, &["/**"]);
    let mut connection = connect(&router);
    connection.receive(&set("/lock", 0).frame(false), NOW);
    let mut seen = Seen::default();
    while take(&mut connection, &mut seen) {}
    assert_eq!(router.connections(), 1);
    let families = router.metrics();
    let gauge = |name: &str| {
        families.iter().find(|family| family.name == name).expect("a gauge").samples[0].value
    };
    assert_eq!(gauge("clasp_sessions_active"), 1.0);
    assert_eq!(gauge("clasp_subscriptions_active"), 0.0);
    assert_eq!(gauge("clasp_queue_bytes"), 0.0);
}

#[test]
fn requests_of_one_connection_take_effect_in_order_and_news_come_before_the_ack() {
    let mut world = World::new();
    world.join("a");
    let mut bytes = Vec::new();
    for sent in [
        set("/x", 1),
        subscribe(1, "/x"),
        set("/x", 2),
        get("/x"),
        bundle([set("/x", 3), event("/x", 4)]),
        unsubscribe(1),
        set("/x", 5),
        ping(),
    ] {
        bytes.extend(sent.frame(false));
    }
    world.send_bytes("a", &bytes);
    world.sees(
        "a",
        [
            "ACK /x rev=1",
            "SNAPSHOT /x=1@1",
            "SET /x 2 rev=2",
            "ACK /x rev=2",
            "SNAPSHOT /x=2@2",
            "SET /x 3 rev=3",
            "ACK rev=3",
            "ACK /x rev=4",
            "PONG",
        ],
    );
}

#[test]
fn sets_and_publishes_of_one_client_keep_their_order() {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    let mut expected = Vec::new();
    for number in 1..=100 {
        world.send("a", set(&format!("/x/{}", number % 7), number).fire());
        world.send("a", event("/e", number));
        world.send("a", stream(&format!("/s/{}", number % 3), number));
        expected.push(format!("SET /x/{} {number} rev={}", number % 7, (number + 6) / 7));
        expected.push(format!("PUBLISH event /e {number}"));
        expected.push(format!("PUBLISH stream /s/{} {number}", number % 3));
    }
    let told: Vec<String> = world
        .told("b")
        .into_iter()
        .map(|line| line.split(" rev=").next().unwrap_or_default().to_owned())
        .collect();
    let expected: Vec<String> = expected
        .into_iter()
        .map(|line| line.split(" rev=").next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(told, expected);
}
