//! P2P signalling: to one session only, with an honest sender (routing.md section 10).

use std::sync::{Arc, Mutex, OnceLock};

use clasp_auth::{Authenticator, Denied, Grant};
use clasp_router::{Config, Connection, Framing, LinkInfo, Manners, Now, Ports, Router};

use crate::support::*;

const ANNOUNCE: &str = "/clasp/p2p/announce";

fn three() -> World {
    let mut world = World::new();
    for name in ["a", "b", "c"] {
        world.join(name);
    }
    world
}

fn signal_address(world: &mut World, name: &str) -> String {
    format!("/clasp/p2p/signal/{}", world.id(name))
}

#[test]
fn a_signal_reaches_its_target_alone_subscribed_or_not() {
    let mut world = three();
    world.send("c", subscribe(1, "/**"));
    let to_b = signal_address(&mut world, "b");
    world.send("a", event(&to_b, "offer"));
    world.sees("b", ["PUBLISH event /clasp/p2p/signal/b \"offer\""]);
    world.hears_nothing("a");
    world.hears_nothing("c");
}

#[test]
fn a_target_that_subscribed_gets_each_signal_once() {
    let mut world = three();
    let to_b = signal_address(&mut world, "b");
    world.send("b", subscribe(1, &to_b));
    world.send("b", subscribe(2, "/**"));
    world.send("a", event(&to_b, "offer"));
    world.send("a", bundle([event(&to_b, "answer")]));
    world.sees(
        "b",
        [
            "PUBLISH event /clasp/p2p/signal/b \"offer\"",
            "PUBLISH event /clasp/p2p/signal/b \"answer\"",
        ],
    );
}

#[test]
fn the_signal_goes_out_in_the_bytes_it_came_in() {
    let mut world = three();
    let to_b = signal_address(&mut world, "b");
    let from = world.id("a");
    let sent = event(&to_b, map(&[("type", "offer"), ("from", &from), ("sdp", "v=0")])).at(9);
    world.send("a", sent.clone());
    assert_eq!(world.frames("b"), [sent.frame(false)]);
}

#[test]
fn an_unknown_target_is_told() {
    let mut world = three();
    let unknown = "/clasp/p2p/signal/00000000-0000-4000-8000-000000000000";
    assert_eq!(world.ask("a", event(unknown, 1)), [format!("ERROR 404 {unknown}")]);
    let both = bundle([set("/x", 1), event(unknown, 1)]);
    assert_eq!(world.ask("a", both), [format!("ERROR 404 {unknown}")]);
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
    let to_b = signal_address(&mut world, "b");
    world.leave("b");
    assert_eq!(world.ask("a", event(&to_b, 1)), ["ERROR 404 /clasp/p2p/signal/b"]);
}

#[test]
fn longer_and_empty_targets_are_ordinary_addresses() {
    let mut world = three();
    world.send("c", subscribe(1, "/**"));
    world.send("a", event("/clasp/p2p/signal/x/y", 1));
    world.send("a", event("/clasp/p2p/signal", 2));
    world.sees("c", ["PUBLISH event /clasp/p2p/signal/x/y 1", "PUBLISH event /clasp/p2p/signal 2"]);
}

#[test]
fn a_set_at_a_signalling_address_is_an_ordinary_param() {
    let mut world = three();
    let to_b = signal_address(&mut world, "b");
    world.send("a", set(&to_b, 1));
    world.hears_nothing("b");
    assert_eq!(world.ask("c", get(&to_b)), ["SNAPSHOT /clasp/p2p/signal/b=1@1"]);
}

#[test]
fn a_forged_sender_is_refused() {
    let mut world = three();
    let to_b = signal_address(&mut world, "b");
    let victim = world.id("c");
    let forged = map(&[("from", &victim)]);
    let refused = "ERROR 301 /clasp/p2p/signal/b";
    assert_eq!(world.ask("a", event(&to_b, forged.clone())), [refused]);
    assert_eq!(world.ask("a", bundle([event(&to_b, forged.clone())])), [refused]);
    assert_eq!(world.ask("a", event(ANNOUNCE, forged)), [format!("ERROR 301 {ANNOUNCE}")]);
    // Of duplicate keys the last one counts, so that is the one that has to be honest.
    let own = world.id("a");
    let twice = map(&[("from", &own), ("from", &victim)]);
    assert_eq!(world.ask("a", event(&to_b, twice)), [refused]);
    world.hears_nothing("b");
    let nested = map(&[("type", "offer"), ("note", &victim)]);
    world.send("a", event(&to_b, nested));
    assert_eq!(world.told("b").len(), 1);
}

#[test]
fn announcements_reach_subscribers_of_any_type_but_not_their_sender() {
    use clasp_protocol::message::SignalType;
    let mut world = three();
    world.send("a", subscribe(1, ANNOUNCE));
    world.send("b", subscribe(1, ANNOUNCE).types(&[SignalType::Stream]));
    world.send("a", event(ANNOUNCE, "here"));
    world.hears_nothing("a");
    world.sees("b", [format!("PUBLISH event {ANNOUNCE} \"here\"")]);
}

