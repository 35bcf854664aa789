//! BUNDLE: all or nothing, in order, together (routing.md section 7, O5).

use clasp_protocol::message::{Phase, Ttl};

use crate::support::*;

fn pair() -> World {
    let mut world = World::new();
    world.join("a");
    world.join("b");
    world.send("b", subscribe(1, "/**"));
    world
}

#[test]
fn parts_are_delivered_one_by_one_in_their_order_and_acknowledged_once() {
    let mut world = pair();
    world.send("a", subscribe(1, "/x"));
    world.send("a", set("/x", 0));
    world.forget();
    world.send("a", bundle([event("/e", 1), set("/x", 1), stream("/s", 2), set("/y", 2)]));
    let all = ["PUBLISH event /e 1", "SET /x 1 rev=2", "PUBLISH stream /s 2", "SET /y 2 rev=1"];
    world.sees("b", all);
    world.sees("a", ["SET /x 1 rev=2", "ACK rev=1"]);
}

#[test]
fn the_acknowledgement_depends_on_the_qos_and_on_what_was_written() {
    let mut world = pair();
    assert_eq!(world.ask("a", bundle([])), ["ACK"]);
    assert_eq!(world.ask("a", bundle([event("/e", 1)])), ["ACK"]);
    assert_eq!(world.ask("a", bundle([set("/x", 1)]).fire()), [""; 0]);
    assert_eq!(world.ask("a", bundle([set("/x", 1), set("/x", 2), event("/e", 1)])), ["ACK rev=3"]);
}

#[test]
fn several_sets_of_one_address_see_each_other() {
    let mut world = pair();
    let chain =
        bundle([set("/x", 1).expecting(0), set("/x", 2).expecting(1), set("/x", 3).expecting(2)]);
    assert_eq!(world.ask("a", chain), ["ACK rev=3"]);
    world.sees("b", ["SET /x 1 rev=1", "SET /x 2 rev=2", "SET /x 3 rev=3"]);
    let broken = bundle([set("/x", 4).expecting(3), set("/x", 5).expecting(3)]);
    assert_eq!(world.ask("a", broken), ["ERROR 400 /x"]);
    assert_eq!(world.ask("a", get("/x")), ["SNAPSHOT /x=3@3"]);
}

#[test]
fn whatever_fails_nothing_is_applied_and_nobody_hears_of_it() {
    let mut world = pair();
    world.send("a", set("/held", 1).lock());
    world.send("a", set("/known", 1));
    world.forget();
    world.join("c");
    let good = || vec![set("/known", 2), set("/new", 1), event("/e", 1)];
    let bad = [
        (set("/held", 2), "ERROR 401 /held"),
        (set("/known", 3).expecting(7), "ERROR 400 /known"),
        (set("bad", 1), "ERROR 200 bad"),
        (event("bad", 1), "ERROR 200 bad"),
        (set("/deep", nested(33)), "ERROR 402 /deep"),
    ];
    for (part, expected) in bad {
        for place in 0..=3 {
            let mut parts = good();
            parts.insert(place, part.clone());
            assert_eq!(world.ask("c", bundle(parts)), [expected]);
        }
    }
    world.hears_nothing("b");
    assert_eq!(world.ask("c", get("/known")), ["SNAPSHOT /known=1@1"]);
    assert_eq!(world.ask("c", get("/new")), ["ERROR 201 /new"]);
    assert_eq!(world.ask("c", set("/new", 1)), ["ACK /new rev=1"]);
}

#[test]
fn a_refused_bundle_restores_values_revisions_and_lifetimes() {
    use clasp_protocol::message::Ttl;
    let mut world = pair();
    world.send("a", set("/held", 1).lock());
    world.join("c");
    world.send("c", set("/x", 1).ttl(Ttl::Absolute(10)));
    world.pass_s(5);
    world.forget();
    let refused =
        bundle([set("/x", 2).ttl(Ttl::Absolute(1)), set("/x", 3).ttl(Ttl::Never), set("/held", 2)]);
    assert_eq!(world.ask("c", refused), ["ERROR 401 /held"]);
    world.pass_s(4);
    assert_eq!(world.ask("c", get("/x")), ["SNAPSHOT /x=1@1"]);
    world.pass_s(2);
    assert_eq!(world.ask("c", get("/x")), ["ERROR 201 /x"]);
}

#[test]
fn the_parts_reach_each_subscriber_together() {
    let mut world = pair();
    world.join("c");
    world.send("c", subscribe(1, "/x"));
    world.send("c", subscribe(2, "/z"));
    world.stall("b");
    world.stall("c");
    let mut expected = Vec::new();
    for number in 1..=50 {
        world.send("a", event("/between", number));
        world.send("a", bundle([set("/x", number), event("/y", number), set("/z", number)]));
        expected.push(format!("PUBLISH event /between {number}"));
        expected.push(format!("SET /x {number} rev={number}"));
        expected.push(format!("PUBLISH event /y {number}"));
        expected.push(format!("SET /z {number} rev={number}"));
    }
    world.resume("b");
    world.resume("c");
    world.sees("b", expected.clone());
    expected.retain(|line| line.contains("/x") || line.contains("/z"));
    world.sees("c", expected);
}

