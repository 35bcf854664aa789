//! A router, a door, and clients of both versions.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use clasp_gateway::{Arrival, Bell, Guest, Introduction};
use clasp_mqtt::{Config, Key, Mqtt, Store, Stored};
use clasp_protocol::message::{Publish, Set, SignalType, Subscribe};
use clasp_protocol::{Message, RawValue, Value};
use clasp_router::{Now, Ports, Router, Taken};
use clasp_transport::{Departure, Dialect, Dismissal, Talk};
use mqtt_proto::{Pid, QosPid, TopicFilter, TopicName, v3, v5};
use parking_lot::Mutex;

/// A relay with one MQTT door.
pub(crate) struct World {
    pub(crate) router: Arc<Router>,
    pub(crate) door: Mqtt,
    at_us: u64,
}

impl World {
    pub(crate) fn new() -> World {
        World::with(Config::new("/mqtt").unwrap())
    }

    pub(crate) fn with(config: Config) -> World {
        World::open(config, Ports::default(), None)
    }

    pub(crate) fn open(config: Config, ports: Ports, store: Option<Box<dyn Store>>) -> World {
        let router = Router::new(clasp_router::Config::default(), ports).unwrap();
        let now = clasp_transport::clock::now();
        router.tick(now);
        let door = Mqtt::open(Arc::clone(&router), config, 300, store, now).unwrap();
        World { router, door, at_us: 0 }
    }

    /// Now, with what [`World::pass`] has added to it.
    pub(crate) fn now(&self) -> Now {
        let now = clasp_transport::clock::now();
        Now::new(now.unix_us + self.at_us, now.mono_us + self.at_us)
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.at_us += seconds * 1_000_000;
        self.router.tick(self.now());
        self.door.tick(self.now());
    }

    pub(crate) fn connection(&self) -> Device<'_> {
        let remote = SocketAddr::from(([127, 0, 0, 1], 4_000));
        let talk = self.door.open(remote, Bell::new(), self.now());
        Device { world: self, talk, tail: Vec::new(), modern: false, closed: false }
    }

    /// A client of MQTT 3.1.1 with a clean session.
    pub(crate) fn client(&self, id: &str) -> Device<'_> {
        let mut device = self.connection();
        device.send(v3::Connect::new(id.into(), 0));
        device.expects(&["CONNACK new"]);
        device
    }

    /// A client of MQTT 5 with a clean session.
    pub(crate) fn modern(&self, id: &str) -> Device<'_> {
        self.modern_with(id, |_| {})
    }

    pub(crate) fn modern_with(
        &self,
        id: &str,
        change: impl FnOnce(&mut v5::Connect),
    ) -> Device<'_> {
        let mut device = self.connection();
        device.modern = true;
        let mut connect = v5::Connect::new(id.into(), 0);
        change(&mut connect);
        device.send_modern(connect);
        device
    }

    /// A client of CLASP.
    pub(crate) fn clasp(&self) -> Clasp<'_> {
        let remote = SocketAddr::from(([127, 0, 0, 1], 4_001));
        let who = Introduction { remote, transport: "test", name: "clasp", token: None };
        let guest = Guest::enter(&self.router, &who, Bell::new(), self.now()).unwrap();
        Clasp { world: self, guest }
    }
}

/// One MQTT connection.
pub(crate) struct Device<'w> {
    world: &'w World,
    talk: Arc<dyn Talk>,
    tail: Vec<u8>,
    modern: bool,
    pub(crate) closed: bool,
}

