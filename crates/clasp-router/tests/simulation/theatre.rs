//! Plays random scenes before the router and before the model, and compares.

use clasp_protocol::Message;
use clasp_protocol::message::{SignalType, Ttl};

use crate::chance::Chance;
use crate::model::Model;
use crate::slow::{self, Check};
use crate::store::TTL_S;
use crate::support::*;

const NAMES: [&str; 6] = ["ann", "bob", "cid", "dot", "eva", "fay"];

const ADDRESSES: [&str; 9] =
    ["/a", "/a/b", "/a/b/c", "/a/x", "/b", "/b/zone5", "/b/zone52", "/*", "/a/**/c"];

const MALFORMED: [&str; 3] = ["a", "/a//b", "/a/"];

const PATTERNS: [&str; 14] = [
    "/a",
    "/a/*",
    "/a/**",
    "/**",
    "/*",
    "/*/b",
    "/**/c",
    "/a/**/c",
    "/b/zone5*",
    "/b/*5*",
    "/a/b",
    "/**/b/**",
    "//",
    "/**/a/**/b/**/c/**/d/**",
];

/// The router, the model, and what happened so far.
pub(crate) struct Theatre {
    chance: Chance,
    world: World,
    model: Model,
    /// Clients that do not read at present.
    stalled: Vec<&'static str>,
    counter: i32,
    log: Vec<String>,
}

impl Theatre {
    pub(crate) fn new(chance: Chance) -> Theatre {
        let world = World::configured(|config| {
            config.params.ttl_s = TTL_S;
            config.outbox.soft_frames_max = slow::SOFT_FRAMES;
            config.outbox.hard_frames_max = slow::HARD_FRAMES;
            config.outbox.slow_consumer_s = 1_000_000;
        });
        let model = Model::default();
        Theatre { chance, world, model, stalled: Vec::new(), counter: 0, log: Vec::new() }
    }

    pub(crate) fn log(&self) -> &[String] {
        &self.log
    }

    /// One random operation.
    pub(crate) fn step(&mut self) {
        let name = self.chance.pick(&NAMES);
        if !self.model.clients.contains_key(name) {
            self.join(name);
        } else {
            match self.chance.below(100) {
                0..3 => self.leave(name),
                3..8 if self.stalled.contains(&name) => self.resume(name),
                3..6 => self.stall(name),
                6..16 => self.pass(),
                _ if self.stalled.contains(&name) => return,
                _ => self.request(name),
            }
        }
        self.compare();
    }

    /// Everybody reads and sees what the model says.
    pub(crate) fn finish(&mut self) {
        for name in std::mem::take(&mut self.stalled) {
            self.log.push(format!("{name} reads at the end"));
            self.look(name);
        }
        self.compare();
        self.world.connect("judge");
        self.world.send("judge", hello());
        let entries = self.model.snapshot(self.world.now.mono_us, |_| true).join(" ");
        let entries = if entries.is_empty() { "nothing" } else { &entries };
        self.world.sees("judge", ["WELCOME".to_owned(), format!("SNAPSHOT {entries}")]);
    }

    fn join(&mut self, name: &'static str) {
        self.log.push(format!("{name} joins"));
        let entries = self.model.snapshot(self.world.now.mono_us, |_| true).join(" ");
        let entries = if entries.is_empty() { "nothing" } else { &entries };
        self.model.join(name);
        self.world.connect(name);
        self.world.send(name, hello());
        self.world.sees(name, ["WELCOME".to_owned(), format!("SNAPSHOT {entries}")]);
    }

    fn leave(&mut self, name: &'static str) {
        self.log.push(format!("{name} leaves"));
        self.stalled.retain(|other| *other != name);
        self.model.leave(name);
        self.world.leave(name);
    }

    fn stall(&mut self, name: &'static str) {
        self.log.push(format!("{name} stops reading"));
        self.stalled.push(name);
        self.world.stall(name);
    }

    fn resume(&mut self, name: &'static str) {
        self.log.push(format!("{name} reads again"));
        self.stalled.retain(|other| *other != name);
        self.look(name);
    }

    /// A client that did not read for a while looks at what has come.
    fn look(&mut self, name: &'static str) {
        self.world.resume(name);
        let seen = self.world.told(name);
        let client = self.model.clients.get_mut(name).unwrap();
        let meant = std::mem::take(&mut client.told);
        let now_us = self.world.now.mono_us;
        Check { name, meant: &meant, seen: &seen, store: &self.model.store, now_us }.run();
    }

