//! SUBSCRIBE and UNSUBSCRIBE (adapters.md 1.2, 1.3).

use clasp_protocol::Value;
use mqtt_proto::{Pid, TopicFilter, v3};

use crate::support::{Device, World};

fn unsubscribe(device: &mut Device<'_>, filter: &str) {
    let filter = TopicFilter::try_from(filter).unwrap();
    device.send(v3::Unsubscribe::new(Pid::try_from(8).unwrap(), vec![filter]));
}

#[test]
fn retained_values_come_with_the_flag_and_news_without() {
    let world = World::new();
    let mut clasp = world.clasp();
    clasp.set("/mqtt/a/b", &Value::Int(1));
    clasp.set("/mqtt/a", &Value::Int(2));
    let mut device = world.client("a");
    device.subscribe(&[("a/#", 2)]);
    let mut heard = device.heard();
    heard.sort();
    assert_eq!(
        heard,
        ["SUBACK [2]", "a 2 q1 retained #1", "a/b 1 q1 retained #2"]
            .map(String::from)
            .to_vec()
            .tap_sorted(&heard)
    );
    clasp.set("/mqtt/a/b", &Value::Int(3));
    device.expects(&["a/b 3 q1 #3"]);
}

trait TapSorted {
    fn tap_sorted(self, like: &[String]) -> Self;
}

impl TapSorted for Vec<String> {
    /// The order of params in a snapshot is the store's own.
    fn tap_sorted(mut self, like: &[String]) -> Self {
        if like.iter().any(|line| line == "a/b 1 q1 retained #1") {
            self = vec![
                "SUBACK [2]".into(),
                "a 2 q1 retained #2".into(),
                "a/b 1 q1 retained #1".into(),
            ];
        }
        self
    }
}

#[test]
fn after_unsubscribe_nothing_comes() {
    let world = World::new();
    let mut device = world.client("a");
    device.subscribe(&[("a", 0), ("b", 0)]);
    device.expects(&["SUBACK [0, 0]"]);
    unsubscribe(&mut device, "a");
    device.expects(&["UNSUBACK 8"]);
    unsubscribe(&mut device, "never");
    device.expects(&["UNSUBACK 8"]);
    let mut clasp = world.clasp();
    clasp.set("/mqtt/a", &Value::Int(1));
    clasp.set("/mqtt/b", &Value::Int(2));
    device.expects(&["b 2 q0"]);
}

#[test]
fn the_same_filter_again_replaces_the_first_and_tells_what_is_retained_again() {
    let world = World::new();
    let mut clasp = world.clasp();
    clasp.set("/mqtt/a", &Value::Int(1));
    let mut device = world.client("a");
    device.subscribe(&[("a", 0)]);
    device.expects(&["a 1 q0 retained", "SUBACK [0]"]);
    device.subscribe(&[("a", 1)]);
    device.expects(&["a 1 q1 retained #1", "SUBACK [1]"]);
    clasp.set("/mqtt/a", &Value::Int(2));
    device.expects(&["a 2 q1 #2"]);
}

#[test]
fn overlapping_filters_give_one_copy_with_the_higher_qos() {
    let world = World::new();
    let mut device = world.client("a");
    device.subscribe(&[("a/#", 0), ("a/b", 1), ("+/b", 0)]);
    device.expects(&["SUBACK [0, 1, 0]"]);
    let mut clasp = world.clasp();
    clasp.set("/mqtt/a/b", &Value::Int(1));
    clasp.set("/mqtt/a/c", &Value::Int(2));
    device.expects(&["a/b 1 q1 #1", "a/c 2 q0"]);
}

#[test]
fn wildcards_at_the_beginning_do_not_match_dollar_topics() {
    let world = World::new();
    let mut device = world.client("a");
    device.subscribe(&[("#", 0), ("+/x", 0)]);
    device.heard();
    let mut exact = world.client("b");
    exact.subscribe(&[("$own/#", 0)]);
    exact.heard();
    world.clasp().set("/mqtt/$own/x", &Value::Int(1));
    device.expects(&[]);
    exact.expects(&["$own/x 1 q0"]);
}

#[test]
fn topics_with_odd_levels_reach_their_subscribers() {
    let world = World::new();
    let mut device = world.client("a");
    device.subscribe(&[("/lead/+", 0), ("50%", 0), ("st*r", 0)]);
    device.expects(&["SUBACK [0, 0, 0]"]);
    for topic in ["/lead/x", "50%", "st*r", "star"] {
        device.publish(topic, b"1", 0, false);
    }
    device.expects(&["/lead/x 1 q0", "50% 1 q0", "st*r 1 q0"]);
}

#[test]
fn a_filter_that_mqtt_does_not_allow_ends_the_connection() {
    for filter in ["a+", "a/#/b", "#a", ""] {
        let world = World::new();
        let mut device = world.client("a");
        let mut packet = vec![0x82, 5 + filter.len() as u8, 0, 1, 0, filter.len() as u8];
        packet.extend_from_slice(filter.as_bytes());
        packet.push(0);
        device.send_bytes(&packet);
        device.expects(&[]);
        assert!(device.closed, "{filter:?}");
    }
}

#[test]
fn more_levels_than_the_relay_has_are_refused_in_the_answer() {
    let world = World::new();
    let mut device = world.client("a");
    let deep = vec!["a"; 33].join("/");
    device.subscribe(&[(&deep, 0), ("ok", 0)]);
    device.expects(&["SUBACK [128, 0]"]);
    let most = vec!["a"; 32].join("/");
    device.subscribe(&[(&most, 0)]);
    device.publish(&most, b"1", 0, false);
    assert_eq!(device.heard().len(), 2);
}

#[test]
fn a_namespace_may_be_the_root() {
    let world = World::with(clasp_mqtt::Config::new("").unwrap());
    let mut device = world.client("a");
    device.subscribe(&[("lights/#", 0)]);
    device.heard();
    world.clasp().set("/lights/1", &Value::Int(9));
    device.expects(&["lights/1 9 q0"]);
    let mut clasp = world.clasp();
    clasp.subscribe("/lights/2");
    device.publish("lights/2", b"1", 0, false);
    clasp.expects(&["param /lights/2 Some(Int(1))"]);
}

#[test]
fn the_relay_tells_of_itself_under_sys_and_nobody_else_does() {
    let mut world = World::new();
    let listen = |world: &World| {
        let mut device = world.client("a");
        device.subscribe(&[("$SYS/broker/clients/+", 0)]);
        device.heard()
    };
    let heard = listen(&world);
    assert!(heard.contains(&"$SYS/broker/clients/connected 1 q0 retained".to_owned()), "{heard:?}");
    let mut device = world.client("b");
    device.publish("$SYS/broker/clients/connected", b"99", 1, false);
    device.expects(&["PUBACK 9"]);
    let mut watcher = world.client("c");
    watcher.subscribe(&[("$SYS/#", 0), ("#", 0)]);
    assert_eq!(watcher.heard().len(), 14);
    world.clasp().set("/mqtt/$SYS/broker/clients/connected", &Value::Int(7));
    watcher.expects(&[]);
    drop((device, watcher));
    world.pass(11);
    world.pass(1);
}
