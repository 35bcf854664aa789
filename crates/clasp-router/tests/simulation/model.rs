//! What the router is to do, in the simplest words: who is told which lines.

use std::collections::BTreeMap;

use clasp_protocol::message::{Bundle, Publish, Set, SignalType, Subscribe, TypeMask};
use clasp_protocol::{Message, Pattern, Qos};

use crate::store::{Store, Writer};
use crate::support::{Sent, line};

/// A line on its way to a client, and what may become of it while the client does not read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) line: String,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// May give way to a newer one of its address; of a bundle if not conflatable.
    Param { address: String, revision: u64, bundled: bool },
    /// May give way to a newer one of its address.
    Stream { address: String },
    /// Kept as long as there is room.
    Event,
    /// Never lost.
    Reply,
}

#[derive(Debug)]
struct Subscription {
    id: u32,
    pattern: Pattern,
    types: TypeMask,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Client {
    session: u64,
    subscriptions: Vec<Subscription>,
    /// What it was told since somebody looked.
    pub(crate) told: Vec<Told>,
}

#[derive(Debug)]
struct Scheduled {
    at_us: u64,
    session: u64,
    parts: Vec<Message<'static>>,
}

/// The whole relay.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) store: Store,
    pub(crate) clients: BTreeMap<String, Client>,
    scheduled: Vec<Scheduled>,
    sessions: u64,
}

/// Whether segments match, by the definition.
fn matches(pattern: &[&str], address: &[&str]) -> bool {
    match (pattern.split_first(), address.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            (0..=address.len()).any(|taken| matches(rest, &address[taken..]))
        }
        (Some((segment, rest)), Some((text, others))) => {
            segment_matches(segment, text) && matches(rest, others)
        }
        _ => false,
    }
}

fn segment_matches(segment: &str, text: &str) -> bool {
    match segment.split_once('*') {
        None => segment == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|text| {
            (0..=text.len())
                .any(|taken| text.is_char_boundary(taken) && segment_matches(after, &text[taken..]))
        }),
    }
}

impl Subscription {
    fn takes(&self, kind: SignalType, address: &str) -> bool {
        let segments = |text: &'_ str| text[1..].split('/').map(str::to_owned).collect::<Vec<_>>();
        let (pattern, parts) = (segments(self.pattern.as_str()), segments(address));
        let pattern: Vec<&str> = pattern.iter().map(String::as_str).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let matched = matches(&pattern, &parts);
        assert_eq!(matched, self.pattern.matches(address), "{} {address}", self.pattern);
        matched && self.types.takes(kind)
    }
}

fn well_formed(address: &str) -> bool {
    address.starts_with('/') && !address.contains("//") && !address.ends_with('/')
}

impl Model {
    pub(crate) fn join(&mut self, name: &str) {
        self.sessions += 1;
        let client = Client { session: self.sessions, subscriptions: Vec::new(), told: Vec::new() };
        self.clients.insert(name.to_owned(), client);
    }

    pub(crate) fn leave(&mut self, name: &str) {
        let client = self.clients.remove(name).expect("who leaves was there");
        self.store.release(client.session);
    }

    fn name_of(&self, session: u64) -> Option<&String> {
        self.clients.iter().find(|(_, client)| client.session == session).map(|(name, _)| name)
    }

    fn tell(&mut self, name: &str, line: String) {
        let told = Told { line, kind: Kind::Reply };
        self.clients.get_mut(name).expect("who is told is there").told.push(told);
    }

    fn tell_all(&mut self, told: &Told, address: &str, kind: SignalType, except: Option<u64>) {
        for client in self.clients.values_mut() {
            let takes = client.subscriptions.iter().any(|mine| mine.takes(kind, address));
            if takes && Some(client.session) != except {
                client.told.push(told.clone());
            }
        }
    }

