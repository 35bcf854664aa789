//! Sessions that outlive their connection, and the relay (adapters.md 1.6).

use clasp_mqtt::Config;
use clasp_protocol::Value;
use clasp_router::Ports;
use mqtt_proto::{Pid, v3};

use crate::support::{Device, Shelf, World};

fn kept<'w>(world: &'w World, id: &str) -> Device<'w> {
    let mut device = world.connection();
    let mut connect = v3::Connect::new(id.into(), 0);
    connect.clean_session = false;
    device.send(connect);
    device
}

fn stored(shelf: &Shelf) -> World {
    let config = Config::new("/mqtt").unwrap();
    World::open(config, Ports::default(), Some(Box::new(shelf.clone())))
}

#[test]
fn a_kept_session_gets_what_it_has_missed() {
    let mut world = World::new();
    {
        let mut device = kept(&world, "a");
        device.expects(&["CONNACK new"]);
        device.subscribe(&[("t", 1), ("q0", 0)]);
        device.heard();
        device.leave();
    }
    world.clasp().set("/mqtt/t", &Value::Int(1));
    world.clasp().set("/mqtt/q0", &Value::Int(1));
    world.pass(2);
    world.clasp().set("/mqtt/t", &Value::Int(2));
    {
        let mut device = kept(&world, "a");
        device.expects(&["CONNACK resumed", "t 1 q1 #1", "t 2 q1 #2"]);
        world.clasp().set("/mqtt/t", &Value::Int(3));
        device.expects(&["t 3 q1 #3"]);
        device.disconnect();
    }
    let mut clean = world.client("a");
    world.clasp().set("/mqtt/t", &Value::Int(4));
    clean.expects(&[]);
    clean.leave();
    kept(&world, "a").expects(&["CONNACK new"]);
}

#[test]
fn what_was_not_acknowledged_is_sent_again_and_only_that() {
    let world = World::new();
    let mut device = kept(&world, "a");
    device.subscribe(&[("t", 2)]);
    device.heard();
    let mut publisher = world.client("p");
    for payload in ["1", "2", "3"] {
        publisher.publish("t", payload.as_bytes(), 2, false);
        publisher.send(v3::Packet::Pubrel(Pid::try_from(9).unwrap()));
    }
    device.expects(&["t 1 q2 #1", "t 2 q2 #2", "t 3 q2 #3"]);
    device.send(v3::Packet::Pubrec(Pid::try_from(1).unwrap()));
    device.send(v3::Packet::Pubcomp(Pid::try_from(1).unwrap()));
    device.send(v3::Packet::Pubrec(Pid::try_from(2).unwrap()));
    device.expects(&["PUBREL 1", "PUBREL 2"]);
    device.leave();
    let mut device = kept(&world, "a");
    device.expects(&["CONNACK resumed", "t 3 q2 again #3", "PUBREL 2"]);
}

#[test]
fn a_session_ends_when_its_time_is_over() {
    let mut world = World::new();
    kept(&world, "a").leave();
    world.pass(24 * 3_600 + 1);
    kept(&world, "a").expects(&["CONNACK new"]);
}

#[test]
fn a_session_comes_back_after_a_restart_of_the_relay() {
    let shelf = Shelf::default();
    {
        let world = stored(&shelf);
        let mut device = kept(&world, "a");
        device.subscribe(&[("t/#", 1)]);
        device.heard();
        device.publish("x", b"1", 2, false);
        world.clasp().set("/mqtt/t/flight", &Value::Int(1));
        device.expects(&["PUBREC 9", "t/flight 1 q1 #1"]);
        device.leave();
        world.clasp().set("/mqtt/t/waits", &Value::Int(2));
        world.door.tick(world.now());
        world.door.store(world.now());
    }
    let mut world = stored(&shelf);
    world.clasp().set("/mqtt/t/later", &Value::Int(3));
    world.pass(1);
    let mut clasp = world.clasp();
    clasp.subscribe("/mqtt/x");
    let mut device = kept(&world, "a");
    device.expects(&[
        "CONNACK resumed",
        "t/flight 1 q1 again #1",
        "t/waits 2 q1 #2",
        "t/later 3 q1 #3",
    ]);
    device.publish("x", b"1", 2, false);
    device.expects(&["PUBREC 9"]);
    clasp.expects(&[]);
}

#[test]
fn a_clean_session_leaves_nothing_behind() {
    let shelf = Shelf::default();
    {
        let world = stored(&shelf);
        kept(&world, "a").leave();
        world.door.store(world.now());
        world.client("a").disconnect();
        world.door.store(world.now());
    }
    let world = stored(&shelf);
    kept(&world, "a").expects(&["CONNACK new"]);
}

#[test]
fn a_queue_keeps_the_newest_of_each_topic() {
    let mut world = World::new();
    {
        let mut device = kept(&world, "a");
        device.subscribe(&[("#", 1)]);
        device.heard();
        device.leave();
    }
    let mut clasp = world.clasp();
    clasp.set("/mqtt/rare", &Value::Int(-1));
    for number in 0..900 {
        clasp.set("/mqtt/busy", &Value::Int(number));
    }
    drop(clasp);
    world.pass(1);
    let mut clasp = world.clasp();
    for number in 900..1_700 {
        clasp.set("/mqtt/busy", &Value::Int(number));
    }
    drop(clasp);
    world.pass(1);
    let heard = kept(&world, "a").heard();
    assert_eq!(heard.len(), 1_001);
    assert_eq!(heard[1], "rare -1 q1 #1");
    assert!(heard[1_000].starts_with("busy 1699"), "{}", heard[1_000]);
}
