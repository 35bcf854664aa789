//! What a client of the tree is told: values where it listens, and nodes that come, go and change
//! their type.

use std::collections::{HashMap, HashSet};

use clasp_gateway::{Answer, Arrival, Collected, Guest, News, Refused};
use clasp_protocol::message::{Get, SignalType, Subscribe};
use clasp_protocol::{ErrorCode, Message, Value};
use clasp_transport::clock;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message as Packet;

use crate::osc;
use crate::view::{PARAMS_MAX, Root};

/// Paths that one client may listen at.
const LISTENED_MAX: usize = 10_000;

/// Questions under way whether a param still exists.
const DOUBTS_MAX: usize = 1_000;

/// One client's picture of the tree.
#[derive(Debug)]
pub(super) struct Changes {
    root: Root,
    /// Type tags by path; of so many params only, the others come and go untold.
    known: HashMap<Box<str>, Box<str>>,
    /// Paths with the revision that was told last, if it is a param.
    listened: HashMap<Box<str>, u64>,
    /// Whether the params there are have been told once.
    settled: bool,
    /// What a look has found so far.
    found: Option<HashSet<Box<str>>>,
    /// Params that may be gone, and those asked about.
    doubtful: Vec<Box<str>>,
    asked: HashMap<u32, Box<str>>,
}

impl Changes {
    /// Subscribes the guest to the whole tree.
    pub(super) fn begin(root: Root, guest: &mut Guest) -> Result<Changes, Refused> {
        let mut changes = Changes {
            root,
            known: HashMap::new(),
            listened: HashMap::new(),
            settled: false,
            found: None,
            doubtful: Vec::new(),
            asked: HashMap::new(),
        };
        let number = changes.subscribe(guest)?;
        let mut answer = None;
        while answer.is_none() {
            let collected = guest.collect(clock::now(), |arrival| match arrival {
                Arrival::Answer(answered, outcome) if answered == number => {
                    answer = Some(match outcome {
                        Answer::Refused(reason) => Err(reason),
                        Answer::Done(_) => Ok(()),
                    });
                }
                other => changes.take(other, &mut Vec::new()),
            });
            if collected != Collected::More {
                break;
            }
        }
        answer.unwrap_or(Ok(())).map(|()| changes)
    }

    fn subscribe(&self, guest: &mut Guest) -> Result<u32, Refused> {
        let pattern = self.root.below("");
        let wish = Subscribe { id: 1, pattern: pattern.into(), types: 0xFF, options: None };
        let asked = guest.ask(&Message::Subscribe(wish), false, clock::now());
        asked.map_err(|error| Refused {
            code: ErrorCode::PatternError.code(),
            address: None,
            message: error.to_string(),
        })
    }

    /// Tells the values at a path from now on, beginning with the present one.
    pub(super) fn listen(&mut self, guest: &mut Guest, path: String) {
        if self.listened.len() >= LISTENED_MAX {
            return;
        }
        let address = format!("{}{path}", self.root.namespace);
        self.listened.insert(path.into(), 0);
        // Whether it exists or may be read shows in what comes.
        let _ = guest.tell(&Message::Get(Get { address: address.into() }), clock::now());
    }

    /// Tells them no more.
    pub(super) fn ignore(&mut self, path: &str) {
        self.listened.remove(path);
    }

    /// Has the router tell all params again, to find those that went without a word.
    pub(super) fn look(&mut self, guest: &mut Guest) {
        if self.subscribe(guest).is_ok() {
            self.found = Some(HashSet::new());
        }
    }

    /// Asks about params that may be gone.
    pub(super) fn ask(&mut self, guest: &mut Guest) {
        for path in std::mem::take(&mut self.doubtful) {
            if self.asked.len() >= DOUBTS_MAX {
                return;
            }
            let address = format!("{}{path}", self.root.namespace);
            let get = Message::Get(Get { address: address.into() });
            if let Ok(number) = guest.ask(&get, false, clock::now()) {
                self.asked.insert(number, path);
            }
        }
    }

    /// Takes what has come and adds what the client is to be sent.
    pub(super) fn take(&mut self, arrival: Arrival<'_>, packets: &mut Vec<Packet>) {
        match arrival {
            Arrival::News(news) => self.news(&news, packets),
            Arrival::Answer(number, answer) => {
                let path = self.asked.remove(&number);
                let is_gone = matches!(
                    answer,
                    Answer::Refused(refused) if refused.is(ErrorCode::AddressNotFound)
                );
                if let Some(path) = path.filter(|_| is_gone) {
                    self.remove(&path, packets);
                }
            }
            Arrival::Notice(_) | Arrival::Other(_) => {}
        }
    }

    /// All that was to come has come.
    pub(super) fn settle(&mut self, packets: &mut Vec<Packet>) {
        self.settled = true;
        let Some(found) = self.found.take() else { return };
        let gone = self.known.keys().filter(|path| !found.contains(*path));
        for path in gone.cloned().collect::<Vec<_>>() {
            self.remove(&path, packets);
        }
    }

    fn news(&mut self, news: &News<'_>, packets: &mut Vec<Packet>) {
        let Some(path) = self.root.path(news.address) else { return };
        let value = news.value.as_ref().map(|value| value.to_value());
        if news.signal == SignalType::Param
            && let Some(value) = &value
        {
            self.note(path, value, news.state, packets);
        }
        let Some(told) = self.listened.get_mut(path) else { return };
        // A GET and a change may bring the same.
        let is_new = news.revision.is_none_or(|revision| revision > *told);
        if is_new {
            *told = news.revision.unwrap_or(*told);
            let value = value.as_ref().unwrap_or(&Value::Null);
            packets.extend(osc::packet(path, value).map(|packet| Packet::Binary(packet.into())));
        }
    }

    /// A param is there, with this value.
    fn note(&mut self, path: &str, value: &Value, is_state: bool, packets: &mut Vec<Packet>) {
        if let Some(found) = &mut self.found {
            found.insert(path.into());
        }
        // Null may be a value, or word of the end of one (--notify-expiry).
        if *value == Value::Null && !is_state {
            self.doubtful.push(path.into());
        }
        let tags = osc::type_tags(value);
        let has_room = self.known.len() < PARAMS_MAX;
        match self.known.get_mut(path) {
            Some(known) if **known == *tags => {}
            Some(known) => {
                *known = tags.into();
                packets.push(told("PATH_CHANGED", path));
            }
            None if has_room => {
                self.known.insert(path.into(), tags.into());
                if self.settled || !is_state {
                    packets.push(told("PATH_ADDED", path));
                }
            }
            None => {}
        }
    }

    fn remove(&mut self, path: &str, packets: &mut Vec<Packet>) {
        if self.known.remove(path).is_some() {
            packets.push(told("PATH_REMOVED", path));
        }
    }
}

fn told(command: &str, path: &str) -> Packet {
    let path = if path.is_empty() { "/" } else { path };
    Packet::Text(json!({ "COMMAND": command, "DATA": path }).to_string().into())
}