    /// A request of a client.
    pub(crate) fn receive(&mut self, name: &str, sent: &Sent, now: (u64, u64)) {
        let confirm = sent.qos != Qos::Fire;
        let session = self.clients[name].session;
        let (unix_us, now_us) = now;
        match &sent.message {
            Message::Set(set) => self.set(name, set, confirm, now_us),
            Message::Publish(publish) if well_formed(&publish.address) => {
                self.publish(publish, session);
            }
            Message::Publish(publish) => self.tell(name, format!("ERROR 200 {}", publish.address)),
            Message::Get(get) => self.get(name, &get.address, now_us),
            Message::Subscribe(subscribe) => self.subscribe(name, subscribe, now_us),
            Message::Unsubscribe(unsubscribe) => {
                let client = self.clients.get_mut(name).expect("a client");
                client.subscriptions.retain(|mine| mine.id != unsubscribe.id);
            }
            Message::Bundle(bundle) => self.bundle(name, bundle, confirm, (unix_us, now_us)),
            Message::Ping => self.tell(name, "PONG".to_owned()),
            other => panic!("the model does not know {other:?}"),
        }
    }

    fn set(&mut self, name: &str, set: &Set<'_>, confirm: bool, now_us: u64) {
        if !well_formed(&set.address) {
            return self.tell(name, format!("ERROR 200 {}", set.address));
        }
        let writer = Writer { session: self.clients[name].session, alive: true, now_us };
        match self.store.set(set, writer) {
            Err(code) => self.tell(name, format!("ERROR {code} {}", set.address)),
            Ok(revision) => {
                self.tell_set(set, revision, false);
                if confirm {
                    let lock = self.lock_text(set, now_us);
                    self.tell(name, format!("ACK {} rev={revision}{lock}", set.address));
                }
            }
        }
    }

    fn lock_text(&self, set: &Set<'_>, now_us: u64) -> String {
        if !set.lock && !set.unlock {
            return String::new();
        }
        let holder = self.store.get(&set.address, now_us).and_then(|param| param.lock);
        match holder.and_then(|session| self.name_of(session)) {
            Some(name) => format!(" locked=true holder={name}"),
            None => " locked=false".to_owned(),
        }
    }

    fn tell_set(&mut self, set: &Set<'_>, revision: u64, bundled: bool) {
        let address = set.address.to_string();
        let news = Set { revision: Some(revision), ..set.clone() };
        let told = Told {
            line: line_of(&Message::Set(news)),
            kind: Kind::Param { address: address.clone(), revision, bundled },
        };
        self.tell_all(&told, &address, SignalType::Param, None);
    }

    fn publish(&mut self, publish: &Publish<'_>, session: u64) {
        let kind = publish.signal.expect("signals of the simulation have types");
        let address = publish.address.to_string();
        let line = line_of(&Message::Publish(publish.clone()));
        let stream = kind == SignalType::Stream;
        let told = if stream { Kind::Stream { address: address.clone() } } else { Kind::Event };
        self.tell_all(&Told { line, kind: told }, &address, kind, Some(session));
    }

    fn get(&mut self, name: &str, address: &str, now_us: u64) {
        if !well_formed(address) {
            return self.tell(name, format!("ERROR 200 {address}"));
        }
        let line = match self.store.get(address, now_us) {
            Some(param) => format!("SNAPSHOT {address}={}@{}", param.value, param.revision),
            None => format!("ERROR 201 {address}"),
        };
        self.store.touch(address, now_us);
        self.tell(name, line);
    }

    /// The SNAPSHOT of what matches, if anything does.
    pub(crate) fn snapshot(&self, now_us: u64, takes: impl Fn(&str) -> bool) -> Vec<String> {
        let live = self.store.live(now_us).filter(|(address, _)| takes(address));
        let mut entries: Vec<String> = live
            .map(|(address, param)| format!("{address}={}@{}", param.value, param.revision))
            .collect();
        entries.sort_unstable();
        entries
    }

    fn subscribe(&mut self, name: &str, subscribe: &Subscribe<'_>, now_us: u64) {
        let globstars = subscribe.pattern.split('/').filter(|segment| *segment == "**").count();
        let Some(pattern) = Pattern::parse(&subscribe.pattern).ok().filter(|_| globstars <= 4)
        else {
            return self.tell(name, format!("ERROR 202 {}", subscribe.pattern));
        };
        let types = TypeMask::from_wire(subscribe.types);
        let mine = Subscription { id: subscribe.id, pattern, types };
        let entries = self.snapshot(now_us, |address| mine.takes(SignalType::Param, address));
        for entry in &entries {
            let address = entry.split('=').next().unwrap_or_default();
            self.store.touch(address, now_us);
        }
        let subscriptions = &mut self.clients.get_mut(name).expect("a client").subscriptions;
        subscriptions.retain(|other| other.id != mine.id || other.pattern != mine.pattern);
        subscriptions.push(mine);
        if !entries.is_empty() {
            self.tell(name, format!("SNAPSHOT {}", entries.join(" ")));
        }
    }

