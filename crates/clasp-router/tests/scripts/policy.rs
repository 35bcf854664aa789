//! Rules of an application: who may write what, what is stored, who sees it (routing.md 12.6).

use std::sync::Arc;

use clasp_protocol::message::{Publish, SignalType};
use clasp_protocol::{Message, RawValue, Value};
use clasp_router::Ports;
use clasp_router::config::Config;
use clasp_router::journal::MemoryJournal;
use clasp_router::policy::Visibility;

use crate::support::*;

const EVERYTHING: &str = "admin:/**";

fn join(world: &mut World, names: &[&str]) {
    for name in names {
        world.join_with(name, &format!("{name}|{EVERYTHING}"));
    }
}

/// Numbers only below `/level`, and nothing by `mute`.
fn strict() -> World {
    let rules = Rules::default().validate(|actor, address, value| {
        if actor.subject() == Some("mute") {
            return Err("mute says nothing".to_owned());
        }
        let number = value.is_some_and(|value| value.number().is_some());
        if address.starts_with("/level") && !number { Err("not a number".into()) } else { Ok(()) }
    });
    let mut world = World::ruled(rules);
    join(&mut world, &["a", "b", "mute"]);
    world.send("b", subscribe(1, "/**"));
    world
}

#[test]
fn a_refused_write_is_answered_with_the_rules_words() {
    let mut world = strict();
    assert_eq!(world.ask("a", set("/level", "loud")), ["ERROR 403 /level"]);
    world.send("a", set("/level", "loud"));
    assert_eq!(world.error_texts("a"), ["not a number"]);
    assert_eq!(world.ask("a", event("/level", "loud")), ["ERROR 403 /level"]);
    assert_eq!(world.ask("a", set("/level", 1)), ["ACK /level rev=1"]);
    world.sees("b", ["SET /level 1 rev=1"]);
}

#[test]
fn the_rules_know_who_writes() {
    let mut world = strict();
    for sent in [set("/x", 1), event("/x", 1), bundle([event("/x", 1)])] {
        assert_eq!(world.ask("mute", sent), ["ERROR 403 /x"]);
    }
}

#[test]
fn a_bundle_with_one_refused_part_changes_nothing() {
    let mut world = strict();
    let mixed = bundle([set("/x", 1), event("/e", 1), set("/level", "loud")]);
    assert_eq!(world.ask("a", mixed), ["ERROR 403 /level"]);
    world.hears_nothing("b");
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
}

/// Doubles integers below `/double`.
fn doubling() -> World {
    let rules = Rules::default()
        .transform(|address, value| match value.to_value() {
            Value::Int(int) if address.starts_with("/double") => Some(RawValue::int(2 * int)),
            _ => None,
        })
        .validate(|_, _, value| match value.map(RawValue::to_value) {
            Some(Value::Int(7)) => Err("seven is refused".to_owned()),
            _ => Ok(()),
        });
    let mut world = World::ruled(rules);
    join(&mut world, &["a", "b"]);
    world.send("b", subscribe(1, "/**"));
    world
}

#[test]
fn what_is_stored_and_told_is_the_transformed_value() {
    let mut world = doubling();
    world.send("a", set("/double", 4));
    world.send("a", bundle([set("/double", 5), set("/plain", 5)]));
    world.sees("b", ["SET /double 8 rev=1", "SET /double 10 rev=2", "SET /plain 5 rev=1"]);
    assert_eq!(world.ask("a", get("/double")), ["SNAPSHOT /double=10@2"]);
}

#[test]
fn signals_are_not_transformed() {
    let mut world = doubling();
    world.send("a", event("/double", 4));
    world.sees("b", ["PUBLISH event /double 4"]);
}

#[test]
fn write_rules_look_at_the_value_as_it_was_sent() {
    let mut world = doubling();
    assert_eq!(world.ask("a", set("/double", 7)), ["ERROR 403 /double"]);
    assert_eq!(world.ask("a", bundle([set("/double", 7)])), ["ERROR 403 /double"]);
}

#[test]
fn a_transformed_value_has_to_fit_as_well() {
    let rules = Rules::default().transform(|_, _| Some(long_text(65_534)));
    let mut world = World::ruled(rules);
    join(&mut world, &["a"]);
    assert_eq!(world.ask("a", set("/x", 1)), ["ERROR 402 /x"]);
}