impl Device<'_> {
    pub(crate) fn send(&mut self, packet: impl Into<v3::Packet>) {
        self.send_bytes(packet.into().encode().unwrap().as_ref());
    }

    pub(crate) fn send_modern(&mut self, packet: impl Into<v5::Packet>) {
        self.modern = true;
        self.send_bytes(packet.into().encode().unwrap().as_ref());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let received = self.talk.receive(bytes, self.world.now());
        if received.open {
            assert_eq!(received.used, bytes.len(), "everything is used");
        }
    }

    pub(crate) fn receive(&mut self, bytes: &[u8]) -> clasp_transport::Received {
        self.talk.receive(bytes, self.world.now())
    }

    pub(crate) fn subscribe(&mut self, filters: &[(&str, u8)]) {
        let qos = |level: u8| mqtt_proto::QoS::from_u8(level).unwrap();
        let pid = Pid::try_from(7).unwrap();
        if self.modern {
            let topics = filters.iter().map(|(filter, level)| {
                let mut options = v5::SubscriptionOptions::new(qos(*level));
                options.retain_as_published = false;
                (TopicFilter::try_from(*filter).unwrap(), options)
            });
            self.send_modern(v5::Subscribe::new(pid, topics.collect()));
        } else {
            let topics = filters
                .iter()
                .map(|(filter, level)| (TopicFilter::try_from(*filter).unwrap(), qos(*level)));
            self.send(v3::Subscribe::new(pid, topics.collect()));
        }
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], qos: u8, retain: bool) {
        let topic = TopicName::try_from(topic).unwrap();
        let qos_pid = qos_pid(qos, 9);
        if self.modern {
            let mut publish = v5::Publish::new(qos_pid, topic, payload.to_vec().into());
            publish.retain = retain;
            self.send_modern(publish);
        } else {
            let mut publish = v3::Publish::new(qos_pid, topic, payload.to_vec().into());
            publish.retain = retain;
            self.send(publish);
        }
    }

    /// What has come, a line each.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        loop {
            let mut bytes = Vec::new();
            match self.talk.take(&mut bytes) {
                Taken::Bytes => self.tail.append(&mut bytes),
                Taken::Pull => self.talk.pull(self.world.now()),
                Taken::Empty => break,
                Taken::Close(_) => {
                    self.tail.append(&mut bytes);
                    self.closed = true;
                    break;
                }
            }
        }
        let bytes = std::mem::take(&mut self.tail);
        let mut rest = &bytes[..];
        let mut lines = Vec::new();
        while !rest.is_empty() {
            let header = clasp_mqtt::packet::Header::read(rest).unwrap().unwrap();
            let (packet, after) = rest.split_at(header.total());
            lines.push(if self.modern { modern_line(packet) } else { line(packet) });
            rest = after;
        }
        lines
    }

    #[track_caller]
    pub(crate) fn expects(&mut self, lines: &[&str]) {
        assert_eq!(self.heard(), lines);
    }

    /// The packets themselves, of MQTT 5.
    pub(crate) fn packets(&mut self) -> Vec<v5::Packet> {
        let mut packets = Vec::new();
        let mut bytes = Vec::new();
        while self.talk.take(&mut bytes) == Taken::Bytes {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let packet = v5::Packet::decode(rest).unwrap().unwrap();
                rest = &rest[packet.encode_len().unwrap()..];
                packets.push(packet);
            }
            bytes.clear();
        }
        packets
    }

    pub(crate) fn leave(self) {
        self.talk.leave(Departure::Lost, self.world.now());
    }

    pub(crate) fn disconnect(mut self) {
        if self.modern {
            self.send_modern(v5::Disconnect::new(v5::DisconnectReasonCode::NormalDisconnect));
        } else {
            self.send(v3::Packet::Disconnect);
        }
        self.talk.leave(Departure::Closed, self.world.now());
    }

    pub(crate) fn dismiss(&mut self, why: Dismissal) {
        self.talk.dismiss(why, self.world.now());
    }

    pub(crate) fn silence_max_s(&self) -> Option<u32> {
        self.talk.silence_max_s()
    }
}

pub(crate) fn qos_pid(qos: u8, id: u16) -> QosPid {
    let id = Pid::try_from(id).unwrap();
    match qos {
        0 => QosPid::Level0,
        1 => QosPid::Level1(id),
        _ => QosPid::Level2(id),
    }
}

fn text(payload: &[u8]) -> String {
    String::from_utf8(payload.to_vec()).unwrap_or_else(|_| format!("{payload:?}"))
}

fn flags(qos_pid: QosPid, retain: bool, dup: bool) -> String {
    let (qos, id) = match qos_pid {
        QosPid::Level0 => (0, String::new()),
        QosPid::Level1(id) => (1, format!(" #{}", id.value())),
        QosPid::Level2(id) => (2, format!(" #{}", id.value())),
    };
    let retain = if retain { " retained" } else { "" };
    let dup = if dup { " again" } else { "" };
    format!("q{qos}{retain}{dup}{id}")
}

fn line(packet: &[u8]) -> String {
    match v3::Packet::decode(packet).unwrap().unwrap() {
        v3::Packet::Connack(connack) => {
            let present = if connack.session_present { "resumed" } else { "new" };
            match connack.code as u8 {
                0 => format!("CONNACK {present}"),
                code => format!("CONNACK {code}"),
            }
        }
        v3::Packet::Publish(publish) => {
            let flags = flags(publish.qos_pid, publish.retain, publish.dup);
            format!("{} {} {flags}", &*publish.topic_name, text(&publish.payload))
        }
        v3::Packet::Puback(id) => format!("PUBACK {}", id.value()),
        v3::Packet::Pubrec(id) => format!("PUBREC {}", id.value()),
        v3::Packet::Pubrel(id) => format!("PUBREL {}", id.value()),
        v3::Packet::Pubcomp(id) => format!("PUBCOMP {}", id.value()),
        v3::Packet::Suback(suback) => {
            let codes = suback.topics.iter().map(|code| match code {
                v3::SubscribeReturnCode::Failure => 128,
                granted => *granted as u8,
            });
            format!("SUBACK {:?}", codes.collect::<Vec<_>>())
        }
        v3::Packet::Unsuback(id) => format!("UNSUBACK {}", id.value()),
        v3::Packet::Pingresp => "PINGRESP".into(),
        other => format!("{other:?}"),
    }
}