    fn pass(&mut self) {
        let us = match self.chance.below(4) {
            0 => self.chance.below(20_000),
            1 => self.chance.below(3_000_000),
            2 => self.chance.below(8_000_000),
            _ => {
                let us = self.chance.below(3_000_000);
                self.log.push(format!("{us} us pass unnoticed"));
                return self.world.jump_us(us);
            }
        };
        self.log.push(format!("{us} us pass"));
        let end_us = self.world.now.mono_us + us;
        self.model.tick(self.world.now.mono_us);
        while let Some(next_us) = self.model.next_us().filter(|next_us| *next_us <= end_us) {
            self.model.tick(next_us);
        }
        self.model.tick(end_us);
        self.world.pass_us(us);
    }

    fn request(&mut self, name: &'static str) {
        let sent = self.random_request();
        self.log.push(format!("{name} sends {}", summary(&sent)));
        let now = (self.world.now.unix_us, self.world.now.mono_us);
        self.model.receive(name, &sent, now);
        self.world.send(name, sent);
    }

    fn random_request(&mut self) -> Sent {
        let sent = match self.chance.below(20) {
            0..8 => self.random_set(),
            8..11 => self.random_signal(),
            11..14 => {
                let id = self.chance.below(4) as u32;
                let pattern = self.chance.pick(&PATTERNS);
                let masks = [0xFF, 0xFF, 0xFF, 0, 1, 2, 4, 3, 6];
                subscribe(id, pattern).type_byte(self.chance.pick(&masks))
            }
            14 => unsubscribe(self.chance.below(4) as u32),
            15 => get(self.random_address()),
            16 => ping(),
            _ => self.random_bundle(),
        };
        if self.chance.percent(30) { sent.fire() } else { sent }
    }

    fn random_address(&mut self) -> &'static str {
        if self.chance.percent(2) {
            return self.chance.pick(&MALFORMED);
        }
        self.chance.pick(&ADDRESSES)
    }

    fn random_set(&mut self) -> Sent {
        self.counter += 1;
        let address = self.random_address();
        let mut sent = set(address, self.counter);
        if self.chance.percent(10) {
            sent = sent.lock();
        }
        if self.chance.percent(10) {
            sent = sent.unlock();
        }
        if self.chance.percent(20) {
            let now_us = self.world.now.mono_us;
            let current = self.model.store.get(address, now_us).map_or(0, |param| param.revision);
            sent = sent.expecting(if self.chance.percent(70) { current } else { 1 });
        }
        let seconds = 1 + self.chance.below(8) as u32;
        match self.chance.below(12) {
            0 => sent.ttl(Ttl::Never),
            1 => sent.ttl(Ttl::Sliding(seconds)),
            2 => sent.ttl(Ttl::Absolute(seconds)),
            _ => sent,
        }
    }

    fn random_signal(&mut self) -> Sent {
        self.counter += 1;
        let kinds =
            [SignalType::Event, SignalType::Event, SignalType::Stream, SignalType::Timeline];
        let kind = self.chance.pick(&kinds);
        signal(kind, self.random_address(), self.counter)
    }

    fn random_bundle(&mut self) -> Sent {
        let count = self.chance.below(6);
        let parts: Vec<Sent> = (0..count)
            .map(|_| if self.chance.percent(60) { self.random_set() } else { self.random_signal() })
            .collect();
        let sent = bundle(parts);
        match self.chance.below(5) {
            0 => {
                // Whole tenths of a second, so that some bundles are due together.
                let tenth_us = 100_000;
                let ahead_us = self.chance.below(40) * tenth_us;
                let at_us = (self.world.now.unix_us + ahead_us) / tenth_us * tenth_us;
                sent.at(at_us)
            }
            _ => sent,
        }
    }

    /// Clients that read have seen exactly what the model says.
    fn compare(&mut self) {
        for (name, client) in &mut self.model.clients {
            if self.stalled.contains(&name.as_str()) {
                continue;
            }
            let meant = std::mem::take(&mut client.told);
            let meant: Vec<String> = meant.into_iter().map(|told| told.line).collect();
            let told = self.world.told(name);
            assert_eq!(told, meant, "what {name} sees (left) and what the model says (right)");
        }
    }
}

fn summary(sent: &Sent) -> String {
    let parts =
        |message: &Message<'_>| line(&Sent { message: owned(message), qos: sent.qos }.frame(false));
    match &sent.message {
        Message::Bundle(bundle) => {
            let inside: Vec<_> = bundle.parts.iter().map(|part| parts(&part.message)).collect();
            format!("a bundle at {:?}: {}", bundle.timestamp, inside.join("; "))
        }
        Message::Subscribe(subscribe) => {
            let (id, pattern, types) = (subscribe.id, &subscribe.pattern, subscribe.types);
            format!("SUBSCRIBE {id} {pattern} {types:#x}")
        }
        Message::Unsubscribe(unsubscribe) => format!("UNSUBSCRIBE {}", unsubscribe.id),
        Message::Get(get) => format!("GET {}", get.address),
        other => format!("{} ({:?})", parts(other), sent.qos),
    }
}

fn owned(message: &Message<'_>) -> Message<'static> {
    crate::model::owned(message)
}
