//! What every journal has to do, as cases that each run on a new one.

use std::borrow::Cow;

use clasp_protocol::message::{SignalType, Ttl, TypeMask};
use clasp_protocol::{Pattern, RawValue};

use super::{DeleteReason, Entry, Journal, Now, Query, Record, Stored};

const NOW: Now = Now { unix_us: 5, mono_us: 5 };

const AUTHOR: &str = "6f0a7c1e-1f43-4f0c-9d1c-0a7f5f3f0001";

type Case = (&'static str, fn(&dyn Journal));

/// Runs every case on a journal of its own.
pub(crate) fn run<J: Journal>(new: impl Fn() -> J) {
    let cases: [Case; 11] = [
        ("numbers follow commit order", numbers_follow_commit_order),
        ("entries come back as they went in", entries_come_back_as_they_went_in),
        ("groups are told", groups_are_told),
        ("patterns select addresses", patterns_select_addresses),
        ("times are inclusive", times_are_inclusive),
        ("types select", types_select),
        ("deletions come on request only", deletions_come_on_request_only),
        ("pages join without gap or overlap", pages_join_without_gap_or_overlap),
        ("a visitor may stop", a_visitor_may_stop),
        ("newest per address", newest_per_address),
        ("a visitor may append", a_visitor_may_append),
    ];
    for (name, case) in cases {
        let journal = new();
        case(&journal);
        assert_eq!(journal.health(), Ok(()), "after the case: {name}");
    }
}

/// A SET at this time, with the time as revision and value.
pub(crate) fn set(address: &str, timestamp_us: u64) -> Entry<'_> {
    let value = RawValue::int(timestamp_us as i64);
    let record = Record::Set { value, revision: timestamp_us, ttl: None };
    Entry { timestamp_us, author: AUTHOR, address, record }
}

fn publish(address: &str, timestamp_us: u64, signal: SignalType) -> Entry<'_> {
    let payload = Cow::Borrowed(&[0x20, 0x00, 0xFF][..]);
    Entry { timestamp_us, author: AUTHOR, address, record: Record::Publish { signal, payload } }
}

fn delete(address: &str, timestamp_us: u64) -> Entry<'_> {
    let record = Record::Delete { revision: 7, reason: DeleteReason::Expired };
    Entry { timestamp_us, author: AUTHOR, address, record }
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

fn sequences(journal: &dyn Journal, query: &Query<'_>) -> Vec<u64> {
    let mut seen = Vec::new();
    let visit = &mut |stored: &Stored<'_>| {
        seen.push(stored.sequence);
        true
    };
    journal.query(query, visit).unwrap();
    seen
}

fn numbers_follow_commit_order(journal: &dyn Journal) {
    assert_eq!((journal.latest(), journal.durable()), (0, 0));
    assert_eq!(journal.append(&set("/a", 5)), 1);
    assert_eq!(journal.append_group(&[set("/a", 4), set("/b", 3)], NOW), 3);
    assert_eq!(journal.append_group(&[], NOW), 3);
    assert_eq!(journal.latest(), 3);
    assert!(journal.durable() <= 3);
    assert_eq!(sequences(journal, &Query::of(&pattern("/**"))), [1, 2, 3]);
}

fn entries_come_back_as_they_went_in(journal: &dyn Journal) {
    let (nan, _) = RawValue::parse(0x06, &[0x7F, 0xC0, 0x00, 0x01]).unwrap();
    let (bytes, _) = RawValue::parse(0x09, &[0x00, 0x02, 0x00, 0xFF]).unwrap();
    let ttl = Some(Ttl::Absolute(30));
    let entries = [
        Entry { record: Record::Set { value: nan, revision: u64::MAX, ttl }, ..set("/a", 1) },
        Entry { record: Record::Set { value: bytes, revision: 1, ttl: None }, ..set("/é", 2) },
        publish("/a/b", u64::MAX, SignalType::Gesture),
        Entry { author: "", ..delete("/a", 0) },
    ];
    for entry in &entries {
        journal.append(entry);
    }
    let all = pattern("/**");
    let query = Query { deletions: true, ..Query::of(&all) };
    let mut place = 0;
    let visit = &mut |stored: &Stored<'_>| {
        assert_eq!(stored.entry, entries[place]);
        assert_eq!(stored.group, None);
        place += 1;
        true
    };
    journal.query(&query, visit).unwrap();
    assert_eq!(place, entries.len());
}

fn groups_are_told(journal: &dyn Journal) {
    journal.append(&set("/a", 1));
    journal.append_group(&[set("/a", 2), publish("/b", 2, SignalType::Event)], NOW);
    journal.append_group(&[set("/a", 3)], NOW);
    let all = pattern("/**");
    let mut groups = Vec::new();
    let visit = &mut |stored: &Stored<'_>| {
        groups.push(stored.group);
        true
    };
    journal.query(&Query::of(&all), visit).unwrap();
    assert_eq!(groups, [None, Some(2), Some(2), None]);
}

fn patterns_select_addresses(journal: &dyn Journal) {
    for (step, address) in ["/a", "/a/b", "/A/b", "/a/b/c", "/a_b", "/a%"].iter().enumerate() {
        journal.append(&set(address, step as u64));
    }
    let of = |text: &str| sequences(journal, &Query::of(&pattern(text)));
    assert_eq!(of("/a/**"), [1, 2, 4]);
    assert_eq!(of("/a/*"), [2]);
    assert_eq!(of("/a/b"), [2]);
    assert_eq!(of("/a_b"), [5]);
    assert_eq!(of("/a*"), [1, 5, 6]);
    assert_eq!(of("/x"), [0; 0]);
}