#[test]
fn whoever_asks_later_learns_of_earlier_announcements_of_live_sessions() {
    let mut world = three();
    world.send("a", event(ANNOUNCE, "a, old"));
    world.send("a", event(ANNOUNCE, "a, new"));
    world.send("b", bundle([event(ANNOUNCE, "b")]));
    world.send("c", event(ANNOUNCE, "c"));
    world.leave("b");
    world.send("c", subscribe(1, "/clasp/p2p/**"));
    world.sees("c", [format!("PUBLISH event {ANNOUNCE} \"a, new\"")]);
    world.leave("a");
    world.join("d");
    world.send("d", subscribe(1, ANNOUNCE));
    world.sees("d", [format!("PUBLISH event {ANNOUNCE} \"c\"")]);
}

#[test]
fn an_announcement_scheduled_by_a_session_that_has_left_is_not_remembered() {
    let mut world = three();
    let later = bundle([event(ANNOUNCE, "a")]).at(world.now.unix_us + 500_000);
    world.send("a", later);
    world.leave("a");
    world.pass_s(1);
    world.send("c", subscribe(1, ANNOUNCE));
    world.hears_nothing("c");
}

#[test]
fn a_sender_may_signal_fifty_times_a_second() {
    let mut world = three();
    let to_b = signal_address(&mut world, "b");
    world.pass_us(1_000_000 - world.now.mono_us % 1_000_000);
    for _ in 0..60 {
        world.send("a", event(&to_b, 1));
    }
    assert_eq!(world.told("b").len(), 50);
    let refused = world.told("a");
    assert_eq!(refused, vec!["ERROR 429 /clasp/p2p/signal/b"; 10]);
    world.send("c", event(&to_b, 1));
    assert_eq!(world.told("b").len(), 1);
    world.pass_s(1);
    world.send("a", bundle([event(&to_b, 1)]));
    assert_eq!(world.told("b").len(), 1);
}

#[test]
fn signals_need_write_scope() {
    let mut world = World::guarded();
    world.join_with("sam", "sam|write:/mine/**");
    world.join_with("kim", "kim|write:/clasp/p2p/**");
    let to_sam = signal_address(&mut world, "sam");
    let to_kim = signal_address(&mut world, "kim");
    assert_eq!(world.ask("sam", event(&to_kim, 1)), ["ERROR 301 /clasp/p2p/signal/kim"]);
    world.send("kim", event(&to_sam, 1));
    world.sees("sam", ["PUBLISH event /clasp/p2p/signal/sam 1"]);
}

#[test]
fn a_target_that_does_not_read_holds_nobody_up() {
    let mut world = World::configured(|config| {
        config.outbox.soft_frames_max = 4;
        config.outbox.hard_frames_max = 10;
        config.p2p_signals_per_second_max = 0;
    });
    world.join("a");
    world.join("b");
    let to_b = signal_address(&mut world, "b");
    world.stall("b");
    for number in 0..1_000 {
        world.send("a", event(&to_b, number));
    }
    assert_eq!(world.ask("a", ping()), ["PONG"]);
    world.resume("b");
    assert_eq!(world.told("b").iter().filter(|line| line.starts_with("PUBLISH")).count(), 10);
}

/// Signals to whoever is in the list of sessions, at the moment at which they get there.
#[derive(Default)]
struct Eager {
    router: OnceLock<Arc<Router>>,
    sender: Mutex<Option<Connection>>,
}

impl Authenticator for Eager {
    fn authenticate(&self, _: Option<&str>, _: u64) -> Result<Grant, Denied> {
        Ok(Grant::default())
    }

    fn revision(&self) -> u64 {
        let (Some(router), Some(sender)) = (self.router.get(), &mut *self.sender.lock().unwrap())
        else {
            return 0;
        };
        for session in router.sessions(1, 1).sessions {
            let address = format!("/clasp/p2p/signal/{}", session.id);
            sender.receive(&event(&address, 1).frame(false), Now::new(1, 1));
        }
        0
    }
}

#[test]
fn a_signal_does_not_overtake_the_first_snapshot() {
    let eager = Arc::<Eager>::default();
    let authenticator = Arc::clone(&eager) as Arc<dyn Authenticator>;
    let mut world = World::with(Config::default(), Ports { authenticator, ..Ports::default() });
    let remote = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let link =
        LinkInfo { framing: Framing::Bare, remote, transport: "script", manners: Manners::Clasp };
    let mut sender = world.router.connect(link, Arc::<Bell>::default(), world.now);
    sender.receive(&hello().frame(false), world.now);
    assert!(sender.established());
    *eager.sender.lock().unwrap() = Some(sender);
    assert!(eager.router.set(Arc::clone(&world.router)).is_ok());

    world.connect("b");
    world.send("b", hello());
    world.sees("b", ["WELCOME", "SNAPSHOT nothing", "PUBLISH event /clasp/p2p/signal/b 1"]);
    *eager.sender.lock().unwrap() = None;
}
