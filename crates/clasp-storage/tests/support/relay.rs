//! A router with a journal and a state file, written to by one client, killed at will.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clasp_protocol::message::{Bundle, Features, Hello, Part, Publish, Set, SignalType, Ttl};
use clasp_protocol::{Message, Qos, RawValue, codec};
use clasp_router::journal::Journal;
use clasp_router::{
    Config, Connection, Flow, Framing, LinkInfo, Manners, Now, ParamRecord, Ports, Router, Wake,
};
use clasp_storage::{
    JournalOptions, Recovery, Report, SqliteJournal, StateFile, StateHeader, StorageError,
};

use super::Folder;

/// 2025-06-15 and a bit.
const START: Now = Now { unix_us: 1_750_000_000_000_000, mono_us: 60_000_000 };

struct Deaf;

impl Wake for Deaf {
    fn wake(self: Arc<Self>) {}
}

/// Everything about a param that has to survive.
pub(crate) type Param = ParamRecord<'static>;

/// Where a relay keeps its files.
pub(crate) struct Place {
    folder: Folder,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { folder: Folder::new() }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.join("state.db")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.join("journal.db")
    }

    /// The files as a crash at this instant would leave them.
    pub(crate) fn copy(&self) -> Place {
        let copy = Place::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if !name.ends_with("-shm") && !name.ends_with(".lock") {
                std::fs::copy(entry.path(), copy.folder.join(&name)).unwrap();
            }
        }
        copy
    }
}

/// How a relay is started.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) with_journal: bool,
    pub(crate) with_state: bool,
    pub(crate) allow_data_loss: bool,
    pub(crate) now: Now,
    pub(crate) config: Config,
    pub(crate) options: JournalOptions,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            with_journal: true,
            with_state: true,
            allow_data_loss: false,
            now: START,
            config: Config::default(),
            options: super::options(),
        }
    }
}

/// A running relay with one client.
pub(crate) struct Relay {
    pub(crate) place: Place,
    pub(crate) router: Arc<Router>,
    pub(crate) journal: Option<Arc<SqliteJournal>>,
    pub(crate) state: Option<StateFile>,
    pub(crate) report: Report,
    pub(crate) now: Now,
    client: Connection,
}

impl Relay {
    pub(crate) fn start(place: Place, setup: &Setup) -> Result<Relay, StorageError> {
        let options = JournalOptions { salvage: setup.allow_data_loss, ..setup.options.clone() };
        let open = |path: &Path| SqliteJournal::open(path, options).map(Arc::new);
        let journal = setup.with_journal.then(|| open(&place.journal())).transpose()?;
        let port = journal.clone().map(|journal| journal as Arc<dyn Journal>);
        let router =
            Router::new(setup.config.clone(), Ports { journal: port, ..Ports::default() }).unwrap();
        let now = setup.now;
        let recovery = Recovery {
            state_file: setup.with_state.then(|| place.state()).as_deref(),
            journal: journal.as_deref(),
            allow_data_loss: setup.allow_data_loss,
            now,
        }
        .run(&router, &mut |_| ());
        let state = setup.with_state.then(|| StateFile::new(&place.state(), journal.clone()));
        router.tick(now);
        let client = join(&router, now);
        Ok(Relay { report: recovery?, place, router, journal, state, now, client })
    }

    pub(crate) fn send(&mut self, message: &Message<'_>) {
        let mut frame = Vec::new();
        codec::encode(message, Qos::Confirm, &mut frame).unwrap();
        assert_eq!(self.client.receive(&frame, self.now), Flow::Continue);
        self.now.unix_us += 1;
        self.now.mono_us += 1;
        // Answers are of no interest.
        while self.client.outbox().take(&mut Vec::new()) == clasp_router::Taken::Bytes {}
    }

    pub(crate) fn set(&mut self, address: &str, value: i64, ttl: Option<Ttl>) {
        self.send(&Message::Set(Set { ttl, ..Set::new(address, RawValue::int(value)) }));
    }

    pub(crate) fn bundle(&mut self, writes: &[(&str, i64)]) {
        let part = |(address, value): &(&str, i64)| Part {
            message: Message::Set(Set::new(address.to_string(), RawValue::int(*value))),
            wire: None,
        };
        let parts = writes.iter().map(part).collect();
        self.send(&Message::Bundle(Bundle { timestamp: None, parts }));
    }

    pub(crate) fn publish(&mut self, address: &str) {
        self.send(&Message::Publish(Publish::new(address, SignalType::Event)));
    }

    /// Lets time pass and what is due happen.
    pub(crate) fn wait_s(&mut self, seconds: u64) {
        self.now.unix_us += seconds * 1_000_000;
        self.now.mono_us += seconds * 1_000_000;
        self.router.tick(self.now);
    }

    pub(crate) fn save(&mut self) -> Option<StateHeader> {
        match self.state.as_mut().unwrap().save(&self.router, self.now).unwrap() {
            clasp_storage::Saved::Written(header) => Some(header),
            clasp_storage::Saved::Unchanged => None,
        }
    }

    pub(crate) fn params(&self) -> BTreeMap<String, Param> {
        params(&self.router, self.now)
    }

    /// Kills the relay when everything is stored; gives its files.
    pub(crate) fn kill(self) -> Place {
        if let Some(journal) = &self.journal {
            journal.flush().unwrap();
        }
        self.place.copy()
    }

    /// Ends the relay in order; gives its files.
    pub(crate) fn stop(mut self) -> Place {
        self.save();
        let Relay { place, router, journal, state, client, .. } = self;
        drop((client, router, state));
        if let Some(journal) = journal {
            journal.close().unwrap();
        }
        place
    }
}

/// All params of a router.
pub(crate) fn params(router: &Router, now: Now) -> BTreeMap<String, Param> {
    let mut params = BTreeMap::new();
    for shard in 0..Router::SHARDS {
        router.export(shard, now, &mut |param| {
            params.insert(param.address.to_string(), param.clone().into_owned());
        });
    }
    params
}

/// What came back is what was there. Lives that reads make longer may have become longer.
pub(crate) fn assert_same(after: &BTreeMap<String, Param>, before: &BTreeMap<String, Param>) {
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for (after, before) in after.values().zip(before.values()) {
        let is_sliding = matches!(before.ttl, None | Some(Ttl::Sliding(_)));
        let expires_us = match (before.expires_us, after.expires_us) {
            (Some(earliest_us), Some(expires_us)) => {
                // A write in the same microsecond as the one before is stamped one later.
                let latest_us = if is_sliding { u64::MAX } else { earliest_us + 100 };
                let range = earliest_us..=latest_us;
                assert!(range.contains(&expires_us), "{after:?} instead of {before:?}");
                before.expires_us
            }
            _ => after.expires_us,
        };
        assert_eq!(ParamRecord { expires_us, ..after.clone() }, *before);
    }
}

fn join(router: &Arc<Router>, now: Now) -> Connection {
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let link =
        LinkInfo { framing: Framing::Bare, remote, transport: "test", manners: Manners::Clasp };
    let mut client = router.connect(link, Arc::new(Deaf), now);
    let hello =
        Hello { version: 1, features: Features::default(), name: "test".into(), token: None };
    let mut frame = Vec::new();
    codec::encode(&Message::Hello(hello), Qos::Fire, &mut frame).unwrap();
    assert_eq!(client.receive(&frame, now), Flow::Continue);
    client
}