fn modern_line(packet: &[u8]) -> String {
    // That library reads no more than one subscription identifier.
    match v5::Packet::decode(packet).unwrap().unwrap() {
        v5::Packet::Connack(connack) => {
            let present = if connack.session_present { "resumed" } else { "new" };
            match connack.reason_code as u8 {
                0 => format!("CONNACK {present}"),
                code => format!("CONNACK {code:#04x}"),
            }
        }
        v5::Packet::Publish(publish) => {
            let flags = flags(publish.qos_pid, publish.retain, publish.dup);
            format!("{} {} {flags}", &*publish.topic_name, text(&publish.payload))
        }
        v5::Packet::Puback(ack) => {
            format!("PUBACK {} {:#04x}", ack.pid.value(), ack.reason_code as u8)
        }
        v5::Packet::Pubrec(ack) => {
            format!("PUBREC {} {:#04x}", ack.pid.value(), ack.reason_code as u8)
        }
        v5::Packet::Pubrel(ack) => {
            format!("PUBREL {} {:#04x}", ack.pid.value(), ack.reason_code as u8)
        }
        v5::Packet::Pubcomp(ack) => {
            format!("PUBCOMP {} {:#04x}", ack.pid.value(), ack.reason_code as u8)
        }
        v5::Packet::Suback(suback) => {
            let codes: Vec<_> = suback.topics.iter().map(|code| *code as u8).collect();
            format!("SUBACK {codes:?}")
        }
        v5::Packet::Unsuback(unsuback) => {
            let codes: Vec<_> = unsuback.topics.iter().map(|code| *code as u8).collect();
            format!("UNSUBACK {codes:?}")
        }
        v5::Packet::Pingresp => "PINGRESP".into(),
        v5::Packet::Disconnect(bye) => format!("DISCONNECT {:#04x}", bye.reason_code as u8),
        other => format!("{other:?}"),
    }
}

/// One CLASP session.
pub(crate) struct Clasp<'w> {
    world: &'w World,
    guest: Guest,
}

impl Clasp<'_> {
    pub(crate) fn subscribe(&mut self, pattern: &str) {
        let subscribe = Subscribe { id: 1, pattern: pattern.into(), types: 0xFF, options: None };
        self.guest.tell(&Message::Subscribe(subscribe), self.world.now()).unwrap();
    }

    pub(crate) fn set(&mut self, address: &str, value: &Value) {
        let value = RawValue::try_from(value).unwrap();
        self.guest.tell(&Message::Set(Set::new(address, value)), self.world.now()).unwrap();
    }

    pub(crate) fn emit(&mut self, address: &str, signal: SignalType, value: &Value) {
        let mut publish = Publish::new(address, signal);
        publish.value = Some(RawValue::try_from(value).unwrap());
        self.guest.tell(&Message::Publish(publish), self.world.now()).unwrap();
    }

    /// What has come, a line each.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        self.guest.collect_all(self.world.now(), |arrival| {
            if let Arrival::News(news) = arrival {
                let value = news.value.map(|value| value.to_value());
                let kind = if news.state { "state" } else { news.signal.name() };
                let ttl = news.ttl.map(|ttl| format!(" {ttl:?}")).unwrap_or_default();
                lines.push(format!("{kind} {} {value:?}{ttl}", news.address));
            }
        });
        lines
    }

    #[track_caller]
    pub(crate) fn expects(&mut self, lines: &[&str]) {
        assert_eq!(self.heard(), lines);
    }
}

/// Keeps sessions in memory, across worlds.
#[derive(Debug, Default, Clone)]
pub(crate) struct Shelf(Arc<Mutex<HashMap<Key, Vec<u8>>>>);

impl Store for Shelf {
    fn load(&self) -> Result<Vec<Stored>, String> {
        let all = self.0.lock();
        let stored =
            all.iter().map(|(key, record)| Stored { key: key.clone(), record: record.clone() });
        Ok(stored.collect())
    }

    fn save(&self, changed: &HashMap<Key, Option<Vec<u8>>>) -> Result<(), String> {
        let mut all = self.0.lock();
        for (key, state) in changed {
            match state {
                Some(state) => drop(all.insert(key.clone(), state.clone())),
                None => drop(all.remove(key)),
            }
        }
        Ok(())
    }
}
