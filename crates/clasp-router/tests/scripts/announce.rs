//! ANNOUNCE and QUERY: the catalogue of signals (routing.md section 9).

use clasp_protocol::message::SignalType::{Event, Param, Stream};
use clasp_protocol::message::{Announce, ResultMessage, SignalInfo, SignalMeta};
use clasp_protocol::{Frame, Message, codec};

use crate::support::*;

fn pair() -> World {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world
}

#[test]
fn what_was_announced_is_found() {
    let mut world = pair();
    let told = world.ask("a", announce("/desk", &[("/desk/level", Param), ("/desk/cue", Event)]));
    assert_eq!(told, ["ACK /desk"]);
    assert_eq!(world.ask("b", query("/desk/**")), ["RESULT /desk/cue:event /desk/level:param"]);
    assert_eq!(world.ask("b", query("/desk/level")), ["RESULT /desk/level:param"]);
    assert_eq!(world.ask("b", query("/other/**")), ["RESULT"]);
}

#[test]
fn an_announcement_is_acknowledged_only_when_that_is_wanted_and_told_to_nobody() {
    let mut world = pair();
    world.send("b", subscribe(1, "/**"));
    assert_eq!(world.ask("a", announce("/desk", &[("/desk/cue", Event)]).fire()), [""; 0]);
    world.hears_nothing("b");
}

#[test]
fn a_later_announcement_replaces_an_earlier_one() {
    let mut world = pair();
    world.send("a", announce("", &[("/x", Param)]));
    world.send("b", announce("", &[("/x", Stream)]));
    assert_eq!(world.ask("a", query("/**")), ["RESULT /x:stream"]);
}

#[test]
fn signals_outlive_the_session_that_announced_them() {
    let mut world = pair();
    world.send("a", announce("", &[("/x", Param)]));
    world.leave("a");
    assert_eq!(world.ask("b", query("/**")), ["RESULT /x:param"]);
}

#[test]
fn the_answer_carries_datatype_and_access() {
    let mut world = pair();
    let meta = SignalMeta { unit: Some("dB".into()), ..SignalMeta::default() };
    let info = SignalInfo {
        address: "/x".into(),
        signal: Param,
        datatype: Some("f32".into()),
        access: Some("rw".into()),
        meta: Some(meta),
    };
    let signals = vec![info.clone()];
    world.send("a", raw(Message::Announce(Announce { namespace: "".into(), signals, meta: None })));
    world.forget();
    world.send("b", query("/x"));
    let frames = world.frames("b");
    let payload = Frame::parse(&frames[0]).unwrap().payload;
    let signals = vec![SignalInfo { meta: None, ..info }];
    assert_eq!(codec::decode(payload).unwrap(), Message::Result(ResultMessage { signals }));
}

#[test]
fn unusable_addresses_and_patterns_are_refused() {
    let mut world = pair();
    let told = world.ask("a", announce("/d", &[("/d/x", Param), ("d//y", Param)]));
    assert_eq!(told, ["ERROR 200 d//y"]);
    assert_eq!(world.ask("a", query("/**")), ["RESULT"]);
    assert_eq!(world.ask("a", query("d")), ["ERROR 202 d"]);
}

#[test]
fn the_catalogue_has_its_limits() {
    let mut world = World::configured(|config| config.signals.count_max = 2);
    world.join("a");
    assert_eq!(world.ask("a", announce("/d", &[("/1", Param), ("/2", Param)])), ["ACK /d"]);
    assert_eq!(world.ask("a", announce("/d", &[("/3", Param)])), ["ERROR 503 /d"]);
    assert_eq!(world.ask("a", announce("/d", &[("/2", Event)])), ["ACK /d"]);
    assert_eq!(world.ask("a", query("/**")), ["RESULT /1:param /2:event"]);
}

#[test]
fn signals_that_nobody_asks_for_are_forgotten() {
    let mut world = World::configured(|config| config.signals.ttl_s = 100);
    world.join("a");
    world.send("a", announce("", &[("/asked", Param), ("/not", Param)]));
    world.pass_s(60);
    world.send("a", query("/asked"));
    world.pass_s(60);
    assert_eq!(world.ask("a", query("/**")), ["RESULT /asked:param"]);
    world.pass_s(102);
    assert_eq!(world.ask("a", query("/**")), ["RESULT"]);
}

#[test]
fn announcing_needs_write_scope_and_the_answer_only_what_may_be_read() {
    let mut world = World::guarded();
    world.join_with("root", "root|admin:/**");
    world.join_with("sam", "sam|read:/mine/**,write:/mine/**");
    world.join_with("none", "none|");
    let both = [("/mine/x", Param), ("/yours/x", Param)];
    assert_eq!(world.ask("sam", announce("/mine", &both)), ["ERROR 301 /yours/x"]);
    assert_eq!(world.ask("root", announce("/", &both)), ["ACK /"]);
    assert_eq!(world.ask("sam", query("/**")), ["RESULT /mine/x:param"]);
    assert_eq!(world.ask("none", query("/**")), ["RESULT"]);
}

#[test]
fn a_large_answer_is_cut_to_one_frame() {
    let mut world = World::configured(|config| config.signals.count_max = 0);
    world.join("a");
    for block in 0..10 {
        let addresses: Vec<String> =
            (0..500).map(|number| format!("/signals/{block}/{number:04}/with-a-name")).collect();
        let signals: Vec<_> = addresses.iter().map(|address| (address.as_str(), Param)).collect();
        world.send("a", announce("", &signals));
    }
    world.forget();
    world.send("a", query("/**"));
    let frames = world.frames("a");
    assert_eq!(frames.len(), 1);
    assert!(frames[0].len() > 65_000);
}