#[test]
fn publishes_in_a_bundle_do_not_come_back_to_their_sender() {
    let mut world = pair();
    world.send("a", subscribe(1, "/**"));
    world.send("a", bundle([event("/e", 1), set("/x", 1)]));
    world.sees("a", ["SET /x 1 rev=1", "ACK rev=1"]);
}

#[test]
fn payload_bytes_of_parts_go_out_as_they_came() {
    let mut world = pair();
    let inner = event("/e", map(&[("b", "2"), ("a", "1")])).at(77);
    world.send("a", bundle([inner.clone()]));
    assert_eq!(world.frames("b"), [inner.frame(false)]);
}

#[test]
fn only_set_and_publish_may_be_inside() {
    let mut world = pair();
    let others = [
        get("/x"),
        subscribe(1, "/x"),
        unsubscribe(1),
        ping(),
        hello(),
        replay("/x"),
        query("/x"),
        bundle([set("/x", 1)]),
        bundle([]),
    ];
    for other in others {
        assert_eq!(world.ask("a", bundle([set("/x", 1), other.clone()])), ["ERROR 101"]);
        assert_eq!(world.ask("a", bundle([other, set("/x", 1)])), ["ERROR 101"]);
    }
    world.hears_nothing("b");
    assert_eq!(world.ask("a", get("/x")), ["ERROR 201 /x"]);
}

#[test]
fn bundles_nested_as_deep_as_a_frame_allows_do_no_harm() {
    let mut world = pair();
    let mut payload = vec![0x30, 0, 0, 0];
    for _ in 0..10_000 {
        let length = payload.len() as u16;
        let mut around = vec![0x30, 0, 0, 1];
        around.extend_from_slice(&length.to_be_bytes());
        around.extend_from_slice(&payload);
        payload = around;
        if payload.len() > 65_000 {
            break;
        }
    }
    let mut bytes = Vec::new();
    clasp_protocol::frame::write(clasp_protocol::Qos::Commit, &payload, &mut bytes).unwrap();
    world.send_bytes("a", &bytes);
    world.sees("a", ["ERROR 101"]);
    assert_eq!(world.ask("a", ping()), ["PONG"]);
}

#[test]
fn a_bundle_holds_at_most_1024_parts() {
    let mut world = pair();
    let parts = |count| bundle((0..count).map(|number| set("/x", number)));
    assert_eq!(world.ask("a", parts(1_025)), ["ERROR 101"]);
    world.hears_nothing("b");
    assert_eq!(world.ask("a", parts(1_024)), ["ACK rev=1024"]);
    assert_eq!(world.told("b").len(), 1_024);
}

#[test]
fn gestures_in_bundles_are_throttled_and_flushed_in_their_place() {
    let mut world = pair();
    let step = |phase, value| gesture("/pen", 1, phase, value);
    world.send("a", bundle([step(Phase::Start, 0), step(Phase::Move, 1), step(Phase::Move, 2)]));
    world.sees("b", ["PUBLISH gesture /pen start#1 0", "PUBLISH gesture /pen move#1 1"]);
    world.send("a", bundle([event("/e", 1), step(Phase::End, 3), event("/e", 2)]));
    world.sees(
        "b",
        [
            "PUBLISH event /e 1",
            "PUBLISH gesture /pen move#1 2",
            "PUBLISH gesture /pen end#1 3",
            "PUBLISH event /e 2",
        ],
    );
}

#[test]
fn a_bundle_of_a_hundred_parts_is_delivered_whole() {
    let mut world = pair();
    world.send("a", bundle((0..100).map(|number| set(&format!("/x/{number}"), number))));
    let expected = (0..100).map(|number| format!("SET /x/{number} {number} rev=1"));
    world.sees("b", expected.collect::<Vec<_>>());
}

#[test]
fn a_param_that_an_undone_bundle_gave_no_time_at_all_is_as_it_was() {
    let mut world = World::new();
    world.join("a");
    world.send("a", set("/x", 1));
    for _ in 0..3 {
        let parts = [set("/x", 2).ttl(Ttl::Absolute(0)), set("/x", 3).expecting(99)];
        assert_eq!(world.ask("a", bundle(parts)), ["ERROR 400 /x"]);
    }
    assert_eq!(world.ask("a", get("/x")), ["SNAPSHOT /x=1@1"]);
    assert_eq!(world.metric("clasp_state_params_active", &[]), 1.0);
    assert_eq!(world.metric("clasp_evictions_total", &["expired"]), 0.0);
}