/// `/private/*` is for those whose name it bears; others see `/hidden` as stars.
fn discreet(journal: bool) -> World {
    let rules = Rules::default().visible(|viewer, address, _| {
        let name = viewer.subject().unwrap_or("nobody");
        if let Some(owner) = address.strip_prefix("/private/") {
            return if owner == name { Visibility::Deliver } else { Visibility::Withhold };
        }
        if address == "/hidden" && name != "a" {
            return Visibility::Redacted("***".raw());
        }
        Visibility::Deliver
    });
    let journal: Option<Arc<dyn clasp_router::journal::Journal>> =
        if journal { Some(Arc::new(MemoryJournal::new(1_000, 1 << 20))) } else { None };
    let ports = Ports { policy: Arc::new(rules), journal, ..World::badges() };
    let mut world = World::with(Config::default(), ports);
    join(&mut world, &["a", "b"]);
    world.send("a", subscribe(1, "/**"));
    world.send("b", subscribe(1, "/**"));
    world
}

#[test]
fn live_traffic_is_withheld_and_redacted() {
    let mut world = discreet(false);
    for sent in [
        set("/private/a", 1),
        set("/private/b", 2),
        set("/hidden", "word"),
        event("/hidden", "word"),
        event("/private/b", 3),
    ] {
        world.send("a", sent.fire());
    }
    world.sees("a", ["SET /private/a 1 rev=1", "SET /hidden \"word\" rev=1"]);
    world.sees(
        "b",
        [
            "SET /private/b 2 rev=1",
            "SET /hidden \"***\" rev=1",
            "PUBLISH event /hidden \"***\"",
            "PUBLISH event /private/b 3",
        ],
    );
}

#[test]
fn bundles_are_withheld_and_redacted_part_by_part() {
    let mut world = discreet(false);
    let parts = [set("/private/a", 1), set("/hidden", "word"), event("/private/b", 2)];
    world.send("a", bundle(parts).fire());
    world.sees("a", ["SET /private/a 1 rev=1", "SET /hidden \"word\" rev=1"]);
    world.sees("b", ["SET /hidden \"***\" rev=1", "PUBLISH event /private/b 2"]);
}

#[test]
fn snapshots_and_get_are_withheld_and_redacted() {
    let mut world = discreet(false);
    for (address, value) in [("/private/a", "1"), ("/private/b", "2"), ("/hidden", "word")] {
        world.send("a", set(address, value));
    }
    world.forget();
    let seen_by_b = "SNAPSHOT /hidden=\"***\"@1 /private/b=\"2\"@1";
    assert_eq!(world.ask("b", subscribe(2, "/**")), [seen_by_b]);
    assert_eq!(world.ask("b", get("/hidden")), ["SNAPSHOT /hidden=\"***\"@1"]);
    assert_eq!(world.ask("b", get("/private/a")), ["ERROR 201 /private/a"]);
    world.leave("b");
    world.connect("b");
    world.send("b", hello_with(&format!("b|{EVERYTHING}")));
    world.sees("b", ["WELCOME", seen_by_b]);
}

#[test]
fn replays_are_withheld_and_redacted() {
    let mut world = discreet(true);
    world.send("a", set("/private/a", 1));
    world.send("a", set("/hidden", "word"));
    world.send("a", event("/hidden", "word").at(5));
    world.send("a", event("/private/a", 1));
    world.forget();
    assert_eq!(
        world.ask("b", replay("/**")),
        ["SET /hidden \"***\" rev=1", "PUBLISH event /hidden \"***\" at=5", "ACK /** rev=2"]
    );
}

#[test]
fn what_a_slow_client_missed_is_redacted_when_it_is_told_again() {
    let rules = Rules::default().visible(|viewer, _, _| match viewer.subject() {
        Some("a") => Visibility::Deliver,
        _ => Visibility::Redacted("***".raw()),
    });
    let ports = Ports { policy: Arc::new(rules), ..World::badges() };
    let mut world = World::configured_with(ports, |config| {
        config.outbox.soft_frames_max = 2;
        config.outbox.hard_frames_max = 4;
    });
    join(&mut world, &["a", "b"]);
    world.send("b", subscribe(1, "/**"));
    world.stall("b");
    for number in 0..10 {
        world.send("a", event("/e", number));
    }
    world.send("a", set("/x", "word"));
    world.resume("b");
    let told = world.told("b");
    assert_eq!(told.last().unwrap(), "SET /x \"***\" rev=1");
    assert!(told.iter().all(|line| !line.contains("word")), "{told:?}");
}