    fn bundle(&mut self, name: &str, bundle: &Bundle<'_>, confirm: bool, now: (u64, u64)) {
        let (unix_us, now_us) = now;
        for part in &bundle.parts {
            let address = match &part.message {
                Message::Set(set) => &set.address,
                Message::Publish(publish) => &publish.address,
                _ => return self.tell(name, "ERROR 101".to_owned()),
            };
            if !well_formed(address) {
                return self.tell(name, format!("ERROR 200 {address}"));
            }
        }
        let session = self.clients[name].session;
        let parts: Vec<_> = bundle.parts.iter().map(|part| owned(&part.message)).collect();
        let ahead_us = bundle.timestamp.unwrap_or(0).saturating_sub(unix_us);
        let revision = if ahead_us > 0 {
            self.scheduled.push(Scheduled { at_us: now_us + ahead_us, session, parts });
            None
        } else {
            match self.run(session, &parts, now_us) {
                Ok(revision) => revision,
                Err(error) => return self.tell(name, error),
            }
        };
        if confirm {
            let revision = revision.map_or(String::new(), |revision| format!(" rev={revision}"));
            self.tell(name, format!("ACK{revision}"));
        }
    }

    /// All parts or none.
    fn run(
        &mut self,
        session: u64,
        parts: &[Message<'static>],
        now_us: u64,
    ) -> Result<Option<u64>, String> {
        let alive = self.name_of(session).is_some();
        let mut store = self.store.clone();
        let mut revisions = Vec::new();
        for part in parts {
            if let Message::Set(set) = part {
                let written = store.set(set, Writer { session, alive, now_us });
                let refused = |code| format!("ERROR {code} {}", set.address);
                revisions.push(written.map_err(refused)?);
            }
        }
        self.store = store;
        let mut written = revisions.iter();
        for part in parts {
            match part {
                Message::Set(set) => {
                    let revision = written.next().copied().unwrap_or_default();
                    self.tell_set(set, revision, true);
                }
                Message::Publish(publish) => self.publish(publish, session),
                _ => {}
            }
        }
        Ok(revisions.last().copied())
    }

    /// When the next scheduled bundle is due.
    pub(crate) fn next_us(&self) -> Option<u64> {
        self.scheduled.iter().map(|scheduled| scheduled.at_us).min()
    }

    /// Runs what is due, earliest first, ties in order of acceptance.
    pub(crate) fn tick(&mut self, now_us: u64) {
        while let Some(next_us) = self.next_us().filter(|next_us| *next_us <= now_us) {
            let first = self.scheduled.iter().position(|one| one.at_us == next_us);
            let scheduled = self.scheduled.remove(first.expect("the earliest is there"));
            if let Err(error) = self.run(scheduled.session, &scheduled.parts, now_us)
                && let Some(name) = self.name_of(scheduled.session).cloned()
            {
                self.tell(&name, error);
            }
        }
    }
}

/// The line of a message.
fn line_of(message: &Message<'_>) -> String {
    let mut frame = Vec::new();
    clasp_protocol::codec::encode(message, Qos::Fire, &mut frame).expect("encodable");
    line(&frame)
}

pub(crate) fn owned(message: &Message<'_>) -> Message<'static> {
    match message {
        Message::Set(set) => Message::Set(Set {
            address: set.address.to_string().into(),
            value: set.value.clone().into_owned(),
            ..*set
        }),
        Message::Publish(publish) => {
            let fresh = Publish::new(
                publish.address.to_string(),
                publish.signal.expect("signals of the simulation have types"),
            );
            let value = publish.value.clone().map(|value| value.into_owned());
            Message::Publish(Publish { value, ..fresh })
        }
        Message::Ping => Message::Ping,
        other => panic!("{other:?} is not for bundles"),
    }
}
