//! OSC over UDP.

use std::time::SystemTime;

use clasp_protocol::Value;
use rosc::{OscArray, OscTime, OscType};

use crate::peer::{AT_ONCE, Ear, Peer, bundle, message, osc_address};
use crate::support::Relay;

#[tokio::test]
async fn a_value_of_every_type_arrives_typed_and_comes_back_the_same() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let mut ear = Ear::new(&relay).await;
    let (desk, screen) =
        (Peer::new(osc_address(&relay).await).await, Peer::new(osc_address(&relay).await).await);
    screen.subscribe("/**").await;
    let one = |argument: OscType| vec![argument];
    let nested = OscType::Array(OscArray { content: vec![OscType::Nil] });
    for (arguments, value) in [
        (one(OscType::Float(0.25)), Value::Float(0.25)),
        (one(OscType::Int(-7)), Value::Int(-7)),
        (one(OscType::Long(1 << 40)), Value::Int(1 << 40)),
        (one("Grüße".into()), Value::String("Grüße".into())),
        (one(OscType::Blob(vec![0, 255])), Value::Bytes(vec![0, 255])),
        (one(OscType::Bool(true)), Value::Bool(true)),
        (one(OscType::Nil), Value::Null),
        (
            vec![1.into(), "two".into()],
            Value::Array(vec![Value::Int(1), Value::String("two".into())]),
        ),
        (one(nested), Value::Array(vec![Value::Null])),
    ] {
        desk.send("/a", arguments.clone()).await;
        ear.expect("/osc/a", value).await;
        screen.expect("/a", arguments).await;
    }
}

#[tokio::test]
async fn a_change_elsewhere_is_told_to_the_port_that_was_asked_for() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let osc = osc_address(&relay).await;
    let (app, ear) = (Peer::new(osc).await, Peer::new(osc).await);
    app.send("/clasp/port", vec![ear.port().into()]).await;
    app.send("/clasp/subscribe", vec!["/fader/?".into()]).await;
    ear.expect("/clasp/subscribed", vec!["/fader/?".into(), 30.into()]).await;
    let mut client = Ear::new(&relay).await.0;
    client.set("/osc/fader/10", 1).await;
    client.set("/elsewhere", 2).await;
    client.set("/osc/fader/1", 3).await;
    ear.expect("/fader/1", vec![3.into()]).await;
}

#[tokio::test]
async fn another_namespace_holds_both_ways() {
    let relay = Relay::start(&["--osc-port", "0", "--osc-namespace", "/show/desk"]).await;
    let mut ear = Ear::new(&relay).await;
    let peer = Peer::new(osc_address(&relay).await).await;
    peer.send("/fader/1", vec![OscType::Float(0.5)]).await;
    ear.expect("/show/desk/fader/1", Value::Float(0.5)).await;
    peer.send("/clasp/subscribe", vec!["/fader/*".into()]).await;
    peer.expect("/fader/1", vec![OscType::Float(0.5)]).await;
    peer.expect("/clasp/subscribed", vec!["/fader/*".into(), 30.into()]).await;
    ear.0.set("/show/desk/fader/2", 1).await;
    peer.expect("/fader/2", vec![1.into()]).await;
}

/// The tag of a moment, microseconds since 1970.
fn tag(unix_us: i64) -> OscTime {
    let us = u64::try_from(unix_us).unwrap();
    let fractional = u32::try_from(((us % 1_000_000) << 32) / 1_000_000).unwrap();
    OscTime { seconds: u32::try_from(us / 1_000_000 + 2_208_988_800).unwrap(), fractional }
}

#[tokio::test]
async fn bundles_take_effect_when_they_are_due_not_in_the_order_they_were_sent() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let mut ear = Ear::new(&relay).await;
    let peer = Peer::new(osc_address(&relay).await).await;
    let set = |value: i32| message("/cue", vec![value.into()]);
    // On a machine that is so slow that the first one is due before all are there, once more.
    let mut ahead_us = 500_000;
    loop {
        let began_us = peer.clock_us().await;
        let due_us = [began_us + ahead_us, began_us + ahead_us / 2];
        let last = vec![set(3), message("/go", vec![])];
        peer.packet(&bundle(tag(due_us[0]), last)).await;
        peer.packet(&bundle(tag(due_us[1]), vec![set(2)])).await;
        peer.packet(&set(1)).await;
        let in_time = peer.clock_us().await < due_us[1];
        let mut heard = Vec::new();
        for _ in 0..4 {
            heard.push((ear.next().await, peer.clock_us().await));
        }
        let early = |(change, at_us): &((String, Value), i64)| match change.1 {
            Value::Int(1) => false,
            Value::Int(2) => *at_us < due_us[1],
            _ => *at_us < due_us[0],
        };
        assert!(!heard.iter().any(early), "before its time: {due_us:?} {heard:?}");
        if in_time {
            let cue = |value: i64| ("/osc/cue".to_owned(), Value::Int(value));
            let changes: Vec<_> = heard.into_iter().map(|(change, _)| change).collect();
            assert_eq!(changes, [cue(1), cue(2), cue(3), ("/osc/go".to_owned(), Value::Null)]);
            return;
        }
        ahead_us *= 4;
    }
}

#[tokio::test]
async fn a_bundle_is_told_as_one_and_a_pattern_reaches_what_it_matches() {
    let relay = Relay::start(&["--osc-port", "0"]).await;
    let osc = osc_address(&relay).await;
    let (desk, screen) = (Peer::new(osc).await, Peer::new(osc).await);
    screen.subscribe("/**").await;
    let parts = [1, 2, 10].map(|number| message(&format!("/ch/{number}"), vec![0.into()]));
    desk.packet(&bundle(AT_ONCE, parts.into())).await;
    let heard = screen.next().await;
    assert_eq!(heard.len(), 3, "{heard:?}");
    desk.send("/ch/[0-9]", vec![1.into()]).await;
    let mut heard = screen.next().await;
    heard.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = ["/ch/1", "/ch/2"].map(|address| (address.to_owned(), vec![OscType::Int(1)]));
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn osc_alone_is_a_relay() {
    let relay = Relay::start_without_websocket(&["--osc-port", "0"], "udp").await;
    let osc = osc_address(&relay).await;
    let (desk, screen) = (Peer::new(osc).await, Peer::new(osc).await);
    screen.subscribe("/a").await;
    let soon = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seconds = u32::try_from(soon.as_secs() + 2_208_988_800 + 1).unwrap();
    let later = OscTime { seconds, fractional: 0 };
    desk.packet(&bundle(later, vec![message("/a", vec![1.into()])])).await;
    screen.expect("/a", vec![1.into()]).await;
    assert_eq!(relay.stop().await.0, Some(0));
}

#[tokio::test]
async fn a_destination_of_the_config_is_told_at_its_port_without_asking() {
    let folder = crate::folder::Folder::new();
    let ear = Peer::listener().await;
    let config = format!(
        "[[destination]]\naddr = \"127.0.0.1:{}\"\npatterns = [\"/lights/**\"]\n\
         strip_prefix = \"/lights\"\nformat.floats = \"double\"\nformat.ints_as_floats = true\n",
        ear.port()
    );
    std::fs::write(folder.path().join("osc.toml"), config).unwrap();
    let file = folder.file("osc.toml");
    let relay = Relay::start(&["--osc-port", "0", "--osc-config", &file]).await;
    let mut client = Ear::new(&relay).await.0;
    client.set("/lights/1", 7).await;
    ear.expect("/1", vec![OscType::Double(7.0)]).await;
}