#[test]
fn limits_of_a_subscription_hold_for_redacted_values_too() {
    let mut world = discreet(false);
    world.send("b", unsubscribe(1));
    world.send("b", subscribe(2, "/hidden").max_rate(1));
    for value in 1..=5 {
        world.send("a", set("/hidden", value));
    }
    assert_eq!(world.told("b").len(), 1);
    world.pass_s(1);
    world.sees("b", ["SET /hidden \"***\" rev=5"]);
}

#[test]
fn remembered_p2p_announcements_are_withheld_too() {
    let rules = Rules::default().visible(|viewer, _, _| match viewer.subject() {
        Some("b") => Visibility::Withhold,
        _ => Visibility::Deliver,
    });
    let mut world = World::ruled(rules);
    join(&mut world, &["a", "b"]);
    world.send("a", event("/clasp/p2p/announce", "here"));
    world.send("b", subscribe(1, "/clasp/p2p/announce"));
    world.send("a", event("/clasp/p2p/announce", "again"));
    world.hears_nothing("b");
}

#[test]
fn expiry_is_not_told_to_those_who_may_not_see_the_param() {
    let rules = Rules::default().visible(|viewer, _, _| match viewer.subject() {
        Some("b") => Visibility::Withhold,
        _ => Visibility::Deliver,
    });
    let ports = Ports { policy: Arc::new(rules), ..World::badges() };
    let mut world = World::configured_with(ports, |config| {
        config.params.ttl_s = 5;
        config.params.notify_expiry = true;
    });
    join(&mut world, &["a", "b"]);
    world.send("a", subscribe(1, "/**"));
    world.send("b", subscribe(1, "/**"));
    world.send("a", set("/x", 1).fire());
    world.forget();
    world.pass_s(7);
    world.sees("a", ["SET /x null rev=2"]);
    world.hears_nothing("b");
}

/// `/private/**` and P2P signals are for `a` alone; everybody may ask for everything.
fn secretive() -> World {
    let rules = Rules::default().visible(|viewer, address, _| {
        let private = address.starts_with("/private/") || address.starts_with("/clasp/p2p/signal/");
        if private && viewer.subject() != Some("a") {
            Visibility::Withhold
        } else {
            Visibility::Deliver
        }
    });
    let journal: Arc<dyn clasp_router::journal::Journal> =
        Arc::new(MemoryJournal::new(1_000, 1 << 20));
    let ports = Ports { policy: Arc::new(rules), journal: Some(journal), ..World::badges() };
    let mut world = World::with(Config::default(), ports);
    join(&mut world, &["a", "b", "c"]);
    world
}

fn bare_event(address: &'static str) -> Sent {
    raw(Message::Publish(Publish::new(address, SignalType::Event)))
}

#[test]
fn a_signal_without_a_value_is_withheld_as_well() {
    let mut world = secretive();
    world.send("a", subscribe(1, "/**"));
    world.send("b", subscribe(1, "/**"));
    world.send("c", bare_event("/private/e"));
    world.send("c", bundle([bare_event("/private/e")]));
    world.sees("a", ["PUBLISH event /private/e", "PUBLISH event /private/e"]);
    world.hears_nothing("b");
    assert_eq!(world.ask("b", replay("/**")), ["ACK /** rev=0"]);
    world.send("b", subscribe(2, "/private/*").history(5));
    world.hears_nothing("b");
}

#[test]
fn p2p_signals_are_withheld_from_their_target_too() {
    let mut world = secretive();
    for target in ["a", "b"] {
        let address = format!("/clasp/p2p/signal/{}", world.id(target));
        world.send("c", event(&address, "offer"));
        world.send("c", bundle([event(&address, "answer")]));
    }
    assert_eq!(world.told("a").len(), 2);
    world.hears_nothing("b");
}

#[test]
fn announced_signals_that_may_not_be_seen_are_not_found() {
    let mut world = secretive();
    let signals = [("/private/x", SignalType::Param), ("/x", SignalType::Param)];
    world.send("c", announce("", &signals));
    assert_eq!(world.ask("a", query("/**")), ["RESULT /private/x:param /x:param"]);
    assert_eq!(world.ask("b", query("/**")), ["RESULT /x:param"]);
}
