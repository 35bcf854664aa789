//! The door without its socket: datagrams in, datagrams out, on a real router and a clock by hand.

mod access;
mod events;
mod feedback;

use clasp_auth::{Chain, Denied, Grant, Scopes, Verifier};
use clasp_gateway::{Arrival, Bell, Guest, Introduction};
use clasp_protocol::message::{Bundle, Get, Set};
use clasp_protocol::{Message, RawValue, Value};
use clasp_router::{Config as RouterConfig, Ports};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType, encoder};

use super::*;
use crate::config::{Late, Tuning};
use crate::limits::BUNDLE_BYTES_MAX;
use crate::time::TimeTag;

const SECOND_US: u64 = 1_000_000;
const UNIX_US: u64 = 1_750_000_000_000_000;

/// The door and what it has sent.
struct Desk {
    floor: Floor,
    router: Arc<Router>,
    now: Now,
    sent: Vec<(SocketAddr, Vec<u8>)>,
    reader: Guest,
}

fn peer(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 9_000))
}

fn message(address: &str, arguments: Vec<OscType>) -> OscPacket {
    OscPacket::Message(OscMessage { addr: address.into(), args: arguments })
}

fn bundle(timetag: OscTime, content: Vec<OscPacket>) -> OscPacket {
    OscPacket::Bundle(OscBundle { timetag, content })
}

const AT_ONCE: OscTime = OscTime { seconds: 0, fractional: 1 };

impl Desk {
    fn new() -> Desk {
        Desk::with(Config::default(), Ports::default())
    }

    fn tuned(change: impl FnOnce(&mut Tuning)) -> Desk {
        let mut config = Config::default();
        change(&mut config.tuning);
        Desk::with(config, Ports::default())
    }

    fn with(config: Config, ports: Ports) -> Desk {
        let limits = RouterConfig { sessions_max: 5, ..RouterConfig::default() };
        let router = Router::new(limits, ports).unwrap();
        let now = Now::new(UNIX_US, 60 * SECOND_US);
        router.tick(now);
        let remote = SocketAddr::from(([127, 0, 0, 1], 4_000));
        let who = Introduction { remote, transport: "test", name: "reader", token: Some("all") };
        let reader = Guest::enter(&router, &who, Bell::new(), now).unwrap();
        let mut floor = Floor::new(Arc::clone(&router), config);
        floor.sweep(now);
        Desk { floor, router, now, sent: Vec::new(), reader }
    }

    fn wait_us(&mut self, us: u64) {
        self.now = Now::new(self.now.unix_us + us, self.now.mono_us + us);
        self.router.tick(self.now);
        self.work();
    }

    fn work(&mut self) -> Option<u64> {
        let sent = &mut self.sent;
        self.floor.work(self.now, &mut |packet, to| {
            sent.push((to, packet.to_vec()));
            Sent::Yes
        })
    }

    fn raw(&mut self, from: SocketAddr, bytes: &[u8]) {
        let sent = &mut self.sent;
        self.floor.datagram(bytes, from, self.now, &mut |packet, to| {
            sent.push((to, packet.to_vec()));
            Sent::Yes
        });
        self.work();
    }

    fn packet(&mut self, from: SocketAddr, packet: &OscPacket) {
        self.raw(from, &encoder::encode(packet).unwrap());
    }

    fn send(&mut self, from: SocketAddr, address: &str, arguments: Vec<OscType>) {
        self.packet(from, &message(address, arguments));
    }

    /// Somebody else sets a param.
    fn set(&mut self, address: &str, value: i64) {
        let set = Message::Set(Set::new(address, RawValue::int(value)));
        self.reader.tell(&set, self.now).unwrap();
        self.work();
    }

    /// The value of a param, if there is one.
    fn value(&mut self, address: &str) -> Option<Value> {
        self.reader.ask(&Message::Get(Get { address: address.into() }), false, self.now).unwrap();
        let mut value = None;
        self.reader.collect_all(self.now, |arrival| {
            if let Arrival::News(news) = arrival
                && news.state
            {
                value = news.value.map(|value| value.to_value());
            }
        });
        value
    }

    /// What was sent since the last time, a line for each packet.
    fn heard(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        sent.iter().map(|(to, packet)| format!("{} {}", to.port(), shown(packet))).collect()
    }

    fn drops(&self, reason: &str) -> f64 {
        let families = self.router.metrics();
        let family = families.iter().find(|it| it.name == "clasp_osc_drops_total").unwrap();
        let labels = [("reason", reason.to_owned())];
        family.samples.iter().find(|it| it.labels == labels).unwrap().value
    }
}

fn shown(packet: &[u8]) -> String {
    let packet = packet::decode(packet).unwrap();
    let show = |it: &OscMessage| {
        let arguments: Vec<String> = it.args.iter().map(|it| format!("{it:?}")).collect();
        [&[it.addr.clone()][..], &arguments].concat().join(" ")
    };
    let messages: Vec<String> = packet.messages().map(show).collect();
    if packet.bundle { format!("[{}]", messages.join(", ")) } else { messages.join(", ") }
}

