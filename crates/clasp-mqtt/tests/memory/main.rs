//! What an idle session costs, the router's part included.
//!
//! Looks at the memory of the process, so it is the only test here, and other systems have none.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use clasp_gateway::Bell;
use clasp_mqtt::{Config, Mqtt};
use clasp_router::{Ports, Router, Taken};
use clasp_transport::{Dialect as _, Talk, clock};
use mqtt_proto::{Pid, QoS, TopicFilter, v3};

const SESSIONS: usize = 20_000;

/// A session of the router and MQTT's own: records, queue, places in tables. The socket and its
/// task are not among it.
const IDLE_SESSION_BYTES: usize = 1_536;

/// Bytes of the process that are in memory.
fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

/// A client with a clean session and one subscription, which has read all its answers.
fn idle(door: &Mqtt, number: usize) -> Arc<dyn Talk> {
    let remote = ([127, 0, 0, 1], 4_000).into();
    let talk = door.open(remote, Bell::new(), clock::now());
    let connect = v3::Connect::new(format!("sensor-{number}").into(), 60);
    let filter = TopicFilter::try_from(&*format!("idle/{number}")).unwrap();
    let wanted = vec![(filter, QoS::Level0)];
    let subscribe = v3::Subscribe::new(Pid::try_from(1).unwrap(), wanted);
    for packet in [v3::Packet::from(connect), subscribe.into()] {
        talk.receive(packet.encode().unwrap().as_ref(), clock::now());
    }
    let mut told = Vec::new();
    loop {
        let mut bytes = Vec::new();
        match talk.take(&mut bytes) {
            Taken::Bytes => told.append(&mut bytes),
            Taken::Pull => talk.pull(clock::now()),
            _ => break,
        }
    }
    assert_eq!(told, [0x20, 2, 0, 0, 0x90, 3, 0, 1, 0], "CONNACK and SUBACK");
    talk
}

#[test]
fn an_idle_session_is_small() {
    let config = clasp_router::Config { sessions_max: 0, ..Default::default() };
    let router = Router::new(config, Ports::default()).unwrap();
    router.tick(clock::now());
    let door = Mqtt::open(router, Config::new("/mqtt").unwrap(), 300, None, clock::now()).unwrap();
    let mut sessions = Vec::with_capacity(SESSIONS);
    sessions.push(idle(&door, SESSIONS));
    let before = resident_bytes();
    sessions.extend((0..SESSIONS).map(|number| idle(&door, number)));
    let each = (resident_bytes() - before) / SESSIONS;
    assert!(each <= IDLE_SESSION_BYTES, "an idle session takes {each} bytes");
}