fn times_are_inclusive(journal: &dyn Journal) {
    for time in [10, 30, 20, 40] {
        journal.append(&set("/a", time));
    }
    let a = pattern("/a");
    let within = |from_us, to_us| sequences(journal, &Query { from_us, to_us, ..Query::of(&a) });
    assert_eq!(within(Some(20), Some(30)), [2, 3]);
    assert_eq!(within(Some(21), None), [2, 4]);
    assert_eq!(within(None, Some(20)), [1, 3]);
    assert_eq!(within(Some(41), None), [0; 0]);
    assert_eq!(within(Some(u64::MAX), Some(u64::MAX)), [0; 0]);
}

fn types_select(journal: &dyn Journal) {
    journal.append(&set("/a", 1));
    for signal in SignalType::ALL {
        journal.append(&publish("/a", 2, signal));
    }
    let a = pattern("/a");
    let of = |types: &[SignalType]| {
        sequences(journal, &Query { types: TypeMask::of(types), ..Query::of(&a) })
    };
    assert_eq!(of(&[SignalType::Param]), [1, 2]);
    assert_eq!(of(&[SignalType::Event, SignalType::Timeline]), [3, 6]);
    assert_eq!(of(&[]), [1, 2, 3, 4, 5, 6]);
}

fn deletions_come_on_request_only(journal: &dyn Journal) {
    journal.append(&set("/a", 1));
    journal.append(&delete("/a", 2));
    let a = pattern("/a");
    let query = Query::of(&a);
    assert_eq!(sequences(journal, &query), [1]);
    assert_eq!(sequences(journal, &Query { deletions: true, ..query }), [1, 2]);
    let types = TypeMask::of(&[SignalType::Event]);
    assert_eq!(sequences(journal, &Query { deletions: true, types, ..query }), [0; 0]);
}

fn pages_join_without_gap_or_overlap(journal: &dyn Journal) {
    for step in 0..700 {
        journal.append(&set(if step % 2 == 0 { "/a" } else { "/b" }, step));
    }
    for text in ["/a", "/*", "/b*", "/none", "/**/none"] {
        let text = pattern(text);
        let whole = sequences(journal, &Query::of(&text));
        let (mut pages, mut after) = (Vec::new(), 0);
        loop {
            let query = Query { after, limit: 50, ..Query::of(&text) };
            let page = sequences(journal, &query);
            assert!(page.len() <= 50);
            pages.extend(page);
            let scan = journal.query(&query, &mut |_| true).unwrap();
            if scan.complete {
                break;
            }
            assert!(scan.through > after);
            after = scan.through;
        }
        assert_eq!(pages, whole);
    }
    let all = pattern("/**");
    assert_eq!(sequences(journal, &Query { limit: 0, ..Query::of(&all) }), [0; 0]);
    assert_eq!(sequences(journal, &Query { after: u64::MAX, ..Query::of(&all) }), [0; 0]);
}

fn a_visitor_may_stop(journal: &dyn Journal) {
    for step in 0..10 {
        journal.append(&set("/a", step));
    }
    let a = pattern("/a");
    let mut seen = 0;
    let visit = &mut |_: &Stored<'_>| {
        seen += 1;
        seen < 3
    };
    let scan = journal.query(&Query::of(&a), visit).unwrap();
    assert_eq!((seen, scan.through, scan.complete), (3, 3, false));
}

fn newest_per_address(journal: &dyn Journal) {
    for step in 0..600 {
        journal.append(&set(if step % 3 == 0 { "/a" } else { "/b" }, step));
    }
    journal.append(&publish("/a", 600, SignalType::Event));
    let (all, a) = (pattern("/**"), pattern("/a"));
    let newest = |pattern, count, limit| {
        let newest_per_address = Some(count);
        sequences(journal, &Query { newest_per_address, limit, ..Query::of(pattern) })
    };
    assert_eq!(newest(&all, 2, usize::MAX), [598, 599, 600, 601]);
    assert_eq!(newest(&all, 3, 2), [600, 601]);
    assert_eq!(newest(&a, 3, usize::MAX), [595, 598, 601]);
    assert_eq!(newest(&a, 0, usize::MAX), [0; 0]);
    let types = TypeMask::of(&[SignalType::Param]);
    let query = Query { types, newest_per_address: Some(1), ..Query::of(&all) };
    assert_eq!(sequences(journal, &query), [598, 600]);
    assert_eq!(sequences(journal, &Query { after: 599, ..query }), [600]);
}

fn a_visitor_may_append(journal: &dyn Journal) {
    journal.append(&set("/a", 1));
    journal.append(&set("/a", 2));
    let a = pattern("/a");
    let mut seen = 0;
    let visit = &mut |stored: &Stored<'_>| {
        seen += 1;
        journal.append(&set("/a", stored.entry.timestamp_us + 10));
        seen < 100
    };
    let scan = journal.query(&Query::of(&a), visit).unwrap();
    assert_eq!((seen, scan.through, scan.complete), (2, 2, true));
    assert_eq!(journal.latest(), 4);
}
