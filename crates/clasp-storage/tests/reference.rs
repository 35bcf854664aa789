//! Files of the reference implementation are taken over.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use clasp_protocol::message::SignalType;
use clasp_protocol::{Message, Pattern, Value, codec};
use clasp_router::journal::{Journal, Query, Record, Stored};
use clasp_storage::{SqliteJournal, StateSource};
use rusqlite::{Connection, params};
use support::relay::{Place, Relay, Setup, assert_same};
use support::{Folder, open, options};

const SESSION: &str = "6d3bf250-c8f7-41a5-abae-ca98df7b9e25";

/// A journal as the reference makes it (relay.md 15.2); rows are address, type, JSON, revision,
/// message, time.
type OldRow<'a> = (&'a str, &'a str, &'a str, Option<i64>, i64, i64);

fn write_reference(path: &std::path::Path, rows: &[OldRow<'_>]) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    let tables = "CREATE TABLE journal_entries (seq INTEGER PRIMARY KEY AUTOINCREMENT,
            timestamp INTEGER NOT NULL, author TEXT NOT NULL, address TEXT NOT NULL,
            signal_type TEXT NOT NULL, value_json TEXT NOT NULL, revision INTEGER,
            msg_type INTEGER NOT NULL, hmac TEXT);
        CREATE INDEX idx_address ON journal_entries (address);
        CREATE TABLE snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL,
            seq_at INTEGER NOT NULL, data_json TEXT NOT NULL);";
    connection.execute_batch(tables).unwrap();
    for (address, signal, json, revision, message, timestamp) in rows {
        let insert = "INSERT INTO journal_entries
            (timestamp, author, address, signal_type, value_json, revision, msg_type)
            VALUES (?, ?, ?, ?, ?, ?, ?)";
        let row = params![timestamp, SESSION, address, signal, json, revision, message];
        connection.execute(insert, row).unwrap();
    }
    connection
}

fn entries(journal: &SqliteJournal) -> Vec<(u64, String, u64, Value)> {
    let pattern = Pattern::parse("/**").unwrap();
    let mut entries = Vec::new();
    let visit = &mut |stored: &Stored<'_>| {
        let entry = &stored.entry;
        let (revision, value) = match &entry.record {
            Record::Set { value, revision, ttl: None } => (*revision, value.to_value()),
            Record::Publish { payload, signal } => match codec::decode(payload).unwrap() {
                Message::Publish(publish) => {
                    assert_eq!(publish.signal, Some(*signal));
                    (0, publish.value.unwrap().to_value())
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        assert_eq!(entry.author, SESSION);
        entries.push((stored.sequence, entry.address.to_owned(), revision, value));
        true
    };
    assert!(journal.query(&Query::of(&pattern), visit).unwrap().complete);
    entries
}

#[test]
fn a_journal_is_converted_in_the_order_of_time() {
    let folder = Folder::new();
    let path = folder.join("journal.db");
    let rows: [OldRow<'_>; 8] = [
        ("/a", "param", "1", Some(1), 33, 1_000),
        ("/a", "param", "3", Some(3), 33, 1_002),
        ("/a", "param", "2.5", Some(2), 33, 1_001),
        ("/cue", "event", "{\"scene\":[2,null,\"x\",true]}", None, 32, 1_003),
        ("/a", "param", "not json", Some(4), 33, 1_004),
        ("/st", "stream", "0.25", None, 32, 1_005),
        // After a restart the reference begins again with revision 1.
        ("/a", "param", "\"last\"", Some(1), 33, 2_000),
        ("/big", "param", "18446744073709551615", Some(1), 33, 2_001),
    ];
    // Kept open, so that the rows are still in its log.
    let old = write_reference(&path, &rows);
    let copy = folder.join("copy.db");
    for suffix in ["", "-wal"] {
        let name = |path: &std::path::Path| format!("{}{suffix}", path.display());
        std::fs::copy(name(&path), name(&copy)).unwrap();
    }
    drop(old);
    let journal = open(&copy);
    let migrated = journal.opening().migrated.clone().unwrap();
    assert_eq!((migrated.entries, migrated.entries_skipped), (7, 1));
    assert_eq!(migrated.kept_as, folder.join("copy.db.bak"));
    let scene = Value::Array(vec![
        Value::Int(2),
        Value::Null,
        Value::String("x".into()),
        Value::Bool(true),
    ]);
    let expected = [
        (1, "/a", 1, Value::Int(1)),
        (2, "/a", 2, Value::Float(2.5)),
        (3, "/a", 3, Value::Int(3)),
        (4, "/cue", 0, Value::Map(vec![("scene".into(), scene)])),
        (6, "/st", 0, Value::Float(0.25)),
        (7, "/a", 4, Value::String("last".into())),
        (8, "/big", 1, Value::Float(18_446_744_073_709_551_615.0)),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(seq, at, rev, value)| (seq, at.to_owned(), rev, value))
        .collect();
    assert_eq!(entries(&journal), expected);
    assert_eq!(journal.append(&support::set("/a", 9)), 9);
    drop(journal);
    assert_eq!(open(&copy).opening().migrated, None);
    let kept = Connection::open(migrated.kept_as).unwrap();
    let rows = kept.query_row("SELECT count(*) FROM journal_entries", [], |row| row.get(0));
    assert_eq!(rows, Ok(8_i64));
}

#[test]
fn an_empty_or_large_journal_is_converted() {
    let folder = Folder::new();
    let path = folder.join("empty.db");
    drop(write_reference(&path, &[]));
    assert_eq!(open(&path).latest(), 0);
    let path = folder.join("large.db");
    let old = write_reference(&path, &[]);
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO journal_entries
            (timestamp, author, address, signal_type, value_json, revision, msg_type)
        SELECT i, 'x', '/n/' || (i % 7), 'param', i, i, 33 FROM n";
    old.execute_batch(many).unwrap();
    drop(old);
    let journal = open(&path);
    let pattern = Pattern::parse("/n/3").unwrap();
    let newest = Query { newest_per_address: Some(1), ..Query::of(&pattern) };
    let mut found = Vec::new();
    journal
        .query(&newest, &mut |stored| {
            found.push(stored.sequence);
            true
        })
        .unwrap();
    assert_eq!((journal.latest(), found), (20_000, vec![19_995]));
}

const STATE: &str = r#"{"params":[
    {"address":"/a","value":1.0,"revision":7,"writer":"df56","timestamp":1795423218748742},
    {"address":"/n","value":null,"revision":2},
    {"address":"/m","value":{"k":[1,2]},"revision":1,"writer":null,"timestamp":5}
]}"#;

