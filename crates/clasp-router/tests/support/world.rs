//! One router, its clients by name, and its time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use clasp_protocol::message::ParamEntry;
use clasp_protocol::{Frame, Message, codec};
use clasp_router::{Close, Config, Flow, Framing, LinkInfo, Manners, Now, Ports, Router};

use super::client::Client;
use super::messages::{Sent, hello, hello_with};
use super::ports::{Badges, Rules};
use super::render;

/// 2025-06-15 and a bit.
const START_UNIX_US: u64 = 1_750_000_000_000_000;
const START_MONO_US: u64 = 60_000_000;

/// One router, its clients by name, and its time.
pub(crate) struct World {
    pub(crate) router: Arc<Router>,
    pub(crate) now: Now,
    clients: BTreeMap<String, Client>,
    /// Session ids and whose they are or were.
    names: Vec<(String, String)>,
}

impl World {
    /// An open relay with default settings.
    pub(crate) fn new() -> World {
        World::with(Config::default(), Ports::default())
    }

    /// An open relay with other settings.
    pub(crate) fn configured(change: impl FnOnce(&mut Config)) -> World {
        World::configured_with(Ports::default(), change)
    }

    pub(crate) fn configured_with(ports: Ports, change: impl FnOnce(&mut Config)) -> World {
        let mut config = Config::default();
        change(&mut config);
        World::with(config, ports)
    }

    /// A relay that wants tokens (see [`Badges`]).
    pub(crate) fn guarded() -> World {
        World::with(Config::default(), World::badges())
    }

    pub(crate) fn badges() -> Ports {
        Ports { authenticator: Arc::new(Badges::default()), ..Ports::default() }
    }

    /// A relay with rules that wants tokens.
    pub(crate) fn ruled(rules: Rules) -> World {
        let ports = Ports { policy: Arc::new(rules), ..World::badges() };
        World::with(Config::default(), ports)
    }

    /// A relay in which whatever goes to several clients does so by reference.
    pub(crate) fn with(mut config: Config, ports: Ports) -> World {
        config.outbox.copies_bytes_max = 0;
        let router = Router::new(config, ports).expect("patterns of the test parse");
        let now = Now::new(START_UNIX_US, START_MONO_US);
        router.tick(now);
        World { router, now, clients: BTreeMap::new(), names: Vec::new() }
    }

    /// A link without HELLO.
    pub(crate) fn connect(&mut self, name: &str) {
        self.connect_from(name, "127.0.0.1");
    }

    /// A link from an IP address.
    pub(crate) fn connect_from(&mut self, name: &str, remote: &str) {
        let remote = SocketAddr::new(remote.parse().expect("an IP address"), 1);
        let link = LinkInfo {
            framing: Framing::WebSocket,
            remote,
            transport: "script",
            manners: Manners::Clasp,
        };
        let client = Client::new(|wake| self.router.connect(link, wake, self.now));
        let before = self.clients.insert(name.to_owned(), client);
        assert!(before.is_none(), "{name} is already there");
        self.read(name);
    }

    /// A session whose WELCOME and initial snapshot have been read.
    pub(crate) fn join(&mut self, name: &str) {
        self.join_by(name, &hello());
    }

    pub(crate) fn join_with(&mut self, name: &str, token: &str) {
        self.join_by(name, &hello_with(token));
    }

    pub(crate) fn join_from(&mut self, name: &str, remote: &str, token: &str) {
        self.connect_from(name, remote);
        self.greet(name, &hello_with(token));
    }

    /// A session that speaks MessagePack.
    pub(crate) fn join_legacy(&mut self, name: &str) {
        self.connect(name);
        self.client(name).legacy = true;
        self.greet(name, &hello());
    }

    fn join_by(&mut self, name: &str, hello: &Sent) {
        self.connect(name);
        self.greet(name, hello);
    }

    fn greet(&mut self, name: &str, hello: &Sent) {
        self.send(name, hello.clone());
        let lines = self.told(name);
        assert_eq!(lines.first().map(String::as_str), Some("WELCOME"), "{name}: {lines:?}");
        assert!(lines.len() > 1 && lines[1..].iter().all(|line| line.starts_with("SNAPSHOT")));
    }

    /// The socket of a client is gone.
    pub(crate) fn leave(&mut self, name: &str) {
        let gone = self.clients.remove(name);
        let mut gone = gone.unwrap_or_else(|| panic!("{name} is not there"));
        gone.connection.leave(self.now);
        drop(gone);
        self.read_all();
    }

    pub(crate) fn client(&mut self, name: &str) -> &mut Client {
        self.clients.get_mut(name).unwrap_or_else(|| panic!("{name} is not there"))
    }

    /// Sends a message; everybody who reads, reads.
    #[expect(clippy::needless_pass_by_value, reason = "scripts are easier to read without borrows")]
    pub(crate) fn send(&mut self, name: &str, sent: Sent) -> Flow {
        let legacy = self.client(name).legacy;
        let frame = sent.frame(legacy);
        self.send_bytes(name, &frame)
    }

    pub(crate) fn send_bytes(&mut self, name: &str, bytes: &[u8]) -> Flow {
        let now = self.now;
        let client = self.client(name);
        assert!(client.connection.may_read(), "{name} has to read before it is heard");
        let flow = client.receive(bytes, now);
        self.note_name(name);
        self.read_all();
        flow
    }

    fn note_name(&mut self, name: &str) {
        let Some(id) = self.client(name).connection.session_id().map(str::to_owned) else { return };
        if !self.names.iter().any(|(known, _)| *known == id) {
            self.names.push((id, name.to_owned()));
        }
    }

