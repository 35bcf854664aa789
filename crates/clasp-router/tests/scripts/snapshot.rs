//! Snapshots of any size: every param arrives, in order with live SETs (routing.md 2.4, 3.6, O3).

use std::collections::{BTreeMap, HashMap};

use clasp_protocol::{Frame, Message, codec};

use crate::support::*;

fn with_params(count: usize, bytes: usize) -> World {
    let mut world = World::configured(|config| config.params.created_per_session_max = 0);
    world.join("a");
    for number in 0..count {
        world.send("a", set(&format!("/scene/lights/{number:06}/level"), long_text(bytes)).fire());
    }
    world
}

/// Payload bytes of the SNAPSHOTs among frames.
fn snapshot_payloads(frames: &[Vec<u8>]) -> Vec<usize> {
    let payload = |frame: &Vec<u8>| Frame::parse(frame).unwrap().payload.to_vec();
    let payloads = frames.iter().map(payload).filter(|payload| payload[0] == 0x23);
    payloads.map(|payload| payload.len()).collect()
}

#[test]
fn snapshots_are_cut_by_bytes() {
    let mut world = with_params(3_000, 10);
    world.connect("b");
    world.send("b", hello());
    let frames = world.client("b").inbox.clone();
    let payloads = snapshot_payloads(&frames);
    assert!(payloads.iter().all(|bytes| *bytes <= 20_000), "{payloads:?}");
    assert!(payloads.len() < 30, "{payloads:?}");
    assert_eq!(world.snapshots("b").len(), 3_000);
}

#[test]
fn the_size_of_a_frame_is_the_operators() {
    let mut world = World::configured(|config| config.snapshot_payload_bytes_max = 1_000);
    world.join("a");
    for number in 0..100 {
        world.send("a", set(&format!("/x/{number}"), number));
    }
    world.send("a", set("/x/large", long_text(5_000)));
    world.join("b");
    world.send("b", subscribe(1, "/x/*"));
    let frames = world.client("b").inbox.clone();
    let mut payloads = snapshot_payloads(&frames);
    payloads.sort_unstable();
    assert!(payloads.pop().is_some_and(|bytes| bytes > 5_000), "one param fills a frame alone");
    assert!(payloads.iter().all(|bytes| *bytes <= 1_000), "{payloads:?}");
    assert_eq!(world.snapshots("b").len(), 101);
}

#[test]
fn a_hundred_thousand_params_all_arrive() {
    let mut world = with_params(100_000, 10);
    world.connect("b");
    world.send("b", hello());
    assert_eq!(world.snapshots("b").len(), 100_000);
    world.send("b", subscribe(1, "/scene/**/level"));
    assert_eq!(world.snapshots("b").len(), 100_000);
    world.send("b", subscribe(2, "/scene/lights/00001*/level"));
    assert_eq!(world.snapshots("b").len(), 10);
}

#[test]
fn one_huge_value_does_not_suppress_its_neighbours() {
    let mut world = with_params(1_000, 10);
    let room = 65_535 - 61 - "/scene/huge".len() - 2;
    world.send("a", set("/scene/huge", long_text(room)));
    world.connect("b");
    world.send("b", hello());
    let params = world.snapshots("b");
    assert_eq!(params.len(), 1_001);
    assert_eq!(params["/scene/huge"].value, long_text(room));
}