#[test]
fn a_state_file_in_json_is_read_and_kept() {
    let place = Place::new();
    std::fs::write(place.state(), STATE).unwrap();
    let mut relay = Relay::start(place, &Setup::default()).unwrap();
    assert!(matches!(relay.report.state, Some(StateSource::Reference(_))));
    let params = relay.params();
    let a = &params["/a"];
    assert_eq!((a.revision, &*a.writer, a.timestamp_us), (7, "df56", 1_795_423_218_748_742));
    assert_eq!((&*params["/n"].writer, params["/n"].revision), ("restore", 2));
    assert_eq!(params.len(), 3);
    relay.save();
    let kept = format!("{}.bak", relay.place.state().display());
    assert_eq!(std::fs::read_to_string(kept).unwrap(), STATE);
    let setup = Setup { now: relay.now, ..Setup::default() };
    assert_same(&Relay::start(relay.kill(), &setup).unwrap().params(), &params);
}

#[test]
fn the_newer_of_state_file_and_journal_counts() {
    let place = Place::new();
    std::fs::write(place.state(), STATE).unwrap();
    let rows: [OldRow<'_>; 3] = [
        ("/a", "param", "\"older\"", Some(9), 33, 1_795_423_218_748_741),
        ("/m", "param", "\"newer\"", Some(1), 33, 6),
        ("/j", "param", "5", Some(1), 33, 7),
    ];
    drop(write_reference(&place.journal(), &rows));
    let mut setup = Setup::default();
    setup.config.params.ttl_s = 0;
    let relay = Relay::start(place, &setup).unwrap();
    let params = relay.params();
    assert_eq!(params["/a"].value.to_value(), Value::Float(1.0));
    assert_eq!(params["/m"].value.to_value(), Value::String("newer".into()));
    assert_eq!(params["/j"].value.to_value(), Value::Int(5));
    assert_eq!(params.len(), 4);
}

#[test]
fn what_is_neither_state_file_nor_json_is_refused() {
    for content in ["", "{}", "{\"params\":[{\"value\":1}]}", "text", "{\"params\":[]} x"] {
        let place = Place::new();
        std::fs::write(place.state(), content).unwrap();
        let error = Relay::start(place, &Setup::default()).err().unwrap();
        assert_eq!(error.kind(), clasp_storage::ErrorKind::Damaged, "{content:?}: {error}");
    }
}

#[test]
fn bytes_and_odd_numbers_survive_in_our_own_files() {
    let folder = Folder::new();
    let journal = SqliteJournal::open(&folder.join("j.db"), options()).unwrap();
    let (nan, _) = clasp_protocol::RawValue::parse(0x07, &[0xFF; 8]).unwrap();
    let bytes = clasp_protocol::RawValue::bytes(&[0, 255]).unwrap();
    for value in [nan, bytes] {
        let record = Record::Set { value: value.borrowed(), revision: 1, ttl: None };
        journal.append(&clasp_router::journal::Entry { record, ..support::set("/a", 1) });
        journal.flush().unwrap();
        let pattern = Pattern::parse("/a").unwrap();
        let mut last = None;
        journal
            .query(&Query::of(&pattern), &mut |stored| {
                assert_eq!(stored.entry.record.signal(), SignalType::Param);
                if let Record::Set { value, .. } = &stored.entry.record {
                    last = Some(value.clone().into_owned());
                }
                true
            })
            .unwrap();
        assert_eq!(last, Some(value.into_owned()));
    }
}