    /// Sends a message and gives the lines that its sender sees from then on.
    pub(crate) fn ask(&mut self, name: &str, sent: Sent) -> Vec<String> {
        self.told(name);
        self.send(name, sent);
        self.told(name)
    }

    /// Whatever a client has seen since it was asked last is exactly this.
    #[track_caller]
    pub(crate) fn sees<T: AsRef<str>>(&mut self, name: &str, lines: impl IntoIterator<Item = T>) {
        let expected: Vec<String> = lines.into_iter().map(|line| line.as_ref().into()).collect();
        let told = self.told(name);
        assert_eq!(told, expected, "what {name} sees (left) and what it is to see (right)");
    }

    /// A client has seen nothing since it was asked last.
    #[track_caller]
    pub(crate) fn hears_nothing(&mut self, name: &str) {
        self.sees::<&str>(name, []);
    }

    /// Lines that a client has seen since it was asked last.
    pub(crate) fn told(&mut self, name: &str) -> Vec<String> {
        let frames = std::mem::take(&mut self.client(name).inbox);
        let mut lines: Vec<String> =
            frames.iter().map(|frame| self.named(render::line(frame))).collect();
        if let Some(Close { code, reason, .. }) = self.client(name).news_of_close() {
            lines.push(format!("CLOSE {code} {reason}"));
        }
        lines
    }

    /// Nobody remembers what was seen so far.
    pub(crate) fn forget(&mut self) {
        let names: Vec<String> = self.clients.keys().cloned().collect();
        for name in names {
            self.told(&name);
        }
    }

    /// Session ids are told as names.
    fn named(&self, mut line: String) -> String {
        for (id, name) in &self.names {
            if line.contains(id) {
                line = line.replace(id, name);
            }
        }
        line
    }

    /// Whole frames that a client has seen since it was asked last.
    pub(crate) fn frames(&mut self, name: &str) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.client(name).inbox)
    }

    /// All params in the SNAPSHOTs that a client has seen since it was asked last.
    pub(crate) fn snapshots(&mut self, name: &str) -> BTreeMap<String, ParamEntry<'static>> {
        let mut params = BTreeMap::new();
        for frame in self.frames(name) {
            let frame = Frame::parse(&frame).expect("a whole frame");
            if let Ok(Message::Snapshot(snapshot)) = codec::decode(frame.payload) {
                params.extend(snapshot.params.into_iter().map(|entry| {
                    let address = entry.address.to_string();
                    (address.clone(), owned(entry, address))
                }));
            }
        }
        params
    }

    /// The texts of the ERRORs that a client has seen since it was asked last.
    pub(crate) fn error_texts(&mut self, name: &str) -> Vec<String> {
        let frames = self.frames(name);
        let text = |frame: &Vec<u8>| {
            let frame = Frame::parse(frame).expect("a whole frame");
            match codec::decode(frame.payload) {
                Ok(Message::Error(error)) => Some(error.message.into_owned()),
                _ => None,
            }
        };
        frames.iter().filter_map(text).collect()
    }

    /// Session id of a client.
    pub(crate) fn id(&mut self, name: &str) -> String {
        self.client(name).connection.session_id().expect("a session").to_owned()
    }

    /// A client stops reading.
    pub(crate) fn stall(&mut self, name: &str) {
        self.client(name).reading = false;
    }

    /// A client reads again, and everything that waited.
    pub(crate) fn resume(&mut self, name: &str) {
        self.client(name).reading = true;
        self.read(name);
    }

    fn read(&mut self, name: &str) {
        let now = self.now;
        self.client(name).drain(now);
    }

    fn read_all(&mut self) {
        for client in self.clients.values_mut().filter(|client| client.reading) {
            client.drain(self.now);
        }
    }

    /// Time passes; everything happens when it is due.
    pub(crate) fn pass_us(&mut self, us: u64) {
        let end = self.now.mono_us + us;
        loop {
            let next = self.router.tick(self.now);
            self.read_all();
            match next {
                Some(next) if next <= end => self.jump_us(next.saturating_sub(self.now.mono_us)),
                _ => break,
            }
        }
        self.jump_us(end - self.now.mono_us);
        self.router.tick(self.now);
        self.read_all();
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) {
        self.pass_us(ms * 1_000);
    }

    pub(crate) fn pass_s(&mut self, s: u64) {
        self.pass_us(s * 1_000_000);
    }

    /// Time passes and the router is not told.
    pub(crate) fn jump_us(&mut self, us: u64) {
        self.now = Now::new(self.now.unix_us + us, self.now.mono_us + us);
    }

    pub(crate) fn jump_s(&mut self, s: u64) {
        self.jump_us(s * 1_000_000);
    }

    /// The number of a metric whose labels have these values.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let families = self.router.metrics();
        let family = families.iter().find(|family| family.name == name);
        let family = family.unwrap_or_else(|| panic!("there is no metric {name}"));
        let sample = family.samples.iter().find(|sample| {
            sample.suffix.is_empty() && sample.labels.iter().map(|(_, value)| value).eq(labels)
        });
        sample.map_or(0.0, |sample| sample.value)
    }
}

fn owned(entry: ParamEntry<'_>, address: String) -> ParamEntry<'static> {
    ParamEntry {
        address: address.into(),
        value: entry.value.into_owned(),
        revision: entry.revision,
        writer: entry.writer.map(|writer| writer.into_owned().into()),
        timestamp: entry.timestamp,
    }
}
