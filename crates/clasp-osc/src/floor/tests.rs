//! The door without its socket: datagrams in, datagrams out, on a real router and a clock by hand.

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
fn a_subscriber_hears_of_changes_until_it_unsubscribes() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/ch/[12]/*".into()]);
    desk.heard();
    for (address, value) in [("/osc/ch/1/mix", 1), ("/osc/ch/3/mix", 2), ("/osc/ch/2/mix", 3)] {
        desk.set(address, value);
    }
    assert_eq!(desk.heard(), ["9000 /ch/1/mix Int(1)", "9000 /ch/2/mix Int(3)"]);
    desk.send(peer(1), "/clasp/unsubscribe", vec!["/ch/[12]/*".into()]);
    desk.set("/osc/ch/1/mix", 4);
    assert_eq!(desk.heard(), Vec::<String>::new());
}

#[test]
fn feedback_goes_to_the_port_that_was_asked_for() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/port", vec![OscType::Int(9_001)]);
    desk.send(peer(1), "/xremote", vec![]);
    desk.heard();
    desk.set("/osc/a", 1);
    desk.send(peer(1), "/clasp/port", vec![OscType::Int(0)]);
    desk.set("/osc/a", 2);
    assert_eq!(desk.heard(), ["9001 /a Int(1)", "9000 /a Int(2)"]);
}

#[test]
fn a_lease_ends_unless_something_comes() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/a".into()]);
    desk.send(peer(2), "/xremote", vec![]);
    desk.heard();
    let after = |desk: &mut Desk, seconds: u64, value: i64| {
        desk.wait_us(seconds * SECOND_US);
        let now = desk.now;
        desk.floor.sweep(now);
        desk.set("/osc/a", value);
        desk.heard().len()
    };
    assert_eq!(after(&mut desk, 9, 1), 2);
    desk.send(peer(1), "/anything", vec![]);
    desk.send(peer(2), "/xremote", vec![]);
    desk.heard();
    assert_eq!(after(&mut desk, 9, 2), 2);
    assert_eq!(after(&mut desk, 2, 3), 1, "only the longer lease is left");
    assert_eq!(after(&mut desk, 18, 4), 1);
    assert_eq!(after(&mut desk, 2, 5), 0);
    assert_eq!(desk.floor.peers(), 0);
}

#[test]
fn nobody_hears_what_it_wrote_itself_and_everybody_else_does() {
    let mut desk = Desk::new();
    for number in [1, 2] {
        desk.send(peer(number), "/clasp/port", vec![OscType::Int(9_000 + i32::from(number))]);
        desk.send(peer(number), "/clasp/subscribe", vec!["/**".into()]);
    }
    desk.heard();
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    assert_eq!(desk.heard(), ["9002 /a Int(1)"]);
    desk.send(peer(2), "/a", vec![OscType::Int(1)]);
    assert_eq!(desk.heard(), Vec::<String>::new(), "an echo ends at the guard");
    desk.set("/osc/a", 2);
    desk.set("/osc/a", 1);
    let expected = ["9001 /a Int(2)", "9002 /a Int(2)", "9001 /a Int(1)", "9002 /a Int(1)"];
    assert_eq!(desk.heard(), expected);
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
fn what_changes_together_elsewhere_is_one_bundle() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    desk.heard();
    let set = |address: &'static str| Message::Set(Set::new(address, RawValue::int(1))).into();
    let parts = vec![set("/osc/a"), set("/osc/b"), set("/elsewhere")];
    let both = Message::Bundle(Bundle { timestamp: None, parts });
    desk.reader.tell(&both, desk.now).unwrap();
    desk.work();
    assert_eq!(desk.heard(), ["9000 [/a Int(1), /b Int(1)]"]);
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

#[test]
fn news_that_osc_has_no_address_for_are_counted_and_not_sent() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    desk.heard();
    desk.set("/osc/my fader", 1);
    assert_eq!((desk.heard(), desk.drops("unsendable")), (vec![], 1.0));
}

#[test]
fn a_get_is_answered_at_the_address_that_was_asked_for() {
    let mut desk = Desk::new();
    desk.set("/osc/ch/1", 7);
    desk.set("/osc/ch/2", 8);
    desk.send(peer(1), "/clasp/get", vec!["/ch/2".into()]);
    assert_eq!(desk.heard(), ["9000 /ch/2 Int(8)"]);
    desk.send(peer(1), "/clasp/get", vec!["/ch/*".into()]);
    let heard = desk.heard().join(" ");
    assert!(heard.contains("/ch/1 Int(7)") && heard.contains("/ch/2 Int(8)"), "{heard}");
    desk.send(peer(1), "/clasp/get", vec!["/ch/3".into()]);
    let heard = desk.heard().join(" ");
    assert!(heard.contains("/clasp/error String(\"/clasp/get\") Int(201)"), "{heard}");
}

#[test]
fn values_are_written_as_the_client_wants_them() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/format", vec!["double".into(), "ints-as-floats".into()]);
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    desk.heard();
    desk.set("/osc/a", 7);
    assert_eq!(desk.heard(), ["9000 /a Double(7.0)"]);
    desk.send(peer(1), "/clasp/format", vec!["single".into(), "octal".into()]);
    assert!(desk.heard()[0].contains("no format octal"));
    desk.set("/osc/a", 8);
    assert_eq!(desk.heard(), ["9000 /a Double(8.0)"], "a bad request changes nothing");
}

#[test]
fn a_state_of_many_params_is_paced_and_in_bundles_that_networks_carry() {
    let mut desk = Desk::new();
    for number in 0..3_000 {
        desk.set(&format!("/osc/channel/{number}/level"), number);
    }
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    assert_eq!(desk.sent.len(), BURST_PACKETS);
    let mut rounds = 0;
    while desk.work().is_some() {
        desk.wait_us(BURST_PAUSE_US);
        rounds += 1;
    }
    assert!(desk.sent.iter().all(|(_, packet)| packet.len() <= BUNDLE_BYTES_MAX));
    assert!(rounds >= desk.sent.len() / BURST_PACKETS - 1, "{rounds}");
    let messages = desk.sent.iter().map(|(_, it)| packet::decode(it).unwrap().messages().count());
    assert_eq!(messages.sum::<usize>(), 3_000 + 1, "the state and its confirmation");
}

#[test]
fn forged_sources_take_no_more_than_their_places_and_nobody_elses() {
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    for number in 0..10_000_u32 {
        let [_, b, c, d] = (number / 200).to_be_bytes();
        let from = SocketAddr::from(([11, b, c, d], 10_000 + (number % 200) as u16));
        desk.send(from, "/a", vec![OscType::Int(1)]);
        assert!(desk.floor.peers() <= SESSIONS_MAX);
    }
    assert!(desk.floor.crowds.values().all(|crowd| *crowd <= SESSIONS_PER_ADDRESS_MAX));
    assert_eq!(desk.router.connections(), 1, "they do not count as the relay's sessions");
    desk.heard();
    desk.set("/osc/b", 2);
    assert_eq!(desk.heard(), ["9000 /b Int(2)"], "who is subscribed stays");
}

#[test]
fn subscribers_of_one_address_are_so_many_and_a_further_one_is_refused() {
    let mut desk = Desk::new();
    for port in 0..100 {
        let from = SocketAddr::from(([10, 0, 0, 1], 20_000 + port));
        desk.send(from, "/clasp/subscribe", vec!["/**".into()]);
    }
    assert_eq!(desk.floor.peers(), SESSIONS_PER_ADDRESS_MAX as usize);
    assert_eq!(desk.drops("full"), 36.0);
}

#[test]
fn what_is_no_packet_makes_no_session() {
    let mut desk = Desk::new();
    desk.raw(peer(1), b"hello");
    desk.raw(peer(2), &vec![0; 65_507]);
    assert_eq!((desk.floor.peers(), desk.drops("malformed")), (0, 2.0));
    desk.raw(peer(3), b"#bundle\0\0\0\0\0\0\0\0\x01");
    assert_eq!(desk.floor.peers(), 1);
}

#[test]
fn packets_from_elsewhere_than_allowed_are_dropped() {
    let config = Config { sources: "10.0.0.0/31".parse().unwrap(), ..Config::default() };
    let mut desk = Desk::with(config, Ports::default());
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    desk.send(peer(2), "/a", vec![OscType::Int(2)]);
    assert_eq!((desk.value("/osc/a"), desk.drops("source")), (Some(Value::Int(1)), 1.0));
}

/// Tokens are lists of scopes; "all" is everything.
struct Spelled;

impl Verifier for Spelled {
    fn verify(&self, token: &str, _: u64) -> Option<Result<Grant, Denied>> {
        let list = if token == "all" { "admin:/**" } else { token };
        let denied = |_| Denied::Invalid("no scopes".into());
        let scopes = Scopes::parse_list(list).map_err(denied);
        Some(scopes.map(|scopes| Grant { scopes: Some(scopes), ..Grant::default() }))
    }
}

fn guarded(guests: Guests) -> Desk {
    let chain = Chain::new(vec![Arc::new(Spelled)], None);
    let ports = Ports { authenticator: Arc::new(chain), ..Ports::default() };
    Desk::with(Config { guests, ..Config::default() }, ports)
}

#[test]
fn where_tokens_are_demanded_a_client_shows_one_first() {
    let mut desk = guarded(Guests::Refused);
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    assert_eq!(desk.heard(), Vec::<String>::new());
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    assert!(desk.heard()[0].contains("/clasp/auth"));
    desk.send(peer(1), "/clasp/auth", vec!["nonsense".into()]);
    assert!(desk.heard()[0].contains("/clasp/error String(\"/clasp/auth\")"));
    assert_eq!((desk.floor.peers(), desk.value("/osc/a")), (0, None));
    let token = "write:/osc/a,read:/osc/**";
    desk.send(peer(1), "/clasp/auth", vec![token.into()]);
    assert_eq!(desk.heard(), ["9000 /clasp/auth Bool(true)"]);
    desk.send(peer(1), "/a", vec![OscType::Int(2)]);
    desk.send(peer(1), "/b", vec![OscType::Int(2)]);
    assert_eq!((desk.value("/osc/a"), desk.value("/osc/b")), (Some(Value::Int(2)), None));
    let heard = desk.heard();
    assert!(heard[0].contains("/clasp/error") && heard[0].contains("/osc/b"), "{heard:?}");
}

#[test]
fn clients_without_a_token_come_with_the_doors_and_a_better_one_keeps_their_subscriptions() {
    let usual = clasp_auth::cpsk::Secret::new("read:/osc/**".into());
    let mut desk = guarded(Guests::With(usual));
    desk.send(peer(1), "/clasp/subscribe", vec!["/**".into()]);
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    assert_eq!(desk.value("/osc/a"), None);
    desk.send(peer(1), "/clasp/auth", vec!["all".into()]);
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    assert_eq!(desk.value("/osc/a"), Some(Value::Int(1)));
    desk.heard();
    desk.set("/osc/b", 2);
    assert_eq!(desk.heard(), ["9000 /b Int(2)"]);
}

#[test]
fn a_destination_is_told_without_asking_at_its_rate_and_of_the_latest_values() {
    let destination = |port: u16, pause: Option<Duration>| Destination {
        address: SocketAddr::from(([10, 0, 0, 9], port)),
        patterns: vec!["/lights/**".into()],
        strip: "/lights".parse().unwrap(),
        pause,
        format: crate::Format::default(),
    };
    let mut desk = Desk::tuned(|tuning| {
        let slow = Some(Duration::from_millis(100));
        tuning.destinations = vec![destination(7_001, None), destination(7_002, slow)];
    });
    for value in 1..=3 {
        desk.set("/lights/1", value);
    }
    desk.set("/lights/2", 9);
    let expected =
        ["7001 /1 Int(1)", "7002 /1 Int(1)", "7001 /1 Int(2)", "7001 /1 Int(3)", "7001 /2 Int(9)"];
    assert_eq!(desk.heard(), expected);
    desk.wait_us(99_000);
    assert_eq!(desk.heard(), Vec::<String>::new());
    desk.wait_us(1_000);
    assert_eq!(desk.heard(), ["7002 [/1 Int(3), /2 Int(9)]"]);
    let host = SocketAddr::from(([10, 0, 0, 9], 50_000));
    desk.send(host, "/x", vec![]);
    assert_eq!(desk.heard(), Vec::<String>::new());
}

#[test]
fn a_destination_does_not_hear_what_its_own_host_wrote() {
    let mut desk = Desk::tuned(|tuning| {
        tuning.destinations = vec![Destination {
            address: SocketAddr::from(([10, 0, 0, 1], 7_001)),
            patterns: vec!["/osc/**".into()],
            strip: "/osc".parse().unwrap(),
            pause: None,
            format: crate::Format::default(),
        }];
    });
    desk.send(peer(1), "/a", vec![OscType::Int(1)]);
    desk.send(peer(2), "/a", vec![OscType::Int(2)]);
    assert_eq!(desk.heard(), ["7001 /a Int(2)"]);
}

#[test]
fn an_event_without_a_value_is_a_message_without_arguments() {
    use clasp_protocol::message::{Publish, SignalType};
    let mut desk = Desk::new();
    desk.send(peer(1), "/clasp/subscribe", vec!["/go".into()]);
    desk.heard();
    let event = Message::Publish(Publish::new("/osc/go", SignalType::Event));
    for _ in 0..2 {
        desk.reader.tell(&event, desk.now).unwrap();
    }
    desk.work();
    assert_eq!(desk.heard(), ["9000 [/go, /go]"]);
}

#[test]
fn a_client_that_does_not_ask_is_not_told_of_refusals() {
    let mut desk = Desk::new();
    let lock = Set { lock: true, ..Set::new("/osc/a", RawValue::int(1)) };
    desk.reader.tell(&Message::Set(lock), desk.now).unwrap();
    desk.send(peer(1), "/a", vec![OscType::Int(2)]);
    assert_eq!(desk.heard(), Vec::<String>::new());
}