#[test]
fn a_message_sets_a_param_below_the_namespace() {
    for prefix in ["/osc", "/show/desk", "/"] {
        let config = Config { namespace: prefix.parse().unwrap(), ..Config::default() };
        let mut desk = Desk::with(config, Ports::default());
        desk.send(peer(1), "/fader/1", vec![OscType::Float(0.5)]);
        let address = format!("{}/fader/1", prefix.trim_end_matches('/'));
        assert_eq!(desk.value(&address), Some(Value::Float(0.5)), "{address}");
        desk.send(peer(2), "/clasp/subscribe", vec!["/fader/*".into()]);
        let expected = [
            "9000 /fader/1 Float(0.5)".to_owned(),
            "9000 /clasp/subscribed String(\"/fader/*\") Int(30)".to_owned(),
        ];
        assert_eq!(desk.heard(), expected);
    }
}

#[test]
fn a_bundle_takes_effect_together_and_is_told_together() {
    let mut desk = Desk::new();
    desk.send(peer(2), "/clasp/subscribe", vec!["/**".into()]);
    desk.heard();
    let parts = vec![
        message("/a", vec![OscType::Int(1)]),
        bundle(AT_ONCE, vec![message("/b", vec!["two".into()])]),
        message("/c", vec![]),
    ];
    desk.packet(peer(1), &bundle(AT_ONCE, parts));
    assert_eq!(desk.heard(), ["9000 [/a Int(1), /b String(\"two\"), /c Nil]"]);
}

#[test]
fn a_bundle_with_a_refused_part_has_no_effect_at_all() {
    let mut desk = Desk::new();
    let lock = Set { lock: true, ..Set::new("/osc/locked", RawValue::int(1)) };
    desk.reader.tell(&Message::Set(lock), desk.now).unwrap();
    let parts = vec![
        message("/a", vec![OscType::Int(1)]),
        message("/locked", vec![OscType::Int(2)]),
        message("/clasp/ping", vec![]),
    ];
    desk.packet(peer(1), &bundle(AT_ONCE, parts));
    assert_eq!((desk.value("/osc/a"), desk.value("/osc/locked")), (None, Some(Value::Int(1))));
    let heard = desk.heard();
    assert!(heard[0].starts_with("9000 /clasp/pong Long("), "{heard:?}");
    assert!(heard[1].contains("/clasp/error") && heard[1].contains("lock"), "{heard:?}");
}

#[test]
fn a_bundle_waits_for_its_time() {
    let mut desk = Desk::new();
    let tag = TimeTag::from_unix_us(UNIX_US + 500_000).0;
    let at = OscTime { seconds: (tag >> 32) as u32, fractional: tag as u32 };
    desk.packet(peer(1), &bundle(at, vec![message("/a", vec![OscType::Int(1)])]));
    desk.send(peer(1), "/a", vec![OscType::Int(0)]);
    desk.wait_us(499_000);
    assert_eq!(desk.value("/osc/a"), Some(Value::Int(0)));
    desk.wait_us(1_000);
    assert_eq!(desk.value("/osc/a"), Some(Value::Int(1)));
}

#[test]
fn a_late_bundle_is_carried_out_or_discarded_as_the_operator_says() {
    for (late, expected) in [(Late::Execute, Some(Value::Int(1))), (Late::Discard, None)] {
        let mut desk = Desk::tuned(|tuning| tuning.late = late);
        let at = OscTime { seconds: 3_000_000_000, fractional: 0 };
        desk.packet(peer(1), &bundle(at, vec![message("/a", vec![OscType::Int(1)])]));
        assert_eq!(desk.value("/osc/a"), expected);
        assert_eq!(desk.drops("late") > 0.0, late == Late::Discard);
        desk.packet(peer(1), &bundle(AT_ONCE, vec![message("/b", vec![])]));
        assert_eq!(desk.value("/osc/b"), Some(Value::Null));
    }
}

#[test]
fn a_message_to_a_pattern_sets_the_params_that_match() {
    let mut desk = Desk::new();
    for address in ["/osc/ch/1/mute", "/osc/ch/2/mute", "/osc/ch/10/mute", "/other/ch/1/mute"] {
        desk.set(address, 0);
    }
    desk.send(peer(1), "/ch/?/mute", vec![OscType::Int(1)]);
    desk.send(peer(1), "/none/*", vec![OscType::Int(1)]);
    let values = ["/osc/ch/1/mute", "/osc/ch/2/mute", "/osc/ch/10/mute", "/other/ch/1/mute"]
        .map(|address| desk.value(address));
    assert_eq!(values, [1, 1, 0, 0].map(|it| Some(Value::Int(it))));
    assert_eq!(desk.value("/osc/none/*"), None);
    assert_eq!(desk.drops("unmatched"), 1.0);
}

#[test]
fn addresses_that_osc_does_not_allow_are_counted_and_not_stored() {
    let mut desk = Desk::new();
    for address in ["/a b", "/a#b", "/a/", "/a,b"] {
        desk.send(peer(1), address, vec![OscType::Int(1)]);
    }
    assert_eq!(desk.drops("address") + desk.drops("unmatched"), 4.0);
    assert_eq!(desk.value("/osc/a b"), None);
}
