//! Answers of the journal's pages, over a journal in memory and over one that fails.

use axum::body::Body;
use axum::http::{Request, Response};
use clasp_protocol::RawValue;
use clasp_protocol::message::{Publish, SignalType};
use clasp_protocol::{Message, codec};
use clasp_router::journal::{DeleteReason, Entry, MemoryJournal, Record, Scan, Stored, Watcher};
use clasp_router::{Config, Now, Ports};
use http_body_util::BodyExt as _;
use tower_service::Service as _;

use super::*;

const NOW: Now = Now { unix_us: 1_750_000_000_000_000, mono_us: 1_000_000 };

fn relay(journal: Option<Arc<dyn Journal>>) -> Arc<clasp_router::Router> {
    clasp_router::Router::new(Config::default(), Ports { journal, ..Ports::default() }).unwrap()
}

fn append(journal: &MemoryJournal, address: &str, (time, record): (u64, Record<'_>)) {
    journal.append(&Entry { timestamp_us: time, author: "session", address, record });
}

fn set(value: RawValue<'_>, revision: u64) -> Record<'_> {
    Record::Set { value, revision, ttl: None }
}

async fn respond(router: Arc<clasp_router::Router>, path: &str) -> Response<Body> {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    pages(router, || NOW).call(request).await.unwrap()
}

async fn ask(router: &Arc<clasp_router::Router>, path: &str) -> (u16, Json) {
    let response = respond(Arc::clone(router), path).await;
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

fn sequences(entries: &Json) -> Vec<u64> {
    entries.as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect()
}

/// Five entries: two SETs, an event, an expiry, and a SET of bytes.
fn few() -> Arc<clasp_router::Router> {
    let journal = MemoryJournal::new(100, 1 << 20);
    append(&journal, "/a/x/b", (10, set(RawValue::int(1), 1)));
    append(&journal, "/a/y/c", (20, set(RawValue::float(0.5), 7)));
    let mut cue = Publish::new("/cue/go", SignalType::Event);
    cue.value = Some(RawValue::int(2));
    let mut payload = Vec::new();
    codec::encode_payload(&Message::Publish(cue), &mut payload).unwrap();
    let cue = Record::Publish { signal: SignalType::Event, payload: payload.into() };
    append(&journal, "/cue/go", (30, cue));
    let gone = Record::Delete { revision: 1, reason: DeleteReason::Expired };
    append(&journal, "/a/x/b", (40, gone));
    append(&journal, "/A/bytes", (50, set(RawValue::bytes(&[0, 255]).unwrap(), 1)));
    relay(Some(Arc::new(journal)))
}

#[tokio::test]
async fn entries_have_the_members_that_published_clients_read() {
    let router = few();
    let (status, entries) = ask(&router, "/api/journal/query").await;
    assert_eq!((status, sequences(&entries)), (200, vec![1, 2, 3, 5]));
    let first = json!({
        "seq": 1, "timestamp": 10, "author": "session", "by": "session", "address": "/a/x/b",
        "signal_type": "param", "value": 1, "revision": 1, "rev": 1, "msg_type": 33, "op": "set",
    });
    assert_eq!(entries[0], first);
    assert_eq!((&entries[2]["op"], &entries[2]["revision"]), (&json!("publish"), &Json::Null));
    assert_eq!((&entries[2]["msg_type"], &entries[2]["value"]), (&json!(32), &json!(2)));
    assert_eq!(entries[3]["value"], json!({ "$bytes": "AP8=" }));
    assert_eq!(ask(&router, "/api/journal/latest").await, (200, json!({ "seq": 5 })));
}

#[tokio::test]
async fn every_filter_counts_before_the_limit() {
    let router = few();
    let cases: [(&str, &[u64]); 12] = [
        ("query?pattern=/a/*/c&limit=1", &[2]),
        ("query?pattern=%2Fa%2F**", &[1, 2]),
        ("query?pattern=/a/x/b&deletions=true", &[1, 4]),
        ("query?from=20&to=30", &[2, 3]),
        ("query?types=event,stream", &[3]),
        ("query?types=event,nonsense", &[3]),
        ("query?types=nonsense", &[1, 2, 3, 5]),
        ("query?limit=0", &[]),
        ("query?limit=2&unknown=1", &[1, 2]),
        ("since?seq=0&limit=2", &[1, 2]),
        ("since?seq=2", &[3, 5]),
        ("since?seq=99", &[]),
    ];
    for (path, expected) in cases {
        let (status, entries) = ask(&router, &format!("/api/journal/{path}")).await;
        assert_eq!((status, sequences(&entries).as_slice()), (200, expected), "{path}");
    }
}

#[tokio::test]
async fn a_question_that_cannot_be_meant_so_is_refused_with_its_parameter() {
    let router = few();
    let cases = [
        ("since", "seq"),
        ("since?limit=1", "seq"),
        ("since?seq=-1", "seq"),
        ("query?limit=-1", "limit"),
        ("query?limit=many", "limit"),
        ("query?from=1.5", "from"),
        ("query?to=", "to"),
        ("query?deletions=perhaps", "deletions"),
        ("query?pattern=no/slash", "pattern"),
    ];
    for (path, parameter) in cases {
        let (status, answer) = ask(&router, &format!("/api/journal/{path}")).await;
        let reason = answer["error"].as_str().unwrap();
        assert!(status == 400 && reason.starts_with(parameter), "{path}: {status} {reason}");
    }
}

#[tokio::test]
async fn long_answers_come_whole_and_end_at_the_limit() {
    let journal = Arc::new(MemoryJournal::new(20_000, 1 << 30));
    let long = "x".repeat(2_000);
    for number in 0..ENTRIES_MAX as u64 + 500 {
        let value = if number < 1_000 { RawValue::str(&long).unwrap() } else { RawValue::null() };
        append(&journal, &format!("/p/{number}"), (number, set(value, 1)));
    }
    let router = relay(Some(journal));
    for (path, expected) in [
        ("query", ENTRIES_MAX),
        ("query?limit=18446744073709551615", ENTRIES_MAX),
        ("query?limit=700", 700),
        ("since?seq=10400", 100),
    ] {
        let path = format!("/api/journal/{path}");
        let (status, entries) = ask(&router, &path).await;
        let sequences = sequences(&entries);
        assert_eq!((status, sequences.len()), (200, expected), "{path}");
        assert!(sequences.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{path}");
    }
    let response = respond(router, "/api/journal/query?limit=99999").await;
    assert_eq!(response.headers()["clasp-limit"], "10000");
    // Nobody reads on: what was read so far is one page.
    let first = response.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.len() < 1 << 20, "{} bytes at once", first.len());
}

#[tokio::test]
async fn the_snapshot_tells_all_params() {
    let router = relay(Some(Arc::new(MemoryJournal::new(10, 1 << 20))));
    assert_eq!(ask(&router, "/api/journal/snapshot").await, (200, json!([])));
    for number in 1..=200_i64 {
        let param = ParamRecord {
            address: format!("/p/{number}").into(),
            value: RawValue::int(number),
            revision: number.cast_unsigned(),
            writer: "somebody".into(),
            timestamp_us: 9,
            ttl: None,
            expires_us: None,
        };
        router.restore(&param, NOW);
    }
    let (status, params) = ask(&router, "/api/journal/snapshot").await;
    assert_eq!((status, params.as_array().unwrap().len()), (200, 200));
    let seventh = json!({
        "address": "/p/7", "value": 7, "revision": 7, "writer": "somebody", "timestamp": 9
    });
    assert!(params.as_array().unwrap().contains(&seventh));
}

#[tokio::test]
async fn without_a_journal_the_answer_says_how_to_get_one() {
    let router = relay(None);
    for path in ["latest", "query", "since?seq=0", "snapshot"] {
        let (status, answer) = ask(&router, &format!("/api/journal/{path}")).await;
        assert_eq!(status, 501, "{path}");
        assert!(answer["error"].as_str().unwrap().contains("--journal"), "{answer}");
    }
}

/// Shows one full page, then fails; or fails at once.
struct Failing {
    after_pages: u64,
}

impl Journal for Failing {
    fn append_group(&self, _: &[Entry<'_>], _: Now) -> u64 {
        0
    }

    fn query(
        &self,
        query: &Query<'_>,
        visit: &mut dyn FnMut(&Stored<'_>) -> bool,
    ) -> Result<Scan, JournalError> {
        if query.after >= self.after_pages {
            return Err(JournalError::new("j.db: the disk is gone"));
        }
        let record = set(RawValue::null(), 1);
        let entry = Entry { timestamp_us: 1, author: "", address: "/a", record };
        let sequence = query.after + 1;
        visit(&Stored { sequence, group: None, entry });
        Ok(Scan { through: sequence, complete: false })
    }

    fn latest(&self) -> u64 {
        1_000
    }

    fn durable(&self) -> u64 {
        1_000
    }

    fn is_full(&self) -> bool {
        false
    }

    fn health(&self) -> Result<(), JournalError> {
        Ok(())
    }

    fn watch(&self, _: Watcher) {}
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_is_an_error_and_never_half_an_answer() {
    let router = relay(Some(Arc::new(Failing { after_pages: 0 })));
    let (status, answer) = ask(&router, "/api/journal/query").await;
    assert_eq!(status, 500);
    assert_eq!(answer["error"], "journal query failed: j.db: the disk is gone");

    let router = relay(Some(Arc::new(Failing { after_pages: 3 })));
    let response = respond(router, "/api/journal/query").await;
    assert_eq!(response.status(), 200);
    assert!(response.into_body().collect().await.is_err(), "the array is broken off");
}