#[test]
fn no_param_is_told_twice_in_one_snapshot() {
    let mut world = with_params(5_000, 100);
    world.connect("b");
    world.send("b", hello());
    let mut seen = HashMap::new();
    for frame in world.frames("b") {
        let Ok(Message::Snapshot(snapshot)) = codec::decode(Frame::parse(&frame).unwrap().payload)
        else {
            continue;
        };
        for entry in snapshot.params {
            *seen.entry(entry.address.into_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 5_000);
    assert!(seen.values().all(|count| *count == 1));
}

#[test]
fn a_snapshot_is_produced_at_the_pace_at_which_it_is_read() {
    let mut world = with_params(20_000, 400);
    world.connect("b");
    world.stall("b");
    world.send("b", hello());
    assert!(!world.client("b").connection.may_read(), "requests wait until it has read");
    let waiting = world.client("b").connection.outbox().backlog_bytes();
    assert!(waiting < 300_000, "{waiting} bytes wait");
    let now = world.now;
    while world.client("b").step(now) {
        let waiting = world.client("b").connection.outbox().backlog_bytes();
        assert!(waiting < 300_000, "{waiting} bytes wait");
    }
    assert!(world.client("b").connection.may_read());
    assert_eq!(world.snapshots("b").len(), 20_000);
}

/// Highest revision of each address that these frames tell, and every step back among them.
fn follow(frames: &[Vec<u8>]) -> (BTreeMap<String, u64>, Vec<String>) {
    let mut revisions = BTreeMap::new();
    let mut backwards = Vec::new();
    let mut see = |address: &str, revision: u64, is_set: bool| {
        let last = revisions.get(address).copied().unwrap_or(0);
        if revision < last || (is_set && revision == last) {
            backwards.push(format!("{address} went from {last} to {revision}"));
        }
        revisions.insert(address.to_owned(), revision.max(last));
    };
    for frame in frames {
        match codec::decode(Frame::parse(frame).unwrap().payload) {
            Ok(Message::Set(set)) => see(&set.address, set.revision.unwrap(), true),
            Ok(Message::Snapshot(snapshot)) => {
                for entry in &snapshot.params {
                    see(&entry.address, entry.revision, false);
                }
            }
            _ => {}
        }
    }
    (revisions, backwards)
}

#[test]
fn live_sets_between_the_frames_of_a_snapshot_are_never_taken_back() {
    let mut world = with_params(3_000, 1_000);
    world.join("b");
    world.forget();
    world.stall("b");
    world.send("b", subscribe(1, "/scene/**"));
    let now = world.now;
    let mut number = 0;
    let mut steps = 0;
    while world.client("b").step(now) {
        steps += 1;
        for _ in 0..if steps < 200 { 20 } else { 0 } {
            number = (number + 997) % 3_000;
            world.send("a", set(&format!("/scene/lights/{number:06}/level"), 2).fire());
        }
    }
    assert!(steps > 200);
    let frames = world.frames("b");
    let (revisions, backwards) = follow(&frames);
    assert_eq!(backwards, [""; 0]);
    assert_eq!(revisions.len(), 3_000);
    world.connect("c");
    world.send("c", hello());
    for (address, entry) in world.snapshots("c") {
        assert_eq!(revisions[&address], entry.revision, "{address}");
    }
}

#[test]
fn params_created_while_a_snapshot_is_read_arrive_one_way_or_the_other() {
    let mut world = with_params(3_000, 1_000);
    world.join("b");
    world.forget();
    world.stall("b");
    world.send("b", subscribe(1, "/scene/**"));
    let now = world.now;
    let mut number = 0;
    while world.client("b").step(now) {
        for _ in 0..if number < 1_000 { 5 } else { 0 } {
            number += 1;
            world.send("a", set(&format!("/scene/new/{number}"), number).fire());
        }
    }
    let frames = world.frames("b");
    let (revisions, backwards) = follow(&frames);
    assert_eq!(backwards, [""; 0]);
    assert_eq!(revisions.len() as i32, 3_000 + number);
}

#[test]
fn several_subscriptions_at_once_bring_their_snapshots_one_after_the_other() {
    let mut world = with_params(2_000, 200);
    world.send("a", set("/other", 1));
    world.join("b");
    let mut bytes = subscribe(1, "/scene/**").frame(false);
    bytes.extend(subscribe(2, "/other").frame(false));
    bytes.extend(ping().frame(false));
    world.send_bytes("b", &bytes);
    let told = world.told("b");
    let other = told.iter().position(|line| line == "SNAPSHOT /other=1@1").unwrap();
    let pong = told.iter().position(|line| line == "PONG").unwrap();
    let scene = told.iter().rposition(|line| line.starts_with("SNAPSHOT /scene")).unwrap();
    assert!(scene < other, "snapshots come in the order of their subscriptions");
    assert!(pong <= other + 1);
}

#[test]
fn a_session_that_ends_within_its_snapshot_leaves_nothing_behind() {
    let mut world = with_params(20_000, 400);
    world.join("b");
    world.stall("b");
    world.send("b", subscribe(1, "/**"));
    world.leave("b");
    world.pass_s(2);
    assert_eq!(world.metric("clasp_queue_bytes", &[]), 0.0);
    assert_eq!(world.metric("clasp_subscriptions_active", &[]), 0.0);
}
